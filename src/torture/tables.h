/* SPDX-License-Identifier: MIT */
/* tables.h - all tables of cases. */
#ifndef WEIR_TORTURE_TABLES_H
#define WEIR_TORTURE_TABLES_H

#include "torture/case.h"

extern const struct torture_table torture_ws_frames, torture_ws_text, torture_ws_handshake,
    torture_ws_answer, torture_ws_deflate;
extern const struct torture_table torture_http_accept, torture_http_reject, torture_http_client,
    torture_http_accept_bytes, torture_http_reject_bytes, torture_http_client_bytes;

#endif
