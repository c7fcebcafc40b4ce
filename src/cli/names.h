/* SPDX-License-Identifier: MIT */
/* names.h - a hash table that finds texts which come twice in a list. Each text is looked up once,
 * so checking a list takes time linear in its length. */
#ifndef WEIR_CLI_NAMES_H
#define WEIR_CLI_NAMES_H

#include <stddef.h>

#include "cli/arena.h"

struct names { /* open addressing: twice as many slots as texts, or more */
    struct names_slot *slots;
    size_t mask;
};

#define NAMES_NONE ((size_t)-1)

/* Make room for at most most texts, in a. Returns 0 or -ENOMEM. */
int names_init(struct names *n, struct arena *a, size_t most);

/* Put the len bytes of text, which must stay, with a number. Returns NAMES_NONE; or, if the same
 * text was put before, its number: then nothing changes. */
size_t names_put(struct names *n, const char *text, size_t len, size_t number);

/* The number that a text was put with; NAMES_NONE if it was not. */
size_t names_find(const struct names *n, const char *text, size_t len);

/* How many texts were compared, here and by yaml_child: tests look at how it grows. */
extern size_t names_compared;

#endif
