/* SPDX-License-Identifier: MIT */
/* handover_test.c - detached streams between processes, and what other senders may try. The runner
 * checks that no descriptor stays open. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/wait.h>
#include <weir/detach.h>
#include <weir/testing.h>

#include "stream/stream_test_util.h"

/* Two ends of a unix socket, over which streams go. */
struct way {
    struct weir_stream *from, *to;
};

static void way_open(struct way *w) {
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    assert_int_equal(weir_stream_from_socket(fds[0], &w->from), 0);
    assert_int_equal(weir_stream_from_socket(fds[1], &w->to), 0);
}

static void way_close(struct way *w) {
    weir_close(&w->from);
    weir_close(&w->to);
}

/* ---- as it should be ------------------------------------------------------------------------- */

static void hand_over(int kind, const char *unread) {
    struct ends e = {.kind = kind};
    struct weir_view v;
    struct weir_detached *d = NULL;
    struct way w;
    char peer[128], byte;
    way_open(&w);
    ends_open(&e);
    snprintf(peer, sizeof peer, "%s", weir_stream_peer(e.b));
    send_text(e.a, unread);
    if (unread[0] != '\0')
        assert_int_equal(weir_peek(e.b, strlen(unread), &v), strlen(unread));
    assert_int_equal(weir_detach(&e.b, &d), 0);
    assert_int_equal(weir_detached_send(w.from, &d), 0);
    assert_null(d);
    send_text(e.a, " and more");
    assert_int_equal(weir_detached_recv(w.to, &d), 1);
    assert_int_equal(weir_detached_unread(d).len, strlen(unread));
    assert_int_equal(weir_detached_end(d), 1);
    assert_string_equal(weir_detached_peer(d), peer);
    assert_int_equal(weir_attach(&d, &e.b), 0);
    expect_bytes(e.b, unread);
    expect_bytes(e.b, " and more");
    send_text(e.b, "back");
    expect_bytes(e.a, "back");
    weir_close(&e.b);
    assert_int_equal(weir_read(e.a, &byte, 1), 0);
    weir_close(&e.a);
    weir_close(&w.from);
    assert_int_equal(weir_detached_recv(w.to, &d), 0);
    way_close(&w);
}

FD_STORY(a_stream_goes_over_a_unix_socket) {
    hand_over(KIND_TCP, "");
    hand_over(KIND_TCP, "unread");
    hand_over(KIND_UNIX, "unread");
    return 0;
}

FD_STORY(several_streams_go_one_after_the_other) {
    enum { MANY = 5 };
    struct ends e[MANY];
    struct weir_detached *d;
    struct way w;
    char text[16];
    way_open(&w);
    for (int i = 0; i < MANY; i++) {
        e[i] = (struct ends){.kind = KIND_TCP};
        ends_open(&e[i]);
        snprintf(text, sizeof text, "stream %d", i);
        send_text(e[i].a, text);
        assert_int_equal(weir_peek(e[i].b, 8, &(struct weir_view){0}), 8);
        assert_int_equal(weir_detach(&e[i].b, &d), 0);
        assert_int_equal(weir_detached_send(w.from, &d), 0);
    }
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(weir_detached_recv(w.to, &d), 1);
        assert_int_equal(weir_attach(&d, &e[i].b), 0);
        snprintf(text, sizeof text, "stream %d", i);
        expect_bytes(e[i].b, text);
        weir_close(&e[i].a);
        weir_close(&e[i].b);
    }
    way_close(&w);
    return 0;
}

FD_STORY(an_end_and_an_error_go_along) {
    struct ends e = {.kind = KIND_TCP};
    struct weir_detached *d;
    struct way w;
    char byte;
    way_open(&w);
    ends_open(&e);
    weir_close(&e.a);
    assert_int_equal(weir_read(e.b, &byte, 1), 0);
    assert_int_equal(weir_shutdown(e.b), 0);
    assert_int_equal(weir_detach(&e.b, &d), 0);
    assert_int_equal(weir_detached_send(w.from, &d), 0);
    assert_int_equal(weir_detached_recv(w.to, &d), 1);
    assert_int_equal(weir_detached_end(d), 0);
    assert_int_equal(weir_attach(&d, &e.b), 0);
    assert_int_equal(weir_read(e.b, &byte, 1), 0);
    assert_int_equal(weir_write(e.b, "x", 1), -EPIPE);
    weir_close(&e.b);
    way_close(&w);
    return 0;
}

