/* SPDX-License-Identifier: MIT */
/* standard.h - a program's stdin, stdout and stderr, and its exit status: what its main does about
 * them. */
#ifndef WEIR_WORKER_STANDARD_H
#define WEIR_WORKER_STANDARD_H

/* What was started without stdin, stdout or stderr would find its first files in their places: put
 * /dev/null there. The first that main does. */
void weir__fill_standard_fds(void);

/* A pipe that nobody reads is an error of the write, also of one by libc, and no longer a signal
 * that ends the program. What it executes has SIGPIPE as it was. */
void weir__outlive_readers(void);

/* Hand on what libc holds for stdout. Returns 0; 1 if some of what was printed is lost: told. */
int weir__flush_stdout(const char *who);

/* The exit status of a program whose weir_run returned rc < 0: usage, if there is no backend of the
 * name that was asked for (NULL: by WEIR_BACKEND), else failed. */
int weir__run_status(const char *backend, int rc);

#endif
