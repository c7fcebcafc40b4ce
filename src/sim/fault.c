/* SPDX-License-Identifier: MIT */
/* fault.c - the decorator. An op that a fault strikes has a note; the others pass through. What a
 * note says decides what happens when the op would come back:
 *
 *   effect  submitted below?   comes back
 *   ERROR   no                 at once, with the error
 *   SHORT   receive: as a RECV_INTO of one byte into a piece of ours; send, file: with half its
 *           bytes
 *   LATE    yes                late_ns after it came back from below
 *   NEVER   no                 when it is cancelled or its file is closed */
#include "sim/fault.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/list.h"
#include "base/time.h"
#include "sys/verb.h"

/* Our own pieces have tokens that no backend gives out. */
enum { PIECES = 64 };
static const uint32_t token_first = 0xffffff00u;

struct note {
    struct weir__list link;
    struct weir__op *op;
    enum fault_effect effect;
    uint8_t kind;     /* SHORT: what op->kind was */
    size_t len;       /* SHORT: what its length was */
    bool below;       /* the inner backend holds it */
    weir_ns due_ns;   /* LATE and back: when to hand it out */
    unsigned piece;
};

struct fault {
    struct weir__backend base;
    struct weir__backend *inner;
    struct weir__backend_ops ops;
    struct weir__list notes;
    struct weir__op *ready, **ready_end; /* to be returned before what the inner turn returns */
    uint8_t pieces[PIECES];
    uint64_t lent; /* bits */
};

static _Thread_local struct fault_plan plan;
static _Thread_local bool armed;
static _Thread_local uint64_t seen, struck;

void weir__fault_arm(const struct fault_plan *p) {
    armed = p != NULL;
    plan = p != NULL ? *p : (struct fault_plan){0};
    seen = struck = 0;
}

uint64_t weir__fault_seen(void) {
    return seen;
}

uint64_t weir__fault_struck(void) {
    return struck;
}

static struct fault *fault_of(struct weir__backend *b) {
    return WEIR_CONTAINER(b, struct fault, base);
}

/* ---- notes ----------------------------------------------------------------------------------- */

static struct note *note_add(struct fault *f, struct weir__op *op) {
    struct note *n = calloc(1, sizeof *n); /* not counted: the library did not ask for it */
    WEIR_CHECK(n != NULL);
    *n = (struct note){.op = op, .effect = plan.effect, .kind = op->kind};
    weir__list_add_tail(&f->notes, &n->link);
    return n;
}

static void note_drop(struct note *n) {
    weir__list_remove(&n->link);
    free(n);
}

static struct note *note_of(const struct fault *f, const struct weir__op *op) {
    for (struct weir__list *i = f->notes.next; i != &f->notes; i = i->next)
        if (WEIR_CONTAINER(i, struct note, link)->op == op)
            return WEIR_CONTAINER(i, struct note, link);
    return NULL;
}

static void make_ready(struct fault *f, struct weir__op *op) {
    op->next = NULL;
    *f->ready_end = op;
    f->ready_end = &op->next;
}

static bool is_ready(const struct fault *f, const struct weir__op *op) {
    for (const struct weir__op *at = f->ready; at != NULL; at = at->next)
        if (at == op)
            return true;
    return false;
}

/* ---- striking -------------------------------------------------------------------------------- */

static bool strikes(const struct weir__op *op) {
    if (!armed || (plan.kinds >> op->kind & 1) == 0)
        return false;
    bool closes = op->kind == WEIR__CLOSE
                  || (op->kind == WEIR__FILE_OP && op->u.call->verb == WEIR__CLOSE_FD);
    bool at_once = op->kind == WEIR__FILE_OP && op->u.call->never_waits;
    if (closes && (plan.effect != FAULT_LATE || at_once))
        return false;
    seen++;
    bool now = plan.nth != 0 && (plan.every ? seen % plan.nth == 0 : seen == plan.nth);
    struck += now;
    return now;
}

static void count_nothing_sent(struct weir__op *op) {
    if (op->kind == WEIR__SEND)
        op->u.bytes.done = 0;
    else if (op->kind == WEIR__SENDV)
        op->u.vector.done = 0;
    else if (op->kind == WEIR__RECV)
        op->u.lent = (struct weir__lent){0};
}

static int fail_now(struct weir__op *op) {
    count_nothing_sent(op);
    op->result = plan.error;
    return WEIR__DONE;
}

/* Give a shortened op its own shape again, with the result that the caller sees. */
static void lengthen(struct fault *f, struct note *n) {
    struct weir__op *op = n->op;
    op->kind = n->kind;
    if (n->kind == WEIR__SEND) {
        op->u.bytes.len = n->len;
        if (op->result >= 0)
            op->result = plan.error != 0 ? plan.error : -ECONNRESET;
    } else if (n->kind == WEIR__RECV) {
        op->u.lent = (struct weir__lent){0};
        if (op->result > 0)
            op->u.lent = (struct weir__lent){&f->pieces[n->piece], 1, token_first + n->piece};
        else
            f->lent &= ~((uint64_t)1 << n->piece);
    } else if (n->kind == WEIR__FILE_OP) {
        op->u.call->len = n->len;
    } else {
        op->u.bytes.len = n->len;
    }
}

