/* SPDX-License-Identifier: MIT */
/* backend_rig.h - the smallest driver of a backend, for the tests of the kernel backends: submit,
 * turn, count the wakes of each op. */
#ifndef WEIR_SYS_BACKEND_RIG_H
#define WEIR_SYS_BACKEND_RIG_H

#include <arpa/inet.h>
#include <string.h>
#include <unistd.h>

#include "base/list.h"
#include "sys/addr.h"
#include "sys/backend.h"
#include "sys/limits.h"
#include "test/runner.h"

struct step { /* an op and how often it came back */
    struct weir__op op;
    int over;
};

static struct weir__backend *backend;
static int order; /* ops that came back so far */

#define KERNEL_ONLY()                                                                              \
    do {                                                                                           \
        if (strcmp(test_backend, "sim") == 0)                                                      \
            runner_skip("a story of the kernel backends");                                         \
    } while (0)

static inline bool is_uring(void) {
    return strcmp(test_backend, "uring") == 0;
}

static inline void rig_open(void) {
    const char *why = "";
    assert_int_equal(weir__backend_open(test_backend, &backend, &why), 0);
}

static inline void rig_close(void) {
    backend->ops->close(backend);
    backend = NULL;
}

static inline weir_ns in_ms(int ms) {
    return backend->ops->now(backend) + WEIR_MILLISECONDS(ms);
}

/* One turn; returns how many ops it handed back. */
static inline int turn(weir_ns until) {
    int n = 0;
    struct weir__op *next, *op = backend->ops->turn(backend, until);
    for (; op != NULL; op = next, n++) {
        next = op->next;
        struct step *s = WEIR_CONTAINER(op, struct step, op);
        s->over++;
        order++;
        assert_int_equal(s->over, 1);
    }
    return n;
}

static inline struct step begun(int kind, struct weir__file *file) {
    return (struct step){.op = {.kind = (uint8_t)kind, .file = file}};
}

/* Returns WEIR__DONE or WEIR__PENDING. */
static inline int start(struct step *s) {
    s->over = 0;
    int rc = weir__submit(backend, &s->op);
    s->over = rc == WEIR__DONE;
    return rc;
}

static inline int64_t finish(struct step *s) {
    weir_ns limit = in_ms(5000);
    while (s->over == 0 && backend->ops->now(backend) < limit)
        turn(limit);
    assert_int_equal(s->over, 1);
    return s->op.result;
}

static inline int64_t run(struct step *s) {
    start(s);
    return finish(s);
}

/* Cancel; wait until the op is the test's again. */
static inline int64_t stop(struct step *s) {
    if (s->over == 0 && weir__cancel(backend, &s->op) == WEIR__DONE)
        s->over = 1;
    return finish(s);
}

/* Let things settle: turns that do not wait. */
static inline void settle(void) {
    for (int i = 0; i < 20; i++)
        turn(0);
}

/* ---- ops ------------------------------------------------------------------------------------ */

static inline int64_t run_socket(struct weir__file *f, int family) {
    struct step s = begun(WEIR__SOCKET, f);
    s.op.u.socket.family = family;
    s.op.u.socket.type = SOCK_STREAM;
    return run(&s);
}

static inline int64_t run_number(int kind, struct weir__file *f, int number) {
    struct step s = begun(kind, f);
    s.op.u.number = number;
    return run(&s);
}

static inline int64_t run_addr(int kind, struct weir__file *f, const struct weir__addr *a) {
    struct step s = begun(kind, f);
    s.op.u.addr = a;
    return run(&s);
}

static inline int64_t run_name(struct weir__file *f, bool peer, struct weir__addr *ret) {
    struct step s = begun(WEIR__NAME, f);
    s.op.u.name.ret = ret;
    s.op.u.name.peer = peer;
    return run(&s);
}

