/* SPDX-License-Identifier: MIT */
/* listen.c - a listener: one socket for each address of its name, all on one port, and one task
 * that accepts. Each socket has a slot with one ACCEPT op. The op stays pending when the task is
 * cancelled; the connection that it brings waits in the slot for the next call, so that a cancel
 * loses none. */
#include "stream/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/check.h"
#include "base/log.h"
#include "base/time.h"
#include "loop/debug.h"
#include "stream/hatch.h"
#include "stream/open.h"
#include "stream/resolve.h"
#include "stream/url.h"
#include "sys/fds.h"
#include "task/waitq.h"

enum {
    BACKLOG = 4096,       /* the kernel cuts it to net.core.somaxconn (4096 since 5.4) */
    PORT_TRIES = 8,       /* a free port of the first address may be taken on the second */
    IN_USE_TRIES = 50,    /* an address in use is tried again so often: see open_patiently */
    IN_USE_STEP_MS = 1,
    PAUSE_MS = 20, /* after an error that may pass: no event says that it has */
    SAY_MS = 1000  /* between two lines of the log about such errors */
};

enum slot_state { SLOT_ABSENT, SLOT_EMPTY, SLOT_ARMED, SLOT_FULL };

struct slot {
    struct weir_listener *listener;
    struct weir__file file;
    struct weir__op accept, close;
    struct weir__addr peer;
    struct weir__file stray; /* a connection that was accepted when the listener was closed */
    struct weir__op stray_close;
    uint8_t state;
};

struct weir_listener {
    struct weir__loop *loop;
    struct weir__waitq waiting;
    struct weir__timer retry;
    weir_ns said_ns; /* when the log last said that accept fails */
    int interrupt;   /* the code that the accepting task shall return, or 0 */
    int port;
    unsigned count, closing, turn;
    bool entered, closed;
    struct weir__hatch *hatch; /* in memory, and there is no slot; NULL: on sockets */
    struct slot slots[];
};

#define ON_LISTENER .link = "on", .kind = WEIR__ON_LISTENER, \
                    .at = {.fd_at = offsetof(struct weir_listener, slots[0].file.fd)}
static const struct weir__what accepts = {.text = "accept", ON_LISTENER};
static const struct weir__what pauses = {.text = "accept: waits for an error to pass",
                                         ON_LISTENER};

/* ---- life ---- */

static void free_if_left(struct weir_listener *l) {
    if (l->closed && l->closing == 0 && !l->entered)
        weir__free(l);
}

static void slot_closed(struct weir__op *op) {
    struct weir_listener *l = op->waiter;
    weir__close_done(l->loop);
    l->closing--;
    free_if_left(l);
}

static void let_go(struct weir_listener *l, struct weir__file *file, struct weir__op *op) {
    op->waiter = l;
    l->closing++;
    weir__close_submit(l->loop, op, file, slot_closed);
}

/* ---- opening ---- */

static struct weir_listener *listener_new(struct weir__loop *loop, unsigned count) {
    struct weir_listener *l = weir__alloc_zero(sizeof *l + count * sizeof l->slots[0]);
    if (l == NULL)
        return NULL;
    l->loop = loop;
    l->count = count;
    for (unsigned i = 0; i < count; i++)
        l->slots[i].listener = l;
    return l;
}

static int simple(struct weir__loop *loop, struct weir__file *file, enum weir__op_kind kind,
                  const struct weir__addr *addr, int number) {
    struct weir__op op = {.kind = (uint8_t)kind, .file = file};
    if (addr != NULL)
        op.u.addr = addr;
    else
        op.u.number = number;
    return (int)weir__op_now(loop, &op);
}

