/* SPDX-License-Identifier: MIT */
/* item.c - the message for an item of the wrong size. */
#include "sync/item.h"

#include "base/check.h"

void weir__item_refuse(const char *call, const char *kind, size_t given, size_t want) {
    if (want == 0)
        WEIR_BUG("%s: the %s is not initialised", call, kind);
    WEIR_BUG("%s: the item has %zu bytes, but the %s was made for items of %zu", call, given, kind,
             want);
}
