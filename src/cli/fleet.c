/* SPDX-License-Identifier: MIT */
/* fleet.c - the schema of a fleet file as a table: each key, the form of its value, and the
 * function that reads it. Rules about several keys or several nodes are checked when all of them
 * were read. */
#include "cli/fleet.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "cli/duration.h"
#include "cli/fleet_order.h"
#include "cli/limits.h"
#include "cli/names.h"
#include "cli/sketches.h"
#include "cli/suggest.h"
#include "cli/words.h"
#include "wire/origin.h"
#include "wire/uri.h"
#include "worker/options.h"

enum { PORT_MAX = 65535 };

struct parser {
    struct fleet *fleet;
    struct yaml_problem *problem;
};

struct field {
    const char *key;
    int (*read)(struct parser *p, struct fleet_node *n, const struct yaml_item *value);
};

/* "; did you mean 'x'?" or "; known are a, b, c". */
static const char *hint(const char *word, const char *const *known, size_t count, char *buf,
                        size_t size) {
    const char *near = suggest_nearest(word, known, count);
    size_t used = 0;
    buf[0] = '\0';
    if (near != NULL) {
        snprintf(buf, size, "; did you mean '%s'?", near);
        return buf;
    }
    for (size_t i = 0; i < count && used < size; i++)
        used += (size_t)snprintf(buf + used, size - used, "%s%s",
                                 i == 0 ? "; known are " : ", ", known[i]);
    return buf;
}

static int want(struct parser *p, const struct yaml_item *value, enum yaml_kind kind,
                const char *example) {
    if (value->kind == kind)
        return 0;
    return yaml_refuse(p->problem, value->place, "%s%s%swants %s%s, not %s",
                       value->key ? "'" : "", value->key ? value->key : "",
                       value->key ? "' " : "this ", yaml_kind_name(kind), example,
                       yaml_kind_name(value->kind));
}

static bool is_name(const char *text) {
    size_t len = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_-");
    return len > 0 && len <= LIMIT_NAME_BYTES && text[len] == '\0';
}

static int want_name(struct parser *p, struct yaml_place place, const char *text) {
    if (is_name(text))
        return 0;
    return yaml_refuse(p->problem, place,
                       "'%.80s' is no name: 1 to %d of a-z, 0-9, '_' and '-'", text,
                       LIMIT_NAME_BYTES);
}

/* ---- values of a node's keys ---------------------------------------------------------------- */

static int take_kind(struct parser *p, struct fleet_node *n, const struct yaml_item *value,
                     enum fleet_kind kind) {
    WEIR_CHECK(kind != FLEET_UNKNOWN);
    if (n->kind != FLEET_UNKNOWN)
        return yaml_refuse(p->problem, value->key_place,
                           "a node has one of worker, source and command: this is the second");
    n->kind = kind;
    return 0;
}

static int read_sketch(struct parser *p, struct fleet_node *n, const struct yaml_item *value,
                       enum fleet_kind kind) {
    int rc = want(p, value, YAML_TEXT, "");
    if (rc == 0)
        rc = take_kind(p, n, value, kind);
    if (rc < 0)
        return rc;
    n->what = value->text;
    n->what_place = value->place;
    if (strchr(n->what, '/') != NULL)
        return 0;
    const char *names[SKETCHES_MAX];
    size_t count = sketches_names(kind == FLEET_SOURCE, names);
    const struct sketch *s = sketches_find(n->what);
    if (s != NULL && s->is_source == (kind == FLEET_SOURCE))
        return 0;
    if (s != NULL)
        return yaml_refuse(p->problem, value->place, "'%s' is a %s: write '%s: %s'", n->what,
                           s->is_source ? "source" : "worker",
                           s->is_source ? "source" : "worker", n->what);
    char buf[200];
    return yaml_refuse(p->problem, value->place, "no %s '%.80s'%s (a path has a slash: ./mine)",
                       value->key, n->what, hint(n->what, names, count, buf, sizeof buf));
}

static int read_worker(struct parser *p, struct fleet_node *n, const struct yaml_item *value) {
    return read_sketch(p, n, value, FLEET_WORKER);
}

static int read_source(struct parser *p, struct fleet_node *n, const struct yaml_item *value) {
    return read_sketch(p, n, value, FLEET_SOURCE);
}

