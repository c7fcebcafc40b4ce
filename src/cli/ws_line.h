/* SPDX-License-Identifier: MIT */
/* ws_line.h - one line that a person edits on a terminal, while other lines appear above it.
 * Editing and history are libedit's, where the command was built with it; else the terminal's own
 * line editing is all there is. One at a time: libedit has one line for the process. */
#ifndef WEIR_CLI_WS_LINE_H
#define WEIR_CLI_WS_LINE_H

#include <stdbool.h>
#include <weir/base.h>

/* Begin to edit on the process's terminal. prompt: static text. */
void ws_line_open(const char *prompt);

/* Wait for the next line. *ret_line is the caller's: free it by free(3).
 * Returns 1; 0 (the end: Ctrl-D); -ECANCELED, -ETIME, -ENOMEM and what else weir_wait_fd returns.
 * After a cancel the line goes on being edited. */
WEIR_SUSPENDS int ws_line_next(char **ret_line);

/* Take the open line off the screen, to print something; and show it again below that. */
void ws_line_hide(void);
void ws_line_show(void);

/* Give the terminal its old mode back. Nothing happens if none was opened. */
void ws_line_close(void);

#endif
