/* SPDX-License-Identifier: MIT */
/* stop.c - requests that end early, because their server stops or their client leaves: if the
 * program has asked for that, the task of the request is cancelled. After a stop finish.c, shielded
 * from the cancel, ends the answer as a whole one. */
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

/* ---- the client leaves ---- */

bool weir_http_gone(const struct weir_http_request *pub) {
    return weir__http_request_of(pub, "weir_http_gone")->gone;
}

void weir__http_left(struct http_request *r) {
    if (!r->ends_when_gone || r->gone || r->task == NULL)
        return;
    r->gone = r->http->cut = true;
    weir_task_cancel(r->task, "the client has left");
}

void weir_http_end_when_gone(struct weir_http_request *pub) {
    struct http_request *r = weir__http_request_of(pub, "weir_http_end_when_gone");
    if (r->http->driver->ask_ahead == NULL)
        return;
    r->ends_when_gone = true;
    r->http->driver->ask_ahead(r->http);
}
