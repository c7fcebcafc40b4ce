/* SPDX-License-Identifier: MIT */
/* options.c - what is said of a struct of options whose size is not the one of this version. */
#include "base/options.h"

enum { LARGEST = 4096 }; /* no struct of options grows beyond this, so a larger size is no size */

void weir__options_odd(const char *type, const void *given, size_t first, size_t room) {
    size_t size;
    memcpy(&size, given, sizeof size);
    if (size < first || size > LARGEST)
        WEIR_BUG("the size of a %s is %zu, but no version has less than %zu or more than %d bytes: "
                 "write .size = sizeof (%s)", type, size, first, LARGEST, type);
    for (size_t i = room; i < size; i++)
        if (((const char *)given)[i] != 0)
            WEIR_BUG("a %s of %zu bytes asks for something behind the %zu bytes that this library "
                     "knows: it is older than the headers that the program was built with", type,
                     size, room);
}
