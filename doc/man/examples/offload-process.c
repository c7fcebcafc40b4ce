/* SPDX-License-Identifier: MIT */
/* Shows: weir_offload_process */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <weir/weir.h>

struct picture {
    unsigned width, height;
};

/* A parser that may crash or hang on a bad file: it runs in a child process. */
static int parse(const void *args, void *result) {
    const char *bytes = args;
    struct picture *p = result;
    if (strncmp(bytes, "P5 ", 3) != 0)
        return WEIR_EPROTO;
    return sscanf(bytes, "P5 %u %u", &p->width, &p->height) == 2 ? 0 : WEIR_EPROTO;
}

static int crash(const void *args, void *result) {
    *(volatile char *)result = *(const volatile char *)args; /* there is no byte behind either */
    return 0;
}

static int program(void *arg) {
    struct picture p;
    struct weir_scope s;
    (void)arg;
    weir_scope_enter(&s, WEIR_SECONDS(10)); /* then the child is killed */
    int rc = weir_offload_process(parse, "P5 640 480", &p, sizeof p);
    if (weir_scope_leave(&s, rc) < 0)
        return rc;
    printf("%u x %u\n", p.width, p.height);
    if (weir_offload_process(crash, NULL, NULL, 0) == -ECHILD)
        printf("%s\n", weir_error_message(-ECHILD)); /* ... killed by signal 11 (SIGSEGV) */
    return 0;
}

int main(void) {
    return weir_run(program, NULL, NULL) < 0;
}
