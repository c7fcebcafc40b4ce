/* SPDX-License-Identifier: MIT */
#include "torture/tables.h"
#include "torture/torture.h"

int torture_http_list(struct torture_list *ret, enum torture_side side, const char *only) {
    return torture_list_make(ret, NULL, 0, side, only);
}
