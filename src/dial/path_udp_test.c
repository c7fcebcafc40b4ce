/* SPDX-License-Identifier: MIT */
/* Dialling a path, file: and pipe:, and a peer of datagrams, udp:. */
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <weir/datagram.h>
#include <weir/frame.h>
#include <weir/group.h>
#include <weir/loop.h>
#include <weir/stream.h>
#include <weir/task.h>
#include <weir/testing.h>

#include "test/runner.h"

static char folder[64];

static const char *in_folder(const char *scheme, const char *name) {
    static char url[160];
    snprintf(url, sizeof url, "%s:%s/%s", scheme, folder, name);
    return url;
}

static int writes_and_reads(void *arg) {
    char buf[16];
    struct weir_stream *s = NULL;
    assert_int_equal(weir_dial(in_folder("file", "a?mode=write"), NULL, &s), 0);
    assert_int_equal(weir_write(s, "one\n", 4), 0);
    weir_close(&s);
    assert_int_equal(weir_dial(in_folder("file", "a?mode=append"), NULL, &s), 0);
    assert_int_equal(weir_write(s, "two\n", 4), 0);
    weir_close(&s);
    assert_int_equal(weir_dial(in_folder("file", "a"), NULL, &s), 0);
    assert_int_equal(weir_read_until(s, '\n', buf, sizeof buf), 4);
    assert_string_equal(buf, "one\n");
    assert_int_equal(weir_read_until(s, '\n', buf, sizeof buf), 4);
    assert_string_equal(buf, "two\n");
    assert_int_equal(weir_read(s, buf, sizeof buf), 0);
    weir_close(&s);
    assert_int_equal(weir_dial(in_folder("file", "b"), NULL, &s), -ENOENT);
    assert_int_equal(weir_dial(in_folder("file", "a?mode=erase"), NULL, &s), WEIR_EURL);
    assert_int_equal(weir_dial("file:", NULL, &s), WEIR_EURL);
    assert_int_equal(weir_dial(in_folder("file", "a?size=3"), NULL, &s), WEIR_EURL);
    return 0;
}

static int pipes(void *arg) {
    char buf[8];
    struct weir_stream *r = NULL, *w = NULL;
    assert_int_equal(mkfifo(strchr(in_folder("pipe", "fifo"), ':') + 1, 0600), 0);
    assert_int_equal(weir_dial(in_folder("pipe", "fifo?mode=write"), NULL, &w), -ENXIO);
    assert_int_equal(weir_dial(in_folder("pipe", "fifo?mode=read"), NULL, &r), 0);
    assert_int_equal(weir_dial(in_folder("pipe", "fifo?mode=write"), NULL, &w), 0);
    assert_int_equal(weir_write(w, "hello", 5), 0);
    weir_close(&w);
    assert_int_equal(weir_read_exactly(r, buf, 5), 0);
    assert_int_equal(weir_read(r, buf, 1), 0);
    weir_close(&r);
    assert_int_equal(weir_dial(in_folder("pipe", "fifo"), NULL, &r), 0);
    assert_int_equal(weir_write(r, "both", 4), 0);
    assert_int_equal(weir_read_exactly(r, buf, 4), 0);
    weir_close(&r);
    unlink(strchr(in_folder("pipe", "fifo"), ':') + 1);
    return 0;
}

static void in_a_folder(int (*fn)(void *arg)) {
    snprintf(folder, sizeof folder, "/tmp/weir-dial-XXXXXX");
    assert_non_null(mkdtemp(folder));
    assert_int_equal(weir_run(fn, NULL, NULL), 0);
    unlink(strchr(in_folder("file", "a"), ':') + 1);
    rmdir(folder);
}

WEIR_TEST_BACKENDS(a_file_is_dialled_for_reading_writing_or_at_its_end) {
    if (strcmp(test_backend, "sim") == 0)
        snprintf(folder, sizeof folder, "/tmp"); /* in the world's own files */
    if (strcmp(test_backend, "sim") == 0)
        assert_int_equal(weir_run(writes_and_reads, NULL, NULL), 0);
    else
        in_a_folder(writes_and_reads);
}

WEIR_TEST_BACKENDS(a_fifo_is_dialled_one_way_or_both) {
    if (strcmp(test_backend, "sim") == 0)
        runner_skip("a simulation has no FIFOs");
    in_a_folder(pipes);
}

/* ---- udp ---- */