static int submit_short(struct fault *f, struct weir__op *op) {
    size_t len = op->kind == WEIR__RECV ? 0 : op->u.bytes.len;
    bool is_send = op->kind == WEIR__SEND || op->kind == WEIR__SEND_SOON;
    if (op->kind == WEIR__SENDV || (is_send && len < 2))
        return fail_now(op);
    if (op->kind == WEIR__RECV_INTO ? len == 0 : f->lent == UINT64_MAX)
        return weir__submit(f->inner, op);
    struct note *n = note_add(f, op);
    n->len = len;
    n->below = true;
    if (is_send) {
        op->u.bytes.len = len / 2;
    } else if (op->kind == WEIR__RECV_INTO) {
        op->u.bytes.len = 1;
    } else {
        n->piece = (unsigned)__builtin_ctzll(~f->lent);
        op->kind = WEIR__RECV_INTO;
        op->u.bytes.base = &f->pieces[n->piece];
        op->u.bytes.len = 1;
        f->lent |= (uint64_t)1 << n->piece;
    }
    if (weir__submit(f->inner, op) == WEIR__PENDING)
        return WEIR__PENDING;
    lengthen(f, n);
    note_drop(n);
    return WEIR__DONE;
}

static int submit_short_call(struct fault *f, struct weir__op *op) {
    struct weir__call *c = op->u.call;
    if (c->verb != WEIR__READ_AT && c->verb != WEIR__WRITE_AT && c->verb != WEIR__COPY)
        return fail_now(op);
    struct note *n = note_add(f, op);
    n->len = c->len;
    n->below = true;
    c->len -= c->len / 2;
    if (weir__submit(f->inner, op) == WEIR__PENDING)
        return WEIR__PENDING;
    lengthen(f, n);
    note_drop(n);
    return WEIR__DONE;
}

static int submit_late(struct fault *f, struct weir__op *op) {
    struct note *n = note_add(f, op);
    if (weir__submit(f->inner, op) == WEIR__PENDING)
        n->below = true;
    else
        n->due_ns = weir__deadline(f->inner->ops->now(f->inner), plan.late_ns);
    return WEIR__PENDING;
}

static int submit_close(struct fault *f, struct weir__op *op);

static int submit_late_close(struct fault *f, struct weir__op *op) {
    struct note *n = note_add(f, op);
    if (submit_close(f, op) == WEIR__DONE)
        n->due_ns = weir__deadline(f->inner->ops->now(f->inner), plan.late_ns);
    else if (is_ready(f, op))
        note_drop(n);
    else
        n->below = true;
    return WEIR__PENDING;
}

static bool sends_or_receives(const struct weir__op *op) {
    return op->kind == WEIR__SEND || op->kind == WEIR__SENDV || op->kind == WEIR__SEND_SOON ||
           op->kind == WEIR__RECV || op->kind == WEIR__RECV_INTO;
}

/* Kinds up to TRY_RECVMSG are always done at once: they cannot be late. */
static int strike(struct fault *f, struct weir__op *op) {
    bool may_wait = op->kind > WEIR__TRY_RECVMSG;
    if (plan.effect == FAULT_SHORT && sends_or_receives(op))
        return submit_short(f, op);
    if (plan.effect == FAULT_SHORT && op->kind == WEIR__FILE_OP)
        return submit_short_call(f, op);
    if (plan.effect == FAULT_LATE && may_wait)
        return op->kind == WEIR__CLOSE ? submit_late_close(f, op) : submit_late(f, op);
    if (plan.effect == FAULT_NEVER && may_wait) {
        count_nothing_sent(op);
        note_add(f, op);
        return WEIR__PENDING;
    }
    return plan.effect == FAULT_LATE ? weir__submit(f->inner, op) : fail_now(op);
}

/* ---- the contract ---------------------------------------------------------------------------- */

/* The ops of the file that we hold complete first, then its close. */
static int submit_close(struct fault *f, struct weir__op *op) {
    for (struct weir__list *i = f->notes.next, *next; i != &f->notes; i = next) {
        struct note *n = WEIR_CONTAINER(i, struct note, link);
        next = i->next;
        if (n->op->file != op->file || n->below || n->op == op)
            continue;
        if (n->effect == FAULT_NEVER)
            n->op->result = -ECANCELED;
        make_ready(f, n->op);
        note_drop(n);
    }
    bool held = f->ready != NULL;
    for (struct weir__list *i = f->notes.next; i != &f->notes; i = i->next) {
        struct note *n = WEIR_CONTAINER(i, struct note, link);
        if (n->op->file == op->file && n->effect == FAULT_LATE && n->op != op)
            n->effect = FAULT_ERROR; /* below: comes back with the inner close, not later */
    }
    int state = weir__submit(f->inner, op);
    if (state == WEIR__DONE && held) {
        make_ready(f, op);
        return WEIR__PENDING;
    }
    return state;
}

