/* SPDX-License-Identifier: MIT */
/* peer_test_util.h - a peer outside of the loop: blocking sockets on another thread, which may read
 * slowly or not at all, and may shut down or reset at any time. It uses nothing of weir. Its calls
 * assert what must work, and return false where the peer itself has broken the connection. And the
 * server of a test, which tells the peer's story on that thread, in each shape. Tests only. */
#ifndef WEIR_STREAM_PEER_TEST_UTIL_H
#define WEIR_STREAM_PEER_TEST_UTIL_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>
#include <weir/loop.h>
#include <weir/stream.h>
#include <weir/task.h>

#include "test/runner.h"

enum { PEER_HANGS_S = 20 }; /* no call of a peer may wait so long */

/* Two stories, [epoll] and [uring]: a simulated world has no other threads. The body follows. */
#define PEER_STORY(sentence)                                                                       \
    static void sentence##_told(void);                                                             \
    WEIR_TEST_BACKENDS(sentence) {                                                                 \
        if (strcmp(test_backend, "sim") == 0)                                                      \
            runner_skip("no other thread has a simulated socket");                                 \
        sentence##_told();                                                                         \
    }                                                                                              \
    static void sentence##_told(void)

/* ---- the server that the peer talks to ------------------------------------------------------- */

static struct post {
    int ended;      /* connections: the test counts them */
    int code;       /* the test keeps here what it likes of the last one */
    uint64_t heard; /* likewise */
    bool reacts;
    void (*story)(int port);
    struct weir_listener *l;
    struct weir_loop *loop;
    struct weir_group clients;
    sem_t answered; /* the test's, from 0 */
} post;

/* The test defines it: serve the clients of post.l in post.clients, in the shape post.reacts. */
static int serve_all(void *args);

/* The shape in which each client has a task: serve, with the stream as the first of its args. */
static inline int serve_each(const struct weir_site *site, int (*serve)(void *args)) {
    struct weir_stream *peer;
    int rc;
    while ((rc = weir_accept(post.l, &peer)) == 0)
        if (weir_spawn(&post.clients, site, serve, &peer, sizeof peer, NULL, NULL) < 0)
            weir_close(&peer);
    return rc == WEIR_ECLOSED ? 0 : rc;
}

static inline int tell_on_thread(void *arg) {
    (void)arg;
    post.story(weir_listener_port(post.l));
    return 0;
}

static inline int tell_story(void *arg) {
    struct weir_group servers;
    (void)arg;
    assert_int_equal(weir_listen("tcp://127.0.0.1:0", NULL, &post.l), 0);
    post.loop = weir_loop_current();
    weir_group_open(&post.clients, WEIR_INDEPENDENT);
    weir_group_open(&servers, WEIR_TOGETHER);
    assert_int_equal(weir_go0(&servers, serve_all), 0);
    assert_int_equal(weir_offload(tell_on_thread, NULL), 0);
    weir_unlisten(&post.l);
    bool was_stopped = weir_cancelled() != 0; /* by the story */
    int rc = weir_group_close(&servers, 0);
    assert_true(rc == 0 || was_stopped);
    rc = weir_group_drain(&post.clients, WEIR_SECONDS(20));
    assert_true(rc == 0 || was_stopped);
    return 0;
}

static inline void tell_peer_of(bool reacts, void (*story)(int port), int conns) {
    struct weir_run_options o = {.size = sizeof o, .backend = test_backend};
    fprintf(stderr, "# on %s, %s\n", test_backend, reacts ? "react" : "serve");
    post = (struct post){.reacts = reacts, .story = story};
    assert_int_equal(sem_init(&post.answered, 0, 0), 0);
    assert_int_equal(weir_run(tell_story, NULL, &o), 0);
    sem_destroy(&post.answered);
    assert_int_equal(post.ended, conns);
}

/* A story of a peer that may open `conns` connections, in both shapes; each of them ends. */
static inline void tell_peer(void (*story)(int port), int conns) {
    tell_peer_of(false, story, conns);
    tell_peer_of(true, story, conns);
}

/* ---- the peer -------------------------------------------------------------------------------- */

/* receive_buffer: 0, or the size of SO_RCVBUF, which the kernel doubles. */
static inline int peer_dial(int port, int receive_buffer) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval hangs = {PEER_HANGS_S, 0};
    int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
    assert_true(s >= 0);
    setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &hangs, sizeof hangs);
    setsockopt(s, SOL_SOCKET, SO_SNDTIMEO, &hangs, sizeof hangs);
    if (receive_buffer > 0)
        setsockopt(s, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    assert_int_equal(connect(s, (struct sockaddr *)&a, sizeof a), 0);
    return s;
}

static inline void peer_write(int s, const void *base, size_t len) {
    for (size_t at = 0; at < len;) {
        ssize_t n = send(s, (const char *)base + at, len - at, MSG_NOSIGNAL);
        if (n <= 0)
            fprintf(stderr, "# write: %zd, %s\n", n, strerror(errno));
        assert_true(n > 0);
        at += (size_t)n;
    }
}

/* Read up to len bytes; fewer only at the end of the stream, which must be no reset. */
static inline size_t peer_read(int s, void *base, size_t len) {
    size_t at = 0;
    ssize_t n = 1;
    while (at < len && (n = recv(s, (char *)base + at, len - at, 0)) > 0)
        at += (size_t)n;
    if (n < 0)
        fprintf(stderr, "# read after %zu bytes: %s\n", at, strerror(errno));
    assert_true(n >= 0);
    return at;
}

static inline void peer_end_writing(int s) {
    assert_int_equal(shutdown(s, SHUT_WR), 0);
}

static inline void peer_expect_end(int s) {
    char byte;
    assert_int_equal(peer_read(s, &byte, 1), 0);
}

static inline void peer_reset(int s) {
    struct linger now = {.l_onoff = 1};
    setsockopt(s, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close(s);
}

/* A chance that is the same in each run. */
static inline uint32_t peer_chance(uint32_t *seed, uint32_t below) {
    *seed = *seed * 1664525u + 1013904223u;
    return (*seed >> 8) % below;
}

#endif
