/* SPDX-License-Identifier: MIT */
/* inbox.c - a chan whose receiver is one task, its owner, and whose senders are counted. The
 * owner's end is noticed by a hook, since the next task may get the same address. */
#include <errno.h>
#include <string.h>
#include <weir/select.h>

#include "sync/chan.h"
#include "task/deadlock.h"

#undef weir_inbox_send
#undef weir_inbox_try_send
#undef weir_inbox_recv
#undef weir_inbox_try_recv

struct inbox {
    struct weir__chan chan;
    struct weir__at_end end; /* of the owner */
    size_t senders;
};
static_assert(offsetof(struct inbox, end) <= offsetof(struct weir_inbox, opaque_) &&
                  sizeof(struct inbox) <= sizeof(struct weir_inbox), "public size is ABI");

static const char kind[] = "inbox";
static const struct weir__what sends = WEIR__SYNC_WHAT("inbox send", kind, NULL);
static const struct weir__what receives = WEIR__SYNC_WHAT("inbox recv", kind, NULL);

static struct inbox *inbox_of(const struct weir_inbox *inbox, const char *call) {
    weir__not_null(inbox, call);
    struct inbox *i = (struct inbox *)(void *)(uintptr_t)inbox;
    if (i->chan.size == 0)
        weir__item_refuse(call, kind, NULL, 0, 0);
    return i;
}

static struct inbox *inbox_for(const struct weir_inbox *inbox, const void *item, size_t size,
                               const char *call) {
    struct inbox *i = inbox_of(inbox, call);
    if (i->chan.size != size)
        weir__item_refuse(call, kind, i->chan.sync.site, size, i->chan.size);
    weir__argument_not_null(item, call, "item");
    return i;
}

static _Noreturn __attribute__((cold)) void not_the_owner(const struct inbox *i,
                                                          const char *call) {
    char text[WEIR__SYNC_TEXT], owner[WEIR__TASK_TEXT] = "a task that has ended";
    if (i->end.task != NULL)
        weir__task_text(i->end.task, owner);
    WEIR_BUG("%s: %s belongs to %s", call, weir__sync_text(&i->chan.sync, text), owner);
}

static inline void owned(const struct inbox *i, const char *call) {
    if (__builtin_expect(i->end.task == NULL || i->end.task != weir_task_current(), 0))
        not_the_owner(i, call);
}

static void owner_ended(struct weir__at_end *e) {
    weir__chan_refuse(&WEIR_CONTAINER(e, struct inbox, end)->chan);
}

int weir_inbox_init_at(const struct weir_site *site, struct weir_inbox *inbox, size_t item_size,
                       size_t capacity) {
    struct inbox *i = (struct inbox *)(void *)inbox;
    weir__not_null(inbox, "weir_inbox_init");
    memset(i, 0, sizeof *i);
    if (weir_task_current() == NULL)
        return weir__no_loop("inbox init");
    int rc = weir__chan_init(&i->chan, kind, "weir_inbox_init", site, item_size, capacity);
    if (rc < 0)
        return rc;
    weir__sync_adopt(&i->chan.sync, kind, "weir_inbox_init"); /* the hook is of this loop already */
    weir__at_end_add(&i->end, owner_ended);
    return 0;
}

#undef weir_inbox_init
int weir_inbox_init(struct weir_inbox *i, size_t item_size, size_t capacity) {
    return weir_inbox_init_at(NULL, i, item_size, capacity);
}

void weir_inbox_fini(struct weir_inbox *inbox) {
    struct inbox *i = (struct inbox *)(void *)inbox;
    weir__not_null(inbox, "weir_inbox_fini");
    weir__sync_look(&i->chan.sync, "weir_inbox_fini");
    weir__at_end_remove(&i->end);
    weir__chan_fini(&i->chan, kind, "weir_inbox_fini");
    memset(i, 0, sizeof *i);
}

void weir_inbox_on_drop(struct weir_inbox *inbox, void (*fn)(void *item, void *arg), void *arg) {
    struct inbox *i = inbox_of(inbox, "weir_inbox_on_drop");
    weir__sync_look(&i->chan.sync, "weir_inbox_on_drop");
    i->chan.drop = fn;
    i->chan.drop_arg = arg;
}

int weir_inbox_join(struct weir_inbox *inbox) {
    struct inbox *i = inbox_of(inbox, "weir_inbox_join");
    weir__sync_touch(&i->chan.sync, kind, "weir_inbox_join");
    if (weir__chan_is_closed(&i->chan))
        return WEIR_ECLOSED;
    i->senders++;
    return 0;
}

