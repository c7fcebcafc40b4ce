/* SPDX-License-Identifier: MIT */
/* Listeners: ports, names, accept with cancels, errors and closes, unlisten. */
#include "stream/stream_test_util.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "stream/resolve.h"
#include "stream/tls_table.h"
#include "sys/addr.h"

static const char *url_of(const struct weir_listener *l) {
    static char url[64];
    snprintf(url, sizeof url, "tcp://127.0.0.1:%d", weir_listener_port(l));
    return url;
}

LOOP_STORY(port_0_becomes_a_real_port) {
    struct weir_listener *l = NULL, *twin = NULL;
    assert_int_equal(weir_listen("tcp://127.0.0.1:0", NULL, &l), 0);
    assert_true(weir_listener_port(l) > 0);
    assert_int_equal(weir_listen(url_of(l), NULL, &twin), -EADDRINUSE);
    const struct weir_error *e = weir_error(-EADDRINUSE);
    assert_non_null(e);
    assert_string_equal(e->what, "listen");
    assert_memory_equal(e->on, "127.0.0.1:", 10);
    assert_null(twin);
    weir_unlisten(&l);
    assert_null(l);
    weir_unlisten(&l);
    weir_unlisten(NULL);
    return 0;
}

LOOP_STORY(reuse_port_lets_two_share) {
    struct weir_listener *l = NULL, *twin = NULL;
    struct weir_listen_options o = {.size = sizeof o, .reuse_port = true};
    assert_int_equal(weir_listen("tcp://127.0.0.1:0", &o, &l), 0);
    assert_int_equal(weir_listen(url_of(l), &o, &twin), 0);
    weir_unlisten(&l);
    weir_unlisten(&twin);
    return 0;
}

LOOP_STORY(the_star_takes_both_families) {
    struct weir_listener *l = NULL;
    struct weir_stream *s = NULL, *peer = NULL;
    assert_int_equal(weir_listen("tcp://*:0", NULL, &l), 0);
    assert_int_equal(weir_dial(url_of(l), NULL, &s), 0);
    assert_int_equal(weir_accept(l, &peer), 0);
    assert_memory_equal(weir_stream_peer(peer), "127.0.0.1:", 10);
    send_text(s, "hi");
    expect_bytes(peer, "hi");
    weir_close(&s);
    weir_close(&peer);
    weir_unlisten(&l);
    return 0;
}

LOOP_STORY(ipv6_is_written_in_brackets) {
    struct weir_listener *l = NULL;
    struct weir_stream *s = NULL, *peer = NULL;
    char url[64];
    int rc = weir_listen("tcp://[::1]:0", NULL, &l);
    if (rc == -EADDRNOTAVAIL || rc == -EAFNOSUPPORT)
        return 0; /* a machine without IPv6 */
    assert_int_equal(rc, 0);
    snprintf(url, sizeof url, "tcp://[::1]:%d", weir_listener_port(l));
    assert_int_equal(weir_dial(url, NULL, &s), 0);
    assert_int_equal(weir_accept(l, &peer), 0);
    assert_string_equal(weir_stream_peer(s), url + 6);
    assert_string_equal(weir_stream_local(peer), url + 6);
    assert_string_equal(weir_stream_peer(peer), weir_stream_local(s));
    weir_close(&s);
    weir_close(&peer);
    weir_unlisten(&l);
    return 0;
}

LOOP_STORY(a_unix_path_is_taken_until_it_is_unlinked) {
    struct weir_listener *l = NULL;
    struct weir_stream *s = NULL, *peer = NULL;
    char url[64];
    snprintf(url, sizeof url, "unix:/tmp/weir-listen-test-%d", (int)getpid());
    assert_int_equal(weir_dial(url, NULL, &s), -ENOENT);
    assert_int_equal(weir_listen(url, NULL, &l), 0);
    assert_int_equal(weir_listener_port(l), 0);
    assert_int_equal(weir_dial(url, NULL, &s), 0);
    assert_int_equal(weir_accept(l, &peer), 0);
    assert_string_equal(weir_stream_peer(s), url);
    assert_string_equal(weir_stream_local(peer), url);
    weir_close(&s);
    weir_close(&peer);
    weir_unlisten(&l);
    settle(); /* the kernel lets go with the next turn */
    if (strcmp(test_backend, "sim") != 0) { /* there a name has no file, and ends with the socket */
        assert_int_equal(weir_dial(url, NULL, &s), -ECONNREFUSED);
        assert_int_equal(weir_listen(url, NULL, &l), -EADDRINUSE);
        assert_int_equal(unlink(url + 5), 0);
    }
    assert_int_equal(weir_dial(url, NULL, &s), -ENOENT);
    assert_int_equal(weir_listen(url, NULL, &l), 0);
    weir_unlisten(&l);
    unlink(url + 5);
    return 0;
}