static inline int64_t run_option(struct weir__file *f, enum weir__option option, int value) {
    struct step s = begun(WEIR__SETOPT, f);
    s.op.u.option.option = option;
    s.op.u.option.value = value;
    return run(&s);
}

static inline int64_t run_attach(struct weir__file *f, int fd) {
    f->fd = fd;
    f->foreign = false;
    struct step s = begun(WEIR__ATTACH, f);
    return run(&s);
}

static inline int64_t run_close(struct weir__file *f) {
    struct step s = begun(WEIR__CLOSE, f);
    return run(&s);
}

static inline struct step bytes_step(int kind, struct weir__file *f, void *base, size_t len) {
    struct step s = begun(kind, f);
    s.op.u.bytes.base = base;
    s.op.u.bytes.len = len;
    return s;
}

static inline int64_t run_send(struct weir__file *f, const void *base, size_t len) {
    struct step s = bytes_step(WEIR__SEND, f, (void *)(uintptr_t)base, len);
    return run(&s);
}

static inline int64_t run_into(struct weir__file *f, void *base, size_t len) {
    struct step s = bytes_step(WEIR__RECV_INTO, f, base, len);
    return run(&s);
}

/* One lent piece, copied to buf and released. */
static inline int64_t run_recv(struct weir__file *f, void *buf, size_t max) {
    struct step s = begun(WEIR__RECV, f);
    int64_t n = run(&s);
    if (n <= 0)
        return n;
    assert_true((size_t)n <= max);
    assert_int_equal(s.op.u.lent.len, n);
    memcpy(buf, s.op.u.lent.base, (size_t)n);
    weir__release(backend, &s.op.u.lent);
    assert_int_equal(s.op.u.lent.token, 0);
    return n;
}

/* ---- pairs ---------------------------------------------------------------------------------- */

static inline struct weir__addr loopback(uint16_t port) {
    struct weir__addr a;
    assert_int_equal(weir__addr_parse_numeric("127.0.0.1", port, &a), 0);
    return a;
}

/* A listener on a port of the kernel's choice. */
static inline struct weir__addr listen_any(struct weir__file *f, int backlog) {
    struct weir__addr a = loopback(0);
    assert_int_equal(run_socket(f, AF_INET), 0);
    assert_int_equal(run_addr(WEIR__BIND, f, &a), 0);
    assert_int_equal(run_number(WEIR__LISTEN, f, backlog), 0);
    assert_int_equal(run_name(f, false, &a), 0);
    return a;
}

struct pair {
    struct weir__file listener, here, there;
};

static inline void pair_open(struct pair *p) {
    struct weir__addr a = listen_any(&p->listener, 16);
    assert_int_equal(run_socket(&p->here, AF_INET), 0);
    assert_int_equal(run_addr(WEIR__CONNECT, &p->here, &a), 0);
    struct step s = begun(WEIR__ACCEPT, &p->listener);
    s.op.u.accept.ret_peer = NULL;
    int64_t fd = run(&s);
    assert_true(fd >= 0);
    assert_int_equal(run_attach(&p->there, (int)fd), 0);
}

static inline void pair_close(struct pair *p) {
    if (p->here.fd >= 0)
        assert_int_equal(run_close(&p->here), 0);
    if (p->there.fd >= 0)
        assert_int_equal(run_close(&p->there), 0);
    assert_int_equal(run_close(&p->listener), 0);
}

/* Fill the way from f until a send stays pending; returns the bytes that were sent whole. */
static inline size_t fill(struct weir__file *f, struct step *ret_stuck, char *buf, size_t len) {
    size_t sum = 0;
    for (;;) {
        *ret_stuck = bytes_step(WEIR__SEND, f, buf, len);
        start(ret_stuck);
        for (int i = 0; i < 3 && ret_stuck->over == 0; i++)
            turn(in_ms(5));
        if (ret_stuck->over == 0)
            return sum;
        assert_int_equal(ret_stuck->op.result, len);
        sum += len;
    }
}

#endif