static int read_command_list(struct parser *p, struct fleet_node *n,
                             const struct yaml_item *value) {
    if (value->count > LIMIT_WORDS)
        return yaml_refuse(p->problem, value->place, "'command': too many words");
    size_t i = 0;
    n->command = arena_take(&p->fleet->memory, (value->count + 1) * sizeof *n->command);
    if (n->command == NULL)
        return -ENOMEM;
    for (const struct yaml_item *word = value->first; word != NULL; word = word->next) {
        int rc = want(p, word, YAML_TEXT, "");
        if (rc < 0)
            return rc;
        n->command[i] = arena_text(&p->fleet->memory, word->text, strlen(word->text));
        if (n->command[i++] == NULL)
            return -ENOMEM;
    }
    WEIR_CHECK(i == value->count);
    return 0;
}

static int read_command(struct parser *p, struct fleet_node *n, const struct yaml_item *value) {
    const char *why = "";
    int rc = take_kind(p, n, value, FLEET_COMMAND);
    if (rc == 0 && value->kind == YAML_MAP)
        rc = want(p, value, YAML_TEXT, " or a list");
    if (rc == 0 && value->kind == YAML_LIST)
        rc = read_command_list(p, n, value);
    if (rc == 0 && value->kind == YAML_TEXT)
        rc = words_split(&p->fleet->memory, value->text, &n->command, &why);
    if (rc == WEIR_ECONFIG && *why != '\0')
        return yaml_refuse(p->problem, value->place, "'command': %s", why);
    if (rc >= 0 && (n->command[0] == NULL || n->command[0][0] == '\0'))
        return yaml_refuse(p->problem, value->place, "'command' is empty");
    return rc < 0 ? rc : 0;
}

static int read_port(struct parser *p, struct fleet_node *n, const struct yaml_item *value) {
    int rc = want(p, value, YAML_TEXT, "");
    if (rc < 0)
        return rc;
    long port = 0;
    size_t digits = strspn(value->text, "0123456789");
    for (size_t i = 0; i < digits && port <= PORT_MAX; i++)
        port = port * 10 + (value->text[i] - '0');
    if (digits == 0 || value->text[digits] != '\0' || port < 1 || port > PORT_MAX)
        return yaml_refuse(p->problem, value->place,
                           "'port' wants a number from 1 to %d, not '%.80s'", PORT_MAX,
                           value->text);
    n->port = (int)port;
    n->port_place = value->place;
    return 0;
}

/* The node and the grid of the other nodes will read the host as part of a URL: so the reader of
 * URLs decides here whether it is one. */
static int read_host(struct parser *p, struct fleet_node *n, const struct yaml_item *value) {
    int rc = want(p, value, YAML_TEXT, "");
    if (rc < 0)
        return rc;
    size_t len = strlen(value->text);
    if (len == 0)
        return yaml_refuse(p->problem, value->place, "'host' is empty");
    const char *bare = weir__uri_host_bare(value->text, &len);
    const char *why = strcmp(value->text, "*") == 0 ? NULL : weir__uri_host_refused(bare, len);
    if (why != NULL)
        return yaml_refuse(p->problem, value->place, "'%.80s' is no host: %s", value->text, why);
    n->host = arena_text(&p->fleet->memory, bare, len);
    return n->host ? 0 : -ENOMEM;
}

/* A limit of the library, for workers only: checked when the node's kind is known. */
static int read_connections_max(struct parser *p, struct fleet_node *n,
                                const struct yaml_item *value) {
    int rc = want(p, value, YAML_TEXT, "");
    if (rc == 0 && !weir__connections_parse(value->text, &n->connections_max))
        rc = yaml_refuse(p->problem, value->place,
                         "'connections_max' wants a number from 1 to %d, not '%.80s'",
                         WEIR__CONNECTIONS_MAX, value->text);
    return rc;
}

