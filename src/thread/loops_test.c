/* SPDX-License-Identifier: MIT */
/* Several loops, each on a thread: roles, the first error, one port for two loops, descriptors that
 * one loop accepts and another serves. */
#include "test/runner.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <weir/offload.h>
#include <weir/shared.h>
#include <weir/stream.h>
#include <weir/task.h>
#include <weir/testing.h>
#include <weir/thread.h>

#include "base/alloc.h"

extern void __asan_init(void) __attribute__((weak));
extern void __tsan_init(void) __attribute__((weak));

static void no_threads_on_sim(void) {
    if (test_backend != NULL && strcmp(test_backend, "sim") == 0)
        runner_skip("a simulation is quiet where only another thread can act");
}

/* ---- running --------------------------------------------------------------------------------- */

static _Atomic int seen[8];

static int counts(void *arg, int index) {
    seen[index] += arg == seen;
    return weir_sleep(1);
}

WEIR_TEST_BACKENDS(each_loop_gets_its_index_and_all_are_joined) {
    no_threads_on_sim();
    memset(&seen, 0, sizeof seen);
    assert_int_equal(weir_loops_run(&(struct weir_loops_options){
                         .count = 4, .fn = counts, .arg = seen, .name = "counter"}), 0);
    for (int i = 0; i < 8; i++)
        assert_int_equal(seen[i], i < 4);
}

static _Atomic int begun;

static int counts_itself(void *arg, int index) {
    (void)arg, (void)index;
    begun++;
    return 0;
}

WEIR_TEST(without_a_count_there_is_a_loop_for_each_processor) {
    begun = 0;
    assert_int_equal(weir_loops_run(&(struct weir_loops_options){.fn = counts_itself}), 0);
    assert_int_equal(begun, weir_cpus());
}

static int asks_for_loops_in_a_task(void *arg) {
    (void)arg;
    return weir_loops_run(&(struct weir_loops_options){.count = 1, .fn = counts_itself});
}

WEIR_TEST(what_cannot_be_is_refused_and_nothing_begins) {
    begun = 0;
    assert_int_equal(weir_loops_run(&(struct weir_loops_options){.count = -1,
                                                                 .fn = counts_itself}), -EINVAL);
    assert_int_equal(weir_loops_run(&(struct weir_loops_options){.count = 1 << 20,
                                                                 .fn = counts_itself}), -EINVAL);
    assert_int_equal(weir_run(asks_for_loops_in_a_task, NULL, NULL), -EBUSY);
    weir__alloc_fail_at(1);
    assert_int_equal(weir_loops_run(&(struct weir_loops_options){.count = 1,
                                                                 .fn = counts_itself}), -ENOMEM);
    weir__alloc_fail_at(0);
    assert_int_equal(begun, 0);
}

WEIR_TEST(a_backend_that_does_not_exist_is_the_error_of_all) {
    struct weir_run_options run = {.backend = "steam"};
    begun = 0;
    assert_int_equal(weir_loops_run(&(struct weir_loops_options){
                         .count = 3, .fn = counts_itself, .run = &run}), WEIR_EBACKEND);
    assert_int_equal(begun, 0);
}

WEIR_TEST_ABORTS(running_no_function_aborts, "weir_loops_run: the function is NULL") {
    weir_loops_run(NULL);
}

/* ---- the first error ------------------------------------------------------------------------- */

static int one_fails(void *arg, int index) {
    (void)arg;
    if (index == 1)
        return weir_fail(-EPERM, "the second of them refuses");
    int rc = weir_sleep(WEIR_NEVER);
    seen[index] += rc == -ECANCELED;
    return rc;
}

WEIR_TEST_BACKENDS(the_first_error_stops_the_other_loops_and_is_returned_with_its_record) {
    no_threads_on_sim();
    memset(&seen, 0, sizeof seen);
    assert_int_equal(weir_loops_run(&(struct weir_loops_options){.count = 4, .fn = one_fails}),
                     -EPERM);
    assert_string_equal(weir_error_message(-EPERM), "the second of them refuses");
    assert_int_equal(seen[1], 0);
}

static int waits_for_ever(void *args) {
    (void)args;
    int rc = weir_sleep(WEIR_NEVER);
    begun -= rc == -ECANCELED;
    return rc;
}

