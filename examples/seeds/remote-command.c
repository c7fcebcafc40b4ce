/* SPDX-License-Identifier: MIT */
/* remote-command - run a command on another machine by ssh(1): its output, its status. The program
 * ssh is played by a function of a simulated world here, so that no other machine is needed. */
#include <stdio.h>
#include <string.h>
#include <weir/testing.h>
#include <weir/weir.h>

static int run_client(const char *host, const char *command) {
    const char *const argv[] = {"ssh", host, command, NULL};
    struct weir_output out;
    int rc = weir_process_run(argv, NULL, &out);
    if (rc < 0)
        return rc;
    printf("%.*s", (int)out.out_len, (const char *)out.out);
    if (out.exit.code != 0)
        printf("the command exited with status %d: %.*s", out.exit.code, (int)out.err_len,
               (const char *)out.err);
    else
        printf("the command exited successfully\n");
    weir_output_free(&out);
    return 0;
}

/* What the other machine does: it knows echo. */
static int ssh(struct weir_sim_process *p) {
    const char *command = p->argv[2];
    if (strncmp(command, "echo ", 5) == 0)
        return weir_printf(p->out, "%s\n", command + 5);
    int rc = weir_printf(p->err, "%s: command not found\n", command);
    return rc < 0 ? rc : 127;
}

static int program(void *arg) {
    (void)arg;
    int rc = weir_sim_program("ssh", ssh);
    if (rc == 0)
        rc = run_client("localhost", "echo Hello");
    return rc == 0 ? run_client("localhost", "dance") : rc;
}

int main(void) {
    return weir_sim_run(program, NULL, NULL) < 0;
}
