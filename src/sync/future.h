/* SPDX-License-Identifier: MIT */
/* future.h - what other rooms need of a future besides its public calls. */
#ifndef WEIR_SYNC_FUTURE_H
#define WEIR_SYNC_FUTURE_H

#include <weir/future.h>

#include "task/waitq.h"

/* Have w->granted called inside the call that settles f, behind the waiters that came before. f is
 * not settled yet. Whoever owns w holds a reference to f as long as w waits. */
void weir__future_watch(struct weir_future *f, struct weir__waiter *w);
/* The same, behind all that waits: w->granted runs functions of the user's. */
void weir__future_watch_last(struct weir_future *f, struct weir__waiter *w);

/* Does f belong to the loop of this thread, so that it may be settled here? */
bool weir__future_is_here(const struct weir_future *f);

void *weir__future_value(struct weir_future *f); /* as weir_future_value */
const struct weir_site *weir__future_site(const struct weir_future *f);
bool weir__future_is_cancelled(const struct weir_future *f);

#endif
