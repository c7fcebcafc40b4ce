/* SPDX-License-Identifier: MIT */
/* serial.c - opening and closing serial ports. The open file description is our own and
 * non-blocking. A port is claimed in two ways: TIOCEXCL refuses every later open but root's, and
 * flock refuses programs that ask for the lock, root's too. */
#include "device/serial.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/options.h"
#include "sys/fds.h"

void weir__serial_port_unref(struct weir__port *p) {
    if (--p->refs == 0)
        weir__free(p);
}

/* ---- the kind of stream --------------------------------------------------------------------- */

struct serial { /* the state in the stream */
    struct weir__port *port;
};

static int64_t result(void *state, bool writes, int64_t n) {
    return n == 0 || weir__serial_is_unplugged(n) ? WEIR_EUNPLUGGED : n;
}

/* A terminal that somebody else has open too would stay exclusive. */
static void disclaim(const struct weir__port *p) {
    if (p->claimed)
        weir__serial_control(p->fd, TIOCNXCL, NULL);
}

static void closing(void *state, int fd) {
    struct weir__port *p = ((struct serial *)state)->port;
    if (p->breaks > 0)
        weir__serial_control(p->fd, TIOCCBRK, NULL);
    disclaim(p);
    p->fd = -1;
    weir__serial_port_unref(p);
}

static void describe(void *state, char *ret_text) {
    const struct weir__port *p = ((struct serial *)state)->port;
    int most = WEIR__NAME_TEXT - (int)sizeof "serial:";
    snprintf(ret_text, WEIR__NAME_TEXT, "serial:%.*s", most, p != NULL ? p->path : "");
}

static const struct weir__fd_kind serial_kind = {.name = "serial",
                                                 .is_own = true,
                                                 .state_size = sizeof(struct serial),
                                                 .result = result,
                                                 .closing = closing,
                                                 .describe = describe};

int weir__serial_fail(int rc, const char *call, const struct weir__port *p) {
    return weir__fail(rc, call, p->path);
}

int weir__serial_port(struct weir_stream *s, const char *call, struct weir__port **ret_port) {
    weir__not_null(s, call);
    int rc = weir__loop_enter(s->loop, s, call);
    if (rc < 0)
        return rc;
    struct serial *serial = weir__stream_fd_state(s, &serial_kind);
    if (serial == NULL)
        return weir__fail(-ENOTTY, call, NULL);
    *ret_port = serial->port;
    return 0;
}

/* ---- opening -------------------------------------------------------------------------------- */

static int claim(int fd) {
    if (flock(fd, LOCK_EX | LOCK_NB) < 0)
        return errno == EWOULDBLOCK ? -EBUSY : -errno;
    return weir__serial_control(fd, TIOCEXCL, NULL);
}

static int refused(int rc, const char *path, const char *why) {
    return why != NULL ? weir__failf(rc, "serial open", path, "%s (%s)", why, weir_error_name(rc))
                       : weir__fail(rc, "serial open", path);
}

/* Claim the port before anything about it is changed. */
static int set_up(struct weir__port *p, const struct weir__serial_url *u) {
    const char *why = NULL;
    struct weir_serial_options now;
    int rc = weir__serial_mode_get(p->fd, &now); /* is it a terminal at all? */
    if (rc == 0 && !u->shared)
        rc = claim(p->fd);
    p->claimed = rc == 0 && !u->shared;
    if (rc == 0)
        rc = weir__serial_mode_set(p->fd, &u->mode, true, &why);
    if (rc == 0)
        rc = weir__serial_control(p->fd, TCFLSH, (void *)(uintptr_t)TCIFLUSH);
    return rc < 0 ? refused(rc, u->path, why) : 0;
}

static int open_port(const struct weir__serial_url *u, const void *pc,
                     struct weir_stream **ret_stream) {
    struct weir_stream *s = NULL;
    struct weir__port *p = weir__alloc_zero(sizeof *p);
    if (p == NULL)
        return refused(-ENOMEM, u->path, NULL);
    p->refs = 1;
    memcpy(p->path, u->path, sizeof p->path);
    p->fd = weir__fd_lift(open(u->path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC));
    int rc = p->fd < 0 ? refused(p->fd, u->path, NULL) : set_up(p, u);
    if (rc == 0)
        rc = weir__stream_of_fd(p->fd, &serial_kind, "serial open", pc, &s);
    if (rc < 0) {
        disclaim(p);
        if (p->fd >= 0)
            close(p->fd);
        weir__free(p);
        return rc;
    }
    ((struct serial *)weir__stream_fd_state(s, &serial_kind))->port = p;
    *ret_stream = s;
    return 0;
}

int weir_serial_open(const char *url, struct weir_stream **ret_stream) {
    struct weir__loop *l = weir__loop();
    struct weir__serial_url u;
    const char *why;
    if (l == NULL)
        return weir__no_loop("serial open");
    weir__not_null(url, "weir_serial_open");
    if (weir__serial_url(url, &u, &why) < 0)
        return weir__failf(WEIR_EURL, "serial open", url, "%s (WEIR_EURL)", why);
    if (l->backend->simulated)
        return refused(WEIR_ESIMREFUSED, u.path,
                       "a simulation has no serial ports: use weir_memory_pair");
    return open_port(&u, __builtin_return_address(0), ret_stream);
}

int weir_serial_set(struct weir_stream *s, const struct weir_serial_options *options) {
    struct weir_serial_options o;
    struct weir__port *p;
    const char *why = NULL;
    int rc = weir__serial_port(s, "serial set", &p);
    if (rc < 0)
        return rc;
    WEIR_OPTIONS_COPY(struct weir_serial_options, flow, &o, options);
    rc = weir__serial_mode_set(p->fd, &o, false, &why);
    if (rc < 0 && why != NULL)
        return weir__failf(rc, "serial set", p->path, "%s (%s)", why, weir_error_name(rc));
    return rc < 0 ? weir__serial_fail(rc, "serial set", p) : 0;
}

int weir_serial_get(struct weir_stream *s, struct weir_serial_options *ret) {
    struct weir_serial_options now;
    struct weir__port *p;
    int rc = weir__serial_port(s, "serial get", &p);
    if (rc == 0 && (rc = weir__serial_mode_get(p->fd, &now)) < 0)
        rc = weir__serial_fail(rc, "serial get", p);
    if (rc < 0)
        return rc;
    size_t room = weir__options_known(ret->size, sizeof now);
    now.size = ret->size;
    memcpy(ret, &now, room);
    return 0;
}
