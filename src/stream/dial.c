/* SPDX-License-Identifier: MIT */
/* dial.c - connect a socket to a URL. The addresses of a name are tried as in RFC 8305 (happy
 * eyeballs): the families alternate; the next attempt begins as soon as one has failed, and at the
 * latest 250 ms after the last one began. The first that connects wins; the others are cancelled
 * and closed.
 *
 * All attempts are ops in one frame, with one timer. The frame is left when no op is pending. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/time.h"
#include "stream/open.h"
#include "stream/resolve.h"
#include "stream/socket.h"
#include "stream/url.h"
#include "sys/addr.h"
#include "task/waitq.h"

enum { ATTEMPT_MS = 250 }; /* RFC 8305, 5: the recommended delay */

struct attempt {
    struct weir__op op;
    struct weir__socket *socket; /* NULL: not begun, or finished */
    const struct weir__addr *addr;
};

struct race {
    struct weir__loop *loop;
    const struct weir_dial_options *options;
    const struct weir__addr *local; /* bind to it first; len 0: to none */
    struct weir__waitq waiting;
    struct weir__timer next; /* until the next attempt may begin */
    bool due;                /* the next attempt may begin */
    int rc;                  /* error of the attempt that failed last, and its address */
    const struct weir__addr *failed;
    unsigned count, begun, pending;
    struct weir__socket *winner;
    struct attempt attempts[WEIR__ADDRS_MAX];
};

static void lose(struct attempt *a) {
    struct weir_stream *s = &a->socket->stream;
    a->socket = NULL;
    weir_close(&s);
}

/* Has a dial connected to itself? The kernel may give our side the very port that was dialled, if
 * that is a local port of the ephemeral range. The SYN then arrives at the socket that sent it; TCP
 * takes this for two sides that dial each other at the same time, and the connect succeeds although
 * nobody listens. */
static bool has_met_itself(struct weir__socket *k, const struct weir__addr *dialled) {
    struct weir__loop *l = k->stream.loop;
    struct weir__addr own, peer;
    if (dialled->sa.sa_family == AF_UNIX)
        return false;
    weir__socket_name(l, &k->file, false, &own);
    if (own.len == 0 || weir__addr_port(&own) != weir__addr_port(dialled))
        return false;
    weir__socket_name(l, &k->file, true, &peer); /* 0.0.0.0 may have been dialled */
    return peer.len != 0 && weir__addr_equal(&own, &peer);
}

static void dial_finish(struct race *r, struct attempt *a, int rc) {
    if (rc >= 0 && has_met_itself(a->socket, a->addr)) {
        weir__socket_option(r->loop, &a->socket->file, WEIR__LINGER0, 1); /* frees the port */
        rc = -ECONNREFUSED;
    }
    if (rc >= 0 && r->winner == NULL) {
        r->winner = a->socket;
        a->socket = NULL;
        return;
    }
    if (rc < 0) {
        r->rc = rc;
        r->failed = a->addr;
    }
    if (a->socket != NULL)
        lose(a);
}

static void connected(struct weir__op *op) {
    struct race *r = op->waiter;
    r->pending--;
    dial_finish(r, WEIR_CONTAINER(op, struct attempt, op), (int)op->result);
    weir__waitq_grant(&r->waiting);
}

static void next_due(struct weir__timer *t) {
    struct race *r = WEIR_CONTAINER(t, struct race, next);
    r->due = true;
    weir__waitq_grant(&r->waiting);
}

/* With a port, so that it can be dialled from again while the kernel holds the last connection. */
static int bind_to(struct race *r, struct weir__socket *k) {
    struct weir__op op = {.kind = WEIR__BIND, .file = &k->file, .u.addr = r->local};
    int rc = weir__addr_port(r->local) == 0
                 ? 0
                 : weir__socket_option(r->loop, &k->file, WEIR__REUSEADDR, 1);
    return rc < 0 ? rc : (int)weir__op_now(r->loop, &op);
}

