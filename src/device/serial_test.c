/* SPDX-License-Identifier: MIT */
/* Serial ports, over pseudo-terminals: the master is the far side. */
#include "device/device_test_util.h"

#include <limits.h>
#include <weir/serial.h>

struct rig {
    int master, slave; /* slave keeps the terminal's settings alive for the test */
    char url[128];
};

static void rig_open(struct rig *r, const char *options) {
    open_terminal(&r->master, &r->slave);
    snprintf(r->url, sizeof r->url, "serial://%s%s", ttyname(r->slave), options);
}

static void rig_close(struct rig *r) {
    if (r->master >= 0)
        close(r->master);
    close(r->slave);
}

static struct weir_stream *open_port(const struct rig *r) {
    struct weir_stream *s = NULL;
    assert_int_equal(weir_serial_open(r->url, &s), 0);
    return s;
}

FD_STORY(a_serial_port_carries_every_byte_both_ways) {
    struct rig r;
    char all[256], got[256];
    rig_open(&r, "?baud=115200");
    struct weir_stream *s = open_port(&r);
    for (int i = 0; i < 256; i++)
        all[i] = (char)i;
    assert_int_equal(weir_write(s, all, sizeof all), 0);
    for (size_t len = 0; len < sizeof got;) {
        ssize_t n = read(r.master, got + len, sizeof got - len);
        assert_true(n > 0);
        len += (size_t)n;
    }
    assert_memory_equal(got, all, sizeof all);
    assert_int_equal(write(r.master, all, sizeof all), sizeof all);
    assert_int_equal(weir_read_exactly(s, got, sizeof got), 0);
    assert_memory_equal(got, all, sizeof all);
    weir_close(&s);
    rig_close(&r);
    return 0;
}

/* The far side of a pseudo-terminal sees how the port was set. */
FD_STORY(the_port_is_set_as_the_url_says) {
    struct termios seen;
    struct rig r;
    rig_open(&r, "?baud=38400&stop=2&flow=rtscts");
    struct weir_stream *s = open_port(&r);
    assert_int_equal(tcgetattr(r.master, &seen), 0);
    assert_int_equal(cfgetospeed(&seen), B38400);
    assert_int_equal(cfgetispeed(&seen), B38400);
    assert_true((seen.c_cflag & CSTOPB) != 0);
    assert_true((seen.c_cflag & CRTSCTS) != 0);
    assert_true((seen.c_cflag & CLOCAL) != 0);
    assert_true((seen.c_iflag & (IXON | IXOFF)) == 0);
    assert_true((seen.c_lflag & (ICANON | ECHO | ISIG)) == 0);
    struct weir_serial_options to = {.size = sizeof to, .stop = 1, .flow = WEIR_FLOW_XONXOFF};
    assert_int_equal(weir_serial_set(s, &to), 0);
    assert_int_equal(tcgetattr(r.master, &seen), 0);
    assert_int_equal(cfgetospeed(&seen), B38400); /* not named: as it was */
    assert_true((seen.c_cflag & (CSTOPB | CRTSCTS)) == 0);
    assert_true((seen.c_iflag & IXON) != 0 && (seen.c_iflag & IXOFF) != 0);
    weir_close(&s);
    rig_close(&r);
    return 0;
}

FD_STORY(a_speed_may_be_any_number) {
    struct weir_serial_options now = {.size = sizeof now};
    struct rig r;
    rig_open(&r, "?baud=250001");
    struct weir_stream *s = open_port(&r);
    assert_int_equal(weir_serial_get(s, &now), 0);
    assert_int_equal(now.baud, 250001);
    assert_int_equal(now.bits, 8);
    assert_int_equal(now.stop, 1);
    assert_int_equal(now.parity, WEIR_PARITY_NONE);
    assert_int_equal(now.flow, WEIR_FLOW_NONE);
    struct weir_serial_options to = {.size = sizeof to, .baud = 31250, .stop = 2};
    assert_int_equal(weir_serial_set(s, &to), 0);
    assert_int_equal(weir_serial_get(s, &now), 0);
    assert_int_equal(now.baud, 31250);
    assert_int_equal(now.stop, 2);
    weir_close(&s);
    rig_close(&r);
    return 0;
}

