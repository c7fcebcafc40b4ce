/* SPDX-License-Identifier: MIT */
/* url.c - what a URL given to dial or listen means for streams. */
#include "stream/url.h"

#include <string.h>

#include "base/check.h"
#include "stream/stream.h"
#include "wire/uri.h"

static int url_refuse(const char *text, bool listening, const char *why) {
    return weir__failf(WEIR_EURL, listening ? "listen" : "dial", text, "not a URL: %s", why);
}

/* The host may be "*", which RFC 3986 does not know. Returns 0; -EINVAL: text is something else. */
static int parse_any(const char *text, struct weir__url *ret_url) {
    static const char head[] = "tcp://*:";
    size_t skip = sizeof head - 1, len = strlen(text);
    bool is_tls = strncmp(text, "tls://*", skip - 1) == 0;
    if (!is_tls && strncmp(text, head, skip - 1) != 0)
        return -EINVAL;
    if (len == skip - 1)
        return url_refuse(text, true, "no port");
    if (text[skip - 1] != ':')
        return -EINVAL;
    int64_t port = weir__chars_decimal((const uint8_t *)text + skip, len - skip, UINT16_MAX);
    if (port < 0)
        return url_refuse(text, true, "no port number up to 65535 after the colon");
    *ret_url = (struct weir__url){.host = "*", .port = (uint16_t)port, .is_tls = is_tls};
    return 0;
}

/* What the parser of URLs cannot know: which schemes there are, and what was probably meant. */
static const char *advice(const char *text, bool listening, const char *why) {
    if (strcmp(why, "unknown scheme") == 0)
        return listening ? "unknown scheme: there are tcp, tls, unix, mem and fd"
                         : "unknown scheme: there are tcp, tls, unix, udp, serial, exec, pty, "
                           "file, pipe, mem and fd";
    if (strncmp(text, "tcp://*", 7) == 0 || strncmp(text, "tls://*", 7) == 0)
        return "* is for a listener only";
    if (listening && strncmp(text, "tcp://:", 7) == 0)
        return "no host: write tcp://*:PORT for all addresses";
    if (listening && strncmp(text, "tls://:", 7) == 0)
        return "no host: write tls://*:PORT for all addresses";
    return why;
}

static int parse_unix(const char *text, bool listening, const struct weir__uri *uri,
                      struct weir__url *ret_url) {
    char path[sizeof ret_url->path.un.sun_path];
    if (uri->path.len == 0 || uri->path.len >= sizeof path)
        return url_refuse(text, listening, "the path is empty or too long for a unix socket");
    memcpy(path, text + uri->path.offset, uri->path.len);
    path[uri->path.len] = '\0';
    ret_url->is_unix = true;
    int rc = weir__addr_unix(path, &ret_url->path);
    return rc < 0 ? url_refuse(text, listening, "the path does not fit a unix socket") : 0;
}

int weir__url_parse(const char *text, bool listening, struct weir__url *ret_url) {
    struct weir__uri uri;
    if (text == NULL)
        WEIR_BUG("weir_%s: the URL is NULL", listening ? "listen" : "dial");
    int rc = listening ? parse_any(text, ret_url) : -EINVAL;
    if (rc != -EINVAL)
        return rc;
    if (weir__uri_parse(&uri, text, strlen(text), listening ? "no scheme: write tcp://HOST:PORT"
                                                            : "no scheme: write tcp://HOST:PORT, "
                                                              "unix:/PATH, file:PATH or the like")
        < 0)
        return url_refuse(text, listening, advice(text, listening, uri.why));
    *ret_url = (struct weir__url){.port = uri.port};
    switch (uri.scheme) {
    case WEIR__URI_UNIX:
        return parse_unix(text, listening, &uri, ret_url);
    case WEIR__URI_TLS:
        ret_url->is_tls = true;
        break;
    case WEIR__URI_TCP:
        break;
    case WEIR__URI_WS:
    case WEIR__URI_WSS:
        return url_refuse(text, listening,
                          listening ? "listen by tcp://, then weir_ws_accept or weir_ws_react"
                                    : "a WebSocket: use weir_ws_dial");
    default:
        return url_refuse(text, listening,
                          strncmp(text, "https:", 6) == 0
                              ? "no stream has this scheme: write tls://HOST:PORT"
                              : "no stream has this scheme: write tcp://HOST:PORT");
    }
    if (uri.port == 0 && !listening)
        return url_refuse(text, listening, "port 0 cannot be dialled");
    if (uri.host.len > WEIR__NAME_MAX)
        return url_refuse(text, listening, "the host is too long");
    memcpy(ret_url->host, text + uri.host.offset, uri.host.len);
    return 0;
}
