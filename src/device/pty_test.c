/* SPDX-License-Identifier: MIT */
/* Pseudo-terminals: the master is a stream. */
#include "device/device_test_util.h"

static struct weir_stream *open_pty(const struct weir_pty_options *o, int *ret_slave) {
    struct weir_stream *master = NULL;
    assert_int_equal(weir_pty_open(o, &master, ret_slave), 0);
    return master;
}

FD_STORY(what_is_written_to_the_master_is_typed_on_the_terminal) {
    struct weir_stream *tty = NULL;
    char line[16];
    int slave;
    struct weir_stream *master = open_pty(NULL, &slave);
    assert_int_equal(weir_stream_from_fd(slave, &tty), 0);
    send_text(master, "typed\n");
    assert_int_equal(weir_read_until(tty, '\n', line, sizeof line), 6);
    expect_bytes(master, "typed\r\n"); /* the echo, with the carriage return of a terminal */
    send_text(tty, "shown\n");
    expect_bytes(master, "shown\r\n");
    weir_close(&tty);
    weir_close(&master);
    return 0;
}

FD_STORY(a_pty_that_was_asked_to_be_raw_changes_no_byte) {
    struct weir_stream *tty = NULL;
    struct weir_pty_options o = {.size = sizeof o, .raw = true};
    int slave;
    struct weir_stream *master = open_pty(&o, &slave);
    assert_true(is_raw(slave));
    assert_int_equal(weir_stream_from_fd(slave, &tty), 0);
    assert_int_equal(weir_write(master, "\x03\n\r\0\xff", 5), 0);
    char got[5];
    assert_int_equal(weir_read_exactly(tty, got, 5), 0);
    assert_memory_equal(got, "\x03\n\r\0\xff", 5);
    weir_close(&tty);
    weir_close(&master);
    return 0;
}

FD_STORY(the_master_ends_behind_the_last_bytes_of_a_closed_terminal) {
    char rest;
    int slave;
    struct weir_stream *master = open_pty(NULL, &slave);
    assert_int_equal(write(slave, "bye", 3), 3);
    close(slave);
    expect_bytes(master, "bye");
    assert_int_equal(weir_read(master, &rest, 1), 0);
    assert_int_equal(weir_read(master, &rest, 1), 0); /* and stays ended */
    weir_close(&master);
    return 0;
}

FD_STORY(a_read_of_the_master_waits_for_the_terminal_to_be_closed) {
    struct weir_group g;
    char rest;
    int slave;
    struct weir_stream *master = open_pty(NULL, &slave);
    struct doing d = {.s = master, .buf = &rest, .len = 1};
    weir_group_open(&g, WEIR_TOGETHER);
    start(&g, reading, &d);
    settle();
    assert_false(d.over);
    close(slave);
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_int_equal(d.rc, 0);
    weir_close(&master);
    return 0;
}

FD_STORY(a_terminal_has_the_size_that_its_master_gives_it) {
    struct weir_stream *tty = NULL;
    struct weir_pty_options o = {.size = sizeof o, .columns = 132, .rows = 43};
    int slave, columns = -1, rows = -1;
    struct weir_stream *master = open_pty(&o, &slave);
    assert_int_equal(weir_stream_from_fd(slave, &tty), 0);
    assert_int_equal(weir_tty_size(tty, &columns, &rows), 0);
    assert_int_equal(columns, 132);
    assert_int_equal(rows, 43);
    assert_int_equal(weir_tty_resize(master, 80, 24), 0);
    assert_int_equal(weir_tty_size(tty, &columns, &rows), 0);
    assert_int_equal(columns, 80);
    assert_int_equal(rows, 24);
    expect_refusal(weir_tty_resize(master, 65536, 24), -EINVAL, "0 to 65535");
    weir_close(&tty);
    weir_close(&master);
    return 0;
}

FD_STORY(what_is_no_terminal_has_no_size_and_no_mode) {
    struct weir_stream *r = NULL, *w = NULL, *a = NULL, *b = NULL;
    int columns = 7, rows = 7;
    assert_int_equal(weir_pipe(&r, &w), 0);
    assert_int_equal(weir_memory_pair(0, &a, &b), 0);
    assert_int_equal(weir_tty_size(r, &columns, &rows), -ENOTTY);
    assert_int_equal(weir_tty_size(a, &columns, &rows), -ENOTTY);
    assert_int_equal(columns + rows, 14);
    assert_int_equal(weir_tty_raw(r), -ENOTTY);
    assert_int_equal(weir_tty_raw(a), -ENOTTY);
    assert_int_equal(weir_tty_resize(r, 80, 24), -ENOTTY);
    assert_int_equal(weir_tty_resize(a, 80, 24), -ENOTTY);
    weir_tty_restore(r);
    weir_tty_restore(a);
    weir_close(&r);
    weir_close(&w);
    weir_close(&a);
    weir_close(&b);
    return 0;
}

FD_STORY(a_pty_of_a_wrong_size_is_refused) {
    struct weir_stream *master = NULL;
    struct weir_pty_options o = {.size = sizeof o, .columns = -1};
    int slave = -7;
    expect_refusal(weir_pty_open(&o, &master, &slave), -EINVAL, "0 to 65535");
    assert_null(master);
    assert_int_equal(slave, -7);
    return 0;
}

static int terminals_in_a_world(void *arg) {
    struct weir_stream *s = NULL;
    int slave;
    expect_refusal(weir_pty_open(NULL, &s, &slave), WEIR_ESIMREFUSED, "weir_memory_pair");
    expect_refusal(weir_stdin(&s), WEIR_ESIMREFUSED, "weir_memory_pair");
    expect_refusal(weir_stdout(&s), WEIR_ESIMREFUSED, "weir_memory_pair");
    assert_null(s);
    return 0;
}

WEIR_TEST(a_simulation_refuses_terminals_and_says_what_takes_their_place) {
    struct weir_run_options o = {.size = sizeof o, .backend = "sim"};
    assert_int_equal(weir_run(terminals_in_a_world, NULL, &o), 0);
}
