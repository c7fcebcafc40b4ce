/* SPDX-License-Identifier: MIT */
/* cpus.c - see cpus.h. A control group limits processor time by a quota for each period:
 *   v2   ROOT/GROUP/cpu.max                "150000 100000" or "max 100000"
 *   v1   ROOT/cpu/GROUP/cpu.cfs_quota_us   "150000", or "-1"; the period is in cpu.cfs_period_us
 * All groups around the process's group count as well, up to the root. A container may see the path
 * that its group has outside, where no such folder exists inside: then the limit stands in the root
 * folder, at which the way up ends. */
#include "sys/cpus.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sys/fds.h"

enum { PATH_SIZE = 1024, FILE_SIZE = 2048, MASK_WORDS = 8192 / (8 * sizeof(unsigned long)) };

/* Read the whole file, cut to size. Returns false if there is none. */
static bool read_file(const char *path, char *buf, size_t size) {
    int fd = weir__fd_lift(open(path, O_RDONLY | O_CLOEXEC));
    size_t used = 0;
    ssize_t n = 0;
    if (fd < 0)
        return false;
    while (used < size - 1 && ((n = read(fd, buf + used, size - 1 - used)) > 0
                               || (n < 0 && errno == EINTR)))
        used += n > 0 ? (size_t)n : 0;
    close(fd);
    buf[used] = '\0';
    return n >= 0;
}

/* Processors that a quota is worth, rounded up; 0: no limit. */
static int worth(long long quota, long long period) {
    if (quota <= 0 || period <= 0)
        return 0;
    long long n = quota / period + (quota % period != 0);
    return n < 1 << 20 ? (int)n : 0;
}

static int limit_v2(const char *folder) {
    char path[PATH_SIZE + 32], text[128];
    long long quota, period;
    snprintf(path, sizeof path, "%s/cpu.max", folder);
    if (!read_file(path, text, sizeof text) || sscanf(text, "%lld %lld", &quota, &period) != 2)
        return 0;
    return worth(quota, period);
}

static int limit_v1(const char *folder) {
    char path[PATH_SIZE + 32], quota[64], period[64];
    snprintf(path, sizeof path, "%s/cpu.cfs_quota_us", folder);
    if (!read_file(path, quota, sizeof quota))
        return 0;
    snprintf(path, sizeof path, "%s/cpu.cfs_period_us", folder);
    if (!read_file(path, period, sizeof period))
        return 0;
    return worth(strtoll(quota, NULL, 10), strtoll(period, NULL, 10));
}

static int least(int count, const char *folder, bool v1) {
    int limit = v1 ? limit_v1(folder) : limit_v2(folder);
    return limit > 0 && limit < count ? limit : count;
}

/* The least limit of the group and of all around it, up to base. */
static int upwards(const char *base, const char *group, bool v1, int count) {
    char folder[PATH_SIZE];
    size_t base_len = strlen(base);
    int len = snprintf(folder, sizeof folder, "%s%s", base, group);
    if (len < 0 || (size_t)len >= sizeof folder)
        return least(count, base, v1);
    for (;;) {
        count = least(count, folder, v1);
        char *slash = strrchr(folder, '/');
        if (slash == NULL || slash < folder + base_len)
            return count;
        *slash = '\0';
    }
}

static bool has_cpu(const char *controllers) {
    for (const char *at = controllers; at != NULL; at = strchr(at, ',')) {
        at += *at == ',';
        if (strcspn(at, ",") == 3 && strncmp(at, "cpu", 3) == 0)
            return true;
    }
    return false;
}

/* One line of the membership file: "4:cpu,cpuacct:/group", "0::/group". */
static int by_line(char *line, const char *root, int count) {
    char base[PATH_SIZE];
    char *controllers = strchr(line, ':');
    char *group = controllers != NULL ? strchr(controllers + 1, ':') : NULL;
    if (group == NULL)
        return count;
    *controllers++ = *group++ = '\0';
    if (*controllers == '\0')
        return upwards(root, group, false, count);
    if (!has_cpu(controllers))
        return count;
    snprintf(base, sizeof base, "%s/cpu", root); /* also where "cpu,cpuacct" is the folder's name */
    return upwards(base, group, true, count);
}

int weir__cpus_in(const char *membership, const char *root, int affinity) {
    char text[FILE_SIZE];
    int count = affinity;
    if (!read_file(membership, text, sizeof text))
        return count > 1 ? count : 1;
    for (char *line = text, *end; *line != '\0'; line = end) {
        end = line + strcspn(line, "\n");
        if (*end == '\n')
            *end++ = '\0';
        count = by_line(line, root, count);
    }
    return count > 1 ? count : 1;
}

/* The kernel's call, which says how many bytes of the mask it has filled: libc's has a fixed size
 * that is too small for the largest machines. */
static int affinity_count(void) {
    unsigned long mask[MASK_WORDS] = {0};
    int count = 0;
    if (syscall(SYS_sched_getaffinity, 0, sizeof mask, mask) < 0)
        return (int)sysconf(_SC_NPROCESSORS_ONLN);
    for (size_t i = 0; i < MASK_WORDS; i++)
        count += __builtin_popcountl(mask[i]);
    return count;
}

int weir__cpus(void) {
    return weir__cpus_in("/proc/self/cgroup", "/sys/fs/cgroup", affinity_count());
}
