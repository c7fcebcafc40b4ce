/* SPDX-License-Identifier: MIT */
/* endpoint.c - the transport of a socket for datagrams. What the socket does not take at once waits
 * in a list, and the sender sends it: the one that it sends now is in the list no more. */
#include <errno.h>
#include <string.h>
#include <weir/datagram.h>
#include <weir/transport.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/options.h"
#include "callback/transport.h"

enum { RECEIVE_MAX = 64 << 10 };

struct waiting {
    struct waiting *next;
    struct weir_addr to;
    bool has_to;
    size_t len;
    uint8_t bytes[];
};

struct weir_endpoint {
    struct transport t; /* first: freed by it */
    struct weir_dgram *socket;
    struct weir_datagram_protocol *protocol;
    struct weir_datagram_calls calls;
    struct waiting *first, **last;
    uint8_t *room; /* for what is received; freed by the pump */
};

static struct weir_endpoint *of(struct transport *t) {
    return WEIR_CONTAINER(t, struct weir_endpoint, t);
}

/* ---- what calls the protocol ---- */

static void made(struct transport *t) {
    if (of(t)->calls.connection_made != NULL)
        of(t)->calls.connection_made(of(t)->protocol, of(t));
}

static void log_lost(const struct weir_endpoint *e, int rc) {
    struct weir_addr at;
    char text[WEIR_ADDR_TEXT];
    weir_dgram_local(e->socket, &at);
    weir__log(WEIR_LOG_ERROR, "an endpoint at %s is lost: %s (%s)",
              weir_addr_text(&at, text, sizeof text), weir_error_text(rc), weir_error_name(rc));
}

static void lost(struct transport *t, int rc) {
    if (of(t)->calls.connection_lost != NULL)
        of(t)->calls.connection_lost(of(t)->protocol, rc);
    else if (rc < 0)
        log_lost(of(t), rc);
}

static void pause_protocol(struct transport *t) {
    if (of(t)->calls.pause_writing != NULL)
        of(t)->calls.pause_writing(of(t)->protocol);
}

static void resume_protocol(struct transport *t) {
    if (of(t)->calls.resume_writing != NULL)
        of(t)->calls.resume_writing(of(t)->protocol);
}

static void tell_error(struct weir_endpoint *e, int rc) {
    struct weir__failure why = {0};
    struct weir__callback c;
    if (e->calls.error_received == NULL)
        return;
    weir__failure_keep(&why, rc); /* the record of the task: it is the callback's too */
    weir__callback_begin(&c);
    weir__failure_give(&why);
    e->calls.error_received(e->protocol, rc);
    weir__callback_end(&c);
    weir__failure_drop(&why);
}

static void deliver(struct weir_endpoint *e, size_t len, const struct weir_addr *from) {
    struct weir__callback c;
    if (e->calls.datagram_received == NULL)
        return;
    weir__callback_begin(&c);
    e->calls.datagram_received(e->protocol, (struct weir_view){e->room, len}, from);
    weir__callback_end(&c);
}

/* ---- receiving ---- */

static void receive_one(struct weir_endpoint *e) {
    struct weir_addr from;
    ssize_t n = weir_dgram_recv(e->socket, e->room, RECEIVE_MAX, &from);
    if (n == -ECANCELED || n == -ETIME)
        weir__transport_lose(&e->t, (int)n);
    if (e->t.closing)
        return; /* what came last is lost, as datagrams are */
    if (n < 0)
        tell_error(e, (int)n);
    else
        deliver(e, (size_t)n, &from);
    weir__transport_turn(&e->t);
}

static int pump(void *args) {
    struct weir_endpoint *e = of(*(struct transport **)args);
    weir__transport_await_made(&e->t);
    while (weir__transport_reads(&e->t))
        receive_one(e);
    weir__free(e->room);
    weir__transport_end(&e->t);
    return 0;
}

/* ---- sending ---- */

static const struct weir_addr *receiver(const struct waiting *w) {
    return w->has_to ? &w->to : NULL;
}

static int sender(void *args) {
    struct weir_endpoint *e = of(*(struct transport **)args);
    int felt = 0;
    while (felt == 0 && !e->t.lost_asked && e->first != NULL) {
        struct waiting *w = e->first;
        if ((e->first = w->next) == NULL)
            e->last = &e->first;
        int rc = weir_dgram_send(e->socket, w->bytes, w->len, receiver(w));
        felt = rc == -ECANCELED || rc == -ETIME ? rc : 0;
        if (rc < 0 && felt == 0 && !e->t.lost_asked)
            tell_error(e, rc);
        if (!e->t.lost_asked)
            weir__transport_sent(&e->t, w->len);
        weir__free(w);
    }
    weir__transport_sender_ends(&e->t, felt);
    return 0;
}

static int send_later(struct weir_endpoint *e, const void *buf, size_t len,
                      const struct weir_addr *to) {
    struct waiting *w = weir__alloc(sizeof *w + len);
    if (w == NULL)
        return weir__fail(-ENOMEM, "send", NULL);
    w->next = NULL;
    w->has_to = to != NULL;
    w->len = len;
    if (to != NULL)
        w->to = *to;
    if (len > 0)
        memcpy(w->bytes, buf, len);
    *e->last = w;
    e->last = &w->next;
    int rc = weir__transport_send_later(&e->t);
    if (rc == 0)
        weir__transport_queued(&e->t, len);
    return rc;
}

