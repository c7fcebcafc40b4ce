/* SPDX-License-Identifier: MIT */
/* plan.c - nodes to command lines. A worker's are the flags that every worker has: --host,
 * --port, and --with for each of its parameters. */
#include "cli/plan.h"

#include <string.h>

#include "base/check.h"
#include "base/escape.h"
#include "cli/duration.h"
#include "cli/limits.h"
#include "cli/sketches.h"
#include "wire/uri.h"
#include "worker/program.h"

struct words {
    char **list;
    size_t count, size;
};

/* Append a copy of word. If word is NULL (no memory) or the list is full, the whole list becomes
 * NULL. */
static void add(struct arena *a, struct words *w, const char *word) {
    char *copy = word ? arena_text(a, word, strlen(word)) : NULL;
    WEIR_CHECK(w->count + 1 < w->size);
    if (copy == NULL || w->list == NULL)
        w->list = NULL;
    else
        w->list[w->count++] = copy;
}

static void add_origin(struct arena *a, struct words *w, const char *origin) {
    add(a, w, "--origin");
    add(a, w, origin);
}

static struct words words_of(struct arena *a, size_t size) {
    return (struct words){arena_take(a, (size + 1) * sizeof(char *)), 0, size + 1};
}

static bool ends_with(const char *text, const char *end) {
    size_t len = strlen(text), end_len = strlen(end);
    return len > end_len && strcmp(text + len - end_len, end) == 0;
}

static bool is_path(const struct fleet_node *n) {
    return strchr(n->what, '/') != NULL;
}

static int make_words(struct arena *a, const struct fleet_node *n, struct launch *l,
                      const struct plan_options *options) {
    /* weir run PATH --host HOST --port PORT --insecure --connections-max N, and --origin ORIGIN for
     * as many as the file and the command line may each have */
    enum { FIXED = 10 + 2 * 2 * WEIR__ORIGINS_MAX };
    WEIR_CHECK(n->what != NULL && n->kind != FLEET_COMMAND);
    const char *self = options->self ? options->self : "weir";
    struct words w = words_of(a, FIXED + 2 * n->with.count);
    bool loaded = is_path(n) && ends_with(n->what, ".so");
    l->program = is_path(n) && !loaded ? n->what : self;
    add(a, &w, is_path(n) && !loaded ? n->what : "weir");
    if (loaded)
        add(a, &w, "run");
    if (loaded || !is_path(n))
        add(a, &w, n->what);
    if (n->port != 0) {
        add(a, &w, "--host");
        add(a, &w, n->host);
        add(a, &w, "--port");
        add(a, &w, arena_format(a, "%d", n->port));
        if (options->insecure)
            add(a, &w, "--insecure");
    }
    if (n->connections_max != 0) {
        add(a, &w, "--connections-max");
        add(a, &w, arena_format(a, "%d", n->connections_max));
    }
    for (size_t i = 0; i < n->origins_count; i++)
        add_origin(a, &w, n->origins[i]);
    for (const char *const *o = n->kind == FLEET_WORKER ? options->origins : NULL;
         o != NULL && *o != NULL; o++)
        add_origin(a, &w, *o);
    for (size_t i = 0; i < n->with.count; i++) {
        add(a, &w, "--with");
        add(a, &w, arena_format(a, "%s=%s", n->with.list[i].name, n->with.list[i].value));
    }
    l->argv = w.list;
    return w.list ? 0 : -ENOMEM;
}

static int make_environment(struct plan *p, const struct fleet_node *n, struct launch *l,
                            const char *backend) {
    const struct fleet_pairs *e = &n->environment;
    struct words w = words_of(&p->memory, e->count + 2);
    add(&p->memory, &w, p->grid);
    if (backend != NULL)
        add(&p->memory, &w, arena_format(&p->memory, "WEIR_BACKEND=%s", backend));
    for (size_t i = 0; i < e->count; i++) /* last, so that the file outranks all others */
        add(&p->memory, &w,
            arena_format(&p->memory, "%s=%s", e->list[i].name, e->list[i].value));
    l->environment = w.list;
    return w.list ? 0 : -ENOMEM;
}

static bool has_node(const struct fleet *f, const char *name) {
    for (size_t i = 0; i < f->count; i++)
        if (strcmp(f->nodes[i].name, name) == 0)
            return true;
    return false;
}

/* Where others reach what listens there: all addresses are reached on this machine's own. */
static const char *reached_at(const char *host) {
    bool everywhere = strcmp(host, "*") == 0 || strcmp(host, "0.0.0.0") == 0 ||
                      strcmp(host, "::") == 0;
    return everywhere ? "localhost" : host;
}

static const char *grid_entry(struct arena *a, const char *grid, const char *name,
                              const struct fleet_node *n) {
    char authority[WEIR__URI_AUTHORITY];
    WEIR_CHECK(n->port > 0 && name != NULL);
    weir__uri_authority(reached_at(n->host), n->port, authority);
    return grid ? arena_format(a, "%s%s%s=%s", grid, ends_with(grid, "=") ? "" : ",", name,
                               authority)
                : NULL;
}

