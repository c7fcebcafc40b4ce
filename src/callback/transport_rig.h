/* SPDX-License-Identifier: MIT */
/* transport_rig.h - a protocol that records its calls, for the tests of transports. */
#ifndef WEIR_CALLBACK_TRANSPORT_RIG_H
#define WEIR_CALLBACK_TRANSPORT_RIG_H

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <weir/callback.h>
#include <weir/group.h>
#include <weir/stream.h>
#include <weir/testing.h>
#include <weir/transport.h>

#include "test/runner.h"

static char story[2048];

static inline __attribute__((format(printf, 1, 2))) void says(const char *format, ...) {
    size_t len = strlen(story);
    va_list args;
    va_start(args, format);
    if (len > 0 && len + 1 < sizeof story)
        story[len++] = ' ';
    vsnprintf(story + len, sizeof story - len, format, args);
    va_end(args);
}

/* What one protocol does besides; zero: nothing. */
struct plan {
    const char *name;            /* stands before what it says: "s:" */
    bool echo, close_on_data, keep_open, resets_unread;
    int data_rc, eof_rc;
    void (*at_made)(struct weir_transport *t);
};

struct noted {
    struct weir_protocol protocol;
    struct weir_transport *t; /* NULL: not made yet, or lost */
    const struct plan *plan;
    size_t received;
    int lost; /* how often */
    int rc;
    struct weir_future *over; /* resolved when it is lost; may be NULL */
};

static inline void noted_made(struct weir_protocol *p, struct weir_transport *t) {
    struct noted *n = (struct noted *)p;
    n->t = t;
    says("%smade", n->plan->name);
    if (n->plan->at_made != NULL)
        n->plan->at_made(t);
}

static inline int noted_data(struct weir_protocol *p, struct weir_view v) {
    struct noted *n = (struct noted *)p;
    n->received += v.len;
    if (v.len < 32)
        says("%sdata(%.*s)", n->plan->name, (int)v.len, (const char *)v.base);
    if (n->plan->echo)
        (void)weir_transport_write(n->t, v.base, v.len);
    if (n->plan->close_on_data)
        weir_transport_close(n->t);
    return n->plan->data_rc;
}

static inline int noted_eof(struct weir_protocol *p) {
    struct noted *n = (struct noted *)p;
    says("%seof", n->plan->name);
    return n->plan->eof_rc < 0 ? n->plan->eof_rc : n->plan->keep_open;
}

static inline void noted_lost(struct weir_protocol *p, int rc) {
    struct noted *n = (struct noted *)p;
    says("%slost(%s)", n->plan->name, rc == 0 ? "" : weir_error_name(rc));
    n->t = NULL;
    n->lost++;
    n->rc = rc;
    if (n->over != NULL)
        (void)weir_future_resolve(n->over, NULL);
}

static inline void noted_pause(struct weir_protocol *p) {
    says("%spause", ((struct noted *)p)->plan->name);
}

static inline void noted_resume(struct weir_protocol *p) {
    says("%sresume", ((struct noted *)p)->plan->name);
}

static const struct weir_protocol_calls noted_calls = {
    .size = sizeof noted_calls,
    .connection_made = noted_made,
    .data_received = noted_data,
    .eof_received = noted_eof,
    .connection_lost = noted_lost,
    .pause_writing = noted_pause,
    .resume_writing = noted_resume,
};

/* A factory whose arg is the protocol itself. */
static inline int noted_factory(void *arg, struct weir_protocol **ret_protocol) {
    struct noted *n = arg;
    n->protocol.calls = &noted_calls;
    *ret_protocol = &n->protocol;
    return 0;
}

/* A transport over one end of a pair in memory, in a group, and the other end for the test. */
struct bench {
    struct weir_group g;
    struct noted n;
    struct weir_transport *t;
    struct weir_stream *far;
};

static inline int bench_open(struct bench *b, const struct plan *plan, size_t capacity) {
    struct weir_stream *near;
    *b = (struct bench){.n.plan = plan};
    int rc = weir_memory_pair(capacity, &near, &b->far);
    if (rc < 0)
        return rc;
    weir_group_open(&b->g, WEIR_TOGETHER);
    rc = weir_transport_open(&near, noted_factory, &b->n, &b->g, &b->t);
    weir_close(&near);
    return rc;
}

/* Wait until the transport is lost. */
static inline int bench_close(struct bench *b, int rc) {
    rc = weir_group_close(&b->g, rc);
    weir_close(&b->far);
    return rc;
}

#endif
