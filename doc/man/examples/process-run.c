/* SPDX-License-Identifier: MIT */
/* Shows: weir_process_run weir_process_communicate weir_output weir_output_free */
#include <stdio.h>
#include <weir/weir.h>

/* As a shell's $(...): the output of a program, within two seconds. */
static int sort(void) {
    const char *const argv[] = {"sort", "-r", NULL};
    struct weir_process_options o = {.size = sizeof o, .input = "a\nb\nc\n", .input_len = 6};
    struct weir_output out;
    struct weir_scope s;
    weir_scope_enter(&s, WEIR_SECONDS(2)); /* then SIGTERM, and after o.grace_ns SIGKILL */
    int rc = weir_scope_leave(&s, weir_process_run(argv, &o, &out));
    if (rc < 0) /* it could not be run, or not to its end */
        return rc;
    printf("status %d\n%s", out.exit.code, out.out); /* status 0, c, b, a */
    weir_output_free(&out);
    return 0;
}

/* The same in two steps: between them the program runs. */
static int count(void) {
    const char *const argv[] = {"wc", "-c", NULL};
    struct weir_process_options o = {
        .size = sizeof o, .in = {WEIR_STDIO_PIPE}, .out = {WEIR_STDIO_PIPE}};
    WEIR_AUTO(weir_process_close) struct weir_process *p = NULL;
    struct weir_output out;
    int rc = weir_process_start(argv, &o, &p);
    if (rc == 0)
        rc = weir_process_communicate(p, "12345", 5, &out);
    if (rc < 0)
        return rc;
    printf("%s", out.out); /* 5 */
    weir_output_free(&out);
    return 0;
}

static int program(void *arg) {
    (void)arg;
    int rc = sort();
    return rc < 0 ? rc : count();
}

int main(void) {
    return weir_run(program, NULL, NULL) < 0;
}
