/* SPDX-License-Identifier: MIT */
/* ws_line_edit.c - ws_line.h by libedit, which never waits here: it is called for each byte that
 * the terminal has, and keeps the line in between. */
#include "cli/ws_line.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <weir/loop.h>

#include <editline/readline.h>

static struct {
    const char *prompt;
    char *line; /* that was ended by Enter and not yet taken */
    bool open, ended, shown;
} editor;

static void line_came(char *line) {
    editor.ended = line == NULL;
    editor.line = line;
    if (line != NULL && line[0] != '\0')
        add_history(line);
    /* libedit would print its prompt again at once: the next ws_line_next does that. */
    rl_callback_handler_remove();
    editor.shown = false;
}

void ws_line_open(const char *prompt) {
    using_history();
    editor.prompt = prompt;
    editor.open = true;
}

void ws_line_show(void) {
    if (!editor.open)
        return;
    if (!editor.shown)
        rl_callback_handler_install(editor.prompt, line_came);
    else
        rl_forced_update_display();
    editor.shown = true;
}

int ws_line_next(char **ret_line) {
    if (!editor.shown)
        ws_line_show();
    while (editor.line == NULL && !editor.ended) {
        int rc = weir_wait_fd(STDIN_FILENO, POLLIN);
        if (rc < 0)
            return rc;
        rl_callback_read_char();
    }
    *ret_line = editor.line;
    editor.line = NULL;
    return *ret_line != NULL;
}

void ws_line_close(void) {
    if (editor.shown)
        rl_callback_handler_remove();
    free(editor.line);
    memset(&editor, 0, sizeof editor);
}

void ws_line_hide(void) {
    static const char clear[] = "\r\033[K";
    if (editor.open)
        (void)!write(STDOUT_FILENO, clear, sizeof clear - 1);
}
