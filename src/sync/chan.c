/* SPDX-License-Identifier: MIT */
/* chan.c - a chan: a ring of items, tasks that wait to receive, tasks that wait to send. A wake is
 * a hand-over: who takes an item out of a full chan moves the first waiting sender's item in, and
 * who sends while a receiver waits copies into that one's memory. So no task looks again after its
 * wait, and nobody can come between. doc/design/chan.md has the table of states. */
#include "sync/chan.h"

#include <errno.h>
#include <string.h>
#include <weir/select.h>

#include "base/alloc.h"

#undef weir_chan_send
#undef weir_chan_recv
#undef weir_chan_try_send
#undef weir_chan_try_recv

enum { OPEN, CLOSED, REFUSED }; /* sync.state */
enum { SLOTS_FIRST = 8 };       /* of a chan without limit, when it first grows */

static const char kind[] = "chan";
static const struct weir__what sends = WEIR__SYNC_WHAT("chan send", kind, NULL);
static const struct weir__what receives = WEIR__SYNC_WHAT("chan recv", kind, NULL);

/* ---- the ring -------------------------------------------------------------------------------- */

static inline void *slot_of(const struct weir__chan *c, size_t i) {
    size_t at = c->first + i;
    return c->ring + (at < c->slots ? at : at - c->slots) * c->size;
}

static inline void push(struct weir__chan *c, const void *item) {
    weir__item_copy(slot_of(c, c->len), item, c->size);
    c->len++;
}

static inline void pop(struct weir__chan *c, void *ret_item) {
    weir__item_copy(ret_item, slot_of(c, 0), c->size);
    c->first = c->first + 1 < c->slots ? c->first + 1 : 0;
    c->len--;
}

/* Double the ring of a chan without limit. */
static __attribute__((noinline)) int grow(struct weir__chan *c) {
    size_t slots = c->slots ? 2 * c->slots : SLOTS_FIRST, bytes;
    if (slots < c->slots || __builtin_mul_overflow(slots, c->size, &bytes))
        return -ENOMEM;
    uint8_t *ring = weir__alloc(bytes);
    if (ring == NULL)
        return -ENOMEM;
    size_t till_end = c->slots - c->first < c->len ? c->slots - c->first : c->len;
    if (c->len > 0) {
        memcpy(ring, c->ring + c->first * c->size, till_end * c->size);
        memcpy(ring + till_end * c->size, c->ring, (c->len - till_end) * c->size);
    }
    weir__free(c->ring);
    c->ring = ring;
    c->slots = slots;
    c->first = 0;
    return 0;
}

static size_t drop_all(struct weir__chan *c) {
    size_t n = c->len;
    for (size_t i = 0; i < n && c->drop != NULL; i++)
        c->drop(slot_of(c, i), c->drop_arg);
    c->len = 0;
    return n;
}

/* ---- sending and receiving ------------------------------------------------------------------- */

static inline void hand(struct weir__chan *c, struct weir__waiter *receiver, const void *item) {
    weir__item_copy(receiver->slot, item, c->size);
    weir__sync_grant(&c->sync, receiver, 1);
}

static inline __attribute__((always_inline)) int give(struct weir__chan *c, const void *item) {
    struct weir__waiter *receiver = weir__waitq_first(&c->sync.queue);
    if (__builtin_expect(c->sync.state != OPEN, 0))
        return WEIR_ECLOSED;
    if (receiver != NULL) {
        hand(c, receiver, item);
        return 0;
    }
    if (c->len == c->capacity)
        return -EAGAIN;
    if (__builtin_expect(c->len == c->slots, 0) && grow(c) < 0)
        return -ENOMEM;
    push(c, item);
    return 0;
}

static inline __attribute__((always_inline)) int take(struct weir__chan *c, void *ret_item) {
    struct weir__waiter *sender = weir__waitq_first(&c->senders);
    if (c->len > 0) {
        pop(c, ret_item);
        if (sender == NULL)
            return 1;
        push(c, sender->slot);
    } else if (sender != NULL) {
        weir__item_copy(ret_item, sender->slot, c->size);
    } else {
        return c->sync.state == OPEN ? -EAGAIN : 0;
    }
    weir__waiter_grant(sender, 0);
    return 1;
}

int weir__chan_give(struct weir__chan *c, const void *item) {
    return give(c, item);
}

int weir__chan_take(struct weir__chan *c, void *ret_item) {
    return take(c, ret_item);
}

