/* SPDX-License-Identifier: MIT */
/* sim.c - the simulated backend: one loop's door to a simulated world. Ops become calls on the
 * world's sockets and wait here until the world lets them go on. A turn that may wait moves the
 * clock straight to whatever comes first: an event of the world or until_ns. */
#include "sim/sim.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/time.h"
#include "sim/disk.h"
#include "sim/door.h"
#include "sys/latch.h"
#include "sys/spawn.h"

/* Turns in a row that neither wait nor return anything: past it each takes a microsecond, so that
 * tasks which only yield to each other reach their deadlines in virtual time too. Likewise turns
 * that always have something to return; more of these may be real work of one instant. */
enum { BUSY_TURNS = 1024, FULL_TURNS = 16384, BUSY_STEP_NS = 1000 };

/* How long the end of a receive takes: a segment may arrive meanwhile. And a call on files. */
enum { DETACH_NS = 50000, CALL_NS = 50000 };

struct job { /* WORK, FILE_OP, RESOLVE, DETACH: an op with a time of completion */
    struct sim_event event;
    struct weir__list link;
    struct weir__op *op;
    struct sim *sim;
    bool begun; /* WORK: fn has run, or would be running; likewise the call of a FILE_OP */
    unsigned part; /* DETACH: of what has come, one part of so many comes along; 0: none */
    char host[WEIR__NAME_MAX + 1];
};

static struct sim *sim_of(struct weir__backend *b) {
    return WEIR_CONTAINER(b, struct sim, base);
}

static int done(struct weir__op *op, int64_t result) {
    op->result = result;
    return WEIR__DONE;
}

/* ---- jobs ------------------------------------------------------------------------------------ */

static void job_drop(struct job *j) {
    weir__sim_event_disarm(j->sim->world, &j->event);
    weir__list_remove(&j->link);
    j->sim->held--;
    free(j);
}

static struct job *job_of(const struct sim *b, const struct weir__op *op) {
    for (struct weir__list *i = b->jobs.next; i != &b->jobs; i = i->next) {
        struct job *j = WEIR_CONTAINER(i, struct job, link);
        if (j->op == op)
            return j;
    }
    WEIR_BUG("the simulation does not hold this op");
}

/* ---- submitting, one function per group of kinds --------------------------------------------- */

static int hold(struct sim *b, struct weir__op *op, uint8_t state) {
    op->state = state;
    b->held++;
    return WEIR__PENDING;
}

/* Complete an op whose result is there already: at once, or in the next turn if the world is
 * deferred. */
static int answer(struct sim *b, struct weir__op *op, int64_t result) {
    if (!b->world->config.deferred)
        return done(op, result);
    weir__sim_complete(b, op, result);
    return WEIR__PENDING;
}

/* No socket of ours: a real descriptor, or none. */
static int refuse(struct weir__op *op, int fd) {
    return done(op, fd >= 0 && fd < SIM_FD_BASE ? WEIR_ESIMREFUSED : -EBADF);
}

static int submit_socket(struct sim *b, struct weir__op *op) {
    struct sim_world *w = b->world;
    int family = op->u.socket.family;
    int type = op->u.socket.type;
    if ((family != AF_INET && family != AF_INET6 && family != AF_UNIX) ||
        (type != SOCK_STREAM && type != SOCK_DGRAM))
        return done(op, WEIR_ESIMREFUSED);
    if (w->open >= w->config.descriptors_max)
        return done(op, -EMFILE);
    struct sim_sock *s = weir__sim_sock_new(w, b, family, type, 0);
    s->open = true;
    w->open++;
    s->file = op->file;
    op->file->priv[0] = s->id;
    op->file->fd = weir__sim_sock_fd(s);
    op->file->reader = op->file->writer = NULL;
    op->file->state = WEIR__FILE_KEPT;
    return done(op, 0);
}

static int submit_attach(struct sim *b, struct weir__op *op) {
    if (op->file->fd < SIM_FD_BASE)
        return refuse(op, op->file->fd);
    struct sim_sock *s = weir__sim_sock_by_fd(b->world, op->file->fd);
    if (s == NULL || s->file != NULL)
        return done(op, -EBADF);
    s->owner = b;
    s->file = op->file;
    op->file->priv[0] = s->id;
    op->file->reader = op->file->writer = NULL;
    op->file->state = WEIR__FILE_KEPT;
    weir__sim_keepalive_set(s);
    return done(op, 0);
}

