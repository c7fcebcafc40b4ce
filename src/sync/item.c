/* SPDX-License-Identifier: MIT */
/* item.c - the message for an item of the wrong size. */
#include "sync/item.h"

#include <weir/base.h>

#include "base/check.h"

void weir__item_refuse(const char *call, const char *kind, const struct weir_site *site,
                       size_t given, size_t want) {
    if (want == 0)
        WEIR_BUG("%s: the %s is not initialised", call, kind);
    if (site != NULL)
        WEIR_BUG("%s: the item has %zu bytes, but the %s initialised at %s:%d was made for items "
                 "of %zu", call, given, kind, site->file, site->line, want);
    WEIR_BUG("%s: the item has %zu bytes, but the %s was made for items of %zu", call, given, kind,
             want);
}