/* Options set here are inherited by accepted sockets: no call per connection. */
static int set_up(struct weir__loop *loop, struct weir__file *file, const struct weir__addr *addr,
                  const struct weir_listen_options *o) {
    int rc = 0, family = addr->sa.sa_family;
    if (family != AF_UNIX) {
        struct weir__socket_options k = {.delay = o->delay, .keepalive_s = o->keepalive_s};
        rc = weir__socket_option(loop, file, WEIR__REUSEADDR, 1);
        if (rc >= 0 && o->reuse_port)
            rc = weir__socket_option(loop, file, WEIR__REUSEPORT, 1);
        if (rc >= 0)
            rc = weir__socket_options(loop, file, &k);
    }
    if (rc >= 0 && family == AF_INET6) /* "*" alone means both; a name binds each of its own */
        rc = weir__socket_option(loop, file, WEIR__V6ONLY,
                                 !IN6_IS_ADDR_UNSPECIFIED(&addr->in6.sin6_addr));
    if (rc >= 0)
        rc = simple(loop, file, WEIR__BIND, addr, 0);
    if (rc >= 0)
        rc = simple(loop, file, WEIR__LISTEN, NULL, o->backlog > 0 ? o->backlog : BACKLOG);
    return rc;
}

static int open_slot(struct weir_listener *l, struct slot *slot, struct weir__addr *addr,
                     const struct weir_listen_options *o) {
    if (l->port != 0)
        weir__addr_set_port(addr, (uint16_t)l->port);
    struct weir__op op = {.kind = WEIR__SOCKET,
                          .file = &slot->file,
                          .u.socket = {addr->sa.sa_family, SOCK_STREAM}};
    int rc = (int)weir__op_now(l->loop, &op);
    if (rc < 0)
        return rc;
    rc = set_up(l->loop, &slot->file, addr, o);
    slot->state = rc >= 0 ? SLOT_EMPTY : SLOT_ABSENT;
    if (rc < 0)
        let_go(l, &slot->file, &slot->close);
    if (rc >= 0 && l->port == 0) {
        struct weir__addr own;
        weir__socket_name(l->loop, &slot->file, false, &own);
        l->port = own.len > 0 ? weir__addr_port(&own) : 0;
    }
    return rc;
}

/* Is rc the error of an address whose family this machine does not have (::1 of localhost where
 * IPv6 is off)? Then the name's other addresses are enough. */
static bool is_absent(int rc) {
    return rc == -EADDRNOTAVAIL || rc == -EAFNOSUPPORT;
}

static int refused(int rc, const struct weir__addr *addr) {
    char text[WEIR__ADDR_TEXT_MAX];
    weir__addr_format(addr, text, sizeof text);
    if (rc == -EADDRINUSE && addr->sa.sa_family == AF_UNIX)
        return weir__failf(rc, "listen", text, "the path exists already: unlink it (EADDRINUSE)");
    return weir__fail(rc, "listen", text);
}

static int open_all(struct weir__loop *loop, struct weir__addr *addrs, unsigned count,
                    const struct weir_listen_options *o, struct weir_listener **ret_listener) {
    struct weir_listener *l = listener_new(loop, count);
    if (l == NULL)
        return weir__fail(-ENOMEM, "listen", NULL);
    loop->unclosed++;
    unsigned bound = 0;
    int rc = 0;
    for (unsigned i = 0; i < count; i++) {
        int mine = open_slot(l, &l->slots[i], &addrs[i], o);
        bound += mine >= 0;
        if (mine < 0)
            rc = refused(mine, &addrs[i]);
        if (mine < 0 && !is_absent(mine)) {
            bound = 0;
            break;
        }
    }
    if (bound == 0) {
        weir_unlisten(&l);
        return rc;
    }
    *ret_listener = l;
    return 0;
}

/* Port 0 with several addresses: the first address gets a free port, which may be in use on another
 * address. Then try another port. */
static int open_on(struct weir__loop *loop, struct weir__addr *addrs, unsigned count,
                   const struct weir_listen_options *o, struct weir_listener **ret_listener) {
    int tries = count > 1 && weir__addr_port(&addrs[0]) == 0 ? PORT_TRIES : 1, rc;
    do {
        rc = open_all(loop, addrs, count, o, ret_listener);
        for (unsigned i = 0; tries > 1 && i < count; i++)
            weir__addr_set_port(&addrs[i], 0);
    } while (rc == -EADDRINUSE && --tries > 0);
    return rc;
}

