/* SPDX-License-Identifier: MIT */
/* source.c - see source.h. */
#include "worker/source.h"

#include <string.h>

#include "base/check.h"
#include "base/options.h"
#include "mesh/nodes.h"
#include "task/task.h"

/* Move the node to the host and port of the flags. A port without a host is on this machine. If
 * only a host was given, the node may be one that setup adds: then nothing is moved before. */
static int move_node(const struct weir__source *s, bool before_setup) {
    struct weir__program *p = s->program;
    const struct weir__node *known = NULL;
    struct weir__node n = {.host = "localhost"};
    if (s->node == NULL || (p->host == NULL && p->port < 0))
        return 0;
    int rc = weir__mesh_find(&p->mesh, s->node, &known);
    if (rc < 0 && p->port < 0)
        return before_setup && rc == WEIR_ENONODE ? 0 : rc; /* flag and grid have no port */
    const char *host = p->host ? p->host : n.host;
    size_t len = strlen(s->node), host_len = strlen(host);
    if (len > WEIR__NODE_NAME_MAX)
        return weir__failf(WEIR_EWORKER, "source", NULL, "the name of its node is too long");
    WEIR_CHECK(host_len <= WEIR__NODE_HOST_MAX); /* as the options have it */
    memcpy(n.name, s->node, len);
    memmove(n.host, host, host_len + 1);
    n.port = p->port >= 0 ? (uint16_t)p->port : known->port;
    return weir__nodes_put(&p->mesh, &n, 1);
}

static int body(struct weir__program *p) {
    struct weir__source *s = p->work;
    WEIR_CHECK(s->program == p);
    int rc = move_node(s, true);
    if (rc == 0)
        rc = weir__user_setup(&s->user, &p->params);
    if (rc == 0)
        rc = move_node(s, false); /* again: setup may have added the node */
    if (rc == 0)
        rc = weir__program_ready(p, 0);
    return rc == 0 ? weir__user_run(&s->user) : rc;
}

enum { SIZE_MIN = offsetof(struct weir_source, stack_size) }; /* members that it must have */

static const char *missing(const struct weir_source *fn) {
    return fn->size < SIZE_MIN                ? "size"
           : !fn->name || fn->name[0] == '\0' ? "name"
           : fn->setup == NULL                ? "setup"
           : fn->run == NULL                  ? "run"
                                              : NULL;
}

int weir__source_init(struct weir__source *s, struct weir__program *p,
                      const struct weir_source *fn) {
    struct weir_source known;
    const char *without = missing(fn);
    *s = (struct weir__source){.program = p};
    if (without != NULL)
        return weir__failf(WEIR_EWORKER, "source", fn->size >= SIZE_MIN ? fn->name : NULL,
                           "it has no %s: a source needs size, name, setup and run", without);
    WEIR_OPTIONS_COPY(struct weir_source, stack_size, &known, fn);
    s->user = (struct weir__user){.name = known.name,
                                  .stack_size = known.stack_size,
                                  .setup = known.setup,
                                  .run = known.run};
    s->node = known.node;
    p->work = s;
    p->body = body;
    p->title = known.name;
    p->counts_items = true;
    return weir__user_init(&s->user, known.state_size);
}

void weir__source_fini(struct weir__source *s) {
    weir__user_fini(&s->user);
}
