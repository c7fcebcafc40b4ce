/* SPDX-License-Identifier: MIT */
/* device_test_util.h - terminals of the system and child processes, for the tests of this room. */
#ifndef WEIR_DEVICE_TEST_UTIL_H
#define WEIR_DEVICE_TEST_UTIL_H

#include "stream/stream_test_util.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <weir/tty.h>

/* A terminal and its master, both plain blocking descriptors. */
static inline void open_terminal(int *ret_master, int *ret_slave) {
    *ret_master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(*ret_master >= 0);
    assert_int_equal(grantpt(*ret_master), 0);
    assert_int_equal(unlockpt(*ret_master), 0);
    *ret_slave = open(ptsname(*ret_master), O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(*ret_slave >= 0);
}

static inline bool is_raw(int tty) {
    struct termios mode;
    assert_int_equal(tcgetattr(tty, &mode), 0);
    return (mode.c_lflag & (ICANON | ECHO | ISIG)) == 0;
}

/* What a child writes to `says` is waited for by a blocking read: one letter each. */
static inline char hear(int says) {
    char letter = '-';
    ssize_t n;
    do
        n = read(says, &letter, 1);
    while (n < 0 && errno == EINTR);
    return n == 1 ? letter : '-';
}

static inline void say(int says, char letter) {
    if (write(says, &letter, 1) != 1)
        _exit(99);
}

#endif