/* ---- another process ------------------------------------------------------------------------- */

static int serve_what_comes(void *arg) {
    struct weir_stream *way, *s;
    struct weir_detached *d;
    char text[8];
    int rc = weir_stream_from_socket(*(int *)arg, &way);
    while (rc >= 0 && (rc = weir_detached_recv(way, &d)) == 1) {
        if ((rc = weir_attach(&d, &s)) < 0)
            break;
        if ((rc = weir_read_exactly(s, text, 8)) == 0)
            rc = weir_write(s, text, 8);
        weir_close(&s);
    }
    weir_close(&way);
    return rc;
}

static int give_away(void *arg) {
    struct ends e = {.kind = KIND_TCP};
    struct weir_detached *d;
    struct weir_stream *way;
    char byte;
    assert_int_equal(weir_stream_from_socket(*(int *)arg, &way), 0);
    for (int i = 0; i < 3; i++) {
        ends_open(&e);
        send_text(e.a, "half");
        assert_int_equal(weir_peek(e.b, 4, &(struct weir_view){0}), 4);
        assert_int_equal(weir_detach(&e.b, &d), 0);
        assert_int_equal(weir_detached_send(way, &d), 0);
        send_text(e.a, "rest");
        expect_bytes(e.a, "halfrest");
        assert_int_equal(weir_read(e.a, &byte, 1), 0); /* we have no copy that keeps it open */
        weir_close(&e.a);
    }
    weir_close(&way);
    return 0;
}

WEIR_TEST_BACKENDS(another_process_goes_on_with_a_connection) {
    struct weir_run_options o = {.size = sizeof o, .backend = test_backend};
    int fds[2], status;
    if (strcmp(test_backend, "sim") == 0)
        runner_skip("a simulation has one process");
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(fds[0]);
        _exit(weir_run(serve_what_comes, &fds[1], &o) == 0 ? 0 : 1);
    }
    close(fds[1]);
    assert_int_equal(weir_run(give_away, &fds[0], &o), 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

/* ---- refused --------------------------------------------------------------------------------- */

FD_STORY(what_could_not_be_sent_is_still_the_senders) {
    struct ends e = {.kind = KIND_TCP};
    struct weir_stream *pipe_stream, *a, *b;
    struct weir_detached *d;
    struct way w;
    int fds[2];
    way_open(&w);
    ends_open(&e);
    assert_int_equal(weir_detach(&e.b, &d), 0);
    assert_int_equal(weir_memory_pair(0, &a, &b), 0);
    assert_int_equal(weir_detached_send(a, &d), -EOPNOTSUPP);
    assert_int_equal(weir_detached_send(e.a, &d), -EOPNOTSUPP);
    weir_close(&w.to);
    assert_int_equal(weir_detached_send(w.from, &d), -EPIPE);
    assert_int_equal(weir_attach(&d, &e.b), 0);
    send_text(e.a, "goes on");
    expect_bytes(e.b, "goes on");
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    assert_int_equal(weir_stream_from_fd(fds[0], &pipe_stream), 0);
    assert_int_equal(weir_detach(&pipe_stream, &d), 0);
    expect_refusal(weir_detached_send(w.from, &d), -EOPNOTSUPP, "no socket");
    weir_detached_close(&d);
    close(fds[1]);
    weir_close(&e.a);
    weir_close(&e.b);
    weir_close(&a);
    weir_close(&b);
    way_close(&w);
    return 0;
}

FD_STORY(a_cancelled_receive_has_taken_nothing) {
    struct ends e = {.kind = KIND_TCP};
    struct weir_detached *d = NULL;
    struct weir_scope sc;
    struct way w;
    way_open(&w);
    ends_open(&e);
    weir_scope_enter(&sc, WEIR_MILLISECONDS(2));
    assert_int_equal(weir_scope_leave(&sc, weir_detached_recv(w.to, &d)), -ETIME);
    assert_int_equal(weir_detach(&e.b, &d), 0);
    assert_int_equal(weir_detached_send(w.from, &d), 0);
    assert_int_equal(weir_detached_recv(w.to, &d), 1);
    weir_detached_close(&d);
    weir_close(&e.a);
    way_close(&w);
    return 0;
}

/* ---- an enemy -------------------------------------------------------------------------------- */

enum { HEAD = 40 };

static void send_raw(int fd, const void *bytes, size_t len, const int *fds, size_t count) {
    union {
        struct cmsghdr head;
        uint8_t bytes[CMSG_SPACE(8 * sizeof(int))];
    } control;
    struct iovec v = {(void *)(uintptr_t)bytes, len};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};
    if (count > 0) {
        memset(&control, 0, sizeof control);
        m.msg_control = &control;
        m.msg_controllen = CMSG_SPACE(count * sizeof(int));
        struct cmsghdr *c = CMSG_FIRSTHDR(&m);
        *c = (struct cmsghdr){.cmsg_len = CMSG_LEN(count * sizeof(int)),
                              .cmsg_level = SOL_SOCKET,
                              .cmsg_type = SCM_RIGHTS};
        memcpy(CMSG_DATA(c), fds, count * sizeof(int));
    }
    assert_int_equal(sendmsg(fd, &m, MSG_NOSIGNAL), len);
}

