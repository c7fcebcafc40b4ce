/* SPDX-License-Identifier: MIT */
/* exec.c - a program whose standard input and output are one stream: exec:WORD WORD... by pipes,
 * pty:WORD WORD... on a terminal of its own. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <weir/process.h>

#include "base/alloc.h"
#include "dial/over.h"
#include "dial/scheme.h"

enum { WORDS_MAX = 64, BYTES_MAX = 4096 };

struct words {
    char bytes[BYTES_MAX];
    const char *argv[WORDS_MAX + 1]; /* into bytes; NULL behind the last */
};

static int hex(char c) {
    const char *digits = "0123456789abcdef", *at;
    c = c >= 'A' && c <= 'F' ? (char)(c - 'A' + 'a') : c;
    at = c != '\0' ? strchr(digits, c) : NULL;
    return at != NULL ? (int)(at - digits) : -1;
}

/* The byte that %XX at text stands for; 0 if it is none, or a NUL. */
static char escaped(const char *text) {
    int high = hex(text[1]), low = high >= 0 ? hex(text[2]) : -1;
    return (char)(low >= 0 ? high * 16 + low : 0);
}

/* Copy a word, up to a space or the end, and decode it. Returns how much of text it was; 0: it has
 * a percent sign that is no escape. */
static size_t copy_word(char *to, const char *text) {
    size_t at = 0;
    for (; text[at] != '\0' && text[at] != ' '; at++) {
        char c = text[at];
        if (c == '%') {
            c = escaped(text + at);
            at += 2;
        }
        if (c == '\0')
            return 0;
        *to++ = c;
    }
    *to = '\0';
    return at;
}

/* Returns NULL, or why the text is no command. */
static const char *split(const char *text, struct words *ret) {
    size_t count = 0, used = 0;
    if (strlen(text) >= sizeof ret->bytes)
        return "the command is longer than 4,095 bytes";
    while (*(text += strspn(text, " ")) != '\0') {
        size_t len = count < WORDS_MAX ? copy_word(ret->bytes + used, text) : 0;
        if (len == 0)
            return count < WORDS_MAX ? "write a percent sign as %25" : "more than 64 words";
        ret->argv[count++] = ret->bytes + used;
        used += strlen(ret->bytes + used) + 1;
        text += len;
    }
    ret->argv[count] = NULL;
    return count > 0 ? NULL : "no command";
}

/* ---- a program by pipes, and one on a terminal ---- */

static int end_input(void *owner) {
    weir_process_close_stdin(owner);
    return 0;
}

/* What ends the input of a terminal is a key, which the program may have turned off. */
static int no_end(void *owner) {
    return -EOPNOTSUPP;
}

static void give_up(void *owner) {
    struct weir_process *p = owner;
    weir_process_close(&p);
}

static int start_words(const struct words *w, const char *url, enum weir_stdio_kind kind,
                       struct weir_stream **ret_stream) {
    struct weir_process_options o = {.size = sizeof o, .in.kind = kind, .out.kind = kind};
    struct weir_process *p;
    if (kind == WEIR_STDIO_PTY)
        o.err.kind = kind;
    int rc = weir_process_start(w->argv, &o, &p);
    if (rc < 0)
        return rc;
    struct weir__over_parts parts = {weir_process_stdout(p), weir_process_stdin(p),
                                     kind == WEIR_STDIO_PTY ? no_end : end_input, give_up, p, ""};
    snprintf(parts.name, sizeof parts.name, "%s", url);
    rc = weir__over_new(&parts, ret_stream);
    if (rc < 0)
        weir_process_close(&p);
    return rc;
}

static int dial_words(const char *rest, const char *url, enum weir_stdio_kind kind,
                      struct weir_stream **ret_stream) {
    struct words *w = weir__alloc(sizeof *w); /* stacks are small */
    if (w == NULL)
        return weir__fail(-ENOMEM, "dial", url);
    const char *why = split(rest, w);
    int rc = why == NULL ? start_words(w, url, kind, ret_stream)
                         : weir__url_refused("dial", url, why);
    weir__free(w);
    return rc;
}

int weir__dial_command(const char *rest, const char *url, const struct weir_dial_options *options,
                       struct weir_stream **ret_stream) {
    return dial_words(rest, url, WEIR_STDIO_PIPE, ret_stream);
}

int weir__dial_pty(const char *rest, const char *url, const struct weir_dial_options *options,
                   struct weir_stream **ret_stream) {
    return dial_words(rest, url, WEIR_STDIO_PTY, ret_stream);
}