static int submit_call(struct sim *b, struct weir__op *op) {
    struct sim_sock *s = weir__sim_sock_of(b, op);
    if (s == NULL)
        return refuse(op, op->file->fd);
    if (s->type == SOCK_DGRAM && (op->kind == WEIR__LISTEN || op->kind >= WEIR__SHUTDOWN) &&
        op->kind != WEIR__TRY_SENDMSG && op->kind != WEIR__TRY_RECVMSG)
        return done(op, -EOPNOTSUPP);
    switch (op->kind) {
    case WEIR__BIND:
        return done(op, weir__sim_bind_to(s, op->u.addr));
    case WEIR__LISTEN:
        return done(op, weir__sim_listen(s, op->u.number));
    case WEIR__SETOPT:
        return done(op, weir__sim_setopt(s, op));
    case WEIR__GETOPT:
        return done(op, weir__sim_option_get(s, op->u.option.option, &op->u.option.value));
    case WEIR__NAME:
        return done(op, weir__sim_name(s, op->u.name.peer, op->u.name.ret));
    case WEIR__UNACKED:
        return done(op, (int64_t)s->out.len);
    case WEIR__SHUTDOWN:
        return done(op, weir__sim_shutdown(s, op->u.number));
    case WEIR__TRY_SENDMSG:
        return done(op, weir__sim_sendmsg(s, op));
    case WEIR__TRY_RECVMSG:
        return done(op, weir__sim_recvmsg(s, op));
    case WEIR__READ_FD:
        return done(op, weir__sim_read(s, op->u.bytes.base, op->u.bytes.len));
    default:
        return done(op, weir__sim_send(s, op->u.bytes.base, op->u.bytes.len));
    }
}

static int connect_to(struct sim_sock *s, const struct weir__addr *a) {
    if (s->type == SOCK_DGRAM)
        return weir__sim_dgram_connect(s, a);
    return s->family == AF_UNIX ? weir__sim_unix_connect(s, a) : weir__sim_connect(s, a);
}

/* Streams of bytes have no place on a socket for datagrams. */
static bool is_misplaced(const struct sim_sock *s, const struct weir__op *op) {
    return s->type == SOCK_DGRAM && op->kind != WEIR__RECVMSG && op->kind != WEIR__CONNECT;
}

static int submit_transfer(struct sim *b, struct weir__op *op) {
    struct sim_sock *s = weir__sim_sock_of(b, op);
    if (op->kind == WEIR__SEND)
        op->u.bytes.done = 0;
    else if (op->kind == WEIR__SENDV)
        op->u.vector.done = 0;
    else if (op->kind == WEIR__RECV)
        op->u.lent = (struct weir__lent){0};
    if (s == NULL)
        return done(op, -EBADF);
    if (is_misplaced(s, op))
        return done(op, -EOPNOTSUPP);
    if (*weir__sim_place_of(op) != NULL)
        return done(op, -EBUSY);
    if (op->kind == WEIR__CONNECT) {
        int rc = connect_to(s, op->u.addr);
        if (rc < 0)
            return done(op, rc);
    }
    int64_t result = weir__sim_try(b, s, op);
    if (op->kind == WEIR__SEND_SOON || (result != -EAGAIN && result != -ENOBUFS))
        return answer(b, op, result);
    *weir__sim_place_of(op) = op;
    if (result == -ENOBUFS)
        weir__sim_ops_add(&b->starved, op);
    return hold(b, op, result == -ENOBUFS ? STARVED : HELD);
}

static int submit_poll(struct sim *b, struct weir__op *op) {
    int fd = op->u.poll.fd;
    if (fd < SIM_FD_BASE || fd >= SIM_WALL_BASE)
        return fd < SIM_FD_BASE ? refuse(op, fd) : weir__sim_wall_poll(b, op);
    struct sim_sock *s = weir__sim_sock_by_fd(b->world, fd);
    if (s == NULL)
        return done(op, -EBADF);
    short bits = weir__sim_poll_bits(s, op->u.poll.events);
    if (bits != 0)
        return answer(b, op, bits);
    s->owner = b;
    weir__sim_ops_add(&b->polls, op);
    return hold(b, op, HELD);
}

