/* SPDX-License-Identifier: MIT */
/* process.h - what the library keeps once for the whole process. There is one struct weir__process:
 * every room hangs what it keeps into it, fork looks after all of it in one fixed order, and who
 * looks at a process from outside begins there. doc/design/structure.md says why. */
#ifndef WEIR_BASE_PROCESS_H
#define WEIR_BASE_PROCESS_H

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"

/* The parts, in the order of their locks: who holds the lock of one may take those of later ones,
 * and fork takes all of them from the first to the last. */
enum weir__part_place {
    WEIR__PART_OUT,      /* worker/line.c: its sink is the program's, and may log */
    WEIR__PART_LOG,      /* base/log.c: its sinks are the program's, and may call anything */
    WEIR__PART_LOOPS,    /* loop/registry.c */
    WEIR__PART_TASKS,    /* task/drive.c: has no lock */
    WEIR__PART_BACKENDS, /* sys/common.c: the names of backends from outside */
    WEIR__PART_POOL,     /* sys/pool.c: the helper threads */
    WEIR__PART_SIGNALS,  /* sys/signals.c */
    WEIR__PART_MODES,    /* sys/modes.c: terminals in raw mode */
    WEIR__PART_CRASHES,  /* task/crash.c: the handlers of crash reports */
    WEIR__PART_WATCHDOG, /* loop/watchdog.c: its handler */
    WEIR__PART_COPIES,   /* base/copies.c */
    WEIR__PART_LEVELS,   /* base/levels.c: asked wherever a line is logged */
    WEIR__PARTS
};

/* What a room keeps: one static object, described by one of these, which is constant. */
struct weir__part {
    const char *name;
    void *state;
    size_t size;
    pthread_mutex_t *lock;      /* fork takes it, and releases it in both processes; NULL: none */
    bool (*is_held_here)(void); /* has this thread the lock already, since it runs a sink of the
                                 * program? fork leaves it alone then. NULL: never */
    void (*fork_child)(void);   /* in the child, with all locks: what was the parent's is dead. It
                                 * logs nothing and allocates nothing. NULL: nothing to do */
};

/* The members up to `loops` stay where they are in every version of the library: another copy of
 * the library, and tools, read them in a process that they do not know. */
struct weir__process {
    char magic[8];             /* WEIR__PROCESS_MAGIC, without its NUL */
    uint32_t version;          /* of what follows `loops` */
    uint32_t size;             /* sizeof (struct weir__process) */
    char library[16];          /* the version of the library, as text */
    _Atomic uint32_t runs;     /* 0: this copy of the library has not opened a loop */
    uint32_t forks;            /* how often this process or one that it comes from was forked */
    struct weir__list loops;   /* the loops that have not ended, by struct weir_loop.living */
    const struct weir__part *parts[WEIR__PARTS]; /* NULL: the room is not there */
    sigset_t mask_before_fork; /* of the thread that forks; under the locks of all parts */
    bool has_hook;             /* fork calls ours; false: there was no memory to register it */
};

#define WEIR__PROCESS_MAGIC "weirproc"

/* The ELF note that leads to the struct: its 8 bytes say how far the struct is from them. */
#define WEIR__NOTE_NAME "weir"
enum { WEIR__PROCESS_VERSION = 1, WEIR__NOTE_PROCESS = 1, WEIR__PROCESS_WHY = 256 };

extern struct weir__process weir__process __attribute__((visibility("hidden")));

/* Hang a part in. From a constructor: fork looks after it from then on. */
void weir__process_add(enum weir__part_place place, const struct weir__part *part);

/* A loop is about to open. Any thread. Returns 0; -EEXIST with ret_why filled: another copy of the
 * library has opened loops in this process (copies.c); -ENOMEM: fork would not be looked after. */
int weir__process_begin(char ret_why[static WEIR__PROCESS_WHY]);

#endif
