/* SPDX-License-Identifier: MIT */
/* timers.c - a hierarchical wheel of timers. doc/design/loop.md draws it, follows one timer through
 * it, and gives the measurements.
 *
 * Time is cut into ticks, a tick's number into digits. A timer lies at the level of the highest
 * digit in which its tick differs from ts->tick, in the slot of that digit:
 *   invariant 1  a timer of ts->tick or before is in near.c; no timer of a later tick is
 *   invariant 2  every other timer's slot follows from its deadline and ts->tick alone
 *   invariant 3  so every timer of a level is before every timer of a higher level
 * ts->tick moves only forward: into the first occupied slot, which is then taken apart, or to a
 * tick before that slot, which changes no timer's highest differing digit. It may lag behind the
 * time, by less than a slot of level 1: turns follow each other faster than timers fire.
 * A slot of many timers is *open* while its parts are moved down; the rest lies too high. */
#include "loop/timers.h"

#include <string.h>

#include "base/alloc.h"
#include "base/check.h"
#include "loop/near.h"
#include "loop/timer_list.h"

enum {
    TICK_BITS = 12, /* 4 us */
    DIGIT_BITS = 8,
    SLOTS = 1 << DIGIT_BITS,
    LEVELS = (63 - TICK_BITS + DIGIT_BITS - 1) / DIGIT_BITS, /* 292 years */
    RIPE_MAX = 64,   /* a slot of level 1 (1 ms) with at most so many timers is sorted at once */
    APART_MAX = 1024, /* a higher one with at most so many is taken apart at once; of an open one */
    PART_MIN = 256, PART_MAX = 4096, PART_SHARE = 32, /* each firing moves so many of any time, */
    NEXT_MIN = 1024, NEXT_SHARE = 16, /* and if that is too slow, so many of those that are next */
    LEVEL_BITS = 3,  /* of priv[1], below the number of the arming: the level of its slot */
    CHUNK_MAX = 16,  /* entries; a power of 2 */
    HOLES_FREE = 64, /* a slot may have so many holes, */
    HOLES_TIMES = 3, /* and so many more for each timer in it, before it is squeezed */
    SPARE_MAX = 64,  /* chunks kept for later, beside as many as are in use */
    TRIM_MAX = 16    /* chunks given back at most by one firing */
};

struct entry {
    weir_ns deadline_ns;
    struct weir__timer *timer; /* NULL: a hole; its timer was disarmed */
};

struct chunk { /* all 16 entries are in use or holes, but for the slot's last chunk */
    struct chunk *before; /* the chunk filled before this one */
    struct entry entries[CHUNK_MAX];
};

struct slot { /* in order of arming */
    struct chunk *last; /* NULL: the slot is empty; else at least one entry is no hole */
    weir_ns least_ns;   /* no timer in it is earlier; exact unless stale */
    uint32_t count;     /* entries, holes included */
    uint32_t holes;
    bool stale;         /* the earliest timer was disarmed: least_ns is a lower bound */
};

struct weir__timers {
    int64_t tick;
    uint64_t armings;  /* number of the next one */
    weir_ns firing_ns; /* while firing: its now_ns; else INT64_MIN */
    weir_ns quiet_ns;  /* a firing before this time has nothing to do */
    unsigned open;     /* bit n: the slot of ts->tick's digit on level n is open */
    unsigned filled;   /* bit n: level n has an occupied slot */
    int64_t horizon[LEVELS]; /* of an open slot: its timers' ticks are not before, ts->tick is */
    struct list homeless; /* timers for which there was no memory in the wheel */
    struct list deferred; /* those which wait until a firing is over */
    struct weir__near near;
    struct chunk *spare;
    size_t spare_count, chunk_count; /* chunks that no slot has; chunks of slots */
    uint64_t occupied[LEVELS][SLOTS / 64];
    struct slot slots[LEVELS][SLOTS];
};

/* ---- chunks --------------------------------------------------------------------------------- */

static void prefetch_lines(const struct chunk *c) {
    for (size_t at = 0; at < sizeof *c; at += 64)
        __builtin_prefetch((const void *)((uintptr_t)c + at), 1); /* c may be NULL */
}

