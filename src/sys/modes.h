/* SPDX-License-Identifier: MIT */
/* modes.h - terminals in raw mode, and the promise that each gets its mode back, whatever ends the
 * process: exit, abort, a crash, a fatal signal. While the process is stopped (SIGTSTP) the
 * terminal has its old mode too. Only SIGKILL, SIGSTOP and _exit escape.
 *
 * The handlers are installed with the first raw terminal and stay: without one they do what the
 * signal did before. They are installed only where the signal had its default effect, but for
 * crashes, whose earlier handlers they call. */
#ifndef WEIR_SYS_MODES_H
#define WEIR_SYS_MODES_H

enum { WEIR__TTYS_MAX = 16 }; /* terminals in raw mode at once: more nobody has */

/* Set the terminal raw: bytes as they are typed, no echo, no signals by keys.
 * Returns its slot, 1 or more; -ENOTTY, -EBADF, -EIO, -EAGAIN (the program is in the background of
 * it), -ENOSPC, -EMFILE, -ENOMEM. Any thread. */
int weir__tty_raw(int fd);

/* Give the terminal the mode again that it had, if each weir__tty_raw of it was restored. In the
 * background, leave it alone: it has the mode of the program in the foreground. Any thread. */
void weir__tty_restore(int slot);

#endif
