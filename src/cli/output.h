/* SPDX-License-Identifier: MIT */
/* output.h - the merged output of a fleet: whole lines, each behind its node's name.
 *
 * Lines of a node's stdout go to stdout; those of its stderr, and those of `up` itself, go to
 * stderr. Many tasks print; one line is written at a time, also where both are one file. Loop
 * thread only. */
#ifndef WEIR_CLI_OUTPUT_H
#define WEIR_CLI_OUTPUT_H

#include <stdbool.h>
#include <weir/stream.h>

#include "cli/limits.h"
#include "task/waitq.h"

struct turn {
    bool taken;
    struct weir__waitq waiting; /* tasks that want to print */
};

struct outlet {
    struct weir_stream *stream;
    struct turn *turn;
    bool colored;
    char line[LIMIT_LINE_BYTES + 256]; /* what is being written */
};

struct output {
    struct outlet outlets[2]; /* stdout, stderr: one that is stuck does not stop the other */
    struct turn turns[2];     /* one of them for both, if both are one file */
    int width;                /* of the names */
};

enum output_color { OUTPUT_AUTO, OUTPUT_ALWAYS, OUTPUT_NEVER };

/* Print on this process's stdout and stderr. Returns 0; -EBADF, -ENOMEM, WEIR_ENOLOOP. */
int output_init(struct output *o, enum output_color color);
void output_fini(struct output *o);

/* Print one line of a node, without its newline; number chooses the colour, to_err the stream.
 * Colours that the line leaves on are reset, and open escape sequences ended, also where `up` uses
 * none. Returns 0; -EPIPE and what else weir_write returns. */
int output_line(struct output *o, bool to_err, const char *name, size_t number, const char *line,
                size_t len);

/* Print text as it is. Returns as output_line. */
int output_text(struct output *o, bool to_err, const char *text, size_t len);

#endif
