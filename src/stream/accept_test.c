/* SPDX-License-Identifier: MIT */
/* accept_test.c - errors of accept that may pass: both shapes of a server go on after each of them,
 * log them once a second, and lose no connection. */
#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <weir/testing.h>

#include "base/alloc.h"
#include "stream/stream_test_util.h"
#include "sys/backend.h"
#include "sim/fault.h"

/* accept(2), and what it says may come besides. */
static const int passing[] = {
    ENOMEM, ENOBUFS,    EMFILE,      ENFILE,     ENOSPC,          EPERM,           ECONNABORTED,
    EPROTO, ENETDOWN,   ENOPROTOOPT, EHOSTDOWN,  ENONET,          EHOSTUNREACH,    EOPNOTSUPP,
    EINTR,  ENETUNREACH, EAGAIN,     ETIMEDOUT,  ESOCKTNOSUPPORT, EPROTONOSUPPORT, EACCES,
    EIO,
};
enum { PASSING = sizeof passing / sizeof passing[0] };

static int lines;

static void count_lines(enum weir_log_level level, const char *line, void *arg) {
    (void)level, (void)arg;
    lines += strncmp(line, "accept on", 9) == 0;
}

/* The nth ACCEPT of this thread's loops from now on fails, or each nth. */
static void strike(uint64_t nth, bool every, int error) {
    weir__fault_arm(&(struct fault_plan){.kinds = (uint64_t)1 << WEIR__ACCEPT,
                                         .effect = FAULT_ERROR,
                                         .error = -error,
                                         .nth = nth,
                                         .every = every});
}

