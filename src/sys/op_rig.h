/* SPDX-License-Identifier: MIT */
/* op_rig.h - for tests of backends by raw ops: submit, take turns, look at results. Everything goes
 * to `backend`; a test with several loops sets it to the one at work. Every wait has a limit. Tests
 * that know their simulated world open it with sim/world_rig.h. */
#ifndef WEIR_SYS_OP_RIG_H
#define WEIR_SYS_OP_RIG_H

#include <arpa/inet.h>
#include <string.h>
#include <unistd.h>

#include "base/list.h"
#include "sys/addr.h"
#include "sys/backend.h"
#include "sys/limits.h"
#include "test/runner.h"

struct rig_op { /* an op, and when it came back: 0 not yet, else first, second, ... of the test */
    struct weir__op op;
    unsigned done;
};

struct rig_pair { /* a connection: what connect made, what accept gave */
    struct weir__file listener, here, there;
    struct weir__addr addr; /* the listener's */
};

static struct weir__backend *backend;
static unsigned rig_done; /* ops that came back so far */

#define RIG_LIMIT WEIR_SECONDS(5)
/* Long enough for the kernel's loopback to have done what it will do. */
#define RIG_SETTLED WEIR_MILLISECONDS(30)

#define KERNEL_ONLY()                                                                              \
    do {                                                                                           \
        if (strcmp(test_backend, "sim") == 0)                                                      \
            runner_skip("a story of the kernel backends");                                         \
    } while (0)

static inline bool rig_is_uring(void) {
    return strcmp(test_backend, "uring") == 0;
}

static inline void rig_open(void) {
    const char *why = "";
    if (weir__backend_open(test_backend, &backend, &why) != 0)
        fail_msg("no backend: %s", why);
}

static inline void rig_close(void) {
    backend->ops->close(backend);
    backend = NULL;
}

static inline weir_ns rig_now(void) {
    return backend->ops->now(backend);
}

static inline weir_ns rig_in_ms(int ms) {
    return rig_now() + WEIR_MILLISECONDS(ms);
}

/* ---- turns ----------------------------------------------------------------------------------- */

static inline void rig_came_back(struct rig_op *o) {
    assert_int_equal(o->done, 0);
    o->done = ++rig_done;
}

/* One turn; returns how many ops it handed back. */
static inline int rig_turn(weir_ns until_ns) {
    int n = 0;
    struct weir__op *op = backend->ops->turn(backend, until_ns), *next;
    for (; op != NULL; op = next, n++) {
        next = op->next;
        rig_came_back(WEIR_CONTAINER(op, struct rig_op, op));
    }
    return n;
}

/* Let at most duration_ns pass. */
static inline void rig_pass(weir_ns duration_ns) {
    for (weir_ns end_ns = rig_now() + duration_ns; rig_now() < end_ns;)
        rig_turn(end_ns);
}

/* Let things settle: turns that do not wait. */
static inline void rig_settle(void) {
    for (int i = 0; i < 20; i++)
        rig_turn(0);
}

/* ---- any op ---------------------------------------------------------------------------------- */

/* An op whose arguments in op.u follow. */
static inline struct rig_op rig_op(int kind, struct weir__file *file) {
    return (struct rig_op){.op = {.kind = (uint8_t)kind, .file = file}};
}

static inline struct rig_op rig_bytes_op(int kind, struct weir__file *file, const void *base,
                                         size_t len) {
    struct rig_op o = rig_op(kind, file);
    o.op.u.bytes.base = (void *)(uintptr_t)base;
    o.op.u.bytes.len = len;
    return o;
}

/* Returns WEIR__DONE or WEIR__PENDING. */
static inline int rig_submit(struct rig_op *o) {
    o->done = 0;
    int rc = weir__submit(backend, &o->op);
    if (rc == WEIR__DONE)
        rig_came_back(o);
    return rc;
}

static inline void rig_cancel(struct rig_op *o) {
    if (weir__cancel(backend, &o->op) == WEIR__DONE)
        rig_came_back(o);
}

/* Take turns until o is done. Its result; -EINPROGRESS at the limit. */
static inline int64_t rig_wait_until(struct rig_op *o, weir_ns limit_ns) {
    for (weir_ns end_ns = rig_now() + limit_ns; o->done == 0 && rig_now() < end_ns;)
        rig_turn(end_ns);
    return o->done != 0 ? o->op.result : -EINPROGRESS;
}

