/* SPDX-License-Identifier: MIT */
/* guest.h - tasks that live inside a foreign loop: the same for GLib and libuv. */
#ifndef EXAMPLES_GUEST_H
#define EXAMPLES_GUEST_H

/* What the host offers: call fn(turn) from its own loop after a millisecond; leave its loop. */
void host_later(void (*fn)(int turn), int turn);
void host_stop(void);
extern const char host_name[];

void guest_begin(void); /* plain code of the thread that has the weir loop open calls it */

#endif