/* A text or a list of texts. */
static int read_origins(struct parser *p, struct fleet_node *n, const struct yaml_item *value) {
    bool is_list = value->kind == YAML_LIST;
    int rc = is_list ? 0 : want(p, value, YAML_TEXT, " or a list");
    if (rc == 0 && is_list && value->count > WEIR__ORIGINS_MAX)
        rc = yaml_refuse(p->problem, value->place, "more than %d origins", WEIR__ORIGINS_MAX);
    if (rc < 0)
        return rc;
    n->origins = arena_take(&p->fleet->memory, WEIR__ORIGINS_MAX * sizeof *n->origins);
    if (n->origins == NULL)
        return -ENOMEM;
    for (const struct yaml_item *i = is_list ? value->first : value; i != NULL;
         i = is_list ? i->next : NULL) {
        if ((rc = want(p, i, YAML_TEXT, "")) < 0)
            return rc;
        const char *why = weir__origin_refused(i->text);
        if (why != NULL)
            return yaml_refuse(p->problem, i->place, "'%.80s' is no origin: %s", i->text, why);
        n->origins[n->origins_count++] = i->text;
    }
    return 0;
}

static int read_grace(struct parser *p, struct fleet_node *n, const struct yaml_item *value) {
    int rc = want(p, value, YAML_TEXT, "");
    if (rc == 0 && !duration_parse(value->text, &n->grace_ns))
        rc = yaml_refuse(p->problem, value->place,
                         "'grace' wants a duration such as 500ms, 5s or 2m, not '%.80s'",
                         value->text);
    return rc;
}

static int read_restart(struct parser *p, struct fleet_node *n, const struct yaml_item *value) {
    (void)n;
    int rc = want(p, value, YAML_TEXT, "");
    if (rc < 0 || strcmp(value->text, "never") == 0)
        return rc;
    if (strcmp(value->text, "on-failure") == 0 || strcmp(value->text, "always") == 0)
        return yaml_refuse(p->problem, value->place,
                           "restart '%s' comes later: only 'never' works now", value->text);
    return yaml_refuse(p->problem, value->place, "'restart' wants 'never', not '%.80s'",
                       value->text);
}

static int read_ready(struct parser *p, struct fleet_node *n, const struct yaml_item *value) {
    static const char *const known[] = {"notify", "tcp"};
    char buf[100];
    int rc = want(p, value, YAML_TEXT, "");
    if (rc < 0)
        return rc;
    if (strcmp(value->text, "notify") == 0)
        n->ready = FLEET_READY_NOTIFY;
    else if (strcmp(value->text, "tcp") == 0)
        n->ready = FLEET_READY_TCP;
    else
        return yaml_refuse(p->problem, value->place, "unknown way to be ready '%.80s'%s",
                           value->text, hint(value->text, known, 2, buf, sizeof buf));
    return 0;
}

static int read_pairs(struct parser *p, const struct yaml_item *map, struct fleet_pairs *ret) {
    WEIR_CHECK(ret->list == NULL && ret->count == 0);
    ret->list = arena_take(&p->fleet->memory, (map->count + 1) * sizeof *ret->list);
    if (ret->list == NULL)
        return -ENOMEM;
    for (const struct yaml_item *item = map->first; item != NULL; item = item->next) {
        int rc = want(p, item, YAML_TEXT, "");
        if (rc < 0)
            return rc;
        if (item->key[0] == '\0' || strchr(item->key, '=') != NULL)
            return yaml_refuse(p->problem, item->key_place, "'%.80s' is no name", item->key);
        WEIR_CHECK(ret->count < map->count);
        ret->list[ret->count++] = (struct fleet_pair){item->key, item->text};
    }
    return 0;
}

static int read_with(struct parser *p, struct fleet_node *n, const struct yaml_item *value) {
    int rc = want(p, value, YAML_MAP, " of parameters");
    if (rc == 0 && value->count > WEIR__PARAMS_MAX)
        rc = yaml_refuse(p->problem, value->place, "more than %d parameters", WEIR__PARAMS_MAX);
    return rc < 0 ? rc : read_pairs(p, value, &n->with);
}

