/* SPDX-License-Identifier: MIT */
/* client_pool.c - the connections of a client, by origin. A connection without a request has a task
 * beside it, its watcher, which waits for one byte: what comes can only be the end, or something
 * that nobody asked for, and both end the connection. To use it again is to stop the watcher.
 *
 * Invariant: after each call no request waits that could go on. So a request that comes and finds
 * room overtakes none. */
#include <errno.h>

#include "base/alloc.h"
#include "http/client.h"
#include "stream/stream.h"

/* The place of a request in the queue. */
struct http_turn {
    struct http_origin *origin;
    bool fresh;             /* it wants a new connection */
    struct http_conn *conn; /* granted: an idle one; NULL: there is room for a new one */
};

/* ---- origins --------------------------------------------------------------------------------- */

static struct http_origin *origin_find(struct weir_http_client *c, const char *key) {
    for (struct weir__list *l = c->origins.next; l != &c->origins; l = l->next) {
        struct http_origin *o = WEIR_CONTAINER(l, struct http_origin, link);
        if (strcmp(o->key, key) == 0)
            return o;
    }
    size_t size = strlen(key) + 1;
    struct http_origin *o = weir__alloc(sizeof *o + size);
    if (o == NULL)
        return NULL;
    *o = (struct http_origin){0};
    memcpy(o->key, key, size);
    weir__list_init(&o->idle);
    weir__list_add_tail(&c->origins, &o->link);
    return o;
}

static void origin_left(struct http_origin *o) {
    if (o->open > 0 || o->waiting > 0)
        return;
    weir__list_remove(&o->link);
    weir__free(o);
}

static bool has_room(const struct weir_http_client *c, const struct http_origin *o) {
    return o->open < c->o.connections_per_origin && c->counts.connections < c->o.connections_max;
}

/* ---- idle connections ------------------------------------------------------------------------ */

static void leave_idle(struct http_conn *conn) {
    weir__list_remove(&conn->link);
    weir__list_remove(&conn->age);
    conn->client->counts.idle--;
}

static void conn_free(struct http_conn *conn) {
    struct weir_http_client *c = conn->client;
    weir_close(&conn->stream);
    weir__free(conn);
    weir__http_client_unref(c);
}

/* It is out of the pool's counts from now on. */
static void uncount(struct http_conn *conn) {
    struct http_origin *o = conn->origin;
    conn->origin = NULL;
    conn->client->counts.connections--;
    o->open--;
    origin_left(o);
}

/* Close an idle connection for another one's sake, or with the client. Its watcher, which the close
 * wakes, frees it. */
static void evict(struct http_conn *conn) {
    leave_idle(conn);
    uncount(conn);
    weir_close(&conn->stream);
}

static void serve(struct weir_http_client *c);

struct watch_args {
    struct http_conn *conn;
};

/* Wait until something happens on an idle connection. 0: only that it is wanted. */
static int watch_stream(struct http_conn *conn) {
    struct weir_scope s;
    struct weir_view v;
    weir_scope_enter(&s, conn->idle_ns);
    ssize_t n = weir__stream_peek(conn->stream, 1, "http idle", &v);
    int rc = weir_scope_leave(&s, n < 0 ? (int)n : 1);
    return rc == -ECANCELED ? 0 : rc;
}

static int watch(void *args) {
    struct http_conn *conn = ((struct watch_args *)args)->conn;
    int rc = conn->stream != NULL ? watch_stream(conn) : 1;
    if (conn->taken) {
        conn->dead = rc != 0;
        return 0;
    }
    struct weir_http_client *c = conn->client;
    weir_task_release(&conn->watcher);
    if (conn->origin != NULL) { /* not evicted */
        leave_idle(conn);
        uncount(conn);
        weir_close(&conn->stream);
        serve(c);
    }
    conn_free(conn);
    return 0;
}

/* Take an idle connection out of the pool; it still counts as open. */
static void claim(struct http_conn *conn) {
    leave_idle(conn);
    conn->taken = true;
    weir_task_cancel(conn->watcher, "the connection is used again");
}

static struct http_conn *last_idle(struct http_origin *o) {
    return weir__list_empty(&o->idle) ? NULL
                                      : WEIR_CONTAINER(o->idle.prev, struct http_conn, link);
}

/* Wait for the watcher of a claimed connection, which a cancel does not cut short: it ends at once.
 * Returns whether the connection is alive. The kernel is asked too, since the program may have kept
 * the loop from looking: what came unasked must not pass for the answer of the next request. */
static bool claimed(struct http_conn *conn) {
    static const struct weir__what what = {.text = "http idle", .kind = WEIR__ON_TASK};
    weir__task_join(conn->watcher, &what);
    weir__task_take(&conn->watcher, NULL, 0);
    conn->taken = false;
    return !conn->dead && weir__stream_is_quiet(conn->stream);
}

/* ---- who is next ----------------------------------------------------------------------------- */