/* The rest of a send that has to wait. */
static __attribute__((noinline)) int wait_to_send(struct weir__chan *c, const void *item,
                                                  const struct weir__what *what) {
    c->sync.waits++;
    int rc = (int)weir__waitq_wait(&c->senders, (void *)(uintptr_t)item, what, c);
    return rc < 0 ? weir__fail(rc, what->text, NULL) : rc;
}

static inline __attribute__((always_inline)) int
send_item(struct weir__chan *c, const void *item, const struct weir__what *what) {
    int rc = give(c, item);
    if (__builtin_expect(rc == 0, 1))
        return 0;
    return rc == -EAGAIN ? wait_to_send(c, item, what) : weir__fail(rc, what->text, NULL);
}

int weir__chan_send(struct weir__chan *c, const void *item, const struct weir__what *what) {
    return send_item(c, item, what);
}

int weir__chan_recv(struct weir__chan *c, void *ret_item, const struct weir__what *what) {
    int rc = take(c, ret_item);
    return rc == -EAGAIN ? weir__sync_wait(&c->sync, ret_item, what, NULL) : rc;
}

bool weir__chan_is_closed(const struct weir__chan *c) {
    return c->sync.state != OPEN;
}

void weir__chan_close(struct weir__chan *c) {
    if (c->sync.state != OPEN)
        return;
    c->sync.state = CLOSED;
    weir__waitq_wake_all(&c->senders, WEIR_ECLOSED);
    weir__sync_grant_all(&c->sync, 0);
}

size_t weir__chan_refuse(struct weir__chan *c) {
    c->sync.state = REFUSED;
    weir__waitq_wake_all(&c->senders, WEIR_ECLOSED);
    weir__sync_grant_all(&c->sync, 0);
    return drop_all(c);
}

void weir__chan_enlist_recv(struct weir__chan *c, void *ret_item, struct weir__wait *wait,
                            struct weir__waiter *w) {
    c->sync.waits++;
    weir__wait_add(wait, w, &c->sync.queue, ret_item);
}

void weir__chan_enlist_send(struct weir__chan *c, void *item, struct weir__wait *wait,
                            struct weir__waiter *w) {
    c->sync.waits++;
    weir__wait_add(wait, w, &c->senders, item);
}

/* ---- init, fini ------------------------------------------------------------------------------ */

int weir__chan_init(struct weir__chan *c, const char *kind_, const char *call,
                    const struct weir_site *site, size_t size, size_t capacity) {
    size_t bytes;
    weir__not_null(c, call);
    if (size == 0)
        WEIR_BUG("%s: items of 0 bytes", call);
    memset(c, 0, sizeof *c);
    weir__sync_init(&c->sync, kind_, site);
    c->size = size;
    c->capacity = capacity;
    if (capacity == 0 || capacity == SIZE_MAX)
        return 0;
    c->slots = capacity;
    if (!__builtin_mul_overflow(capacity, size, &bytes))
        c->ring = weir__alloc(bytes);
    if (c->ring != NULL)
        return 0;
    memset(c, 0, sizeof *c);
    return weir__fail(-ENOMEM, call, NULL);
}

/* The memory of c is zeroed before its items are dropped: the function drop may look at it. */
void weir__chan_fini(struct weir__chan *c, const char *kind_, const char *call) {
    weir__not_null(c, call);
    if (weir__waitq_empty(&c->sync.queue))
        c->sync.queue = c->senders; /* whoever waits is named */
    weir__sync_fini(&c->sync, kind_, call);
    struct weir__chan last = *c;
    memset(c, 0, sizeof *c);
    drop_all(&last);
    weir__free(last.ring);
}

int weir_chan_init_at(const struct weir_site *site, struct weir_chan *chan, size_t item_size,
                      size_t capacity) {
    return weir__chan_init(weir__chan_of(chan), kind, "weir_chan_init", site, item_size, capacity);
}

#undef weir_chan_init
int weir_chan_init(struct weir_chan *c, size_t item_size, size_t capacity) {
    return weir_chan_init_at(NULL, c, item_size, capacity);
}

void weir_chan_fini(struct weir_chan *chan) {
    weir__chan_fini(weir__chan_of(chan), kind, "weir_chan_fini");
}

/* ---- the public calls ------------------------------------------------------------------------ */

static inline struct weir__chan *chan_of(const struct weir_chan *chan, size_t size,
                                         const char *call) {
    weir__not_null(chan, call);
    struct weir__chan *c = weir__chan_of(chan);
    if (__builtin_expect(c->size != size || size == 0, 0))
        weir__item_refuse(call, kind, c->sync.site, size, c->size);
    return c;
}