LOOP_STORY(a_name_listens_on_each_of_its_addresses) {
    struct weir_listener *l = NULL;
    struct weir_stream *s = NULL, *peer = NULL;
    assert_int_equal(weir_listen("tcp://localhost:0", NULL, &l), 0);
    for (int i = 0; i < 3; i++) {
        char url[64];
        snprintf(url, sizeof url, "tcp://localhost:%d", weir_listener_port(l));
        assert_int_equal(weir_dial(i == 0 ? url_of(l) : url, NULL, &s), 0);
        assert_int_equal(weir_accept(l, &peer), 0);
        weir_close(&s);
        weir_close(&peer);
    }
    weir_unlisten(&l);
    return 0;
}

static int half_absent(const char *host, uint16_t port, struct weir__addr *ret_addrs) {
    assert_int_equal(weir__addr_parse_numeric("127.0.0.1", port, &ret_addrs[0]), 0);
    assert_int_equal(weir__addr_parse_numeric("2001:db8::1", port, &ret_addrs[1]), 0);
    return strcmp(host, "half") == 0 ? 2 : 0;
}

LOOP_STORY(addresses_this_machine_does_not_have_are_left_out) {
    static const struct weir__resolver told = {"told", half_absent};
    struct weir_listener *l = NULL;
    struct weir_stream *s = NULL, *peer = NULL;
    weir__resolver = &told;
    assert_int_equal(weir_listen("tcp://half:0", NULL, &l), 0);
    assert_int_equal(weir_dial(url_of(l), NULL, &s), 0);
    assert_int_equal(weir_accept(l, &peer), 0);
    weir_close(&s);
    weir_close(&peer);
    weir_unlisten(&l);
    assert_int_equal(weir_listen("tcp://[2001:db8::1]:0", NULL, &l), -EADDRNOTAVAIL);
    assert_int_equal(weir_listen("tcp://nobody:0", NULL, &l), WEIR_ENONAME);
    return 0;
}

LOOP_STORY(bad_urls_are_refused_with_a_reason) {
    static const char *const bad[] = {"",           "127.0.0.1:80",  "tcp://127.0.0.1",
                                      "http://a:1", "tcp://a:99999", "tcp://*:x", "unix:"};
    struct weir_listener *l = NULL;
    struct weir_stream *s = NULL;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(weir_listen(bad[i], NULL, &l), WEIR_EURL);
        assert_true(strlen(weir_error(WEIR_EURL)->text) > 10);
        assert_int_equal(weir_dial(bad[i], NULL, &s), WEIR_EURL);
    }
    static const char *const any[] = {"tcp://*", "tcp://*:", "tcp://*:65536"};
    for (size_t i = 0; i < sizeof any / sizeof any[0]; i++) {
        assert_int_equal(weir_listen(any[i], NULL, &l), WEIR_EURL);
        assert_non_null(strstr(weir_error(WEIR_EURL)->text, "no port"));
    }
    assert_int_equal(weir_dial("tcp://127.0.0.1:0", NULL, &s), WEIR_EURL);
    const struct weir__tls_table *table = weir__tls_table;
    weir__tls_table = NULL; /* as without the library weir-tls */
    assert_int_equal(weir_dial("tls://127.0.0.1:1", NULL, &s), WEIR_ENOTLS);
    assert_int_equal(weir_listen("tls://127.0.0.1:0", NULL, &l), WEIR_ENOTLS);
    assert_non_null(strstr(weir_error_message(WEIR_ENOTLS), "pkg-config --libs weir-tls"));
    weir__tls_table = table;
    return 0;
}

/* ---- accept ---- */

struct accepting_args {
    struct weir_listener *l;
    struct weir_stream **ret;
    int *rc;
};

static int accepting(void *args) {
    struct accepting_args *a = args;
    *a->rc = weir_accept(a->l, a->ret);
    return 0;
}

