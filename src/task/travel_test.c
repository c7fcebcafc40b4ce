/* SPDX-License-Identifier: MIT */
/* How one cancel travels: from a scope through a group, into a child that holds a scope of its own
 * and into a child that holds a shield. doc/design/task.md quotes this file and explains the
 * trace. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <weir/loop.h>
#include <weir/task.h>

#include "test/runner.h"

static struct weir_scope job;
static weir_ns started;
static char trace[1024];

/* Add a line to the trace: the virtual time, the call, what it returned. Returns rc. */
static int note(const char *call, int rc) {
    size_t used = strlen(trace);
    snprintf(trace + used, sizeof trace - used, "%3d ms  %-24s %s\n",
             (int)((weir_now() - started) / 1000000), call, rc < 0 ? weir_error_name(rc) : "0");
    return rc;
}

static int reads(void *args) {
    struct weir_scope idle;
    weir_scope_enter(&idle, WEIR_SECONDS(30));
    int rc = note("reads: sleep", weir_sleep(WEIR_SECONDS(60)));
    return note("reads: leave idle", weir_scope_leave(&idle, rc));
}

static int saves(void *args) {
    struct weir_scope shield;
    note("saves: sleep", weir_sleep(WEIR_SECONDS(60)));
    weir_shield_enter(&shield, WEIR_SECONDS(1));
    int rc = note("saves: sleep in shield", weir_sleep(WEIR_MILLISECONDS(200)));
    note("saves: leave shield", weir_scope_leave(&shield, rc));
    return note("saves: sleep after it", weir_sleep(WEIR_SECONDS(60)));
}

static int works(void *args) {
    struct weir_group group;
    weir_scope_enter(&job, WEIR_NEVER);
    weir_group_open(&group, WEIR_TOGETHER);
    weir_go0(&group, reads);
    weir_go0(&group, saves);
    int rc = note("works: sleep", weir_sleep(WEIR_SECONDS(60)));
    rc = note("works: close group", weir_group_close(&group, rc));
    rc = note("works: leave job", weir_scope_leave(&job, rc));
    return rc == WEIR_ESTOPPED ? 0 : rc;
}

static int operates(void *arg) {
    started = weir_now();
    weir_go0(NULL, works);
    weir_sleep(WEIR_MILLISECONDS(100));
    weir_scope_cancel(&job, "the operator stops it");
    return note("operates: cancel", 0);
}

static const char expected[] =
    "100 ms  operates: cancel         0\n"
    "100 ms  works: sleep             ECANCELED\n"
    "100 ms  reads: sleep             ECANCELED\n"
    "100 ms  reads: leave idle        ECANCELED\n"
    "100 ms  saves: sleep             ECANCELED\n"
    "300 ms  saves: sleep in shield   0\n"
    "300 ms  saves: leave shield      0\n"
    "300 ms  saves: sleep after it    ECANCELED\n"
    "300 ms  works: close group       ECANCELED\n"
    "300 ms  works: leave job         WEIR_ESTOPPED\n";

WEIR_TEST(a_cancel_travels_through_scopes_and_a_group_and_waits_at_a_shield) {
    runner_plain_order();
    struct weir_run_options virtual_time = {.size = sizeof virtual_time, .backend = "sim"};
    trace[0] = '\0';
    assert_int_equal(weir_run(operates, NULL, &virtual_time), 0);
    assert_string_equal(trace, expected);
}
