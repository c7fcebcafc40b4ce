/* SPDX-License-Identifier: MIT */
/* item.h - copying items whose size is known at run time. Most items are a number or a pointer:
 * these are copied without a call. */
#ifndef WEIR_SYNC_ITEM_H
#define WEIR_SYNC_ITEM_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct weir_site;

static inline void weir__item_copy(void *restrict target, const void *restrict source,
                                   size_t size) {
    if (size == sizeof(uint64_t))
        memcpy(target, source, sizeof(uint64_t));
    else if (size == sizeof(uint32_t))
        memcpy(target, source, sizeof(uint32_t));
    else
        memcpy(target, source, size);
}

/* Abort: the macro passed the size of another type. site is where the object was initialised; NULL:
 * not known. want is 0: the object is not initialised. */
_Noreturn void weir__item_refuse(const char *call, const char *kind, const struct weir_site *site,
                                 size_t given, size_t want) __attribute__((cold));

#endif
