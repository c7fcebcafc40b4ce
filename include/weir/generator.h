/* SPDX-License-Identifier: MIT */
/* generator.h - generators: a task that yields values, one at a time, to a task that asks for them.
 * Loop thread only. */
#ifndef WEIR_GENERATOR_H
#define WEIR_GENERATOR_H

#include <weir/task.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A generator, in memory of the consumer. It is open from weir_gen_open to weir_gen_close, and must
 * not be moved. */
struct weir_gen {
    void *private_[10];
};

/* Open a generator, whose body is fn(gen, arg). It runs as a child of g (NULL: the run's own
 * group), and only while somebody asks: it begins with the first weir_gen_next, and stops in
 * weir_gen_yield until the next. arg is borrowed until the close. Close it before g is closed:
 * until then the close of g, or the run, waits. The macro weir_gen_open passes the place.
 * Returns 0; -ENOMEM, -EAGAIN, WEIR_ENOLOOP: then gen is closed. Aborts as weir_spawn. */
WEIR_API int weir_gen_open(struct weir_gen *gen, struct weir_group *g, size_t item_size,
                           int (*fn)(struct weir_gen *gen, void *arg), void *arg);
WEIR_API int weir_gen_open_at(const struct weir_site *site, struct weir_gen *gen,
                              struct weir_group *g, size_t item_size,
                              int (*fn)(struct weir_gen *gen, void *arg), void *arg);
#define weir_gen_open(gen, g, item_size, fn, arg)                                                  \
    weir_gen_open_at(WEIR_SITE(fn), gen, g, item_size, fn, arg)

/* Hand an item (of item_size bytes) to the consumer, and wait until it asks for the next. Only in
 * the generator's fn.
 * Returns 0; -ECANCELED (the generator is closed, or g is cancelled), -ETIME. After an error the
 * consumer asks no more: this item may have been taken, or not. */
WEIR_SUSPENDS int weir_gen_yield(struct weir_gen *gen, const void *item);

/* Ask for the next item, which is copied to ret_item. A consumer that is cancelled while it waits
 * loses nothing: the item stays for the next call.
 * Returns 1; 0 at the end (fn has returned 0 or more, or the end was reported before); fn's error,
 * with its record, once; -EBUSY (another task waits in it), -EDEADLK (fn asks itself), -ECANCELED,
 * -ETIME, WEIR_ENOLOOP. Aborts if gen is closed, or is being closed by another task. */
WEIR_SUSPENDS int weir_gen_next(struct weir_gen *gen, void *ret_item);

/* Close a generator: cancel its task if it has not ended, and join it, however long that takes. fn
 * does not begin if nobody has asked. An error of fn that was not reported yet goes to g, unless it
 * is the -ECANCELED of this cancel. NULL, a zeroed and a closed one are fine. If fn waits for the
 * caller, it is treated as a child is by weir_group_close. Aborts if fn calls it, while a task
 * waits in weir_gen_next, and while another closes gen. */
WEIR_SUSPENDS void weir_gen_close(struct weir_gen *gen);

#ifdef __cplusplus
}
#endif
#endif
