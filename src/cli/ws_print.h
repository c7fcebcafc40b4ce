/* SPDX-License-Identifier: MIT */
/* ws_print.h - how `weir ws` prints messages: for a person, for a pipe, as JSON. */
#ifndef WEIR_CLI_WS_PRINT_H
#define WEIR_CLI_WS_PRINT_H

#include <weir/ws.h>

#include "cli/output.h"

struct ws_print {
    struct weir_stream *out;
    char *line; /* what is being built */
    size_t len, size;
    bool is_json, is_terminal, is_colored;
};

/* Print to standard output. Returns 0; as weir_stdout. */
int ws_print_open(struct ws_print *p, bool is_json, enum output_color color);
void ws_print_close_stream(struct ws_print *p);

/* Print one message. Returns 0; -ENOMEM, -EPIPE and what else weir_write returns. Suspends. */
int ws_print_message(struct ws_print *p, const struct weir_ws_message *m);

/* As JSON: how the connection ended. Returns as ws_print_message. */
int ws_print_close(struct ws_print *p, int code, const char *reason);

#endif