static struct chunk *chunk_get(struct weir__timers *ts) {
    struct chunk *c = ts->spare;
    if (c != NULL) {
        ts->spare = c->before;
        ts->spare_count--;
        prefetch_lines(ts->spare);
    } else {
        c = weir__alloc(sizeof *c);
    }
    ts->chunk_count += c != NULL;
    return c;
}

static void chunk_put(struct weir__timers *ts, struct chunk *c) {
    c->before = ts->spare;
    ts->spare = c;
    ts->spare_count++;
    ts->chunk_count--;
}

static bool has_too_many_chunks(const struct weir__timers *ts) {
    return ts->spare_count > SPARE_MAX + ts->chunk_count;
}

/* Give back some of what a burst needed: a little each turn, so that the next burst finds most of
 * it and no turn pays for all. */
static void chunks_trim(struct weir__timers *ts, size_t count) {
    while (count-- > 0 && has_too_many_chunks(ts)) {
        struct chunk *c = ts->spare;
        ts->spare = c->before;
        ts->spare_count--;
        weir__free(c);
    }
}

/* ---- slots ---------------------------------------------------------------------------------- */

static int64_t tick_of(weir_ns deadline_ns) {
    return deadline_ns >> TICK_BITS;
}

static unsigned level_of(const struct weir__timers *ts, int64_t tick) {
    return (63u - (unsigned)__builtin_clzll((uint64_t)(tick ^ ts->tick) | 1)) / DIGIT_BITS;
}

static unsigned digit_of(int64_t tick, unsigned level) {
    return (unsigned)(tick >> (level * DIGIT_BITS)) % SLOTS;
}

static void slot_mark(struct weir__timers *ts, unsigned level, unsigned digit, bool occupied) {
    uint64_t bit = (uint64_t)1 << digit % 64, *words = ts->occupied[level], any = 0;
    words[digit / 64] = occupied ? words[digit / 64] | bit : words[digit / 64] & ~bit;
    for (unsigned i = 0; i < SLOTS / 64; i++)
        any |= words[i];
    ts->filled = any != 0 ? ts->filled | 1u << level : ts->filled & ~(1u << level);
}

/* Add a chunk to a slot whose last chunk is full, or that has none. */
__attribute__((noinline)) static bool slot_grow(struct weir__timers *ts, unsigned level,
                                                unsigned digit) {
    struct slot *s = &ts->slots[level][digit];
    struct chunk *c = chunk_get(ts);
    if (c == NULL)
        return false;
    if (s->last == NULL) {
        slot_mark(ts, level, digit, true);
        s->least_ns = WEIR_NEVER;
        s->stale = false;
    }
    c->before = s->last;
    s->last = c;
    return true;
}

static inline bool slot_add(struct weir__timers *ts, struct weir__timer *t, weir_ns deadline_ns) {
    int64_t tick = tick_of(deadline_ns);
    unsigned level = level_of(ts, tick), digit = digit_of(tick, level);
    struct slot *s = &ts->slots[level][digit];
    size_t i = s->count % CHUNK_MAX;
    if (i == 0 && !slot_grow(ts, level, digit))
        return false;
    struct entry *e = &s->last->entries[i];
    *e = (struct entry){deadline_ns, t};
    t->priv[0] = (uint64_t)(uintptr_t)e;
    t->priv[1] = (t->priv[1] >> LEVEL_BITS << LEVEL_BITS) | level;
    s->count++;
    s->least_ns = deadline_ns < s->least_ns ? deadline_ns : s->least_ns;
    return true;
}

/* Empty a slot. Returns what was in it. */
static struct slot slot_detach(struct weir__timers *ts, unsigned level, unsigned digit) {
    struct slot s = ts->slots[level][digit];
    ts->slots[level][digit] = (struct slot){0};
    slot_mark(ts, level, digit, false);
    if (digit == digit_of(ts->tick, level))
        ts->open &= ~(1u << level);
    return s;
}

/* How many entries of a slot's last chunk are in use or are holes. */
static size_t slot_last_count(const struct slot *s) {
    return s->last ? (s->count - 1) % CHUNK_MAX + 1 : 0;
}

/* Find the slot with the earliest timers, open ones left out. Returns false if there is none. */
static bool slot_first(const struct weir__timers *ts, unsigned *ret_level, unsigned *ret_digit) {
    if (ts->filled == 0)
        return false;
    unsigned level = (unsigned)__builtin_ctz(ts->filled), word = 0;
    while (ts->occupied[level][word] == 0)
        word++;
    *ret_level = level;
    *ret_digit = word * 64 + (unsigned)__builtin_ctzll(ts->occupied[level][word]);
    return true;
}

