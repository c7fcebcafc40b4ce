/* SPDX-License-Identifier: MIT */
/* Which descriptor a program takes for the socket to `weir up`: only one that is such a socket. */
#include "worker/control.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <weir/loop.h>

#include "base/log.h"
#include "test/runner.h"
#include "worker/program.h"

static struct weir__counters counters;

static void name(int fd) {
    char text[16];
    snprintf(text, sizeof text, "%d", fd);
    assert_int_equal(setenv("WEIR_CONTROL_FD", text, 1), 0);
}

static int opened(int fd) {
    struct weir__control c;
    name(fd);
    weir_log_level_set(WEIR_LOG_ERROR);
    weir__control_init(&c, &counters);
    weir__control_open(&c);
    assert_null(getenv("WEIR_CONTROL_FD"));
    return c.fd;
}

static bool is_inherited(int fd) {
    int flags = fcntl(fd, F_GETFD);
    assert_true(flags >= 0);
    return !(flags & FD_CLOEXEC);
}

WEIR_TEST(a_control_socket_is_taken) {
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
    assert_int_equal(opened(ends[0]), ends[0]);
    assert_false(is_inherited(ends[0]));
    close(ends[0]);
    close(ends[1]);
}

WEIR_TEST(a_descriptor_that_is_no_control_socket_is_left_alone) {
    int fds[6];
    assert_int_equal(pipe(fds), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds + 2), 0);
    fds[4] = socket(AF_INET, SOCK_STREAM, 0);
    fds[5] = dup(STDERR_FILENO);
    for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++) {
        assert_int_equal(opened(fds[i]), -1);
        assert_true(is_inherited(fds[i]));
        close(fds[i]);
    }
}

/* ---- a program whose variable names a number that is not in use ---- */

static int stale; /* the number */

static unsigned open_ones(void) {
    unsigned set = 0;
    for (int i = 0; i < 32; i++)
        if (fcntl(stale + i, F_GETFD) >= 0)
            set |= 1u << i;
    return set;
}

static int is_ready(struct weir__program *p) {
    unsigned before = open_ones();
    assert_int_equal(weir__program_ready(p, 0), 0);
    assert_int_equal(weir_sleep(WEIR_MILLISECONDS(1)), 0); /* the first beat, if it sends any */
    assert_int_equal(open_ones(), before);
    return 7;
}

WEIR_TEST_BACKENDS(a_program_does_not_take_its_loops_descriptor_for_the_control_socket) {
    struct weir__program *p = weir__program_new("test");
    assert_non_null(p);
    assert_int_equal(weir__grid_init(&p->grid), 0);
    p->backend = test_backend;
    p->body = is_ready;
    stale = dup(STDERR_FILENO);
    close(stale);
    name(stale);
    weir_log_level_set(WEIR_LOG_ERROR);
    assert_int_equal(weir__program_run(p), 7);
    weir__program_free(p);
}
