/* SPDX-License-Identifier: MIT */
/* See engine.h. A send asks for no completion when it succeeds: its bytes are never
 * overwritten, and the echo tells that it went out. So a turn handles one completion per
 * receive, and the clock is read once per turn. A send that falls short does complete, within
 * the enter that tried it; its rest is sent alone, before anything else on that connection. */
#include "engine.h"

#include "clock.h"
#include "dial.h"

#include <errno.h>
#include <limits.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    RING_ENTRIES = 8192,
    TOUCH_BATCH = 64                    /* idle mode: messages in flight */
};

#define STALL_NS INT64_C(5000000000)    /* no echo at all for so long: give up */
#define SEND_TAG (UINT64_C(1) << 32)    /* user_data: connection, and this for a send, */
#define REST_TAG (UINT64_C(2) << 32)    /* or this for the rest of one that fell short */

static struct io_uring_sqe *next_sqe(struct engine *e) {
    struct io_uring_sqe *sqe = io_uring_get_sqe(&e->ring);

    if (!sqe) {
        io_uring_submit(&e->ring);
        sqe = io_uring_get_sqe(&e->ring);
    }
    return sqe;
}

static void arm_receive(struct engine *e, unsigned i) {
    struct io_uring_sqe *sqe = next_sqe(e);

    io_uring_prep_recv_multishot(sqe, (int)i, NULL, 0, 0);
    sqe->flags |= IOSQE_FIXED_FILE | IOSQE_BUFFER_SELECT;
    sqe->buf_group = POOL_GROUP;
    io_uring_sqe_set_data64(sqe, i);
}

/* ---- sending ---- */

static void list(struct engine *e, unsigned i) {
    if (e->conns[i].listed)
        return;
    e->conns[i].listed = 1;
    e->listed[e->listed_count++] = i;
}

static unsigned in_flight(const struct connection *c) {
    return c->asked - c->echoed;
}

/* One message more, whose latency counts from start_ns. It leaves at the end of the turn. */
static void ask(struct engine *e, unsigned i, int64_t start_ns) {
    struct connection *c = &e->conns[i];
    unsigned depth = e->options->depth;

    e->starts[(size_t)i * depth + c->asked % depth] = start_ns;
    c->asked++;
    list(e, i);
}

/* The bytes of the last send that have not gone out. */
static struct io_uring_sqe *prepare_send(struct engine *e, unsigned i, int flags) {
    const struct connection *c = &e->conns[i];
    const struct message_set *m = &e->messages;
    const uint8_t *bytes = m->wire + message_variant(m, i, c->first) * m->wire_stride;
    struct io_uring_sqe *sqe = next_sqe(e);

    io_uring_prep_send(sqe, (int)i, bytes + c->gone, c->end - c->gone,
                       flags | MSG_WAITALL | MSG_NOSIGNAL);
    sqe->flags |= IOSQE_FIXED_FILE;
    return sqe;
}

/* All that was asked for on a connection, as one send. Until it has returned nothing else may be
 * sent there; it is tried in the next enter, and does not wait. */
static void send_asked(struct engine *e, unsigned i) {
    struct connection *c = &e->conns[i];
    struct io_uring_sqe *sqe;

    c->first = c->sent;
    c->gone = 0;
    c->end = (c->asked - c->sent) * (uint32_t)e->messages.wire_size;
    c->sent = c->asked;
    sqe = prepare_send(e, i, MSG_DONTWAIT);
    sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
    io_uring_sqe_set_data64(sqe, SEND_TAG | i);
    e->sends++;
}

static void send_listed(struct engine *e) {
    for (unsigned k = 0; k < e->listed_count; k++) {
        unsigned i = e->listed[k];
        struct connection *c = &e->conns[i];
        c->listed = 0;
        if (!c->sending && c->sent != c->asked)
            send_asked(e, i);
    }
    e->listed_count = 0;
}

