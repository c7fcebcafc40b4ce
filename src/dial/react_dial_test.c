/* SPDX-License-Identifier: MIT */
/* Streams by URL that are no sockets become reactive connections: programs, terminals, datagrams,
 * files. */
#include <errno.h>
#include <fcntl.h>
#include <weir/datagram.h>
#include <weir/detach.h>
#include <weir/process.h>

#include "stream/stream_test_util.h"

static struct {
    char bytes[128];
    size_t len, until; /* the connection closes itself when it has so many */
    int closed, rc;
} seen;

static int opened(struct weir_conn *c, void *state) {
    return weir_write(weir_conn_stream(c), "hi\n", 3);
}

static int message(struct weir_conn *c, void *state, struct weir_view v) {
    assert_true(seen.len + v.len < sizeof seen.bytes);
    memcpy(seen.bytes + seen.len, v.base, v.len);
    seen.len += v.len;
    if (seen.until > 0 && seen.len >= seen.until)
        weir_conn_close(c);
    return 0;
}

static void closed(struct weir_conn *c, void *state, int rc) {
    seen.closed++;
    seen.rc = rc;
}

static const struct weir_reactive speaks = {.size = sizeof speaks, .opened = opened,
                                            .message = message, .closed = closed};
static const struct weir_reactive hears = {.size = sizeof hears, .message = message,
                                           .closed = closed};

/* Returns when the connection is closed; with cancels once it has been idle. */
static void react_to(const char *url, const struct weir_reactive *r, size_t until, bool cancels) {
    struct weir_stream *s;
    struct weir_group g;
    memset(&seen, 0, sizeof seen);
    seen.until = until;
    assert_int_equal(weir_dial(url, NULL, &s), 0);
    weir_group_open(&g, WEIR_INDEPENDENT);
    assert_int_equal(weir_react_stream(&s, &g, r), 0);
    if (cancels) {
        settle();
        weir_group_cancel(&g, "enough");
    }
    weir_group_close(&g, 0);
    assert_int_equal(seen.closed, 1);
}

FD_STORY(a_program_by_pipes_or_on_a_terminal_is_served_reactively) {
    static const char *const urls[] = {"exec:cat", "pty:cat"};
    for (int i = 0; i < 2; i++) {
        react_to(urls[i], &speaks, 3, false);
        assert_memory_equal(seen.bytes, "hi", 2);
        assert_int_equal(seen.rc, 0);
        react_to(urls[i], &hears, 0, true);
        assert_int_equal(seen.rc, -ECANCELED);
    }
    react_to("exec:true", &hears, 0, false); /* its output ends */
    assert_int_equal(seen.rc, 0);
    return 0;
}

FD_STORY(a_file_by_url_is_served_reactively) {
    char url[64] = "file:/tmp/weir-dial-XXXXXX";
    int fd = mkstemp(url + 5);
    assert_int_equal(write(fd, "in a file", 9), 9);
    close(fd);
    react_to(url, &hears, 0, false);
    assert_memory_equal(seen.bytes, "in a file", 9);
    assert_int_equal(seen.rc, 0);
    unlink(url + 5);
    return 0;
}

LOOP_STORY(datagrams_are_served_reactively) {
    struct weir_dgram *peer;
    struct weir_addr own, from;
    struct weir_stream *s;
    struct weir_group g;
    char url[80] = "", text[64], byte[8];
    memset(&seen, 0, sizeof seen);
    seen.until = 6;
    assert_int_equal(weir_dgram_open("udp://127.0.0.1:0", NULL, &peer), 0);
    weir_dgram_local(peer, &own);
    weir_addr_text(&own, text, sizeof text);
    snprintf(url, sizeof url, "udp://%s", text);
    assert_int_equal(weir_dial(url, NULL, &s), 0);
    weir_group_open(&g, WEIR_INDEPENDENT);
    assert_int_equal(weir_react_stream(&s, &g, &speaks), 0);
    assert_int_equal(weir_dgram_recv(peer, byte, sizeof byte, &from), 3);
    settle();
    assert_int_equal(weir_dgram_send(peer, "", 0, &from), 0); /* no end of stream */
    assert_int_equal(weir_dgram_send(peer, "one", 3, &from), 0);
    settle();
    assert_int_equal(weir_dgram_send(peer, "two", 3, &from), 0);
    weir_group_close(&g, 0);
    assert_memory_equal(seen.bytes, "onetwo", 6);
    assert_int_equal(seen.rc, 0);
    weir_dgram_close(&peer);
    return 0;
}

/* The process has a pointer to it, and closes it. */
FD_STORY(the_stream_of_a_process_does_not_change_its_owner) {
    static const char *const argv[] = {"cat", NULL};
    struct weir_process_options o = {.size = sizeof o, .in.kind = WEIR_STDIO_PIPE,
                                     .out.kind = WEIR_STDIO_PIPE};
    struct weir_process *p;
    struct weir_detached *d;
    struct weir_group g;
    assert_int_equal(weir_process_start(argv, &o, &p), 0);
    struct weir_stream *out = weir_process_stdout(p);
    weir_group_open(&g, WEIR_INDEPENDENT);
    expect_refusal(weir_react_stream(&out, &g, &hears), -EBUSY, "of a process");
    expect_refusal(weir_detach(&out, &d), -EBUSY, "of a process");
    weir_group_close(&g, 0);
    weir_process_close(&p);
    return 0;
}
