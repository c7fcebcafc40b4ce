/* SPDX-License-Identifier: MIT */
/* failure.h - an error that an object keeps for whoever asks: a future, a Deferred. */
#ifndef WEIR_TASK_FAILURE_H
#define WEIR_TASK_FAILURE_H

#include "task/task.h"

/* All zero: none. */
struct weir__failure {
    struct weir_error *error; /* a copy of the record; NULL: there was none, or no memory */
    int rc;                   /* 0: no error */
    uint16_t number;          /* in the ledger */
    bool open;                /* not settled yet: neither read nor logged */
};
/* Keep rc, which happens now, and its record if the present record is rc's. f keeps none so far. */
void weir__failure_keep(struct weir__failure *f, int rc);
/* Write the record of the running task or callback, and return f's code. */
int weir__failure_give(const struct weir__failure *f);
void weir__failure_settle(struct weir__failure *f); /* somebody has read it; again is harmless */
void weir__failure_drop(struct weir__failure *f);   /* settle it and forget it */
/* Unless it is settled: log that nobody read the error of a "future" made at site; settle it. */
void weir__failure_log(struct weir__failure *f, const char *whose, const struct weir_site *site);

#endif
