/* SPDX-License-Identifier: MIT */
/* serial_lines.c - modem lines, break, drain and flush of a serial port. The kernel's calls that
 * wait for a line or for the last byte block until the port is gone. So these calls look at the
 * port again and again: they need no thread, and a cancel leaves none behind. */
#include "device/serial.h"

#include <errno.h>
#include <linux/serial.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <weir/loop.h>
#include <weir/task.h>

enum { OUTPUTS = WEIR_LINE_DTR | WEIR_LINE_RTS, INPUTS = 0x3f & ~OUTPUTS };
enum { LINES_MS = 10, BYTE_BITS = 12, DRAIN_MIN_MS = 1, DRAIN_MAX_MS = 100 };

static const struct {
    int line, bit;
} lines_of[] = {
    {WEIR_LINE_DTR, TIOCM_DTR}, {WEIR_LINE_RTS, TIOCM_RTS}, {WEIR_LINE_CTS, TIOCM_CTS},
    {WEIR_LINE_DSR, TIOCM_DSR}, {WEIR_LINE_DCD, TIOCM_CAR}, {WEIR_LINE_RI, TIOCM_RNG},
};
enum { LINES = sizeof lines_of / sizeof lines_of[0] };

/* Drivers without lines say EINVAL too. */
static int lines_now(int fd) {
    int bits = 0, lines = 0;
    int rc = weir__serial_control(fd, TIOCMGET, &bits);
    for (int i = 0; i < LINES; i++)
        lines |= (bits & lines_of[i].bit) != 0 ? lines_of[i].line : 0;
    return rc == -EINVAL ? -ENOTTY : rc < 0 ? rc : lines;
}

int weir_serial_lines(struct weir_stream *s) {
    struct weir__port *p;
    int rc = weir__serial_port(s, "serial lines", &p);
    if (rc < 0)
        return rc;
    rc = lines_now(p->fd);
    return rc < 0 ? weir__serial_fail(rc, "serial lines", p) : rc;
}

static int switch_lines(int fd, unsigned long request, unsigned lines) {
    int bits = 0;
    for (int i = 0; i < LINES; i++)
        bits |= (lines & (unsigned)lines_of[i].line) != 0 ? lines_of[i].bit : 0;
    int rc = bits != 0 ? weir__serial_control(fd, request, &bits) : 0;
    return rc == -EINVAL ? -ENOTTY : rc;
}

int weir_serial_set_lines(struct weir_stream *s, unsigned on, unsigned off) {
    struct weir__port *p;
    int rc = weir__serial_port(s, "serial set lines", &p);
    if (rc < 0)
        return rc;
    if (((on | off) & ~(unsigned)OUTPUTS) != 0 || (on & off) != 0)
        return weir__failf(-EINVAL, "serial set lines", p->path,
                           "only DTR and RTS can be switched, on or off (EINVAL)");
    rc = switch_lines(p->fd, TIOCMBIS, on);
    if (rc == 0)
        rc = switch_lines(p->fd, TIOCMBIC, off);
    return rc < 0 ? weir__serial_fail(rc, "serial set lines", p) : 0;
}

/* ---- waits ---------------------------------------------------------------------------------- */

struct seen {
    int lines;
    bool counts; /* the driver counts changes */
    struct serial_icounter_struct count;
};

static int look(int fd, struct seen *ret) {
    ret->counts = weir__serial_control(fd, TIOCGICOUNT, &ret->count) == 0;
    ret->lines = lines_now(fd);
    return ret->lines < 0 ? ret->lines : 0;
}

static unsigned changes(const struct seen *a, const struct seen *b) {
    unsigned changed = (unsigned)(a->lines ^ b->lines) & INPUTS;
    if (!a->counts || !b->counts)
        return changed;
    changed |= a->count.cts != b->count.cts ? WEIR_LINE_CTS : 0;
    changed |= a->count.dsr != b->count.dsr ? WEIR_LINE_DSR : 0;
    changed |= a->count.dcd != b->count.dcd ? WEIR_LINE_DCD : 0;
    changed |= a->count.rng != b->count.rng ? WEIR_LINE_RI : 0;
    return changed;
}

/* Sleep while the port is held. Returns 0; the felt code; WEIR_ECLOSED. */
static int pass(const struct weir__port *p, weir_ns ns) {
    int rc = weir_sleep(ns);
    return rc == 0 && p->fd < 0 ? WEIR_ECLOSED : rc;
}

