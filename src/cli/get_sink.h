/* SPDX-License-Identifier: MIT */
/* get_sink.h - where `weir get` puts what it fetches: standard output or a file, and how far it has
 * come, as a line on the terminal. What goes to a terminal is escaped. */
#ifndef WEIR_CLI_GET_SINK_H
#define WEIR_CLI_GET_SINK_H

#include <stdbool.h>
#include <weir/file.h>
#include <weir/stream.h>

struct get_sink {
    struct weir_stream *out; /* standard output; NULL: a file */
    struct weir_file *file;
    bool is_terminal;
    char cut[3]; /* the beginning of a character that goes on in the next piece */
    size_t cut_len;
    struct weir_stream *err; /* of the bar; NULL: there is none */
    int64_t done, total;     /* bytes; total -1: not known */
    int64_t before;          /* of done: there already when the transfer began */
    weir_ns began, drawn;
    bool has_bar;            /* a line of it stands on the terminal */
};

/* path NULL: standard output. bar: draw one if standard error is a terminal and the output is none.
 * Opens no file yet. Returns 0 or an error. */
int get_sink_open(struct get_sink *s, const char *path, bool bar);
/* The end of it: the bar gets its last state. Never suspends. */
void get_sink_close(struct get_sink *s);
/* Open the file. from 0: a new one, or from its start; else go on behind its first `from` bytes.
 * total: of the whole, -1: not known. Suspends. */
int get_sink_begin(struct get_sink *s, const char *path, int64_t from, int64_t total);
/* Put bytes; and draw the bar, ten times a second at most. Suspend. */
int get_sink_put(struct get_sink *s, const char *bytes, size_t len);
int get_sink_finish(struct get_sink *s);

/* "1.5 MiB" */
void get_size_text(int64_t bytes, char *buf, size_t size);

#endif
