/* SPDX-License-Identifier: MIT */
/* chance.h - the only source of chance in a simulated world, and the digest of what happened there.
 * Each kind of choice draws from a stream of its own, so that one choice more of one kind shifts no
 * other. Each choice is recorded. A list of choices can be replayed; then no stream is used. The
 * choice 0 is always the plain one: first in, first out, nothing late, nothing lost. So a list from
 * which choices are taken away is still a list that a world can run. */
#ifndef WEIR_SIM_CHANCE_H
#define WEIR_SIM_CHANCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/random.h"

struct sim_world;

enum sim_choice_kind {
    /* Not asked where config.permutes is false: these are 0 there, and not recorded. */
    SIM_TASK, /* which of the ready tasks of a batch runs next */
    SIM_OP,   /* which of the completed ops comes back next */
    SIM_TIE,  /* which of the events of one instant comes first */
    SIM_CUT,  /* whether a segment is shorter than it could be; then, how long it is */
    SIM_JOB,  /* how long a job of RESOLVE or WORK takes */
    SIM_ORDERS = SIM_JOB,
    SIM_JITTER,
    SIM_LOSS,
    SIM_PORT,     /* the first ephemeral port of a host */
    SIM_LISTENER, /* which of the sockets that share a port gets a connection, or a datagram */
    SIM_DETACH,   /* how a file leaves its loop; 0 also where config.permutes is false */
    SIM_TWICE,    /* whether a datagram arrives twice */
    SIM_KINDS
};

struct sim_choice {
    uint64_t kind : 4, n : 30, chosen : 30;
};
enum { SIM_CHOICE_MASK = (1 << 30) - 1 };

/* SIM_CHOICES_MAX: 32 MiB. Choices past it are made, and are not recorded. */
enum { SIM_CHOICES_MAX = 1 << 22 };

struct sim_choices { /* outside the counted heap */
    struct sim_choice *list;
    size_t count, cap;
};

struct sim_chance {
    struct weir__random streams[SIM_KINDS], bytes;
    struct sim_choices made;
    const struct sim_choices *replay; /* NULL: the streams decide */
    size_t next[SIM_KINDS];           /* where to look for the next one of a kind in replay */
    uint64_t count, digest;
};

/* replay may be NULL; it is borrowed until fini. */
void weir__sim_chance_init(struct sim_chance *c, uint64_t seed, const struct sim_choices *replay);
void weir__sim_chance_fini(struct sim_chance *c);
void weir__sim_choices_free(struct sim_choices *l);

/* Returns 0 .. n-1; n is 1 .. 2^30 - 1. With n == 1 nothing is asked. A replay takes the next
 * choice of this kind from its list, modulo n; 0 when there is none left. */
uint32_t weir__choose(struct sim_world *w, enum sim_choice_kind kind, uint32_t n);

/* Random bytes for the program. They are a function of the seed alone, and no choice: a replay
 * needs the seed for them. */
void weir__sim_random_bytes(struct sim_world *w, void *buf, size_t len);

/* Enter into the digest what happened: one number, or the bytes that a program received. */
enum sim_note {
    SIM_NOTE_CHOICE = 1,
    SIM_NOTE_RESUME,
    SIM_NOTE_EVENT,
    SIM_NOTE_CLOCK,
    SIM_NOTE_BYTES
};
void weir__sim_note(struct sim_world *w, enum sim_note what, uint64_t number);
void weir__sim_note_bytes(struct sim_world *w, const void *bytes, size_t len);

#endif
