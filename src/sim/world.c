/* SPDX-License-Identifier: MIT */
/* world.c - making and freeing a simulated world; which world this thread is in, and what its loops
 * hold. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "sim/disk.h"
#include "sim/door.h"

static _Thread_local struct sim_world *here;

struct sim_world *weir__sim_world_here(void) {
    return here;
}

void weir__sim_world_enter(struct sim_world *w) {
    here = w;
}

bool weir__sim_seed_asked(uint64_t *ret_seed) {
    const char *text = getenv("WEIR_SEED");
    char *end = NULL;
    if (text == NULL || *text == '\0')
        return false;
    *ret_seed = strtoull(text, &end, 10);
    if (*end != '\0')
        WEIR_BUG("WEIR_SEED is \"%s\", and that is no number", text);
    return true;
}

void weir__sim_config_defaults(struct sim_config *c) {
    uint64_t seed = 0;
    weir__sim_seed_asked(&seed);
    *c = (struct sim_config){
        .seed = seed != 0 ? seed : 1,
        .permutes = seed != 0,
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
        .disk_size = 64 << 20,
    };
}

struct sim_world *weir__sim_world_new(const struct sim_config *c, const char *host_name) {
    return weir__sim_world_replay(c, host_name, NULL);
}

struct sim_world *weir__sim_world_replay(const struct sim_config *c, const char *host_name,
                                         const struct sim_choices *replay) {
    struct sim_world *w = weir__sim_alloc(sizeof *w);
    w->config = *c;
    w->now_ns = SIM_START_NS;
    weir__sim_chance_init(&w->chance, c->seed, replay);
    weir__list_init(&w->listeners);
    weir__list_init(&w->walls);
    w->wall_offset_ns = SIM_WALL_NS - SIM_START_NS;
    weir__list_init(&w->instances);
    weir__sim_host_add(w, host_name);
    return w;
}

struct sim_program {
    struct sim_program *next;
    sim_player *played;
    char name[];
};

static struct sim_program *program_of(const struct sim_world *w, const char *name) {
    struct sim_program *p = w->programs;
    while (p != NULL && strcmp(p->name, name) != 0)
        p = p->next;
    return p;
}

void weir__sim_program_set(struct sim_world *w, const char *name, sim_player *played) {
    struct sim_program *p = program_of(w, name);
    if (p == NULL) {
        size_t size = strlen(name) + 1;
        p = weir__sim_alloc(sizeof *p + size);
        memcpy(p->name, name, size);
        p->next = w->programs;
        w->programs = p;
    }
    p->played = played;
}

sim_player *weir__sim_program(const struct sim_world *w, const char *name) {
    const struct sim_program *p = program_of(w, name);
    return p != NULL ? p->played : NULL;
}

void weir__sim_world_free(struct sim_world *w) {
    WEIR_CHECK(weir__list_empty(&w->instances));
    for (struct sim_program *p = w->programs, *next; p != NULL; p = next) {
        next = p->next;
        free(p);
    }
    for (size_t i = 0; i < w->sock_cap; i++)
        if (w->socks[i] != NULL)
            weir__sim_sock_free(w->socks[i]);
    /* What is left are segments in flight: each is an allocation that begins with its event. */
    for (size_t i = 0; i < w->heap_len; i++)
        free(w->heap[i]);
    for (int i = 0; i < w->host_count; i++)
        free(w->hosts[i].ports);
    weir__sim_disk_free(w);
    weir__sim_chance_fini(&w->chance);
    free(w->hosts);
    free(w->links);
    free(w->socks);
    free(w->heap);
    if (here == w)
        here = NULL;
    free(w);
}

size_t weir__sim_lent(const struct sim_world *w) {
    size_t count = 0;
    for (struct weir__list *i = w->instances.next; i != &w->instances; i = i->next)
        count += w->config.piece_count - WEIR_CONTAINER(i, struct sim, link)->free_count;
    return count;
}

size_t weir__sim_pending(const struct sim_world *w) {
    size_t count = 0;
    for (struct weir__list *i = w->instances.next; i != &w->instances; i = i->next)
        count += WEIR_CONTAINER(i, struct sim, link)->held;
    return count;
}
