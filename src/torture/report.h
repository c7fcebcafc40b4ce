/* SPDX-License-Identifier: MIT */
/* report.h - results as text for people and as JSON for programs. What a peer sent is escaped. */
#ifndef WEIR_TORTURE_REPORT_H
#define WEIR_TORTURE_REPORT_H

#include "torture/bytes.h"
#include "torture/torture.h"

struct torture_tally {
    size_t counts[4]; /* by verdict */
    size_t ran;       /* cases for which there was a connection */
    size_t missed;    /* the others */
    bool json, quiet, verbose;
    struct bytes out; /* what is to be printed; the caller takes it away */
};

/* Add the lines of one result. */
void torture_report(struct torture_tally *t, const struct torture_result *r);

/* Add the list of the cases, without running them. */
void torture_report_list(struct torture_tally *t, const struct torture_list *list);

/* Add the beginning, and the sum. */
void torture_report_begin(struct torture_tally *t, const char *peer);
void torture_report_end(struct torture_tally *t, weir_ns took_ns);

#endif
