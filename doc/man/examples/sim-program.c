/* SPDX-License-Identifier: MIT */
/* Shows: weir_sim_program weir_sim_process */
#include <stdio.h>
#include <string.h>
#include <weir/testing.h>
#include <weir/weir.h>

/* Plays git: no repository is needed, and no time passes. */
static int git(struct weir_sim_process *p) {
    if (p->argv[1] == NULL || strcmp(p->argv[1], "rev-parse") != 0)
        return 129;
    int rc = weir_sleep(WEIR_SECONDS(3)); /* a slow disk; SIGTERM cuts it short */
    return rc < 0 ? rc : weir_write(p->out, "4b825dc\n", 8);
}

/* What is tested. */
static int revision(char *buf, size_t size) {
    const char *const argv[] = {"git", "rev-parse", "HEAD", NULL};
    struct weir_output out;
    struct weir_scope s;
    weir_scope_enter(&s, WEIR_SECONDS(2));
    int rc = weir_scope_leave(&s, weir_process_run(argv, NULL, &out));
    if (rc < 0)
        return rc;
    snprintf(buf, size, "%s", out.out);
    weir_output_free(&out);
    return 0;
}

static int test(void *arg) {
    char buf[64] = "";
    (void)arg;
    int rc = weir_sim_program("git", git);
    if (rc < 0)
        return rc;
    return revision(buf, sizeof buf) == -ETIME ? 0 : -EPROTO; /* git takes longer than it may */
}

int main(void) {
    return weir_sim_run(test, NULL, NULL) < 0;
}
