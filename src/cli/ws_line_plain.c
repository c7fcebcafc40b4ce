/* SPDX-License-Identifier: MIT */
/* ws_line_plain.c - ws_line.h without libedit: the terminal edits the line and gives it whole. */
#include "cli/ws_line.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>
#include <weir/loop.h>

static struct {
    const char *prompt;
    size_t len;
    bool open;
    char text[4096]; /* a terminal gives no longer lines */
} editor;

void ws_line_open(const char *prompt) {
    editor.prompt = prompt;
    editor.open = true;
    ws_line_show();
}

void ws_line_show(void) {
    if (editor.open)
        (void)!write(STDOUT_FILENO, editor.prompt, strlen(editor.prompt));
}

/* The terminal gives whole lines. */
int ws_line_next(char **ret_line) {
    int rc = weir_wait_fd(STDIN_FILENO, POLLIN);
    if (rc < 0)
        return rc;
    ssize_t n = read(STDIN_FILENO, editor.text, sizeof editor.text - 1);
    if (n <= 0)
        return 0;
    editor.text[strcspn(editor.text, "\n") < (size_t)n ? n - 1 : n] = '\0';
    *ret_line = strdup(editor.text);
    ws_line_show();
    return *ret_line != NULL ? 1 : -ENOMEM;
}

void ws_line_close(void) {
    editor.open = false;
}

void ws_line_hide(void) {
    static const char clear[] = "\r\033[K";
    if (editor.open)
        (void)!write(STDOUT_FILENO, clear, sizeof clear - 1);
}
