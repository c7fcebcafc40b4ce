/* SPDX-License-Identifier: MIT */
/* embed.h - the examples of examples/circuit inside another program: the command, and unit tests.
 * The build includes this file in front of each of them, with EMBEDDED set to a name from below:
 * instead of a main the example then has that pointer to its worker or source. */
#ifndef WEIR_WORKER_EMBED_H
#define WEIR_WORKER_EMBED_H

#include <weir/worker.h>

extern const struct weir_source *const embedded_clock;
extern const struct weir_worker *const embedded_iopin, *const embedded_buzzer;

#undef WEIR_WORKER_MAIN
#undef WEIR_SOURCE_MAIN
#define WEIR_WORKER_MAIN(worker) const struct weir_worker *const EMBEDDED = &(worker);
#define WEIR_SOURCE_MAIN(source) const struct weir_source *const EMBEDDED = &(source);

#endif
