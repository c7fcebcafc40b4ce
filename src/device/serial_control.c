/* SPDX-License-Identifier: MIT */
/* serial_control.c - all ioctls of ports go through this file, so that a test can play a port. */
#include <errno.h>
#include <sys/ioctl.h>

#include "device/serial.h"

static int plain_ioctl(int fd, unsigned long request, void *arg) {
    return ioctl(fd, request, arg);
}

int (*weir__serial_ioctl)(int fd, unsigned long request, void *arg) = plain_ioctl;

int weir__serial_control(int fd, unsigned long request, void *arg) {
    int rc = weir__serial_ioctl(fd, request, arg) < 0 ? -errno : 0;
    return weir__serial_is_unplugged(rc) ? WEIR_EUNPLUGGED : rc;
}