static int complain(unsigned i, const struct connection *c, const char *what, int rc) {
    fprintf(stderr, "bench-load: connection %u, message %u, byte %u: %s%s%s\n", i, c->echoed + 1,
            c->got, what, rc < 0 ? ": " : "", rc < 0 ? strerror(-rc) : "");
    return rc < 0 ? rc : -EBADMSG;
}

/* A send that fell short, or the rest of one that has gone out. */
static int handle_send(struct engine *e, unsigned i, const struct io_uring_cqe *cqe) {
    struct connection *c = &e->conns[i];
    int first_try = !c->sending;

    if (cqe->res < 0 && !(first_try && cqe->res == -EAGAIN))
        return complain(i, c, "send", cqe->res);
    c->gone += cqe->res > 0 ? (uint32_t)cqe->res : 0;
    c->sending = c->gone < c->end;
    if (c->sending)
        io_uring_sqe_set_data64(prepare_send(e, i, 0), REST_TAG | i);
    else if (c->sent != c->asked)
        list(e, i);
    return 0;
}

/* ---- receiving ---- */

/* The number of a message, over all connections, is also its place in the row of times. */
static int64_t time_of(const struct engine *e, uint64_t number) {
    return e->origin_ns + (int64_t)((double)number * e->step_ns);
}

static void finish_message(struct engine *e, unsigned i, int64_t now_ns) {
    struct connection *c = &e->conns[i];
    unsigned depth = e->options->depth;
    int64_t start_ns = e->starts[(size_t)i * depth + c->echoed % depth];

    c->echoed++;
    c->got = 0;
    e->all_messages++;
    if (e->measuring) {
        e->result->messages++;
        histogram_add(&e->result->latency, now_ns - start_ns);
    }
    if (e->options->idle)
        return;
    if (e->step_ns == 0) {
        ask(e, i, now_ns);
    } else if (c->owed > 0) {
        c->owed--;
        ask(e, i, time_of(e, (uint64_t)c->asked * e->count + i));
    }
}

/* Compare what came with what must come, message by message. */
static int take_bytes(struct engine *e, unsigned i, const uint8_t *bytes, size_t len,
                      int64_t now_ns) {
    struct connection *c = &e->conns[i];
    const struct message_set *m = &e->messages;
    uint32_t sent = c->sent;            /* what is asked for now has not been sent yet */

    while (len > 0) {
        const uint8_t *want = m->echo + message_variant(m, i, c->echoed) * m->echo_stride + c->got;
        size_t n = m->echo_size - c->got < len ? m->echo_size - c->got : len;

        if (c->echoed == sent)
            return complain(i, c, "more came back than was sent", 0);
        if (memcmp(bytes, want, n) != 0) {
            while (*bytes++ == *want++)
                c->got++;
            return complain(i, c, "the echo differs", 0);
        }
        bytes += n;
        len -= n;
        c->got += (uint32_t)n;
        if (c->got == m->echo_size)
            finish_message(e, i, now_ns);
    }
    return 0;
}

static int handle_receive(struct engine *e, unsigned i, const struct io_uring_cqe *cqe,
                          int64_t now_ns) {
    struct connection *c = &e->conns[i];
    unsigned id = cqe->flags >> IORING_CQE_BUFFER_SHIFT;
    int rc;

    if (cqe->res == 0)
        return complain(i, c, "the server closed", 0);
    if (cqe->res < 0 && cqe->res != -ENOBUFS)
        return complain(i, c, "receive", cqe->res);
    if (cqe->res > 0) {
        rc = take_bytes(e, i, pool_buffer(&e->pool, id), (size_t)cqe->res, now_ns);
        if (rc < 0)
            return rc;
        pool_give(&e->pool, id);
    }
    if (!(cqe->flags & IORING_CQE_F_MORE))
        arm_receive(e, i);
    return 0;
}

/* One turn: send what was asked for, wait for something until until_ns, handle all of it.
 * Returns the time of the turn or a negative errno. */
