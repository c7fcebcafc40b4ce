/* SPDX-License-Identifier: MIT */
/* load.h - a worker or a source from a shared object: for `weir run FILE.so`. */
#ifndef WEIR_WORKER_LOAD_H
#define WEIR_WORKER_LOAD_H

#include <weir/worker.h>

/* Load the object at path (a path, also without a slash) and find its `weir_worker`, or else its
 * `weir_source`: one of the two is set, the other NULL. The object stays loaded.
 * Returns 0; -ENOENT, WEIR_EWORKER (recorded: no shared object, or none of ours). */
int weir__load(const char *path, const struct weir_worker **ret_worker,
               const struct weir_source **ret_source);

#endif