struct answers_args {
    struct weir_dgram *d;
};

/* Sends each datagram back, and one of 0 bytes before it. */
static int answers(void *args) {
    struct answers_args *a = args;
    char buf[64];
    struct weir_addr from;
    int rc = 0;
    for (int i = 0; i < 2 && rc == 0; i++) {
        ssize_t n = weir_dgram_recv(a->d, buf, sizeof buf, &from);
        rc = n < 0 ? (int)n : weir_dgram_send(a->d, buf, 0, &from);
        if (rc == 0)
            rc = weir_dgram_send(a->d, buf, (size_t)n, &from);
    }
    return rc;
}

static int asks(struct weir_stream *s) {
    struct weir_view v;
    int rc = weir_write(s, "hello", 5);
    ssize_t n = rc == 0 ? weir_peek(s, 1, &v) : rc;
    if (n < 0)
        return (int)n;
    assert_int_equal(n, 5);
    assert_memory_equal(v.base, "hello", 5);
    weir_consume(s, 5);
    rc = weir_wait_writable(s);
    if (rc == 0)
        rc = (int)weir_try_write(s, "again", 5);
    char buf[5];
    return rc < 0 ? rc : weir_read_exactly(s, buf, 5);
}

static int speaks_udp(void *arg) {
    struct weir_dgram *d = NULL;
    struct weir_stream *s = NULL;
    struct weir_group g;
    struct weir_scope scope; /* a cancelled task leaves the other alone */
    char url[64];
    weir_scope_enter(&scope, WEIR_SECONDS(2));
    int rc = weir_dgram_open("udp://127.0.0.1:0", NULL, &d);
    if (rc == 0) {
        snprintf(url, sizeof url, "udp://127.0.0.1:%d", weir_dgram_port(d));
        rc = weir_dial(url, NULL, &s);
    }
    weir_group_open(&g, WEIR_TOGETHER);
    if (rc == 0)
        rc = weir_go(&g, answers, .d = d);
    if (rc == 0)
        rc = asks(s);
    if (rc == 0) {
        const char *peer = weir_stream_peer(s); /* "?": there was no memory for it */
        assert_true(strcmp(peer, url) == 0 || strcmp(peer, "?") == 0);
        rc = weir_shutdown(s);
        rc = rc == -EOPNOTSUPP ? 0 : rc;
    }
    rc = weir_group_close(&g, rc);
    weir_close(&s);
    weir_dgram_close(&d);
    return weir_scope_leave(&scope, rc);
}

WEIR_TEST_BACKENDS(a_peer_of_datagrams_is_a_stream_without_an_end) {
    assert_int_equal(weir_run(speaks_udp, NULL, NULL), 0);
}

/* Returns what a read has met: nobody answers where the port is closed. */
static int speaks_to_nobody(struct weir_stream *s) {
    char byte;
    int rc = -ETIME;
    while (rc == -ETIME) { /* on io_uring a closed socket has its port until the loop has turned */
        struct weir_scope scope;
        weir_scope_enter(&scope, WEIR_MILLISECONDS(5));
        rc = weir_write(s, "?", 1);
        if (rc == 0)
            rc = (int)weir_read(s, &byte, 1);
        rc = weir_scope_leave(&scope, rc);
    }
    return rc;
}

static int goes_on(void *arg) {
    struct weir_dgram *d = NULL;
    struct weir_stream *s = NULL;
    struct weir_addr own;
    char url[64], buf[16];
    assert_int_equal(weir_dgram_open("udp://127.0.0.1:0", NULL, &d), 0);
    snprintf(url, sizeof url, "udp://127.0.0.1:%d", weir_dgram_port(d));
    assert_int_equal(weir_dial(url, NULL, &s), 0);
    weir_dgram_close(&d);
    assert_int_equal(speaks_to_nobody(s), -ECONNREFUSED);
    assert_int_equal(weir_dgram_open(url, NULL, &d), 0);
    assert_int_equal(weir_addr_parse(weir_stream_local(s), &own), 0);
    assert_int_equal(weir_dgram_send(d, "here", 4, &own), 0);
    assert_int_equal(weir_read(s, buf, sizeof buf), 4);
    weir_close(&s);
    weir_dgram_close(&d);
    return 0;
}

WEIR_TEST_BACKENDS(a_stream_of_datagrams_goes_on_when_its_peer_is_there_again) {
    assert_int_equal(weir_run(goes_on, NULL, NULL), 0);
}