static int submit(struct weir__backend *b, struct weir__op *op) {
    struct fault *f = fault_of(b);
    bool struck_now = strikes(op);
    if (op->kind == WEIR__CLOSE && !struck_now)
        return submit_close(f, op);
    return struck_now ? strike(f, op) : weir__submit(f->inner, op);
}

static int cancel(struct weir__backend *b, struct weir__op *op) {
    struct fault *f = fault_of(b);
    struct note *n = note_of(f, op);
    if (n == NULL)
        return is_ready(f, op) ? WEIR__PENDING : weir__cancel(f->inner, op);
    if (n->effect == FAULT_NEVER) {
        op->result = -ECANCELED;
        note_drop(n);
        return WEIR__DONE;
    }
    if (!n->below) /* its result is on its way */
        return WEIR__PENDING;
    if (weir__cancel(f->inner, op) == WEIR__PENDING)
        return WEIR__PENDING;
    if (n->effect == FAULT_SHORT)
        lengthen(f, n);
    note_drop(n);
    return WEIR__DONE;
}

/* An op came back from below. */
static void came_back(struct fault *f, struct weir__op *op) {
    struct note *n = note_of(f, op);
    if (n != NULL && n->effect == FAULT_LATE) {
        n->below = false;
        n->due_ns = weir__deadline(f->inner->ops->now(f->inner), plan.late_ns);
        return;
    }
    if (n != NULL && n->effect == FAULT_SHORT)
        lengthen(f, n);
    if (n != NULL)
        note_drop(n);
    make_ready(f, op);
}

/* Complete the ops that are due. Returns when the next one will be. */
static weir_ns hand_out(struct fault *f) {
    weir_ns next_ns = WEIR_NEVER, now_ns = f->inner->ops->now(f->inner);
    for (struct weir__list *i = f->notes.next, *next; i != &f->notes; i = next) {
        struct note *n = WEIR_CONTAINER(i, struct note, link);
        next = i->next;
        if (n->effect != FAULT_LATE || n->below)
            continue;
        if (n->due_ns > now_ns) {
            next_ns = n->due_ns < next_ns ? n->due_ns : next_ns;
            continue;
        }
        make_ready(f, n->op);
        note_drop(n);
    }
    return next_ns;
}

static struct weir__op *turn(struct weir__backend *b, weir_ns until_ns) {
    struct fault *f = fault_of(b);
    weir_ns next_ns = hand_out(f);
    if (f->ready != NULL)
        until_ns = 0;
    struct weir__op *op = f->inner->ops->turn(f->inner, next_ns < until_ns ? next_ns : until_ns);
    for (struct weir__op *next; op != NULL; op = next) {
        next = op->next;
        came_back(f, op);
    }
    hand_out(f);
    f->base.quiet = f->inner->quiet && f->ready == NULL;
    op = f->ready;
    f->ready = NULL;
    f->ready_end = &f->ready;
    return op;
}

static void release(struct weir__backend *b, struct weir__lent *lent) {
    struct fault *f = fault_of(b);
    if (lent->token < token_first) {
        f->inner->ops->release(f->inner, lent);
        return;
    }
    f->lent &= ~((uint64_t)1 << (lent->token - token_first));
    lent->token = 0;
}

static void wake(struct weir__backend *b) {
    fault_of(b)->inner->ops->wake(fault_of(b)->inner);
}

static weir_ns now(struct weir__backend *b) {
    return fault_of(b)->inner->ops->now(fault_of(b)->inner);
}

static void random_bytes(struct weir__backend *b, void *buf, size_t len) {
    fault_of(b)->inner->ops->random(fault_of(b)->inner, buf, len);
}

static const char *explain(struct weir__backend *b) {
    return fault_of(b)->inner->ops->explain(fault_of(b)->inner);
}

static int descriptor(struct weir__backend *b) {
    return fault_of(b)->inner->ops->descriptor(fault_of(b)->inner);
}

/* Nothing but time ends a delay: no wait while there is one. */
static bool arm(struct weir__backend *b) {
    struct fault *f = fault_of(b);
    return hand_out(f) == WEIR_NEVER && f->ready == NULL && f->inner->ops->arm(f->inner);
}

static void close_fault(struct weir__backend *b) {
    struct fault *f = fault_of(b);
    WEIR_CHECK(weir__list_empty(&f->notes) && f->ready == NULL && f->lent == 0);
    f->inner->ops->close(f->inner);
    free(f);
}

struct weir__backend *weir__fault_decorate(struct weir__backend *inner) {
    if (!armed)
        return inner;
    struct fault *f = calloc(1, sizeof *f);
    WEIR_CHECK(f != NULL);
    f->ops = (struct weir__backend_ops){
        inner->ops->name, submit, cancel, turn, release, wake, now, random_bytes, explain,
        close_fault, inner->ops->descriptor ? descriptor : NULL, inner->ops->arm ? arm : NULL};
    f->base.ops = &f->ops;
    f->base.latch = inner->latch;
    f->base.simulated = inner->simulated;
    f->base.batches = inner->batches;
    f->base.order = inner->order;
    f->inner = inner;
    f->ready_end = &f->ready;
    weir__list_init(&f->notes);
    return &f->base;
}
