/* SPDX-License-Identifier: MIT */
/* moods.c - a worker for the tests of the circuit, as a shared object. Its parameter and the text
 * of each message say what it does.
 *
 *   --with setup=slow|fail|say|beat  setup waits for ever, fails, fails and says why, or starts a
 *   task in the run's own group that never ends by itself
 *   messages: sleep (suspends), block (does not), fail, say (why it fails), bytes,
 *   nack, empty, stream TARGET, print */
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <weir/loop.h>
#include <weir/task.h>
#include <weir/worker.h>

static int beat(void *args) {
    (void)args;
    int rc = 0;
    while (rc == 0)
        rc = weir_sleep(WEIR_MILLISECONDS(10));
    return rc;
}

static int setup(void *state, const struct weir_params *p) {
    const char *how = "";
    int rc = weir_param_text(p, "setup", "", &how);
    if (rc == 0 && strcmp(how, "slow") == 0) {
        weir_out("setting up");
        return weir_sleep(WEIR_NEVER);
    }
    if (rc == 0 && strcmp(how, "beat") == 0)
        return weir_go0(NULL, beat);
    if (rc == 0 && strcmp(how, "say") == 0)
        return weir_fail(WEIR_EUSER, "no pin %d on this board", 7);
    return rc == 0 && strcmp(how, "fail") == 0 ? -ENODEV : rc;
}

static int loop(void *state, const struct weir_message *m, struct weir_ack *ack) {
    char text[64];
    snprintf(text, sizeof text, "%.*s", (int)m->data.len, (const char *)m->data.base);
    weir_out("told to %s", text);
    if (strcmp(text, "sleep") == 0)
        return weir_sleep(WEIR_NEVER);
    while (strcmp(text, "block") == 0)
        pause();
    if (strcmp(text, "print") == 0) {
        printf("by printf\n");
        fflush(stdout);
    }
    if (strcmp(text, "fail") == 0)
        return -EIO;
    if (strcmp(text, "say") == 0)
        return weir_fail(WEIR_EUSER, "pin %d is stuck", 7);
    if (strcmp(text, "bytes") == 0)
        return weir_ack_bytes(ack, "\xff\0\n", 3);
    if (strcmp(text, "nack") == 0)
        return weir_nack("not today");
    if (strncmp(text, "stream ", 7) == 0)
        return weir_node_send(NULL, text + 7, "", "x");
    return strcmp(text, "empty") == 0 ? 0 : weir_ack_text(ack, "done: %s", text);
}

static const struct weir_worker moods = {
    .size = sizeof moods, .name = "Moods", .setup = setup, .loop = loop};

WEIR_WORKER_MAIN(moods)