LOOP_STORY(a_second_acceptor_is_refused) {
    struct weir_listener *l = NULL;
    struct weir_group g;
    struct weir_stream *s = NULL, *mine = NULL;
    int rc = 1;
    assert_int_equal(weir_listen("tcp://127.0.0.1:0", NULL, &l), 0);
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_go(&g, accepting, .l = l, .ret = &s, .rc = &rc), 0);
    settle();
    assert_int_equal(weir_accept(l, &mine), -EBUSY);
    assert_string_equal(weir_error(-EBUSY)->text, "accept: another task is accepting (EBUSY)");
    weir_group_cancel(&g, NULL);
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_int_equal(rc, -ECANCELED);
    weir_unlisten(&l);
    return 0;
}

LOOP_STORY(unlisten_wakes_a_parked_acceptor) {
    struct weir_listener *l = NULL;
    struct weir_group g;
    struct weir_stream *s = NULL;
    int rc = 1;
    assert_int_equal(weir_listen("tcp://127.0.0.1:0", NULL, &l), 0);
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_go(&g, accepting, .l = l, .ret = &s, .rc = &rc), 0);
    settle();
    weir_unlisten(&l);
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_int_equal(rc, WEIR_ECLOSED);
    assert_null(s);
    return 0;
}

LOOP_STORY(a_cancelled_accept_loses_no_connection) {
    struct weir_listener *l = NULL;
    struct weir_stream *s = NULL, *peer = NULL;
    struct weir_scope scope;
    assert_int_equal(weir_listen("tcp://127.0.0.1:0", NULL, &l), 0);
    for (int i = 0; i < 3; i++) {
        weir_scope_enter(&scope, WEIR_MILLISECONDS(2));
        assert_int_equal(weir_scope_leave(&scope, weir_accept(l, &peer)), -ETIME);
        assert_int_equal(weir_dial(url_of(l), NULL, &s), 0);
        settle(); /* it arrives while nobody accepts */
        assert_int_equal(weir_accept(l, &peer), 0);
        send_text(s, "here");
        expect_bytes(peer, "here");
        weir_close(&s);
        weir_close(&peer);
    }
    weir_unlisten(&l);
    return 0;
}

LOOP_STORY(connections_not_accepted_are_reset_by_unlisten) {
    struct weir_listener *l = NULL;
    struct weir_stream *first = NULL, *second = NULL, *peer = NULL;
    struct weir_scope scope;
    char byte;
    assert_int_equal(weir_listen("tcp://127.0.0.1:0", NULL, &l), 0);
    weir_scope_enter(&scope, WEIR_MILLISECONDS(2)); /* leaves an accept pending */
    assert_int_equal(weir_scope_leave(&scope, weir_accept(l, &peer)), -ETIME);
    assert_int_equal(weir_dial(url_of(l), NULL, &first), 0);
    assert_int_equal(weir_dial(url_of(l), NULL, &second), 0);
    settle();
    weir_unlisten(&l);
    assert_int_equal(weir_read(first, &byte, 1), -ECONNRESET);
    assert_int_equal(weir_read(second, &byte, 1), -ECONNRESET);
    weir_close(&first);
    weir_close(&second);
    return 0;
}

/* ---- out of descriptors ---- */

enum { SPARE_MAX = 64 };

static int exhaust(int *fds) {
    struct rlimit few = {SPARE_MAX, SPARE_MAX};
    int count = 0, fd;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    while (count < SPARE_MAX && (fd = dup(2)) >= 0)
        fds[count++] = fd;
    return count;
}

static int wait_for_a_descriptor(void *arg) {
    struct weir_listener *l = NULL;
    struct weir_group g;
    struct weir_stream *s = NULL, *peer = NULL;
    int fds[SPARE_MAX], rc = 1;
    (void)arg;
    assert_int_equal(weir_listen("tcp://127.0.0.1:0", NULL, &l), 0);
    assert_int_equal(weir_dial(url_of(l), NULL, &s), 0);
    int count = exhaust(fds);
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_go(&g, accepting, .l = l, .ret = &peer, .rc = &rc), 0);
    assert_int_equal(weir_sleep(WEIR_MILLISECONDS(60)), 0);
    assert_int_equal(rc, 1);
    while (count > 0)
        close(fds[--count]);
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_int_equal(rc, 0);
    send_text(s, "made it");
    expect_bytes(peer, "made it");
    weir_close(&s);
    weir_close(&peer);
    weir_unlisten(&l);
    return 0;
}

