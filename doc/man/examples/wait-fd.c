/* SPDX-License-Identifier: MIT */
/* Shows: weir_wait_fd */
#include <poll.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <weir/weir.h>

struct ring_args { int fd; };

static int ring(void *args) {
    uint64_t one = 1;
    return write(((struct ring_args *)args)->fd, &one, sizeof one) < 0 ? -errno : 0;
}

/* The way to use a library that has a descriptor and calls of its own: wait, then call it. */
static int program(void *arg) {
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    uint64_t count = 0;
    int rc = fd < 0 ? -errno : weir_go(NULL, ring, .fd = fd);
    if (rc == 0)
        rc = weir_wait_fd(fd, POLLIN); /* consumes nothing */
    if (rc > 0 && read(fd, &count, sizeof count) == sizeof count)
        printf("rung %d time\n", (int)count);
    close(fd);
    return rc < 0 ? rc : 0;
}

int main(void) {
    return weir_run(program, NULL, NULL) < 0;
}
