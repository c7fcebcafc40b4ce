/* SPDX-License-Identifier: MIT */
/* resolve.c - from names to addresses: numbers, localhost, then the resolver. */
#include "stream/resolve.h"

#include <strings.h>

#include "sys/addr.h"
#include "task/task.h"

static const struct weir__what resolves = {.text = "resolve", .kind = WEIR__ON_NAME};

/* A cancelled look-up goes on in the backend, and its answer is dropped. */
static int resolve_by_backend(const char *host, uint16_t port, struct weir__addr *ret_addrs) {
    struct weir__op op = {.kind = WEIR__RESOLVE,
                          .u.resolve = {.host = host, .port = port, .ret = ret_addrs}};
    return (int)weir__op_await(&op, &resolves, host);
}

const struct weir__resolver weir__resolver_system = {"system", resolve_by_backend};

const struct weir__resolver *weir__resolver = &weir__resolver_system;

/* RFC 6761, 6.3: localhost is both loopback addresses, and no resolver is asked. Some hosts files
 * name 127.0.0.1 alone. */
static int localhost(uint16_t port, struct weir__addr *ret_addrs) {
    (void)weir__addr_parse_numeric("::1", port, &ret_addrs[0]);
    (void)weir__addr_parse_numeric("127.0.0.1", port, &ret_addrs[1]);
    return 2;
}

int weir__resolve(const char *host, uint16_t port, struct weir__addr *ret_addrs) {
    if (weir__addr_parse_numeric(host, port, ret_addrs) == 0)
        return 1;
    if (strcasecmp(host, "localhost") == 0 || strcasecmp(host, "localhost.") == 0)
        return localhost(port, ret_addrs);
    int rc = weir__resolver->resolve(host, port, ret_addrs);
    if (rc == 0)
        rc = WEIR_ENONAME;
    return rc < 0 ? weir__fail(rc, "resolve", host) : rc;
}
