/* SPDX-License-Identifier: MIT */
/* Shows: weir_backend_register weir_backend_common weir_backend_common_open
 * weir_backend_common_close weir_backend_common_submit weir_backend_common_cancel
 * weir_backend_common_sleep weir_backend_common_collect weir_backend_common_wake weir_backend_try
 * weir-op weir__backend weir__backend_ops weir__op weir__op_kind weir__file weir__file_state
 * weir__lent
 * weir__addr weir__option weir__work_by weir__order weir__latch weir-backend */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <weir/backend.h>
#include <weir/weir.h>

/* The least backend: timers, posts and helper threads; a connection can be written to, as long as
 * the socket has room. Waits for descriptors are not supported. */
static struct weir_backend_common *common;

static int submit(struct weir__backend *b, struct weir__op *op) {
    (void)b;
    if (op->kind != WEIR__SEND)
        return weir_backend_common_submit(common, op);
    op->result = weir_backend_try(op);
    if (op->result == -EINPROGRESS)
        op->result = -EOPNOTSUPP;
    return WEIR__DONE;
}

static int cancel(struct weir__backend *b, struct weir__op *op) {
    (void)b;
    return weir_backend_common_cancel(common, op);
}

static weir_ns now(struct weir__backend *b) {
    struct timespec t;
    (void)b;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (weir_ns)t.tv_sec * 1000000000 + t.tv_nsec;
}

static struct weir__op *turn(struct weir__backend *b, weir_ns until_ns) {
    weir_ns left = until_ns == WEIR_NEVER ? WEIR_NEVER : until_ns - now(b);
    struct timespec t = {.tv_sec = left / 1000000000, .tv_nsec = left % 1000000000};
    struct pollfd p = {.fd = left > 0 ? weir_backend_common_sleep(common) : -1, .events = POLLIN};
    if (p.fd >= 0) /* else there is no reason to wait */
        ppoll(&p, 1, left == WEIR_NEVER ? NULL : &t, NULL);
    return weir_backend_common_collect(common);
}

static void release(struct weir__backend *b, struct weir__lent *lent) {
    (void)b, (void)lent; /* nothing is lent without RECV */
}

static void random_bytes(struct weir__backend *b, void *buf, size_t len) {
    (void)b;
    memset(buf, 4, len); /* a backend for more than a demonstration asks the kernel */
}

static const char *explain(struct weir__backend *b) {
    (void)b;
    return "clock: asked for";
}

static void close_common(struct weir__backend *b) {
    (void)b;
    weir_backend_common_close(&common);
}

static int open_clock(struct weir__backend **ret_backend, const char **ret_why) {
    static const struct weir__backend_ops ops = {
        .name = "clock", .submit = submit, .cancel = cancel, .turn = turn, .release = release,
        .wake = weir_backend_common_wake, .now = now, .random = random_bytes, .explain = explain,
        .close = close_common};
    static struct weir__backend clock_backend = {.ops = &ops};
    *ret_why = "no memory or no descriptor is left";
    *ret_backend = &clock_backend;
    return weir_backend_common_open(&clock_backend, &common);
}

static int sleeps(void *arg) {
    (void)arg;
    int rc = weir_sleep(WEIR_MILLISECONDS(1));
    int wait = weir_wait_fd(0, POLLIN);
    printf("slept: %d; a wait for a descriptor: %s\n", rc, weir_error_message(wait));
    return rc;
}

int main(void) {
    struct weir_run_options options = {.size = sizeof options, .backend = "clock"};
    if (weir_backend_register("clock", open_clock) < 0)
        return 1;
    return weir_run(sleeps, NULL, &options) < 0;
}
