/* SPDX-License-Identifier: MIT */
/* memory.h - a pipe in memory: what a pipe of the system is in a simulation. */
#ifndef WEIR_STREAM_MEMORY_H
#define WEIR_STREAM_MEMORY_H

#include "stream/stream.h"

/* Make the two ends of a pipe of 64 KiB. pc: the return address of the public function.
 * Returns 0; -ENOMEM, WEIR_ENOLOOP. */
int weir__memory_pipe(const void *pc, struct weir_stream **ret_read,
                      struct weir_stream **ret_write);

#endif
