/* SPDX-License-Identifier: MIT */
/* watch.c - a descriptor that is watched again and again. Its POLL lies on the heap and is never
 * cancelled before the close: a cancelled poll on io_uring answers later, and what it had seen
 * would be lost. It is submitted again by the next call, when the events that it brought were
 * returned: sooner it would complete at once, as long as the caller has not read. */
#include <weir/select.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>

#include "base/alloc.h"
#include "sync/sync.h"

struct watch {
    struct weir__op op;
    struct weir__waitq queue;
    struct weir__loop *loop;
    int came;     /* what was seen and not yet returned: events, or an error; 0: nothing */
    bool pending; /* the backend holds op */
    bool closed;
};

struct watch_head { /* behind struct weir_watch */
    struct watch *watch; /* NULL: closed */
};
static_assert(sizeof(struct watch_head) <= sizeof(struct weir_watch), "public size is ABI");

static const struct weir__what waits = {.text = "watch next", .kind = WEIR__ON_NOTHING};

static void poll_again(struct watch *w);

/* To the task that waits longest, else kept. Those behind it see for themselves. */
static void bring(struct watch *w, int64_t result) {
    struct weir__waiter *first = weir__waitq_first(&w->queue);
    w->came = result > 0 && (result & POLLNVAL) != 0 ? -EBADF : (int)result;
    if (first == NULL)
        return;
    result = w->came;
    w->came = 0;
    weir__waiter_grant(first, result);
}

static void woke(struct weir__op *op) {
    struct watch *w = WEIR_CONTAINER(op, struct watch, op);
    w->pending = false;
    if (w->closed) {
        w->loop->hidden--;
        weir__free(w);
        return;
    }
    bring(w, op->result);
    while (!weir__waitq_empty(&w->queue) && !w->pending)
        poll_again(w);
}

static void poll_again(struct watch *w) {
    w->pending = weir__submit(w->loop->backend, &w->op) == WEIR__PENDING;
    if (!w->pending)
        bring(w, w->op.result);
}

static int take(struct watch *w) {
    if (w->came == 0 && !w->pending)
        poll_again(w);
    int came = w->came;
    w->came = 0;
    return came != 0 ? came : -EAGAIN;
}

int weir_watch_open(struct weir_watch *watch, int fd, int events) {
    weir__not_null(watch, "weir_watch_open");
    struct watch_head *h = (struct watch_head *)(void *)watch;
    struct weir__loop *l = weir__loop();
    h->watch = NULL;
    if (l == NULL)
        return weir__no_loop("watch");
    if (events == 0 || (events & ~(POLLIN | POLLOUT | POLLPRI)) != 0)
        return weir__failf(-EINVAL, "watch", NULL, "no event to watch for");
    if (!l->backend->simulated && fcntl(fd, F_GETFL) < 0) /* io_uring would find it later */
        return weir__fail(-EBADF, "watch", NULL);
    struct watch *w = weir__alloc_zero(sizeof *w);
    if (w == NULL)
        return weir__fail(-ENOMEM, "watch", NULL);
    w->loop = l;
    w->op.kind = WEIR__POLL;
    w->op.wake = woke;
    w->op.u.poll.fd = fd;
    w->op.u.poll.events = (short)events;
    poll_again(w);
    if (w->came < 0) {
        int rc = w->came;
        weir__free(w);
        return weir__fail(rc, "watch", NULL);
    }
    l->unclosed++;
    h->watch = w;
    return 0;
}

/* NULL: it is closed. */
static struct watch *watch_of(struct weir_watch *watch, const char *call) {
    weir__not_null(watch, call);
    struct watch *w = ((struct watch_head *)(void *)watch)->watch;
    if (w != NULL)
        weir__loop_assert(w->loop, w, call);
    return w;
}

int weir_watch_next(struct weir_watch *watch) {
    int rc = weir__suspend_enter("watch next");
    if (rc < 0)
        return rc;
    struct watch *w = watch_of(watch, "weir_watch_next");
    if (w != NULL && weir__breathe()) {
        rc = weir_cancelled();
        w = watch_of(watch, "weir_watch_next");
    }
    if (w == NULL)
        return weir__fail(WEIR_ECLOSED, "watch next", NULL);
    if (rc == 0)
        rc = take(w);
    if (rc == -EAGAIN)
        rc = (int)weir__waitq_wait(&w->queue, NULL, &waits, NULL);
    return rc < 0 ? weir__fail(rc, "watch next", NULL) : rc;
}

int weir_watch_try_next(struct weir_watch *watch) {
    struct watch *w = watch_of(watch, "weir_watch_try_next");
    return w != NULL ? take(w) : WEIR_ECLOSED;
}

void weir_watch_close(struct weir_watch *watch) {
    weir__not_null(watch, "weir_watch_close");
    struct watch_head *h = (struct watch_head *)(void *)watch;
    struct watch *w = h->watch;
    h->watch = NULL;
    if (w == NULL)
        return;
    if (weir__loop_is_parents(w->loop)) { /* its op is the parent's */
        weir__free(w);
        return;
    }
    weir__loop_assert(w->loop, w, "weir_watch_close");
    w->closed = true;
    w->loop->unclosed--;
    weir__waitq_wake_all(&w->queue, WEIR_ECLOSED);
    if (!w->pending || weir__cancel(w->loop->backend, &w->op) == WEIR__DONE)
        weir__free(w);
    else
        w->loop->hidden++; /* the run waits for the wake */
}

/* ---- as a case of weir_select ---------------------------------------------------------------- */

static void check(void *object, size_t item_size) {
    (void)item_size;
    watch_of(object, "weir_select");
}

static int attempt(void *object, void *item) {
    (void)item;
    return weir_watch_try_next(object);
}

static void enlist(void *object, void *item, struct weir__wait *wait, struct weir__waiter *w) {
    weir__wait_add(wait, w, &((struct watch_head *)object)->watch->queue, item);
}

const struct weir__select_ops weir__case_watch = {
    .text = "watch", .check = check, .attempt = attempt, .enlist = enlist};
