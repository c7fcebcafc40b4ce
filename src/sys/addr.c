/* SPDX-License-Identifier: MIT */
/* addr.c - see addr.h. */
#include "sys/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void format_v6(const struct sockaddr_in6 *in6, char *buf, size_t size) {
    char text[INET6_ADDRSTRLEN] = "?", scope[16] = "";
    inet_ntop(AF_INET6, &in6->sin6_addr, text, sizeof text);
    if (in6->sin6_scope_id != 0)
        snprintf(scope, sizeof scope, "%%%u", in6->sin6_scope_id);
    snprintf(buf, size, "[%s%s]:%u", text, scope, ntohs(in6->sin6_port));
}

/* A name without a file begins with a NUL, and may have more: each is written as "@". */
static void format_unix(const struct weir__addr *a, char *buf, size_t size) {
    char name[sizeof a->un.sun_path];
    size_t head = offsetof(struct sockaddr_un, sun_path);
    size_t len = a->len > head ? a->len - head : 0;
    len = len < sizeof name ? len : sizeof name; /* the kernel counts a NUL behind a full one */
    memcpy(name, a->un.sun_path, len);
    if (len > 0 && name[0] == '\0')
        for (char *at = name; (at = memchr(at, '\0', (size_t)(name + len - at))) != NULL;)
            *at = '@';
    snprintf(buf, size, "unix:%.*s", (int)len, name);
}

char *weir__addr_format(const struct weir__addr *a, char *buf, size_t size) {
    char text[INET_ADDRSTRLEN] = "?";
    switch (a->len >= sizeof a->sa.sa_family ? a->sa.sa_family : AF_UNSPEC) {
    case AF_INET:
        inet_ntop(AF_INET, &a->in.sin_addr, text, sizeof text);
        snprintf(buf, size, "%s:%u", text, ntohs(a->in.sin_port));
        break;
    case AF_INET6:
        format_v6(&a->in6, buf, size);
        break;
    case AF_UNIX:
        format_unix(a, buf, size);
        break;
    default:
        snprintf(buf, size, "?");
    }
    return buf;
}

static int parse_scope(const char *text, uint32_t *ret_scope) {
    bool is_number = *text != '\0' && text[strspn(text, "0123456789")] == '\0';
    unsigned long n = is_number ? strtoul(text, NULL, 10) : 0;
    if (is_number && n <= UINT32_MAX)
        *ret_scope = (uint32_t)n;
    else
        *ret_scope = if_nametoindex(text);
    return *ret_scope != 0 ? 0 : -EINVAL;
}

static int parse_v6(const char *host, struct sockaddr_in6 *in6) {
    char text[INET6_ADDRSTRLEN];
    size_t len = strcspn(host, "%");
    if (len >= sizeof text)
        return -EINVAL;
    memcpy(text, host, len);
    text[len] = '\0';
    if (inet_pton(AF_INET6, text, &in6->sin6_addr) != 1)
        return -EINVAL;
    return host[len] == '%' ? parse_scope(host + len + 1, &in6->sin6_scope_id) : 0;
}

int weir__addr_parse_numeric(const char *host, uint16_t port, struct weir__addr *ret_addr) {
    struct weir__addr a;
    memset(&a, 0, sizeof a);
    if (inet_pton(AF_INET, host, &a.in.sin_addr) == 1) {
        a.in.sin_family = AF_INET;
        a.len = sizeof a.in;
    } else if (parse_v6(host, &a.in6) == 0) {
        a.in6.sin6_family = AF_INET6;
        a.len = sizeof a.in6;
    } else {
        return -EINVAL;
    }
    weir__addr_set_port(&a, port);
    *ret_addr = a;
    return 0;
}

int weir__addr_unix(const char *path, struct weir__addr *ret_addr) {
    size_t len = strlen(path);
    if (len == 0)
        return -EINVAL;
    if (len >= sizeof ret_addr->un.sun_path)
        return -ENAMETOOLONG;
    memset(ret_addr, 0, sizeof *ret_addr);
    ret_addr->un.sun_family = AF_UNIX;
    memcpy(ret_addr->un.sun_path, path, len);
    bool abstract = path[0] == '@';
    if (abstract)
        ret_addr->un.sun_path[0] = '\0';
    ret_addr->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + !abstract);
    return 0;
}

bool weir__addr_equal(const struct weir__addr *a, const struct weir__addr *b) {
    if (a->sa.sa_family != b->sa.sa_family)
        return false;
    switch (a->sa.sa_family) {
    case AF_INET:
        return a->in.sin_port == b->in.sin_port
               && a->in.sin_addr.s_addr == b->in.sin_addr.s_addr;
    case AF_INET6:
        return a->in6.sin6_port == b->in6.sin6_port
               && a->in6.sin6_scope_id == b->in6.sin6_scope_id
               && memcmp(&a->in6.sin6_addr, &b->in6.sin6_addr, sizeof a->in6.sin6_addr) == 0;
    default:
        return a->len == b->len && memcmp(&a->sa, &b->sa, a->len) == 0;
    }
}

void weir__addr_set_port(struct weir__addr *a, uint16_t port) {
    if (a->sa.sa_family == AF_INET)
        a->in.sin_port = htons(port);
    else if (a->sa.sa_family == AF_INET6)
        a->in6.sin6_port = htons(port);
}

uint16_t weir__addr_port(const struct weir__addr *a) {
    if (a->sa.sa_family == AF_INET)
        return ntohs(a->in.sin_port);
    return a->sa.sa_family == AF_INET6 ? ntohs(a->in6.sin6_port) : 0;
}
