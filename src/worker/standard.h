/* SPDX-License-Identifier: MIT */
/* standard.h - a program's stdin, stdout and stderr, and its exit status: what its main does about
 * them. */
#ifndef WEIR_WORKER_STANDARD_H
#define WEIR_WORKER_STANDARD_H

#include <stdbool.h>

/* Open /dev/null in the place of each of stdin, stdout and stderr that is closed, so that no file
 * of the program gets its number. Main calls this first. Returns whether stdout was open: a program
 * whose purpose is its output should fail without it. */
bool weir__fill_standard_fds(void);

/* Let a write to a pipe without a reader fail with EPIPE, also a write by libc, and not end the
 * program by SIGPIPE. Programs that it executes have SIGPIPE as it was. */
void weir__outlive_readers(void);

/* Flush what libc holds for stdout. Returns 0; 1 if something printed was lost, which it reports on
 * stderr. */
int weir__flush_stdout(const char *who);

/* The exit status of a program whose weir_run returned rc < 0: 2 (usage) if no build has a backend
 * of the name that was asked for (NULL: by WEIR_BACKEND), else 1 (failed). */
int weir__run_status(const char *backend, int rc);

#endif
