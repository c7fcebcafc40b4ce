/* SPDX-License-Identifier: MIT */
/* open.c - a socket for datagrams from a URL: bound, or connected to a peer. */
#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/options.h"
#include "datagram/address.h"
#include "datagram/datagram.h"
#include "loop/debug.h"
#include "stream/resolve.h"
#include "stream/socket.h"

static const struct weir__what dials = {.text = "dial of datagrams", .link = "on",
                                        .kind = WEIR__ON_FD};

enum { IN_USE_MS = 50, IN_USE_STEP_MS = 5 };

struct plan {
    const char *call; /* "weir_dgram_open", "weir_dgram_dial" */
    const char *url;
    const struct weir_dgram_options *o;
    bool dials, any;
    const void *pc; /* where the program made the call */
    struct weir__addr local; /* dial: to bind to; len 0: none */
    struct weir__addr addrs[WEIR__ADDRS_MAX];
    int count;
};

/* ---- the URL -------------------------------------------------------------------------------- */

static const char *what_of(const struct plan *p) {
    return p->dials ? "dial of datagrams" : "open of a datagram socket";
}

static int refuse(const struct plan *p, const char *why) {
    return weir__failf(WEIR_EURL, what_of(p), p->url, "not a URL for datagrams: %s", why);
}

static int parse_unix(struct plan *p, const char *path) {
    p->count = 1;
    int rc = weir__addr_unix(path, &p->addrs[0]);
    return rc < 0 ? refuse(p, "the path is empty or too long for a unix socket") : 0;
}

static int find_any(struct plan *p, uint16_t port) {
    p->any = true;
    p->count = p->o->v6only ? 1 : 2;
    (void)weir__addr_parse_numeric("::", port, &p->addrs[0]);
    (void)weir__addr_parse_numeric("0.0.0.0", port, &p->addrs[1]);
    return 0;
}

/* Fill addrs. Suspends for a name. */
static int find(struct plan *p) {
    char host[WEIR__NAME_MAX + 1];
    uint16_t port;
    weir__argument_not_null(p->url, p->call, "URL");
    if (strncmp(p->url, "unixgram:", 9) == 0)
        return parse_unix(p, p->url + 9);
    if (strncmp(p->url, "udp://", 6) != 0)
        return refuse(p, "write udp://HOST:PORT or unixgram:/PATH");
    if (weir__addr_split(p->url + 6, host, &port) < 0)
        return refuse(p, "write udp://HOST:PORT, or udp://*:PORT for all addresses");
    if (strcmp(host, "*") == 0)
        return p->dials ? refuse(p, "* cannot be dialled") : find_any(p, port);
    if (port == 0 && p->dials)
        return refuse(p, "port 0 cannot be dialled");
    p->count = weir__resolve(host, port, p->addrs);
    return p->count < 0 ? p->count : 0;
}

/* ---- the socket ----------------------------------------------------------------------------- */

static int call(struct weir_dgram *d, enum weir__op_kind kind, const struct weir__addr *addr) {
    struct weir__op op = {.kind = (uint8_t)kind, .file = &d->file, .u.addr = addr};
    return (int)weir__op_now(d->loop, &op);
}

static int set(struct weir_dgram *d, enum weir__option option, int value, int rc) {
    return rc < 0 || value == 0 ? rc : weir__socket_option(d->loop, &d->file, option, value);
}

static int set_up(struct weir_dgram *d, const struct plan *p, const struct weir__addr *addr) {
    const struct weir_dgram_options *o = p->o;
    int rc = set(d, WEIR__SNDBUF, o->send_buffer, 0);
    rc = set(d, WEIR__RCVBUF, o->receive_buffer, rc);
    if (d->family == AF_UNIX)
        return rc;
    rc = set(d, WEIR__REUSEADDR, o->reuse_addr, rc);
    rc = set(d, WEIR__REUSEPORT, o->reuse_port, rc);
    rc = set(d, WEIR__BROADCAST, o->broadcast, rc);
    rc = set(d, WEIR__TTL, o->ttl, rc);
    if (rc >= 0 && o->no_loop)
        rc = weir__socket_option(d->loop, &d->file, WEIR__MULTICAST_LOOP, 0);
    if (rc < 0 || d->family != AF_INET6)
        return rc;
    bool both = IN6_IS_ADDR_UNSPECIFIED(&addr->in6.sin6_addr) && !o->v6only;
    return weir__socket_option(d->loop, &d->file, WEIR__V6ONLY, !both);
}

/* A unix socket without a name cannot be answered: the kernel gives it one. */
static const struct weir__addr *own_name(const struct plan *p, const struct weir_dgram *d) {
    static const struct weir__addr nameless = {.len = sizeof(sa_family_t),
                                               .sa.sa_family = AF_UNIX};
    if (p->local.len > 0)
        return &p->local;
    return d->family == AF_UNIX ? &nameless : NULL;
}