static bool is_path(const struct weir__addr *addr) {
    return addr->sa.sa_family == AF_UNIX && addr->un.sun_path[0] != '\0';
}

/* Try an address in use again for a moment. The listeners of a process that was killed may exist a
 * little longer than the process: the kernel takes its io_uring down up to 10 ms later [6.18]. And
 * a loop of this process gives up a closed listener with its next turn. Tries are counted and not
 * time: on a busy machine they take longer, and so does what they wait for. A path stays until
 * somebody unlinks it, so waiting for one would not help. */
static int open_patiently(struct weir__loop *loop, struct weir__addr *addrs, unsigned count,
                          const struct weir_listen_options *o,
                          struct weir_listener **ret_listener) {
    for (int tries = 0;; tries++) {
        int rc = open_on(loop, addrs, count, o, ret_listener);
        if (rc != -EADDRINUSE || is_path(&addrs[0]) || tries >= IN_USE_TRIES)
            return rc;
        rc = weir_sleep(WEIR_MILLISECONDS(IN_USE_STEP_MS));
        if (rc < 0)
            return refused(rc, &addrs[0]);
    }
}

/* "*": one socket for all addresses of both families; without IPv6 for those of IPv4. */
static int open_any(struct weir__loop *loop, uint16_t port, const struct weir_listen_options *o,
                    struct weir_listener **ret_listener) {
    struct weir__addr any;
    WEIR_CHECK(weir__addr_parse_numeric("::", port, &any) == 0);
    int rc = open_patiently(loop, &any, 1, o, ret_listener);
    if (rc != -EAFNOSUPPORT && rc != -EADDRNOTAVAIL)
        return rc;
    WEIR_CHECK(weir__addr_parse_numeric("0.0.0.0", port, &any) == 0);
    return open_patiently(loop, &any, 1, o, ret_listener);
}

/* getaddrinfo may name an address twice (a name that stands in two lines of the hosts file). */
static unsigned drop_twins(struct weir__addr *addrs, unsigned count) {
    unsigned kept = 0;
    for (unsigned i = 0; i < count; i++) {
        bool twin = false;
        for (unsigned j = 0; j < kept && !twin; j++)
            twin = weir__addr_equal(&addrs[i], &addrs[j]);
        if (!twin)
            addrs[kept++] = addrs[i];
    }
    return kept;
}

static int open_url(struct weir__loop *loop, const struct weir__url *u,
                    const struct weir_listen_options *o, struct weir_listener **ret_listener) {
    struct weir__addr addrs[WEIR__ADDRS_MAX];
    if (u->is_unix) {
        addrs[0] = u->path;
        return open_patiently(loop, addrs, 1, o, ret_listener);
    }
    if (u->host[0] == '*')
        return open_any(loop, u->port, o, ret_listener);
    int n = weir__resolve(u->host, u->port, addrs);
    if (n < 0)
        return n;
    return open_patiently(loop, addrs, drop_twins(addrs, (unsigned)n), o, ret_listener);
}

int weir__socket_listen(const char *url, const struct weir_listen_options *options,
                        struct weir_listener **ret_listener) {
    struct weir__url u;
    int rc = weir__url_parse(url, true, &u);
    return rc == 0 ? open_url(weir__loop(), &u, options, ret_listener) : rc;
}

/* A stream socket that listens? */
static int look_at_listener(int fd) {
    int type = 0, listens = 0;
    socklen_t len = sizeof type;
    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0)
        return -errno;
    if (type != SOCK_STREAM)
        return -EPROTOTYPE;
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) < 0)
        return -errno;
    int flags = listens ? fcntl(fd, F_GETFL) : -1;
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
        return listens ? -errno : -EINVAL;
    return 0;
}

static int adopt_refused(int rc, int fd) {
    char text[WEIR__NAME_TEXT];
    snprintf(text, sizeof text, "fd:%d", fd);
    return rc == -EINVAL ? weir__failf(rc, "listen", text, "the socket does not listen (EINVAL)")
                         : weir__fail(rc, "listen", text);
}