/* The first tick of a slot. */
static int64_t slot_tick(const struct weir__timers *ts, unsigned level, unsigned digit) {
    int64_t above = ts->tick >> ((level + 1) * DIGIT_BITS);
    return (above << DIGIT_BITS | digit) << (level * DIGIT_BITS);
}

static void slot_refresh(struct slot *s) {
    weir_ns least_ns = WEIR_NEVER;
    size_t count = slot_last_count(s);
    for (const struct chunk *c = s->last; c != NULL; c = c->before, count = CHUNK_MAX)
        for (size_t i = 0; i < count; i++)
            if (c->entries[i].timer != NULL && c->entries[i].deadline_ns < least_ns)
                least_ns = c->entries[i].deadline_ns;
    s->least_ns = least_ns;
    s->stale = false;
}

/* ---- placing and taking apart --------------------------------------------------------------- */

static inline void place(struct weir__timers *ts, struct weir__timer *t, weir_ns deadline_ns) {
    bool placed = tick_of(deadline_ns) <= ts->tick ? weir__near_add(&ts->near, t)
                                                   : slot_add(ts, t, deadline_ns);
    if (!placed)
        list_add(&ts->homeless, t);
}

/* Put a timer of a slot that is taken apart into one of a lower level. */
static inline void move_down(struct weir__timers *ts, struct entry e) {
    if (!slot_add(ts, e.timer, e.deadline_ns))
        list_add(&ts->homeless, e.timer);
}

static void place_all(struct weir__timers *ts, struct list *l) {
    struct weir__timer *t = l->first, *next;
    l->first = NULL;
    for (; t != NULL; t = next) {
        next = next_of(t);
        place(ts, t, t->deadline_ns);
    }
}

static inline void prefetch_timer(const struct weir__timer *t) { /* NULL is fine */
    __builtin_prefetch((const void *)((uintptr_t)t + offsetof(struct weir__timer, priv)), 1);
}

/* When there are many timers, each is a cache miss: fetch the timers of the chunk that comes next,
 * and the chunk behind it. */
static void prefetch_chunk(const struct chunk *c) {
    if (c == NULL)
        return;
    for (size_t i = 0; i < CHUNK_MAX; i++)
        prefetch_timer(c->entries[i].timer);
    prefetch_lines(c->before);
}

enum into { INTO_SLOTS, INTO_NEAR, INTO_RUN };

/* Move the timers of a detached slot, the last first, to the place that into names; free its
 * chunks. */
static void slot_empty(struct weir__timers *ts, struct slot s, enum into into) {
    size_t count = slot_last_count(&s);
    for (struct chunk *c = s.last, *before; c != NULL; c = before, count = CHUNK_MAX) {
        before = c->before;
        prefetch_chunk(before);
        while (count-- > 0) {
            struct entry e = c->entries[count];
            if (e.timer == NULL)
                continue;
            if (into == INTO_RUN)
                weir__near_run_append(&ts->near, e.timer);
            else if (into == INTO_NEAR)
                place(ts, e.timer, e.deadline_ns);
            else
                move_down(ts, e);
        }
        chunk_put(ts, c);
    }
}

/* Make all timers of a slot near, as a sorted run. near.c is empty before. */
static void slot_ripen(struct weir__timers *ts, unsigned level, unsigned digit) {
    struct slot s = slot_detach(ts, level, digit);
    if (!weir__near_run_begin(&ts->near, s.count - s.holes)) {
        slot_empty(ts, s, INTO_NEAR);
        return;
    }
    slot_empty(ts, s, INTO_RUN);
    weir__near_run_sort(&ts->near);
}

/* ---- open slots ----------------------------------------------------------------------------- */

static struct slot *open_slot(struct weir__timers *ts, unsigned level) {
    return &ts->slots[level][digit_of(ts->tick, level)];
}

static void open_close(struct weir__timers *ts, unsigned level) {
    slot_empty(ts, slot_detach(ts, level, digit_of(ts->tick, level)), INTO_SLOTS);
}