static int submit_spawn(struct sim *b, struct weir__op *op) {
    struct weir__spawn *s = op->u.work.arg;
    s->played = weir__sim_program(b->world, s->argv[0]);
    return s->played != NULL ? answer(b, op, 0) : done(op, WEIR_ESIMREFUSED);
}

static int submit_signal(struct sim *b, struct weir__op *op) {
    weir__sim_ops_add(&b->signals, op);
    return hold(b, op, HELD);
}

/* The ops pending on the file complete first, then the close. */
static void cancel_pending(struct sim *b, struct weir__op **place) {
    struct weir__op *op = *place;
    if (op == NULL)
        return;
    if (op->state == STARVED)
        weir__sim_ops_remove(&b->starved, op);
    *place = NULL;
    if (op->state == JOBBED)
        job_drop(job_of(b, op));
    else
        b->held--;
    weir__sim_complete(b, op, -ECANCELED);
}

static void cancel_polls(struct sim *b, const struct weir__file *file) {
    for (struct weir__op *op = b->polls.head, *next; op != NULL; op = next) {
        next = op->next;
        if (op->file != file)
            continue;
        weir__sim_ops_remove(&b->polls, op);
        b->held--;
        weir__sim_complete(b, op, -ECANCELED);
    }
}

/* Never attached: the connection is reset, unless another descriptor of it is left. */
static void close_unkept(struct sim *b, struct weir__op *op) {
    struct sim_sock *s = weir__sim_sock_by_fd(b->world, op->file->fd);
    if (s != NULL && s->file == NULL && s->copies == 0)
        weir__sim_option(s, WEIR__LINGER0, 1);
    if (s != NULL && (s->file == NULL || s->copies > 0))
        weir__sim_let_go(s);
    op->file->fd = -1;
}

static void close_kept(struct sim *b, struct weir__op *op) {
    struct sim_sock *s = weir__sim_sock_of(b, op);
    cancel_pending(b, &op->file->reader);
    cancel_pending(b, &op->file->writer);
    cancel_polls(b, op->file);
    if (s != NULL) {
        s->file = NULL;
        weir__sim_let_go(s);
    }
    op->file->fd = -1;
    op->file->priv[0] = 0;
    op->file->state = WEIR__FILE_NONE;
}

static int submit_close(struct sim *b, struct weir__op *op) {
    bool is_kept = op->file->state != WEIR__FILE_NONE;
    if (is_kept)
        close_kept(b, op);
    else
        close_unkept(b, op);
    if (!weir__sim_ops_have(&b->ready, op->file))
        return is_kept ? answer(b, op, 0) : done(op, 0);
    weir__sim_complete(b, op, 0); /* behind its others: a DETACH may be on its way */
    return WEIR__PENDING;
}

/* ---- jobs: resolve, work, detach, calls on files --------------------------------------------- */

/* Let the job go on in about usual_ns: from half of it to twice. The choice 0 is usual_ns. */
static void job_arm(struct sim_world *w, struct job *j, weir_ns usual_ns) {
    enum { PARTS = 512 };
    uint32_t part = weir__choose(w, SIM_JOB, 2 * PARTS);
    weir_ns takes_ns = part < PARTS ? usual_ns + usual_ns / PARTS * part
                                    : usual_ns / 2 + usual_ns / 2 / PARTS * (part - PARTS);
    weir__sim_event_arm(w, &j->event, weir__deadline(w->now_ns, takes_ns));
}

static void job_resolved(struct sim_world *w, struct sim_event *e) {
    struct job *j = WEIR_CONTAINER(e, struct job, event);
    struct weir__op *op = j->op;
    int count = weir__sim_resolve(w, j->host, op->u.resolve.port, op->u.resolve.ret);
    weir__sim_complete(j->sim, op, count > 0 ? count : WEIR_ENONAME);
    job_drop(j);
}

static weir_ns half_of(const struct sim_world *w, const struct weir__op *op) {
    return op->kind == WEIR__FILE_OP ? CALL_NS / 2 : w->config.work_ns / 2;
}