int weir__listener_adopt(int fd, struct weir_listener **ret_listener) {
    struct weir__loop *loop = weir__loop();
    int rc = loop->backend->simulated ? WEIR_ESIMREFUSED : look_at_listener(fd);
    struct weir_listener *l = rc == 0 ? listener_new(loop, 1) : NULL;
    if (l == NULL)
        return adopt_refused(rc < 0 ? rc : -ENOMEM, fd);
    struct slot *slot = &l->slots[0];
    struct weir__op op = {.kind = WEIR__ATTACH, .file = &slot->file};
    slot->file.fd = fd;
    rc = (int)weir__op_now(loop, &op);
    if (rc < 0) {
        weir__free(l);
        return adopt_refused(rc, fd);
    }
    struct weir__addr own;
    weir__socket_name(loop, &slot->file, false, &own);
    l->port = own.len > 0 && own.sa.sa_family != AF_UNIX ? weir__addr_port(&own) : 0;
    slot->state = SLOT_EMPTY;
    loop->unclosed++;
    *ret_listener = l;
    return 0;
}

/* ---- in memory ---- */

int weir__hatch_listen(const char *name, const struct weir_listen_options *options,
                       struct weir_listener **ret_listener) {
    struct weir__loop *loop = weir__loop();
    struct weir_listener *l = listener_new(loop, 0);
    int rc = l == NULL ? -ENOMEM : weir__hatch_open(name, options->backlog, &l->waiting, &l->hatch);
    if (rc < 0) {
        weir__free(l);
        return weir__fail(rc, "listen", name);
    }
    loop->unclosed++;
    *ret_listener = l;
    return 0;
}

static int accept_in_memory(struct weir_listener *l, struct weir_stream **ret_stream) {
    int rc = 0;
    while (rc == 0 && !l->closed && (rc = weir__hatch_take(l->hatch, ret_stream)) == 0)
        rc = (int)weir__waitq_wait(&l->waiting, NULL, &accepts, l);
    if (rc == 1) {
        l->entered = false;
        return 0;
    }
    return weir__listener_leave(l, weir__fail(rc < 0 ? rc : WEIR_ECLOSED, "accept", NULL));
}

int weir_listener_port(const struct weir_listener *l) {
    weir__not_null(l, "weir_listener_port");
    return l->port;
}

struct weir__loop *weir__listener_loop(const struct weir_listener *l) {
    return l->loop;
}

/* ---- closing ---- */

/* The listener is closed: reset the connection that waits in the slot. */
static void close_late(struct weir_listener *l, struct slot *slot) {
    slot->state = SLOT_EMPTY;
    if (slot->accept.result < 0)
        return;
    slot->stray.fd = (int)slot->accept.result; /* never attached: its close is a reset */
    let_go(l, &slot->stray, &slot->stray_close);
}

/* In a fork child: close the child's copies of the descriptors. */
static void leave(struct weir_listener *l) {
    weir__hatch_close(&l->hatch);
    for (unsigned i = 0; i < l->count; i++) {
        struct slot *slot = &l->slots[i];
        if (slot->state == SLOT_FULL && slot->accept.result >= 0)
            weir__fd_close_copy((int)slot->accept.result, true);
        if (slot->state != SLOT_ABSENT)
            weir__fd_close_copy(slot->file.fd, true);
    }
}

void weir_unlisten(struct weir_listener **take_listener) {
    struct weir_listener *l = take_listener != NULL ? *take_listener : NULL;
    if (l == NULL)
        return;
    weir__debug_not_closed(weir__loop(), l, "weir_unlisten", __builtin_return_address(0));
    if (weir__loop_is_parents(l->loop)) {
        *take_listener = NULL;
        leave(l);
        return;
    }
    weir__loop_assert(l->loop, "weir_unlisten");
    *take_listener = NULL;
    l->closed = true;
    l->loop->unclosed--;
    weir__debug_closed(l->loop, l, __builtin_return_address(0));
    weir__hatch_close(&l->hatch);
    l->closing++; /* this call itself; a slot that failed to open may be closing already */
    for (unsigned i = 0; i < l->count; i++) {
        if (l->slots[i].state == SLOT_FULL)
            close_late(l, &l->slots[i]);
        if (l->slots[i].state != SLOT_ABSENT)
            let_go(l, &l->slots[i].file, &l->slots[i].close);
    }
    weir__waitq_grant(&l->waiting);
    l->closing--;
    free_if_left(l);
}

