/* SPDX-License-Identifier: MIT */
/* Shows: weir_offload weir_offload_detached */
#include <stdio.h>
#include <unistd.h>
#include <weir/weir.h>

struct host { char name[256]; };

static int host_name(void *arg) { /* on a helper thread: it may block, and must not suspend */
    struct host *h = arg;
    return gethostname(h->name, sizeof h->name - 1) < 0 ? -errno : 0;
}

static int slow(void *args) { /* has a copy of its arguments, and may run on for long */
    return usleep(1000) < 0 ? -errno : *(int *)args;
}

static int program(void *arg) {
    struct host h = {""};
    int n = 7, rc = weir_offload(host_name, &h); /* h is borrowed until it returns */
    if (rc == 0)
        printf("this is %s\n", h.name);
    if (rc == 0)
        rc = weir_offload_detached(slow, &n, sizeof n); /* a deadline would not wait for it */
    return rc == 7 ? 0 : rc;
}

int main(void) {
    return weir_run(program, NULL, NULL) < 0;
}