static int fails_beside_a_task(void *arg, int index) {
    (void)arg;
    begun++;
    int rc = weir_spawn(NULL, WEIR_SITE(waits), waits_for_ever, NULL, 0, NULL, NULL);
    if (rc == 0 && index == 0)
        rc = weir_sleep(WEIR_MILLISECONDS(1));
    return index == 0 ? -EPIPE : rc;
}

WEIR_TEST_BACKENDS(an_error_stops_the_tasks_of_its_own_loop_too) {
    no_threads_on_sim();
    begun = 0;
    assert_int_equal(weir_loops_run(&(struct weir_loops_options){.count = 2,
                                                                 .fn = fails_beside_a_task}),
                     -EPIPE);
    assert_int_equal(begun, 0);
}

static int sleeps_until_stopped(void *arg, int index) {
    (void)arg, (void)index;
    begun++;
    int rc = weir_sleep(WEIR_NEVER);
    begun -= rc == -ECANCELED;
    return rc;
}

/* The stacks of so many threads do not fit into the memory that is left; a loop does. */
WEIR_TEST(a_thread_that_cannot_be_made_stops_those_that_were) {
    const struct weir_run_options epoll = {.backend = "epoll", .stack_size = 16 << 10};
    struct rlimit limit;
    if (__asan_init != NULL || __tsan_init != NULL)
        runner_skip("a sanitizer needs all the addresses");
    assert_int_equal(getrlimit(RLIMIT_AS, &limit), 0);
    pthread_attr_t large;
    pthread_attr_init(&large);
    pthread_attr_setstacksize(&large, 256ul << 20);
    assert_int_equal(pthread_setattr_default_np(&large), 0);
    pthread_attr_destroy(&large);
    limit.rlim_cur = 1024ul << 20;
    assert_int_equal(setrlimit(RLIMIT_AS, &limit), 0);
    begun = 0;
    assert_int_equal(weir_loops_run(&(struct weir_loops_options){
                         .count = 20, .fn = sleeps_until_stopped, .run = &epoll}), -EAGAIN);
    assert_non_null(strstr(weir_error_message(-EAGAIN), "of 20 could not be made"));
    assert_int_equal(begun, 0);
}

/* ---- processors ------------------------------------------------------------------------------ */

static cpu_set_t where[2];

static int looks_where_it_is(void *arg, int index) {
    (void)arg;
    return sched_getaffinity(0, sizeof where[index], &where[index]) < 0 ? -errno : 0;
}

WEIR_TEST(with_affinity_each_thread_has_one_processor_of_those_allowed) {
    cpu_set_t allowed;
    assert_int_equal(sched_getaffinity(0, sizeof allowed, &allowed), 0);
    assert_int_equal(weir_loops_run(&(struct weir_loops_options){
                         .count = 2, .fn = looks_where_it_is, .affinity = true}), 0);
    for (int i = 0; i < 2; i++) {
        cpu_set_t both;
        assert_int_equal(CPU_COUNT(&where[i]), 1);
        CPU_AND(&both, &where[i], &allowed);
        assert_int_equal(CPU_COUNT(&both), 1);
    }
    assert_int_equal(CPU_EQUAL(&where[0], &where[1]) != 0, CPU_COUNT(&allowed) == 1);
}

/* ---- one port, several loops ----------------------------------------------------------------- */

enum { CONNECTIONS = 100 };

struct town { /* what the loops of a test share */
    struct weir_shared_queue *ports; /* int: where to listen; the first loop chooses */
    struct weir_shared_queue *ready; /* int: a server listens */
    struct weir_shared_queue *fds;   /* int: accepted, and not yet served */
    struct weir_shared_event *over;
    _Atomic int served[4];
};

static void town_open(struct town *t) {
    memset(t, 0, sizeof *t);
    assert_int_equal(weir_shared_queue_new(int, 4, &t->ports), 0);
    assert_int_equal(weir_shared_queue_new(int, 4, &t->ready), 0);
    assert_int_equal(weir_shared_queue_new(int, 8, &t->fds), 0);
    assert_int_equal(weir_shared_event_new(&t->over), 0);
}

static void town_close(struct town *t) {
    weir_shared_queue_unref(&t->ports);
    weir_shared_queue_unref(&t->ready);
    weir_shared_queue_unref(&t->fds);
    weir_shared_event_unref(&t->over);
}

