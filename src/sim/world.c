/* SPDX-License-Identifier: MIT */
/* world.c - the clock and the queue of events of a simulated world: a binary heap ordered by
 * time, then by the order of arming. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "sim/sim.h"

static _Thread_local struct sim_world *here;

struct sim_world *weir__sim_world_here(void) {
    return here;
}

void weir__sim_world_enter(struct sim_world *w) {
    here = w;
}

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

void weir__sim_config_defaults(struct sim_config *c) {
    *c = (struct sim_config){
        .seed = 1,
        .latency_ns = 200000,
        .local_latency_ns = 20000,
        .resolve_ns = WEIR_MILLISECONDS(1),
        .work_ns = WEIR_MILLISECONDS(1),
        .limit_ns = WEIR_NEVER,
        .send_buffer = 65536,
        .receive_buffer = 65536,
        .segment_max = 1460,
        .piece_size = 16384,
        .piece_count = 64,
        .descriptors_max = 65536,
    };
}

struct sim_world *weir__sim_world_new(const struct sim_config *c, const char *host_name) {
    struct sim_world *w = weir__sim_alloc(sizeof *w);
    w->config = *c;
    w->now_ns = SIM_START_NS;
    w->random.state = c->seed;
    weir__list_init(&w->listeners);
    weir__list_init(&w->instances);
    weir__sim_host_add(w, host_name);
    return w;
}

void weir__sim_world_free(struct sim_world *w) {
    WEIR_CHECK(weir__list_empty(&w->instances));
    for (size_t i = 0; i < w->sock_cap; i++)
        if (w->socks[i] != NULL)
            weir__sim_sock_free(w->socks[i]);
    /* What is left are segments in flight: each is an allocation that begins with its event. */
    for (size_t i = 0; i < w->heap_len; i++)
        free(w->heap[i]);
    for (int i = 0; i < w->host_count; i++)
        free(w->hosts[i].ports);
    free(w->hosts);
    free(w->links);
    free(w->socks);
    free(w->heap);
    if (here == w)
        here = NULL;
    free(w);
}

/* ---- the heap -------------------------------------------------------------------------------- */

static bool earlier(const struct sim_event *a, const struct sim_event *b) {
    return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->order < b->order;
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
    weir__sim_event_disarm(w, e);
    if (w->heap_len == w->heap_cap) {
        w->heap_cap = w->heap_cap ? 2 * w->heap_cap : 64;
        w->heap = weir__sim_realloc(w->heap, w->heap_cap * sizeof *w->heap);
    }
    e->at_ns = at_ns;
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
        e->fire(w, e);
    }
}
