/* SPDX-License-Identifier: MIT */
/* deferred.h - the layout of a Deferred, for the files of this room: the chain, and what is built
 * on it (lists, timeouts, tasks and futures that wait). */
#ifndef WEIR_CALLBACK_DEFERRED_H
#define WEIR_CALLBACK_DEFERRED_H

#include <weir/deferred.h>

#include "task/failure.h"
#include "task/soon.h"

/* One element of a chain. For a plain one the library owns the memory: dropped is NULL, and it is
 * freed after its function was called. An element of an object of this room is that object's. */
struct step {
    struct step *next;
    weir_on_result *callback, *errback; /* NULL: pass on */
    void *callback_arg, *errback_arg;
    void (*taken)(struct step *s);   /* instead of freeing it: it is out of the chain, and next */
    void (*dropped)(struct step *s); /* likewise: it will never be reached */
};

/* The states of a Deferred:
 *   fired no                      nothing has passed
 *   fired yes, waits_for NULL     result is the one behind the last function that ran
 *   fired yes, waits_for set      a function returned weir_wait_for: onward stands in the chain of
 *                                 that other Deferred, and holds a reference to this one
 *   fired yes, orphan             that other one was freed without a result: the chain stands still
 *                                 until a cancel */
struct weir_deferred {
    uint32_t refs;
    bool fired;
    bool swallows; /* it was cancelled without a canceller: the next fire has no effect */
    bool orphan;   /* what it waited for was freed unfired: there is no result to go on with */
    bool runs;     /* a function of its chain runs now */
    bool stacked;  /* it is in a list of run_chain: below is in use */
    uint32_t waited; /* how many others wait in its chain */
    struct weir_result result;     /* rc 0 or < 0; the error is in failure too */
    struct weir__failure failure;
    struct step *first, **last;
    struct step onward;
    struct weir_deferred *waits_for; /* no reference: it takes onward out when it is freed */
    struct weir_deferred *below;
    const struct weir_site *site;
    void (*canceller)(struct weir_deferred *d, void *arg);
    void *canceller_arg;
    void (*cancel)(struct weir_deferred *d); /* instead of all that a cancel does, if not fired */
    void (*freed)(struct weir_deferred *d);  /* before its memory goes */
};

/* size: sizeof a struct that begins with a struct weir_deferred. */
int weir__deferred_make(const struct weir_site *site, size_t size, struct weir_deferred **ret_d);

/* Add an element of the caller's; cannot fail. The chain may run inside the call. */
void weir__deferred_add(struct weir_deferred *d, struct step *s);
/* Take an element out again before its turn, and put other (NULL: nothing) in its place. */
void weir__deferred_replace(struct weir_deferred *d, struct step *s, struct step *other);

/* As weir_deferred_fail, with a value beside the error. */
int weir__deferred_fail(struct weir_deferred *d, struct weir_result error);

/* Abort if d is NULL, or has been freed as far as that can be seen. */
void weir__deferred_assert(const struct weir_deferred *d, const char *call);

#endif
