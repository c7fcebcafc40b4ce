/* SPDX-License-Identifier: MIT */
/* flow.h - patterns built of tasks: wait for several, start and report, race, retry, map, every.
 * weir/generator.h has generators. Loop thread only. In all of them a cancel or a deadline that
 * comes after the decision loses nothing: what was decided is returned, and the next suspending
 * call returns -ECANCELED or -ETIME. */
#ifndef WEIR_FLOW_H
#define WEIR_FLOW_H

#include <stdbool.h>
#include <weir/task.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- several tasks --------------------------------------------------------------------------- */

/* Wait for tasks of which the caller has handles. The handles stay the caller's: read each result
 * by weir_await, which returns at once for a task that has ended, or release it. NULL among them is
 * skipped, so weir_await on the array (it leaves NULL) and the next call go together:
 *   while ((i = weir_wait_any(handles, n)) >= 0)
 *       rc = weir_await(&handles[i], &result, sizeof result);
 * weir_wait_all waits until all have ended, however they end. It returns 0.
 * weir_wait_any waits until one has ended. It returns its index, the lowest if several have.
 * weir_wait_first waits until one has succeeded: it has ended with 0 or more. It returns its index.
 * If all have failed, it returns the error of the one that ended last (the last in the array of
 * those that had ended before the call), with its record; the handles keep all the errors.
 * Errors: -ECHILD (any, first: each handle is NULL), -ECANCELED, -ETIME, -EDEADLK (the caller is
 * among them), -ENOMEM (more than 8 handles), WEIR_ENOLOOP. The tasks run on after an error. */
WEIR_SUSPENDS int weir_wait_all(struct weir_task *const *handles, size_t n);
WEIR_SUSPENDS int weir_wait_any(struct weir_task *const *handles, size_t n);
WEIR_SUSPENDS int weir_wait_first(struct weir_task *const *handles, size_t n);

/* ---- start and report ------------------------------------------------------------------------ */

/* Spawn fn as weir_spawn does, and wait until it says that it has started: that it listens, that
 * its table is loaded. What it reports is copied to ret_report, which may be NULL. From then on it
 * is a child of g like any other.
 * Returns 0, when the task has called weir_started. Else the task has ended and is joined:
 *   its error, which is then handled and does not reach g;
 *   -ECHILD, if it returned 0 or more without a call of weir_started;
 *   -ECANCELED, -ETIME, if a scope around the caller fired, or -EDEADLK, if the task began to wait
 *   for the caller (see weir_await): the task was cancelled; another error that it returned then
 *   goes to g;
 *   as weir_spawn: it was not spawned.
 * Aborts as weir_spawn, and if ret_report is not NULL and report_size is not that of the report. */
WEIR_SUSPENDS int weir_start(struct weir_group *g, const struct weir_site *site,
                             int (*fn)(void *args), const void *args, size_t args_size,
                             const struct weir_spawn_options *options, void *ret_report,
                             size_t report_size);

/* Tell the task that waits in weir_start for the running task that it has started. report is copied
 * to it. Does nothing if no task waits: after a first call, if the starter was cancelled, and in a
 * task that was spawned otherwise. */
WEIR_API void weir_started(const void *report, size_t size);

