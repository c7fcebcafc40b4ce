/* SPDX-License-Identifier: MIT */
/* op_rig.h - for tests of backends by raw ops: submit, take turns, look at results. The same
 * stories run on the simulation and on the kernel. Every wait has a limit. */
#ifndef WEIR_SIM_OP_RIG_H
#define WEIR_SIM_OP_RIG_H

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sys/backend.h"
#include "sim/fault.h"
#include "sim/sim.h"
#include "test/runner.h"

struct rig {
    struct weir__backend *b;
    struct sim_world *world; /* NULL on the kernel */
    unsigned wakes;          /* completions so far: the order of done below */
};

struct rig_op { /* an op, and when it completed: 0 not yet */
    struct weir__op op;
    struct rig *rig;
    unsigned done;
};

struct rig_pair { /* a connection: what connect made, what accept gave */
    struct weir__file listener, here, there;
    struct weir__addr addr;
};

#define RIG_LIMIT WEIR_SECONDS(5)

static inline weir_ns rig_now(struct rig *r) {
    return r->b->ops->now(r->b);
}

/* The variable WEIR_TEST_SIM makes the whole suite run in a stranger world: "deferred", "tiny". */
static inline void rig_vary(struct sim_config *c) {
    const char *how = getenv("WEIR_TEST_SIM");
    if (how != NULL && strstr(how, "deferred") != NULL)
        c->deferred = true;
    if (how != NULL && strstr(how, "tiny") != NULL) {
        c->piece_size = 7;
        c->piece_count = 2;
        c->segment_max = 6;
    }
}

/* config NULL: the defaults. Only the simulation looks at it. */
static inline void rig_open(struct rig *r, const struct sim_config *config) {
    const char *why = "";
    struct sim_config c;
    memset(r, 0, sizeof *r);
    if (test_backend == NULL || strcmp(test_backend, "sim") == 0) {
        weir__sim_config_defaults(&c);
        rig_vary(&c);
        r->world = weir__sim_world_new(config ? config : &c, "main");
        weir__sim_world_enter(r->world);
        assert_int_equal(weir__sim_open(&r->b, &why), 0);
        r->b = weir__fault_decorate(r->b);
        return;
    }
    if (weir__backend_open(test_backend, &r->b, &why) < 0)
        runner_skip(why);
}

static inline void rig_close(struct rig *r) {
    if (r->world != NULL) {
        assert_int_equal(weir__sim_lent(r->world), 0);
        assert_int_equal(weir__sim_pending(r->world), 0);
        assert_int_equal(r->world->open, 0);
    }
    r->b->ops->close(r->b);
    if (r->world != NULL)
        weir__sim_world_free(r->world);
}

static inline void rig_woken(struct weir__op *op) {
    struct rig_op *o = op->waiter;
    assert_int_equal(o->done, 0);
    o->done = ++o->rig->wakes;
}

static inline void rig_turn(struct rig *r, weir_ns until_ns) {
    struct weir__op *op = r->b->ops->turn(r->b, until_ns), *next;
    for (; op != NULL; op = next) {
        next = op->next;
        op->wake(op);
    }
}

/* Let at most duration_ns pass. */
static inline void rig_pass(struct rig *r, weir_ns duration_ns) {
    for (weir_ns end_ns = rig_now(r) + duration_ns; rig_now(r) < end_ns;)
        rig_turn(r, end_ns);
}

/* Set o up; the arguments in o->op.u follow. */
static inline struct weir__op *rig_op(struct rig *r, struct rig_op *o, int kind,
                                      struct weir__file *f) {
    memset(o, 0, sizeof *o);
    o->rig = r;
    o->op.kind = (uint8_t)kind;
    o->op.file = f;
    o->op.wake = rig_woken;
    o->op.waiter = o;
    return &o->op;
}

static inline void rig_submit(struct rig_op *o) {
    if (weir__submit(o->rig->b, &o->op) == WEIR__DONE)
        o->done = ++o->rig->wakes;
}

static inline void rig_cancel(struct rig_op *o) {
    if (weir__cancel(o->rig->b, &o->op) == WEIR__DONE)
        o->done = ++o->rig->wakes;
}

