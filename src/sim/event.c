/* SPDX-License-Identifier: MIT */
/* event.c - the ground of a simulated world: its memory, its clock, and its queue of events, a
 * binary heap ordered by time, then by a choice, then by the order of arming. Uses chance.c. */
#include <stdlib.h>

#include "base/check.h"
#include "sim/sim.h"

void *weir__sim_alloc(size_t size) {
    void *p = calloc(1, size);
    WEIR_CHECK(p != NULL);
    return p;
}

void *weir__sim_realloc(void *old, size_t size) {
    void *p = realloc(old, size);
    WEIR_CHECK(p != NULL);
    return p;
}

/* ---- the heap -------------------------------------------------------------------------------- */

enum { TIES = 16 };

static bool earlier(const struct sim_event *a, const struct sim_event *b) {
    if (a->at_ns != b->at_ns)
        return a->at_ns < b->at_ns;
    return a->tie != b->tie ? a->tie < b->tie : a->order < b->order;
}

static void place(struct sim_world *w, size_t i, struct sim_event *e) {
    w->heap[i] = e;
    e->position = i + 1;
}

static void sift_up(struct sim_world *w, size_t i, struct sim_event *e) {
    while (i > 0 && earlier(e, w->heap[(i - 1) / 2])) {
        place(w, i, w->heap[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
    place(w, i, e);
}

static void sift_down(struct sim_world *w, size_t i, struct sim_event *e) {
    for (;;) {
        size_t child = 2 * i + 1;
        if (child + 1 < w->heap_len && earlier(w->heap[child + 1], w->heap[child]))
            child++;
        if (child >= w->heap_len || !earlier(w->heap[child], e))
            break;
        place(w, i, w->heap[child]);
        i = child;
    }
    place(w, i, e);
}

void weir__sim_event_arm(struct sim_world *w, struct sim_event *e, weir_ns at_ns) {
    weir__sim_event_arm_behind(w, e, at_ns, weir__choose(w, SIM_TIE, TIES));
}

void weir__sim_event_arm_behind(struct sim_world *w, struct sim_event *e, weir_ns at_ns,
                                uint32_t tie) {
    weir__sim_event_disarm(w, e);
    if (w->heap_len == w->heap_cap) {
        w->heap_cap = w->heap_cap ? 2 * w->heap_cap : 64;
        w->heap = weir__sim_realloc(w->heap, w->heap_cap * sizeof *w->heap);
    }
    e->at_ns = at_ns;
    e->tie = tie;
    e->order = w->made++;
    e->idle = false;
    sift_up(w, w->heap_len++, e);
}

void weir__sim_event_disarm(struct sim_world *w, struct sim_event *e) {
    if (e->position == 0)
        return;
    size_t i = e->position - 1;
    WEIR_CHECK(i < w->heap_len && w->heap[i] == e);
    weir__sim_event_idle(w, e, false);
    e->position = 0;
    struct sim_event *last = w->heap[--w->heap_len];
    if (last == e)
        return;
    if (i > 0 && earlier(last, w->heap[(i - 1) / 2]))
        sift_up(w, i, last);
    else
        sift_down(w, i, last);
}

void weir__sim_event_idle(struct sim_world *w, struct sim_event *e, bool idle) {
    if (e->position == 0 || e->idle == idle)
        return;
    e->idle = idle;
    w->idle_len += idle ? 1 : (size_t)-1;
}

void weir__sim_world_fire(struct sim_world *w) {
    while (w->heap_len > 0 && w->heap[0]->at_ns <= w->now_ns) {
        struct sim_event *e = w->heap[0];
        weir__sim_event_disarm(w, e);
        weir__sim_note(w, SIM_NOTE_EVENT, (uint64_t)e->at_ns);
        e->fire(w, e);
    }
}
