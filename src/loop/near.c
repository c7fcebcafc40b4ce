/* SPDX-License-Identifier: MIT */
/* near.c - a sorted run and a 4-ary heap. The heap moves its entries and must write the new place
 * into each timer that it moves, which is cheap only while the heap is small. So a full slot goes
 * into the run, where nothing moves: disarming leaves a hole there. */
#include "loop/near.h"

#include <string.h>

#include "base/alloc.h"
#include "base/check.h"

enum { FANOUT = 4, INSERTION_MAX = 12, SPARE_MAX = 256, AHEAD = 8 };

static bool before(const struct weir__near_entry *a, const struct weir__near_entry *b) {
    return a->deadline_ns != b->deadline_ns ? a->deadline_ns < b->deadline_ns
                                            : a->armed < b->armed;
}

static struct weir__near_entry entry_of(struct weir__timer *t) {
    return (struct weir__near_entry){t->deadline_ns, t->priv[1], t};
}

static size_t index_of(const struct weir__timer *t) {
    return (size_t)(t->priv[0] >> 2);
}

void weir__near_fini(struct weir__near *n) {
    weir__free(n->run);
    weir__free(n->heap);
    memset(n, 0, sizeof *n);
}

void weir__near_trim(struct weir__near *n) {
    if (n->run_first == n->run_count && n->run_max > SPARE_MAX) {
        weir__free(n->run);
        n->run = NULL;
        n->run_first = n->run_count = n->run_max = 0;
    }
    if (n->heap_count == 0 && n->heap_max > SPARE_MAX) {
        weir__free(n->heap);
        n->heap = NULL;
        n->heap_max = 0;
    }
}

/* ---- the run -------------------------------------------------------------------------------- */

bool weir__near_run_begin(struct weir__near *n, size_t count) {
    WEIR_CHECK(n->run_first == n->run_count);
    n->run_first = n->run_count = 0;
    if (count <= n->run_max)
        return true;
    size_t max = count + count / 2 + 8;
    struct weir__near_entry *run = weir__alloc(2 * max * sizeof run[0]);
    if (run == NULL)
        return false;
    weir__free(n->run);
    n->run = run;
    n->run_max = max;
    return true;
}

void weir__near_run_append(struct weir__near *n, struct weir__timer *t) {
    n->run[n->run_count++] = entry_of(t);
}

static void sort_short(struct weir__near_entry *e, size_t count) {
    for (size_t i = 1; i < count; i++) {
        struct weir__near_entry x = e[i];
        size_t j = i;
        for (; j > 0 && before(&x, &e[j - 1]); j--)
            e[j] = e[j - 1];
        e[j] = x;
    }
}

static void merge(struct weir__near_entry *to, const struct weir__near_entry *a, size_t a_count,
                  const struct weir__near_entry *b, size_t b_count) {
    const struct weir__near_entry *a_end = a + a_count, *b_end = b + b_count;
    while (a < a_end && b < b_end) {
        bool take_b = before(b, a);
        *to++ = take_b ? *b : *a;
        a += !take_b;
        b += take_b;
    }
    memcpy(to, a, (size_t)(a_end - a) * sizeof *a);
    to += a_end - a;
    memcpy(to, b, (size_t)(b_end - b) * sizeof *b);
}

/* Bottom-up merge sort of from[0 .. count-1]; the result is in from or in scratch. */
static struct weir__near_entry *sort_long(struct weir__near_entry *from,
                                          struct weir__near_entry *scratch, size_t count) {
    for (size_t i = 0; i < count; i += INSERTION_MAX)
        sort_short(from + i, count - i < INSERTION_MAX ? count - i : INSERTION_MAX);
    for (size_t width = INSERTION_MAX; width < count; width *= 2) {
        for (size_t i = 0; i < count; i += 2 * width) {
            size_t a = count - i < width ? count - i : width;
            size_t b = count - i - a < width ? count - i - a : width;
            merge(scratch + i, from + i, a, from + i + a, b);
        }
        struct weir__near_entry *swap = from;
        from = scratch;
        scratch = swap;
    }
    return from;
}

/* A slot hands its timers on in reverse order of arming. If the deadlines are equal or only grew,
 * the run is then exactly reversed (or in order, after an even number of levels): reverse it.
 * Returns whether the run is in order now. */