WEIR_TEST_BACKENDS(accept_waits_until_a_descriptor_is_free) {
    struct weir_run_options o = {.size = sizeof o, .backend = test_backend};
    if (strcmp(test_backend, "sim") == 0)
        runner_skip("the limit is the system's: the simulation has its own story");
    assert_int_equal(weir_run(wait_for_a_descriptor, NULL, &o), 0);
}

static int give_up_waiting(void *arg) {
    struct weir_listener *l = NULL;
    struct weir_group g;
    struct weir_stream *s = NULL, *peer = NULL;
    int fds[SPARE_MAX], rc = 1;
    (void)arg;
    assert_int_equal(weir_listen("tcp://127.0.0.1:0", NULL, &l), 0);
    assert_int_equal(weir_dial(url_of(l), NULL, &s), 0);
    int count = exhaust(fds);
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_go(&g, accepting, .l = l, .ret = &peer, .rc = &rc), 0);
    assert_int_equal(weir_sleep(WEIR_MILLISECONDS(5)), 0);
    weir_unlisten(&l);
    assert_int_equal(weir_group_close(&g, 0), 0);
    assert_int_equal(rc, WEIR_ECLOSED);
    while (count > 0)
        close(fds[--count]);
    weir_close(&s);
    return 0;
}

WEIR_TEST_BACKENDS(unlisten_ends_the_wait_for_a_descriptor) {
    struct weir_run_options o = {.size = sizeof o, .backend = test_backend};
    if (strcmp(test_backend, "sim") == 0)
        runner_skip("the limit is the system's");
    assert_int_equal(weir_run(give_up_waiting, NULL, &o), 0);
}

/* ---- addresses in use ----------------------------------------------------------------------- */

struct unlisten_later_args {
    struct weir_listener *l;
    weir_ns after_ns;
};
static int unlisten_later(void *args) {
    struct unlisten_later_args *a = args;
    int rc = weir_sleep(a->after_ns);
    weir_unlisten(&a->l);
    return rc;
}

LOOP_STORY(an_address_that_is_given_up_meanwhile_is_had) {
    struct weir_listener *old = NULL, *new = NULL;
    struct weir_group g;
    char url[64];
    assert_int_equal(weir_listen("tcp://127.0.0.1:0", NULL, &old), 0);
    snprintf(url, sizeof url, "%s", url_of(old));
    weir_group_open(&g, WEIR_TOGETHER);
    int rc = weir_go(&g, unlisten_later, .l = old, .after_ns = WEIR_MILLISECONDS(5));
    assert_int_equal(rc, 0);
    assert_int_equal(weir_listen(url, NULL, &new), 0);
    assert_int_equal(weir_group_close(&g, 0), 0);
    weir_unlisten(&new);
    return 0;
}

/* As on io_uring, whose next turn lets go of the port. */
LOOP_STORY(a_port_may_be_listened_on_again_at_once) {
    struct weir_listener *l = NULL;
    struct weir_stream *s = NULL, *peer = NULL;
    char url[64];
    assert_int_equal(weir_listen("tcp://127.0.0.1:0", NULL, &l), 0);
    snprintf(url, sizeof url, "%s", url_of(l));
    for (int i = 0; i < 5; i++) {
        assert_int_equal(weir_dial(url, NULL, &s), 0);
        assert_int_equal(weir_accept(l, &peer), 0);
        weir_close(&s);
        weir_close(&peer);
        weir_unlisten(&l);
        assert_int_equal(weir_listen(url, NULL, &l), 0);
    }
    weir_unlisten(&l);
    return 0;
}

/* Others run meanwhile. */
struct count_turns_args {
    int *turns;
};
static int count_turns(void *args) {
    struct count_turns_args *a = args;
    int rc;
    *a->turns = 0;
    while ((rc = weir_sleep(WEIR_MILLISECONDS(1))) == 0)
        ++*a->turns;
    return rc;
}