#define STRUCK_STORY(sentence)                                                                     \
    static int sentence##_run(void *arg);                                                          \
    WEIR_TEST_BACKENDS(sentence) {                                                                 \
        struct weir_run_options o = {.size = sizeof o, .backend = test_backend};                   \
        weir_log_to(count_lines, NULL);                                                            \
        strike(0, false, 0); /* the loop obeys later ones */                                       \
        assert_int_equal(weir_run(sentence##_run, NULL, &o), 0);                                   \
        weir__fault_arm(NULL);                                                                     \
        weir_log_to(NULL, NULL);                                                                   \
    }                                                                                              \
    static int sentence##_run(void *arg __attribute__((unused)))

static struct weir_listener *listener;
static char url[96];
static bool is_unix;

/* tcp, and unix where there are files. */
static void begin(bool unix_too) {
    is_unix = unix_too;
    snprintf(url, sizeof url, "unix:/tmp/weir-accept-test-%d", (int)getpid());
    assert_int_equal(weir_listen(is_unix ? url : "tcp://127.0.0.1:0", NULL, &listener), 0);
    if (!is_unix)
        snprintf(url, sizeof url, "tcp://127.0.0.1:%d", weir_listener_port(listener));
}

static void end(void) {
    weir_unlisten(&listener);
    if (is_unix)
        unlink(url + 5);
}

static bool has_files(void) {
    return strcmp(test_backend, "sim") != 0;
}

/* ---- the serve shape ------------------------------------------------------------------------- */

static void serve_outlives(int error) {
    struct weir_stream *a = NULL, *b = NULL;
    assert_int_equal(weir_dial(url, NULL, &a), 0);
    strike(1, false, error);
    assert_int_equal(weir_accept(listener, &b), 0);
    assert_int_equal(weir__fault_struck(), 1);
    send_text(a, "ping");
    expect_bytes(b, "ping");
    weir_close(&a);
    weir_close(&b);
}

STRUCK_STORY(accept_outlives_every_error_that_passes) {
    for (int unix_too = 0; unix_too <= has_files(); unix_too++) {
        begin(unix_too);
        for (int i = 0; i < PASSING; i++)
            serve_outlives(passing[i]);
        end();
    }
    return 0;
}

/* Every second accept fails, and each is a pause of 20 ms: 120 of them are more than two seconds,
 * of which each has at most one line. */
STRUCK_STORY(what_passes_is_logged_once_a_second) {
    weir_ns began = weir_now();
    begin(false);
    lines = 0;
    for (int i = 0; i < 120; i++) {
        struct weir_stream *a = NULL, *b = NULL;
        assert_int_equal(weir_dial(url, NULL, &a), 0);
        strike(1, false, ENOBUFS);
        assert_int_equal(weir_accept(listener, &b), 0);
        weir_close(&a);
        weir_close(&b);
    }
    assert_in_range(lines, 2, 1 + (weir_now() - began) / WEIR_SECONDS(1));
    end();
    return 0;
}

STRUCK_STORY(an_error_that_does_not_pass_is_returned) {
    const int lasting[] = {EBADF, ENOTSOCK, EINVAL};
    struct weir_stream *b = NULL;
    begin(false);
    for (int i = 0; i < 3; i++) {
        strike(1, false, lasting[i]);
        assert_int_equal(weir_accept(listener, &b), -lasting[i]);
    }
    end();
    return 0;
}

STRUCK_STORY(a_pause_keeps_to_the_deadline_and_feels_a_cancel) {
    struct weir_scope s;
    struct weir_stream *b = NULL;
    begin(false);
    strike(1, true, EMFILE);
    weir_scope_enter(&s, WEIR_MILLISECONDS(50));
    assert_int_equal(weir_scope_leave(&s, weir_accept(listener, &b)), -ETIME);
    strike(0, false, 0);
    end();
    return 0;
}

/* ---- the reactive shape ---------------------------------------------------------------------- */

static int echo(struct weir_conn *c, void *state, struct weir_view v) {
    (void)state;
    return weir_write(weir_conn_stream(c), v.base, v.len);
}

struct serving_args {
    struct weir_group *g;
};

static int serving(void *args) {
    static const struct weir_reactive r = {.size = sizeof r, .message = echo};
    return weir_react(listener, ((struct serving_args *)args)->g, &r);
}

static void expect_echo(void) {
    struct weir_stream *s = NULL;
    assert_int_equal(weir_dial(url, NULL, &s), 0);
    send_text(s, "ping");
    expect_bytes(s, "ping");
    weir_close(&s);
}

STRUCK_STORY(a_reactive_server_outlives_every_error_that_passes) {
    struct weir_group g;
    for (int unix_too = 0; unix_too <= has_files(); unix_too++) {
        begin(unix_too);
        weir_group_open(&g, WEIR_INDEPENDENT);
        assert_int_equal(weir_go(&g, serving, .g = &g), 0);
        for (int i = 0; i < PASSING; i++) {
            strike(1, false, passing[i]); /* the accept after this one */
            expect_echo();
            expect_echo();
            assert_int_equal(weir__fault_struck(), 1);
        }
        weir_unlisten(&listener);
        assert_int_equal(weir_group_close(&g, 0), 0);
        end();
    }
    return 0;
}

/* ---- without memory -------------------------------------------------------------------------- */

STRUCK_STORY(accept_waits_for_memory) {
    struct weir_stream *a = NULL, *b = NULL;
    begin(false);
    assert_int_equal(weir_dial(url, NULL, &a), 0);
    lines = 0;
    weir__alloc_fail_at(1);
    assert_int_equal(weir_accept(listener, &b), 0);
    weir__alloc_fail_at(0);
    assert_int_equal(lines, 1);
    weir_close(&a);
    weir_close(&b);
    end();
    return 0;
}

/* ---- nobody knocks --------------------------------------------------------------------------- */

/* Out of descriptors, and no connection: there is nothing to say. Nor if one has come before, after
 * which the next may be there for all that the loop knows. */
static int wait_unknocked(void *arg) {
    struct weir_scope s;
    struct weir_stream *a = NULL, *b = NULL, *known = NULL;
    struct rlimit limit;
    (void)arg;
    begin(false);
    assert_int_equal(weir_dial(url, NULL, &a), 0);
    assert_int_equal(weir_accept(listener, &known), 0);
    lines = 0;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    int next = fcntl(0, F_DUPFD_CLOEXEC, 0);
    close(next);
    rlim_t before = limit.rlim_cur;
    limit.rlim_cur = (rlim_t)next;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    weir_scope_enter(&s, WEIR_MILLISECONDS(60));
    int rc = weir_scope_leave(&s, weir_accept(listener, &b));
    limit.rlim_cur = before;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_equal(rc, -ETIME);
    assert_int_equal(lines, 0);
    weir_close(&a);
    weir_close(&known);
    end();
    return 0;
}

WEIR_TEST_BACKENDS(at_the_limit_of_descriptors_without_a_client_nothing_is_logged) {
    struct weir_run_options o = {.size = sizeof o, .backend = test_backend};
    if (!has_files())
        runner_skip("the limit is the system's");
    weir_log_to(count_lines, NULL);
    assert_int_equal(weir_run(wait_unknocked, NULL, &o), 0);
    weir_log_to(NULL, NULL);
}
