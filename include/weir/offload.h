/* SPDX-License-Identifier: MIT */
/* offload.h - how many processors a program has for its loops and for the functions that it
 * offloads. weir_offload and weir_offload_detached themselves are in weir/loop.h. */
#ifndef WEIR_OFFLOAD_H
#define WEIR_OFFLOAD_H

#include <weir/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Count the processors that the calling thread may use: those of its affinity mask, or fewer if the
 * control groups around the process (cgroup v2 and v1) limit its time. A limit of one and a half
 * counts as two. The call reads the kernel's files each time, so keep the result. In a simulation
 * it counts the real processors too.
 * Returns the count, at least 1; it never fails. Any thread. */
WEIR_API int weir_cpus(void);

#ifdef __cplusplus
}
#endif
#endif
