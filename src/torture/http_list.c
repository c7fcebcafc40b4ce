/* SPDX-License-Identifier: MIT */
/* http_list.c - all cases of HTTP/1.1, in one list. */
#include "torture/tables.h"
#include "torture/torture.h"

int torture_http_list(struct torture_list *ret, enum torture_side side, const char *only) {
    const struct torture_table tables[] = {torture_http_accept,       torture_http_reject,
                                           torture_http_client,       torture_http_accept_bytes,
                                           torture_http_reject_bytes, torture_http_client_bytes};
    return torture_list_make(ret, tables, sizeof tables / sizeof *tables, side, only);
}
