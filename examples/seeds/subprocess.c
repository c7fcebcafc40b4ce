/* SPDX-License-Identifier: MIT */
/* subprocess - run programs of the system: their output, their status, a deadline for one that
 * takes too long, and a dialogue with one that goes on. */
#include <stdio.h>
#include <string.h>
#include <weir/weir.h>

/* As a shell would: "[exited with N]" behind what the command wrote. */
static int shell(const char *command, weir_ns budget_ns) {
    const char *const argv[] = {"/bin/sh", "-c", command, NULL};
    struct weir_output out;
    struct weir_scope s;
    weir_scope_enter(&s, budget_ns);
    int rc = weir_scope_leave(&s, weir_process_run(argv, NULL, &out));
    if (rc == -ETIME) {
        printf("%s: took too long, and was ended\n", command);
        return 0;
    }
    if (rc < 0)
        return rc;
    printf("%s: [exited with %d]\n", command, out.exit.code);
    printf("  stdout: %s\n  stderr: %s\n", out.out_len > 0 ? "some" : "none",
           out.err_len > 0 ? "some" : "none");
    weir_output_free(&out);
    return 0;
}

/* Ask sort one line after the other, then read what it answers. */
static int dialogue(void) {
    static const char *const argv[] = {"sort", "-n", NULL};
    static const char *const lines[] = {"30\n", "4\n", "100\n"};
    struct weir_process_options o = {
        .size = sizeof o, .in = {WEIR_STDIO_PIPE}, .out = {WEIR_STDIO_PIPE}};
    WEIR_AUTO(weir_process_close) struct weir_process *p = NULL;
    char line[16];
    ssize_t n = 0;
    int rc = weir_process_start(argv, &o, &p);
    for (int i = 0; i < 3 && rc == 0; i++)
        rc = weir_write(weir_process_stdin(p), lines[i], strlen(lines[i]));
    if (rc < 0)
        return rc;
    weir_process_close_stdin(p); /* no more lines: now it sorts */
    while ((n = weir_read_until(weir_process_stdout(p), '\n', line, sizeof line)) > 0)
        printf("sorted: %s", line);
    return n < 0 ? (int)n : weir_process_wait(p, NULL);
}

static int program(void *arg) {
    (void)arg;
    int rc = shell("echo hello", WEIR_SECONDS(10));
    if (rc == 0)
        rc = shell("ls /zzz", WEIR_SECONDS(10));
    if (rc == 0)
        rc = shell("sleep 1000", WEIR_MILLISECONDS(20));
    return rc == 0 ? dialogue() : rc;
}

int main(void) {
    return weir_run(program, NULL, NULL) < 0;
}
