/* SPDX-License-Identifier: MIT */
/* address.c - addresses as values, and from names. */
#include "datagram/address.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "stream/resolve.h"
#include "task/task.h"
#include "wire/chars.h"

int weir__addr_split(const char *text, char host[WEIR__NAME_MAX + 1], uint16_t *ret_port) {
    bool bracket = text[0] == '[';
    const char *from = text + bracket, *end = strchr(from, bracket ? ']' : ':');
    size_t len = end != NULL ? (size_t)(end - from) : 0;
    if (len == 0 || len > WEIR__NAME_MAX || end[bracket] != ':')
        return -EINVAL;
    const char *digits = end + bracket + 1;
    int64_t port = weir__chars_decimal((const uint8_t *)digits, strlen(digits), UINT16_MAX);
    if (port < 0)
        return -EINVAL;
    memcpy(host, from, len);
    host[len] = '\0';
    *ret_port = (uint16_t)port;
    return 0;
}

int weir__addr_parse(const char *text, struct weir__addr *ret_addr) {
    char host[WEIR__NAME_MAX + 1];
    uint16_t port;
    if (strncmp(text, "unix:", 5) == 0)
        return weir__addr_unix(text + 5, ret_addr);
    if (weir__addr_split(text, host, &port) < 0)
        return -EINVAL;
    if ((text[0] == '[') != (strchr(host, ':') != NULL)) /* brackets are for IPv6 */
        return -EINVAL;
    return weir__addr_parse_numeric(host, port, ret_addr);
}

int weir_addr_parse(const char *text, struct weir_addr *ret_addr) {
    struct weir__addr a;
    weir__argument_not_null(text, "weir_addr_parse", "text");
    int rc = weir__addr_parse(text, &a);
    if (rc < 0)
        return weir__failf(rc, "address", text, "%s (%s)", rc == -EINVAL
                           ? "write 127.0.0.1:53, [::1]:53 or unix:/path; for a name weir_resolve"
                           : weir_error_text(rc), weir_error_name(rc));
    weir__addr_give(&a, ret_addr);
    return 0;
}

char *weir_addr_text(const struct weir_addr *a, char *buf, size_t size) {
    weir__argument_not_null(a, "weir_addr_text", "address");
    return weir__addr_format(weir__addr_of(a), buf, size);
}

int weir_addr_port(const struct weir_addr *a) {
    weir__argument_not_null(a, "weir_addr_port", "address");
    return weir__addr_port(weir__addr_of(a));
}

void weir_addr_set_port(struct weir_addr *a, int port) {
    weir__argument_not_null(a, "weir_addr_set_port", "address");
    WEIR_CHECK(port >= 0 && port <= UINT16_MAX);
    weir__addr_set_port(weir__addr_in(a), (uint16_t)port);
}

bool weir_addr_equal(const struct weir_addr *a, const struct weir_addr *b) {
    weir__argument_not_null(a, "weir_addr_equal", "address");
    weir__argument_not_null(b, "weir_addr_equal", "address");
    return weir__addr_equal(weir__addr_of(a), weir__addr_of(b));
}

const struct sockaddr *weir_addr_sockaddr(const struct weir_addr *a, socklen_t *ret_len) {
    weir__argument_not_null(a, "weir_addr_sockaddr", "address");
    *ret_len = weir__addr_of(a)->len;
    return &weir__addr_of(a)->sa;
}

static bool fits(const struct sockaddr *sa, socklen_t len) {
    if (len < sizeof sa->sa_family)
        return false;
    switch (sa->sa_family) {
    case AF_INET:
        return len == sizeof(struct sockaddr_in);
    case AF_INET6:
        return len == sizeof(struct sockaddr_in6);
    default:
        return sa->sa_family == AF_UNIX && len <= sizeof(struct sockaddr_un);
    }
}

/* A path ends with its NUL, as the kernel gives it, whatever the program says of its length. */
static void cut_path(struct weir__addr *a) {
    size_t head = offsetof(struct sockaddr_un, sun_path);
    if (a->sa.sa_family == AF_UNIX && a->len > head && a->un.sun_path[0] != '\0')
        a->len = (socklen_t)(head + strnlen(a->un.sun_path, sizeof a->un.sun_path - 1) + 1);
}

int weir_addr_from_sockaddr(const struct sockaddr *sa, socklen_t len,
                            struct weir_addr *ret_addr) {
    struct weir__addr a = {.len = len};
    weir__argument_not_null(sa, "weir_addr_from_sockaddr", "address");
    if (!fits(sa, len))
        return -EINVAL;
    memcpy(&a.sa, sa, len);
    cut_path(&a);
    weir__addr_give(&a, ret_addr);
    return 0;
}

int weir_resolve(const char *host, int port, struct weir_addr *ret_addrs, size_t max) {
    struct weir__addr found[WEIR__ADDRS_MAX];
    int rc = weir__suspend_enter("resolve");
    if (rc < 0)
        return rc;
    weir__argument_not_null(host, "weir_resolve", "host");
    if (port < 0 || port > UINT16_MAX)
        return weir__failf(-EINVAL, "resolve", host, "the port is %d, and not 0 to 65535", port);
    int count = weir__resolve(host, (uint16_t)port, found);
    for (int i = 0; i < count && (size_t)i < max; i++)
        weir__addr_give(&found[i], &ret_addrs[i]);
    return count;
}
