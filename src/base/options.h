/* SPDX-License-Identifier: MIT */
/* options.h - copies of the structs that users fill and whose first field is their size. A program
 * may have been compiled with another version of the header, where the struct was shorter or is
 * longer. Never read such a struct in place: take a copy, which has all fields. */
#ifndef WEIR_BASE_OPTIONS_H
#define WEIR_BASE_OPTIONS_H

#include <stddef.h>
#include <string.h>

#include "base/check.h"

/* How many bytes of a struct both sides know. size: as its user gave it, 0 for all of it; room:
 * its size in this version. No version of any such struct ends before its second word: a smaller
 * size is a mistake such as sizeof of a pointer, and all that was asked for would be ignored. */
static inline size_t weir__options_known(size_t size, size_t room) {
    if (__builtin_expect(size != 0 && size < 2 * sizeof size, 0))
        WEIR_BUG("the size of the options is %zu: write .size = sizeof of the struct", size);
    return size == 0 || size > room ? room : size;
}

/* Fill target, room bytes, with what given has. The rest is 0, and all of it if given is NULL. */
static inline void weir__options_copy(void *target, size_t room, const void *given) {
    size_t size = 0;
    memset(target, 0, room);
    if (given == NULL)
        return;
    memcpy(&size, given, sizeof size);
    memcpy(target, given, weir__options_known(size, room));
}

/* *target is the copy of *given, two pointers to structs of one type. */
#define WEIR_OPTIONS_COPY(target, given)                                                           \
    do {                                                                                           \
        _Static_assert(offsetof(__typeof__(*(target)), size) == 0, "size comes first");            \
        (void)sizeof((target) == (given));                                                         \
        weir__options_copy((target), sizeof *(target), (given));                                   \
    } while (0)

#endif
