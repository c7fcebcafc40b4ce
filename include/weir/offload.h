/* SPDX-License-Identifier: MIT */
/* offload.h - the processors and helper threads that offloaded functions have: weir_offload and
 * weir_offload_detached themselves are in weir/loop.h. Any thread may call all of this. */
#ifndef WEIR_OFFLOAD_H
#define WEIR_OFFLOAD_H

#include <weir/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Count the processors that this process may use: those of its affinity mask, or fewer if the
 * control groups around it (cgroup v2 and v1) limit its time; a limit of one and a half counts
 * as two. Reads the kernel's files at each call, which takes some microseconds. In a simulation it
 * counts the real ones too. Returns the count, at least 1. Any thread. */
WEIR_API int weir_cpus(void);

#ifdef __cplusplus
}
#endif
#endif
