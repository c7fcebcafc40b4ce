/* SPDX-License-Identifier: MIT */
/* uring_abi.h - numbers of the kernel's io_uring interface that liburing 2.3 does not name. */
#ifndef WEIR_SYS_URING_ABI_H
#define WEIR_SYS_URING_ABI_H

#include <liburing.h>

#ifndef IORING_SETUP_SINGLE_ISSUER
#define IORING_SETUP_SINGLE_ISSUER (1U << 12) /* 6.0 */
#endif
#ifndef IORING_SETUP_DEFER_TASKRUN
#define IORING_SETUP_DEFER_TASKRUN (1U << 13) /* 6.1 */
#endif

#endif