/* Take the last chunk of an open slot out, and put its timers where they belong now. */
static void open_move_chunk(struct weir__timers *ts, struct slot *s) {
    struct chunk *c = s->last;
    size_t count = slot_last_count(s);
    s->last = c->before;
    s->count -= (uint32_t)count;
    s->stale = true;
    prefetch_chunk(c->before);
    while (count-- > 0) {
        struct entry e = c->entries[count];
        if (e.timer != NULL)
            move_down(ts, e);
        else
            s->holes--;
    }
    chunk_put(ts, c);
}

/* Move all timers before end_ns out of an open slot, and leave holes. */
static void open_move_before(struct weir__timers *ts, struct slot *s, weir_ns end_ns) {
    weir_ns least_ns = WEIR_NEVER;
    size_t count = slot_last_count(s);
    for (struct chunk *c = s->last; c != NULL; c = c->before, count = CHUNK_MAX) {
        const struct chunk *next = c->before;
        prefetch_lines(next != NULL ? next->before : NULL);
        for (size_t i = 0; next != NULL && i < CHUNK_MAX; i++)
            if (next->entries[i].deadline_ns < end_ns)
                prefetch_timer(next->entries[i].timer);
        for (size_t i = 0; i < count; i++) {
            struct entry *e = &c->entries[i];
            if (e->timer != NULL && e->deadline_ns < end_ns) {
                move_down(ts, *e);
                e->timer = NULL;
                s->holes++;
            } else if (e->timer != NULL && e->deadline_ns < least_ns) {
                least_ns = e->deadline_ns;
            }
        }
    }
    s->least_ns = least_ns;
    s->stale = false;
}

/* Move the horizon beyond now, by as many slots of the level below as a NEXT_SHARE fills. */
static void open_look_ahead(struct weir__timers *ts, unsigned level, int64_t now) {
    struct slot *s = open_slot(ts, level);
    unsigned bits = level * DIGIT_BITS, step = bits - DIGIT_BITS;
    uint32_t alive = s->count - s->holes, part = alive / NEXT_SHARE;
    while (step < bits && alive >> (bits - step - 1) <= (part > NEXT_MIN ? part : NEXT_MIN))
        step++;
    ts->horizon[level] = ((now >> step) + 1) << step;
    bool inside = ts->horizon[level] >> bits == ts->tick >> bits;
    if (inside)
        open_move_before(ts, s, ts->horizon[level] << TICK_BITS);
    if (!inside || s->count == s->holes)
        open_close(ts, level);
}

/* A firing begins: what is due must be in no open slot. Highest first: one may fill one below. */
static __attribute__((noinline)) void open_go_on(struct weir__timers *ts, weir_ns now_ns) {
    int64_t now = tick_of(now_ns);
    for (unsigned level = LEVELS - 1; level > 1; level--) {
        struct slot *s = open_slot(ts, level);
        if ((ts->open >> level & 1) == 0)
            continue;
        uint32_t share = s->count / PART_SHARE, part = share > PART_MIN ? share : PART_MIN;
        for (uint32_t n = 0; n < part && n < PART_MAX && s->last != NULL; n += CHUNK_MAX)
            open_move_chunk(ts, s);
        if (s->count == s->holes)
            open_close(ts, level);
        else if (ts->horizon[level] <= now)
            open_look_ahead(ts, level, now);
    }
}

/* The earliest time that an open slot may have a timer for; at most least_ns. */
static __attribute__((cold, noinline)) weir_ns open_least(struct weir__timers *ts,
                                                          weir_ns least_ns, bool exact) {
    for (unsigned level = 2; level < LEVELS; level++) {
        struct slot *s = open_slot(ts, level);
        weir_ns first_ns = ts->horizon[level] << TICK_BITS;
        if ((ts->open >> level & 1) == 0 || first_ns >= least_ns)
            continue;
        if (s->stale && exact)
            slot_refresh(s);
        first_ns = s->least_ns > first_ns ? s->least_ns : first_ns;
        least_ns = first_ns < least_ns ? first_ns : least_ns;
    }
    return least_ns;
}

/* Move ts->tick into the slot. If its timers are few or of one tick, move to the slot's last tick:
 * all of them become near. Otherwise move to its first tick: the timers go into slots of lower
 * levels, and those of that first tick, which meet in one slot of level 0, become near together. */
