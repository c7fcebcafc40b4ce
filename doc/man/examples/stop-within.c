/* SPDX-License-Identifier: MIT */
/* Shows: weir_stop_within weir_stopping weir_wait_stopping weir_unhandled */
#include <stdio.h>
#include <weir/weir.h>

static int serve(void *args) {
    int jobs = 0, rc = 0;
    while (rc == 0 && !weir_stopping()) { /* takes no new work once the loop is stopping */
        rc = weir_sleep(WEIR_MILLISECONDS(2));
        jobs++;
    }
    printf("served, then stopped in peace: %s\n", jobs > 0 ? "yes" : "no");
    return rc;
}

static int closer(void *args) { /* a daemon: it does not hold the run open */
    int rc = weir_wait_stopping();
    if (rc == 0)
        printf("the door is closed\n"); /* close a listener here */
    return rc;
}

static int fails(void *args) {
    return weir_fail(WEIR_EUSER, "the printer is on fire");
}

static bool alarm(const struct weir_unhandled *u, void *arg) {
    printf("%s: %s\n", u->task, u->error->text);
    return true; /* or false: then the library logs it */
}

static int program(void *arg) {
    const struct weir_spawn_options daemon = {.size = sizeof daemon, .daemon = true};
    int rc = weir_spawn(NULL, WEIR_SITE(closer), closer, NULL, 0, &daemon, NULL);
    rc = rc < 0 ? rc : weir_go0(NULL, serve);
    rc = rc < 0 ? rc : weir_go0(NULL, fails);
    rc = rc < 0 ? rc : weir_sleep(WEIR_MILLISECONDS(10));
    weir_stop_within(WEIR_SECONDS(5), "closing time"); /* who has not ended by then is cancelled */
    return rc;
}

int main(void) {
    const struct weir_run_options options = {.size = sizeof options, .on_unhandled = alarm};
    return weir_run(program, NULL, &options) < 0;
}