static int connect_to(struct weir_dgram *d, const struct plan *p,
                      const struct weir__addr *addr) {
    const struct weir__addr *own = own_name(p, d);
    int rc = own != NULL ? call(d, WEIR__BIND, own) : 0;
    if (rc < 0)
        return rc;
    struct weir__op op = {.kind = WEIR__CONNECT, .file = &d->file, .u.addr = addr};
    return (int)weir__op_await(&op, &dials, &d->file.fd);
}

static int open_at(const struct plan *p, const struct weir__addr *addr,
                   struct weir_dgram **ret_dgram) {
    struct weir_dgram *d = weir__alloc_zero(sizeof *d);
    if (d == NULL)
        return -ENOMEM;
    d->loop = weir__loop();
    weir__debug_begins(d->loop, d);
    d->family = addr->sa.sa_family;
    d->file = (struct weir__file){.fd = -1, .exact = true};
    struct weir__op op = {
        .kind = WEIR__SOCKET, .file = &d->file, .u.socket = {d->family, SOCK_DGRAM}};
    int rc = (int)weir__op_now(d->loop, &op);
    if (rc < 0) {
        weir__free(d);
        return rc;
    }
    rc = set_up(d, p, addr);
    if (rc >= 0)
        rc = p->dials ? connect_to(d, p, addr) : call(d, WEIR__BIND, addr);
    if (rc < 0) {
        weir_dgram_close(&d);
        return rc;
    }
    *ret_dgram = d;
    return 0;
}

/* The first address with which it succeeds; else the error of the last. */
static int open_first(const struct plan *p, struct weir_dgram **ret_dgram) {
    struct weir_dgram *d = NULL;
    char text[WEIR__ADDR_TEXT_MAX];
    int rc = 0;
    for (int i = 0; i < p->count && d == NULL; i++) {
        rc = i > 0 ? weir_cancelled() : 0;
        if (rc == 0)
            rc = open_at(p, &p->addrs[i], &d);
        if (rc < 0)
            weir__fail(rc, what_of(p), weir__addr_format(&p->addrs[i], text, sizeof text));
        bool hopeless = rc == -ECANCELED || rc == -ETIME || rc == -ENOMEM || rc == -EMFILE;
        if (hopeless || (p->any && rc != -EAFNOSUPPORT && rc != -EADDRNOTAVAIL))
            break;
    }
    if (d == NULL)
        return rc;
    d->given = true;
    d->loop->unclosed++;
    weir__debug_made(d->loop, d, "datagram socket of", p->url, p->pc);
    *ret_dgram = d;
    return 0;
}

/* An address in use is tried again for a moment, as weir_listen does: a socket that was closed has
 * its address until the loop has turned, and io_uring keeps those of a process that was killed up
 * to 10 ms longer. A path stays until somebody unlinks it. */
static int open_patiently(const struct plan *p, struct weir_dgram **ret_dgram) {
    const struct weir__addr *own = p->dials ? &p->local : &p->addrs[0];
    bool is_path = own->sa.sa_family == AF_UNIX && own->un.sun_path[0] != '\0';
    for (int waited_ms = 0;; waited_ms += IN_USE_STEP_MS) {
        int rc = open_first(p, ret_dgram);
        if (rc != -EADDRINUSE || is_path || waited_ms >= IN_USE_MS)
            return rc;
        if ((rc = weir_sleep(WEIR_MILLISECONDS(IN_USE_STEP_MS))) < 0)
            return weir__fail(rc, what_of(p), p->url);
    }
}

static int open_by(struct plan *p, struct weir_dgram **ret_dgram) {
    if (p->o->ttl < 0 || p->o->ttl > 255)
        return weir__failf(-EINVAL, what_of(p), p->url, "ttl is %d, and not 0 to 255", p->o->ttl);
    if (p->o->local != NULL && weir__addr_parse(p->o->local, &p->local) < 0)
        return weir__failf(-EINVAL, what_of(p), p->url, "local is no HOST:PORT: %s",
                           p->o->local);
    int rc = find(p);
    return rc < 0 ? rc : open_patiently(p, ret_dgram);
}

int weir_dgram_open(const char *url, const struct weir_dgram_options *options,
                    struct weir_dgram **ret_dgram) {
    struct weir_dgram_options o;
    int rc = weir__suspend_enter("open of a datagram socket");
    if (rc < 0)
        return rc;
    WEIR_OPTIONS_COPY(struct weir_dgram_options, receive_buffer, &o, options);
    o.local = NULL;
    struct plan p = {.call = "weir_dgram_open", .url = url, .o = &o,
                     .pc = __builtin_return_address(0)};
    return open_by(&p, ret_dgram);
}

int weir_dgram_dial(const char *url, const struct weir_dgram_options *options,
                    struct weir_dgram **ret_dgram) {
    struct weir_dgram_options o;
    int rc = weir__suspend_enter("dial of datagrams");
    if (rc < 0)
        return rc;
    WEIR_OPTIONS_COPY(struct weir_dgram_options, receive_buffer, &o, options);
    struct plan p = {.call = "weir_dgram_dial", .url = url, .o = &o, .dials = true,
                     .pc = __builtin_return_address(0)};
    return open_by(&p, ret_dgram);
}
