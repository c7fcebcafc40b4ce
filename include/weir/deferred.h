/* SPDX-License-Identifier: MIT */
/* deferred.h - Deferreds, for programs that come from Twisted: a result that comes later, and a
 * chain of functions that it passes through. New code is shorter and safer with tasks
 * (weir/task.h); a bridge between callbacks and tasks is a future (weir/future.h). */
#ifndef WEIR_DEFERRED_H
#define WEIR_DEFERRED_H

#include <stdbool.h>
#include <stddef.h>
#include <weir/future.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A Deferred belongs to no loop, but to one thread: a program without a loop may use it. The calls
 * do not check the thread: another one posts a function that fires it (weir_post). Functions of its
 * chain are callbacks (weir/callback.h): they must not suspend. */
struct weir_deferred;

/* What passes through a chain. In a function that gets an error, weir_error_message(rc) has the
 * text of its record; a function that returns a new error may describe it by weir_fail. value stays
 * its owner's: a Deferred neither copies nor frees it. */
struct weir_result {
    int rc;      /* 0: value is the result; < 0: an error */
    void *value; /* may be set beside an error too */
};

typedef struct weir_result weir_on_result(struct weir_result r, void *arg);

/* Make a Deferred, with one reference. canceller(d, arg) is what weir_deferred_cancel calls; NULL:
 * nothing. The macro passes the place of the call, which is logged with an unhandled error.
 * Returns 0, -ENOMEM. */
WEIR_API int weir_deferred_new(void (*canceller)(struct weir_deferred *d, void *arg), void *arg,
                               struct weir_deferred **ret_d);
WEIR_API int weir_deferred_new_at(const struct weir_site *site,
                                  void (*canceller)(struct weir_deferred *d, void *arg), void *arg,
                                  struct weir_deferred **ret_d);
#define weir_deferred_new(...) weir_deferred_new_at(WEIR_SITE(weir_deferred_new), __VA_ARGS__)

/* Take, and give back, a reference. Whoever will fire a Deferred needs one of its own besides that
 * of whoever gets it. The last unref frees d. If the present result of its chain is an error, which
 * no function has handled, it is logged then. If it was never fired, its functions are not called,
 * and a Deferred that waits for d goes on only when it is cancelled. NULL and *NULL are fine for
 * unref. */
WEIR_API struct weir_deferred *weir_deferred_ref(struct weir_deferred *d);
WEIR_API void weir_deferred_unref(struct weir_deferred **take_d);

/* Add functions at the end of the chain. If the result there is a value, callback(r, callback_arg)
 * gets it; if it is an error, errback(r, errback_arg) does. A NULL passes the result on unchanged.
 * What the function returns is the result for the next: so a callback can fail, and an errback can
 * turn an error into a value. weir_wait_for(e) makes the chain wait for another Deferred.
 * Functions run inside weir_deferred_fire, or inside this very call if d has fired already and does
 * not wait; one that is added by a function of this chain runs after that has returned. Chains of
 * any length need no deep stack.
 * Returns 0; -ENOMEM, nothing was added then. */
WEIR_API int weir_deferred_add_callbacks(struct weir_deferred *d, weir_on_result *callback,
                                         void *callback_arg, weir_on_result *errback,
                                         void *errback_arg);
WEIR_API int weir_deferred_add_callback(struct weir_deferred *d, weir_on_result *callback,
                                        void *arg);
WEIR_API int weir_deferred_add_errback(struct weir_deferred *d, weir_on_result *errback, void *arg);
WEIR_API int weir_deferred_add_both(struct weir_deferred *d, weir_on_result *both, void *arg);

/* For a function of a chain to return: wait for take_d, and go on with its result, which take_d's
 * own chain does not have any more (it goes on with NULL). The reference is given away: if it was
 * the last, take_d may be freed before the next function runs. The results of a list live only as
 * long as the list: a chain that waits for one, and reads them, needs another reference to it. The
 * chain must not wait for itself; it aborts then. Returns a result that only a chain understands.
 */
WEIR_API struct weir_result weir_wait_for(struct weir_deferred *take_d);

/* Fire a Deferred: pass value, or the error rc with its record, into its chain. The functions run
 * before the call returns. A Deferred is fired once. But if it was cancelled, and has no canceller,
 * the next fire is swallowed, so that the code that fires it need not know of the cancel.
 * Returns 0, also if it was swallowed; -EALREADY (d was fired before). fail aborts if rc >= 0. */
WEIR_API int weir_deferred_fire(struct weir_deferred *d, void *value);
WEIR_API int weir_deferred_fail(struct weir_deferred *d, int rc);