static void job_worked(struct sim_world *w, struct sim_event *e) {
    struct job *j = WEIR_CONTAINER(e, struct job, event);
    struct weir__op *op = j->op;
    if (!j->begun) {
        j->begun = true;
        job_arm(w, j, half_of(w, op));
        return;
    }
    weir__sim_complete(j->sim, op,
                       op->kind == WEIR__FILE_OP ? weir__sim_call(w, op->u.call)
                                                 : op->u.work.fn(op->u.work.arg));
    job_drop(j);
}

static struct job *job_new(struct sim *b, struct weir__op *op) {
    struct job *j = weir__sim_alloc(sizeof *j);
    j->op = op;
    j->sim = b;
    weir__list_add_tail(&b->jobs, &j->link);
    return j;
}

/* How a file leaves, as io_uring (the receive ends a moment later, and the bytes come along) or as
 * epoll (at once, and the bytes stay in the kernel), or between. */
enum { LEAVES_LATER_WITH_ALL, LEAVES_WITH_ALL, LEAVES_WITH_NONE, LEAVES_LATER_WITH_PART, LEAVES };

static void file_left(struct sim_world *w, struct sim_event *e) {
    struct job *j = WEIR_CONTAINER(e, struct job, event);
    struct weir__op *op = j->op;
    op->file->reader = NULL;
    weir__sim_complete(j->sim, op, weir__sim_detach(j->sim, op, j->part));
    job_drop(j);
    (void)w;
}

static int submit_detach(struct sim *b, struct weir__op *op) {
    struct sim_world *w = b->world;
    struct sim_sock *s = weir__sim_sock_of(b, op);
    if (s == NULL)
        return done(op, -EBADF);
    if (op->file->reader != NULL || op->file->writer != NULL)
        return done(op, -EBUSY);
    uint32_t how = weir__choose(w, SIM_DETACH, LEAVES);
    if (how == LEAVES_WITH_ALL || how == LEAVES_WITH_NONE)
        return answer(b, op, weir__sim_detach(b, op, how == LEAVES_WITH_ALL ? 1 : 0));
    struct job *j = job_new(b, op);
    j->part = how == LEAVES_LATER_WITH_ALL ? 1 : 2;
    j->event.fire = file_left;
    op->file->reader = op;
    weir__sim_event_arm(w, &j->event, weir__deadline(w->now_ns, DETACH_NS));
    return hold(b, op, JOBBED);
}

static int submit_job(struct sim *b, struct weir__op *op) {
    struct sim_world *w = b->world;
    struct job *j = job_new(b, op);
    if (op->kind == WEIR__RESOLVE) {
        snprintf(j->host, sizeof j->host, "%s", op->u.resolve.host);
        j->event.fire = job_resolved;
        job_arm(w, j, w->config.resolve_ns);
    } else {
        j->event.fire = job_worked;
        job_arm(w, j, half_of(w, op));
    }
    return hold(b, op, JOBBED);
}

static int submit_file_op(struct sim *b, struct weir__op *op) {
    bool at_once = weir__sim_call_is_instant(b->world, op->u.call);
    return at_once ? done(op, weir__sim_call(b->world, op->u.call)) : submit_job(b, op);
}

/* ---- the contract ---------------------------------------------------------------------------- */

static int submit(struct weir__backend *backend, struct weir__op *op) {
    static int (*const by_kind[])(struct sim *, struct weir__op *) = {
        [WEIR__SOCKET] = submit_socket,      [WEIR__ATTACH] = submit_attach,
        [WEIR__WALL_NOW ... WEIR__WALL_END] = weir__sim_wall,
        [WEIR__BIND ... WEIR__TRY_RECVMSG] = submit_call,
        [WEIR__CONNECT] = submit_transfer,   [WEIR__ACCEPT] = submit_transfer,
        [WEIR__RECV] = submit_transfer,      [WEIR__RECV_INTO] = submit_transfer,
        [WEIR__SEND] = submit_transfer,      [WEIR__SENDV] = submit_transfer,
        [WEIR__SEND_SOON] = submit_transfer,
        [WEIR__RECVMSG] = submit_transfer,   [WEIR__POLL] = submit_poll,
        [WEIR__RESOLVE] = submit_job,        [WEIR__WORK] = submit_job,
        [WEIR__SIGNAL] = submit_signal,      [WEIR__CLOSE] = submit_close,
        [WEIR__DETACH] = submit_detach,      [WEIR__SPAWN] = submit_spawn,
        [WEIR__FILE_OP] = submit_file_op,
    };
    WEIR_CHECK(op->kind < sizeof by_kind / sizeof by_kind[0]);
    op->state = FREE;
    op->next = NULL;
    return by_kind[op->kind](sim_of(backend), op);
}