static int64_t turn(struct engine *e, int64_t until_ns) {
    int64_t now_ns = clock_now_ns(), wait_ns = until_ns > now_ns ? until_ns - now_ns : 0;
    struct __kernel_timespec t = {.tv_sec = wait_ns / 1000000000, .tv_nsec = wait_ns % 1000000000};
    struct io_uring_cqe *cqe;
    unsigned head, seen = 0;
    int rc;

    send_listed(e);
    rc = io_uring_submit_and_wait_timeout(&e->ring, &cqe, 1, &t, NULL);
    if (rc < 0 && rc != -ETIME && rc != -EINTR) {
        fprintf(stderr, "bench-load: io_uring_enter: %s\n", strerror(-rc));
        return rc;
    }
    rc = 0;
    now_ns = clock_now_ns();
    io_uring_for_each_cqe(&e->ring, head, cqe) {
        unsigned i = (unsigned)(cqe->user_data & UINT_MAX);
        seen++;
        if (cqe->user_data & (SEND_TAG | REST_TAG))
            rc = handle_send(e, i, cqe);
        else
            rc = handle_receive(e, i, cqe, now_ns);
        if (rc < 0)
            return rc;
    }
    pool_publish(&e->pool);
    io_uring_cq_advance(&e->ring, seen);
    if (seen == 0 && wait_ns == 0)
        sched_yield();                  /* a server on the same core could not answer otherwise */
    return now_ns;
}

/* ---- the run ---- */

/* Rate mode: ask for, or note as owed, everything whose time has come. */
static void ask_due(struct engine *e, int64_t now_ns) {
    int64_t time_ns;

    while ((time_ns = time_of(e, e->due)) <= now_ns) {
        unsigned i = (unsigned)(e->due++ % e->count);
        struct connection *c = &e->conns[i];
        if (in_flight(c) == e->options->depth) {
            c->owed++;
            continue;
        }
        ask(e, i, time_ns);
        if (e->measuring)
            histogram_add(&e->result->late, now_ns - time_ns);
    }
}

/* Turn until end_ns; also give up if nothing at all comes back. */
static int64_t run_until(struct engine *e, int64_t end_ns) {
    int64_t now_ns = clock_now_ns(), moved_ns = now_ns;
    uint64_t seen = e->all_messages;

    while (now_ns < end_ns) {
        int64_t until_ns = end_ns;
        if (e->step_ns > 0) {
            ask_due(e, now_ns);
            until_ns = time_of(e, e->due) < end_ns ? time_of(e, e->due) : end_ns;
        }
        now_ns = turn(e, until_ns);
        if (now_ns < 0)
            return now_ns;
        if (e->all_messages != seen) {
            seen = e->all_messages;
            moved_ns = now_ns;
        }
        if (now_ns - moved_ns > STALL_NS) {
            fputs("bench-load: no echo for 5 s\n", stderr);
            return -ETIMEDOUT;
        }
    }
    return now_ns;
}

/* A send of the server's that fits into a segment is a segment of its own, for each is sent as soon
 * as it is queued: so this counts the server's sends of small messages from outside. */
