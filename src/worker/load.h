/* SPDX-License-Identifier: MIT */
/* load.h - a worker from a shared object: for `weir run FILE.so`. */
#ifndef WEIR_WORKER_LOAD_H
#define WEIR_WORKER_LOAD_H

#include <weir/worker.h>

/* Load the object at path (a path, also without a slash) and find its `weir_worker`. It stays
 * loaded. Returns 0; -ENOENT, WEIR_EWORKER (recorded: no shared object, or none of ours). */
int weir__worker_load(const char *path, const struct weir_worker **ret_worker);

#endif