void weir_inbox_leave(struct weir_inbox *inbox) {
    struct inbox *i = inbox_of(inbox, "weir_inbox_leave");
    char text[WEIR__SYNC_TEXT];
    weir__sync_touch(&i->chan.sync, kind, "weir_inbox_leave");
    if (i->senders == 0)
        WEIR_BUG("weir_inbox_leave: %s has no sender", weir__sync_text(&i->chan.sync, text));
    if (--i->senders == 0)
        weir__chan_close(&i->chan);
}

int weir_inbox_send(struct weir_inbox *inbox, const void *item, size_t item_size) {
    int rc = weir__suspend_enter("inbox send");
    if (rc < 0)
        return rc;
    struct inbox *i = inbox_for(inbox, item, item_size, "weir_inbox_send");
    rc = weir__sync_enter(&i->chan.sync, kind, "weir_inbox_send", "inbox send");
    if (rc < 0)
        return rc;
    return weir__chan_send(&i->chan, item, &sends);
}

int weir_inbox_try_send(struct weir_inbox *inbox, const void *item, size_t item_size) {
    struct inbox *i = inbox_for(inbox, item, item_size, "weir_inbox_try_send");
    weir__sync_touch(&i->chan.sync, kind, "weir_inbox_try_send");
    return weir__chan_give(&i->chan, item);
}

int weir_inbox_recv(struct weir_inbox *inbox, void *ret_item, size_t item_size) {
    int rc = weir__suspend_enter("inbox recv");
    if (rc < 0)
        return rc;
    struct inbox *i = inbox_for(inbox, ret_item, item_size, "weir_inbox_recv");
    rc = weir__sync_enter(&i->chan.sync, kind, "weir_inbox_recv", "inbox recv");
    if (rc < 0)
        return rc;
    owned(i, "weir_inbox_recv");
    return weir__chan_recv(&i->chan, ret_item, &receives);
}

int weir_inbox_try_recv(struct weir_inbox *inbox, void *ret_item, size_t item_size) {
    struct inbox *i = inbox_for(inbox, ret_item, item_size, "weir_inbox_try_recv");
    weir__sync_touch(&i->chan.sync, kind, "weir_inbox_try_recv");
    owned(i, "weir_inbox_try_recv");
    return weir__chan_take(&i->chan, ret_item);
}

size_t weir_inbox_close(struct weir_inbox *inbox) {
    struct inbox *i = inbox_of(inbox, "weir_inbox_close");
    weir__sync_touch(&i->chan.sync, kind, "weir_inbox_close");
    return weir__chan_refuse(&i->chan);
}

size_t weir_inbox_len(const struct weir_inbox *inbox) {
    struct inbox *i = inbox_of(inbox, "weir_inbox_len");
    weir__sync_look(&i->chan.sync, "weir_inbox_len");
    return i->chan.len;
}

size_t weir_inbox_senders(const struct weir_inbox *inbox) {
    struct inbox *i = inbox_of(inbox, "weir_inbox_senders");
    weir__sync_look(&i->chan.sync, "weir_inbox_senders");
    return i->senders;
}

/* ---- as cases of weir_select ----------------------------------------------------------------- */

static void check_send(void *object, size_t item_size) {
    struct inbox *i = inbox_for(object, object, item_size, "weir_select");
    weir__sync_touch(&i->chan.sync, kind, "weir_select");
}

static void check_recv(void *object, size_t item_size) {
    check_send(object, item_size);
    owned(object, "weir_select");
}

static int attempt_recv(void *object, void *item) {
    return weir__chan_take(&((struct inbox *)object)->chan, item);
}

static int attempt_send(void *object, void *item) {
    return weir__chan_give(&((struct inbox *)object)->chan, item);
}

static void enlist_recv(void *object, void *item, struct weir__wait *wait,
                        struct weir__waiter *w) {
    weir__chan_enlist_recv(&((struct inbox *)object)->chan, item, wait, w);
}

static void enlist_send(void *object, void *item, struct weir__wait *wait,
                        struct weir__waiter *w) {
    weir__chan_enlist_send(&((struct inbox *)object)->chan, item, wait, w);
}

const struct weir__select_ops weir__case_inbox = {
    .text = "inbox", .check = check_recv, .attempt = attempt_recv, .enlist = enlist_recv};
const struct weir__select_ops weir__case_inbox_send = {
    .text = "inbox send", .check = check_send, .attempt = attempt_send, .enlist = enlist_send};
