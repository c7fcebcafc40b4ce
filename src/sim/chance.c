/* SPDX-License-Identifier: MIT */
/* chance.c - choices, their record and their replay; the digest. Uses no other file of the room. */
#include "sim/chance.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "sim/sim.h"

/* One step of a generator whose state is x. */
static uint64_t mixed(uint64_t x) {
    struct weir__random r = {x};
    return weir__random_next(&r);
}

void weir__sim_chance_init(struct sim_chance *c, uint64_t seed, const struct sim_choices *replay) {
    memset(c, 0, sizeof *c);
    c->bytes.state = seed;
    for (unsigned kind = 0; kind < SIM_KINDS; kind++)
        c->streams[kind].state = mixed(mixed(seed) + kind + 1);
    c->replay = replay;
}

void weir__sim_choices_free(struct sim_choices *l) {
    free(l->list);
    *l = (struct sim_choices){0};
}

void weir__sim_chance_fini(struct sim_chance *c) {
    weir__sim_choices_free(&c->made);
}

static void record(struct sim_choices *l, struct sim_choice choice) {
    if (l->count == SIM_CHOICES_MAX)
        return;
    if (l->count == l->cap) {
        l->cap = l->cap ? 2 * l->cap : 64;
        l->list = realloc(l->list, l->cap * sizeof *l->list);
        WEIR_CHECK(l->list != NULL);
    }
    l->list[l->count++] = choice;
}

static uint32_t replayed(struct sim_chance *c, enum sim_choice_kind kind, uint32_t n) {
    const struct sim_choices *l = c->replay;
    size_t *at = &c->next[kind];
    while (*at < l->count && l->list[*at].kind != kind)
        ++*at;
    return *at < l->count ? (uint32_t)(l->list[(*at)++].chosen % n) : 0;
}

uint32_t weir__choose(struct sim_world *w, enum sim_choice_kind kind, uint32_t n) {
    struct sim_chance *c = &w->chance;
    WEIR_CHECK(n > 0 && n <= SIM_CHOICE_MASK);
    bool orders = kind <= SIM_ORDERS || kind == SIM_DETACH;
    if (n == 1 || (orders && !w->config.permutes))
        return 0;
    uint32_t chosen = c->replay != NULL ? replayed(c, kind, n)
                                        : (uint32_t)weir__random_below(&c->streams[kind], n);
    c->count++;
    record(&c->made, (struct sim_choice){.kind = kind,
                                        .n = n & SIM_CHOICE_MASK,
                                        .chosen = chosen & SIM_CHOICE_MASK});
    weir__sim_note(w, SIM_NOTE_CHOICE, (uint64_t)kind << 60 | (uint64_t)n << 30 | chosen);
    return chosen;
}

void weir__sim_random_bytes(struct sim_world *w, void *buf, size_t len) {
    uint8_t *to = buf;
    for (size_t i = 0; i < len; i++)
        to[i] = (uint8_t)(weir__random_next(&w->chance.bytes) >> 32);
}

void weir__sim_note(struct sim_world *w, enum sim_note what, uint64_t number) {
    w->chance.digest = mixed(w->chance.digest ^ mixed(number + what));
}

void weir__sim_note_bytes(struct sim_world *w, const void *bytes, size_t len) {
    const uint8_t *from = bytes;
    uint64_t sum = len, word;
    for (; len >= sizeof word; from += sizeof word, len -= sizeof word) {
        memcpy(&word, from, sizeof word);
        sum = mixed(sum ^ word);
    }
    word = 0;
    for (size_t i = 0; i < len; i++)
        word |= (uint64_t)from[i] << 8 * i;
    weir__sim_note(w, SIM_NOTE_BYTES, mixed(sum ^ word));
}