/* Make room for one more connection to o, by closing what is idle. */
static bool make_room(struct weir_http_client *c, struct http_origin *o) {
    struct weir__list *mine = &o->idle, *all = &c->idle;
    o->waiting++; /* it must outlive its last connection */
    if (o->open >= c->o.connections_per_origin && !weir__list_empty(mine))
        evict(WEIR_CONTAINER(mine->next, struct http_conn, link));
    bool may_open = o->open < c->o.connections_per_origin;
    if (may_open && c->counts.connections >= c->o.connections_max && !weir__list_empty(all))
        evict(WEIR_CONTAINER(all->next, struct http_conn, age));
    o->waiting--;
    return has_room(c, o);
}

/* Give turn what it waits for, if it is there. The counts are right afterwards. */
static bool proceed(struct weir_http_client *c, struct http_turn *turn) {
    struct http_conn *idle = turn->fresh ? NULL : last_idle(turn->origin);
    turn->conn = idle;
    if (idle != NULL) {
        claim(idle);
        return true;
    }
    if (!make_room(c, turn->origin))
        return false;
    turn->origin->open++;
    c->counts.connections++;
    return true;
}

static struct http_turn *turn_of(const struct weir__waiter *w) {
    return w->slot;
}

static void serve(struct weir_http_client *c) {
    struct weir__waiter *w = weir__waitq_first(&c->queue), *next;
    for (; w != NULL; w = next) {
        next = weir__waitq_next(w);
        if (proceed(c, turn_of(w)))
            weir__waiter_grant(w, 0);
    }
}

static int wait_turn(struct weir_http_client *c, struct http_turn *turn, const char *on) {
    static const struct weir__what what = {.text = "http connection", .kind = WEIR__ON_SYNC,
                                           .object = "pool"};
    c->counts.waiting++;
    turn->origin->waiting++;
    int64_t rc = weir__waitq_wait(&c->queue, turn, &what, c);
    turn->origin->waiting--;
    c->counts.waiting--;
    if (rc < 0)
        origin_left(turn->origin);
    return rc < 0 ? weir__fail_wait((int)rc, "http connection", on) : 0;
}

/* The connection that turn was given: conn, if it must be dialled. */
static struct http_conn *turn_conn(struct weir_http_client *c, struct http_turn *turn,
                                   struct http_conn *conn) {
    struct http_conn *idle = turn->conn;
    if (idle != NULL && claimed(idle)) {
        weir__http_client_unref(c);
        weir__free(conn);
        c->counts.reused++;
        return idle;
    }
    conn->origin = turn->origin;
    if (idle != NULL) /* it died in the pool: its place is ours */
        conn_free(idle);
    c->counts.dialled++;
    return conn;
}

int weir__http_pool_take(struct weir_http_client *c, const char *key, bool fresh,
                         struct http_conn **ret_conn) {
    struct http_conn *conn = weir__alloc(sizeof *conn);
    struct http_turn turn = {.origin = conn != NULL ? origin_find(c, key) : NULL, .fresh = fresh};
    if (turn.origin == NULL) {
        weir__free(conn);
        return weir__fail(-ENOMEM, "http connection", key);
    }
    *conn = (struct http_conn){.client = c};
    weir__list_init(&conn->link);
    weir__list_init(&conn->age);
    c->refs++;
    int rc = proceed(c, &turn) ? 0 : wait_turn(c, &turn, key);
    if (rc < 0) {
        conn_free(conn);
        return rc;
    }
    *ret_conn = turn_conn(c, &turn, conn);
    return 0;
}

/* ---- back ------------------------------------------------------------------------------------ */

void weir__http_pool_drop(struct http_conn *conn) {
    struct weir_http_client *c = conn->client;
    weir_close(&conn->stream);
    uncount(conn);
    serve(c);
    conn_free(conn);
}

void weir__http_pool_give(struct http_conn *conn) {
    static const struct weir_spawn_options watcher = {.size = sizeof watcher, .daemon = true,
                                                      .stack_size = HTTP_WATCH_STACK,
                                                      .name = "http idle"};
    struct weir_http_client *c = conn->client;
    conn->used = true;
    if (c->closed || conn->idle_ns <= 0 || weir__stream_at_hand(conn->stream) > 0) {
        weir__http_pool_drop(conn);
        return;
    }
    struct watch_args args = {conn};
    if (weir_spawn(NULL, WEIR_SITE(watch), watch, &args, sizeof args, &watcher, &conn->watcher)
        < 0) {
        weir__http_pool_drop(conn);
        return;
    }
    weir__list_add_tail(&conn->origin->idle, &conn->link);
    weir__list_add_tail(&c->idle, &conn->age);
    c->counts.idle++;
    serve(c);
}

void weir__http_pool_close(struct weir_http_client *c) {
    while (!weir__list_empty(&c->idle))
        evict(WEIR_CONTAINER(c->idle.next, struct http_conn, age));
    weir__waitq_wake_all(&c->queue, WEIR_ECLOSED);
}