static inline int64_t rig_wait(struct rig_op *o) {
    int64_t result = rig_wait_until(o, RIG_LIMIT);
    assert_true(o->done != 0);
    return result;
}

static inline int64_t rig_run(struct rig_op *o) {
    rig_submit(o);
    return rig_wait(o);
}

/* Cancel o if it is pending; wait until it is the test's again. */
static inline int64_t rig_stop(struct rig_op *o) {
    if (o->done == 0)
        rig_cancel(o);
    return rig_wait(o);
}

/* ---- one op each ----------------------------------------------------------------------------- */

static inline int64_t rig_socket(struct weir__file *f, int family) {
    memset(f, 0, sizeof *f);
    f->fd = -1;
    struct rig_op o = rig_op(WEIR__SOCKET, f);
    o.op.u.socket.family = family;
    o.op.u.socket.type = SOCK_STREAM;
    return rig_run(&o);
}

static inline int64_t rig_option(struct weir__file *f, enum weir__option option, int value) {
    struct rig_op o = rig_op(WEIR__SETOPT, f);
    o.op.u.option.option = option;
    o.op.u.option.value = value;
    return rig_run(&o);
}

static inline int64_t rig_addr_op(int kind, struct weir__file *f, const struct weir__addr *a) {
    struct rig_op o = rig_op(kind, f);
    o.op.u.addr = a;
    return rig_run(&o);
}

static inline int64_t rig_number(int kind, struct weir__file *f, int number) {
    struct rig_op o = rig_op(kind, f);
    o.op.u.number = number;
    return rig_run(&o);
}

static inline int64_t rig_name(struct weir__file *f, bool peer, struct weir__addr *ret) {
    struct rig_op o = rig_op(WEIR__NAME, f);
    o.op.u.name.ret = ret;
    o.op.u.name.peer = peer;
    return rig_run(&o);
}

static inline int64_t rig_attach_as(struct weir__file *f, int fd, bool exact) {
    *f = (struct weir__file){.fd = fd, .exact = exact};
    struct rig_op o = rig_op(WEIR__ATTACH, f);
    return rig_run(&o);
}

static inline int64_t rig_attach(struct weir__file *f, int fd) {
    return rig_attach_as(f, fd, false);
}

static inline void rig_accept_begin(struct rig_op *o, struct weir__file *listener) {
    *o = rig_op(WEIR__ACCEPT, listener);
    rig_submit(o);
}

static inline int64_t rig_accept(struct weir__file *listener, struct weir__file *ret) {
    struct rig_op o;
    rig_accept_begin(&o, listener);
    int64_t fd = rig_wait(&o);
    return fd < 0 ? fd : rig_attach(ret, (int)fd);
}

static inline void rig_send_begin(struct rig_op *o, struct weir__file *f, const void *base,
                                  size_t len) {
    *o = rig_bytes_op(WEIR__SEND, f, base, len);
    rig_submit(o);
}

static inline int64_t rig_send(struct weir__file *f, const void *base, size_t len) {
    struct rig_op o;
    rig_send_begin(&o, f, base, len);
    return rig_wait(&o);
}

static inline void rig_recv_begin(struct rig_op *o, struct weir__file *f) {
    *o = rig_op(WEIR__RECV, f);
    rig_submit(o);
}

/* Receive, copy, release: the result of one RECV. */
static inline int64_t rig_recv(struct weir__file *f, void *buf, size_t size) {
    struct rig_op o;
    rig_recv_begin(&o, f);
    int64_t n = rig_wait(&o);
    if (n <= 0)
        return n;
    assert_int_equal(n, o.op.u.lent.len);
    assert_true((size_t)n <= size);
    memcpy(buf, o.op.u.lent.base, (size_t)n);
    weir__release(backend, &o.op.u.lent);
    assert_int_equal(o.op.u.lent.token, 0);
    return n;
}

/* Receive until len bytes have come; how many did. */
static inline size_t rig_recv_all(struct weir__file *f, void *buf, size_t len) {
    size_t done = 0;
    while (done < len) {
        int64_t n = rig_recv(f, (uint8_t *)buf + done, len - done);
        if (n <= 0)
            break;
        done += (size_t)n;
    }
    return done;
}

