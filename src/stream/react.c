/* SPDX-License-Identifier: MIT */
/* react.c - servers without a task for each connection: the task that accepts, and the stream that
 * becomes a reactive connection. What a connection does is in react_conn.c. */
#include "base/alloc.h"
#include "base/options.h"
#include "stream/detached.h"
#include "stream/listen.h"
#include "stream/react_conn.h"

/* Wait for the next connection, into c. */
static int accept_into(struct react_server *sv, struct weir_conn *c, bool is_over) {
    struct weir_stream *s;
    if (!is_over)
        return weir__listener_next(sv->listener, weir__conn_socket(c));
    int rc = weir__listener_stream(sv->listener, &s);
    if (rc >= 0)
        weir__conn_take(c, &s);
    return rc;
}

static int accept_loop(struct react_server *sv, struct weir_group *g) {
    bool is_over = !weir__listener_has_sockets(sv->listener);
    for (;;) {
        struct weir_conn *c;
        int rc = 0;
        while ((c = is_over ? weir__conn_over_new(sv) : weir__conn_new(sv)) == NULL)
            if ((rc = weir__listener_pause(sv->listener, -ENOMEM)) < 0)
                return rc;
        rc = accept_into(sv, c, is_over);
        if (rc < 0) {
            weir__conn_free(c);
            return rc;
        }
        weir__conn_begin(c, g);
        (void)weir__breathe(); /* the listener is entered, so it stays while other tasks run */
        if ((rc = weir__suspend_enter("react")) < 0)
            return rc;
    }
}

static void gate_hears(struct weir_group *gate) {
    struct react_server *sv = WEIR_CONTAINER(gate, struct react_server, gate);
    int code = weir__group_cancelled(gate);
    if (code != 0)
        weir__listener_interrupt(sv->listener, code);
}

int weir__react_by(struct weir_listener *l, struct weir_group *g, struct react_server *sv) {
    int rc = weir__listener_enter(l, "react");
    if (rc < 0) {
        weir__react_server_unref(sv);
        return rc;
    }
    weir__group_open_under(&sv->gate, g, WEIR_INDEPENDENT, gate_hears);
    rc = weir__group_cancelled(g);
    if (rc == 0 && !weir__stack_exists(sv->fn.stack_size)) /* else connections wait for ever */
        rc = weir__failf(-ENOMEM, "react", NULL, "no stack is that large");
    if (rc == 0)
        rc = accept_loop(sv, g);
    weir__group_close_under(&sv->gate);
    weir__react_server_unref(sv);
    rc = weir__listener_leave(l, rc);
    return rc == WEIR_ECLOSED ? 0 : rc;
}

int weir__react(struct weir_listener *l, struct weir_group *g, const struct weir_reactive *r,
                const struct weir__react_hooks *hooks) {
    struct weir__loop *loop = weir__loop(); /* l's; a cancelled task may not look at l any more */
    if (loop == NULL)
        return weir__no_loop("react");
    struct react_server *sv = weir__react_server_new(loop, l, r, hooks);
    if (sv != NULL)
        return weir__react_by(l, g, sv);
    int rc = weir__suspend_enter("react"); /* as without this error: a cancel point */
    return rc < 0 ? rc : weir__fail(-ENOMEM, "react", NULL);
}

static void check_arguments(const char *call, const struct weir_group *g,
                            const struct weir_reactive *r) {
    if (g == NULL || r == NULL || r->message == NULL)
        WEIR_BUG("%s: %s is required", call, g == NULL ? "a group" : "message");
}

int weir_react(struct weir_listener *l, struct weir_group *g, const struct weir_reactive *r) {
    check_arguments("weir_react", g, r);
    weir__not_null(l, "weir_react");
    return weir__react(l, g, r, NULL);
}

/* ---- a stream that is there already ---- */

/* The socket of a connection lies in its block: the stream's file leaves the backend and enters it
 * again at its new place. If it cannot, it is made a stream again. */
static int move_over(struct weir_conn *c, struct weir_stream **take_stream) {
    struct weir__socket *k = weir__conn_socket(c);
    struct weir_detached *d;
    int rc = weir__stream_leave(take_stream, "react", &d);
    if (rc < 0)
        return rc;
    rc = weir__socket_enter(k, d);
    if (rc >= 0) {
        weir__detached_into(d, &k->stream);
        /* The kernel does not report an error again, but an end: then this is returned. */
        k->stream.by_write = k->stream.failed != 0;
        return 0;
    }
    rc = weir__fail(rc, "react", weir_detached_peer(d));
    struct weir_error kept;
    weir__error_keep(&kept);
    (void)weir_attach(&d, take_stream);
    weir__error_restore(&kept);
    weir_detached_close(&d);
    return rc;
}

static int take_over(struct weir_conn *c, bool is_socket, struct weir_stream **take_stream) {
    int rc = is_socket ? 0 : weir__stream_settle(*take_stream, "react");
    if (rc == 0 && is_socket)
        rc = move_over(c, take_stream);
    else if (rc == 0)
        weir__conn_take(c, take_stream);
    return rc;
}

int weir_react_stream(struct weir_stream **take_stream, struct weir_group *g,
                      const struct weir_reactive *r) {
    check_arguments("weir_react_stream", g, r);
    weir__not_null(*take_stream, "weir_react_stream");
    struct weir__loop *l = (*take_stream)->loop;
    int rc = weir__suspend_enter("react");
    if (rc < 0 || (rc = weir__loop_enter(l, NULL, "react")) < 0)
        return rc;
    if ((rc = weir__group_cancelled(g)) < 0)
        return weir__fail(rc, "react", NULL);
    if ((*take_stream)->kind->ask == NULL)
        return weir__failf(-EOPNOTSUPP, "react", NULL,
                           "a stream inside a connection of another server (EOPNOTSUPP)");
    bool is_socket = weir__socket_file(*take_stream) != NULL;
    struct react_server *sv = weir__react_server_new(l, NULL, r, NULL);
    struct weir_conn *c = NULL;
    if (sv != NULL)
        c = is_socket ? weir__conn_new(sv) : weir__conn_over_new(sv);
    rc = c != NULL && weir__stack_exists(sv->fn.stack_size) ? 0 : -ENOMEM;
    rc = rc < 0 ? weir__fail(rc, "react", NULL) : take_over(c, is_socket, take_stream);
    if (rc < 0) {
        weir__conn_free(c);
        weir__free(sv);
        return rc;
    }
    weir__conn_begin(c, g);
    weir__react_server_unref(sv);
    return 0;
}