/* A head as weir_detached_send makes it, of a stream with `unread` bytes. */
static void head_of(uint8_t head[HEAD], uint32_t unread) {
    const uint16_t version = 1;
    memset(head, 0, HEAD);
    memcpy(head, "weir\0d", 6);
    memcpy(head + 6, &version, 2);
    memcpy(head + 8, &unread, 4);
}

struct enemy {
    int fd;      /* writes to `to` */
    int good[2]; /* stream sockets */
    struct weir_stream *to;
};

static void enemy_open(struct enemy *x) {
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, x->good), 0);
    x->fd = fds[0];
    assert_int_equal(weir_stream_from_socket(fds[1], &x->to), 0);
}

/* What has come is refused, with these words. Nothing that came stays open. */
static void expect_repelled(struct enemy *x, const char *words) {
    struct weir_detached *d = NULL;
    char byte;
    expect_refusal(weir_detached_recv(x->to, &d), WEIR_EPROTO, words);
    assert_true(weir_error(WEIR_EPROTO)->done >= HEAD);
    assert_null(d);
    weir_close(&x->to);
    close(x->fd);
    close(x->good[0]);
    assert_int_equal(recv(x->good[1], &byte, 1, MSG_DONTWAIT), 0); /* no copy is open */
    close(x->good[1]);
}