static __attribute__((noinline)) void slot_enter(struct weir__timers *ts, unsigned level,
                                                 unsigned digit) {
    const struct slot *s = &ts->slots[level][digit];
    ts->tick = slot_tick(ts, level, digit);
    if (level == 0 || (level == 1 && s->count - s->holes <= RIPE_MAX)) {
        ts->tick += ((int64_t)1 << level * DIGIT_BITS) - 1;
        slot_ripen(ts, level, digit);
        return;
    }
    slot_mark(ts, level, digit, false);
    ts->open |= 1u << level;
    if (s->count - s->holes > APART_MAX && level > 1)
        open_look_ahead(ts, level, tick_of(ts->firing_ns));
    else
        open_close(ts, level);
    digit = digit_of(ts->tick, 0);
    if (ts->slots[0][digit].last != NULL)
        slot_ripen(ts, 0, digit);
}

/* Take a timer out of its slot. It leaves a hole, unless it was the slot's last entry. Moving
 * another entry into the hole would cost a cache miss on that entry's timer; to squeeze out many
 * holes at once costs less. */
static inline void slot_remove(struct weir__timers *ts, struct weir__timer *t) {
    unsigned level = t->priv[1] % (1u << LEVEL_BITS);
    unsigned digit = digit_of(tick_of(t->deadline_ns), level);
    struct slot *s = &ts->slots[level][digit];
    struct entry *e = (struct entry *)(uintptr_t)t->priv[0];
    s->stale |= t->deadline_ns == s->least_ns;
    size_t last = (s->count - 1) % CHUNK_MAX;
    if (e == &s->last->entries[last] && last > 0) {
        s->count--;
    } else {
        e->timer = NULL;
        s->holes++;
    }
    WEIR_CHECK(s->holes <= s->count); /* it was in this slot */
    if (s->holes == s->count || s->holes > HOLES_TIMES * (s->count - s->holes) + HOLES_FREE)
        slot_empty(ts, slot_detach(ts, level, digit), INTO_SLOTS);
}

/* Enter the first occupied slot if one of its timers may be due. Returns whether it did. */
static bool advance(struct weir__timers *ts, weir_ns now_ns) {
    unsigned level, digit;
    if (!slot_first(ts, &level, &digit) || ts->slots[level][digit].least_ns > now_ns)
        return false;
    slot_enter(ts, level, digit);
    return true;
}

/* No timer is due: move ts->tick to now, but not into the first occupied slot. */
static void catch_up(struct weir__timers *ts, weir_ns now_ns) {
    unsigned level, digit;
    int64_t tick = tick_of(now_ns);
    if (slot_first(ts, &level, &digit) && slot_tick(ts, level, digit) <= tick)
        tick = slot_tick(ts, level, digit) - 1;
    if (tick > ts->tick)
        ts->tick = tick;
}

/* Until when do firings have nothing to do? A timer may be due, or the tick must catch up so that
 * it stays in the slot of level 1 of now. */
static weir_ns quiet_until(struct weir__timers *ts, weir_ns now_ns) {
    unsigned level, digit;
    int64_t next = (tick_of(now_ns) | (SLOTS - 1)) + 1; /* of level 1 */
    weir_ns quiet_ns = next > INT64_MAX >> TICK_BITS ? INT64_MAX : next << TICK_BITS;
    const struct weir__timer *t = weir__near_first(&ts->near);
    bool has_work = ts->open != 0 || ts->homeless.first != NULL || has_too_many_chunks(ts);
    if (has_work)
        return INT64_MIN;
    if (t != NULL && t->deadline_ns < quiet_ns)
        quiet_ns = t->deadline_ns;
    if (slot_first(ts, &level, &digit) && ts->slots[level][digit].least_ns < quiet_ns)
        quiet_ns = ts->slots[level][digit].least_ns;
    return quiet_ns;
}

/* ---- the contract --------------------------------------------------------------------------- */

int weir__timers_new(weir_ns now_ns, struct weir__timers **ret_timers) {
    struct weir__timers *ts = weir__alloc_zero(sizeof *ts);
    if (ts == NULL)
        return -ENOMEM;
    ts->tick = now_ns > 0 ? tick_of(now_ns) : 0;
    ts->firing_ns = ts->quiet_ns = INT64_MIN;
    *ret_timers = ts;
    return 0;
}

bool weir__timers_armed(struct weir__timers *ts) {
    unsigned level, digit;
    return slot_first(ts, &level, &digit) || ts->open != 0
           || weir__near_first(&ts->near) != NULL;
}

