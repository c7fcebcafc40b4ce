/* SPDX-License-Identifier: MIT */
/* log_fd.h - a sink that writes lines to a descriptor, as text or as JSON. Never for long: a
 * descriptor that takes no bytes loses lines, which are counted. Called under the log's lock. */
#ifndef WEIR_BASE_LOG_FD_H
#define WEIR_BASE_LOG_FD_H

#include <weir/log.h>

enum { WEIR__LOG_FD_MAX = 4096 }; /* PIPE_BUF: a longer write to a pipe may be torn */

struct weir__log_fd {
    int fd;
    enum weir_log_form form;
    bool is_stuck;      /* a line has waited for it in vain */
    int64_t dropped;    /* in all */
    int64_t dropped_now; /* since the last line that was written */
    size_t rest_len;    /* of a line that a socket took in part: it comes first */
    char rest[WEIR__LOG_FD_MAX];
};

void weir__log_fd_write(struct weir__log_fd *f, const struct weir_log_line *line);

/* Nothing more will be written. Returns how many lines were dropped in all, with one of which only
 * a part could be written. */
int64_t weir__log_fd_end(struct weir__log_fd *f);

/* Make one line with its newline; dropped: how many lines were lost before it. Returns its length,
 * at most size, which is WEIR__LOG_FD_MAX. */
size_t weir__log_form(enum weir_log_form form, const struct weir_log_line *line, int64_t dropped,
                      char *out, size_t size);

#endif