/* Take turns until o is done. Its result; -EINPROGRESS at the limit. */
static inline int64_t rig_wait_until(struct rig_op *o, weir_ns limit_ns) {
    struct rig *r = o->rig;
    for (weir_ns end_ns = rig_now(r) + limit_ns; o->done == 0 && rig_now(r) < end_ns;)
        rig_turn(r, end_ns);
    return o->done ? o->op.result : -EINPROGRESS;
}

static inline int64_t rig_wait(struct rig_op *o) {
    return rig_wait_until(o, RIG_LIMIT);
}

static inline int64_t rig_run(struct rig_op *o) {
    rig_submit(o);
    return rig_wait(o);
}

/* Run the simulated stamps of this program again in a world as WEIR_TEST_SIM says. */
static inline void rig_again(const char *how) {
    char command[512], self[256];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    assert_true(n > 0);
    self[n] = '\0';
    snprintf(command, sizeof command, "WEIR_TEST_SIM=%s '%s' '[sim]' >&2", how, self);
    assert_int_equal(system(command), 0);
}

/* ---- one op each ----------------------------------------------------------------------------- */

static inline int64_t rig_socket(struct rig *r, struct weir__file *f, int family) {
    struct rig_op o;
    memset(f, 0, sizeof *f);
    f->fd = -1;
    rig_op(r, &o, WEIR__SOCKET, f);
    o.op.u.socket.family = family;
    o.op.u.socket.type = SOCK_STREAM;
    return rig_run(&o);
}

static inline int64_t rig_option(struct rig *r, struct weir__file *f, enum weir__option option,
                                 int value) {
    struct rig_op o;
    rig_op(r, &o, WEIR__SETOPT, f);
    o.op.u.option.option = option;
    o.op.u.option.value = value;
    return rig_run(&o);
}

static inline int64_t rig_addr_op(struct rig *r, int kind, struct weir__file *f,
                                  const struct weir__addr *a) {
    struct rig_op o;
    rig_op(r, &o, kind, f)->u.addr = a;
    return rig_run(&o);
}

static inline int64_t rig_number(struct rig *r, int kind, struct weir__file *f, int number) {
    struct rig_op o;
    rig_op(r, &o, kind, f)->u.number = number;
    return rig_run(&o);
}

static inline int64_t rig_name(struct rig *r, struct weir__file *f, bool peer,
                               struct weir__addr *ret) {
    struct rig_op o;
    rig_op(r, &o, WEIR__NAME, f);
    o.op.u.name.ret = ret;
    o.op.u.name.peer = peer;
    return rig_run(&o);
}

static inline void rig_accept_begin(struct rig *r, struct rig_op *o, struct weir__file *listener) {
    rig_op(r, o, WEIR__ACCEPT, listener);
    rig_submit(o);
}

static inline int64_t rig_attach(struct rig *r, struct weir__file *f, int fd) {
    struct rig_op o;
    memset(f, 0, sizeof *f);
    f->fd = fd;
    rig_op(r, &o, WEIR__ATTACH, f);
    return rig_run(&o);
}

static inline int64_t rig_accept(struct rig *r, struct weir__file *listener,
                                 struct weir__file *ret) {
    struct rig_op o;
    rig_accept_begin(r, &o, listener);
    int64_t fd = rig_wait(&o);
    return fd < 0 ? fd : rig_attach(r, ret, (int)fd);
}

static inline void rig_send_begin(struct rig *r, struct rig_op *o, struct weir__file *f,
                                  const void *base, size_t len) {
    rig_op(r, o, WEIR__SEND, f);
    o->op.u.bytes.base = (void *)(uintptr_t)base;
    o->op.u.bytes.len = len;
    rig_submit(o);
}

static inline int64_t rig_send(struct rig *r, struct weir__file *f, const void *base, size_t len) {
    struct rig_op o;
    rig_send_begin(r, &o, f, base, len);
    return rig_wait(&o);
}

static inline void rig_recv_begin(struct rig *r, struct rig_op *o, struct weir__file *f) {
    rig_op(r, o, WEIR__RECV, f);
    rig_submit(o);
}

