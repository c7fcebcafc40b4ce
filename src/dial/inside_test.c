/* SPDX-License-Identifier: MIT */
/* Dialling and listening inside the process: mem:NAME and fd:N. */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <weir/group.h>
#include <weir/loop.h>
#include <weir/stream.h>
#include <weir/task.h>
#include <weir/testing.h>

#include "test/runner.h"

struct echoes_args {
    struct weir_listener *l;
};

static int echoes(void *args) {
    struct echoes_args *a = args;
    struct weir_stream *s = NULL;
    char buf[16];
    int rc = weir_accept(a->l, &s);
    if (rc < 0)
        return rc;
    ssize_t n = weir_read(s, buf, sizeof buf);
    rc = n > 0 ? weir_write(s, buf, (size_t)n) : (int)n;
    weir_close(&s);
    return rc;
}

static int asks(const char *url) {
    struct weir_stream *s = NULL;
    char buf[5];
    int rc = weir_dial(url, NULL, &s);
    if (rc < 0)
        return rc;
    rc = weir_write(s, "hello", 5);
    if (rc == 0)
        rc = weir_read_exactly(s, buf, 5);
    if (rc == 0)
        assert_memory_equal(buf, "hello", 5);
    weir_close(&s);
    return rc;
}

static int meet(const char *listen_url, const char *dial_url) {
    struct weir_listener *l = NULL;
    struct weir_group g;
    int rc = weir_listen(listen_url, NULL, &l);
    if (rc < 0)
        return rc;
    weir_group_open(&g, WEIR_TOGETHER);
    rc = weir_go(&g, echoes, .l = l);
    if (rc == 0)
        rc = asks(dial_url);
    if (rc < 0)
        weir_unlisten(&l); /* the other one waits for a connection that does not come */
    rc = weir_group_close(&g, rc);
    weir_unlisten(&l);
    return rc;
}

static int meets_in_memory(void *arg) {
    struct weir_scope scope; /* a cancelled task leaves the other alone */
    weir_scope_enter(&scope, WEIR_SECONDS(1));
    return weir_scope_leave(&scope, meet("mem:service", "mem:service"));
}

WEIR_TEST_BACKENDS(a_dial_meets_a_listener_of_its_name_in_memory) {
    assert_int_equal(weir_run(meets_in_memory, NULL, NULL), 0);
}

WEIR_TEST(a_meeting_in_memory_leaves_nothing_behind_wherever_it_is_disturbed) {
    struct weir_story story = {.size = sizeof story, .name = "memory", .fn = meets_in_memory};
    assert_int_equal(weir_explore_allocations(&story, NULL), 0);
    assert_int_equal(weir_explore_cancels(&story, NULL), 0);
    assert_int_equal(weir_explore_seeds(&story, NULL), 0);
}

static int names(void *arg) {
    struct weir_listen_options two = {.size = sizeof two, .backlog = 2};
    struct weir_listener *l, *other = NULL;
    struct weir_stream *s[3] = {NULL}, *t;
    int fd;
    assert_int_equal(weir_dial("mem:a", NULL, &t), -ECONNREFUSED);
    assert_int_equal(weir_listen("mem:a", &two, &l), 0);
    assert_int_equal(weir_listener_port(l), 0);
    assert_int_equal(weir_listen("mem:a", NULL, &other), -EADDRINUSE);
    assert_int_equal(weir_dial("mem:a", NULL, &s[0]), 0);
    assert_int_equal(weir_dial("mem:a", NULL, &s[1]), 0);
    assert_int_equal(weir_dial("mem:a", NULL, &s[2]), -ECONNREFUSED); /* two wait already */
    assert_int_equal(weir_accept_fd(l, &fd), -EOPNOTSUPP);
    assert_int_equal(weir_accept(l, &t), 0);
    weir_close(&t);
    assert_int_equal(weir_dial("mem:a", NULL, &s[2]), 0);
    weir_unlisten(&l);
    for (int i = 0; i < 3; i++) {
        char byte;
        assert_int_equal(weir_read(s[i], &byte, 1), 0);
        weir_close(&s[i]);
    }
    assert_int_equal(weir_dial("mem:a", NULL, &t), -ECONNREFUSED);
    assert_int_equal(weir_dial("mem:", NULL, &t), WEIR_EURL);
    assert_int_equal(weir_listen("mem:1234567890123456789012345678901234567890123456789012345678"
                                 "901234", NULL, &l), WEIR_EURL);
    return 0;
}

WEIR_TEST_BACKENDS(a_name_in_memory_has_one_listener_and_a_bounded_queue) {
    assert_int_equal(weir_run(names, NULL, NULL), 0);
}

static int unlistens_beside(void *args) {
    struct echoes_args *a = *(struct echoes_args **)args;
    weir_unlisten(&a->l);
    return 0;
}

static int closed_while_it_accepts(void *arg) {
    struct echoes_args a, *p = &a;
    struct weir_group g;
    struct weir_stream *s;
    assert_int_equal(weir_listen("mem:a", NULL, &a.l), 0);
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_spawn(&g, WEIR_SITE(unlistens_beside), unlistens_beside, &p, sizeof p,
                                NULL, NULL), 0);
    assert_int_equal(weir_accept(a.l, &s), WEIR_ECLOSED);
    return weir_group_close(&g, 0);
}

WEIR_TEST_BACKENDS(an_accept_in_memory_ends_when_the_listener_is_closed) {
    assert_int_equal(weir_run(closed_while_it_accepts, NULL, NULL), 0);
}

/* ---- descriptors ---- */

