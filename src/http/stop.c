/* SPDX-License-Identifier: MIT */
/* stop.c - what a request knows of the stop of its server, and requests that the stop ends: their
 * task is cancelled. finish.c, which is shielded from that, makes their answer whole. */
#include "base/check.h"
#include "http/http.h"

bool weir_http_stopping(const struct weir_http_request *pub) {
    return weir__http_request_of(pub, "weir_http_stopping")->http->is_last;
}

void weir__http_stop(struct http_request *r) {
    if (!r->ends_on_stop || r->stopped || r->task == NULL)
        return;
    r->stopped = r->http->cut = true;
    weir_task_cancel(r->task, "the server stops");
}

void weir_http_end_on_stop(struct weir_http_request *pub) {
    struct http_request *r = weir__http_request_of(pub, "weir_http_end_on_stop");
    r->ends_on_stop = true;
    if (r->http->is_last)
        weir__http_stop(r);
}