static int cancel(struct weir__backend *backend, struct weir__op *op) {
    struct sim *b = sim_of(backend);
    if (op->state == READY || op->state == FREE) /* it has a result, of which its wake tells */
        return WEIR__PENDING;
    if (op->state == JOBBED) {
        struct job *j = job_of(b, op);
        if (j->begun)
            return WEIR__PENDING;
        if (op->kind == WEIR__DETACH)
            op->file->reader = NULL;
        job_drop(j);
        op->state = FREE;
        return done(op, -ECANCELED);
    }
    if (op->state == STARVED)
        weir__sim_ops_remove(&b->starved, op);
    if (op->kind == WEIR__SIGNAL)
        weir__sim_ops_remove(&b->signals, op);
    else if (op->kind == WEIR__POLL)
        weir__sim_ops_remove(&b->polls, op);
    else
        *weir__sim_place_of(op) = NULL;
    b->held--;
    op->state = FREE;
    return answer(b, op, -ECANCELED);
}

static bool has_limit(const struct sim_world *w) {
    return !w->overran && w->overrun != NULL;
}

/* At the limit of virtual time call the hook of the world's user, once. */
static void check_limit(struct sim_world *w) {
    if (!has_limit(w) || w->now_ns < w->config.limit_ns)
        return;
    w->overran = true;
    w->overrun(w->overrun_arg);
}

/* Let time pass until something completes. Returns false if the wait is over without. */
static bool pass_time(struct sim *b, weir_ns until_ns) {
    struct sim_world *w = b->world;
    weir_ns next_ns = w->heap_len > 0 ? w->heap[0]->at_ns : WEIR_NEVER;
    if (until_ns == WEIR_NEVER && w->heap_len == w->idle_len) {
        b->base.quiet = true;
        w->quiet++;
        return false;
    }
    bool more = next_ns <= until_ns;
    weir_ns to_ns = more ? next_ns : until_ns;
    w->now_ns = !has_limit(w) || to_ns < w->config.limit_ns ? to_ns : w->config.limit_ns;
    weir__sim_note(w, SIM_NOTE_CLOCK, (uint64_t)w->now_ns);
    weir__sim_world_fire(w);
    check_limit(w);
    return more && !w->overran;
}

static struct weir__op *turn(struct weir__backend *backend, weir_ns until_ns) {
    struct sim *b = sim_of(backend);
    struct sim_world *w = b->world;
    b->base.quiet = false;
    weir__sim_world_fire(w);
    bool is_long = b->ready.head != NULL
                       ? ++b->full_turns > FULL_TURNS
                       : until_ns <= w->now_ns && ++b->busy_turns > BUSY_TURNS;
    if (is_long) {
        w->now_ns = weir__deadline(w->now_ns, BUSY_STEP_NS);
        weir__sim_world_fire(w);
        check_limit(w);
    }
    while (b->ready.head == NULL && until_ns > w->now_ns) {
        b->busy_turns = b->full_turns = 0;
        if (weir__latch_take(b->base.latch) || !pass_time(b, until_ns))
            break;
    }
    return weir__sim_take_ready(b);
}

static void release(struct weir__backend *backend, struct weir__lent *lent) {
    struct sim *b = sim_of(backend);
    WEIR_CHECK(lent->token >= 1 && lent->token <= b->world->config.piece_count &&
               b->free_count < b->world->config.piece_count);
    b->free_pieces[b->free_count++] = lent->token;
    lent->token = 0;
    struct weir__op *op = b->starved.head;
    if (op == NULL)
        return;
    weir__sim_ops_remove(&b->starved, op);
    op->state = HELD;
    weir__sim_go_on(b, weir__sim_sock_of(b, op), op);
}