/* Receive, copy, release: the result of one RECV. */
static inline int64_t rig_recv(struct rig *r, struct weir__file *f, void *buf, size_t size) {
    struct rig_op o;
    rig_recv_begin(r, &o, f);
    int64_t n = rig_wait(&o);
    if (n > 0) {
        assert_int_equal(n, o.op.u.lent.len);
        memcpy(buf, o.op.u.lent.base, (size_t)n < size ? (size_t)n : size);
        weir__release(r->b, &o.op.u.lent);
    }
    return n;
}

/* Receive until len bytes have come; how many did. */
static inline size_t rig_recv_all(struct rig *r, struct weir__file *f, void *buf, size_t len) {
    size_t done = 0;
    while (done < len) {
        int64_t n = rig_recv(r, f, (uint8_t *)buf + done, len - done);
        if (n <= 0)
            break;
        done += (size_t)n;
    }
    return done;
}

static inline int64_t rig_recv_into(struct rig *r, struct weir__file *f, void *buf, size_t len) {
    struct rig_op o;
    rig_op(r, &o, WEIR__RECV_INTO, f);
    o.op.u.bytes.base = buf;
    o.op.u.bytes.len = len;
    return rig_run(&o);
}

static inline void rig_close_file(struct rig *r, struct weir__file *f) {
    struct rig_op o;
    rig_op(r, &o, WEIR__CLOSE, f);
    assert_int_equal(rig_run(&o), 0);
}

/* ---- addresses, listeners, connections ------------------------------------------------------- */

static inline struct weir__addr rig_v4(const char *text, uint16_t port) {
    struct weir__addr a = {.len = sizeof a.in, .in.sin_family = AF_INET};
    a.in.sin_port = htons(port);
    assert_int_equal(inet_pton(AF_INET, text, &a.in.sin_addr), 1);
    return a;
}

static inline struct weir__addr rig_v6(const char *text, uint16_t port) {
    struct weir__addr a = {.len = sizeof a.in6, .in6.sin6_family = AF_INET6};
    a.in6.sin6_port = htons(port);
    assert_int_equal(inet_pton(AF_INET6, text, &a.in6.sin6_addr), 1);
    return a;
}

/* Bind to *addr and listen; *addr then has the port. */
static inline void rig_listen(struct rig *r, struct weir__file *f, struct weir__addr *addr,
                              int backlog) {
    assert_int_equal(rig_socket(r, f, addr->sa.sa_family), 0);
    assert_int_equal(rig_option(r, f, WEIR__REUSEADDR, 1), 0);
    assert_int_equal(rig_addr_op(r, WEIR__BIND, f, addr), 0);
    assert_int_equal(rig_number(r, WEIR__LISTEN, f, backlog), 0);
    assert_int_equal(rig_name(r, f, false, addr), 0);
}

static inline void rig_connect_begin(struct rig *r, struct rig_op *o, struct weir__file *f,
                                     const struct weir__addr *addr) {
    assert_int_equal(rig_socket(r, f, addr->sa.sa_family), 0);
    rig_op(r, o, WEIR__CONNECT, f)->u.addr = addr;
    rig_submit(o);
}

static inline int64_t rig_connect(struct rig *r, struct weir__file *f,
                                  const struct weir__addr *addr) {
    struct rig_op o;
    rig_connect_begin(r, &o, f, addr);
    return rig_wait(&o);
}

static inline void rig_pair_at(struct rig *r, struct rig_pair *p, struct weir__addr addr) {
    p->addr = addr;
    rig_listen(r, &p->listener, &p->addr, 16);
    assert_int_equal(rig_connect(r, &p->here, &p->addr), 0);
    assert_int_equal(rig_accept(r, &p->listener, &p->there), 0);
}

static inline void rig_pair(struct rig *r, struct rig_pair *p) {
    rig_pair_at(r, p, rig_v4("127.0.0.1", 0));
}

static inline void rig_pair_close(struct rig *r, struct rig_pair *p) {
    if (p->here.fd >= 0)
        rig_close_file(r, &p->here);
    if (p->there.fd >= 0)
        rig_close_file(r, &p->there);
    rig_close_file(r, &p->listener);
}

#endif