LOOP_STORY(an_address_in_use_is_refused_after_a_moment) {
    struct weir_listener *l = NULL, *twin = NULL;
    struct weir_group g;
    int turns = 0;
    assert_int_equal(weir_listen("tcp://127.0.0.1:0", NULL, &l), 0);
    weir_group_open(&g, WEIR_INDEPENDENT);
    assert_int_equal(weir_go(&g, count_turns, .turns = &turns), 0);
    weir_ns begin = weir_now();
    assert_int_equal(weir_listen(url_of(l), NULL, &twin), -EADDRINUSE);
    assert_true(weir_now() - begin >= WEIR_MILLISECONDS(50));
    assert_true(turns > 0);
    assert_string_equal(weir_error(-EADDRINUSE)->what, "listen");
    weir_group_cancel(&g, "enough");
    weir_group_close(&g, 0);
    weir_unlisten(&l);
    return 0;
}

LOOP_STORY(the_wait_for_an_address_feels_a_scope) {
    struct weir_listener *l = NULL, *twin = NULL;
    struct weir_scope s;
    assert_int_equal(weir_listen("tcp://127.0.0.1:0", NULL, &l), 0);
    weir_scope_enter(&s, WEIR_MILLISECONDS(3));
    int rc = weir_listen(url_of(l), NULL, &twin);
    assert_int_equal(rc, -ETIME);
    assert_string_equal(weir_error(rc)->what, "listen");
    assert_memory_equal(weir_error(rc)->on, "127.0.0.1:", 10);
    assert_int_equal(weir_scope_leave(&s, rc), -ETIME);
    weir_unlisten(&l);
    return 0;
}

LOOP_STORY(a_path_that_is_taken_is_refused_at_once) {
    char url[64];
    struct weir_listener *l = NULL, *twin = NULL;
    struct weir_group g;
    int turns = -1;
    if (strcmp(test_backend, "sim") == 0)
        return 0; /* it has no files */
    snprintf(url, sizeof url, "unix:/tmp/weir-listen-twin-%d", (int)getpid());
    assert_int_equal(weir_listen(url, NULL, &l), 0);
    weir_group_open(&g, WEIR_INDEPENDENT);
    assert_int_equal(weir_go(&g, count_turns, .turns = &turns), 0);
    assert_int_equal(weir_listen(url, NULL, &twin), -EADDRINUSE);
    assert_int_equal(turns, -1); /* the other task has not begun: nothing was waited for */
    weir_group_cancel(&g, "enough");
    weir_group_close(&g, 0);
    weir_unlisten(&l);
    assert_int_equal(unlink(url + 5), 0);
    return 0;
}

/* ---- a server that was killed ---------------------------------------------------------------- */

static int serve_and_tell(void *told) {
    struct weir_listener *l;
    struct weir_stream *s;
    int rc = weir_listen("tcp://127.0.0.1:0", NULL, &l), port = rc < 0 ? rc : 0;
    if (rc == 0)
        port = weir_listener_port(l);
    if (write(*(int *)told, &port, sizeof port) != sizeof port || rc < 0)
        return -EIO;
    while ((rc = weir_accept(l, &s)) == 0)
        weir_close(&s);
    return rc;
}

static int rebind(void *port) {
    struct weir_listener *l = NULL;
    char url[64];
    snprintf(url, sizeof url, "tcp://127.0.0.1:%d", *(int *)port);
    int rc = weir_listen(url, NULL, &l);
    weir_unlisten(&l);
    return rc;
}

/* Another process, with the same backend, accepts; a client has seen it do so. */
static pid_t start_server(struct weir_run_options *o, int *ret_port) {
    int told[2];
    char byte;
    assert_int_equal(pipe2(told, O_CLOEXEC), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(weir_run(serve_and_tell, &told[1], o) != 0);
    assert_int_equal(read(told[0], ret_port, sizeof *ret_port), sizeof *ret_port);
    close(told[0]);
    close(told[1]);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                            .sin_port = htons((uint16_t)*ret_port)};
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(recv(fd, &byte, 1, 0), 0);
    close(fd);
    return child;
}

WEIR_TEST_BACKENDS(a_killed_servers_port_is_had_at_once) {
    struct weir_run_options o = {.size = sizeof o, .backend = test_backend};
    if (strcmp(test_backend, "sim") == 0)
        runner_skip("processes are real");
    for (int i = 0; i < 10; i++) {
        int port = 0, status;
        pid_t child = start_server(&o, &port);
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(weir_run(rebind, &port, &o), 0);
    }
}
