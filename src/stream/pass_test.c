/* SPDX-License-Identifier: MIT */
/* Descriptors that travel over unix sockets: to a task, from a bare socket, to no one. */
#include "stream/pass.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "stream/stream_test_util.h"

struct two {
    struct weir_stream *a;
    int peer; /* a bare socket */
};

static void open_two(struct two *t) {
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    assert_int_equal(weir_stream_from_socket(fds[0], &t->a), 0);
    t->peer = fds[1];
}

static void close_two(struct two *t) {
    weir_close(&t->a);
    close(t->peer);
}

static int open_null(void) {
    int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    assert_true(fd > 2);
    return fd;
}

/* The peer sends text and count duplicates of a descriptor, by a call of its own. */
static void peer_sends(int peer, const char *text, size_t count) {
    int fds[8];
    union {
        struct cmsghdr head;
        char bytes[CMSG_SPACE(sizeof fds)];
    } control;
    struct iovec v = {(void *)(uintptr_t)text, strlen(text)};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};
    assert_true(count <= 8);
    int null = open_null();
    for (size_t i = 0; i < count; i++)
        fds[i] = null;
    if (count > 0) {
        m.msg_control = &control;
        m.msg_controllen = CMSG_SPACE(count * sizeof(int));
        memset(&control, 0, sizeof control);
        struct cmsghdr *c = CMSG_FIRSTHDR(&m);
        *c = (struct cmsghdr){CMSG_LEN(count * sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
        memcpy(CMSG_DATA(c), fds, count * sizeof(int));
    }
    assert_int_equal(sendmsg(peer, &m, 0), strlen(text));
    close(null);
}

FD_STORY(descriptors_arrive_with_the_bytes) {
    struct two t;
    int fds[4], pipes[2];
    size_t count = 9;
    bool lost = true;
    char text[16];
    struct weir_stream *b;
    open_two(&t);
    assert_int_equal(weir_stream_from_socket(t.peer, &b), 0);
    assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
    assert_int_equal(weir__stream_send_fds(b, "take", 4, pipes, 2), 0);
    assert_int_equal(weir__stream_recv_fds(t.a, text, sizeof text, fds, 4, &count, &lost), 4);
    assert_int_equal(count, 2);
    assert_false(lost);
    assert_int_equal(write(fds[1], "x", 1), 1);
    assert_int_equal(read(pipes[0], text, 1), 1);
    for (int i = 0; i < 2; i++) {
        assert_true((fcntl(fds[i], F_GETFD) & FD_CLOEXEC) != 0);
        close(fds[i]);
        close(pipes[i]);
    }
    weir_close(&t.a);
    weir_close(&b);
    return 0;
}

FD_STORY(descriptors_that_have_no_room_are_closed_and_reported) {
    struct two t;
    int fds[1];
    size_t count = 9;
    bool lost = false;
    char text[16];
    open_two(&t);
    peer_sends(t.peer, "abc", 3);
    assert_int_equal(weir__stream_recv_fds(t.a, text, sizeof text, fds, 1, &count, &lost), 3);
    assert_int_equal(count, 1);
    assert_true(lost);
    close(fds[0]);
    peer_sends(t.peer, "de", 2);
    assert_int_equal(weir__stream_recv_fds(t.a, text, sizeof text, NULL, 0, &count, &lost), 2);
    assert_int_equal(count, 0);
    assert_true(lost);
    peer_sends(t.peer, "f", 2);
    assert_int_equal(weir_read(t.a, text, sizeof text), 1); /* the kernel closes them */
    close_two(&t);
    return 0;
}

/* The bytes of two messages that both carry descriptors are not joined. */
FD_STORY(each_message_keeps_its_descriptors) {
    struct two t;
    int fds[8];
    size_t count;
    bool lost;
    char text[16];
    open_two(&t);
    peer_sends(t.peer, "ab", 1);
    peer_sends(t.peer, "cde", 2);
    for (size_t n = 1; n <= 2; n++) {
        assert_int_equal(weir__stream_recv_fds(t.a, text, sizeof text, fds, 8, &count, &lost),
                         n + 1);
        assert_int_equal(count, n);
        while (count > 0)
            close(fds[--count]);
    }
    close(t.peer);
    assert_int_equal(weir__stream_recv_fds(t.a, text, sizeof text, fds, 8, &count, &lost), 0);
    weir_close(&t.a);
    return 0;
}

/* io_uring must not have received ahead, by a call that drops descriptors. */
FD_STORY(descriptors_that_come_after_a_read_arrive) {
    struct two t;
    int fds[8];
    size_t count = 0;
    bool lost;
    char text[16];
    open_two(&t);
    for (int round = 0; round < 3; round++) {
        peer_sends(t.peer, "hello", 0);
        assert_int_equal(weir_read_exactly(t.a, text, 5), 0);
        peer_sends(t.peer, "x", 1);
        assert_int_equal(weir_sleep(WEIR_MILLISECONDS(1)), 0);
        assert_int_equal(weir__stream_recv_fds(t.a, text, sizeof text, fds, 8, &count, &lost), 1);
        assert_int_equal(count, 1);
        close(fds[0]);
    }
    close_two(&t);
    return 0;
}

FD_STORY(a_cancelled_receive_loses_no_descriptor) {
    struct two t;
    struct weir_scope scope;
    int fds[8];
    size_t count = 7;
    bool lost = false;
    char text[16];
    open_two(&t);
    weir_scope_enter(&scope, WEIR_MILLISECONDS(2));
    ssize_t n = weir__stream_recv_fds(t.a, text, sizeof text, fds, 8, &count, &lost);
    assert_int_equal(weir_scope_leave(&scope, (int)n), -ETIME);
    assert_int_equal(count, 7);
    peer_sends(t.peer, "x", 1);
    assert_int_equal(weir__stream_recv_fds(t.a, text, sizeof text, fds, 8, &count, &lost), 1);
    assert_int_equal(count, 1);
    close(fds[0]);
    close_two(&t);
    return 0;
}

struct receives_args {
    struct two *t;
    int *ret_fd;
    ssize_t *ret;
};

static int receives(void *args) {
    struct receives_args *a = args;
    char text[16];
    size_t count = 0;
    bool lost = false;
    *a->ret = weir__stream_recv_fds(a->t->a, text, sizeof text, a->ret_fd, 1, &count, &lost);
    return 0;
}

struct closes_args {
    struct two *t;
    int fd; /* readable: close the stream */
};

static int closes(void *args) {
    struct closes_args *a = args;
    assert_int_equal(weir_wait_fd(a->fd, POLLIN), POLLIN);
    weir_close(&a->t->a);
    return 0;
}

/* The descriptor has come, but the closing task runs before the receiving one. */
FD_STORY(a_stream_that_is_closed_as_a_descriptor_comes_leaves_none) {
    struct two t;
    struct weir_group g;
    int pipes[2], fd = -1;
    ssize_t n = 0;
    open_two(&t);
    assert_int_equal(pipe(pipes), 0);
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_go(&g, closes, .t = &t, .fd = pipes[0]), 0);
    assert_int_equal(weir_go(&g, receives, .t = &t, .ret_fd = &fd, .ret = &n), 0);
    assert_int_equal(weir_yield(), 0);
    assert_int_equal(write(pipes[1], "x", 1), 1);
    peer_sends(t.peer, "x", 1);
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_int_equal(n, WEIR_ECLOSED);
    assert_int_equal(fd, -1);
    close(pipes[0]);
    close(pipes[1]);
    close_two(&t);
    return 0;
}