/* One entry of a list of variables. */
static int read_variable(struct parser *p, struct fleet_pairs *e, const struct yaml_item *item,
                         struct names *seen) {
    int rc = want(p, item, YAML_TEXT, "");
    if (rc < 0)
        return rc;
    const char *equals = strchr(item->text, '=');
    if (equals == NULL || equals == item->text)
        return yaml_refuse(p->problem, item->place, "'%.80s' is not NAME=VALUE", item->text);
    size_t len = (size_t)(equals - item->text);
    size_t twin = names_put(seen, item->text, len, (size_t)item->place.line);
    if (twin != NAMES_NONE)
        return yaml_refuse(p->problem, item->place, "'%.*s' is here twice: first on line %zu",
                           (int)(len < 80 ? len : 80), item->text, twin);
    const char *name = arena_text(&p->fleet->memory, item->text, len);
    if (name == NULL)
        return -ENOMEM;
    e->list[e->count++] = (struct fleet_pair){name, equals + 1};
    return 0;
}

/* A map, or a list of NAME=VALUE as in compose. */
static int read_environment(struct parser *p, struct fleet_node *n,
                            const struct yaml_item *value) {
    if (value->kind != YAML_LIST) {
        int rc = want(p, value, YAML_MAP, " of variables");
        return rc < 0 ? rc : read_pairs(p, value, &n->environment);
    }
    struct names seen;
    n->environment.list =
        arena_take(&p->fleet->memory, (value->count + 1) * sizeof *n->environment.list);
    if (n->environment.list == NULL || names_init(&seen, &p->fleet->memory, value->count) < 0)
        return -ENOMEM;
    int rc = 0;
    for (const struct yaml_item *i = value->first; rc == 0 && i != NULL; i = i->next)
        rc = read_variable(p, &n->environment, i, &seen);
    WEIR_CHECK(n->environment.count <= value->count);
    return rc;
}

/* link_node turns the names into indices when all nodes are known. */
static int read_depends_on(struct parser *p, struct fleet_node *n,
                           const struct yaml_item *value) {
    (void)n;
    int rc = want(p, value, YAML_LIST, " of nodes");
    for (const struct yaml_item *i = value->first; rc == 0 && i != NULL; i = i->next)
        rc = want(p, i, YAML_TEXT, "");
    return rc;
}

static const struct field fields[] = {
    {"worker", read_worker},   {"source", read_source},   {"command", read_command},
    {"port", read_port},       {"host", read_host},       {"with", read_with},
    {"depends_on", read_depends_on}, {"restart", read_restart},
    {"environment", read_environment}, {"grace", read_grace}, {"ready", read_ready},
    {"connections_max", read_connections_max}, {"origins", read_origins},
};

enum { FIELDS = sizeof fields / sizeof fields[0] };

/* ---- a node, and what its keys mean together ------------------------------------------------- */

static int refuse_key(struct parser *p, const struct yaml_item *item, const char *const *known,
                      size_t count) {
    char buf[300];
    return yaml_refuse(p->problem, item->key_place, "unknown key '%.80s'%s", item->key,
                       hint(item->key, known, count, buf, sizeof buf));
}