FD_STORY(a_head_that_is_wrong_is_refused) {
    static const struct {
        int at;
        uint8_t byte;
        const char *words;
    } wrong[] = {
        {0, 'W', "no detached stream"}, {5, 0, "no detached stream"},
        {6, 2, "another version"},
        {11, 0x7f, "too many unread"},  {12, 1, "its error code does not exist"},
        {15, 0x80, "its error code does not exist"},
        {16, 16, "its head is wrong"},
        {17, 5, "its head is wrong"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct enemy x;
        uint8_t head[HEAD];
        enemy_open(&x);
        head_of(head, 0);
        head[wrong[i].at] = wrong[i].byte;
        send_raw(x.fd, head, HEAD, &x.good[0], 1);
        expect_repelled(&x, wrong[i].words);
    }
    return 0;
}

FD_STORY(a_head_without_a_descriptor_or_with_two_is_refused) {
    for (size_t count = 0; count <= 4; count += 2) {
        struct enemy x;
        uint8_t head[HEAD];
        enemy_open(&x);
        const int fds[] = {x.good[0], x.good[0], x.good[0], x.good[0]};
        head_of(head, 0);
        send_raw(x.fd, head, HEAD, fds, count);
        expect_repelled(&x, count == 0 ? "no descriptor" : "more than one descriptor");
    }
    return 0;
}

FD_STORY(a_second_descriptor_in_the_middle_is_refused) {
    struct enemy x;
    uint8_t head[HEAD];
    enemy_open(&x);
    head_of(head, 6);
    send_raw(x.fd, head, HEAD, &x.good[0], 1);
    send_raw(x.fd, "abc", 3, NULL, 0);
    send_raw(x.fd, "def", 3, &x.good[0], 1);
    expect_repelled(&x, "more than one descriptor");
    return 0;
}

/* A pipe, a datagram socket, a socket that listens. */
static int odd_descriptor(int which) {
    int fds[2];
    if (which == 0) {
        assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
        close(fds[1]);
        return fds[0];
    }
    int fd = socket(AF_INET, (which == 1 ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    if (which == 2)
        assert_int_equal(listen(fd, 1), 0);
    return fd;
}

FD_STORY(a_descriptor_that_is_no_connection_is_refused) {
    for (int which = 0; which < 3; which++) {
        struct enemy x;
        uint8_t head[HEAD];
        int odd = odd_descriptor(which);
        enemy_open(&x);
        head_of(head, 0);
        send_raw(x.fd, head, HEAD, &odd, 1);
        expect_repelled(&x, which == 2 ? "no connection" : "no stream socket");
        close(odd);
    }
    return 0;
}

/* The sender ends, or goes silent, after len bytes. Returns how many had come when the call
 * ended. */
static size_t cut_short(size_t len, bool silent, weir_ns limit) {
    struct weir_detached *d = NULL;
    struct weir_scope sc;
    struct enemy x;
    uint8_t message[HEAD + 6] = {0};
    char byte;
    enemy_open(&x);
    head_of(message, 6);
    send_raw(x.fd, message, len, &x.good[0], 1);
    if (!silent)
        shutdown(x.fd, SHUT_WR);
    weir_scope_enter(&sc, limit);
    int rc = weir_scope_leave(&sc, weir_detached_recv(x.to, &d));
    assert_int_equal(rc, silent ? -ETIME : WEIR_EEOF);
    size_t done = weir_error(rc)->done;
    assert_null(d);
    weir_close(&x.to);
    close(x.fd);
    close(x.good[0]);
    assert_int_equal(recv(x.good[1], &byte, 1, MSG_DONTWAIT), 0);
    close(x.good[1]);
    return done;
}

FD_STORY(what_is_cut_short_leaves_nothing_open) {
    for (size_t len = 1; len < HEAD + 6; len++) {
        assert_int_equal(cut_short(len, false, WEIR_SECONDS(5)), len);
        weir_ns limit = WEIR_MILLISECONDS(1); /* a busy machine needs more to take all of it */
        size_t done;
        while ((done = cut_short(len, true, limit)) < len && limit < WEIR_SECONDS(5))
            limit *= 10;
        assert_int_equal(done, len);
    }
    return 0;
}

/* Any bytes at all, with a descriptor or without. */
FD_STORY(random_heads_do_no_harm) {
    uint64_t random = 1;
    for (int i = 0; i < 300; i++) {
        struct weir_detached *d = NULL;
        struct enemy x;
        uint8_t head[HEAD];
        enemy_open(&x);
        head_of(head, 0);
        for (int k = 0; k < 3; k++) {
            random = random * 6364136223846793005u + 1442695040888963407u;
            head[(random >> 33) % HEAD] = (uint8_t)(random >> 40);
        }
        send_raw(x.fd, head, HEAD, &x.good[0], 1);
        shutdown(x.fd, SHUT_WR);
        int rc = weir_detached_recv(x.to, &d);
        assert_true(rc == 1 || rc == WEIR_EPROTO || rc == WEIR_EEOF);
        weir_detached_close(&d);
        weir_close(&x.to);
        close(x.fd);
        close(x.good[0]);
        close(x.good[1]);
    }
    return 0;
}
