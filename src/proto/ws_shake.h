/* SPDX-License-Identifier: MIT */
/* ws_shake.h - the opening handshake, both sides. */
#ifndef WEIR_PROTO_WS_SHAKE_H
#define WEIR_PROTO_WS_SHAKE_H

#include "proto/http_request.h"
#include "proto/weir_ws.h"

struct ws_answer { /* to a client's handshake */
    int rc;        /* 0: accepted; 1: the user's function has answered; < 0: refused */
    bool is_users; /* rc is the failure of the user's function */
    uint16_t status; /* 0: the client gets none */
    size_t len;    /* 0: nothing is to be sent */
    char text[672];
};
void weir__ws_answer(struct weir_ws *ws, const struct weir__http1 *h, const void *head,
                     struct ws_answer *ret_answer);
/* May the user's function see this request, whatever it asks for? If not, the refusal is in
 * *ret_answer. */
bool weir__ws_admits(struct weir_ws *ws, const struct weir__http1 *h, const void *head,
                     struct ws_answer *ret_answer);
/* What follows from what the user's function did with r, and returned. Called within the scope in
 * which it ran. */
void weir__ws_answer_asked(struct weir_ws *ws, const struct weir_http_request *r, int rc,
                           struct ws_answer *ret_answer);
void weir__ws_refuse(struct weir_ws *ws, int rc, int status, const char *why,
                     struct ws_answer *ret_answer);
/* What a client asks, and whom. */
struct ws_question {
    const char *url, *host, *path;
    size_t host_len, path_len;
    const char *const *headers;
    char *location; /* of an answer that leads elsewhere, WEIR_EHTTP: weir__free it; else NULL */
};
/* Can the origin and the subprotocols be sent? Returns 0; -EINVAL. */
int weir__ws_question_check(const struct weir_ws_options *o);
int weir__ws_shake_client(struct weir_ws *ws, struct ws_question *q);
int weir__ws_shake_server(struct weir_ws *ws);
/* The same for a request that an HTTP server has read. */
int weir__ws_shake_request(struct weir_ws *ws, const struct weir_http_request *r);
void weir__ws_late(struct weir_ws *ws, struct ws_answer *ret_answer); /* it took too long */
void weir__ws_shake_late(struct weir_ws *ws); /* say so */

#endif
