/* SPDX-License-Identifier: MIT */
/* common.c - what weir/backend.h offers to backends from outside of the library: their names, and
 * the ops and the latch that they need not write themselves. */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/process.h"
#include "sys/helpers.h"
#include "sys/message.h"
#include "sys/plain.h"

/* ---- names ---------------------------------------------------------------------------------- */

enum { REGISTERED_MAX = 16, NAME_SIZE = 32, TRY_SIZE = 512 << 10 /* as a turn of epoll */ };

typedef int open_fn(struct weir__backend **ret_backend, const char **ret_why);

/* Entries are only added, and never change: readers take no lock. */
static struct {
    pthread_mutex_t lock;
    _Atomic unsigned count;
    struct {
        char name[NAME_SIZE];
        open_fn *open;
    } registered[REGISTERED_MAX];
} kept = {.lock = PTHREAD_MUTEX_INITIALIZER};

static const struct weir__part part = {
    .name = "backends",
    .state = &kept,
    .size = sizeof kept,
    .lock = &kept.lock,
};

static __attribute__((constructor)) void begin(void) {
    weir__process_add(WEIR__PART_BACKENDS, &part);
}

open_fn *weir__backend_registered(const char *name) {
    unsigned count = atomic_load_explicit(&kept.count, memory_order_acquire);
    for (unsigned i = 0; i < count; i++)
        if (strcmp(kept.registered[i].name, name) == 0)
            return kept.registered[i].open;
    return NULL;
}

static bool is_our_own(const char *name) {
    return strcmp(name, "uring") == 0 || strcmp(name, "epoll") == 0 || strcmp(name, "sim") == 0;
}

static int add(const char *name, open_fn *open) {
    unsigned count = atomic_load_explicit(&kept.count, memory_order_relaxed);
    if (is_our_own(name) || weir__backend_registered(name) != NULL)
        return -EEXIST;
    if (count == REGISTERED_MAX)
        return -ENOSPC;
    strcpy(kept.registered[count].name, name);
    kept.registered[count].open = open;
    atomic_store_explicit(&kept.count, count + 1, memory_order_release);
    return 0;
}

int weir_backend_register(const char *name, open_fn *open) {
    size_t len = name != NULL ? strnlen(name, NAME_SIZE) : 0;
    if (len == 0 || len == NAME_SIZE || open == NULL)
        return -EINVAL;
    pthread_mutex_lock(&kept.lock);
    int rc = add(name, open);
    pthread_mutex_unlock(&kept.lock);
    return rc;
}

/* ---- the common part ------------------------------------------------------------------------- */

struct weir_backend_common {
    struct weir__latch *latch;
    struct weir__helpers helpers;
    struct weir__fifo done;
    bool slept; /* since the last collect */
};

int weir_backend_common_open(struct weir__backend *b, struct weir_backend_common **ret_common) {
    struct weir_backend_common *c = weir__alloc_zero(sizeof *c);
    if (c == NULL)
        return -ENOMEM;
    int rc = weir__latch_new(true, &c->latch);
    if (rc != 0) {
        weir__free(c);
        return rc;
    }
    weir__helpers_init(&c->helpers, c->latch);
    weir__fifo_init(&c->done);
    b->latch = c->latch;
    *ret_common = c;
    return 0;
}

void weir_backend_common_close(struct weir_backend_common **take_common) {
    struct weir_backend_common *c = take_common != NULL ? *take_common : NULL;
    if (c == NULL)
        return;
    *take_common = NULL;
    weir__helpers_fini(&c->helpers);
    weir__latch_unref(c->latch);
    weir__free(c);
}

static void keep(struct weir__file *file) {
    memset(file->priv, 0, sizeof file->priv);
    file->reader = file->writer = NULL;
    file->state = WEIR__FILE_KEPT;
}

static int64_t open_socket(struct weir__op *op) {
    int64_t fd = weir__plain_socket(op->u.socket.family, op->u.socket.type, SOCK_NONBLOCK);
    if (fd < 0)
        return fd;
    keep(op->file);
    op->file->fd = (int)fd;
    op->file->foreign = false;
    return 0;
}