/* For calls without an item: an initialised chan. */
static struct weir__chan *any_chan(const struct weir_chan *chan, const char *call) {
    weir__not_null(chan, call);
    return chan_of(chan, weir__chan_of(chan)->size, call);
}

int weir_chan_send(struct weir_chan *chan, const void *item, size_t item_size) {
    int rc = weir__suspend_enter("chan send");
    if (__builtin_expect(rc < 0, 0))
        return rc;
    struct weir__chan *c = chan_of(chan, item_size, "weir_chan_send");
    weir__argument_not_null(item, "weir_chan_send", "item");
    rc = weir__sync_enter(&c->sync, kind, "weir_chan_send", "chan send");
    if (rc < 0)
        return rc;
    return send_item(c, item, &sends);
}

int weir_chan_recv(struct weir_chan *chan, void *ret_item, size_t item_size) {
    int rc = weir__suspend_enter("chan recv");
    if (__builtin_expect(rc < 0, 0))
        return rc;
    struct weir__chan *c = chan_of(chan, item_size, "weir_chan_recv");
    weir__argument_not_null(ret_item, "weir_chan_recv", "item");
    rc = weir__sync_enter(&c->sync, kind, "weir_chan_recv", "chan recv");
    if (rc < 0)
        return rc;
    rc = take(c, ret_item);
    return rc == -EAGAIN ? weir__sync_wait(&c->sync, ret_item, &receives, NULL) : rc;
}

int weir_chan_try_send(struct weir_chan *chan, const void *item, size_t item_size) {
    struct weir__chan *c = chan_of(chan, item_size, "weir_chan_try_send");
    weir__argument_not_null(item, "weir_chan_try_send", "item");
    weir__sync_touch(&c->sync, kind, "weir_chan_try_send");
    return give(c, item);
}

int weir_chan_try_recv(struct weir_chan *chan, void *ret_item, size_t item_size) {
    struct weir__chan *c = chan_of(chan, item_size, "weir_chan_try_recv");
    weir__argument_not_null(ret_item, "weir_chan_try_recv", "item");
    weir__sync_touch(&c->sync, kind, "weir_chan_try_recv");
    return take(c, ret_item);
}

void weir_chan_on_drop(struct weir_chan *chan, void (*fn)(void *item, void *arg), void *arg) {
    struct weir__chan *c = any_chan(chan, "weir_chan_on_drop");
    weir__sync_look(&c->sync, "weir_chan_on_drop");
    c->drop = fn;
    c->drop_arg = arg;
}

void weir_chan_close(struct weir_chan *chan) {
    struct weir__chan *c = any_chan(chan, "weir_chan_close");
    weir__sync_touch(&c->sync, kind, "weir_chan_close");
    weir__chan_close(c);
}

size_t weir_chan_refuse(struct weir_chan *chan) {
    struct weir__chan *c = any_chan(chan, "weir_chan_refuse");
    weir__sync_touch(&c->sync, kind, "weir_chan_refuse");
    return weir__chan_refuse(c);
}

size_t weir_chan_len(const struct weir_chan *chan) {
    struct weir__chan *c = any_chan(chan, "weir_chan_len");
    weir__sync_look(&c->sync, "weir_chan_len");
    return c->len;
}

/* ---- as cases of weir_select ----------------------------------------------------------------- */

static void check(void *object, size_t item_size) {
    struct weir__chan *c = chan_of(object, item_size, "weir_select");
    weir__sync_touch(&c->sync, kind, "weir_select");
}

static int attempt_recv(void *object, void *item) {
    return take(object, item);
}

static int check_attempt_recv(void *object, size_t item_size, void *item) {
    check(object, item_size);
    return take(object, item);
}

static int check_attempt_send(void *object, size_t item_size, void *item) {
    check(object, item_size);
    return give(object, item);
}

static int attempt_send(void *object, void *item) {
    return give(object, item);
}

static void enlist_recv(void *object, void *item, struct weir__wait *wait,
                        struct weir__waiter *w) {
    weir__chan_enlist_recv(object, item, wait, w);
}

static void enlist_send(void *object, void *item, struct weir__wait *wait,
                        struct weir__waiter *w) {
    weir__chan_enlist_send(object, item, wait, w);
}

const struct weir__select_ops weir__case_recv = {
    .text = "recv", .check = check, .attempt = attempt_recv, .check_attempt = check_attempt_recv,
    .enlist = enlist_recv};
const struct weir__select_ops weir__case_send = {
    .text = "send", .check = check, .attempt = attempt_send, .check_attempt = check_attempt_send,
    .enlist = enlist_send};
