/* SPDX-License-Identifier: MIT */
/* scheme.c - weir_dial and weir_listen: the scheme of a URL chooses the room that opens it. So a
 * configuration can replace a server's address by a command, a serial port or a peer in memory. */
#include "dial/scheme.h"

#include <stdio.h>
#include <string.h>
#include <weir/serial.h>

#include "base/check.h"
#include "base/options.h"
#include "loop/debug.h"
#include "stream/open.h"
#include "stream/secure.h"
#include "stream/stream.h"
#include "stream/tls_table.h"
#include "stream/url.h"
#include "task/task.h"

static int dial_socket(const char *rest, const char *url, const struct weir_dial_options *options,
                       struct weir_stream **ret_stream) {
    return weir__socket_dial(url, options, ret_stream);
}

static int listen_socket(const char *rest, const char *url,
                         const struct weir_listen_options *options,
                         struct weir_listener **ret_listener) {
    return weir__socket_listen(url, options, ret_listener);
}

static int dial_serial(const char *rest, const char *url, const struct weir_dial_options *options,
                       struct weir_stream **ret_stream) {
    return weir_serial_open(url, ret_stream);
}

/* A URL of none of these is a socket's, which knows what is wrong with it. */
static const struct weir__scheme sockets = {"tcp", dial_socket, listen_socket, NULL};

static const struct weir__scheme schemes[] = {
    {"mem", weir__dial_memory, weir__listen_memory, NULL},
    {"fd", weir__dial_descriptor, weir__listen_descriptor, NULL},
    {"exec", weir__dial_command, NULL, "a command can be dialled only"},
    {"pty", weir__dial_pty, NULL, "a command can be dialled only"},
    {"serial", dial_serial, NULL, "a serial port can be dialled only"},
    {"file", weir__dial_file, NULL, "a file can be dialled only"},
    {"pipe", weir__dial_pipe, NULL, "a pipe has no connections: it can be dialled only"},
    {"udp", weir__dial_udp, NULL, "udp has no connections: use weir_dgram_open"},
};

/* *ret_rest: what stands behind the colon. */
static const struct weir__scheme *scheme_of(const char *url, const char **ret_rest) {
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        size_t len = strlen(schemes[i].name);
        if (strncmp(url, schemes[i].name, len) != 0 || url[len] != ':')
            continue;
        *ret_rest = url + len + 1;
        return &schemes[i];
    }
    *ret_rest = url;
    return &sockets;
}

/* The certificate is for another name: the options of weir_dial have a way out that other clients
 * of TLS have not. */
static int advise(int rc) {
    static const char ends[] = ": dial such a name";
    const struct weir_error *e = rc == WEIR_ECERT ? weir_error(rc) : NULL;
    size_t len = e != NULL ? strlen(e->text) : 0;
    if (len < strlen(ends) || strcmp(e->text + len - strlen(ends), ends) != 0)
        return rc;
    struct weir_error more;
    weir__error_keep(&more);
    snprintf(more.text + len, sizeof more.text - len, ", or set tls_name");
    weir__error_restore(&more);
    return rc;
}

/* TLS over what the URL opens: by tls://, or because options->tls is set. */
static int dial_secure(const struct weir__scheme *scheme, const char *rest, const char *url,
                       const struct weir_dial_options *options, struct weir_stream **ret_stream) {
    struct weir_stream *s;
    struct weir__url u = {.port = 0};
    if (weir__tls_table == NULL)
        return weir__tls_missing("dial", url);
    int rc = scheme == &sockets ? weir__url_parse(url, false, &u) : 0;
    if (rc == 0)
        rc = scheme->dial(rest, url, options, &s);
    return rc < 0 ? rc : advise(weir__secure_dial(&s, url, u.host, options, ret_stream));
}

int weir_dial(const char *url, const struct weir_dial_options *options,
              struct weir_stream **ret_stream) {
    const char *rest;
    int rc = weir__suspend_enter("dial");
    if (rc < 0)
        return rc;
    struct weir_dial_options o;
    WEIR_OPTIONS_COPY(struct weir_dial_options, tls_name, &o, options);
    if (url == NULL)
        WEIR_BUG("weir_dial: the URL is NULL");
    const struct weir__scheme *s = scheme_of(url, &rest);
    if (o.tls != NULL || strncmp(url, "tls:", 4) == 0)
        return dial_secure(s, rest, url, &o, ret_stream);
    rc = s->dial(rest, url, &o, ret_stream);
    if (rc == 0)
        weir__stream_remember(*ret_stream, __builtin_return_address(0));
    return rc;
}

int weir_listen(const char *url, const struct weir_listen_options *options,
                struct weir_listener **ret_listener) {
    const char *rest;
    int rc = weir__suspend_enter("listen");
    if (rc < 0)
        return rc;
    struct weir_listen_options o;
    WEIR_OPTIONS_COPY(struct weir_listen_options, tls, &o, options);
    if (url == NULL)
        WEIR_BUG("weir_listen: the URL is NULL");
    const struct weir__scheme *s = scheme_of(url, &rest);
    bool is_secure = o.tls != NULL || strncmp(url, "tls:", 4) == 0;
    if (is_secure && weir__tls_table == NULL)
        return weir__tls_missing("listen", url);
    if (s->listen == NULL)
        return weir__url_refused("listen", url, s->cannot_listen);
    rc = s->listen(rest, url, &o, ret_listener);
    if (rc == 0 && is_secure &&
        (rc = weir__secure_listener(*ret_listener, o.tls, url)) < 0)
        weir_unlisten(ret_listener);
    if (rc == 0)
        weir__debug_made(weir__loop(), *ret_listener, "listener of", url,
                         __builtin_return_address(0));
    return rc;
}
