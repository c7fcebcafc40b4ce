/* SPDX-License-Identifier: MIT */
/* ws_list.c - all cases of WebSocket, in one list. */
#include "torture/tables.h"
#include "torture/torture.h"

int torture_ws_list(struct torture_list *ret, enum torture_side side, const char *only) {
    const struct torture_table tables[] = {torture_ws_handshake, torture_ws_answer,
                                           torture_ws_frames, torture_ws_text, torture_ws_deflate};
    return torture_list_make(ret, tables, sizeof tables / sizeof *tables, side, only);
}