/* ---- accepting ---- */

static void accepted(struct weir__op *op) {
    struct slot *slot = op->waiter;
    struct weir_listener *l = slot->listener;
    slot->state = SLOT_FULL;
    if (l->closed)
        close_late(l, slot);
    else
        weir__waitq_grant(&l->waiting);
}

static void arm(struct weir_listener *l, struct slot *slot) {
    slot->accept = (struct weir__op){.kind = WEIR__ACCEPT,
                                     .file = &slot->file,
                                     .wake = accepted,
                                     .waiter = slot,
                                     .u.accept = {&slot->peer}};
    slot->peer.len = 0;
    slot->state = SLOT_ARMED;
    if (weir__submit(l->loop->backend, &slot->accept) == WEIR__DONE)
        slot->state = SLOT_FULL;
}

/* A slot that has a connection or an error, each address in its turn; NULL if none has. Slots that
 * are empty get a new ACCEPT. */
static struct slot *full_slot(struct weir_listener *l) {
    for (unsigned i = 0; i < l->count; i++) {
        struct slot *slot = &l->slots[(l->turn + i) % l->count];
        if (slot->state == SLOT_EMPTY)
            arm(l, slot);
        if (slot->state == SLOT_FULL) {
            l->turn = (l->turn + i + 1) % l->count;
            return slot;
        }
    }
    return NULL;
}

static void retry_due(struct weir__timer *t) {
    weir__waitq_grant(&WEIR_CONTAINER(t, struct weir_listener, retry)->waiting);
}

static bool is_short(int64_t rc) {
    return rc == -EMFILE || rc == -ENFILE || rc == -ENOBUFS || rc == -ENOMEM || rc == -ENOSPC;
}

/* May a later accept succeed after this error? Errors of the network, the firewall or a shortage
 * pass; accept(2) names a dozen and says that there are more. So this lists the others, which do
 * not pass: our own mistakes and the close of the listener. */
static bool passes(int64_t rc) {
    return rc > -4096 && rc != -EBADF && rc != -ENOTSOCK && rc != -EINVAL && rc != -EFAULT &&
           rc != -ECANCELED;
}

static void say(struct weir_listener *l, weir_ns now, int why) {
    char where[32] = "a unix socket";
    if (l->said_ns != 0 && now - l->said_ns < WEIR_MILLISECONDS(SAY_MS))
        return;
    l->said_ns = now;
    if (l->port != 0)
        snprintf(where, sizeof where, "port %d", l->port);
    weir__log(WEIR_LOG_WARNING, "accept on %s: %s (%s); connections wait", where,
              weir_error_text(why), weir_error_name(why));
}

static int pause_for(struct weir_listener *l, int why) {
    weir_ns now = weir__loop_now(l->loop);
    say(l, now, why);
    weir__timer_init(&l->retry, retry_due);
    weir__timer_arm(l->loop->timers, &l->retry, weir__deadline(now, WEIR_MILLISECONDS(PAUSE_MS)));
    int rc = (int)weir__waitq_wait(&l->waiting, NULL, &pauses, l);
    weir__timer_disarm(l->loop->timers, &l->retry);
    return rc;
}

int weir__listener_pause(struct weir_listener *l, int why) {
    int rc = l->closed ? WEIR_ECLOSED : l->interrupt;
    if (rc == 0)
        rc = pause_for(l, why);
    return rc < 0 ? weir__fail(rc, "accept", NULL) : 0;
}

