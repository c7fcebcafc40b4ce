/* SPDX-License-Identifier: MIT */
/* echo_bench.c - an echo server on bare ops, to measure a backend by itself against bench/ref:
 *   echo_bench uring|epoll PORT */
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/list.h"
#include "sys/addr.h"
#include "sys/backend.h"

struct conn {
    struct weir__file file;
    struct weir__op recv, send, close;
    struct weir__lent lent;
};

static struct weir__backend *b;
static struct weir__file listener;

static void die(const char *what, int64_t rc) {
    fprintf(stderr, "echo_bench: %s: %s\n", what, weir_error_name((int)rc));
    exit(1);
}

static void now(struct weir__op *op, const char *what) {
    if (weir__submit(b, op) != WEIR__DONE || op->result < 0)
        die(what, op->result);
}

static void serve(struct conn *c);

static void closed(struct weir__op *op) {
    free(WEIR_CONTAINER(op, struct conn, close));
}

static void hang_up(struct conn *c) {
    c->close = (struct weir__op){.kind = WEIR__CLOSE, .file = &c->file, .wake = closed};
    if (weir__submit(b, &c->close) == WEIR__DONE)
        closed(&c->close);
}

/* True if the connection goes on at once. */
static bool sent(struct conn *c) {
    weir__release(b, &c->lent);
    if (c->send.result >= 0)
        return true;
    hang_up(c);
    return false;
}

static bool received(struct conn *c) {
    if (c->recv.result <= 0) {
        hang_up(c);
        return false;
    }
    c->lent = c->recv.u.lent;
    c->send.u.bytes.base = c->lent.base;
    c->send.u.bytes.len = c->lent.len;
    c->send.u.bytes.done = 0;
    return weir__submit(b, &c->send) == WEIR__DONE && sent(c);
}

static void recv_wake(struct weir__op *op) {
    struct conn *c = WEIR_CONTAINER(op, struct conn, recv);
    if (received(c))
        serve(c);
}

static void send_wake(struct weir__op *op) {
    struct conn *c = WEIR_CONTAINER(op, struct conn, send);
    if (sent(c))
        serve(c);
}

static void serve(struct conn *c) {
    while (weir__submit(b, &c->recv) == WEIR__DONE && received(c))
        continue;
}

static void accepted(struct weir__op *op) {
    while (op->result >= 0) {
        struct conn *c = calloc(1, sizeof *c);
        if (c == NULL)
            die("memory", -ENOMEM);
        c->file.fd = (int)op->result;
        struct weir__op attach = {.kind = WEIR__ATTACH, .file = &c->file};
        now(&attach, "attach");
        c->recv = (struct weir__op){.kind = WEIR__RECV, .file = &c->file, .wake = recv_wake};
        c->send = (struct weir__op){.kind = WEIR__SEND, .file = &c->file, .wake = send_wake};
        serve(c);
        if (weir__submit(b, op) == WEIR__PENDING)
            return;
    }
    die("accept", op->result);
}

static void listen_on(uint16_t port) {
    struct weir__addr a;
    weir__addr_parse_numeric("127.0.0.1", port, &a);
    struct weir__op op = {.kind = WEIR__SOCKET, .file = &listener};
    op.u.socket.family = AF_INET;
    op.u.socket.type = SOCK_STREAM;
    now(&op, "socket");
    op = (struct weir__op){.kind = WEIR__SETOPT, .file = &listener};
    op.u.option.option = WEIR__REUSEADDR;
    op.u.option.value = 1;
    now(&op, "reuseaddr");
    op.u.option.option = WEIR__NODELAY; /* inherited by what is accepted */
    now(&op, "nodelay");
    op = (struct weir__op){.kind = WEIR__BIND, .file = &listener, .u.addr = &a};
    now(&op, "bind");
    op = (struct weir__op){.kind = WEIR__LISTEN, .file = &listener, .u.number = 4096};
    now(&op, "listen");
}

int main(int argc, char **argv) {
    const char *why = "?";
    struct rlimit limit;
    if (argc != 3)
        return 2;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    if (weir__backend_open(argv[1], &b, &why) != 0) {
        fprintf(stderr, "echo_bench: %s\n", why);
        return 1;
    }
    listen_on((uint16_t)atoi(argv[2]));
    struct weir__op op = {.kind = WEIR__ACCEPT, .file = &listener, .wake = accepted};
    if (weir__submit(b, &op) == WEIR__DONE)
        accepted(&op);
    for (;;) {
        struct weir__op *next, *o = b->ops->turn(b, WEIR_NEVER);
        for (; o != NULL; o = next) {
            next = o->next;
            o->wake(o);
        }
    }
}
