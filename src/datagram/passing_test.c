/* SPDX-License-Identifier: MIT */
/* Descriptors over unix sockets by the public calls: in a simulation, to another process, and with
 * a disturbance at each call. */
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <weir/stream.h>
#include <weir/unix.h>

#include "datagram/datagram_rig.h"

/* ---- a simulated world ---------------------------------------------------------------------- */

/* Take a connection over the unix socket s, which is closed, and say hello on it. */
static int take_from(struct weir_stream *s) {
    struct weir_stream *got = NULL;
    char head[4];
    int fd = -1;
    struct weir_fds fds = {.fds = &fd, .max = 1};
    ssize_t n = weir_recv_fds(s, head, sizeof head, &fds);
    int rc = n < 0 ? (int)n : n == 0 || fds.count != 1 ? -EPROTO : 0;
    if (rc == 0)
        rc = weir_stream_from_socket(fd, &got);
    if (rc == 0)
        rc = weir_write(got, "hello", 5);
    weir_close(&got);
    weir_close(&s);
    return rc;
}

struct takes_args {
    const char *url;
};

static int takes(void *arg) {
    struct weir_stream *s = NULL;
    int rc = weir_dial(((struct takes_args *)arg)->url, NULL, &s);
    return rc < 0 ? rc : take_from(s);
}

static int client(const char *url) {
    struct weir_stream *s = NULL;
    char buf[8];
    int rc = weir_dial(url, NULL, &s);
    if (rc == 0)
        rc = weir_read_exactly(s, buf, 5);
    if (rc == 0)
        rc = memcmp(buf, "hello", 5) == 0 ? 0 : -EPROTO;
    weir_close(&s);
    return rc;
}

struct dials_args {
    const char *url;
};

static int dials(void *arg) {
    return client(((struct dials_args *)arg)->url);
}

/* Give fd to the other side of the unix socket s, unless rc is an error; s and fd are closed. */
static int give_to(struct weir_stream *s, int fd, int rc) {
    struct weir_stream *copy = NULL;
    if (rc == 0)
        rc = weir_send_fds(s, "x", 1, &fd, 1);
    if (weir_stream_from_socket(fd, &copy) == 0)
        weir_close(&copy); /* ours only: the other side has one of its own */
    weir_close(&s);
    return rc;
}

static int hands_over(struct weir_listener *tcp, struct weir_listener *local) {
    struct weir_stream *s = NULL;
    int fd = -1, rc = weir_accept_fd(tcp, &fd);
    if (rc < 0)
        return rc;
    rc = weir_accept(local, &s);
    return give_to(s, fd, rc);
}

static int passes_a_connection(void *unused) {
    struct weir_listener *tcp = NULL, *local = NULL;
    struct weir_scope s;
    struct weir_group g;
    (void)unused;
    int rc = weir_listen("tcp://127.0.0.1:80", NULL, &tcp);
    if (rc == 0)
        rc = weir_listen("unix:/door", NULL, &local);
    weir_scope_enter(&s, WEIR_SECONDS(1));
    weir_group_open(&g, WEIR_TOGETHER);
    if (rc == 0)
        rc = weir_go(&g, dials, .url = "tcp://127.0.0.1:80");
    if (rc == 0)
        rc = weir_go(&g, takes, .url = "unix:/door");
    if (rc == 0)
        rc = hands_over(tcp, local);
    rc = weir_group_close(&g, rc);
    rc = weir_scope_leave(&s, rc);
    weir_unlisten(&tcp);
    weir_unlisten(&local);
    return rc;
}

WEIR_TEST(a_simulated_connection_passes_to_another_task) {
    assert_int_equal(weir_sim_run(passes_a_connection, NULL, NULL), 0);
    assert_int_equal(weir_sim_counts()->sockets, 0);
}

WEIR_TEST(the_passing_survives_a_cancel_anywhere_and_every_seed) {
    struct weir_story s = {.size = sizeof s, .name = "pass", .fn = passes_a_connection};
    struct weir_explored e;
    assert_int_equal(weir_explore_cancels(&s, &e), 0);
    assert_true(e.points > 5);
    s.last = 30;
    assert_int_equal(weir_explore_seeds(&s, &e), 0);
}

/* The side that dials gives: the other has not accepted it yet. */
static int gives(void *unused) {
    struct weir_listener *tcp = NULL;
    struct weir_stream *s = NULL;
    int fd = -1, rc = weir_listen("tcp://127.0.0.1:80", NULL, &tcp);
    (void)unused;
    if (rc == 0)
        rc = weir_accept_fd(tcp, &fd);
    if (rc == 0)
        rc = weir_dial("unix:/door", NULL, &s);
    rc = fd >= 0 ? give_to(s, fd, rc) : rc;
    weir_unlisten(&tcp);
    return rc;
}