static void wake(struct weir__backend *backend) {
    weir__latch_ring(backend->latch);
}

static weir_ns now(struct weir__backend *backend) {
    return sim_of(backend)->world->now_ns;
}

static void random_bytes(struct weir__backend *backend, void *buf, size_t len) {
    weir__sim_random_bytes(sim_of(backend)->world, buf, len);
}

static const char *explain(struct weir__backend *backend) {
    return sim_of(backend)->explanation;
}

/* Sockets on the way to another loop outlive this one. */
static void disown(struct sim *b) {
    struct sim_world *w = b->world;
    for (size_t i = 0; i < w->sock_cap; i++)
        if (w->socks[i] != NULL && w->socks[i]->owner == b)
            w->socks[i]->owner = NULL;
}

static void close_sim(struct weir__backend *backend) {
    struct sim *b = sim_of(backend);
    WEIR_CHECK(b->held == 0 && b->ready.head == NULL);
    disown(b);
    weir__list_remove(&b->link);
    struct weir__list *other = b->world->instances.next; /* of another loop on this thread */
    if (b->owns_world && other != &b->world->instances)
        WEIR_CONTAINER(other, struct sim, link)->owns_world = true;
    else if (b->owns_world)
        weir__sim_world_free(b->world);
    weir__latch_unref(backend->latch);
    weir__sim_order_fini(b);
    free(b->pieces);
    free(b->free_pieces);
    free(b);
}

int weir__sim_open(struct weir__backend **ret_backend, const char **ret_why) {
    static const struct weir__backend_ops sim_ops = {
        "sim", submit, cancel, turn, release, wake, now, random_bytes, explain, close_sim};
    struct sim *b = weir__sim_alloc(sizeof *b);
    struct sim_config defaults;
    (void)ret_why;
    weir__sim_config_defaults(&defaults);
    b->base.ops = &sim_ops;
    b->base.simulated = b->base.batches = true;
    if (weir__latch_new(false, &b->base.latch) < 0) {
        free(b);
        return -ENOMEM;
    }
    b->owns_world = weir__sim_world_here() == NULL;
    if (b->owns_world)
        weir__sim_world_enter(weir__sim_world_new(&defaults, "main"));
    b->world = weir__sim_world_here();
    weir__sim_hook(b->world);
    weir__list_add_tail(&b->world->instances, &b->link);
    weir__sim_ops_init(&b->ready);
    weir__sim_ops_init(&b->starved);
    weir__sim_ops_init(&b->signals);
    weir__sim_ops_init(&b->polls);
    weir__list_init(&b->jobs);
    weir__sim_order_init(b);
    const struct sim_config *c = &b->world->config;
    WEIR_CHECK(c->piece_size <= INT32_MAX && c->piece_count <= INT32_MAX);
    b->pieces = weir__sim_alloc(c->piece_size * c->piece_count);
    b->free_pieces = weir__sim_alloc(c->piece_count * sizeof *b->free_pieces);
    for (size_t i = c->piece_count; i > 0; i--)
        b->free_pieces[b->free_count++] = (uint32_t)i;
    snprintf(b->explanation, sizeof b->explanation, "sim: virtual clock, seed %llu",
             (unsigned long long)c->seed);
    *ret_backend = &b->base;
    return 0;
}

/* ---- for tests ------------------------------------------------------------------------------- */

int weir__sim_raise(struct sim_world *w, int signal) {
    int count = 0;
    for (struct weir__list *i = w->instances.next; i != &w->instances; i = i->next) {
        struct sim *b = WEIR_CONTAINER(i, struct sim, link);
        for (struct weir__op *op = b->ready.head; op != NULL; op = op->next) {
            if (op->kind != WEIR__SIGNAL || op->result != signal)
                continue;
            op->u.signal.count++; /* it waits no more, and was not yet returned */
            count++;
        }
        for (struct weir__op *op = b->signals.head, *next; op != NULL; op = next) {
            next = op->next;
            if (op->u.number != signal)
                continue;
            op->u.signal.count = 1;
            weir__sim_ops_remove(&b->signals, op);
            b->held--;
            weir__sim_complete(b, op, signal);
            count++;
        }
    }
    return count;
}