static int wait_lines(const struct weir__port *p, unsigned lines) {
    struct seen first, now;
    int rc = look(p->fd, &first);
    while (rc == 0) {
        rc = pass(p, WEIR_MILLISECONDS(LINES_MS));
        if (rc == 0)
            rc = look(p->fd, &now);
        if (rc == 0 && (changes(&first, &now) & lines) != 0)
            return (int)(changes(&first, &now) & lines);
    }
    return rc;
}

int weir_serial_wait_lines(struct weir_stream *s, unsigned lines) {
    int rc = weir__suspend_enter("serial wait lines");
    if (rc < 0)
        return rc;
    struct weir__port *p;
    if ((rc = weir__serial_port(s, "serial wait lines", &p)) < 0)
        return rc;
    if (lines == 0 || (lines & ~(unsigned)INPUTS) != 0)
        return weir__failf(-EINVAL, "serial wait lines", p->path,
                           "only CTS, DSR, DCD and RI change by themselves (EINVAL)");
    p->refs++;
    rc = wait_lines(p, lines);
    if (rc < 0)
        rc = weir__serial_fail(rc, "serial wait lines", p);
    weir__serial_port_unref(p);
    return rc;
}

/* The break ends on every way out, when the last call that holds it goes; a close has ended it. */
static int hold_break(struct weir__port *p, weir_ns duration_ns) {
    int rc = weir__serial_control(p->fd, TIOCSBRK, NULL);
    if (rc < 0)
        return rc;
    p->breaks++;
    rc = pass(p, duration_ns);
    p->breaks--;
    int ended = p->fd < 0 || p->breaks > 0 ? 0 : weir__serial_control(p->fd, TIOCCBRK, NULL);
    return rc < 0 ? rc : ended;
}

int weir_serial_break(struct weir_stream *s, weir_ns duration_ns) {
    int rc = weir__suspend_enter("serial break");
    if (rc < 0)
        return rc;
    struct weir__port *p;
    if ((rc = weir__serial_port(s, "serial break", &p)) < 0)
        return rc;
    p->refs++;
    rc = hold_break(p, duration_ns);
    if (rc < 0)
        rc = weir__serial_fail(rc, "serial break", p);
    weir__serial_port_unref(p);
    return rc;
}

/* How long the port takes for so many bytes, but not so short or so long that asking is wrong. */
static weir_ns time_for(int bytes, int baud) {
    weir_ns ns = baud > 0 ? WEIR_SECONDS(1) / baud * BYTE_BITS * bytes : 0;
    weir_ns least_ns = WEIR_MILLISECONDS(DRAIN_MIN_MS), most_ns = WEIR_MILLISECONDS(DRAIN_MAX_MS);
    return ns < least_ns ? least_ns : ns > most_ns ? most_ns : ns;
}

/* Bytes that the driver has, and then those in the chip, where it says whether it has any. */
static int drain(const struct weir__port *p) {
    struct weir_serial_options mode = {0};
    int left = 0, chip = 0;
    int rc = weir__serial_mode_get(p->fd, &mode);
    while (rc == 0) {
        rc = weir__serial_control(p->fd, TIOCOUTQ, &left);
        if (rc < 0)
            break;
        bool has_chip = weir__serial_control(p->fd, TIOCSERGETLSR, &chip) == 0;
        if (left == 0 && (!has_chip || (chip & TIOCSER_TEMT) != 0))
            return 0;
        rc = pass(p, time_for(left, mode.baud));
    }
    return rc;
}

int weir_serial_drain(struct weir_stream *s) {
    int rc = weir__suspend_enter("serial drain");
    if (rc < 0)
        return rc;
    struct weir__port *p;
    if ((rc = weir__serial_port(s, "serial drain", &p)) < 0)
        return rc;
    p->refs++;
    rc = drain(p);
    if (rc < 0)
        rc = weir__serial_fail(rc, "serial drain", p);
    weir__serial_port_unref(p);
    return rc;
}

int weir_serial_flush(struct weir_stream *s, bool in, bool out) {
    struct weir__port *p;
    int rc = weir__serial_port(s, "serial flush", &p);
    if (rc < 0 || (!in && !out))
        return rc;
    if (in && s->reading)
        return weir__serial_fail(-EBUSY, "serial flush", p);
    uintptr_t which = in && out ? TCIOFLUSH : in ? TCIFLUSH : TCOFLUSH;
    rc = weir__serial_control(p->fd, TCFLSH, (void *)which);
    if (rc < 0)
        return weir__serial_fail(rc, "serial flush", p);
    if (in)
        weir__stream_drop(s);
    return 0;
}
