/* SPDX-License-Identifier: MIT */
/* timeout - a scope ends what takes too long, and leaves what is quick enough alone. */
#include <stdio.h>
#include <weir/weir.h>

static int fetch(const char *what, weir_ns takes_ns) {
    struct weir_scope s;
    weir_scope_enter(&s, WEIR_SECONDS(10));
    int rc = weir_scope_leave(&s, weir_sleep(takes_ns));
    printf("%s: %s\n", what, rc == -ETIME ? "timed out" : "fetched");
    return rc == -ETIME ? 0 : rc;
}

static int program(void *arg) {
    (void)arg;
    int rc = fetch("slow", WEIR_SECONDS(60));
    return rc < 0 ? rc : fetch("quick", WEIR_SECONDS(1));
}

int main(void) {
    const struct weir_run_options options = {.size = sizeof options, .backend = "sim"};
    return weir_run(program, NULL, &options) < 0;
}