static int read_node_keys(struct parser *p, struct fleet_node *n) {
    const char *known[FIELDS];
    for (size_t i = 0; i < FIELDS; i++)
        known[i] = fields[i].key;
    for (const struct yaml_item *item = n->source->first; item != NULL; item = item->next) {
        size_t i = 0;
        while (i < FIELDS && strcmp(item->key, fields[i].key) != 0)
            i++;
        int rc = i == FIELDS ? refuse_key(p, item, known, FIELDS) : fields[i].read(p, n, item);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int check_with(struct parser *p, const struct fleet_node *n) {
    const struct yaml_item *with = yaml_child(n->source, "with");
    if (with == NULL)
        return 0;
    if (n->kind == FLEET_COMMAND)
        return yaml_refuse(p->problem, with->key_place,
                           "'with' is for workers and sources: a command has its words");
    WEIR_CHECK(n->what != NULL);
    const struct sketch *s = sketches_find(n->what);
    for (const struct yaml_item *i = with->first; s != NULL && i != NULL; i = i->next)
        if (!sketches_takes(s, i->key))
            return refuse_key(p, i, s->parameters, s->parameter_count);
    return 0;
}

static int check_ready(struct parser *p, struct fleet_node *n) {
    const struct yaml_item *ready = yaml_child(n->source, "ready");
    if (n->ready == FLEET_READY_DEFAULT)
        n->ready = n->kind != FLEET_COMMAND ? FLEET_READY_NOTIFY
                   : n->port != 0           ? FLEET_READY_TCP
                                            : FLEET_READY_START;
    else if (n->ready == FLEET_READY_TCP && n->port == 0)
        return yaml_refuse(p->problem, ready->place, "'ready: tcp' wants a port");
    WEIR_CHECK(n->ready != FLEET_READY_DEFAULT);
    return 0;
}

static int check_node(struct parser *p, struct fleet_node *n) {
    const struct yaml_item *port = yaml_child(n->source, "port");
    const struct yaml_item *host = yaml_child(n->source, "host");
    if (n->kind == FLEET_UNKNOWN)
        return yaml_refuse(p->problem, n->place,
                           "node '%s' wants one of worker, source and command", n->name);
    if (n->kind == FLEET_WORKER && port == NULL)
        return yaml_refuse(p->problem, n->place, "node '%s' is a worker: it wants a port",
                           n->name);
    if (n->kind == FLEET_SOURCE && port != NULL)
        return yaml_refuse(p->problem, port->key_place,
                           "node '%s' is a source: it does not listen", n->name);
    if (port == NULL && host != NULL)
        return yaml_refuse(p->problem, host->key_place, "'host' means nothing without a port");
    const struct yaml_item *most = yaml_child(n->source, "connections_max");
    if (most != NULL && n->kind != FLEET_WORKER)
        return yaml_refuse(p->problem, most->key_place, "'connections_max' is for workers");
    const struct yaml_item *origins = yaml_child(n->source, "origins");
    if (origins != NULL && n->kind != FLEET_WORKER)
        return yaml_refuse(p->problem, origins->key_place, "'origins' is for workers");
    int rc = check_with(p, n);
    return rc < 0 ? rc : check_ready(p, n);
}

static int read_node(struct parser *p, struct fleet_node *n, const struct yaml_item *item) {
    WEIR_CHECK(item->key != NULL);
    *n = (struct fleet_node){.name = item->key,
                             .place = item->key_place,
                             .host = "localhost",
                             .grace_ns = LIMIT_GRACE_DEFAULT,
                             .source = item};
    int rc = want_name(p, item->key_place, item->key);
    if (rc == 0)
        rc = want(p, item, YAML_MAP, "");
    if (rc == 0)
        rc = read_node_keys(p, n);
    return rc < 0 ? rc : check_node(p, n);
}

/* ---- the fleet ------------------------------------------------------------------------------- */

/* The known names for an error text: all nodes but this one, which cannot depend on itself. */
static int refuse_node(struct parser *p, const struct fleet_node *n,
                       const struct yaml_item *item) {
    const struct fleet *f = p->fleet;
    const char *known[LIMIT_NODES];
    char buf[300];
    size_t count = 0;
    for (size_t i = 0; i < f->count; i++)
        if (&f->nodes[i] != n)
            known[count++] = f->nodes[i].name;
    return yaml_refuse(p->problem, item->place, "unknown node '%.80s'%s", item->text,
                       hint(item->text, known, count, buf, sizeof buf));
}

/* stamp: for each node, 1 + the index of the last node that was found to depend on it; 0: none. */
static int link_node(struct parser *p, struct fleet_node *n, const struct names *nodes,
                     size_t *stamp) {
    const struct yaml_item *list = yaml_child(n->source, "depends_on");
    if (list == NULL)
        return 0;
    const struct fleet *f = p->fleet;
    n->depends_on = arena_take(&p->fleet->memory, (list->count + 1) * sizeof *n->depends_on);
    if (n->depends_on == NULL)
        return -ENOMEM;
    for (const struct yaml_item *i = list->first; i != NULL; i = i->next) {
        size_t index = names_find(nodes, i->text, strlen(i->text));
        size_t mark = (size_t)(n - f->nodes) + 1;
        if (index == NAMES_NONE)
            return refuse_node(p, n, i);
        if (stamp[index] == mark)
            return yaml_refuse(p->problem, i->place, "'%s' is here twice", i->text);
        WEIR_CHECK(index < f->count && n->depends_on_count < list->count);
        stamp[index] = mark;
        n->depends_on[n->depends_on_count++] = index;
    }
    return 0;
}

static int link_nodes(struct parser *p) {
    struct fleet *f = p->fleet;
    struct names nodes;
    size_t stamp[LIMIT_NODES] = {0};
    WEIR_CHECK(f->count <= LIMIT_NODES);
    int rc = names_init(&nodes, &f->memory, f->count);
    for (size_t i = 0; rc == 0 && i < f->count; i++) {
        size_t twin = names_put(&nodes, f->nodes[i].name, strlen(f->nodes[i].name), i);
        WEIR_CHECK(twin == NAMES_NONE); /* yaml.c refuses a key that comes twice */
    }
    for (size_t i = 0; rc == 0 && i < f->count; i++)
        rc = link_node(p, &f->nodes[i], &nodes, stamp);
    return rc;
}

static int check_ports(struct parser *p) {
    const struct fleet *f = p->fleet;
    struct names taken;
    int rc = names_init(&taken, &p->fleet->memory, f->count);
    for (size_t i = 0; rc == 0 && i < f->count; i++) {
        const struct fleet_node *n = &f->nodes[i];
        if (n->port == 0)
            continue;
        size_t twin = names_put(&taken, (const char *)&n->port, sizeof n->port, i);
        if (twin != NAMES_NONE)
            rc = yaml_refuse(p->problem, n->port_place,
                             "port %d is taken: node '%s' has it on line %d", n->port,
                             f->nodes[twin].name, f->nodes[twin].port_place.line);
    }
    return rc;
}

static int read_nodes(struct parser *p, const struct yaml_item *nodes) {
    struct fleet *f = p->fleet;
    int rc = want(p, nodes, YAML_MAP, " of nodes");
    if (rc < 0)
        return rc;
    if (nodes->count == 0)
        return yaml_refuse(p->problem, nodes->place, "'nodes' is empty");
    if (nodes->count > LIMIT_NODES)
        return yaml_refuse(p->problem, nodes->place, "more than %d nodes", LIMIT_NODES);
    f->nodes = arena_take(&f->memory, nodes->count * sizeof *f->nodes);
    if (f->nodes == NULL)
        return -ENOMEM;
    for (const struct yaml_item *i = nodes->first; rc == 0 && i != NULL; i = i->next)
        rc = read_node(p, &f->nodes[f->count++], i);
    WEIR_CHECK(rc < 0 || f->count == nodes->count);
    if (rc == 0)
        rc = link_nodes(p);
    if (rc == 0)
        rc = check_ports(p);
    return rc < 0 ? rc : fleet_order(f, p->problem);
}

static int read_fleet(struct parser *p, const struct yaml_item *root) {
    static const char *const known[] = {"fleet", "nodes"};
    int rc = want(p, root, YAML_MAP, "");
    if (rc < 0)
        return rc;
    for (const struct yaml_item *i = root->first; i != NULL; i = i->next)
        if (strcmp(i->key, known[0]) != 0 && strcmp(i->key, known[1]) != 0)
            return refuse_key(p, i, known, 2);
    const struct yaml_item *name = yaml_child(root, "fleet"), *nodes = yaml_child(root, "nodes");
    if (name == NULL || nodes == NULL)
        return yaml_refuse(p->problem, root->place, "key '%s' is missing",
                           name == NULL ? "fleet" : "nodes");
    rc = want(p, name, YAML_TEXT, "");
    if (rc == 0)
        rc = want_name(p, name->place, name->text);
    p->fleet->name = name->text;
    return rc < 0 ? rc : read_nodes(p, nodes);
}

int fleet_parse(const char *bytes, size_t len, struct fleet *ret_fleet,
                struct yaml_problem *ret_problem) {
    *ret_fleet = (struct fleet){.nodes = NULL};
    struct parser p = {ret_fleet, ret_problem};
    struct yaml_item *root = NULL;
    int rc = yaml_read(&ret_fleet->memory, bytes, len, &root, ret_problem);
    if (rc == 0)
        rc = read_fleet(&p, root);
    if (rc < 0)
        fleet_fini(ret_fleet);
    WEIR_CHECK((rc == 0) == (ret_fleet->nodes != NULL));
    return rc;
}

void fleet_fini(struct fleet *f) {
    arena_fini(&f->memory);
    *f = (struct fleet){.nodes = NULL};
}
