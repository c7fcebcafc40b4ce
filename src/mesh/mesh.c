/* SPDX-License-Identifier: MIT */
/* mesh.c - the life of a mesh, and of the calls inside it.
 *
 * Calls of other tasks must have returned before the mesh is freed. So each call has a scope, and
 * the close cancels it. Then the close waits until the last call has returned, even if its own task
 * is cancelled, and closes the links, whose turns no task has any more. */
#include "mesh/mesh.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/check.h"
#include "base/options.h"
#include "mesh/grid.h"
#include "mesh/link.h"
#include "mesh/nodes.h"
#include "task/task.h"

#undef weir_mesh_open

__thread struct weir_mesh *(*weir__mesh_own)(void);

/* Everything except the group. */
static void mesh_init(struct weir_mesh *m) {
    struct weir__backend *b = weir__loop()->backend;
    *m = (struct weir_mesh){.loop = weir__loop(),
                            .ws = {.size = sizeof m->ws, .close_ns = WEIR__LINK_CLOSE},
                            .close_code = 1000,
                            .retry_ns = WEIR__RETRY_ALL,
                            .open = true};
    weir__list_init(&m->links);
    weir__list_init(&m->inside);
    b->ops->random(b, &m->random.state, sizeof m->random.state);
}

void weir__mesh_open(struct weir_mesh *m) {
    mesh_init(m);
    weir_group_open(&m->readers, WEIR_INDEPENDENT);
}

/* ---- calls ---- */

static int refuse_closed(const struct weir_mesh *m) {
    return weir__failf(WEIR_ECLOSED, "mesh", NULL, "%s",
                       m->closing ? "another task closes it" : "a scope around it has fired");
}

int weir__call_enter(struct weir_mesh *m, struct weir__call *c) {
    int rc = weir__loop_enter(m->loop, m, "a call on a mesh");
    if (rc < 0)
        return rc;
    if (m->closing || weir__group_cancelled(&m->readers) != 0)
        return refuse_closed(m);
    c->task = weir_task_current();
    weir__list_init(&c->in_mesh);
    weir__list_add_tail(&m->inside, &c->in_mesh);
    weir_scope_enter(&c->scope, WEIR_NEVER);
    return 0;
}

int weir__call_leave(struct weir_mesh *m, struct weir__call *c, int rc) {
    WEIR_CHECK(c->task == weir_task_current());
    bool is_cut = m->closing && rc == -ECANCELED;
    rc = weir_scope_leave(&c->scope, rc);
    weir__list_remove(&c->in_mesh);
    if (is_cut && rc == WEIR_ESTOPPED)
        rc = refuse_closed(m);
    if (weir__list_empty(&m->inside))
        weir__waitq_grant(&m->closer);
    return rc;
}

static const struct weir__what sends_away = {.text = "calls on a mesh", .kind = WEIR__ON_MESH};

/* Cancel the calls inside and wait until they have returned. No abort hook: a cancel does not cut
 * this wait short. */
static void send_away(struct weir_mesh *m) {
    struct weir__wait wait;
    struct weir__waiter w;
    for (struct weir__list *at = m->inside.next; at != &m->inside; at = at->next) {
        struct weir__call *c = WEIR_CONTAINER(at, struct weir__call, in_mesh);
        if (c->task == weir_task_current())
            WEIR_BUG("weir_mesh_close: called inside a call on the same mesh, by a hook of it");
        weir_scope_cancel(&c->scope, "the mesh is closed");
    }
    if (weir__list_empty(&m->inside))
        return;
    weir__wait_begin(&wait, &sends_away, m);
    wait.park.abort = NULL;
    weir__wait_add(&wait, &w, &m->closer, NULL);
    weir__wait_park(&wait);
    WEIR_CHECK(weir__list_empty(&m->inside));
}

int weir__mesh_close(struct weir_mesh *m, int code) {
    if (!m->open)
        return 0;
    WEIR_CHECK(!m->closing);
    m->closing = true;
    m->close_code = code;
    send_away(m);
    weir_group_cancel(&m->readers, "the program ends");
    int rc = weir_group_close(&m->readers, 0);
    weir__links_free(m);
    weir__nodes_free(m);
    *m = (struct weir_mesh){.open = false};
    return rc;
}

/* ---- public ---- */

static int fill(struct weir_mesh *m, const struct weir_mesh_options *o) {
    struct weir__grid g;
    const char *grid = o->no_defaults ? NULL : getenv("WEIR_GRID");
    weir__grid_init_empty(&g);
    int rc = o->no_defaults ? 0 : weir__grid_init(&g);
    if (rc == 0 && grid != NULL)
        rc = weir__grid_add(&g, grid);
    if (rc == 0 && o->nodes != NULL)
        rc = weir__grid_add(&g, o->nodes);
    if (rc == 0)
        rc = weir__nodes_put(m, g.nodes, g.count);
    weir__grid_fini(&g);
    return rc;
}

int weir_mesh_open(const struct weir_mesh_options *options, struct weir_mesh **ret_mesh) {
    return weir_mesh_open_at(NULL, options, ret_mesh);
}

int weir_mesh_open_at(const struct weir_site *site, const struct weir_mesh_options *options,
                      struct weir_mesh **ret_mesh) {
    struct weir_mesh_options o;
    if (ret_mesh == NULL)
        WEIR_BUG("weir_mesh_open: ret_mesh is NULL");
    if (weir_task_current() == NULL)
        return weir__failf(WEIR_ENOLOOP, "open a mesh", NULL, "no task runs on this thread");
    int rc = weir__loop_enter(weir__loop(), NULL, "weir_mesh_open");
    if (rc < 0)
        return rc;
    WEIR_OPTIONS_COPY(struct weir_mesh_options, retry_ns, &o, options);
    struct weir_mesh *m = weir__alloc(sizeof *m);
    if (m == NULL)
        return weir__fail(-ENOMEM, "open a mesh", NULL);
    mesh_init(m);
    m->close_code = 0; /* if a scope fires, the readers end without a closing handshake */
    m->retry_ns = o.retry_ns != 0 ? o.retry_ns : WEIR__RETRY_ALL;
    rc = fill(m, &o);
    if (rc < 0) {
        weir__nodes_free(m);
        weir__free(m);
        return rc;
    }
    weir_group_open_at(site, &m->readers, WEIR_INDEPENDENT);
    *ret_mesh = m;
    return 0;
}

int weir_mesh_close(struct weir_mesh **take_mesh) {
    weir__mark();
    struct weir_mesh *m = take_mesh ? *take_mesh : NULL;
    if (m == NULL)
        return 0;
    weir__loop_assert(m->loop, m, "weir_mesh_close");
    *take_mesh = NULL;
    int rc = weir__mesh_close(m, weir_cancelled() == 0 ? 1000 : 0);
    weir__free(m);
    return rc;
}
