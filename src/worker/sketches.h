/* SPDX-License-Identifier: MIT */
/* sketches.h - the circuit's three as programs: argv[0] is the sketch's name, the rest its flags.
 * They return the exit code. */
#ifndef WEIR_WORKER_SKETCHES_H
#define WEIR_WORKER_SKETCHES_H

#include <weir/worker.h>

int weir__sketch_clock(int argc, char **argv);
int weir__sketch_iopin(int argc, char **argv);
int weir__sketch_buzzer(int argc, char **argv);

extern const struct weir_worker weir__iopin, weir__buzzer;

#endif
