/* SPDX-License-Identifier: MIT */
/* wall.c - waiting by the wall clock. The backend opens a timer for each wait (WALL_OPEN), which is
 * polled as any descriptor, and closed again on every way out. */
#include <weir/wall.h>

#include <errno.h>
#include <poll.h>

#include "sys/wall_timer.h"
#include "task/internal.h"

static const struct weir__what sleeps = {.text = "wall sleep until", .kind = WEIR__ON_NOTHING};
static const struct weir__what waits = {.text = "wall wait step", .kind = WEIR__ON_NOTHING};

static weir_ns look(weir_ns *ret_offset_ns) {
    struct weir__loop *l = weir__loop();
    struct weir__op op = {.kind = WEIR__WALL_NOW};
    if (l == NULL)
        return weir__wall_now(ret_offset_ns);
    weir_ns now_ns = weir__op_now(l, &op);
    if (ret_offset_ns != NULL)
        *ret_offset_ns = op.u.wall.offset_ns;
    return now_ns;
}

weir_ns weir_wall_now(void) {
    return look(NULL);
}

weir_ns weir_wall_offset(void) {
    weir_ns offset_ns = 0;
    look(&offset_ns);
    return offset_ns;
}

static int64_t open_timer(weir_ns until_ns) {
    struct weir__op op = {.kind = WEIR__WALL_OPEN, .u.wall.until_ns = until_ns};
    return weir__op_now(weir__loop(), &op);
}

static int64_t end_timer(int64_t fd) {
    struct weir__op op = {.kind = WEIR__WALL_END, .u.wall.fd = (int)fd};
    return weir__op_now(weir__loop(), &op);
}

/* Returns 0 if the time was reached, 1 after a step, -EAGAIN, or an error. Ends the timer. */
static int await_timer(int64_t fd, const struct weir__what *what) {
    struct weir__op op = {.kind = WEIR__POLL, .u.poll = {(int)fd, POLLIN}};
    int64_t n = weir__op_await(&op, what, NULL);
    int64_t rc = end_timer(fd);
    return (int)(n < 0 ? n : rc);
}

int weir_wall_sleep_until(weir_ns when_ns) {
    int rc = weir__suspend_enter("wall sleep until");
    if (rc < 0)
        return rc;
    do {
        int64_t fd = open_timer(when_ns);
        rc = fd < 0 ? (int)fd : await_timer(fd, &sleeps);
        if (rc == -EAGAIN && weir_cancelled() != 0) /* it came when this task was ready */
            rc = weir_cancelled();
    } while (rc == -EAGAIN);
    if (rc < 0)
        return weir__fail(rc, "wall sleep until", NULL);
    weir__breathe(); /* the time may have been over already, again and again */
    return rc == 1 && weir_wall_now() < when_ns;
}

static bool has_stepped(weir_ns from_ns, weir_ns to_ns) {
    weir_ns by_ns;
    if (__builtin_sub_overflow(to_ns, from_ns, &by_ns)) /* from is the caller's, and any number */
        return true;
    return by_ns >= WEIR_MILLISECONDS(1) || by_ns <= -WEIR_MILLISECONDS(1);
}

/* The timer is opened before the offset is looked at, so no step falls between the two. A cancel
 * that came when the task was ready, after too small a step, would not end the next wait. */
int weir_wall_wait_step(weir_ns *offset_ns) {
    weir__not_null(offset_ns, "weir_wall_wait_step");
    int rc = weir__suspend_enter("wall wait step");
    if (rc < 0)
        return rc;
    for (;;) {
        int64_t fd = open_timer(WEIR_NEVER);
        if (fd < 0)
            return weir__fail((int)fd, "wall wait step", NULL);
        weir_ns now_ns = weir_wall_offset();
        if (has_stepped(*offset_ns, now_ns)) {
            end_timer(fd);
            weir__breathe();
            *offset_ns = now_ns;
            return 0;
        }
        rc = weir_cancelled();
        if (rc < 0)
            end_timer(fd);
        else
            rc = await_timer(fd, &waits);
        if (rc < 0 && rc != -EAGAIN)
            return weir__fail(rc, "wall wait step", NULL);
    }
}
