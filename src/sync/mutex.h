/* SPDX-License-Identifier: MIT */
/* mutex.h - what a condition does with its mutex: give it up, and queue its waiters there. */
#ifndef WEIR_SYNC_MUTEX_H
#define WEIR_SYNC_MUTEX_H

#include "sync/owner.h"

/* The mutex behind m. Aborts unless the running task holds it. */
struct weir__owned *weir__mutex_held(struct weir_mutex *m, const char *call);

/* The holder gives it up: the first waiter holds it now. */
void weir__mutex_pass_on(struct weir__owned *m);

/* w's task, which is parked and which no cancel interrupts any more, wants m; by_cancel: since a
 * cancel has ended its wait for the condition. Returns true if it holds m now; else w waits in m's
 * queue, and a grant will come. w stands in no queue. Looks for a deadlock (weir__deadlock_moved).
 */
bool weir__mutex_queue(struct weir__owned *m, struct weir__waiter *w, bool by_cancel);

#endif
