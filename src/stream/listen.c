/* SPDX-License-Identifier: MIT */
/* listen.c - opening and closing a listener: one socket for each address of its name, all on one
 * port. */
#include "stream/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/check.h"
#include "loop/debug.h"
#include "stream/open.h"
#include "stream/resolve.h"
#include "stream/url.h"
#include "sys/fds.h"

enum {
    BACKLOG = 4096,       /* the kernel cuts it to net.core.somaxconn (4096 since 5.4) */
    PORT_TRIES = 8,       /* a free port of the first address may be taken on the second */
    IN_USE_TRIES = 50,    /* an address in use is tried again so often: see open_patiently */
    IN_USE_STEP_MS = 1
};

/* ---- opening ---- */

static struct weir_listener *listener_new(struct weir__loop *loop, unsigned count) {
    struct weir_listener *l = weir__alloc_zero(sizeof *l + count * sizeof l->slots[0]);
    if (l == NULL)
        return NULL;
    l->loop = loop;
    l->count = count;
    weir__debug_begins(loop, l);
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
        weir__listener_let_go(l, &slot->file, &slot->close);
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

int weir_listener_port(const struct weir_listener *l) {
    weir__not_null(l, "weir_listener_port");
    return l->port;
}

/* ---- closing ---- */

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
    weir__loop_assert(l->loop, l, "weir_unlisten");
    *take_listener = NULL;
    l->closed = true;
    l->loop->unclosed--;
    weir__debug_closed(l->loop, l, __builtin_return_address(0));
    weir__hatch_close(&l->hatch);
    l->closing++; /* this call itself; a slot that failed to open may be closing already */
    for (unsigned i = 0; i < l->count; i++) {
        if (l->slots[i].state == SLOT_FULL)
            weir__listener_close_late(l, &l->slots[i]);
        if (l->slots[i].state != SLOT_ABSENT)
            weir__listener_let_go(l, &l->slots[i].file, &l->slots[i].close);
    }
    weir__waitq_grant(&l->waiting);
    l->closing--;
    weir__listener_free(l);
}

