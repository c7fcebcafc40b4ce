/* SPDX-License-Identifier: MIT */
/* wall_timer.c - see wall_timer.h. */
#include "sys/wall_timer.h"

#include <errno.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "sys/fds.h"

/* A thread may be put aside between two looks at the clocks: so the closest of a few counts. */
enum { LOOKS = 8, CLOSE_NS = 2000 };

static weir_ns look(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (weir_ns)t.tv_sec * 1000000000 + t.tv_nsec;
}

weir_ns weir__wall_now(weir_ns *ret_offset_ns) {
    weir_ns wall_ns = 0, best_ns = WEIR_NEVER;
    if (ret_offset_ns == NULL)
        return look(CLOCK_REALTIME);
    for (int i = 0; i < LOOKS && best_ns > CLOSE_NS; i++) {
        weir_ns before_ns = look(CLOCK_MONOTONIC);
        wall_ns = look(CLOCK_REALTIME);
        weir_ns took_ns = look(CLOCK_MONOTONIC) - before_ns;
        if (took_ns >= best_ns)
            continue;
        best_ns = took_ns;
        *ret_offset_ns = wall_ns - before_ns - took_ns / 2;
    }
    return wall_ns;
}

/* The time 0 would disarm the timer. */
static struct timespec time_of(weir_ns ns) {
    ns = ns > 0 ? ns : 1;
    return (struct timespec){.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
}

static int64_t open_timer(weir_ns until_ns) {
    struct itimerspec when = {.it_value = time_of(until_ns)};
    int fd = weir__fd_lift(timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK));
    if (fd < 0)
        return fd;
    int flags = TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET;
    if (timerfd_settime(fd, flags, &when, NULL) < 0 && errno != ECANCELED) {
        int rc = -errno;
        close(fd);
        return rc;
    }
    return fd; /* ECANCELED: a step since timerfd_create; the timer is set all the same */
}

static int64_t end_timer(int fd) {
    uint64_t count;
    int64_t rc = read(fd, &count, sizeof count) < 0 ? -errno : 0;
    close(fd);
    return rc == -ECANCELED ? 1 : rc;
}

int64_t weir__wall(struct weir__op *op) {
    if (op->kind == WEIR__WALL_NOW)
        return weir__wall_now(&op->u.wall.offset_ns);
    return op->kind == WEIR__WALL_OPEN ? open_timer(op->u.wall.until_ns)
                                       : end_timer(op->u.wall.fd);
}