static int64_t close_file(struct weir__file *file) {
    if (file->state == WEIR__FILE_NONE)
        return weir__plain_close_unkept(file);
    WEIR_CHECK(file->reader == NULL && file->writer == NULL);
    if (!file->foreign)
        close(file->fd);
    file->fd = -1;
    file->state = WEIR__FILE_NONE;
    return 0;
}

static int64_t detach(struct weir__op *op) {
    bool is_busy = op->file->reader != NULL || op->file->writer != NULL;
    WEIR_CHECK(op->file->state == WEIR__FILE_KEPT);
    return is_busy ? -EBUSY : weir__plain_detach(op);
}

int weir_backend_common_submit(struct weir_backend_common *c, struct weir__op *op) {
    WEIR_CHECK(op->state != WEIR__OP_HELD);
    switch (op->kind) {
    case WEIR__SOCKET:
        return weir__op_now_done(op, open_socket(op));
    case WEIR__ATTACH:
        keep(op->file);
        return weir__op_now_done(op, 0);
    case WEIR__CLOSE:
        return weir__op_now_done(op, close_file(op->file));
    case WEIR__DETACH:
        return weir__op_now_done(op, detach(op));
    default:
        if (weir__helpers_kind(op->kind))
            return weir__helpers_submit(&c->helpers, op);
        return weir__op_now_done(op,
                                 weir__plain_kind(op->kind) ? weir__plain(op) : -EOPNOTSUPP);
    }
}

int weir_backend_common_cancel(struct weir_backend_common *c, struct weir__op *op) {
    WEIR_CHECK(weir__helpers_kind(op->kind));
    if (op->state != WEIR__OP_HELD)
        return WEIR__PENDING; /* it has completed: its wake will be called */
    return weir__helpers_cancel(&c->helpers, op);
}

/* ---- tries ----------------------------------------------------------------------------------- */

/* A second connect of a socket that is connecting tells how it went. */
static int64_t try_connect(struct weir__op *op) {
    int rc;
    do
        rc = connect(op->file->fd, &op->u.addr->sa, op->u.addr->len);
    while (rc != 0 && errno == EINTR);
    if (rc == 0)
        return 0;
    return errno == EALREADY ? -EINPROGRESS : -errno;
}

static int64_t or_later(int64_t n) {
    return n == -EAGAIN ? -EINPROGRESS : n;
}

int64_t weir_backend_try(struct weir__op *op) {
    int fd = op->file->fd;
    size_t len;
    switch (op->kind) {
    case WEIR__CONNECT:
        return try_connect(op);
    case WEIR__ACCEPT:
        return or_later(weir__plain_accept(fd, op->u.accept.ret_peer, SOCK_NONBLOCK));
    case WEIR__RECV_INTO:
        len = op->u.bytes.len < TRY_SIZE ? op->u.bytes.len : TRY_SIZE;
        return or_later(weir__plain_recv(fd, op->u.bytes.base, len));
    case WEIR__RECVMSG:
        return or_later(weir__message_recv(op));
    case WEIR__SEND:
    case WEIR__SENDV:
        return or_later(weir__plain_send(op, TRY_SIZE));
    default:
        return -EOPNOTSUPP;
    }
}

/* ---- waits ----------------------------------------------------------------------------------- */

int weir_backend_common_sleep(struct weir_backend_common *c) {
    c->slept = true;
    return weir__latch_sleep(c->latch) ? c->latch->fd : -EAGAIN;
}

/* Unlike our own backends, others may wait level-triggered: read the eventfd empty. */
static void drain(struct weir_backend_common *c) {
    uint64_t count;
    ssize_t n;
    do
        n = read(c->latch->fd, &count, sizeof count);
    while (n < 0 && errno == EINTR);
    c->slept = false;
}

struct weir__op *weir_backend_common_collect(struct weir_backend_common *c) {
    weir__latch_awake(c->latch);
    if (c->slept)
        drain(c);
    weir__latch_clear(c->latch);
    weir__helpers_collect(&c->helpers, &c->done);
    return weir__fifo_take(&c->done);
}

void weir_backend_common_wake(struct weir__backend *b) {
    weir__latch_ring(b->latch);
}