/* Of the nodes that run s: the one with its name, else the first. */
static const struct fleet_node *first_of(const struct fleet *f, const struct sketch *s) {
    const struct fleet_node *first = NULL;
    for (size_t i = 0; i < f->count; i++) {
        const struct fleet_node *n = &f->nodes[i];
        if (n->kind != FLEET_WORKER || strcmp(n->what, s->name) != 0)
            continue;
        if (strcmp(n->name, s->name) == 0)
            return n;
        first = first ? first : n;
    }
    return first;
}

/* The second name of n, which a worker knows one node by; NULL: n has none. */
static const char *alias_of(const struct fleet *f, const struct fleet_node *n) {
    const struct sketch *s = n->kind == FLEET_WORKER ? sketches_find(n->what) : NULL;
    bool has_one = s != NULL && s->alias != NULL && !has_node(f, s->alias);
    return has_one && first_of(f, s) == n ? s->alias : NULL;
}

static int make_grid(struct plan *p, const struct fleet *f) {
    const char *grid = "WEIR_GRID=";
    for (size_t i = 0; i < f->count; i++) {
        const struct fleet_node *n = &f->nodes[i];
        const char *alias = alias_of(f, n);
        if (n->port == 0)
            continue;
        grid = grid_entry(&p->memory, grid, n->name, n);
        if (alias != NULL)
            grid = grid_entry(&p->memory, grid, alias, n);
    }
    p->grid = grid;
    return grid ? 0 : -ENOMEM;
}

static int make_launch(struct plan *p, const struct fleet_node *n,
                       const struct plan_options *options, struct launch *l) {
    *l = (struct launch){
        .name = n->name, .directory = options->directory, .grace_ns = n->grace_ns};
    int rc = make_environment(p, n, l, options->backend);
    if (n->kind != FLEET_COMMAND)
        return rc < 0 ? rc : make_words(&p->memory, n, l, options);
    WEIR_CHECK(n->command != NULL && n->command[0] != NULL);
    l->program = n->command[0];
    l->argv = n->command;
    return rc;
}

int plan_make(const struct fleet *f, const struct plan_options *options, struct plan *ret_plan) {
    *ret_plan = (struct plan){.count = f->count};
    ret_plan->launches =
        arena_take(&ret_plan->memory, f->count * sizeof *ret_plan->launches);
    int rc = ret_plan->launches ? make_grid(ret_plan, f) : -ENOMEM;
    for (size_t i = 0; rc == 0 && i < f->count; i++)
        rc = make_launch(ret_plan, &f->nodes[i], options, &ret_plan->launches[i]);
    if (rc < 0)
        plan_fini(ret_plan);
    WEIR_CHECK((rc == 0) == (ret_plan->grid != NULL));
    return rc;
}

void plan_fini(struct plan *p) {
    arena_fini(&p->memory);
    *p = (struct plan){.launches = NULL};
}

/* ---- for people ------------------------------------------------------------------------------ */

static void print_escaped(const char *text, const char *quote, FILE *to) {
    char one[WEIR__ESCAPE_MAX];
    for (size_t len = strlen(text), taken, n; len > 0; text += taken, len -= taken) {
        taken = weir__escape_one(text, len, one, &n);
        if (*text == '\'')
            fputs(quote, to);
        else
            fwrite(one, 1, n, to);
    }
}

/* As one would type it to a shell, but for what would steer the terminal. */
static void print_word(const char *word, FILE *to) {
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "-_./:=,@%+";
    if (word[0] != '\0' && word[strspn(word, plain)] == '\0') {
        fputs(word, to);
        return;
    }
    putc('\'', to);
    print_escaped(word, "'\\''", to);
    putc('\'', to);
}

static const char *ready_text(const struct fleet_node *n) {
    static const char *const texts[] = {
        [FLEET_READY_NOTIFY] = "when it says so",
        [FLEET_READY_TCP] = "when its port answers",
        [FLEET_READY_START] = "at once",
    };
    WEIR_CHECK(n->ready != FLEET_READY_DEFAULT);
    return texts[n->ready];
}

void plan_print(const struct plan *p, const struct fleet *f, FILE *to) {
    int width = 0;
    WEIR_CHECK(p->count == f->count);
    for (size_t i = 0; i < p->count; i++)
        width = (int)strlen(p->launches[i].name) > width ? (int)strlen(p->launches[i].name) : width;
    fprintf(to, "fleet %s: %zu node%s, started in this order\n", f->name, p->count,
            p->count == 1 ? "" : "s");
    for (size_t i = 0; i < p->count; i++) {
        const struct fleet_node *n = &f->nodes[i];
        char grace[32];
        fprintf(to, "%-*s ", width, n->name);
        for (char **word = p->launches[i].argv; *word != NULL; word++) {
            putc(' ', to);
            print_word(*word, to);
        }
        duration_format(n->grace_ns, grace, sizeof grace);
        fprintf(to, "\n%*s  ready %s; grace %s", width, "", ready_text(n), grace);
        for (size_t k = 0; k < n->depends_on_count; k++)
            fprintf(to, "%s%s", k == 0 ? "; after " : ", ", f->nodes[n->depends_on[k]].name);
        putc('\n', to);
    }
    print_escaped(p->grid, "'", to);
    putc('\n', to);
}
