/* SPDX-License-Identifier: MIT */
/* option.c - options of a connection's socket, by name. */
#include <errno.h>
#include <limits.h>
#include <weir/option.h>

#include "stream/socket.h"

static const struct {
    const char *name;
    enum weir__option option;
    int max; /* the least is 0 */
} by_option[] = {
    [WEIR_STREAM_NODELAY] = {"nodelay", WEIR__NODELAY, 1},
    [WEIR_STREAM_KEEPALIVE] = {"keepalive", WEIR__KEEPALIVE, 32767},
    [WEIR_STREAM_KEEPALIVE_INTERVAL] = {"keepalive interval", WEIR__KEEPINTVL, 32767},
    [WEIR_STREAM_KEEPALIVE_COUNT] = {"keepalive count", WEIR__KEEPCNT, 127},
    [WEIR_STREAM_USER_TIMEOUT] = {"user timeout", WEIR__USER_TIMEOUT, INT_MAX},
    [WEIR_STREAM_SEND_BUFFER] = {"send buffer", WEIR__SNDBUF, INT_MAX / 2},
    [WEIR_STREAM_RECEIVE_BUFFER] = {"receive buffer", WEIR__RCVBUF, INT_MAX / 2},
    [WEIR_STREAM_RESET] = {"reset", WEIR__LINGER0, 1},
    [WEIR_STREAM_QUICKACK] = {"quickack", WEIR__QUICKACK, 1},
    [WEIR_STREAM_MARK] = {"mark", WEIR__MARK, INT_MAX},
    [WEIR_STREAM_PRIORITY] = {"priority", WEIR__PRIORITY, INT_MAX},
};

static int failed(struct weir_stream *s, int rc, const char *what) {
    char text[WEIR__NAME_TEXT];
    s->kind->address(s, true, text);
    return weir__fail(rc, what, text);
}

/* Another kind of stream may have a descriptor that is a socket: the op asks the kernel. */
static int run(struct weir_stream *s, struct weir__op *op) {
    struct weir__file other = {.fd = -1};
    op->file = weir__socket_file(s);
    if (op->file == NULL) {
        if (s->kind->fd == NULL)
            return -EOPNOTSUPP;
        other.fd = s->kind->fd(s);
        op->file = &other;
    }
    int rc = (int)weir__op_now(s->loop, op);
    return rc == -ENOTSOCK || rc == -ENOPROTOOPT ? -EOPNOTSUPP : rc;
}

static bool is_known(enum weir_socket_option option) {
    return option < sizeof by_option / sizeof by_option[0];
}

int weir_stream_option(struct weir_stream *s, enum weir_socket_option option, int value) {
    weir__not_null(s, "weir_stream_option");
    int rc = weir__loop_enter(s->loop, s, "weir_stream_option");
    if (rc < 0)
        return rc;
    if (!is_known(option) || value < 0 || value > by_option[option].max)
        return failed(s, -EINVAL, is_known(option) ? by_option[option].name : "set an option");
    struct weir__op op = {.kind = WEIR__SETOPT,
                          .u.option = {.option = by_option[option].option, .value = value}};
    rc = run(s, &op);
    return rc < 0 ? failed(s, rc, by_option[option].name) : 0;
}

int weir_stream_option_get(struct weir_stream *s, enum weir_socket_option option,
                           int *ret_value) {
    weir__not_null(s, "weir_stream_option_get");
    int rc = weir__loop_enter(s->loop, s, "weir_stream_option_get");
    if (rc < 0)
        return rc;
    if (!is_known(option))
        return failed(s, -EINVAL, "read an option");
    struct weir__op op = {.kind = WEIR__GETOPT,
                          .u.option = {.option = by_option[option].option}};
    rc = run(s, &op);
    if (rc < 0)
        return failed(s, rc, by_option[option].name);
    *ret_value = op.u.option.value;
    return 0;
}