static uint64_t count_segments(const struct engine *e) {
    uint64_t sum = 0;

    for (unsigned i = 0; i < e->count; i++) {
        struct tcp_info info = {0};
        socklen_t len = sizeof info;
        if (getsockopt(e->conns[i].fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0)
            sum += info.tcpi_data_segs_in;
    }
    return sum;
}

static void read_clocks(const struct engine *e, struct result *r) {
    r->wall_ns = clock_now_ns();
    r->own_cpu_ns = clock_own_cpu_ns();
    r->server_cpu_ns = e->options->pid ? clock_cpu_of_ns(e->options->pid) : -1;
}

/* Everything was zero, or is counted since before. */
static void subtract(struct result *r, const struct result *before) {
    r->wall_ns -= before->wall_ns;
    r->own_cpu_ns -= before->own_cpu_ns;
    if (r->server_cpu_ns >= 0)
        r->server_cpu_ns -= before->server_cpu_ns;
    r->segments -= before->segments;
    r->sends -= before->sends;
}

static void start(struct engine *e, int64_t now_ns) {
    if (e->options->rate > 0) {
        e->step_ns = 1e9 / e->options->rate;
        e->origin_ns = now_ns;
        return;
    }
    for (unsigned i = 0; i < e->count; i++)
        while (in_flight(&e->conns[i]) < e->options->depth)
            ask(e, i, now_ns);
}

int engine_run(struct engine *e, struct result *ret) {
    static struct result before;
    int64_t now_ns = clock_now_ns();

    memset(ret, 0, sizeof *ret);
    e->result = ret;
    start(e, now_ns);
    now_ns = run_until(e, now_ns + e->options->warmup_ns);
    if (now_ns < 0)
        return (int)now_ns;
    before.segments = count_segments(e);
    before.sends = e->sends;
    read_clocks(e, &before);
    e->measuring = 1;
    now_ns = run_until(e, before.wall_ns + e->options->measure_ns);
    if (now_ns < 0)
        return (int)now_ns;
    read_clocks(e, ret);
    ret->sends = e->sends;
    ret->segments = count_segments(e);
    subtract(ret, &before);
    for (unsigned i = 0; i < e->count; i++)
        ret->owed += e->conns[i].owed;
    return 0;
}

int engine_touch(struct engine *e) {
    for (unsigned i = 0; i < e->count; i++) {
        ask(e, i, 0);
        if (i % TOUCH_BATCH != TOUCH_BATCH - 1 && i != e->count - 1)
            continue;
        while (e->all_messages <= i) {
            uint64_t seen = e->all_messages;
            int64_t now_ns = turn(e, clock_now_ns() + STALL_NS);
            if (now_ns < 0)
                return (int)now_ns;
            if (e->all_messages == seen && e->conns[i].got == 0)
                return complain(i, &e->conns[i], "no echo", -ETIMEDOUT);
        }
    }
    return 0;
}

static int open_connections(struct engine *e) {
    unsigned count = e->options->connections;
    int *fds = calloc(count, sizeof *fds), rc = 0;

    e->conns = calloc(count, sizeof *e->conns);
    e->listed = calloc(count, sizeof *e->listed);
    e->starts = calloc((size_t)count * e->options->depth, sizeof *e->starts);
    if (!fds || !e->conns || !e->listed || !e->starts) {
        free(fds);
        return -ENOMEM;
    }
    while (e->count < count) {
        rc = dial(e->options->port, e->options->websocket);
        if (rc < 0)
            break;
        fds[e->count] = e->conns[e->count].fd = rc;
        e->count++;
    }
    if (rc >= 0)
        rc = io_uring_register_files(&e->ring, fds, e->count);
    free(fds);
    return rc < 0 ? rc : 0;
}

int engine_init(struct engine *e, const struct options *o) {
    struct io_uring_params params = {
        .flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SUBMIT_ALL
                 | IORING_SETUP_CQSIZE,
        .cq_entries = 4 * RING_ENTRIES,
    };
    int rc;

    memset(e, 0, sizeof *e);
    e->options = o;
    e->ring.ring_fd = -1;
    rc = message_set_init(&e->messages, o->size, o->websocket, o->depth);
    if (rc == 0)
        rc = dial_raise_limit(o->connections);
    if (rc == 0)
        rc = io_uring_queue_init_params(RING_ENTRIES, &e->ring, &params);
    if (rc == 0)
        rc = io_uring_register_ring_fd(&e->ring) == 1 ? 0 : -EINVAL;
    if (rc == 0)
        rc = pool_init(&e->pool, &e->ring, e->messages.echo_size * o->depth);
    if (rc == 0)
        rc = open_connections(e);
    for (unsigned i = 0; i < e->count && rc == 0; i++)
        arm_receive(e, i);
    return rc;
}

void engine_fini(struct engine *e) {
    if (e->ring.ring_fd >= 0)
        io_uring_queue_exit(&e->ring);
    for (unsigned i = 0; i < e->count; i++)
        close(e->conns[i].fd);
    free(e->conns);
    free(e->listed);
    free(e->starts);
    pool_fini(&e->pool);
    message_set_fini(&e->messages);
}