/* k NULL: the descriptor is what is wanted. */
static int take(struct weir_listener *l, struct slot *slot, struct weir__socket *k, int *ret_fd) {
    int64_t fd = slot->accept.result;
    if (fd >= 0) {
        int rc = 0;
        if (k != NULL)
            rc = weir__socket_adopt(k, (int)fd, &slot->peer);
        else
            *ret_fd = (int)fd;
        if (rc >= 0)
            slot->state = SLOT_EMPTY; /* else the connection stays in the slot for the next try */
        return rc >= 0 ? 1 : is_short(rc) ? pause_for(l, rc) : rc;
    }
    slot->state = SLOT_EMPTY;
    return passes(fd) ? pause_for(l, (int)fd) : (int)fd;
}

static int next_of(struct weir_listener *l, struct weir__socket *k, int *ret_fd) {
    int rc = 0;
    if (l->hatch != NULL)
        return weir__failf(-EOPNOTSUPP, "accept", NULL,
                           "a listener in memory has no sockets: use weir_accept (EOPNOTSUPP)");
    while (rc == 0) {
        struct slot *slot;
        if (l->closed || l->interrupt != 0)
            rc = l->closed ? WEIR_ECLOSED : l->interrupt;
        else if ((slot = full_slot(l)) != NULL)
            rc = take(l, slot, k, ret_fd);
        else
            rc = (int)weir__waitq_wait(&l->waiting, NULL, &accepts, l);
    }
    return rc < 0 ? weir__fail(rc, "accept", NULL) : 0;
}

int weir__listener_next(struct weir_listener *l, struct weir__socket *k) {
    return next_of(l, k, NULL);
}

void weir__listener_interrupt(struct weir_listener *l, int rc) {
    l->interrupt = rc;
    weir__waitq_grant(&l->waiting);
}

int weir__listener_enter(struct weir_listener *l, const char *what) {
    int rc = weir__suspend_enter(what);
    if (rc < 0)
        return rc;
    if ((rc = weir__loop_enter(l->loop, what)) < 0)
        return rc;
    if (l->entered)
        return weir__failf(-EBUSY, what, NULL, "another task is accepting (EBUSY)");
    l->entered = true;
    l->interrupt = 0;
    if (weir__breathe() && (l->closed || weir_cancelled() != 0))
        return weir__listener_leave(l, weir__fail(l->closed ? WEIR_ECLOSED : weir_cancelled(),
                                                  what, NULL));
    return 0;
}

int weir__listener_leave(struct weir_listener *l, int rc) {
    l->entered = false;
    if (!l->closed)
        return rc;
    free_if_left(l);
    return WEIR_ECLOSED;
}

int weir_accept(struct weir_listener *l, struct weir_stream **ret_stream) {
    weir__not_null(l, "weir_accept");
    int rc = weir__listener_enter(l, "accept");
    if (rc < 0)
        return rc;
    if (l->hatch != NULL)
        return accept_in_memory(l, ret_stream);
    struct weir__socket *k;
    while ((k = weir__alloc(sizeof *k)) == NULL)
        if ((rc = weir__listener_pause(l, -ENOMEM)) < 0)
            return weir__listener_leave(l, rc);
    weir__socket_init(k, l->loop);
    rc = weir__listener_next(l, k);
    if (rc < 0) {
        weir__free(k);
        return weir__listener_leave(l, rc);
    }
    l->entered = false; /* if l was closed just now, this connection is still returned */
    free_if_left(l);
    weir__stream_give(&k->stream, ret_stream);
    weir__stream_remember(&k->stream, __builtin_return_address(0));
    return 0;
}

int weir_accept_fd(struct weir_listener *l, int *ret_fd) {
    weir__not_null(l, "weir_accept_fd");
    int rc = weir__listener_enter(l, "accept");
    if (rc == 0 && (rc = next_of(l, NULL, ret_fd)) < 0)
        return weir__listener_leave(l, rc);
    if (rc < 0)
        return rc;
    l->entered = false; /* if l was closed just now, this connection is still returned */
    free_if_left(l);
    return 0;
}
