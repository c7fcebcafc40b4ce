/* SPDX-License-Identifier: MIT */
/* head.h - a small reader for HTTP heads, for the judge only: it takes the bytes up to the first
 * empty line apart. Every line must be a field; what a field says is for the caller. */
#ifndef WEIR_TORTURE_HEAD_H
#define WEIR_TORTURE_HEAD_H

#include "torture/talk.h"

enum { HEAD_MAX = 64 << 10, HEAD_FIELD = 512 };

struct head_text {
    char *base; /* NUL behind it; the line ends are NULs too */
    size_t len;
    int status; /* of an answer; 0: none */
};

/* Wait for a whole head behind t->at, and go behind it. Returns NULL, or what is wrong: then
 * ret->base is not NULL if a head came. The text is freed by head_free. */
const char *head_take(struct talk *t, struct head_text *ret, weir_ns budget_ns);
void head_free(struct head_text *h);

/* The n-th field of that name, without blanks around it; NULL: there is none. */
const char *head_field(const struct head_text *h, const char *name, unsigned n,
                       char ret[static HEAD_FIELD]);

/* True if one of the comma-separated words of the fields of that name is word, in any case. */
bool head_has_word(const struct head_text *h, const char *name, const char *word);

#endif
