/* SPDX-License-Identifier: MIT */
/* forbid_test_util.h - forbids a system call to this thread and its children, as in a container. It
 * cannot be undone. */
#ifndef WEIR_SYS_FORBID_TEST_UTIL_H
#define WEIR_SYS_FORBID_TEST_UTIL_H

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>

#include "test/runner.h"

/* number: SYS_*; from now on it fails with error. */
static inline void forbid_call(unsigned number, unsigned error) {
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof filter / sizeof filter[0], filter};
    assert_int_equal(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    assert_int_equal(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
}

/* As the default profile of containers does. */
static inline void forbid_uring(void) {
    forbid_call(425 /* io_uring_setup */, EPERM);
}

#endif
