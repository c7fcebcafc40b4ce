/* SPDX-License-Identifier: MIT */
/* Shows: weir_run weir_run_options weir_loop_explain weir_loop_current weir_loop weir-loop */
#include <stdio.h>
#include <weir/weir.h>

static int program(void *arg) {
    printf("hello %s, on %s\n", (const char *)arg, weir_loop_explain(weir_loop_current()));
    return 0;
}

int main(void) {
    const struct weir_run_options options = {
        .size = sizeof options, .name = "gateway", .crash_reports = true};
    int rc = weir_run(program, "world", &options);
    if (rc < 0)
        fprintf(stderr, "%s\n", weir_error_text(rc));
    return rc < 0;
}