/* A pseudo-terminal has 8 bits without parity, and drops such wishes silently. */
FD_STORY(what_the_port_does_not_do_is_an_error_that_says_so) {
    struct weir_stream *s = NULL;
    struct rig r;
    rig_open(&r, "?parity=even");
    expect_refusal(weir_serial_open(r.url, &s), -EINVAL, "does not do this parity");
    rig_close(&r);
    rig_open(&r, "?bits=7");
    expect_refusal(weir_serial_open(r.url, &s), -EINVAL, "this number of bits");
    rig_close(&r);
    assert_null(s);
    rig_open(&r, "");
    s = open_port(&r);
    struct weir_serial_options odd = {.size = sizeof odd, .parity = WEIR_PARITY_ODD};
    struct weir_serial_options bits = {.size = sizeof bits, .bits = 9};
    expect_refusal(weir_serial_set(s, &odd), -EINVAL, "does not do this parity");
    expect_refusal(weir_serial_set(s, &bits), -EINVAL, "no such value");
    weir_close(&s);
    rig_close(&r);
    return 0;
}

FD_STORY(a_port_is_open_once_unless_all_agree) {
    struct weir_stream *s = NULL;
    struct rig r, shared;
    rig_open(&r, "");
    struct weir_stream *first = open_port(&r);
    assert_int_equal(weir_serial_open(r.url, &s), -EBUSY);
    assert_null(s);
    weir_close(&first);
    first = open_port(&r); /* free again, though its other side lives on */
    weir_close(&first);
    rig_close(&r);
    rig_open(&shared, "?exclusive=no");
    first = open_port(&shared);
    s = open_port(&shared);
    weir_close(&s);
    weir_close(&first);
    rig_close(&shared);
    return 0;
}

/* Those of /dev/serial/by-id hold maker, product and serial number. */
FD_STORY(the_path_of_a_port_may_have_the_longest_name) {
    struct weir_stream *s = NULL;
    char url[sizeof "serial:///dev/serial/by-id/" + NAME_MAX];
    memset(url, 'x', sizeof url - 1);
    url[sizeof url - 1] = '\0';
    memcpy(url, "serial:///dev/serial/by-id/", strlen("serial:///dev/serial/by-id/"));
    assert_int_equal(weir_serial_open(url, &s), -ENOENT);
    return 0;
}

/* Who has the other side open keeps the terminal, and with it what was set. */
FD_STORY(an_open_that_fails_leaves_the_port_to_others) {
    struct weir_stream *s = NULL;
    struct rig r;
    int exclusive = -1;
    rig_open(&r, "?bits=7");
    expect_refusal(weir_serial_open(r.url, &s), -EINVAL, "this number of bits");
    assert_int_equal(ioctl(r.slave, TIOCGEXCL, &exclusive), 0);
    assert_int_equal(exclusive, 0);
    rig_close(&r);
    return 0;
}

