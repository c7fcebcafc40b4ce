/* SPDX-License-Identifier: MIT */
/* connect.c - transports of connections: one that is dialled, and those that a server accepts. */
#include <errno.h>
#include <weir/stream.h>
#include <weir/transport.h>

#include "base/alloc.h"
#include "base/log.h"
#include "callback/stream_transport.h"
#include "loop/handle.h"

int weir_create_connection(const char *url, const struct weir_dial_options *options,
                           weir_protocol_factory *factory, void *arg, struct weir_group *g,
                           struct weir_transport **ret_transport) {
    struct weir_stream *s;
    struct weir_transport *t;
    weir__argument_not_null((void *)factory, "weir_create_connection", "factory");
    int rc = weir_dial(url, options, &s);
    if (rc < 0)
        return rc;
    if ((rc = weir_transport_open(&s, factory, arg, g, &t)) < 0) {
        weir_close(&s);
        return rc;
    }
    if ((rc = weir__transport_opened(&t->t, "create connection")) == 0)
        *ret_transport = t;
    else
        weir__transport_close(&t->t);
    weir__transport_unref(&t->t);
    return rc;
}

/* ---- a server ---- */

struct weir_server {
    struct weir__loop *loop;
    struct weir_listener *listener;
    weir_protocol_factory *factory;
    void *arg;
    struct weir_group *group;
    unsigned refs; /* the user, the task that accepts */
};

static void unref(struct weir_server *sv) {
    if (--sv->refs == 0)
        weir__free(sv);
}

/* Without memory this connection is lost, and the server goes on. */
static void take_connection(struct weir_server *sv, struct weir_stream *s) {
    struct weir_transport *t;
    int rc = weir_transport_open(&s, sv->factory, sv->arg, sv->group, &t);
    if (rc == 0)
        return;
    weir__log(WEIR_LOG_WARNING, "a connection from %s is refused: %s (%s)", weir_stream_peer(s),
              weir_error_message(rc), weir_error_name(rc));
    weir_close(&s);
}

static int accepts(void *args) {
    struct weir_server *sv = *(struct weir_server **)args;
    struct weir_stream *s;
    int rc = 0;
    while (rc == 0 && sv->listener != NULL) {
        rc = weir_accept(sv->listener, &s);
        if (rc == 0)
            take_connection(sv, s);
    }
    unref(sv);
    return rc == WEIR_ECLOSED ? 0 : rc;
}

static int serve(struct weir_server *sv) {
    static const struct weir_site site = {"server", __FILE__, "weir_create_server", __LINE__};
    struct weir_spawn_options o = {.size = sizeof o, .name = "server", .daemon = sv->group == NULL};
    return weir_spawn(sv->group, &site, accepts, &sv, sizeof sv, &o, NULL);
}

int weir_create_server(const char *url, const struct weir_listen_options *options,
                       weir_protocol_factory *factory, void *arg, struct weir_group *g,
                       struct weir_server **ret_server) {
    weir__argument_not_null((void *)factory, "weir_create_server", "factory");
    struct weir_listener *l;
    int rc = weir_listen(url, options, &l);
    if (rc < 0)
        return rc;
    struct weir_server *sv = weir__alloc(sizeof *sv);
    if (sv == NULL) {
        weir_unlisten(&l);
        return weir__fail(-ENOMEM, "create server", url);
    }
    *sv = (struct weir_server){weir__loop(), l, factory, arg, g, 2};
    if ((rc = serve(sv)) < 0) {
        weir_unlisten(&l);
        weir__free(sv);
        return rc;
    }
    *ret_server = sv;
    return 0;
}

int weir_server_port(const struct weir_server *sv) {
    weir__not_null(sv, "weir_server_port");
    return weir_listener_port(sv->listener);
}

void weir_server_close(struct weir_server **take_server) {
    struct weir_server *sv = take_server != NULL ? *take_server : NULL;
    if (sv == NULL)
        return;
    *take_server = NULL;
    if (!weir__loop_is_parents(sv->loop))
        weir__loop_assert(sv->loop, sv, "weir_server_close");
    weir_unlisten(&sv->listener);
    unref(sv);
}