static int inherited_socket(uint16_t *ret_port) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, len), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    *ret_port = ntohs(a.sin_port);
    return fd;
}

static int serves_inherited(void *arg) {
    char listen_url[32], dial_url[64];
    uint16_t port;
    int fd = inherited_socket(&port);
    struct weir_listener *l;
    snprintf(listen_url, sizeof listen_url, "fd:%d", fd);
    snprintf(dial_url, sizeof dial_url, "tcp://127.0.0.1:%d", port);
    assert_int_equal(weir_listen(listen_url, NULL, &l), -EINVAL); /* it does not listen yet */
    assert_int_equal(listen(fd, 8), 0);
    assert_int_equal(weir_listen(listen_url, NULL, &l), 0);
    assert_int_equal(weir_listener_port(l), port);
    int copy = dup(fd);
    weir_unlisten(&l);
    weir_yield();
    snprintf(listen_url, sizeof listen_url, "fd:%d", copy);
    return meet(listen_url, dial_url);
}

WEIR_TEST_BACKENDS(an_inherited_socket_is_listened_on) {
    if (strcmp(test_backend, "sim") == 0)
        runner_skip("descriptors of the system");
    assert_int_equal(weir_run(serves_inherited, NULL, NULL), 0);
}

static int dials_descriptors(void *arg) {
    int fds[2];
    char url[32], buf[5];
    struct weir_stream *s;
    struct weir_listener *l;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    snprintf(url, sizeof url, "fd:%d", fds[0]);
    assert_int_equal(weir_listen(url, NULL, &l), -EINVAL);
    assert_int_equal(weir_dial(url, NULL, &s), 0);
    assert_int_equal(write(fds[1], "hello", 5), 5);
    assert_int_equal(weir_read_exactly(s, buf, 5), 0);
    weir_close(&s);
    close(fds[1]);
    assert_int_equal(weir_dial("fd:", NULL, &s), WEIR_EURL);
    assert_int_equal(weir_dial("fd:-1", NULL, &s), WEIR_EURL);
    assert_int_equal(weir_dial("fd:3x", NULL, &s), WEIR_EURL);
    assert_int_equal(weir_dial("fd:99999999999", NULL, &s), WEIR_EURL);
    assert_int_equal(weir_dial("fd:1000000", NULL, &s), -EBADF);
    assert_int_equal(weir_listen("fd:1000000", NULL, &l), -EBADF);
    assert_int_equal(pipe(fds), 0);
    snprintf(url, sizeof url, "fd:%d", fds[0]);
    assert_int_equal(weir_listen(url, NULL, &l), -ENOTSOCK);
    close(fds[0]);
    close(fds[1]);
    return 0;
}

WEIR_TEST_BACKENDS(a_descriptor_is_dialled_by_its_number) {
    if (strcmp(test_backend, "sim") == 0)
        runner_skip("descriptors of the system");
    assert_int_equal(weir_run(dials_descriptors, NULL, NULL), 0);
}

static int refuses(void *arg) {
    struct weir_listener *l;
    assert_int_equal(weir_listen("fd:3", NULL, &l), WEIR_ESIMREFUSED);
    return 0;
}

WEIR_TEST(a_simulation_refuses_descriptors) {
    assert_int_equal(weir_sim_run(refuses, NULL, NULL), 0);
}

/* ---- what a refusal says ---- */

static const struct {
    const char *url, *why;
    bool listening;
} refusals[] = {
    {"/dev/ttyS0", "write tcp://HOST:PORT, unix:/PATH", false},
    {"localhost:80", "write tcp://HOST:PORT", true},
    {"smtp://localhost:25", "there are tcp, tls, unix, udp, serial, exec, pty, file, pipe", false},
    {"smtp://localhost:25", "there are tcp, tls, unix, mem and fd", true},
    {"ws://localhost:80/", "use weir_ws_dial", false},
    {"ws://localhost:80/", "weir_ws_accept", true},
    {"http://localhost/", "no stream has this scheme", false},
    {"https://localhost/", "write tls://HOST:PORT", true},
    {"tcp://*:80", "for a listener only", false},
    {"tcp://:80", "tcp://*:PORT", true},
    {"tcp://::1:80", "in brackets", false},
};

static int refusals_say_what_to_write(void *arg) {
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        struct weir_stream *s;
        struct weir_listener *l;
        int rc = refusals[i].listening ? weir_listen(refusals[i].url, NULL, &l)
                                       : weir_dial(refusals[i].url, NULL, &s);
        assert_int_equal(rc, WEIR_EURL);
        assert_non_null(strstr(weir_error(rc)->text, refusals[i].why));
    }
    return 0;
}

WEIR_TEST_BACKENDS(a_url_that_is_refused_says_what_to_write) {
    assert_int_equal(weir_run(refusals_say_what_to_write, NULL, NULL), 0);
}

static int names_what_it_was_given(void *arg) {
    struct weir_stream *s;
    assert_int_equal(weir_dial("fd:99", NULL, &s), -EBADF);
    assert_non_null(strstr(weir_error(-EBADF)->text, "fd:99"));
    assert_int_equal(weir_dial("mem:nobody", NULL, &s), -ECONNREFUSED);
    assert_non_null(strstr(weir_error(-ECONNREFUSED)->text, "nobody listens by this name"));
    return 0;
}

WEIR_TEST_BACKENDS(a_refused_descriptor_or_name_is_named) {
    if (strcmp(test_backend, "sim") == 0)
        runner_skip("a simulation refuses all real descriptors");
    assert_int_equal(weir_run(names_what_it_was_given, NULL, NULL), 0);
}