/* Without root the kernel refuses any open of an exclusive terminal. */
FD_STORY(a_stranger_cannot_open_an_exclusive_port) {
    struct rig r;
    int status = -1;
    if (geteuid() != 0)
        runner_skip("needs root, to become somebody else");
    rig_open(&r, "");
    struct weir_stream *s = open_port(&r);
    char path[64];
    snprintf(path, sizeof path, "%s", ttyname(r.slave));
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        if (fchown(r.slave, 65534, 65534) != 0 || setuid(65534) != 0)
            _exit(9);
        _exit(open(path, O_RDWR | O_NOCTTY) < 0 ? errno == EBUSY ? 0 : 2 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    weir_close(&s);
    rig_close(&r);
    return 0;
}

FD_STORY(a_second_reader_of_a_port_is_refused) {
    struct weir_group g;
    struct rig r;
    char byte, other;
    rig_open(&r, "");
    struct weir_stream *s = open_port(&r);
    struct doing d = {.s = s, .buf = &byte, .len = 1};
    weir_group_open(&g, WEIR_TOGETHER);
    start(&g, reading, &d);
    settle();
    assert_int_equal(weir_read(s, &other, 1), -EBUSY);
    assert_int_equal(weir_serial_flush(s, true, false), -EBUSY);
    assert_int_equal(write(r.master, "x", 1), 1);
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_int_equal(d.rc, 1);
    assert_int_equal(byte, 'x');
    weir_close(&s);
    rig_close(&r);
    return 0;
}

/* ---- unplugged ------------------------------------------------------------------------------- */

FD_STORY(a_port_that_is_unplugged_is_an_error_with_a_name) {
    struct weir_group g;
    struct rig r;
    char byte;
    rig_open(&r, "");
    struct weir_stream *s = open_port(&r);
    struct doing d = {.s = s, .buf = &byte, .len = 1};
    weir_group_open(&g, WEIR_TOGETHER);
    start(&g, reading, &d);
    settle();
    close(r.master);
    r.master = -1;
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_int_equal(d.rc, WEIR_EUNPLUGGED);
    assert_int_equal(weir_read(s, &byte, 1), WEIR_EUNPLUGGED);
    assert_int_equal(weir_write(s, "x", 1), WEIR_EUNPLUGGED);
    assert_int_equal(weir_serial_drain(s), WEIR_EUNPLUGGED);
    assert_int_equal(weir_serial_flush(s, false, true), WEIR_EUNPLUGGED);
    assert_non_null(strstr(weir_error(WEIR_EUNPLUGGED)->text, "unplugged"));
    weir_close(&s);
    rig_close(&r);
    return 0;
}

FD_STORY(bytes_that_came_before_the_plug_was_pulled_are_read_first) {
    struct rig r;
    char byte;
    rig_open(&r, "");
    struct weir_stream *s = open_port(&r);
    struct weir_view v;
    assert_int_equal(write(r.master, "last", 4), 4);
    assert_int_equal(weir_peek(s, 4, &v), 4);
    close(r.master);
    r.master = -1;
    expect_bytes(s, "last");
    assert_int_equal(weir_read(s, &byte, 1), WEIR_EUNPLUGGED);
    weir_close(&s);
    rig_close(&r);
    return 0;
}

/* ---- the rest -------------------------------------------------------------------------------- */

FD_STORY(a_deadline_loses_no_byte_of_a_port) {
    struct weir_scope scope;
    struct rig r;
    char word[4];
    rig_open(&r, "");
    struct weir_stream *s = open_port(&r);
    assert_int_equal(write(r.master, "wa", 2), 2);
    weir_scope_enter(&scope, WEIR_MILLISECONDS(20));
    struct weir_view v;
    ssize_t rc = weir_peek(s, 4, &v);
    assert_int_equal(weir_scope_leave(&scope, (int)rc), -ETIME);
    assert_int_equal(write(r.master, "ve", 2), 2);
    assert_int_equal(weir_read_exactly(s, word, 4), 0);
    assert_memory_equal(word, "wave", 4);
    weir_close(&s);
    rig_close(&r);
    return 0;
}

FD_STORY(flush_drops_what_was_received_here_and_in_the_port) {
    struct rig r;
    struct weir_view v;
    int waiting = 0;
    rig_open(&r, "");
    struct weir_stream *s = open_port(&r);
    assert_int_equal(write(r.master, "old", 3), 3);
    assert_int_equal(weir_peek(s, 3, &v), 3); /* in the stream now */
    assert_int_equal(write(r.master, "older", 5), 5);
    while (waiting < 5)
        assert_int_equal(ioctl(r.slave, FIONREAD, &waiting), 0);
    assert_int_equal(weir_serial_flush(s, true, true), 0);
    assert_int_equal(write(r.master, "new", 3), 3);
    expect_bytes(s, "new");
    weir_close(&s);
    rig_close(&r);
    return 0;
}

FD_STORY(drain_and_break_return_when_they_are_done) {
    struct rig r;
    rig_open(&r, "?baud=115200");
    struct weir_stream *s = open_port(&r);
    assert_int_equal(weir_write(s, "x", 1), 0);
    assert_int_equal(weir_serial_drain(s), 0);
    assert_int_equal(weir_serial_break(s, WEIR_MILLISECONDS(1)), 0);
    weir_close(&s);
    rig_close(&r);
    return 0;
}

FD_STORY(a_pseudo_terminal_has_no_lines_beside_the_bytes) {
    struct rig r;
    rig_open(&r, "");
    struct weir_stream *s = open_port(&r);
    assert_int_equal(weir_serial_lines(s), -ENOTTY);
    assert_int_equal(weir_serial_set_lines(s, WEIR_LINE_RTS, 0), -ENOTTY);
    assert_int_equal(weir_serial_wait_lines(s, WEIR_LINE_CTS), -ENOTTY);
    weir_close(&s);
    rig_close(&r);
    return 0;
}

FD_STORY(a_port_is_named_by_its_path) {
    struct rig r;
    char name[80];
    rig_open(&r, "?baud=9600");
    struct weir_stream *s = open_port(&r);
    snprintf(name, sizeof name, "serial:%s", ttyname(r.slave));
    assert_string_equal(weir_stream_peer(s), name);
    weir_close(&s);
    rig_close(&r);
    return 0;
}

FD_STORY(what_is_no_serial_port_is_refused) {
    struct weir_stream *s = NULL, *w = NULL;
    assert_int_equal(weir_serial_open("serial:///dev/null", &s), -ENOTTY);
    assert_int_equal(weir_serial_open("serial:///nowhere/ttyUSB0", &s), -ENOENT);
    assert_null(s);
    assert_int_equal(weir_pipe(&s, &w), 0);
    struct weir_serial_options o = {.size = sizeof o};
    assert_int_equal(weir_serial_set(s, &o), -ENOTTY);
    assert_int_equal(weir_serial_get(s, &o), -ENOTTY);
    assert_int_equal(weir_serial_lines(s), -ENOTTY);
    assert_int_equal(weir_serial_drain(s), -ENOTTY);
    assert_int_equal(weir_serial_break(s, 1), -ENOTTY);
    assert_int_equal(weir_serial_flush(s, true, true), -ENOTTY);
    weir_close(&s);
    weir_close(&w);
    return 0;
}

static int reads_urls(void *arg) {
    static const struct {
        const char *url, *words;
    } bad[] = {
        {"tcp://127.0.0.1:1", "serial:///PATH"},
        {"serial:/dev/ttyS0", "serial:///PATH"},
        {"serial://dev/ttyS0", "serial:///PATH"},
        {"serial:///dev/x?baud=fast", "whole number"},
        {"serial:///dev/x?baud=0", "whole number"},
        {"serial:///dev/x?baud=-1", "whole number"},
        {"serial:///dev/x?baud=99999999999", "whole number"},
        {"serial:///dev/x?bits=9", "bits is"},
        {"serial:///dev/x?stop=1.5", "stop is"},
        {"serial:///dev/x?parity=yes", "parity is"},
        {"serial:///dev/x?flow=hard", "flow is"},
        {"serial:///dev/x?exclusive=maybe", "exclusive is"},
        {"serial:///dev/x?speed=9600", "the options are"},
        {"serial:///dev/x?baud", "KEY=VALUE"},
        {"serial:///dev/x?", "KEY=VALUE"},
        {"serial:///dev/x?baud=9600&", "KEY=VALUE"},
        {"serial:///dev/x?an-option-whose-name-is-much-too-long=1", "too long"},
    };
    struct weir_stream *s = NULL;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        expect_refusal(weir_serial_open(bad[i].url, &s), WEIR_EURL, bad[i].words);
    expect_refusal(weir_serial_open("serial:///dev/x?baud=9600&bits=8&parity=none&stop=1"
                                    "&flow=none&exclusive=yes", &s),
                   WEIR_ESIMREFUSED, "weir_memory_pair");
    assert_null(s);
    return 0;
}

WEIR_TEST(each_wrong_part_of_a_url_is_named) {
    struct weir_run_options o = {.size = sizeof o, .backend = "sim"};
    assert_int_equal(weir_run(reads_urls, NULL, &o), 0);
}