static void begin(struct race *r) {
    struct attempt *a = &r->attempts[r->begun++];
    struct weir__socket_options o = {r->options->delay, r->options->keepalive_s};
    r->due = false;
    int rc = weir__socket_open(r->loop, a->addr->sa.sa_family, &o, &a->socket);
    if (rc >= 0 && r->local->len > 0)
        rc = bind_to(r, a->socket);
    if (rc < 0) {
        dial_finish(r, a, rc);
        return;
    }
    weir__peer_of(a->addr, &a->socket->peer);
    a->op = (struct weir__op){.kind = WEIR__CONNECT,
                              .file = &a->socket->file,
                              .wake = connected,
                              .waiter = r,
                              .u.addr = a->addr};
    r->pending++;
    if (weir__submit(r->loop->backend, &a->op) == WEIR__DONE) {
        r->pending--;
        dial_finish(r, a, (int)a->op.result);
    }
}

static const struct weir__what connects = {.text = "connect", .kind = WEIR__ON_NOTHING};
static const struct weir__what calls_off = {.text = "connect: calling off",
                                            .kind = WEIR__ON_NOTHING};

/* Wait until one attempt has won or all have failed. Returns 0, or the felt code. */
static int run(struct race *r) {
    weir_ns gap = r->options->attempt_ns;
    int rc = 0;
    weir__timer_init(&r->next, next_due);
    r->due = true;
    while (rc >= 0 && r->winner == NULL && (r->pending > 0 || r->begun < r->count)) {
        if (r->begun < r->count && (r->due || r->pending == 0)) {
            begin(r);
            if (r->begun < r->count && r->pending > 0)
                weir__timer_arm(r->loop->timers, &r->next,
                                weir__deadline(weir__loop_now(r->loop), gap));
            continue;
        }
        rc = (int)weir__waitq_wait(&r->waiting, NULL, &connects, NULL);
    }
    weir__timer_disarm(r->loop->timers, &r->next);
    return rc;
}

/* Cancel the attempts that have not won, and wait until the backend has returned all their ops.
 * This wait cannot be cut short: the ops lie in this frame. */
static void call_off(struct race *r) {
    for (unsigned i = 0; i < r->begun; i++) {
        struct attempt *a = &r->attempts[i];
        if (a->socket == NULL || weir__cancel(r->loop->backend, &a->op) != WEIR__DONE)
            continue;
        r->pending--;
        lose(a);
    }
    while (r->pending > 0) {
        struct weir__wait wait;
        struct weir__waiter w;
        weir__wait_begin(&wait, &calls_off, NULL);
        wait.park.abort = NULL;
        weir__wait_add(&wait, &w, &r->waiting, NULL);
        weir__wait_park(&wait);
    }
}

static int race_addrs(struct race *r, struct weir_stream **ret_stream) {
    char text[WEIR__ADDR_TEXT_MAX];
    int rc = run(r);
    call_off(r);
    if (r->winner != NULL && rc >= 0) {
        weir__stream_give(&r->winner->stream, ret_stream);
        return 0;
    }
    if (r->winner != NULL) { /* one has connected, but this task was cancelled before */
        struct weir_stream *s = &r->winner->stream;
        weir_close(&s);
    }
    if (rc < 0)
        return weir__fail(rc, "connect", NULL);
    return weir__fail(r->rc, "connect", weir__addr_format(r->failed, text, sizeof text));
}

/* RFC 8305, 4: begin with the family that the resolver put first, then take turns. */
static void interleave(struct race *r, const struct weir__addr *addrs, unsigned count) {
    bool taken[WEIR__ADDRS_MAX] = {false};
    sa_family_t want = addrs[0].sa.sa_family;
    while (r->count < count) {
        unsigned pick = count;
        for (unsigned i = 0; i < count; i++) {
            if (taken[i])
                continue;
            if (pick == count)
                pick = i; /* if the wanted family has no more: the first that is left */
            if (addrs[i].sa.sa_family == want) {
                pick = i;
                break;
            }
        }
        taken[pick] = true;
        r->attempts[r->count++].addr = &addrs[pick];
        want = addrs[pick].sa.sa_family == AF_INET ? AF_INET6 : AF_INET;
    }
}