/* Echo one byte. */
struct serves_args { struct weir_stream *s; };
static int serves(void *args) {
    struct weir_stream *s = ((struct serves_args *)args)->s;
    char byte;
    int rc = weir_read_exactly(s, &byte, 1);
    if (rc == 0)
        rc = weir_write(s, &byte, 1);
    weir_close(&s);
    return rc;
}

static int calls(struct town *t, int servers) {
    int port = 0, rc = 0;
    for (int i = 0; i < servers && rc == 0; i++)
        rc = weir_shared_queue_get(t->ready, &port) == 1 ? 0 : -EPIPE;
    for (int i = 0; i < CONNECTIONS && rc == 0; i++) {
        char url[64], byte = (char)i;
        struct weir_stream *s = NULL;
        snprintf(url, sizeof url, "tcp://127.0.0.1:%d", port);
        if ((rc = weir_dial(url, NULL, &s)) == 0 && (rc = weir_write(s, &byte, 1)) == 0)
            rc = weir_read_exactly(s, &byte, 1);
        weir_close(&s);
        if (rc == 0 && byte != (char)i)
            rc = -EBADMSG;
    }
    weir_shared_event_set(t->over);
    return rc;
}

static int listens(struct town *t, int port, struct weir_listener **ret_listener) {
    char url[64];
    struct weir_listen_options o = {.reuse_port = true};
    snprintf(url, sizeof url, "tcp://127.0.0.1:%d", port);
    int rc = weir_listen(url, &o, ret_listener);
    if (rc < 0)
        return rc;
    port = weir_listener_port(*ret_listener);
    return weir_shared_queue_put(t->ready, &port);
}

struct accepts_args { struct town *t; struct weir_listener *l; int index; };
static int accepts(void *args) {
    struct accepts_args *a = args;
    struct weir_group g;
    struct weir_stream *s = NULL;
    int rc;
    weir_group_open(&g, WEIR_INDEPENDENT);
    while ((rc = weir_accept(a->l, &s)) == 0) {
        a->t->served[a->index]++;
        assert_int_equal(weir_go(&g, serves, .s = s), 0);
    }
    return weir_group_close(&g, rc == WEIR_ECLOSED ? 0 : rc);
}

static int serves_one_port(void *arg, int index) {
    struct town *t = arg;
    struct weir_listener *l = NULL;
    struct weir_group g;
    int port = 0, rc = 0;
    if (index == 2)
        return calls(t, 2);
    if (index == 1)
        rc = weir_shared_queue_get(t->ports, &port) == 1 ? 0 : -EPIPE;
    if (rc == 0)
        rc = listens(t, port, &l);
    if (rc == 0 && index == 0) {
        port = weir_listener_port(l);
        rc = weir_shared_queue_put(t->ports, &port);
    }
    weir_group_open(&g, WEIR_TOGETHER);
    if (rc == 0)
        rc = weir_go(&g, accepts, .t = t, .l = l, .index = index);
    if (rc == 0)
        rc = weir_shared_event_wait(t->over);
    weir_unlisten(&l);
    return weir_group_close(&g, rc);
}

WEIR_TEST_BACKENDS(two_loops_accept_on_one_port_and_all_connections_are_served) {
    static struct town t;
    no_threads_on_sim();
    town_open(&t);
    assert_int_equal(weir_loops_run(&(struct weir_loops_options){
                         .count = 3, .fn = serves_one_port, .arg = &t}), 0);
    assert_int_equal(t.served[0] + t.served[1], CONNECTIONS);
    assert_true(t.served[0] > 0 && t.served[1] > 0);
    town_close(&t);
}

/* ---- hand-over ------------------------------------------------------------------------------- */

struct hands_over_args { struct town *t; struct weir_listener *l; };
static int hands_over(void *args) {
    struct hands_over_args *a = args;
    int fd, rc;
    while ((rc = weir_accept_fd(a->l, &fd)) == 0)
        if ((rc = weir_shared_queue_put(a->t->fds, &fd)) < 0) {
            close(fd);
            break;
        }
    weir_shared_queue_shutdown(a->t->fds);
    return rc == WEIR_ECLOSED ? 0 : rc;
}

