/* SPDX-License-Identifier: MIT */
/* out_wait.c - the tasks that wait for room in a write line, in the order in which they came. */
#include "stream/out.h"

static bool may_append(const struct weir__out *o, size_t len, size_t max) {
    return o->failed != 0 || o->queued == 0 || (len <= max && o->queued <= max - len);
}

struct room_wait {
    struct weir__waiter waiter;
    size_t len, max;
};

void weir__out_wake_room(struct weir__out *o) {
    struct weir__waiter *w = weir__waitq_first(&o->room);
    if (w == NULL)
        return;
    const struct room_wait *r = WEIR_CONTAINER(w, struct room_wait, waiter);
    if (may_append(o, r->len, r->max))
        weir__waiter_grant(w, 0);
}

int weir__out_wait(struct weir__out *o, size_t len, size_t max, const struct weir__what *what,
                   const void *on) {
    struct weir__wait wait;
    struct room_wait r = {.len = len, .max = max};
    int rc = 0;
    if (weir__waitq_empty(&o->room) && may_append(o, len, max))
        return o->failed;
    weir__wait_begin(&wait, what, on);
    weir__wait_add(&wait, &r.waiter, &o->room, NULL);
    while ((rc = (int)weir__wait_park(&wait)) == 0 && !may_append(o, len, max)) {
        wait.won = NULL; /* the one before has taken the room: the place is kept */
        weir__waitq_add_first(&o->room, &r.waiter);
    }
    weir__out_wake_room(o); /* the next one may fit too; or this one was cancelled */
    return rc < 0 ? rc : o->failed;
}