static __attribute__((noinline)) int connect_any(const struct weir__addr *addrs, unsigned count,
                                                 const struct weir__addr *local,
                                                 const struct weir_dial_options *o,
                                                 struct weir_stream **ret_stream) {
    struct race r = {.loop = weir__loop(), .options = o, .local = local};
    interleave(&r, addrs, count);
    return race_addrs(&r, ret_stream);
}

static int not_an_address(const char *text) {
    return weir__failf(-EINVAL, "connect", NULL, "'%s' is no address to dial from (EINVAL)", text);
}

/* "127.0.0.1", "127.0.0.1:80", "::1", "[::1]", "[::1]:80". NULL: ret->len is 0. */
static int parse_local(const char *text, struct weir__addr *ret) {
    char host[WEIR__ADDR_TEXT_MAX];
    unsigned long port = 0;
    *ret = (struct weir__addr){.len = 0};
    if (text == NULL)
        return 0;
    bool bracket = text[0] == '[';
    const char *end = bracket ? strchr(text, ']') : strchr(text, ':');
    if (!bracket && end != NULL && strchr(end + 1, ':') != NULL)
        end = NULL; /* an IPv6 address without brackets, and so without a port */
    size_t len = end != NULL ? (size_t)(end - text) : strlen(text);
    const char *rest = end != NULL ? end + bracket : text + len;
    if ((bracket && end == NULL) || len >= sizeof host)
        return not_an_address(text);
    memcpy(host, text + bracket, len - bracket);
    host[len - bracket] = '\0';
    if (rest[0] == ':') {
        size_t digits = strspn(rest + 1, "0123456789");
        port = strtoul(rest + 1, NULL, 10);
        rest += digits > 0 && digits <= 5 ? 1 + digits : 0;
    }
    if (rest[0] != '\0' || port > 65535
        || weir__addr_parse_numeric(host, (uint16_t)port, ret) < 0)
        return not_an_address(text);
    return 0;
}

/* Keep the addresses that can be dialled from local. Returns how many. */
static unsigned of_family(struct weir__addr *addrs, unsigned count,
                          const struct weir__addr *local) {
    unsigned kept = 0;
    for (unsigned i = 0; i < count; i++)
        if (local->len == 0 || addrs[i].sa.sa_family == local->sa.sa_family)
            addrs[kept++] = addrs[i];
    return kept;
}

/* The attempts point to the addresses, which lie in this frame until all attempts have finished. */
static __attribute__((noinline)) int resolve_and_connect(const struct weir__url *u,
                                                         const struct weir_dial_options *o,
                                                         struct weir_stream **ret_stream) {
    struct weir__addr addrs[WEIR__ADDRS_MAX], local;
    int n = parse_local(o->local, &local);
    if (n < 0 || (n = weir__resolve(u->host, u->port, addrs)) < 0)
        return n;
    unsigned count = of_family(addrs, (unsigned)n, &local);
    if (count == 0)
        return weir__failf(-EADDRNOTAVAIL, "connect", u->host, "%s is of another family (%s)",
                           o->local, weir_error_name(-EADDRNOTAVAIL));
    return connect_any(addrs, count, &local, o, ret_stream);
}

int weir__socket_dial(const char *url, const struct weir_dial_options *options,
                      struct weir_stream **ret_stream) {
    struct weir_dial_options o = *options;
    if (o.attempt_ns <= 0)
        o.attempt_ns = WEIR_MILLISECONDS(ATTEMPT_MS);
    struct weir__url u;
    int rc = weir__url_parse(url, false, &u);
    if (rc < 0)
        return rc;
    static const struct weir__addr none = {.len = 0};
    if (u.is_unix && o.local != NULL)
        return not_an_address(o.local);
    return u.is_unix ? connect_any(&u.path, 1, &none, &o, ret_stream)
                     : resolve_and_connect(&u, &o, ret_stream);
}