static int serves_handed(struct town *t, int index) {
    struct weir_group g;
    struct weir_stream *s = NULL;
    int fd, rc;
    weir_group_open(&g, WEIR_INDEPENDENT);
    while ((rc = weir_shared_queue_get(t->fds, &fd)) == 1) {
        assert_int_equal(weir_stream_from_socket(fd, &s), 0);
        assert_non_null(strstr(weir_stream_peer(s), "127.0.0.1:"));
        t->served[index]++;
        assert_int_equal(weir_go(&g, serves, .s = s), 0);
    }
    return weir_group_close(&g, rc);
}

static int a_role_for_each(void *arg, int index) {
    struct town *t = arg;
    struct weir_listener *l = NULL;
    struct weir_group g;
    if (index > 1)
        return serves_handed(t, index);
    if (index == 1)
        return calls(t, 1);
    int rc = listens(t, 0, &l);
    weir_group_open(&g, WEIR_TOGETHER);
    if (rc == 0)
        rc = weir_go(&g, hands_over, .t = t, .l = l);
    if (rc == 0)
        rc = weir_shared_event_wait(t->over);
    weir_unlisten(&l);
    return weir_group_close(&g, rc);
}

WEIR_TEST_BACKENDS(one_loop_accepts_and_others_serve) {
    static struct town t;
    no_threads_on_sim();
    town_open(&t);
    assert_int_equal(weir_loops_run(&(struct weir_loops_options){
                         .count = 4, .fn = a_role_for_each, .arg = &t}), 0);
    assert_int_equal(t.served[2] + t.served[3], CONNECTIONS);
    town_close(&t);
}

/* In one loop, and so in a simulation too. */
static int accepts_a_descriptor(void *arg) {
    struct weir_listener *l = NULL;
    struct weir_stream *client = NULL, *server = NULL;
    char url[64], byte = 'a';
    int fd = -1;
    (void)arg;
    int rc = weir_listen("tcp://127.0.0.1:0", NULL, &l);
    if (rc == 0) {
        snprintf(url, sizeof url, "tcp://127.0.0.1:%d", weir_listener_port(l));
        rc = weir_dial(url, NULL, &client);
    }
    if (rc == 0)
        rc = weir_accept_fd(l, &fd);
    for (int tries = 0; fd >= 0 && server == NULL && tries < 2; tries++)
        rc = weir_stream_from_socket(fd, &server); /* without memory it is still ours */
    if (rc == 0 && (rc = weir_write(client, &byte, 1)) == 0)
        rc = weir_read_exactly(server, &byte, 1);
    weir_close(&server);
    weir_close(&client);
    weir_unlisten(&l);
    return rc;
}

WEIR_TEST_BACKENDS(an_accepted_descriptor_becomes_a_stream) {
    assert_int_equal(weir_run(accepts_a_descriptor, NULL, NULL), 0);
}

WEIR_TEST(a_descriptor_is_accepted_right_under_each_cancel_and_each_missing_allocation) {
    struct weir_story story = {.size = sizeof story, .fn = accepts_a_descriptor};
    assert_int_equal(weir_explore_cancels(&story, NULL), 0);
    assert_int_equal(weir_explore_allocations(&story, NULL), 0);
}

static int makes_streams_of_other_things(void *arg) {
    struct weir_stream *s = NULL;
    int ends[2], pair[2];
    char byte = 'x';
    (void)arg;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(weir_stream_from_socket(-1, &s), -EBADF);
    assert_int_equal(weir_stream_from_socket(ends[0], &s), -ENOTSOCK);
    close(ends[0]);
    close(ends[1]);
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    assert_int_equal(weir_stream_from_socket(fd, &s), -EPROTOTYPE);
    close(fd);
    fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(weir_stream_from_socket(fd, &s), -ENOTCONN);
    close(fd);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    assert_int_equal(weir_stream_from_socket(pair[0], &s), 0);
    assert_int_equal(send(pair[1], &byte, 1, 0), 1);
    assert_int_equal(weir_read_exactly(s, &byte, 1), 0);
    weir_close(&s);
    close(pair[1]);
    return 0;
}

WEIR_TEST_BACKENDS(only_a_connected_stream_socket_becomes_a_stream) {
    no_threads_on_sim();
    assert_int_equal(weir_stream_from_socket(0, NULL), WEIR_ENOLOOP);
    assert_int_equal(weir_run(makes_streams_of_other_things, NULL, NULL), 0);
}
