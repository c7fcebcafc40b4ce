/* SPDX-License-Identifier: MIT */
/* grid.c - the table, and the reading of NAME=HOST:PORT. */
#include "mesh/grid.h"

#include <string.h>

#include "base/alloc.h"
#include "base/list.h"
#include "task/task.h"
#include "wire/uri.h"

static const struct weir__node circuit[] = {
    {.name = "clock", .host = "localhost"},
    {.name = "blink", .alias = "iopin", .host = "localhost", .port = 8765},
    {.name = "buzzer", .host = "localhost", .port = 8766},
};

static int grid_next(struct weir__provider *p, struct weir__node_change *ret_change) {
    struct weir__grid *g = WEIR_CONTAINER(p, struct weir__grid, provider);
    if (g->told == g->count)
        return 0;
    *ret_change = (struct weir__node_change){WEIR__NODE_JOINED, g->nodes[g->told++]};
    return 1;
}

void weir__grid_init_empty(struct weir__grid *g) {
    *g = (struct weir__grid){.provider = {.name = "grid", .next = grid_next}};
}

int weir__grid_init(struct weir__grid *g) {
    weir__grid_init_empty(g);
    g->nodes = weir__alloc(sizeof circuit);
    if (g->nodes == NULL)
        return weir__fail(-ENOMEM, "grid", NULL);
    memcpy(g->nodes, circuit, sizeof circuit);
    g->count = sizeof circuit / sizeof circuit[0];
    return 0;
}

void weir__grid_fini(struct weir__grid *g) {
    weir__free(g->nodes);
    *g = (struct weir__grid){.nodes = NULL};
}

bool weir__node_is(const struct weir__node *n, const char *name) {
    return strcmp(n->name, name) == 0 || (n->alias[0] != '\0' && strcmp(n->alias, name) == 0);
}

/* ---- NAME=HOST:PORT ---- */

/* What a name may hold: it stands in commands, lists and URLs. */
static bool name_fits(const char *name, size_t len) {
    for (size_t i = 0; i < len; i++) {
        char c = name[i];
        bool fits = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')
                    || c == '-' || c == '_' || c == '.';
        if (!fits)
            return false;
    }
    return len > 0 && len <= WEIR__NODE_NAME_MAX;
}

/* What is wrong with an endpoint, for people who know HOST:PORT from elsewhere. */
static const char *why_not_endpoint(const char *endpoint, size_t len, const char *why) {
    const char *colon = memchr(endpoint, ':', len);
    if (memchr(endpoint, ';', len) != NULL)
        return "nodes are separated by ','";
    if (colon == NULL)
        return "it has no port";
    size_t rest = len - (size_t)(colon + 1 - endpoint);
    bool is_bare = endpoint[0] != '[' && memchr(colon + 1, ':', rest) != NULL;
    return is_bare ? "write an IPv6 address in brackets: [::1]:7000" : why;
}

static const char *parse(const char *text, size_t len, struct weir__node *ret_node) {
    const char *equals = memchr(text, '=', len);
    if (equals == NULL)
        return "it has no '='";
    size_t name_len = (size_t)(equals - text);
    if (text[0] == ' ')
        return "a blank stands before the name";
    if (!name_fits(text, name_len))
        return "a name is 1 to 63 letters, digits, '-', '_' or '.'";
    const char *endpoint = equals + 1;
    struct weir__uri uri;
    size_t endpoint_len = len - name_len - 1;
    if (weir__uri_parse_authority(&uri, endpoint, endpoint_len) < 0)
        return why_not_endpoint(endpoint, endpoint_len, uri.why);
    if (uri.port == 0)
        return why_not_endpoint(endpoint, endpoint_len, "a port is 1 to 65535");
    if (uri.host.len > WEIR__NODE_HOST_MAX)
        return "the host is too long";
    *ret_node = (struct weir__node){.port = uri.port};
    memcpy(ret_node->name, text, name_len);
    memcpy(ret_node->host, endpoint + uri.host.offset, uri.host.len);
    return NULL;
}

/* Is there an entry for name among these? */
static bool names(const char *entries, size_t len, const char *name) {
    size_t name_len = strlen(name);
    for (const char *at = entries, *end = entries + len; at < end; at += strcspn(at, ",") + 1)
        if (strncmp(at, name, name_len) == 0 && at[name_len] == '=')
            return true;
    return false;
}

static void move(struct weir__node *to, const struct weir__node *n) {
    memcpy(to->host, n->host, sizeof n->host);
    to->port = n->port;
}

static int append(struct weir__grid *g, const struct weir__node *n) {
    if (g->count == WEIR__NODES_MAX)
        return weir__failf(WEIR_ETOOBIG, "grid", n->name, "a grid has at most %d nodes",
                           WEIR__NODES_MAX);
    struct weir__node *more = weir__realloc(g->nodes, (g->count + 1) * sizeof *more);
    if (more == NULL)
        return weir__fail(-ENOMEM, "grid", n->name);
    g->nodes = more;
    more[g->count++] = *n;
    return 0;
}

/* The two names of node i become two nodes, of which n moves one. */
static int split(struct weir__grid *g, size_t i, const struct weir__node *n) {
    struct weir__node second = g->nodes[i];
    memcpy(second.name, second.alias, sizeof second.name);
    second.alias[0] = '\0';
    bool is_second = strcmp(second.name, n->name) == 0;
    if (is_second)
        move(&second, n);
    int rc = append(g, &second);
    if (rc < 0)
        return rc;
    g->nodes[i].alias[0] = '\0';
    if (!is_second)
        move(&g->nodes[i], n);
    return 0;
}

/* entries: those of the same text that stand before n's. */
static int put(struct weir__grid *g, const struct weir__node *n, const char *entries, size_t len) {
    size_t i = 0;
    while (i < g->count && !weir__node_is(&g->nodes[i], n->name))
        i++;
    if (i == g->count)
        return append(g, n);
    struct weir__node *known = &g->nodes[i];
    const char *other = strcmp(known->name, n->name) == 0 ? known->alias : known->name;
    bool is_moved = known->port != n->port || strcmp(known->host, n->host) != 0;
    if (is_moved && other[0] != '\0' && names(entries, len, other))
        return split(g, i, n);
    move(known, n);
    return 0;
}

int weir__grid_add(struct weir__grid *g, const char *text) {
    const char *begin = text;
    while (*text != '\0') {
        struct weir__node n;
        size_t len = strcspn(text, ",");
        const char *why = len > 0 ? parse(text, len, &n) : NULL;
        if (why != NULL)
            return weir__failf(WEIR_EPARAM, "grid", NULL, "'%.*s' is not NAME=HOST:PORT: %s",
                               (int)(len < 64 ? len : 64), text, why);
        int rc = len > 0 ? put(g, &n, begin, (size_t)(text - begin)) : 0;
        if (rc < 0)
            return rc;
        text += len + (text[len] == ',');
    }
    return 0;
}
