/* SPDX-License-Identifier: MIT */
/* See engine.h. A send asks for no completion when it succeeds: its bytes are never
 * overwritten, and the echo tells that it went out. So a turn handles one completion per
 * message, and the clock is read once per turn. */
#include "engine.h"

#include "clock.h"
#include "dial.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    RING_ENTRIES = 8192,
    TOUCH_BATCH = 64                    /* idle mode: messages in flight */
};

#define STALL_NS INT64_C(5000000000)    /* no echo at all for so long: give up */
#define SEND_TAG (UINT64_C(1) << 32)    /* user_data: connection, and this for a send */

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

static void send_next(struct engine *e, unsigned i, int64_t start_ns) {
    struct connection *c = &e->conns[i];
    struct message_set *m = &e->messages;
    struct io_uring_sqe *sqe = next_sqe(e);

    c->seq++;
    c->got = 0;
    c->busy = 1;
    c->start_ns = start_ns;
    io_uring_prep_send(sqe, (int)i, m->wire + message_variant(m, i, c->seq) * m->wire_stride,
                       m->wire_size, MSG_WAITALL | MSG_NOSIGNAL);
    sqe->flags |= IOSQE_FIXED_FILE | IOSQE_CQE_SKIP_SUCCESS;
    io_uring_sqe_set_data64(sqe, SEND_TAG | i);
}

static int complain(unsigned i, const struct connection *c, const char *what, int rc) {
    fprintf(stderr, "bench-load: connection %u, message %u, byte %u: %s%s%s\n", i, c->seq, c->got,
            what, rc < 0 ? ": " : "", rc < 0 ? strerror(-rc) : "");
    return rc < 0 ? rc : -EBADMSG;
}

static int check_bytes(struct engine *e, unsigned i, const uint8_t *bytes, size_t len) {
    struct connection *c = &e->conns[i];
    const struct message_set *m = &e->messages;
    const uint8_t *want = m->echo + message_variant(m, i, c->seq) * m->echo_stride + c->got;

    if (!c->busy || len > m->echo_size - c->got)
        return complain(i, c, "more came back than was sent", 0);
    if (memcmp(bytes, want, len) != 0) {
        while (*bytes == *want) {
            bytes++;
            want++;
            c->got++;
        }
        return complain(i, c, "the echo differs", 0);
    }
    c->got += (uint32_t)len;
    return 0;
}

static void finish_message(struct engine *e, unsigned i, int64_t now_ns) {
    struct connection *c = &e->conns[i];
    int64_t period_ns = e->step_ns * (int64_t)e->count;

    c->busy = 0;
    e->all_messages++;
    if (e->measuring) {
        e->result->messages++;
        histogram_add(&e->result->latency, now_ns - c->start_ns);
    }
    if (e->options->idle)
        return;
    if (e->step_ns == 0) {
        send_next(e, i, now_ns);
    } else if (c->owed > 0) {
        c->owed--;
        send_next(e, i, c->start_ns + period_ns);
    }
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
        rc = check_bytes(e, i, pool_buffer(&e->pool, id), (size_t)cqe->res);
        if (rc < 0)
            return rc;
        pool_give(&e->pool, id);
        if (c->got == e->messages.echo_size)
            finish_message(e, i, now_ns);
    }
    if (!(cqe->flags & IORING_CQE_F_MORE))
        arm_receive(e, i);
    return 0;
}

/* One turn: submit what is queued, wait for something until until_ns, handle all of it.
 * Returns the time of the turn or a negative errno. */
static int64_t turn(struct engine *e, int64_t until_ns) {
    int64_t now_ns = clock_now_ns(), wait_ns = until_ns > now_ns ? until_ns - now_ns : 0;
    struct __kernel_timespec t = {.tv_sec = wait_ns / 1000000000, .tv_nsec = wait_ns % 1000000000};
    struct io_uring_cqe *cqe;
    unsigned head, seen = 0;
    int rc;

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
        if (cqe->user_data & SEND_TAG)
            rc = complain(i, &e->conns[i], "send", cqe->res < 0 ? cqe->res : -EIO);
        else
            rc = handle_receive(e, i, cqe, now_ns);
        if (rc < 0)
            return rc;
    }
    pool_publish(&e->pool);
    io_uring_cq_advance(&e->ring, seen);
    return now_ns;
}

/* Rate mode: send, or note as owed, everything whose time has come. */
static void send_due(struct engine *e, int64_t now_ns) {
    while (e->next_ns <= now_ns) {
        struct connection *c = &e->conns[e->cursor];
        if (c->busy)
            c->owed++;
        else
            send_next(e, e->cursor, e->next_ns);
        e->cursor = (e->cursor + 1) % e->count;
        e->next_ns += e->step_ns;
    }
}

/* Turn until end_ns; also give up if nothing at all comes back. */
static int64_t run_until(struct engine *e, int64_t end_ns) {
    int64_t now_ns = clock_now_ns(), moved_ns = now_ns;
    uint64_t seen = e->all_messages;

    while (now_ns < end_ns) {
        int64_t until_ns = end_ns;
        if (e->step_ns > 0) {
            send_due(e, now_ns);
            until_ns = e->next_ns < end_ns ? e->next_ns : end_ns;
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

static void read_clocks(const struct engine *e, struct result *r) {
    r->wall_ns = clock_now_ns();
    r->own_cpu_ns = clock_own_cpu_ns();
    r->server_cpu_ns = e->options->pid ? clock_cpu_of_ns(e->options->pid) : -1;
}

int engine_run(struct engine *e, struct result *ret) {
    struct result before;
    int64_t now_ns = clock_now_ns();

    memset(ret, 0, sizeof *ret);
    e->result = ret;
    if (e->options->rate > 0) {
        e->step_ns = (int64_t)(1e9 / e->options->rate);
        e->step_ns += e->step_ns == 0;
        e->next_ns = now_ns;
    }
    for (unsigned i = 0; i < e->count && e->step_ns == 0; i++)
        send_next(e, i, now_ns);
    now_ns = run_until(e, now_ns + e->options->warmup_ns);
    if (now_ns < 0)
        return (int)now_ns;
    read_clocks(e, &before);
    e->measuring = 1;
    now_ns = run_until(e, before.wall_ns + e->options->measure_ns);
    if (now_ns < 0)
        return (int)now_ns;
    read_clocks(e, ret);
    ret->wall_ns -= before.wall_ns;
    ret->own_cpu_ns -= before.own_cpu_ns;
    if (ret->server_cpu_ns >= 0)
        ret->server_cpu_ns -= before.server_cpu_ns;
    return 0;
}

int engine_touch(struct engine *e) {
    for (unsigned i = 0; i < e->count; i++) {
        send_next(e, i, 0);
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
    int *fds = calloc(e->options->connections, sizeof *fds), rc = 0;

    e->conns = calloc(e->options->connections, sizeof *e->conns);
    if (!fds || !e->conns) {
        free(fds);
        return -ENOMEM;
    }
    while (e->count < e->options->connections) {
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
    rc = message_set_init(&e->messages, o->size, o->websocket);
    if (rc == 0)
        rc = dial_raise_limit(o->connections);
    if (rc == 0)
        rc = io_uring_queue_init_params(RING_ENTRIES, &e->ring, &params);
    if (rc == 0)
        rc = io_uring_register_ring_fd(&e->ring) == 1 ? 0 : -EINVAL;
    if (rc == 0)
        rc = pool_init(&e->pool, &e->ring, e->messages.echo_size);
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
    pool_fini(&e->pool);
    message_set_fini(&e->messages);
}
