/* SPDX-License-Identifier: MIT */
/* cancel_test.c - random cancels of sends and of receives into the caller's memory: whatever a
 * cancel answers, when the caller has the op again the backend neither writes nor reads the buffer
 * any more, and no byte is lost, doubled or out of order.
 *
 * A buffer that is not in use is full of poison, which the bytes of the streams never contain.
 * WEIR_CANCELS sets how many cancels, here and in pressure_test.c; the campaign is
 * `make check-cancels`. */
#include <stdlib.h>

#include "sim/world_rig.h"

enum { LANES = 8, AGES = 4, SIZE = 128 << 10, CANCELS = 20000, POISON = 0xee };

struct side { /* one op at a time, over AGES buffers in turn: a late write finds an old one */
    struct rig_op op;
    uint8_t *buf[AGES];
    unsigned age;
    size_t len;
    uint64_t offset; /* in the stream, of the next byte */
    bool on, cancelled;
};

struct lane {
    struct rig_pair pair;
    struct side in, out;
};

struct storm {
    struct weir__random random;
    struct lane lane[LANES];
    uint64_t cancels, won, lost; /* won: the result was there first */
};

static uint8_t byte_at(uint64_t offset) {
    return (uint8_t)((offset * 31 + offset / 127) & 0x7f);
}

static bool all_poison(const uint8_t *buf) {
    return buf[0] == POISON && memcmp(buf, buf + 1, SIZE - 1) == 0;
}

static uint8_t *take_buffer(struct side *s) {
    uint8_t *buf = s->buf[++s->age % AGES];
    assert_true(all_poison(buf));
    return buf;
}

/* Mostly small, sometimes more than the kernel takes at once. */
static size_t random_size(struct storm *st) {
    uint64_t bound = weir__random_below(&st->random, 4) == 0 ? SIZE : 2048;
    return 1 + (size_t)weir__random_below(&st->random, bound);
}

static void begin_in(struct storm *st, struct lane *l) {
    struct side *s = &l->in;
    s->len = random_size(st);
    s->op = rig_op(WEIR__RECV_INTO, &l->pair.there);
    s->op.op.u.bytes.base = take_buffer(s);
    s->op.op.u.bytes.len = s->len;
    s->on = true;
    rig_submit(&s->op);
}

static void begin_out(struct storm *st, struct lane *l) {
    struct side *s = &l->out;
    s->len = random_size(st);
    uint8_t *buf = take_buffer(s);
    for (size_t i = 0; i < s->len; i++)
        buf[i] = byte_at(s->offset + i);
    s->on = true;
    rig_send_begin(&s->op, &l->pair.here, buf, s->len);
}

/* An op that is done: count, check, poison. */
static void finish(struct storm *st, struct side *s, bool receives) {
    if (!s->on || s->op.done == 0)
        return;
    int64_t result = s->op.op.result;
    uint8_t *buf = s->buf[s->age % AGES];
    size_t n = receives ? (size_t)(result > 0 ? result : 0) : s->op.op.u.bytes.done;
    assert_true(result > 0 || result == -ECANCELED);
    assert_true(n <= s->len);
    for (size_t i = 0; receives && i < n; i++)
        assert_int_equal(buf[i], byte_at(s->offset + i));
    s->offset += n;
    memset(buf, POISON, s->len);
    st->won += s->cancelled && result > 0;
    st->lost += s->cancelled && result < 0;
    s->on = s->cancelled = false;
}

static void cancel(struct storm *st, struct side *s) {
    if (!s->on || s->op.done != 0 || s->cancelled)
        return;
    s->cancelled = true;
    st->cancels++;
    rig_cancel(&s->op);
}

static void step(struct storm *st) {
    struct lane *l = &st->lane[weir__random_below(&st->random, LANES)];
    switch (weir__random_below(&st->random, 6)) {
    case 0:
    case 1:
        if (!l->in.on)
            begin_in(st, l);
        break;
    case 2:
        if (!l->out.on)
            begin_out(st, l);
        break;
    case 3:
        cancel(st, &l->in);
        break;
    case 4:
        cancel(st, &l->out);
        break;
    default:
        rig_turn(weir__random_below(&st->random, 3) ? 0 : rig_now() + 50000);
        break;
    }
    finish(st, &l->in, true);
    finish(st, &l->out, false);
}

static void open_lanes(struct storm *st) {
    for (int i = 0; i < LANES; i++) {
        struct lane *l = &st->lane[i];
        rig_pair_open(&l->pair);
        rig_option(&l->pair.here, WEIR__SNDBUF, 8192);
        rig_option(&l->pair.there, WEIR__RCVBUF, 8192);
        for (int age = 0; age < AGES; age++) {
            l->in.buf[age] = malloc(SIZE);
            l->out.buf[age] = malloc(SIZE);
            memset(l->in.buf[age], POISON, SIZE);
            memset(l->out.buf[age], POISON, SIZE);
        }
    }
}

/* Let what is pending come to its end, then read what is still on its way. */
static void close_lane(struct storm *st, struct lane *l) {
    cancel(st, &l->in);
    cancel(st, &l->out);
    if (l->in.on)
        rig_wait(&l->in.op);
    if (l->out.on)
        rig_wait(&l->out.op);
    finish(st, &l->in, true);
    finish(st, &l->out, false);
    while (l->in.offset < l->out.offset) {
        begin_in(st, l);
        assert_true(rig_wait(&l->in.op) > 0);
        finish(st, &l->in, true);
    }
    for (int age = 0; age < AGES; age++) {
        assert_true(all_poison(l->in.buf[age]) && all_poison(l->out.buf[age]));
        free(l->in.buf[age]);
        free(l->out.buf[age]);
    }
    rig_pair_close(&l->pair);
}

WEIR_TEST_BACKENDS(cancelled_ops_leave_their_buffers_alone) {
    static struct storm st;
    const char *asked = getenv("WEIR_CANCELS"), *seed = getenv("WEIR_SEED");
    uint64_t count = asked ? strtoull(asked, NULL, 10) : CANCELS, bytes = 0;
    st.random.state = seed ? strtoull(seed, NULL, 10) : 1;
    world_open(NULL);
    open_lanes(&st);
    while (st.cancels < count)
        step(&st);
    for (int i = 0; i < LANES; i++) {
        close_lane(&st, &st.lane[i]);
        bytes += st.lane[i].in.offset;
    }
    world_close();
    print_message("%llu cancels, %llu came too late, %llu bytes\n", (unsigned long long)st.cancels,
                  (unsigned long long)st.won, (unsigned long long)bytes);
}