static int takes_what_was_sent_at_once(void *unused) {
    struct weir_listener *local = NULL;
    struct weir_stream *s = NULL;
    struct weir_group g;
    (void)unused;
    int rc = weir_listen("unix:/door", NULL, &local);
    weir_group_open(&g, WEIR_TOGETHER);
    if (rc == 0)
        rc = weir_go0(&g, gives);
    if (rc == 0)
        rc = weir_yield(); /* it listens */
    if (rc == 0)
        rc = weir_go(&g, dials, .url = "tcp://127.0.0.1:80");
    if (rc == 0)
        rc = weir_accept(local, &s);
    if (rc == 0)
        rc = take_from(s);
    rc = weir_group_close(&g, rc);
    weir_unlisten(&local);
    return rc;
}

WEIR_TEST(a_descriptor_sent_right_after_the_dial_arrives) {
    assert_int_equal(weir_sim_run(takes_what_was_sent_at_once, NULL, NULL), 0);
    assert_int_equal(weir_sim_counts()->sockets, 0);
}

/* A connection that is never accepted drops what was sent over it. */
static int nobody_takes(void *unused) {
    struct weir_listener *local = NULL, *tcp = NULL;
    struct weir_stream *s = NULL, *client = NULL;
    char byte;
    int fd = -1;
    (void)unused;
    assert_int_equal(weir_listen("unix:/door", NULL, &local), 0);
    assert_int_equal(weir_listen("tcp://127.0.0.1:80", NULL, &tcp), 0);
    assert_int_equal(weir_dial("tcp://127.0.0.1:80", NULL, &client), 0);
    assert_int_equal(weir_accept_fd(tcp, &fd), 0);
    assert_int_equal(weir_dial("unix:/door", NULL, &s), 0);
    assert_int_equal(give_to(s, fd, 0), 0);
    weir_unlisten(&local);
    assert_int_equal(weir_read(client, &byte, 1), 0);
    weir_close(&client);
    weir_unlisten(&tcp);
    return 0;
}

WEIR_TEST(a_descriptor_sent_to_who_never_accepts_is_closed) {
    assert_int_equal(weir_sim_run(nobody_takes, NULL, NULL), 0);
    assert_int_equal(weir_sim_counts()->sockets, 0);
}

/* ---- a stream of a number ------------------------------------------------------------------- */

/* A connection to url, and its other end as a stream of what weir_accept_fd gave. */
static void open_by_number(const char *url, struct weir_stream **ret_client,
                           struct weir_stream **ret_s) {
    struct weir_listener *l = NULL;
    int fd = -1;
    assert_int_equal(weir_listen(url, NULL, &l), 0);
    assert_int_equal(weir_dial(url, NULL, ret_client), 0);
    assert_int_equal(weir_accept_fd(l, &fd), 0);
    assert_int_equal(weir_stream_from_socket(fd, ret_s), 0);
    weir_unlisten(&l);
}

static int leaves_bytes_unread(void *unused) {
    struct weir_stream *client = NULL, *s = NULL;
    struct weir_view v;
    char byte;
    (void)unused;
    open_by_number("tcp://127.0.0.1:80", &client, &s);
    assert_int_equal(weir_write(client, "unread", 6), 0);
    assert_int_equal(weir_peek(s, 6, &v), 6);
    weir_close(&s);
    assert_int_equal(weir_read(client, &byte, 1), -ECONNRESET);
    weir_close(&client);
    return 0;
}

WEIR_TEST(a_stream_of_a_simulated_number_resets_what_was_not_read) {
    assert_int_equal(weir_sim_run(leaves_bytes_unread, NULL, NULL), 0);
}

static int passes_over_a_number(void *unused) {
    struct weir_stream *client = NULL, *s = NULL, *a = NULL, *b = NULL;
    struct weir_listener *l = NULL;
    int fd = -1, got = -1;
    struct weir_fds fds = {.fds = &got, .max = 1};
    char byte;
    (void)unused;
    open_by_number("unix:/door", &client, &s);
    assert_int_equal(weir_listen("tcp://127.0.0.1:80", NULL, &l), 0);
    assert_int_equal(weir_dial("tcp://127.0.0.1:80", NULL, &a), 0);
    assert_int_equal(weir_accept_fd(l, &fd), 0);
    assert_int_equal(give_to(s, fd, 0), 0);
    assert_int_equal(weir_recv_fds(client, &byte, 1, &fds), 1);
    assert_int_equal(fds.count, 1);
    assert_int_equal(weir_stream_from_socket(got, &b), 0);
    weir_close(&b);
    assert_int_equal(weir_read(a, &byte, 1), 0);
    weir_close(&a);
    weir_close(&client);
    weir_unlisten(&l);
    return 0;
}

