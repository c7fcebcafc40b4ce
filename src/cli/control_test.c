/* SPDX-License-Identifier: MIT */
/* control_test.c - lines as nodes should send them, and malformed ones. */
#include "cli/control.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <weir/base.h>

#include "cli/limits.h"
#include "test/runner.h"

static struct control_line parse(const char *text) {
    return control_parse(text, strlen(text));
}

WEIR_TEST(ready_reports_the_port) {
    assert_int_equal(parse("ready port=8765\n").word, CONTROL_READY);
    assert_int_equal(parse("ready port=8765\n").port, 8765);
    assert_int_equal(parse("ready").port, 0);
    assert_int_equal(parse("ready port=70000").port, 0);
    assert_int_equal(parse("ready port=80x").port, 0);
    assert_int_equal(parse("ready later=1 port=7\n").port, 7);
}

WEIR_TEST(stat_reports_totals) {
    struct control_line c =
        parse("stat messages=12 acks=11 errors=1 p50_us=41 p99_us=97 unasked=2 later=5\n");
    assert_int_equal(c.word, CONTROL_STAT);
    assert_int_equal(c.stats.messages, 12);
    assert_int_equal(c.stats.acks, 11);
    assert_int_equal(c.stats.unasked, 2);
    assert_int_equal(c.stats.errors, 1);
    assert_int_equal(c.stats.p50_us, 41);
    assert_int_equal(c.stats.p99_us, 97);
    assert_int_equal(parse("stat acks=3").stats.acks, 3);
    assert_int_equal(parse("stat xacks=3").stats.acks, 0);
    assert_int_equal(parse("stat acks=").stats.acks, 0);
    assert_int_equal(parse("stat acks=-3").stats.acks, 0);
    assert_int_equal(parse("stat acks=9999999999999999999999").stats.acks, 0);
}

WEIR_TEST(what_is_not_understood_is_unknown) {
    static const char *const rows[] = {"", "\n", "beats", " beat", "READY", "readyport=1", "\xff"};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(parse(rows[i]).word, CONTROL_UNKNOWN);
    assert_int_equal(control_parse("beat\0beat", 9).word, CONTROL_BEAT);
    char longer[LIMIT_CONTROL_BYTES + 2] = "beat ";
    assert_int_equal(control_parse(longer, sizeof longer).word, CONTROL_UNKNOWN);
}

static void sends(int fd, const char *bytes, size_t len) {
    assert_int_equal(send(fd, bytes, len, MSG_DONTWAIT), len);
}

WEIR_TEST(any_datagram_is_distinguished_from_the_end_of_stream) {
    int ends[2], theirs[2];
    char text[LIMIT_CONTROL_BYTES], longer[300] = "ready";
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    assert_int_equal(control_listen(ends[0]), 0);
    assert_int_equal(control_receive(ends[0], text, sizeof text), -EAGAIN);
    assert_int_equal(pipe(theirs), 0);
    sends(ends[1], "", 0);
    sends(ends[1], longer, sizeof longer);
    sends(ends[1], "ready", 5);
    sends(ends[1], "", 0);
    struct iovec vec = {longer, 0};
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof theirs)];
    } passed = {.bytes = {0}};
    struct msghdr m = {.msg_iov = &vec,
                       .msg_iovlen = 1,
                       .msg_control = passed.bytes,
                       .msg_controllen = sizeof passed.bytes};
    *CMSG_FIRSTHDR(&m) = (struct cmsghdr){CMSG_LEN(sizeof theirs), SOL_SOCKET, SCM_RIGHTS};
    memcpy(CMSG_DATA(CMSG_FIRSTHDR(&m)), theirs, sizeof theirs);
    assert_int_equal(sendmsg(ends[1], &m, MSG_DONTWAIT), 0);
    close(ends[1]);
    close(theirs[1]);
    assert_int_equal(control_receive(ends[0], text, sizeof text), 0);
    assert_int_equal(control_receive(ends[0], text, sizeof text), sizeof longer);
    assert_int_equal(control_receive(ends[0], text, sizeof text), 5);
    assert_int_equal(control_receive(ends[0], text, sizeof text), 0);
    assert_int_equal(control_receive(ends[0], text, sizeof text), 0);
    assert_int_equal(read(theirs[0], text, 1), 0); /* a passed descriptor is closed, not kept */
    assert_int_equal(control_receive(ends[0], text, sizeof text), WEIR_EEOF);
    assert_int_equal(control_receive(ends[0], text, sizeof text), WEIR_EEOF);
    close(ends[0]);
    close(theirs[0]);
}

WEIR_TEST(a_datagram_may_hold_several_lines_and_end_without_a_newline) {
    static const char text[] = "beat\r\n\nstat acks=7\nready port=5";
    const char *line = text, *end = text + sizeof text - 1;
    assert_int_equal(control_next(&line, end).word, CONTROL_BEAT);
    assert_int_equal(control_next(&line, end).word, CONTROL_UNKNOWN);
    assert_int_equal(control_next(&line, end).stats.acks, 7);
    assert_int_equal(control_next(&line, end).port, 5);
    assert_ptr_equal(line, end);
}
