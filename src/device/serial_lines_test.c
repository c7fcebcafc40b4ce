/* SPDX-License-Identifier: MIT */
/* What pseudo-terminals have not: lines, parity, a chip that still sends. The test plays the port
 * behind the seam weir__serial_ioctl; the descriptor is that of a pseudo-terminal. */
#include "device/device_test_util.h"

#include <linux/serial.h>
#include <string.h>

#include "device/serial.h"

enum { MODE_SIZE = 44, GET_MODE = 0x2a, SET_MODE = 0x2b }; /* termios2 */

static struct {
    int lines;
    struct serial_icounter_struct count;
    bool counts, gone;
    int queued; /* bytes; one less with each question */
    int in_chip; /* questions until the chip is empty */
    int breaks, break_ends;
    unsigned char mode[MODE_SIZE];
} port;

static int refuse(int error) {
    errno = error;
    return -1;
}

static int play_mode(unsigned long request, void *arg) {
    if (_IOC_NR(request) == GET_MODE)
        memcpy(arg, port.mode, MODE_SIZE);
    else
        memcpy(port.mode, arg, MODE_SIZE);
    return 0;
}

static int play(int fd, unsigned long request, void *arg) {
    bool is_mode = _IOC_TYPE(request) == 'T' && _IOC_SIZE(request) == MODE_SIZE;
    if (port.gone)
        return refuse(EIO);
    if (is_mode)
        return play_mode(request, arg);
    switch (request) {
    case TIOCMGET:
        *(int *)arg = port.lines;
        return 0;
    case TIOCMBIS:
        port.lines |= *(int *)arg;
        return 0;
    case TIOCMBIC:
        port.lines &= ~*(int *)arg;
        return 0;
    case TIOCGICOUNT:
        memcpy(arg, &port.count, sizeof port.count);
        return port.counts ? 0 : refuse(ENOTTY);
    case TIOCOUTQ:
        *(int *)arg = port.queued > 0 ? port.queued-- : 0;
        return 0;
    case TIOCSERGETLSR:
        *(int *)arg = port.in_chip > 0 ? 0 : TIOCSER_TEMT;
        port.in_chip -= port.queued == 0 && port.in_chip > 0;
        return 0;
    case TIOCSBRK:
        port.breaks++;
        return 0;
    case TIOCCBRK:
        port.break_ends++;
        return 0;
    default:
        return 0; /* TIOCEXCL, TIOCNXCL, TCFLSH */
    }
}

struct rig {
    int master, slave;
    struct weir_stream *s;
};

static void rig_open(struct rig *r, const char *options) {
    char url[128];
    memset(&port, 0, sizeof port);
    weir__serial_ioctl = play;
    r->s = NULL;
    open_terminal(&r->master, &r->slave);
    snprintf(url, sizeof url, "serial://%s%s", ttyname(r->slave), options);
    assert_int_equal(weir_serial_open(url, &r->s), 0);
}

static void rig_close(struct rig *r) {
    weir_close(&r->s);
    close(r->master);
    close(r->slave);
}

FD_STORY(parity_and_bits_are_set_where_the_port_does_them) {
    static const char *const words[] = {"none", "even", "odd", "mark", "space"};
    for (int i = 0; i < 5; i++) {
        struct weir_serial_options now = {.size = sizeof now};
        struct rig r;
        char options[64];
        snprintf(options, sizeof options, "?baud=1200&bits=%d&parity=%s", 5 + i % 4, words[i]);
        rig_open(&r, options);
        assert_int_equal(weir_serial_get(r.s, &now), 0);
        assert_int_equal(now.parity, WEIR_PARITY_NONE + i);
        assert_int_equal(now.bits, 5 + i % 4);
        assert_int_equal(now.baud, 1200);
        rig_close(&r);
    }
    return 0;
}

FD_STORY(lines_are_read_and_switched) {
    struct rig r;
    rig_open(&r, "");
    port.lines = TIOCM_CTS | TIOCM_CAR | TIOCM_LE;
    assert_int_equal(weir_serial_lines(r.s), WEIR_LINE_CTS | WEIR_LINE_DCD);
    assert_int_equal(weir_serial_set_lines(r.s, WEIR_LINE_DTR | WEIR_LINE_RTS, 0), 0);
    assert_int_equal(port.lines, TIOCM_CTS | TIOCM_CAR | TIOCM_LE | TIOCM_DTR | TIOCM_RTS);
    assert_int_equal(weir_serial_set_lines(r.s, 0, WEIR_LINE_RTS), 0);
    assert_int_equal(port.lines, TIOCM_CTS | TIOCM_CAR | TIOCM_LE | TIOCM_DTR);
    expect_refusal(weir_serial_set_lines(r.s, WEIR_LINE_CTS, 0), -EINVAL, "only DTR and RTS");
    expect_refusal(weir_serial_set_lines(r.s, WEIR_LINE_DTR, WEIR_LINE_DTR), -EINVAL, "on or off");
    expect_refusal(weir_serial_wait_lines(r.s, WEIR_LINE_DTR), -EINVAL, "by themselves");
    expect_refusal(weir_serial_wait_lines(r.s, 0), -EINVAL, "by themselves");
    rig_close(&r);
    return 0;
}

