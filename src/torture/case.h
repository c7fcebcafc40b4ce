/* SPDX-License-Identifier: MIT */
/* case.h - what a case is: data. A row of a table stands for one case, or for one for each of its
 * values. How a row is run is the matter of its kind. */
#ifndef WEIR_TORTURE_CASE_H
#define WEIR_TORTURE_CASE_H

#include <stddef.h>

enum torture_level {
    MUST,   /* a peer that does otherwise fails */
    SHOULD, /* it is not strict */
    MAY,    /* it is told, nothing more */
};

enum torture_verdict {
    TORTURE_OK,
    TORTURE_NON_STRICT,
    TORTURE_INFORMATIONAL,
    TORTURE_FAILED,
};

enum torture_side {
    BOTH_SIDES,
    OF_SERVERS, /* tried on servers only */
    OF_CLIENTS,
};

enum torture_kind {
    KIND_SCRIPT,    /* frames after a plain handshake: script.h */
    KIND_HANDSHAKE, /* edits of a handshake, and what must come of it: handshake.h */
    KIND_HTTP,      /* bytes of HTTP/1.1: http.h */
    KIND_HTTP_BYTES /* the same bytes, one at a time */
};

/* A row. In title, edit and script "{}" stands for the value. */
struct torture_row {
    const char *id;     /* "frame.text-size"; a case of several is "frame.text-size.125". Rows with
                         * the same one stand side by side: their cases are of different levels */
    const char *clause; /* "6455 5.2": RFC and section */
    enum torture_level level;
    enum torture_side side;
    const char *title;
    const char *edit;   /* the handshake: handshake.h; NULL: none */
    const char *script; /* what to send and to expect */
    const char *values; /* NULL: one case; else separated by spaces */
};

struct torture_table {
    enum torture_kind kind;
    const struct torture_row *rows;
    size_t count;
};

/* One case, made of a row. Texts belong to the case. */
struct torture_case {
    enum torture_kind kind;
    const struct torture_row *row;
    char *id, *title, *edit, *script;
};

struct torture_list {
    struct torture_case *cases;
    size_t count;
};

/* Make the cases of a side from tables; only: patterns of fnmatch with "|" between them, each for
 * a part of an id, or such a part itself; NULL: all. Returns 0; -ENOMEM. torture_list_free also
 * after an error. */
int torture_list_make(struct torture_list *ret, const struct torture_table *tables, size_t count,
                      enum torture_side side, const char *only);
void torture_list_free(struct torture_list *list);

const char *torture_verdict_name(enum torture_verdict v);
const char *torture_level_name(enum torture_level level);

#endif
