/* SPDX-License-Identifier: MIT */
/* Misuse of scopes, groups and tasks: each public call that takes one, from each wrong place and on
 * each wrong object. Every cell of the table runs in a process of its own. It must abort with
 * the expected message, or return the code of the contract. */
#include "test/runner.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <weir/loop.h>
#include <weir/task.h>

static struct weir_scope *scope;
static struct weir_group *group;
static struct weir_task *task;

static int sleeps(void *args) {
    (void)args;
    return weir_sleep(WEIR_SECONDS(3600));
}

/* ---- the calls ------------------------------------------------------------------------------ */

#define CALL(name, statement)                                                                      \
    static int name(void) {                                                                        \
        statement;                                                                                 \
        return 0;                                                                                  \
    }
CALL(scope_cancel, weir_scope_cancel(scope, "x"))
CALL(scope_renew, weir_scope_renew(scope, 1))
CALL(scope_on_signal, return weir_scope_on_signal(scope, SIGUSR1))
CALL(scope_leave, return weir_scope_leave(scope, 0))
CALL(scope_signal, (void)weir_scope_signal(scope))
CALL(scope_cause, (void)weir_scope_cause(scope))
CALL(scope_fired, (void)weir_scope_fired(scope))
CALL(group_fired, (void)weir_group_fired(group))
CALL(group_cancel, weir_group_cancel(group, "x"))
CALL(group_close, return weir_group_close(group, 0))
CALL(group_drain, return weir_group_drain(group, 1))
CALL(group_live, (void)weir_group_live(group))
CALL(group_failed, (void)weir_group_failed(group))
CALL(spawn, return weir_go0(group, sleeps))
CALL(task_name, (void)weir_task_name(task))
CALL(task_ref, (void)weir_task_ref(task))
CALL(task_cancel, weir_task_cancel(task, "x"))
CALL(task_release, weir_task_release(&task))
CALL(await, return weir_await(&task, NULL, 0))

enum kind { ON_SCOPE, ON_GROUP, ON_TASK };

static const struct call {
    const char *name;
    int (*fn)(void);
    enum kind kind;
    bool gives_error; /* without a loop: WEIR_ENOLOOP, after fork WEIR_EFORKED */
    bool null_is_fine;
    bool left_is_fine; /* what is asked of it it knows after its end, too */
} calls[] = {
    {"scope_cancel", scope_cancel, ON_SCOPE},
    {"scope_renew", scope_renew, ON_SCOPE},
    {"scope_on_signal", scope_on_signal, ON_SCOPE, .gives_error = true},
    {"scope_leave", scope_leave, ON_SCOPE},
    {"scope_signal", scope_signal, ON_SCOPE, .left_is_fine = true},
    {"scope_cause", scope_cause, ON_SCOPE, .left_is_fine = true},
    {"scope_fired", scope_fired, ON_SCOPE, .left_is_fine = true},
    {"group_fired", group_fired, ON_GROUP, .left_is_fine = true},
    {"group_cancel", group_cancel, ON_GROUP, .null_is_fine = true},
    {"group_close", group_close, ON_GROUP},
    {"group_drain", group_drain, ON_GROUP},
    {"group_live", group_live, ON_GROUP, .left_is_fine = true},
    {"group_failed", group_failed, ON_GROUP, .left_is_fine = true},
    {"spawn", spawn, ON_GROUP, .gives_error = true, .null_is_fine = true},
    {"task_name", task_name, ON_TASK},
    {"task_ref", task_ref, ON_TASK},
    {"task_cancel", task_cancel, ON_TASK},
    {"task_release", task_release, ON_TASK, .null_is_fine = true},
    {"await", await, ON_TASK, .gives_error = true},
};
enum { CALLS = sizeof calls / sizeof calls[0] };

/* ---- the places and states ------------------------------------------------------------------ */

static const struct call *call; /* of this cell's process */

static void tell(int rc) {
    fprintf(stderr, "returned %s\n", weir_error_name(rc));
}

static void *on_thread(void *arg) {
    (void)arg;
    tell(call->fn());
    return NULL;
}

static int in_loop(void *arg) {
    (void)arg;
    tell(call->fn());
    return 0;
}

static void *on_loop(void *arg) {
    (void)arg;
    weir_run(in_loop, NULL, NULL);
    return NULL;
}

static void from(void *(*fn)(void *)) {
    pthread_t thread;
    pthread_create(&thread, NULL, fn, NULL);
    pthread_join(thread, NULL);
}

static void without_loop(void) {
    from(on_thread);
}

static void in_other_loop(void) {
    from(on_loop);
}

static void after_fork(void) {
    pid_t child = fork();
    if (child > 0) {
        waitpid(child, NULL, 0);
        return;
    }
    tell(call->fn());
    _exit(0);
}

static struct weir_scope other_scope;
static struct weir_group other_group;

static void on_null(void) {
    scope = NULL;
    group = NULL;
    task = NULL;
    tell(call->fn());
}

static void on_moved(void) {
    other_scope = *scope;
    other_group = *group;
    scope = &other_scope;
    group = &other_group;
    tell(call->fn());
}

