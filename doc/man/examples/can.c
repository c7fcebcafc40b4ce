/* SPDX-License-Identifier: MIT */
/* A sender and a reader of frames of a CAN bus. Without the interface vcan0 it says so. */
#include <errno.h>
#include <linux/can.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <weir/weir.h>

static int open_bus(const char *name) {
    struct sockaddr_can a = {.can_family = AF_CAN, .can_ifindex = (int)if_nametoindex(name)};
    if (a.can_ifindex == 0)
        return -ENODEV;
    int fd = socket(AF_CAN, SOCK_RAW | SOCK_CLOEXEC, CAN_RAW);
    if (fd < 0)
        return -errno;
    if (bind(fd, (struct sockaddr *)&a, sizeof a) == 0)
        return fd;
    int rc = -errno;
    close(fd);
    return rc;
}

static int exchange(int fd) {
    struct can_frame frame = {.can_id = 0x123, .can_dlc = 2, .data = {1, 2}};
    struct iovec v = {&frame, sizeof frame};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};
    ssize_t n = weir_sendmsg(fd, &m, 0);
    if (n < 0)
        return (int)n;
    n = weir_recvmsg(fd, &m, 0); /* waits for a frame of another node */
    if (n < 0)
        return (int)n;
    printf("%x: %d bytes\n", frame.can_id, frame.can_dlc);
    return 0;
}

static int program(void *arg) {
    int fd = open_bus("vcan0");
    if (fd < 0) {
        printf("no CAN bus here: %s\n", strerror(-fd));
        return 0;
    }
    struct weir_scope s;
    weir_scope_enter(&s, WEIR_SECONDS(1));
    int rc = weir_scope_leave(&s, exchange(fd));
    close(fd);
    return rc == -ETIME ? 0 : rc;
}

int main(void) {
    return weir_run(program, NULL, NULL) < 0;
}