/* weir_go_start(&g, fn, &report, .a = 1) fills a struct fn_args, as weir_go does. C only. */
#define weir_go_start(g, fn, ret_report, ...)                                                      \
    weir_start((g), WEIR_SITE(fn), fn, &(struct fn##_args){__VA_ARGS__},                           \
               sizeof(struct fn##_args), NULL, (ret_report), sizeof *(ret_report))

/* ---- race ------------------------------------------------------------------------------------ */

/* One of the functions that race. */
struct weir_racer {
    int (*fn)(void *arg);
    void *arg;               /* borrowed */
    void (*undo)(void *arg); /* called if fn succeeded but did not win: to close what it opened.
                              * Must not suspend; NULL: there is nothing to undo */
    const char *name;        /* of its task, static text; NULL: "racer" */
};

/* Run n functions at once, each as a task. The first that returns 0 or more wins; the others are
 * cancelled, and joined before the call returns.
 * Returns what the winner returned, and *ret_winner is its index (ret_winner may be NULL). If all
 * have failed: the error of the one that failed last, with its record; the log has them all, at
 * level INFO. -ECANCELED or -ETIME, if a scope around the caller fired before one had won; -ENOMEM,
 * -EAGAIN: all that have begun are cancelled and joined, too. -ECHILD (n is 0), WEIR_ENOLOOP.
 * Aborts if a fn is NULL. */
WEIR_SUSPENDS int weir_race(const struct weir_racer *racers, size_t n, size_t *ret_winner);

/* ---- retry ----------------------------------------------------------------------------------- */

/* How weir_retry goes on after an error. */
struct weir_retry_policy {  /* zero: the default */
    size_t size;            /* sizeof (struct weir_retry_policy) */
    unsigned tries;         /* how often to call in all; 0: until a scope fires */
    weir_ns first_ns;       /* the pause after the first error; 0: 100 ms */
    weir_ns max_ns;         /* no pause is longer; 0: 30 s */
    unsigned factor_percent; /* each pause is that much of the one before; 0: 200 */
    int jitter_percent;     /* each pause is shortened by a random part of it, at most this; 0: 25;
                             * less than 0: none. So callers that failed at one time do not all
                             * try again at one time */
    bool (*should_retry)(int rc, void *arg); /* NULL: after each error. Must not suspend */
};

/* Call fn(arg) until it returns 0 or more. policy may be NULL. The pauses end when a scope around
 * the caller fires; so a scope's budget says how long to try.
 * Returns what fn returned; its last error, if there are no tries left or should_retry refuses, and
 * then fn's record stays. When a scope fires: -ECANCELED, -ETIME, with a record whose text has the
 * last error and the number of tries, whose reason is its code, and done the number of tries, the
 * one that was cut short included. But if the very first call of fn returns the scope's code, there
 * is no error before it, and fn's record stays. Aborts if fn is NULL. */
WEIR_SUSPENDS int weir_retry(const struct weir_retry_policy *policy, int (*fn)(void *arg),
                             void *arg);

/* ---- map ------------------------------------------------------------------------------------- */

/* Call fn for each of n items, at most limit at the same time, each call in a task; fn leaves the
 * result in the item. The calls begin in the order of the items.
 * Returns 0 when all calls have returned 0 or more. Else the first error, with its record: calls
 * that run are then cancelled and joined, further ones do not begin. The cancel of one of the tasks
 * alone ends the map in the same way, with -ECANCELED; a call's own error that comes after it is
 * returned instead. Or -ECANCELED, -ETIME if a scope around the caller fired, -ENOMEM, -EAGAIN,
 * WEIR_ENOLOOP. The record's member done is the number of calls that had succeeded. Aborts if limit
 * is 0. The macro weir_map passes the place. */
WEIR_SUSPENDS int weir_map(int (*fn)(void *item, void *arg), void *items, size_t item_size,
                           size_t n, size_t limit, void *arg);
WEIR_SUSPENDS int weir_map_at(const struct weir_site *site, int (*fn)(void *item, void *arg),
                              void *items, size_t item_size, size_t n, size_t limit, void *arg);
#define weir_map(fn, ...) weir_map_at(WEIR_SITE(fn), fn, __VA_ARGS__)

/* ---- every ----------------------------------------------------------------------------------- */

/* A beat, which is a periodic timer without drift: its k-th moment is the begin plus k periods,
 * however long the work between two waits takes. Caller's memory; nothing to release. */
struct weir_every {
    weir_ns next_ns, period_ns; /* to be read only */
};

/* Begin now. Aborts if the period is 0 or less. */
WEIR_API void weir_every_init(struct weir_every *e, weir_ns period_ns);

/* Wait for the next moment of the beat. If that has passed already, the call yields and returns;
 * further moments that have passed are skipped, not made up for.
 * Returns how many were skipped: 0 on time; at most INT_MAX. -ECANCELED, -ETIME, WEIR_ENOLOOP: the
 * next wait is for the same moment. */
WEIR_SUSPENDS int weir_every_wait(struct weir_every *e);

#ifdef __cplusplus
}
#endif
#endif