static void on_filled(int byte) {
    memset(&other_scope, byte, sizeof other_scope);
    memset(&other_group, byte, sizeof other_group);
    scope = &other_scope;
    group = &other_group;
    tell(call->fn());
}

static void on_zeroed(void) {
    on_filled(0);
}

static void on_garbage(void) {
    on_filled(0x5a);
}

static int nothing(void *args) {
    (void)args;
    return 0;
}

static void on_left(void) {
    struct weir_task *t = NULL;
    weir_scope_enter(&other_scope, WEIR_NEVER);
    weir_group_open(&other_group, WEIR_TOGETHER);
    weir_spawn(&other_group, WEIR_SITE(nothing), nothing, NULL, 0, NULL, &t);
    weir_group_close(&other_group, 0);
    weir_scope_leave(&other_scope, 0);
    scope = &other_scope;
    group = &other_group;
    task = t;
    weir_task_release(&t);
    tell(call->fn());
}

static void (*place)(void);

static int cell(void *arg) {
    struct weir_scope s;
    struct weir_group g;
    (void)arg;
    weir_scope_enter(&s, WEIR_NEVER);
    weir_group_open(&g, WEIR_TOGETHER);
    weir_spawn(&g, WEIR_SITE(sleeps), sleeps, NULL, 0, NULL, &task);
    scope = &s;
    group = &g;
    place();
    _exit(0);
}

/* ---- one cell ------------------------------------------------------------------------------- */

static char said[2048];

static void run_it(void *arg) {
    (void)arg;
    weir_run(cell, NULL, NULL);
    _exit(3);
}

static int run_cell(const struct call *c, void (*at)(void)) {
    call = c;
    place = at;
    return runner_child(run_it, NULL, said, sizeof said);
}

static void fail_cell(const struct call *c, const char *words) {
    fail_msg("%s: expected '%s', said: %s", c->name, words, said);
}

static void aborts(const struct call *c, void (*at)(void), const char *words) {
    int status = run_cell(c, at);
    bool died = at == after_fork || (WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    if (!died || strstr(said, words) == NULL || strstr(said, "returned") != NULL)
        fail_cell(c, words);
    if (at != after_fork && strstr(said, "weir_") == NULL)
        fail_cell(c, "weir_");
}

static void returns(const struct call *c, void (*at)(void), const char *code) {
    char words[64];
    snprintf(words, sizeof words, "returned %s", code);
    run_cell(c, at);
    if (strstr(said, words) == NULL)
        fail_cell(c, words);
}

/* ---- the table ------------------------------------------------------------------------------ */

static const char *object_of(const struct call *c) {
    return c->kind == ON_TASK ? "the task 'sleeps'"
           : c->kind == ON_GROUP ? "the group opened at" : "the scope entered at";
}

static void has(const struct call *c, const char *words) {
    if (strstr(said, words) == NULL)
        fail_cell(c, words);
}

WEIR_TEST_BACKENDS(from_a_thread_without_a_loop_each_call_says_whose_the_object_is) {
    for (const struct call *c = calls; c < calls + CALLS; c++) {
        if (c->gives_error) {
            returns(c, without_loop, "WEIR_ENOLOOP");
            continue;
        }
        aborts(c, without_loop, "called from a thread without a loop");
        has(c, object_of(c));
        has(c, "belongs to loop 'main'");
    }
}

WEIR_TEST_BACKENDS(from_another_loop_each_call_names_both_loops_and_the_object) {
    for (const struct call *c = calls; c < calls + CALLS; c++) {
        aborts(c, in_other_loop, "belongs to loop 'main', but this thread runs loop 'main-2'");
        has(c, object_of(c));
    }
}

WEIR_TEST_BACKENDS(in_a_fork_child_each_call_says_so) {
    for (const struct call *c = calls; c < calls + CALLS; c++) {
        if (c->gives_error)
            returns(c, after_fork, "WEIR_EFORKED");
        else
            aborts(c, after_fork, "called in a fork child");
    }
}

WEIR_TEST(on_null_each_call_says_so) {
    for (const struct call *c = calls; c < calls + CALLS; c++) {
        if (c->null_is_fine)
            returns(c, on_null, "OK");
        else
            aborts(c, on_null, c->kind == ON_TASK ? "is NULL (awaited or released already?)"
                                                  : "is NULL");
    }
}

WEIR_TEST(on_what_is_not_open_each_call_says_so) {
    static void (*const states[])(void) = {on_moved, on_zeroed, on_garbage};
    for (const struct call *c = calls; c < calls + CALLS; c++)
        for (size_t i = 0; c->kind != ON_TASK && i < sizeof states / sizeof states[0]; i++)
            aborts(c, states[i], "not an open scope or group");
}

WEIR_TEST(on_what_was_left_closed_or_given_back_each_call_says_so) {
    for (const struct call *c = calls; c < calls + CALLS; c++) {
        if (c->left_is_fine)
            returns(c, on_left, "OK");
        else
            aborts(c, on_left, "already");
        if (!c->left_is_fine && c->kind != ON_TASK)
            has(c, "owner_test.c:");
    }
}
