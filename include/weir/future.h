/* SPDX-License-Identifier: MIT */
/* future.h - a result that comes later: for bridging from code that calls back. Between tasks,
 * await the task or use a chan (weir/chan.h).
 *
 * A future is made on a loop and belongs to it. Loop thread only: a task, posted function or
 * callback of that loop. After the run only weir_future_unref is allowed. A call from elsewhere
 * aborts: another thread posts a function that settles the future (weir_post). */
#ifndef WEIR_FUTURE_H
#define WEIR_FUTURE_H

#include <stdbool.h>
#include <weir/base.h>

#ifdef __cplusplus
extern "C" {
#endif

struct weir_future;

/* Make a future for a value of size bytes (0: no value), with one reference. The macro
 * passes the place of the call, which is logged with an error that nobody has read.
 * Returns 0; -ENOMEM; WEIR_ENOLOOP; WEIR_EFORKED. */
WEIR_API int weir_future_new(size_t size, struct weir_future **ret_f);
WEIR_API int weir_future_new_at(const struct weir_site *site, size_t size,
                                struct weir_future **ret_f);
#define weir_future_new(...) weir_future_new_at(WEIR_SITE(weir_future_new), __VA_ARGS__)

/* Take, and give back, a reference. The last unref frees f; *take_f becomes NULL. An error that no
 * weir_future_await and no weir_future_result has read is logged then. Done callbacks of a future
 * that was never settled are not called. NULL and *NULL are fine for unref. */
WEIR_API struct weir_future *weir_future_ref(struct weir_future *f);
WEIR_API void weir_future_unref(struct weir_future **take_f);

/* Settle a future, once: with a copy of the size bytes at value (NULL only if size is 0); with the
 * error rc and its record (see weir_error); or as cancelled, which waiters get as WEIR_ESTOPPED
 * with the cause (static text, or NULL). All tasks that wait become ready, in the order in which
 * they came, and the done callbacks are queued, in the order in which they were added.
 * Returns 0; -EALREADY (it was settled before, and nothing has changed). fail aborts if rc >= 0. */
WEIR_API int weir_future_resolve(struct weir_future *f, const void *value);
WEIR_API int weir_future_fail(struct weir_future *f, int rc);
WEIR_API int weir_future_cancel(struct weir_future *f, const char *cause);

/* Is f settled: resolved, failed or cancelled? */
WEIR_API bool weir_future_is_done(const struct weir_future *f);

/* Wait until f is settled. Any number of tasks may wait, and again after that. A cancel of a waiter
 * never cancels f. What was settled before the cancel is returned all the same.
 * Returns 0, with a copy of the value (of the size given to weir_future_new) in ret_value, which
 * may be NULL; the error of f, whose record the task then has; WEIR_ESTOPPED (f was cancelled); or,
 * f not settled, -ECANCELED, -ETIME; WEIR_ENOLOOP, WEIR_EFORKED. On a cancel nothing is lost: the
 * value stays in f. */
WEIR_SUSPENDS int weir_future_await(struct weir_future *f, void *ret_value);

/* The result without waiting.
 * Returns as weir_future_await does when f is settled; else -EAGAIN. */
WEIR_API int weir_future_result(struct weir_future *f, void *ret_value);

/* The value that f keeps: lent as long as f. NULL unless f is resolved and size is not 0. */
WEIR_API const void *weir_future_value(const struct weir_future *f);

/* Call fn(f, arg) once f is settled, when the tasks that are ready then have run: so never inside
 * this call, nor inside the one that settles f. f lives until fn has returned. fn is a callback: it
 * must not suspend. If the run ends first, it is not called.
 * Returns 0; -ENOMEM; WEIR_ECLOSED (the run is ending). Aborts if fn is NULL. */
WEIR_API int weir_future_on_done(struct weir_future *f,
                                 void (*fn)(struct weir_future *f, void *arg), void *arg);

/* Remove each done callback fn with this arg that has not been called yet. Returns how many there
 * were. */
WEIR_API size_t weir_future_remove_done(struct weir_future *f,
                                        void (*fn)(struct weir_future *f, void *arg), void *arg);

#ifdef __cplusplus
}
#endif
#endif