void weir__timers_free(struct weir__timers *ts) {
    if (ts == NULL)
        return;
    if (weir__timers_armed(ts))
        WEIR_BUG("timers were freed while a timer was armed");
    WEIR_CHECK(ts->homeless.first == NULL && ts->deferred.first == NULL);
    while (ts->spare != NULL) {
        struct chunk *c = ts->spare;
        ts->spare = c->before;
        weir__free(c);
    }
    weir__near_fini(&ts->near);
    weir__free(ts);
}

static void take_out(struct weir__timers *ts, struct weir__timer *t) {
    switch (t->priv[0] & 3) {
    case WEIR__NEAR_RUN:
    case WEIR__NEAR_HEAP:
        weir__near_remove(&ts->near, t);
        break;
    case LISTED:
        if (!list_remove(&ts->deferred, t) && !list_remove(&ts->homeless, t))
            WEIR_BUG("a timer is armed elsewhere");
        break;
    default:
        slot_remove(ts, t);
    }
    t->priv[0] = 0;
}

void weir__timer_disarm(struct weir__timers *ts, struct weir__timer *t) {
    if (weir__timer_armed(t))
        take_out(ts, t);
}

void weir__timer_arm(struct weir__timers *ts, struct weir__timer *t, weir_ns deadline_ns) {
    if (weir__timer_armed(t))
        take_out(ts, t);
    t->deadline_ns = deadline_ns;
    if (deadline_ns == WEIR_NEVER)
        return;
    t->priv[1] = ts->armings++ << LEVEL_BITS;
    if (deadline_ns < ts->quiet_ns)
        ts->quiet_ns = deadline_ns;
    if (deadline_ns <= ts->firing_ns)
        list_add(&ts->deferred, t);
    else
        place(ts, t, deadline_ns);
}

weir_ns weir__timers_next(struct weir__timers *ts, bool exact) {
    weir_ns next_ns = WEIR_NEVER;
    unsigned level, digit;
    const struct weir__timer *t = weir__near_first(&ts->near);
    if (t != NULL) {
        next_ns = t->deadline_ns;
    } else if (slot_first(ts, &level, &digit)) {
        struct slot *s = &ts->slots[level][digit];
        if (s->stale && (exact || s->count <= CHUNK_MAX))
            slot_refresh(s);
        next_ns = s->least_ns;
    }
    if (__builtin_expect(ts->open != 0, 0))
        next_ns = open_least(ts, next_ns, exact);
    t = list_earliest(&ts->homeless);
    return t != NULL && t->deadline_ns < next_ns ? t->deadline_ns : next_ns;
}

/* The timer to fire next; NULL if none is due. Slots are entered first: a homeless timer can only
 * be compared with the near ones when all due timers of the wheel are near. */
static struct weir__timer *next_due(struct weir__timers *ts, weir_ns now_ns) {
    struct weir__timer *t = weir__near_first(&ts->near);
    while ((t == NULL || t->deadline_ns > now_ns) && advance(ts, now_ns))
        t = weir__near_first(&ts->near);
    struct weir__timer *homeless = list_earliest(&ts->homeless);
    if (homeless != NULL && (t == NULL || weir__timer_before(homeless, t)))
        t = homeless;
    return t != NULL && t->deadline_ns <= now_ns ? t : NULL;
}

size_t weir__timers_fire(struct weir__timers *ts, weir_ns now_ns) {
    size_t fired = 0;
    struct weir__timer *t;
    WEIR_CHECK(ts->firing_ns == INT64_MIN);
    if (__builtin_expect(now_ns < ts->quiet_ns, 1))
        return 0;
    if (ts->homeless.first != NULL)
        place_all(ts, &ts->homeless);
    ts->firing_ns = now_ns;
    if (__builtin_expect(ts->open != 0, 0))
        open_go_on(ts, now_ns);
    while ((t = next_due(ts, now_ns)) != NULL) {
        weir__near_prefetch(&ts->near);
        take_out(ts, t);
        fired++;
        t->fire(t);
    }
    ts->firing_ns = INT64_MIN;
    catch_up(ts, now_ns);
    place_all(ts, &ts->deferred);
    weir__near_trim(&ts->near);
    chunks_trim(ts, TRIM_MAX);
    ts->quiet_ns = quiet_until(ts, now_ns);
    return fired;
}