WEIR_TEST(a_stream_of_a_simulated_unix_socket_passes_descriptors) {
    assert_int_equal(weir_sim_run(passes_over_a_number, NULL, NULL), 0);
    assert_int_equal(weir_sim_counts()->sockets, 0);
}

/* ---- the kernel ----------------------------------------------------------------------------- */

static const char program[] =
    "import socket, os, sys, array\n"
    "s = socket.socket(fileno=int(sys.argv[1]))\n"
    "text, fds, flags, _ = socket.recv_fds(s, 100, 4)\n"
    "assert text == b'write', text\n"
    "os.write(fds[0], b'from python')\n"
    "r, w = os.pipe()\n"
    "socket.send_fds(s, [b'read'], [r, r, r])\n"
    "os.write(w, b'back')\n";

KERNEL_STORY(another_program_gets_and_gives_descriptors) {
    int pair[2], pipes[2], came[2];
    struct weir_stream *s = NULL;
    char number[16], text[32] = {0};
    struct weir_fds fds = {.fds = came, .max = 2};
    struct weir_credentials who;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    assert_int_equal(fcntl(pair[0], F_SETFD, FD_CLOEXEC), 0);
    assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
    snprintf(number, sizeof number, "%d", pair[1]);
    pid_t pid = fork();
    if (pid == 0) {
        execlp("python3", "python3", "-c", program, number, (char *)NULL);
        _exit(127);
    }
    close(pair[1]);
    assert_int_equal(weir_stream_from_socket(pair[0], &s), 0);
    assert_int_equal(weir_peer_credentials(s, &who), 0);
    assert_int_equal(who.pid, getpid()); /* who called socketpair */
    assert_int_equal(who.uid, getuid());
    assert_int_equal(weir_send_fds(s, "write", 5, &pipes[1], 1), 0);
    assert_int_equal(weir_recv_fds(s, text, sizeof text, &fds), 4);
    assert_string_equal(text, "read");
    assert_int_equal(fds.count, 2);
    assert_true(fds.truncated);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_int_equal(read(pipes[0], text, sizeof text), 11);
    assert_int_equal(read(came[0], text, sizeof text), 4);
    for (int i = 0; i < 2; i++) {
        close(came[i]);
        close(pipes[i]);
    }
    weir_close(&s);
    return 0;
}

KERNEL_STORY(only_unix_sockets_have_credentials) {
    struct weir_stream *a, *b;
    struct weir_credentials who;
    assert_int_equal(weir_memory_pair(0, &a, &b), 0);
    assert_int_equal(weir_peer_credentials(a, &who), -EOPNOTSUPP);
    weir_close(&a);
    weir_close(&b);
    return 0;
}

/* Control messages of another kind come beside the descriptors, and are no descriptors. */
KERNEL_STORY(credentials_beside_the_bytes_are_no_descriptors) {
    int pair[2], on = 1, came[4];
    struct weir_stream *s = NULL;
    char text[8];
    struct weir_fds fds = {.fds = came, .max = 4};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(setsockopt(pair[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof on), 0);
    assert_int_equal(setsockopt(pair[0], SOL_SOCKET, SO_TIMESTAMP, &on, sizeof on), 0);
    assert_int_equal(weir_stream_from_socket(pair[0], &s), 0);
    assert_int_equal(write(pair[1], "abc", 3), 3);
    assert_int_equal(weir_recv_fds(s, text, sizeof text, &fds), 3);
    assert_int_equal(fds.count, 0);
    assert_false(fds.truncated);
    weir_close(&s);
    close(pair[1]);
    return 0;
}

/* Whatever else is wrong, a scope that has fired is felt first. */
static int feels(void *arg) {
    struct weir_stream *a = NULL, *b = NULL;
    struct weir_fds fds = {.count = 7};
    struct weir_scope scope;
    char byte;
    assert_int_equal(weir_memory_pair(0, &a, &b), 0);
    assert_int_equal(weir_send_fds(a, "x", 1, NULL, 0), -EOPNOTSUPP);
    weir_scope_enter(&scope, 0);
    assert_int_equal(weir_send_fds(a, "x", 1, NULL, 0), -ETIME);
    assert_int_equal(weir_recv_fds(b, &byte, 1, &fds), -ETIME);
    assert_int_equal(fds.count, 0);
    assert_int_equal(weir_scope_leave(&scope, 0), 0);
    weir_close(&a);
    weir_close(&b);
    return 0;
}

WEIR_TEST(passing_is_a_cancel_point_where_it_is_refused) {
    assert_int_equal(weir_sim_run(feels, NULL, NULL), 0);
}