static void drop(struct transport *t) {
    struct weir_endpoint *e = of(t);
    for (struct waiting *w = e->first, *next; w != NULL; w = next) {
        next = w->next;
        weir__free(w);
    }
    e->first = NULL;
    e->last = &e->first;
}

static void close_socket(struct transport *t) {
    weir_dgram_close(&of(t)->socket);
}

static const struct transport_kind of_datagrams = {
    .name = "endpoint", .pump = pump, .sender = sender, .made = made, .lost = lost,
    .pause = pause_protocol, .resume = resume_protocol, .drop = drop, .close = close_socket};

/* ---- the calls ---- */

static struct weir_endpoint *here(const struct weir_endpoint *e, const char *call) {
    weir__not_null(e, call);
    weir__loop_assert(e->t.loop, e, call);
    return (struct weir_endpoint *)e;
}

static int ask_factory(struct weir_endpoint *e, weir_datagram_factory *factory, void *arg) {
    struct weir__callback c;
    weir__callback_begin(&c);
    int rc = weir__transport_answer(&c, factory(arg, &e->protocol));
    if (rc == 0)
        WEIR_OPTIONS_COPY(struct weir_datagram_calls, resume_writing, &e->calls,
                          e->protocol->calls);
    return rc;
}

static struct weir_endpoint *endpoint_new(void) {
    struct weir_endpoint *e = weir__alloc_zero(sizeof *e);
    if (e == NULL)
        return NULL;
    e->last = &e->first;
    if ((e->room = weir__alloc(RECEIVE_MAX)) == NULL) {
        weir__free(e);
        return NULL;
    }
    return e;
}

int weir_endpoint_open(struct weir_dgram **take_dgram, weir_datagram_factory *factory, void *arg,
                       struct weir_group *g, struct weir_endpoint **ret_endpoint) {
    weir__not_null(take_dgram, "weir_endpoint_open");
    weir__not_null(*take_dgram, "weir_endpoint_open");
    weir__argument_not_null((void *)factory, "weir_endpoint_open", "factory");
    struct weir_endpoint *e = endpoint_new();
    if (e == NULL)
        return weir__fail(-ENOMEM, "endpoint", NULL);
    int rc = weir__transport_begin(&e->t, &of_datagrams, g);
    if (rc < 0) {
        weir__free(e->room);
        weir__free(e);
        return rc;
    }
    if ((rc = ask_factory(e, factory, arg)) < 0) {
        weir__transport_refused(&e->t);
        return rc;
    }
    e->socket = *take_dgram;
    *take_dgram = NULL;
    weir__transport_connected(&e->t);
    *ret_endpoint = e;
    return 0;
}

int weir_create_datagram_endpoint(const char *local, const char *remote,
                                  const struct weir_dgram_options *options,
                                  weir_datagram_factory *factory, void *arg, struct weir_group *g,
                                  struct weir_endpoint **ret_endpoint) {
    static const char what[] = "create datagram endpoint";
    struct weir_dgram *d;
    struct weir_endpoint *e;
    weir__argument_not_null((void *)factory, "weir_create_datagram_endpoint", "factory");
    int rc = weir__suspend_enter(what);
    if (rc < 0)
        return rc;
    if ((local == NULL) == (remote == NULL))
        return weir__failf(-EINVAL, what, NULL, "either a local or a remote URL");
    rc = local != NULL ? weir_dgram_open(local, options, &d)
                       : weir_dgram_dial(remote, options, &d);
    if (rc < 0)
        return rc;
    if ((rc = weir_endpoint_open(&d, factory, arg, g, &e)) < 0) {
        weir_dgram_close(&d);
        return rc;
    }
    if ((rc = weir__transport_opened(&e->t, what)) == 0)
        *ret_endpoint = e;
    else
        weir__transport_close(&e->t);
    weir__transport_unref(&e->t);
    return rc;
}

int weir_endpoint_send(struct weir_endpoint *e, const void *buf, size_t len,
                       const struct weir_addr *to) {
    here(e, "weir_endpoint_send");
    if (e->t.closing)
        return weir__failf(WEIR_ECLOSED, "send", NULL, "the endpoint is closing");
    int rc = e->t.sends ? -EAGAIN : weir_dgram_try_send(e->socket, buf, len, to);
    if (rc == -EAGAIN)
        rc = send_later(e, buf, len, to);
    if (rc < 0 && !e->t.lost_asked)
        tell_error(e, rc);
    return rc;
}

void weir_endpoint_close(struct weir_endpoint *e) {
    weir__transport_close(&here(e, "weir_endpoint_close")->t);
}

void weir_endpoint_abort(struct weir_endpoint *e) {
    weir__transport_lose(&here(e, "weir_endpoint_abort")->t, 0);
}

bool weir_endpoint_is_closing(const struct weir_endpoint *e) {
    return here(e, "weir_endpoint_is_closing")->t.closing;
}

int weir_endpoint_set_limits(struct weir_endpoint *e, ssize_t high, ssize_t low) {
    return weir__transport_set_limits(&here(e, "weir_endpoint_set_limits")->t, high, low,
                                      "weir_endpoint_set_limits");
}

size_t weir_endpoint_unsent(const struct weir_endpoint *e) {
    return here(e, "weir_endpoint_unsent")->t.unsent;
}

struct weir_dgram *weir_endpoint_socket(const struct weir_endpoint *e) {
    return here(e, "weir_endpoint_socket")->socket;
}