struct waiting {
    struct weir_stream *s;
    unsigned lines;
    int rc;
};

struct waiting_lines_args {
    struct waiting *w;
};

static int waiting_lines(void *args) {
    struct waiting *w = ((struct waiting_lines_args *)args)->w;
    w->rc = weir_serial_wait_lines(w->s, w->lines);
    return 0;
}

static void start_waiting(struct weir_group *g, struct waiting *w) {
    weir_group_open(g, WEIR_TOGETHER);
    assert_int_equal(weir_go(g, waiting_lines, .w = w), 0);
    settle();
}

FD_STORY(a_change_of_a_line_is_awaited) {
    struct weir_group g;
    struct rig r;
    rig_open(&r, "");
    struct waiting w = {.s = r.s, .lines = WEIR_LINE_CTS | WEIR_LINE_DSR};
    start_waiting(&g, &w);
    port.lines = TIOCM_CTS | TIOCM_RNG;
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_int_equal(w.rc, WEIR_LINE_CTS);
    rig_close(&r);
    return 0;
}

FD_STORY(a_pulse_between_two_looks_is_seen_where_the_driver_counts) {
    struct weir_group g;
    struct rig r;
    rig_open(&r, "");
    port.counts = true;
    struct waiting w = {.s = r.s, .lines = WEIR_LINE_DCD};
    start_waiting(&g, &w);
    port.count.rng++;
    port.count.dcd += 2; /* on and off again */
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_int_equal(w.rc, WEIR_LINE_DCD);
    rig_close(&r);
    return 0;
}

FD_STORY(a_wait_for_lines_ends_when_the_port_is_closed_or_pulled_or_its_time_is_over) {
    struct weir_group g;
    struct weir_scope scope;
    struct rig r;
    rig_open(&r, "");
    weir_scope_enter(&scope, WEIR_MILLISECONDS(30));
    int rc = weir_serial_wait_lines(r.s, WEIR_LINE_CTS);
    assert_int_equal(weir_scope_leave(&scope, rc), -ETIME);
    struct waiting w = {.s = r.s, .lines = WEIR_LINE_CTS};
    start_waiting(&g, &w);
    port.gone = true;
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_int_equal(w.rc, WEIR_EUNPLUGGED);
    port.gone = false;
    start_waiting(&g, &w);
    weir_close(&r.s);
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_int_equal(w.rc, WEIR_ECLOSED);
    rig_close(&r);
    return 0;
}

FD_STORY(drain_waits_for_the_driver_and_for_the_chip) {
    struct rig r;
    rig_open(&r, "?baud=115200");
    port.queued = 3;
    port.in_chip = 2;
    assert_int_equal(weir_serial_drain(r.s), 0);
    assert_int_equal(port.queued, 0);
    assert_int_equal(port.in_chip, 0);
    rig_close(&r);
    return 0;
}

struct breaking_args {
    struct weir_stream *s;
};

static int breaking(void *args) {
    int rc = weir_serial_break(((struct breaking_args *)args)->s, WEIR_SECONDS(100));
    assert_int_equal(rc, -ECANCELED);
    return 0;
}

FD_STORY(a_break_ends_on_every_way_out) {
    struct weir_scope scope;
    struct weir_group g;
    struct rig r;
    rig_open(&r, "");
    assert_int_equal(weir_serial_break(r.s, WEIR_MILLISECONDS(2)), 0);
    assert_int_equal(port.breaks, 1);
    assert_int_equal(port.break_ends, 1);
    weir_scope_enter(&scope, WEIR_MILLISECONDS(5));
    int rc = weir_serial_break(r.s, WEIR_SECONDS(100));
    assert_int_equal(weir_scope_leave(&scope, rc), -ETIME);
    assert_int_equal(port.breaks, 2);
    assert_int_equal(port.break_ends, 2);
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_go(&g, breaking, .s = r.s), 0);
    settle();
    assert_int_equal(port.breaks, 3);
    weir_close(&r.s);
    assert_int_equal(port.break_ends, 3);
    weir_group_cancel(&g, "the sleep of the break");
    weir_group_close(&g, 0);
    rig_close(&r);
    return 0;
}

FD_STORY(the_shorter_of_two_breaks_does_not_end_the_longer) {
    struct weir_group g;
    struct rig r;
    rig_open(&r, "");
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_go(&g, breaking, .s = r.s), 0);
    settle();
    assert_int_equal(weir_serial_break(r.s, WEIR_MILLISECONDS(2)), 0);
    assert_int_equal(port.breaks, 2);
    assert_int_equal(port.break_ends, 0);
    weir_group_cancel(&g, "the longer one");
    weir_group_close(&g, 0);
    assert_int_equal(port.break_ends, 1);
    rig_close(&r);
    return 0;
}
