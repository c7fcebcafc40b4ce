/* SPDX-License-Identifier: MIT */
/* ws_admit.c - whom a server lets in: the pages of which origins, under which names of its own. */
#include "proto/ws_admit.h"

#include <errno.h>
#include <string.h>

#include "stream/stream.h"
#include "sys/addr.h"
#include "task/task.h"
#include "wire/origin.h"
#include "wire/uri.h"

/* ---- origins ---- */

static bool is_one_of(const char *const *list, const char *base, size_t len) {
    for (; list != NULL && *list != NULL; list++)
        if (strlen(*list) == len && strncasecmp(*list, base, len) == 0)
            return true;
    return false;
}

bool weir__ws_knows_origin(const struct weir_ws *ws, const char *base, size_t len) {
    return is_one_of(ws->config->o.origins, "*", 1) || is_one_of(ws->config->o.origins, base, len);
}

/* Pages of files have this origin in some applications. Browsers send all in lower case, but here
 * case makes no difference. */
static const char *origin_refused(const char *text) {
    char lower[WEIR__NAME_MAX + 64];
    size_t len = strlen(text);
    if (strcmp(text, "*") == 0 || strcmp(text, "file://") == 0)
        return NULL;
    if (len >= sizeof lower)
        return "it is too long";
    for (size_t i = 0; i <= len; i++)
        lower[i] = (char)(text[i] >= 'A' && text[i] <= 'Z' ? text[i] | 0x20 : text[i]);
    return weir__origin_refused(lower);
}

/* ---- hosts ---- */

/* One host, in whichever spelling: a name without the dot of its root, or an address as bytes. */
struct host {
    size_t len; /* of the name, or of the address: 4 or 16 */
    bool is_address;
    char bytes[WEIR__NAME_MAX + 1];
};

static bool host_read(struct host *h, const char *text, size_t len) {
    struct weir__addr a;
    text = weir__uri_host_bare(text, &len);
    len -= len > 1 && text[len - 1] == '.';
    if (len >= sizeof h->bytes)
        return false;
    memcpy(h->bytes, text, len);
    h->bytes[len] = '\0';
    h->bytes[strcspn(h->bytes, "%")] = '\0'; /* a zone says through which door, not to whom */
    h->len = strlen(h->bytes);
    h->is_address = weir__addr_parse_numeric(h->bytes, 0, &a) == 0;
    if (!h->is_address)
        return true;
    bool is_mapped = a.sa.sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&a.in6.sin6_addr);
    h->len = a.sa.sa_family == AF_INET || is_mapped ? 4 : 16;
    memcpy(h->bytes,
           h->len == 16 ? (void *)&a.in6.sin6_addr
           : is_mapped  ? (void *)&a.in6.sin6_addr.s6_addr[12]
                        : (void *)&a.in.sin_addr,
           h->len);
    return true;
}

static bool host_is(const struct host *h, const char *text, size_t len) {
    struct host other;
    return host_read(&other, text, len) && other.len == h->len &&
           other.is_address == h->is_address &&
           (h->is_address ? memcmp(other.bytes, h->bytes, h->len)
                          : strncasecmp(other.bytes, h->bytes, h->len)) == 0;
}

/* The host part of the address that the client reached us under: "127.0.0.1:80", "[::1]:80". */
static bool is_local_address(struct weir_ws *ws, const struct host *h) {
    char local[WEIR__NAME_TEXT] = ""; /* not by weir_stream_local, which keeps it */
    ws->stream->kind->address(ws->stream, false, local);
    const char *colon = strrchr(local, ':');
    return host_is(h, local, colon ? (size_t)(colon - local) : strlen(local));
}

static bool is_default_host(struct weir_ws *ws, const struct host *h) {
    static const char *const loopback[] = {"localhost", "127.0.0.1", "::1"};
    for (size_t i = 0; i < 3; i++)
        if (host_is(h, loopback[i], strlen(loopback[i])))
            return true;
    return is_local_address(ws, h);
}

/* RFC 6455 10.2 leaves this to us. A page that a browser loaded under a foreign name must not
 * reach a server on this machine (DNS rebinding). */
bool weir__ws_knows_host(struct weir_ws *ws, const char *buf, struct weir__slice host) {
    const char *const *list = ws->config->o.hosts;
    struct weir__uri u;
    struct host h;
    const char *text = buf + host.offset;
    if (is_one_of(list, "*", 1))
        return true;
    if (weir__uri_parse_authority(&u, text, host.len) < 0 ||
        !host_read(&h, text + u.host.offset, u.host.len))
        return false;
    for (size_t i = 0; list != NULL && list[i] != NULL; i++)
        if (list[i][0] == '\0' ? is_default_host(ws, &h) : host_is(&h, list[i], strlen(list[i])))
            return true;
    return list == NULL && is_default_host(ws, &h);
}

static const char *host_refused(const char *text) {
    struct host h;
    if (*text == '\0' || strcmp(text, "*") == 0)
        return NULL;
    if (!host_read(&h, text, strlen(text)))
        return "it is too long";
    if (h.is_address)
        return NULL;
    const char *why = weir__uri_host_refused(h.bytes, h.len);
    return why == NULL ? NULL
           : strstr(text, "://") == NULL && strchr(text, ':') != NULL
               ? "write the host without a port, as \"example.org\""
               : "write a host alone, as \"example.org\"";
}

/* ---- both ---- */

int weir__ws_lists_check(const char *what, const struct weir_ws_options *o) {
    const char *why;
    for (const char *const *at = o->origins; at != NULL && *at != NULL; at++)
        if ((why = origin_refused(*at)) != NULL)
            return weir__failf(-EINVAL, what, NULL,
                               "\"%.48s\" in origins of weir_ws_options is no origin: %s", *at,
                               why);
    for (const char *const *at = o->hosts; at != NULL && *at != NULL; at++)
        if ((why = host_refused(*at)) != NULL)
            return weir__failf(-EINVAL, what, NULL,
                               "\"%.48s\" in hosts of weir_ws_options lets nobody in: %s", *at,
                               why);
    return 0;
}
