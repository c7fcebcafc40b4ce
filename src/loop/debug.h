/* SPDX-License-Identifier: MIT */
/* debug.h - debug mode: who holds the loop for too long, with the stack while it does; what was
 * made and never closed, and where; what is closed twice. doc/design/debug.md describes it. Without
 * debug mode l->debug is NULL, and a turn pays for two looks at that. */
#ifndef WEIR_LOOP_DEBUG_H
#define WEIR_LOOP_DEBUG_H

#include <stdint.h>
#include <weir/base.h>

#include "loop/loop.h"

/* A stint is the time between two switches, or between two waits of the loop: what one task, or the
 * loop's own callbacks, do without letting others run. */
struct weir__stint {
    uint64_t number;
    weir_ns since; /* 0: the loop waits */
    const struct weir_site *site; /* of the task; NULL: the loop's own callbacks */
    char name[40];                /* a copy: the task may end meanwhile */
};

/* Write "task 'main' (program.c:12)" into buf and return buf. */
enum { WEIR__STINT_TEXT = 128 };
const char *weir__stint_text(const struct weir__stint *s, char buf[static WEIR__STINT_TEXT]);

/* Begin debug mode on this loop's thread. A stint of slow_ns and more is reported (0: 100 ms); not
 * in a simulation, whose time does not pass while a task runs. Returns 0, -ENOMEM, -EAGAIN (no
 * thread). */
int weir__debug_start(struct weir__loop *l, weir_ns slow_ns);
/* Log what was made and never closed, and end debug mode. Harmless without it. */
void weir__debug_stop(struct weir__loop *l);

/* A task's stint begins; site NULL: that of the loop's own callbacks. Ends the stint before. */
void weir__debug_stint(struct weir__loop *l, const char *name, const struct weir_site *site);
/* The loop begins to wait. */
void weir__debug_waits(struct weir__loop *l);

/* object was made for the user: kind is static ("stream"), what is its address or the like, pc the
 * place of the call. Harmless without debug mode, and if there is no memory to remember it. */
WEIR_API void weir__debug_made(struct weir__loop *l, const void *object, const char *kind,
                               const char *what, const void *pc);
/* An object begins in this memory that is not the user's yet, and perhaps never will be: a close of
 * what was there before is forgotten. */
WEIR_API void weir__debug_begins_here(struct weir__loop *l, const void *object);
static inline void weir__debug_begins(struct weir__loop *l, const void *object) {
    if (__builtin_expect(l->debug != NULL, 0))
        weir__debug_begins_here(l, object);
}
/* The user closed it. */
WEIR_API void weir__debug_closed(struct weir__loop *l, const void *object, const void *pc);
/* Abort, and name both places, if object, whose memory may be gone, was closed on the loop of this
 * thread before. call: for the text. pc NULL: the place of the call is not known. */
WEIR_API void weir__debug_not_closed(const struct weir__loop *l, const void *object,
                                     const char *call, const void *pc);

/* ---- between debug.c and watchdog.c ---- */

struct weir__watchdog;

/* Start a thread that watches this thread: it logs who, and the stack, when a stint has lasted
 * slow_ns, and again at ten times that, and so on. Returns 0, -ENOMEM, -EAGAIN. */
int weir__watchdog_start(const char *loop_name, weir_ns slow_ns, struct weir__watchdog **ret_w);
void weir__watchdog_stop(struct weir__watchdog *w); /* NULL is fine */
/* The stint of the watched thread is s from now on. */
void weir__watchdog_stint(struct weir__watchdog *w, const struct weir__stint *s);

#endif
