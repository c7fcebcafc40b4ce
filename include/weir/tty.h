/* SPDX-License-Identifier: MIT */
/* tty.h - the standard streams, pipes, terminals and pseudo-terminals.
 *
 * Loop thread only. A simulation has no real descriptors and no terminals. It has weir_pipe; for
 * all else use weir_memory_pair there. */
#ifndef WEIR_TTY_H
#define WEIR_TTY_H

#include <stdbool.h>
#include <weir/base.h>
#include <weir/stream.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- standard streams ---- */

/* Make a stream of descriptor 0, 1 or 2. The stream owns a duplicate, so the number stays open when
 * the stream is closed. A shell and other programs share these descriptors: their flags are never
 * changed, nor is a terminal's mode. No read or write blocks the loop, or delays the end of the
 * program:
 *   a socket           is read and written with MSG_DONTWAIT;
 *   a pipe             with RWF_NOWAIT, or through an open file description of our own;
 *   a terminal         through one of our own, which is opened for each call;
 *   a file             by plain calls, which wait for the disk at most;
 *   any other          by a helper thread, which is abandoned if the stream is closed.
 * A read takes up to 16 KiB that are there. When the stream is closed, what it has taken is lost to
 * other readers. So a process may have one stream of its standard input at a time.
 * If the program is in the background of its terminal, a read waits, and the library logs that. It
 * looks every 200 ms whether the program has come to the foreground. So the program is not stopped
 * by SIGTTIN, as it would be by a plain read. A write stops the program (SIGTTOU) only if the user
 * has asked for that by `stty tostop`.
 * The caller must close *ret_stream.
 * Returns 0; -EBADF (the descriptor is closed), -EBUSY (weir_stdin: a stream of it is open),
 * -EMFILE, -ENOMEM, WEIR_ESIMREFUSED (in a simulation), WEIR_ENOLOOP. On error *ret_stream is
 * untouched. */
WEIR_API int weir_stdin(struct weir_stream **ret_stream);
WEIR_API int weir_stdout(struct weir_stream **ret_stream);
WEIR_API int weir_stderr(struct weir_stream **ret_stream);

/* ---- pipes ---- */

/* Make a pipe: what is written to *ret_write is read from *ret_read, and closing *ret_write is the
 * end of stream. Reading *ret_write or writing *ret_read returns -EBADF. A write to a pipe whose
 * read end is closed returns -EPIPE; SIGPIPE is not raised. Both descriptors are non-blocking and
 * close-on-exec, so a child process that gets one must expect -EAGAIN. The caller must close both.
 * Returns 0; -EMFILE, -ENOMEM, WEIR_ENOLOOP. On error *ret_read and *ret_write are untouched. */
WEIR_API int weir_pipe(struct weir_stream **ret_read, struct weir_stream **ret_write);

/* ---- pseudo-terminals ---- */

/* The options of weir_pty_open. */
struct weir_pty_options { /* zero: the default */
    size_t size;       /* sizeof (struct weir_pty_options) */
    int columns, rows; /* 0: not known */
    bool raw;          /* the terminal is raw from the start, as by weir_tty_raw */
};

/* Open a pseudo-terminal. *ret_master is the side of a terminal emulator: what is written to it is
 * typed on the terminal, and what is read from it is what appears there. *ret_slave is the terminal
 * itself, a blocking descriptor for a child process or for weir_stream_from_fd. It is close-on-exec
 * and does not become the controlling terminal of this process; ttyname(3) gives its path. When no
 * process has the slave open any more, a read of the master returns the bytes that were written
 * there and then end of stream: so close *ret_slave once a child has it. A write is then lost, and
 * returns 0 or -EPIPE, as the kernel does. options may be NULL. The caller must close both.
 * Returns 0; -EINVAL (a size is not 0 to 65535), -ENOENT (there is no /dev/ptmx), -ENOSPC (no
 * pseudo-terminal is left), -EMFILE, -ENOMEM, WEIR_ESIMREFUSED (in a simulation), WEIR_ENOLOOP. On
 * error *ret_master and *ret_slave are untouched. */
WEIR_API int weir_pty_open(const struct weir_pty_options *options, struct weir_stream **ret_master,
                           int *ret_slave);

/* Set the size of a terminal in characters, usually by the stream of its master. If it changes, the
 * process group in the terminal's foreground gets SIGWINCH.
 * Returns 0; -EINVAL (a size is not 0 to 65535), -ENOTTY, WEIR_EFORKED. */
WEIR_API int weir_tty_resize(struct weir_stream *s, int columns, int rows);

/* ---- terminals ---- */

/* Set the terminal of a stream raw: bytes are read as they are typed, without echo, line by line
 * editing, or keys that raise signals. It gets its old mode back
 *   by weir_tty_restore, and when the stream is closed;
 *   when the process exits, by exit or by the return of main, but not by _exit or execve;
 *   when the process aborts or crashes (the handlers that were there before are called then), but
 *   by a stack overflow only in a run with crash_reports or in debug mode, which have a stack for
 *   handlers;
 *   by SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGPIPE and SIGALRM, if these have their default
 *   effect when this is called: the process still dies of the signal;
 *   while the process is stopped by SIGTSTP. When it goes on in the foreground (SIGCONT), the
 *   terminal is raw again, also after SIGSTOP.
 * SIGKILL and SIGSTOP leave it raw; a shell then restores its own mode. A program in the background
 * of the terminal changes nothing. A second call for the stream does nothing. Several streams of
 * one terminal may each set it raw: the last one to be restored restores the mode.
 * Returns 0; -ENOTTY, -EAGAIN (the program is in the background of this terminal), -ENOSPC (16
 * terminals are raw), -EIO (it has hung up), -EMFILE, WEIR_EFORKED. */
WEIR_API int weir_tty_raw(struct weir_stream *s);

/* Give the terminal the mode that it had before weir_tty_raw. Does nothing if there was no such
 * call. Never suspends, never fails. */
WEIR_API void weir_tty_restore(struct weir_stream *s);

/* Get the size of a terminal in characters; 0 if it is not known. A program in the foreground gets
 * SIGWINCH when it changes: weir_signals_open(&signals, SIGWINCH).
 * Returns 0; -ENOTTY, WEIR_EFORKED. On error *ret_columns and *ret_rows are untouched. */
WEIR_API int weir_tty_size(const struct weir_stream *s, int *ret_columns, int *ret_rows);

#ifdef __cplusplus
}
#endif
#endif
