/* SPDX-License-Identifier: MIT */
/* sync.c - the head of every primitive: which loop it belongs to, waiting and its statistics, what
 * fini refuses. */
#include "sync/sync.h"

#include <stdio.h>
#include <string.h>

void weir__sync_init(struct weir__sync *s, const char *kind, const struct weir_site *site) {
    *s = (struct weir__sync){.kind = kind, .site = site};
}

const char *weir__sync_text(const struct weir__sync *s, char buf[static WEIR__SYNC_TEXT]) {
    const char *kind = s->kind ? s->kind : "primitive";
    if (s->site != NULL)
        snprintf(buf, WEIR__SYNC_TEXT, "the %s initialised at %s:%d", kind, s->site->file,
                 s->site->line);
    else
        snprintf(buf, WEIR__SYNC_TEXT, "the %s at %p", kind, (const void *)s);
    return buf;
}

void weir__sync_fini(struct weir__sync *s, const char *kind, const char *call) {
    weir__sync_look(s, call);
    struct weir__waiter *w = weir__waitq_first(&s->queue);
    if (w == NULL)
        return;
    char text[WEIR__SYNC_TEXT], waiter[WEIR__TASK_TEXT] = "a case of the library's";
    s->kind = kind;
    if (w->wait != NULL)
        weir__task_text(w->wait->park.task, waiter);
    WEIR_BUG("%s: tasks wait for %s; the first is %s", call, weir__sync_text(s, text), waiter);
}

static _Noreturn void belongs_elsewhere(const struct weir__sync *s, const char *call) {
    char text[WEIR__SYNC_TEXT], theirs[WEIR__LOOP_TEXT];
    struct weir__loop *here = weir__loop_here();
    WEIR_BUG("%s: %s belongs to %s, but this thread runs %s%s%s", call, weir__sync_text(s, text),
             weir__loop_text_of(s->loop, theirs), here ? "loop '" : "no loop",
             here ? here->handle->name : "", here ? "'" : "");
}

void weir__sync_adopt(struct weir__sync *s, const char *kind, const char *call) {
    struct weir__loop *l = weir__loop_here();
    if (s->kind == NULL)
        s->kind = kind;
    if (s->kind != kind && strcmp(s->kind, kind) != 0)
        WEIR_BUG("%s: this is a %s, not a %s", call, s->kind, kind);
    /* A static one may be used in one run after the other. */
    bool free = s->loop == 0 || (!weir__loop_lives(s->loop) && weir__waitq_empty(&s->queue));
    if (!free)
        belongs_elsewhere(s, call);
    s->loop = l != NULL ? l->number : 0;
}

void weir__sync_look_elsewhere(const struct weir__sync *s, const char *call) {
    if (s->loop != 0 && weir__loop_lives(s->loop))
        belongs_elsewhere(s, call);
}

int weir__sync_breathe(const char *what) {
    weir__breathe();
    int rc = weir_cancelled();
    return rc < 0 ? weir__fail(rc, what, NULL) : 0;
}

void weir_sync_stats(const struct weir_sync *sync, struct weir_sync_stats *ret) {
    weir__not_null(sync, "weir_sync_stats");
    const struct weir__sync *s = (const struct weir__sync *)(const void *)sync;
    weir__sync_look(s, "weir_sync_stats");
    size_t size = ret->size;
    struct weir_sync_stats full = {size, 0, s->peak, s->waits, s->calls};
    for (struct weir__waiter *w = weir__waitq_first(&s->queue); w; w = weir__waitq_next(w))
        full.waiting++;
    if (full.waiting > full.waiting_peak) /* those of a select count while they wait */
        full.waiting_peak = full.waiting;
    memcpy(ret, &full, weir__options_known(size, sizeof full));
}

/* ---- waiting --------------------------------------------------------------------------------- */

static int sync_abort(struct weir__park *p) {
    struct weir__sync_wait *sw = WEIR_CONTAINER(p, struct weir__sync_wait, wait.park);
    struct weir__sync *s = sw->sync;
    weir__wait_abort(p);
    s->waiting--;
    if (sw->left != NULL)
        sw->left(s);
    return WEIR__DONE;
}

void weir__sync_wait_begin(struct weir__sync *s, struct weir__sync_wait *sw, void *slot,
                           const struct weir__what *what, void (*left)(struct weir__sync *s)) {
    weir__wait_begin(&sw->wait, what, s);
    sw->wait.park.abort = sync_abort;
    sw->sync = s;
    sw->left = left;
    weir__wait_add(&sw->wait, &sw->waiter, &s->queue, slot);
    s->waits++;
    if (++s->waiting > s->peak)
        s->peak = s->waiting;
}

int weir__sync_wait_park(struct weir__sync_wait *sw, const struct weir__what *what) {
    int rc = (int)weir__wait_park(&sw->wait);
    return rc < 0 ? weir__fail_wait(rc, what->text, NULL) : rc;
}

int weir__sync_wait(struct weir__sync *s, void *slot, const struct weir__what *what,
                    void (*left)(struct weir__sync *s)) {
    struct weir__sync_wait sw;
    weir__sync_wait_begin(s, &sw, slot, what, left);
    return weir__sync_wait_park(&sw, what);
}

size_t weir__sync_grant_all(struct weir__sync *s, int64_t result) {
    s->waiting = 0;
    return weir__waitq_wake_all(&s->queue, result);
}
