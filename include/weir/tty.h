/* SPDX-License-Identifier: MIT */
/* tty.h - the standard streams, pipes, terminals and pseudo-terminals.
 *
 * Loop thread only. A simulation has no real descriptors and no terminals: it has weir_pipe, and
 * for all else weir_memory_pair takes their place. */
#ifndef WEIR_TTY_H
#define WEIR_TTY_H

#include <stdbool.h>
#include <weir/base.h>
#include <weir/stream.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- standard streams ---- */

/* Make streams of the descriptors 0, 1 and 2, by duplicates: the number stays open when the stream
 * is closed. Other processes share these descriptors, a shell and the rest of a pipeline, so their
 * flags are never changed, nor is a terminal's mode. No read or write blocks the loop, or holds up
 * the end of the program:
 *   a socket           is read and written with MSG_DONTWAIT;
 *   a pipe             with RWF_NOWAIT, or through an open file description of our own;
 *   a terminal         through one of our own, which is opened for each call;
 *   a file             plainly: it waits for the disk at most;
 *   any other          by a helper thread, which is abandoned if the stream is closed.
 * A read takes what is there, up to 16 KiB, and what was taken is lost to others when the stream is
 * closed. So a process may have one stream of its standard input at a time.
 * If the program is in the background of its terminal, a read waits, with a line in the log, and
 * looks five times a second whether it has come to the foreground: the program is not stopped by
 * SIGTTIN, as one that reads plainly would be. Writing there stops the program (SIGTTOU) only if
 * the user has asked for that by `stty tostop`.
 * The caller must close *ret_stream.
 * Returns 0; -EBADF (the descriptor is closed), -EBUSY (weir_stdin: a stream of it is open),
 * -EMFILE, -ENOMEM, WEIR_ESIMREFUSED, WEIR_ENOLOOP. On error *ret_stream is untouched. */
WEIR_API int weir_stdin(struct weir_stream **ret_stream);
WEIR_API int weir_stdout(struct weir_stream **ret_stream);
WEIR_API int weir_stderr(struct weir_stream **ret_stream);

/* ---- pipes ---- */

/* Make a pipe: what is written to *ret_write is read from *ret_read, and its close is the end of
 * stream. The other direction of each returns -EBADF. A write to a pipe whose read end is closed
 * returns -EPIPE; no signal is raised. Both descriptors are non-blocking and close-on-exec, so a
 * child process that gets one must expect -EAGAIN. The caller must close both.
 * Returns 0; -EMFILE, -ENOMEM, WEIR_ENOLOOP. On error both are untouched. */
WEIR_API int weir_pipe(struct weir_stream **ret_read, struct weir_stream **ret_write);

/* ---- pseudo-terminals ---- */

/* The options of weir_pty_open. */
struct weir_pty_options { /* zero: the default */
    size_t size;       /* sizeof (struct weir_pty_options) */
    int columns, rows; /* 0: not known */
    bool raw;          /* the terminal is raw from the start, as weir_tty_raw would set it */
};

/* Open a pseudo-terminal. *ret_master is what a terminal program holds: what is written to it is
 * typed on the terminal, and what is read from it is what appears there. *ret_slave is the terminal
 * itself, a blocking descriptor for a child process or for weir_stream_from_fd; it is close-on-exec
 * and never becomes the controlling terminal of this process. Its path is ttyname(3). The caller
 * must close both. When no process has the slave open any more, a read of the master returns end
 * of stream, behind all that was written there, and a write -EPIPE: so close *ret_slave once a
 * child has it. options may be NULL.
 * Returns 0; -EINVAL (a size), -ENOENT (there is no /dev/ptmx), -ENOSPC (no more of them), -EMFILE,
 * -ENOMEM, WEIR_ESIMREFUSED, WEIR_ENOLOOP. On error both are untouched. */
WEIR_API int weir_pty_open(const struct weir_pty_options *options, struct weir_stream **ret_master,
                           int *ret_slave);

/* Tell a terminal its size, usually by the stream of its master. The group of processes in its
 * foreground gets SIGWINCH if the size has changed.
 * Returns 0; -EINVAL (not 0 to 65535), -ENOTTY, WEIR_EFORKED. */
WEIR_API int weir_tty_resize(struct weir_stream *s, int columns, int rows);

/* ---- terminals ---- */

/* Set the terminal of a stream raw: bytes are read as they are typed, without echo, without lines,
 * and no key raises a signal. It gets its old mode back
 *   by weir_tty_restore, and when the stream is closed;
 *   when the process exits, by exit or by the return of main; _exit does not restore it;
 *   when the process aborts or crashes (the handlers that were there before are called then);
 *   by SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGPIPE and SIGALRM, where these have their default
 *   effect when this is called: the process still dies of the signal;
 *   while the process is stopped by SIGTSTP. When it goes on in the foreground (SIGCONT), the
 *   terminal is raw again, also after SIGSTOP.
 * SIGKILL and SIGSTOP leave it raw, but a shell restores its own mode. A program in the background
 * changes nothing. A second call for the stream does nothing. Streams of one terminal may each set
 * it raw: the last to restore restores.
 * Returns 0; -ENOTTY, -EAGAIN (the program is in the background of this terminal), -ENOSPC (16
 * terminals are raw), -EIO (it has hung up), -EMFILE, WEIR_EFORKED. */
WEIR_API int weir_tty_raw(struct weir_stream *s);

/* Give the terminal the mode that it had before weir_tty_raw. Without one it does nothing. Never
 * suspends, never fails. */
WEIR_API void weir_tty_restore(struct weir_stream *s);

/* The size of a terminal in characters; 0 where it is not known. A program that is in the
 * foreground gets SIGWINCH when it changes: weir_signals_open(&signals, SIGWINCH).
 * Returns 0; -ENOTTY, WEIR_EFORKED. On error both are untouched. */
WEIR_API int weir_tty_size(const struct weir_stream *s, int *ret_columns, int *ret_rows);

#ifdef __cplusplus
}
#endif
#endif