struct drain_late_args {
    int fd;
    size_t *ret_count;
};

static int drain_late(void *arg) {
    struct drain_late_args *a = arg;
    char piece[4096];
    ssize_t n;
    int rc = weir_sleep(WEIR_MILLISECONDS(2));
    while (rc == 0 && (rc = weir_wait_fd(a->fd, POLLIN)) > 0) {
        n = recv(a->fd, piece, sizeof piece, 0);
        if (n <= 0)
            return 0;
        *a->ret_count += (size_t)n;
        rc = 0;
    }
    return rc;
}

FD_STORY(descriptors_wait_for_room_and_go_once) {
    enum { SIZE = 1 << 20 };
    static char bytes[SIZE];
    struct two t;
    struct weir_group g;
    size_t count = 0, filled = 0;
    int null = open_null();
    ssize_t n;
    open_two(&t);
    while ((n = weir_try_write(t.a, bytes, SIZE)) > 0)
        filled += (size_t)n;
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_go(&g, drain_late, .fd = t.peer, .ret_count = &count), 0);
    assert_int_equal(weir__stream_send_fds(t.a, bytes, SIZE, &null, 1), 0);
    weir_close(&t.a);
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_int_equal(count, filled + SIZE);
    close(t.peer);
    close(null);
    return 0;
}

FD_STORY(only_unix_sockets_pass_descriptors) {
    struct weir_stream *a, *b;
    size_t count;
    bool lost;
    char text[4];
    int fd = 0;
    assert_int_equal(weir_memory_pair(0, &a, &b), 0);
    assert_int_equal(weir__stream_send_fds(a, "x", 1, &fd, 1), -EOPNOTSUPP);
    assert_int_equal(weir__stream_recv_fds(a, text, 4, &fd, 1, &count, &lost), -EOPNOTSUPP);
    weir_close(&a);
    weir_close(&b);
    struct two t;
    open_two(&t);
    assert_int_equal(weir__stream_send_fds(t.a, "x", 0, &fd, 1), -EINVAL);
    assert_int_equal(weir__stream_send_fds(t.a, "x", 1, &fd, 254), -EINVAL);
    fd = 9999;
    assert_int_equal(weir__stream_send_fds(t.a, "x", 1, &fd, 1), -EBADF);
    assert_int_equal(weir_write(t.a, "y", 1), 0); /* not torn */
    close_two(&t);
    return 0;
}

/* A read that descriptors have ended says nothing about the bytes behind it. */
FD_STORY(bytes_behind_dropped_descriptors_are_not_forgotten) {
    struct two t;
    char text[16] = {0};
    open_two(&t);
    for (int round = 0; round < 3; round++) {
        peer_sends(t.peer, "ab", 1);
        peer_sends(t.peer, "cd", 0);
        peer_sends(t.peer, "ef", 2);
        peer_sends(t.peer, "gh", 0);
        assert_int_equal(weir_read_exactly(t.a, text, 8), 0);
        assert_string_equal(text, "abcdefgh");
    }
    close_two(&t);
    return 0;
}

/* Nor does one that ends where another process's bytes begin, on a socket that asks who wrote. */
FD_STORY(bytes_of_another_writer_are_not_forgotten) {
    struct two t;
    char text[16] = {0};
    int on = 1;
    open_two(&t);
    assert_int_equal(setsockopt(weir_stream_fd(t.a), SOL_SOCKET, SO_PASSCRED, &on, sizeof on), 0);
    peer_sends(t.peer, "ab", 0);
    pid_t pid = fork();
    if (pid == 0)
        _exit(write(t.peer, "cd", 2) == 2 ? 0 : 1);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_int_equal(weir_read_exactly(t.a, text, 4), 0);
    assert_string_equal(text, "abcd");
    close_two(&t);
    return 0;
}
