/* SPDX-License-Identifier: MIT */
/* event.c - an event: clear, or set, and then all go on. The plainest primitive: read it first. */
#include <errno.h>
#include <string.h>
#include <weir/select.h>

#include "sync/sync.h"

#undef weir_event_init

static const char kind[] = "event";
static const struct weir__what waits = WEIR__SYNC_WHAT("event wait", kind, NULL);

static struct weir__sync *head(const struct weir_event *e, const char *call) {
    weir__not_null(e, call);
    return (struct weir__sync *)(void *)(uintptr_t)e;
}

void weir_event_init_at(const struct weir_site *site, struct weir_event *e) {
    weir__sync_init(head(e, "weir_event_init"), kind, site);
}

void weir_event_init(struct weir_event *e) {
    weir_event_init_at(NULL, e);
}

void weir_event_fini(struct weir_event *e) {
    weir__sync_fini(head(e, "weir_event_fini"), kind, "weir_event_fini");
    memset(e, 0, sizeof *e);
}

void weir_event_set(struct weir_event *e) {
    struct weir__sync *s = head(e, "weir_event_set");
    weir__sync_touch(s, kind, "weir_event_set");
    s->state = 1;
    weir__sync_grant_all(s, 0);
}

void weir_event_clear(struct weir_event *e) {
    struct weir__sync *s = head(e, "weir_event_clear");
    weir__sync_touch(s, kind, "weir_event_clear");
    s->state = 0;
}

bool weir_event_is_set(const struct weir_event *e) {
    struct weir__sync *s = head(e, "weir_event_is_set");
    weir__sync_look(s, "weir_event_is_set");
    return s->state != 0;
}

int weir_event_wait(struct weir_event *e) {
    int rc = weir__suspend_enter("event wait");
    if (rc < 0)
        return rc;
    struct weir__sync *s = head(e, "weir_event_wait");
    rc = weir__sync_enter(s, kind, "weir_event_wait", "event wait");
    if (rc < 0)
        return rc;
    return s->state != 0 ? 0 : weir__sync_wait(s, NULL, &waits, NULL);
}

/* ---- as a case of weir_select ---------------------------------------------------------------- */

static void check(void *object, size_t item_size) {
    (void)item_size;
    weir__sync_touch(head(object, "weir_select"), kind, "weir_select");
}

static int attempt(void *object, void *item) {
    (void)item;
    return head(object, "weir_select")->state != 0 ? 0 : -EAGAIN;
}

static void enlist(void *object, void *item, struct weir__wait *wait, struct weir__waiter *w) {
    struct weir__sync *s = object;
    s->waits++;
    weir__wait_add(wait, w, &s->queue, item);
}

const struct weir__select_ops weir__case_event = {
    .text = "event", .check = check, .attempt = attempt, .enlist = enlist};