static inline int64_t rig_recv_into(struct weir__file *f, void *buf, size_t len) {
    struct rig_op o = rig_bytes_op(WEIR__RECV_INTO, f, buf, len);
    return rig_run(&o);
}

static inline void rig_close_file(struct weir__file *f) {
    struct rig_op o = rig_op(WEIR__CLOSE, f);
    assert_int_equal(rig_run(&o), 0);
}

/* ---- addresses, listeners, connections ------------------------------------------------------- */

/* The address of a numeric text. */
static inline struct weir__addr rig_addr(const char *text, uint16_t port) {
    struct weir__addr a;
    assert_int_equal(weir__addr_parse_numeric(text, port, &a), 0);
    return a;
}

/* Bind to *addr and listen; *addr then has the port. */
static inline void rig_listen(struct weir__file *f, struct weir__addr *addr, int backlog) {
    assert_int_equal(rig_socket(f, addr->sa.sa_family), 0);
    assert_int_equal(rig_option(f, WEIR__REUSEADDR, 1), 0);
    assert_int_equal(rig_addr_op(WEIR__BIND, f, addr), 0);
    assert_int_equal(rig_number(WEIR__LISTEN, f, backlog), 0);
    assert_int_equal(rig_name(f, false, addr), 0);
}

/* On a port of the backend's choice; returns the address. */
static inline struct weir__addr rig_listen_any(struct weir__file *f, int backlog) {
    struct weir__addr a = rig_addr("127.0.0.1", 0);
    rig_listen(f, &a, backlog);
    return a;
}

static inline void rig_connect_begin(struct rig_op *o, struct weir__file *f,
                                     const struct weir__addr *addr) {
    assert_int_equal(rig_socket(f, addr->sa.sa_family), 0);
    *o = rig_op(WEIR__CONNECT, f);
    o->op.u.addr = addr;
    rig_submit(o);
}

static inline int64_t rig_connect(struct weir__file *f, const struct weir__addr *addr) {
    struct rig_op o;
    rig_connect_begin(&o, f, addr);
    return rig_wait(&o);
}

static inline void rig_pair_at(struct rig_pair *p, struct weir__addr addr) {
    p->addr = addr;
    rig_listen(&p->listener, &p->addr, 16);
    assert_int_equal(rig_connect(&p->here, &p->addr), 0);
    assert_int_equal(rig_accept(&p->listener, &p->there), 0);
}

static inline void rig_pair_open(struct rig_pair *p) {
    rig_pair_at(p, rig_addr("127.0.0.1", 0));
}

static inline void rig_pair_close(struct rig_pair *p) {
    if (p->here.fd >= 0)
        rig_close_file(&p->here);
    if (p->there.fd >= 0)
        rig_close_file(&p->there);
    rig_close_file(&p->listener);
}

/* A listener whose backlog is full: c[0] and c[1] are connected and wait to be accepted, the
 * connect of c[2] is pending. */
static inline void rig_full_backlog(struct weir__file *listener, struct weir__addr *ret_addr,
                                    struct weir__file c[3], struct rig_op *ret_pending) {
    *ret_addr = rig_addr("127.0.0.1", 0);
    rig_listen(listener, ret_addr, 1);
    assert_int_equal(rig_connect(&c[0], ret_addr), 0);
    assert_int_equal(rig_connect(&c[1], ret_addr), 0);
    rig_connect_begin(ret_pending, &c[2], ret_addr);
}

/* Bytes in which a piece that is lost, doubled or out of order shows. */
static inline void rig_pattern(void *buf, size_t len) {
    for (size_t i = 0; i < len; i++)
        ((uint8_t *)buf)[i] = (uint8_t)(i * 31 + i / 997);
}

/* Fill the way from f until a send stays pending; returns the bytes that were sent whole. */
static inline size_t rig_fill(struct weir__file *f, struct rig_op *ret_stuck, const char *buf,
                              size_t len) {
    size_t sum = 0;
    for (;;) {
        rig_send_begin(ret_stuck, f, buf, len);
        for (int i = 0; i < 3 && ret_stuck->done == 0; i++)
            rig_turn(rig_in_ms(5));
        if (ret_stuck->done == 0)
            return sum;
        assert_int_equal(ret_stuck->op.result, len);
        sum += len;
    }
}

#endif
