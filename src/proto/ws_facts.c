/* SPDX-License-Identifier: MIT */
/* ws_facts.c - what any task may ask about a connection: its names, its peer, how it closed. */
#include <string.h>

#include "base/check.h"
#include "proto/ws_zip.h"

const char *weir_ws_path(const struct weir_ws *ws) {
    weir__not_null(ws, "weir_ws_path");
    return ws->names ? ws->names : "/";
}

const char *weir_ws_subprotocol(const struct weir_ws *ws) {
    weir__not_null(ws, "weir_ws_subprotocol");
    return ws->names ? ws->names + strlen(ws->names) + 1 : "";
}

const char *weir_ws_peer(const struct weir_ws *ws) {
    weir__not_null(ws, "weir_ws_peer");
    if (ws->stream != NULL)
        return weir_stream_peer(ws->stream);
    return ws->extra != NULL && ws->extra->peer != NULL ? ws->extra->peer : "";
}

bool weir_ws_is_deflated(const struct weir_ws *ws, struct weir_ws_deflated *ret) {
    weir__not_null(ws, "weir_ws_is_deflated");
    const struct ws_zip *z = ws_zip_of(ws);
    if (z == NULL || ret == NULL)
        return z != NULL;
    bool is_client = ws_is_client(ws);
    *ret = (struct weir_ws_deflated){
        .server_window_bits = is_client ? z->in_bits : z->out_bits,
        .client_window_bits = is_client ? z->out_bits : z->in_bits,
        .server_takeover = is_client ? z->in_takeover : z->out_takeover,
        .client_takeover = is_client ? z->out_takeover : z->in_takeover};
    return true;
}

int weir_ws_close_code(const struct weir_ws *ws) {
    weir__not_null(ws, "weir_ws_close_code");
    return ws->code;
}

const char *weir_ws_close_reason(const struct weir_ws *ws) {
    weir__not_null(ws, "weir_ws_close_reason");
    return ws->extra != NULL && ws->extra->reason != NULL ? ws->extra->reason : "";
}

const char *weir_ws_code_text(int code) {
    static const struct {
        int code;
        const char *text;
    } texts[] = {
        {1000, "OK"},           {1001, "going away"},       {1002, "protocol error"},
        {1003, "unsupported data"}, {1005, "no status received"}, {1006, "abnormal closure"},
        {1007, "invalid data"}, {1008, "policy violation"}, {1009, "message too big"},
        {1010, "extension required"}, {1011, "internal error"}, {1012, "service restart"},
        {1013, "try again later"}, {1014, "bad gateway"},
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (texts[i].code == code)
            return texts[i].text;
    return "unknown";
}