static int writes_frames(void *arg) {
    struct weir_dgram *d = NULL;
    struct weir_stream *s = NULL;
    char url[64], buf[16];
    assert_int_equal(weir_dgram_open("udp://127.0.0.1:0", NULL, &d), 0);
    snprintf(url, sizeof url, "udp://127.0.0.1:%d", weir_dgram_port(d));
    assert_int_equal(weir_dial(url, NULL, &s), 0);
    assert_int_equal(weir_frame_write(s, NULL, "line", 4), 0);
    assert_int_equal(weir_dgram_recv(d, buf, sizeof buf, NULL), 5);
    assert_memory_equal(buf, "line\n", 5);
    weir_close(&s);
    weir_dgram_close(&d);
    return 0;
}

WEIR_TEST_BACKENDS(a_frame_is_one_datagram_with_its_end) {
    assert_int_equal(weir_run(writes_frames, NULL, NULL), 0);
}

static int is_left_by_a_child(void *arg) {
    struct weir_stream *s;
    int status = -1;
    assert_int_equal(weir_dial("udp://127.0.0.1:9", NULL, &s), 0);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        int next = dup(0); /* the lowest number that is free */
        weir_close(&s);
        _exit(dup(0) < next ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    weir_close(&s);
    return 0;
}

WEIR_TEST_BACKENDS(a_fork_child_closes_its_copy_of_a_stream_of_datagrams) {
    if (strcmp(test_backend, "sim") == 0)
        runner_skip("a simulated world is one process");
    assert_int_equal(weir_run(is_left_by_a_child, NULL, NULL), 0);
}

WEIR_TEST(a_stream_of_datagrams_leaves_nothing_behind_wherever_it_is_disturbed) {
    struct weir_story story = {.size = sizeof story, .name = "udp", .fn = speaks_udp};
    assert_int_equal(weir_explore_cancels(&story, NULL), 0);
    assert_int_equal(weir_explore_allocations(&story, NULL), 0);
}

/* ---- a cancel that meets an empty datagram ---- */

struct listens_args {
    struct weir_stream *s;
    int *ret_rc;
};
static int listens(void *args) {
    struct listens_args *a = args;
    struct weir_scope scope;
    char byte;
    weir_scope_enter(&scope, WEIR_NEVER);
    assert_int_equal(weir_scope_on_signal(&scope, SIGUSR1), 0);
    *a->ret_rc = weir_scope_leave(&scope, (int)weir_read(a->s, &byte, 1));
    return 0;
}

static int cancels_by_signal(void *arg) {
    struct sockaddr_in own = {.sin_family = AF_INET}, to = own;
    socklen_t len = sizeof own;
    struct weir_stream *s = NULL;
    struct weir_group g;
    char url[64];
    int rc = 1, peer = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    own.sin_addr.s_addr = to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(peer, (struct sockaddr *)&own, sizeof own), 0);
    assert_int_equal(getsockname(peer, (struct sockaddr *)&own, &len), 0);
    snprintf(url, sizeof url, "udp://127.0.0.1:%d", ntohs(own.sin_port));
    assert_int_equal(weir_dial(url, NULL, &s), 0);
    to.sin_port = htons((uint16_t)atoi(strrchr(weir_stream_local(s), ':') + 1));
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_go(&g, listens, .s = s, .ret_rc = &rc), 0);
    assert_int_equal(weir_sleep(WEIR_MILLISECONDS(5)), 0);
    assert_int_equal(sendto(peer, "", 0, 0, (struct sockaddr *)&to, sizeof to), 0);
    raise(SIGUSR1);
    nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL); /* the loop meets both in one turn */
    for (int i = 0; i < 500 && rc == 1; i++)
        weir_sleep(WEIR_MILLISECONDS(1));
    assert_int_equal(rc, WEIR_ESTOPPED);
    assert_int_equal(weir_group_close(&g, 0), 0);
    weir_close(&s);
    close(peer);
    return 0;
}

WEIR_TEST_BACKENDS(a_cancel_that_meets_an_empty_datagram_is_felt) {
    if (strcmp(test_backend, "sim") == 0)
        runner_skip("a simulation has no signals of its own");
    struct weir_run_options o = {.size = sizeof o, .backend = test_backend};
    assert_int_equal(weir_run(cancels_by_signal, NULL, &o), 0);
}