static bool sort_monotone(struct weir__near_entry *e, size_t count) {
    size_t up = 1, down = 1;
    while (up < count && before(&e[up - 1], &e[up]))
        up++;
    while (down < count && before(&e[down], &e[down - 1]))
        down++;
    if (count > 0 && down == count) {
        for (size_t i = 0, j = count - 1; i < j; i++, j--) {
            struct weir__near_entry swap = e[i];
            e[i] = e[j];
            e[j] = swap;
        }
        return true;
    }
    return up >= count;
}

void weir__near_run_sort(struct weir__near *n) {
    struct weir__near_entry *e = n->run;
    if (!sort_monotone(e, n->run_count)) {
        struct weir__near_entry *sorted = sort_long(e, e + n->run_max, n->run_count);
        if (sorted != e)
            memcpy(e, sorted, n->run_count * sizeof e[0]);
    }
    for (size_t i = 0; i < n->run_count; i++) {
        if (i + AHEAD < n->run_count)
            __builtin_prefetch(&e[i + AHEAD].timer->priv[0], 1);
        e[i].timer->priv[0] = (uint64_t)i << 2 | WEIR__NEAR_RUN;
    }
}

/* ---- the heap ------------------------------------------------------------------------------- */

static void heap_set(struct weir__near *n, size_t i, struct weir__near_entry e) {
    n->heap[i] = e;
    e.timer->priv[0] = (uint64_t)i << 2 | WEIR__NEAR_HEAP;
}

static void heap_up(struct weir__near *n, size_t i, struct weir__near_entry e) {
    while (i > 0 && before(&e, &n->heap[(i - 1) / FANOUT])) {
        heap_set(n, i, n->heap[(i - 1) / FANOUT]);
        i = (i - 1) / FANOUT;
    }
    heap_set(n, i, e);
}

static void heap_down(struct weir__near *n, size_t i, struct weir__near_entry e) {
    for (;;) {
        size_t child = FANOUT * i + 1, least = child;
        if (child >= n->heap_count)
            break;
        size_t end = child + FANOUT < n->heap_count ? child + FANOUT : n->heap_count;
        while (++child < end)
            if (before(&n->heap[child], &n->heap[least]))
                least = child;
        if (!before(&n->heap[least], &e))
            break;
        heap_set(n, i, n->heap[least]);
        i = least;
    }
    heap_set(n, i, e);
}

bool weir__near_add(struct weir__near *n, struct weir__timer *t) {
    if (n->heap_count == n->heap_max) {
        size_t max = n->heap_max ? 2 * n->heap_max : 16;
        struct weir__near_entry *heap = weir__realloc(n->heap, max * sizeof heap[0]);
        if (heap == NULL)
            return false;
        n->heap = heap;
        n->heap_max = max;
    }
    heap_up(n, n->heap_count++, entry_of(t));
    return true;
}

static void heap_remove(struct weir__near *n, size_t i) {
    struct weir__near_entry last = n->heap[--n->heap_count];
    if (i == n->heap_count)
        return;
    if (i > 0 && before(&last, &n->heap[(i - 1) / FANOUT]))
        heap_up(n, i, last);
    else
        heap_down(n, i, last);
}

/* ---- both ----------------------------------------------------------------------------------- */

void weir__near_remove(struct weir__near *n, struct weir__timer *t) {
    size_t i = index_of(t);
    if ((t->priv[0] & 3) == WEIR__NEAR_HEAP) {
        WEIR_CHECK(i < n->heap_count && n->heap[i].timer == t);
        heap_remove(n, i);
        return;
    }
    WEIR_CHECK(i < n->run_count && n->run[i].timer == t);
    n->run[i].timer = NULL;
    while (n->run_first < n->run_count && n->run[n->run_first].timer == NULL)
        n->run_first++;
}

struct weir__timer *weir__near_first(struct weir__near *n) {
    bool run = n->run_first < n->run_count;
    if (n->heap_count == 0)
        return run ? n->run[n->run_first].timer : NULL;
    if (run && before(&n->run[n->run_first], &n->heap[0]))
        return n->run[n->run_first].timer;
    return n->heap[0].timer;
}
