/* SPDX-License-Identifier: MIT */
/* words.h - a command line cut into words as a shell would, without running a shell: blanks
 * separate; '..' keeps all; ".." keeps all but \" and \\; \x is x. Nothing is expanded. */
#ifndef WEIR_CLI_WORDS_H
#define WEIR_CLI_WORDS_H

#include "cli/arena.h"

/* Cut text into at most LIMIT_WORDS words, NULL behind the last.
 * Returns their count; WEIR_ECONFIG with *ret_why set to a static text; -ENOMEM. */
int words_split(struct arena *a, const char *text, char ***ret_words, const char **ret_why);

#endif
