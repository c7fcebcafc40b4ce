/* SPDX-License-Identifier: MIT */
/* suggest.h - the known name that a mistyped one was probably meant to be. */
#ifndef WEIR_CLI_SUGGEST_H
#define WEIR_CLI_SUGGEST_H

#include <stddef.h>

/* The nearest of known[0 .. count-1] to word, the first of equals. NULL if none is near enough: one
 * mistake, or in a long word a third of its letters. NULL entries are skipped. */
const char *suggest_nearest(const char *word, const char *const *known, size_t count);

#endif
