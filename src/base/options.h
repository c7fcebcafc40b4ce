/* SPDX-License-Identifier: MIT */
/* options.h - copies of the structs that users fill and whose first field is their size. A program
 * may have been compiled with another version of the header, where the struct was shorter or is
 * longer. Never read such a struct in place: take a copy, which has all fields. A size that the
 * struct never had aborts, and so does a field that is set but unknown to this version, because a
 * field such as a certificate must not be ignored in silence. */
#ifndef WEIR_BASE_OPTIONS_H
#define WEIR_BASE_OPTIONS_H

#include <stddef.h>
#include <string.h>

#include "base/check.h"

/* How many bytes of a struct that the library fills both sides know. size: as its user gave it, 0
 * for all of it; room: its size in this version. No version of any such struct ends before its
 * second word: a smaller size is a mistake such as sizeof of a pointer. */
static inline size_t weir__options_known(size_t size, size_t room) {
    if (__builtin_expect(size != 0 && size < 2 * sizeof size, 0))
        WEIR_BUG("the size of the options is %zu: write .size = sizeof of the struct", size);
    return size == 0 || size > room ? room : size;
}

/* Abort if the size of given is one that the struct never had, or if one of its bytes from room on,
 * which this version does not know, is not 0. */
WEIR_API void weir__options_odd(const char *type, const void *given, size_t first, size_t room)
    __attribute__((cold));

/* Fill target, room bytes, with what given has. The rest is 0, and all of it if given is NULL.
 * first: how long the struct was in its first release. */
static inline void weir__options_copy(const char *type, void *target, size_t room, size_t first,
                                      const void *given) {
    size_t size = 0;
    memset(target, 0, room);
    if (given == NULL)
        return;
    memcpy(&size, given, sizeof size);
    size = size == 0 ? room : size;
    if (__builtin_expect(size < first || size > room, 0))
        weir__options_odd(type, given, first, room);
    memcpy(target, given, size < room ? size : room);
}

/* Make *target the copy of *given, two pointers to structs of this type. last: the last field that
 * the struct had in its first release. It stays the same when fields are appended, so that programs
 * which do not have these may go on. What is appended begins behind the padding of the struct as it
 * was, and leaves none itself, because the bytes of padding can have any value: tools/layouts.py
 * checks it. A small field is put behind such padding by a member that is never read, "bool
 * unused[7]". */
#define WEIR_OPTIONS_COPY(type, last, target, given)                                               \
    do {                                                                                           \
        _Static_assert(offsetof(type, size) == 0, "size comes first");                             \
        (void)sizeof((const type *)0 == (target));                                                 \
        (void)sizeof((const type *)0 == (given));                                                  \
        weir__options_copy(#type, (target), sizeof(type),                                          \
                           offsetof(type, last) + sizeof(((type *)0)->last), (given));             \
    } while (0)

#endif
