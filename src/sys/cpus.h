/* SPDX-License-Identifier: MIT */
/* cpus.h - how many processors the calling thread may use: those of its affinity mask, or fewer if
 * the control groups of its process (cgroup v2 and v1) limit the time. Reads the kernel's files at
 * each call. Any thread. */
#ifndef WEIR_SYS_CPUS_H
#define WEIR_SYS_CPUS_H

/* Never less than 1. */
int weir__cpus(void);

/* The same for made-up files. membership: a file like /proc/self/cgroup; root: a folder like
 * /sys/fs/cgroup; affinity: the processors of the affinity mask. */
int weir__cpus_in(const char *membership, const char *root, int affinity);

#endif
