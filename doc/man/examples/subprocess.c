/* SPDX-License-Identifier: MIT */
/* Shows: weir_subprocess weir_subprocess_protocol weir_subprocess_calls weir_subprocess_factory
 * weir_subprocess_exec weir_subprocess_pipe weir_subprocess_process weir_subprocess_close */
/* A program whose output goes to a protocol. */
#include <stdio.h>
#include <weir/weir.h>

static void data(struct weir_subprocess_protocol *p, int fd, struct weir_view v) {
    printf("%s: %.*s", fd == 1 ? "output" : "errors", (int)v.len, (const char *)v.base);
}

static void exited(struct weir_subprocess_protocol *p, const struct weir_exit *exit) {
    printf("it has ended with %d\n", exit->code);
}

static const struct weir_subprocess_calls calls = {
    .size = sizeof calls, .pipe_data_received = data, .process_exited = exited};

static int take(void *arg, struct weir_subprocess_protocol **ret_protocol) {
    *ret_protocol = arg;
    return 0;
}

static int program(void *arg) {
    static const char *const argv[] = {"sh", "-c", "read x; echo \"$x\"; exit 3", NULL};
    const struct weir_process_options piped = {.size = sizeof piped,
                                               .in = {WEIR_STDIO_PIPE},
                                               .out = {WEIR_STDIO_PIPE},
                                               .err = {WEIR_STDIO_PIPE}};
    struct weir_subprocess_protocol protocol = {&calls};
    struct weir_subprocess *sp;
    struct weir_group g;
    weir_group_open(&g, WEIR_TOGETHER);
    int rc = weir_subprocess_exec(argv, &piped, take, &protocol, &g, &sp);
    if (rc == 0) {
        struct weir_transport *in = weir_subprocess_pipe(sp, 0);
        fprintf(stderr, "started %d\n", (int)weir_process_pid(weir_subprocess_process(sp)));
        if (weir_transport_write(in, "hello\n", 6) < 0)
            weir_subprocess_close(sp); /* which kills it */
        else
            weir_transport_close(in);
    }
    return weir_group_close(&g, rc); /* until connection_lost */
}

int main(void) {
    return weir_run(program, NULL, NULL) < 0;
}