/* Cancel a Deferred. If it was not fired, its canceller is called, which may fire it; if it is
 * not fired after that, it fails with WEIR_ESTOPPED. If it waits for another Deferred, that one is
 * cancelled instead; if that was freed unfired, the chain goes on with WEIR_ESTOPPED. Else nothing
 * happens. */
WEIR_API void weir_deferred_cancel(struct weir_deferred *d);

/* Has d been fired? That its chain waits for another Deferred makes no difference. */
WEIR_API bool weir_deferred_is_fired(const struct weir_deferred *d);

/* Cancel d after timeout_ns, unless the result has passed this place of the chain by then. If the
 * timeout cancels it, WEIR_ESTOPPED becomes -ETIME here. Needs a loop.
 * Returns 0; -ENOMEM, WEIR_ENOLOOP, WEIR_EFORKED, WEIR_ECLOSED: nothing was added then. */
WEIR_API int weir_deferred_add_timeout(struct weir_deferred *d, weir_ns timeout_ns);

enum weir_deferred_list_flags {
    WEIR_FIRST_VALUE = 1,    /* fire with the first value; the others go on */
    WEIR_FIRST_ERROR = 2,    /* fail with the first error; the others go on */
    WEIR_CONSUME_ERRORS = 4, /* after the list, an error of ds[i] becomes NULL in ds[i]'s chain */
    WEIR_GATHER = WEIR_FIRST_ERROR /* all values, or the first error: Twisted's gatherResults */
};

/* Make a Deferred of n others: it fires when all of them have passed the functions that this call
 * adds to their chains. Its value is an array of n struct weir_result in the order of ds, which
 * lives as long as the list. Where WEIR_FIRST_VALUE or WEIR_FIRST_ERROR ends it early, the value
 * (beside an error: of errbacks) is a pointer to the element that did, so that its index can be
 * computed. If no element does, it is the array: with WEIR_FIRST_VALUE all have failed then, so
 * look at the rc of what the value points to. The array has codes; an errback on ds[i], added
 * before, sees the text. With n == 0 the list fires at once, unless WEIR_FIRST_VALUE is given.
 * To cancel it, before it has fired, cancels those of ds that the result has not yet passed. If it
 * has not fired when the last of them is through or freed, it fails with WEIR_ESTOPPED: one that
 * was freed unfired has no result. ds is not needed after the call; its references stay the
 * caller's.
 * Returns 0; -ENOMEM, nothing was added then. */
WEIR_API int weir_deferred_list(struct weir_deferred *const *ds, size_t n, unsigned flags,
                                struct weir_deferred **ret_d);
WEIR_API int weir_deferred_list_at(const struct weir_site *site, struct weir_deferred *const *ds,
                                   size_t n, unsigned flags, struct weir_deferred **ret_d);
#define weir_deferred_list(...) weir_deferred_list_at(WEIR_SITE(weir_deferred_list), __VA_ARGS__)

/* Wait in a task until d has a result, at this place of its chain, and take it: the chain goes on
 * with NULL. So a task with weir_deferred_await is what inlineCallbacks are in Twisted, and as
 * there, a cancel of the task cancels d, and what that makes of d's result is dropped. A result
 * that came before the cancel is returned; one that was there before the call stays in d.
 * Returns 0 with *ret_value (ret_value may be NULL) set; the error of the chain, with its record;
 * -ECANCELED, -ETIME (of the task); WEIR_ENOLOOP, WEIR_EFORKED. d stays the caller's. */
WEIR_SUSPENDS int weir_deferred_await(struct weir_deferred *d, void **ret_value);

/* Make a future of size sizeof (void *) that is resolved with the value of d, or fails with its
 * error. The chain of d goes on with NULL. A cancel of the future cancels d; if d is freed unfired,
 * the future is cancelled. Needs a loop. When that has closed, an error stays in the chain of d.
 * Returns 0; -ENOMEM, WEIR_ENOLOOP, WEIR_EFORKED: nothing was added then. */
WEIR_API int weir_future_from_deferred(struct weir_deferred *d, struct weir_future **ret_f);

/* Make a Deferred that fires when f is settled, in a round of callbacks. Its value is the one that
 * f keeps, lent as long as either lives. A cancel of the Deferred cancels f, and the Deferred fires
 * a round later; when the run of f's loop has ended, or as it ends, it fails with WEIR_ESTOPPED.
 * Returns 0, -ENOMEM. */
WEIR_API int weir_deferred_from_future(struct weir_future *f, struct weir_deferred **ret_d);

#ifdef __cplusplus
}
#endif
#endif
