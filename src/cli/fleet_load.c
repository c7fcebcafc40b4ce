/* SPDX-License-Identifier: MIT */
/* fleet_load.c - read the bytes of a fleet file. The path may name a FIFO without a writer, or a
 * device that never sends: so it is opened without blocking, and each read has a time limit. */
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/check.h"
#include "cli/children.h"
#include "cli/fleet.h"
#include "cli/limits.h"
#include "sys/fds.h"

/* Read some bytes. Returns 0 at end of file. within_ns: how long to wait for them. */
static ssize_t read_some(int fd, char *bytes, size_t size, weir_ns within_ns) {
    WEIR_CHECK(fd >= 0 && size > 0); /* a read of no bytes would look like the end of the file */
    weir_ns until = within_ns == WEIR_NEVER ? WEIR_NEVER : children_now() + within_ns;
    for (;;) {
        struct pollfd file = {.fd = fd, .events = POLLIN};
        int rc = poll(&file, 1, children_timeout(until));
        if (rc == 0)
            return -ETIMEDOUT;
        ssize_t n = rc < 0 ? -1 : read(fd, bytes, size);
        if (n >= 0)
            return n;
        if (errno != EINTR && errno != EAGAIN)
            return -errno;
    }
}

/* Read at most one byte more than is allowed: that shows that a file is too large, also one that
 * never ends. */
static int read_all(int fd, weir_ns within_ns, char *bytes, size_t size, size_t *ret_len) {
    ssize_t n = 1;
    *ret_len = 0;
    while (n > 0 && *ret_len < size) {
        n = read_some(fd, bytes + *ret_len, size - *ret_len, within_ns);
        *ret_len += n > 0 ? (size_t)n : 0;
    }
    WEIR_CHECK(*ret_len <= size);
    return n < 0 ? (int)n : 0;
}

int fleet_load(const char *path, struct fleet *ret_fleet, struct yaml_problem *ret_problem) {
    *ret_fleet = (struct fleet){.nodes = NULL};
    enum { SIZE = LIMIT_FILE_BYTES + 1 };
    bool is_input = strcmp(path, "-") == 0;
    const int how = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
    int fd = is_input ? STDIN_FILENO : weir__fd_lift(open(path, how));
    size_t len = 0;
    if (fd < 0)
        return fd;
    char *bytes = weir__alloc(SIZE);
    int rc = bytes == NULL ? -ENOMEM
                           : read_all(fd, is_input ? WEIR_NEVER : LIMIT_FILE_SILENCE, bytes, SIZE,
                                      &len);
    if (rc == 0)
        rc = fleet_parse(bytes, len, ret_fleet, ret_problem);
    weir__free(bytes);
    if (!is_input)
        close(fd);
    return rc;
}
