/* SPDX-License-Identifier: MIT */
/* ws_shake.c - the opening handshake, both sides: the policy (who may connect under which name)
 * and the bytes; wire/handshake.c has the rules of the text. */
#include "proto/ws_shake.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "proto/ws_admit.h"
#include "proto/ws_conn.h"
#include "proto/ws_zip.h"
#include "stream/stream.h"
#include "wire/uri.h"

/* Keep the path, which begins with a slash whatever came, and the subprotocol, in one block; the
 * common case, "/" and none, needs no block. */
static int take_names(struct weir_ws *ws, const char *path, size_t path_len, const char *protocol,
                      size_t protocol_len) {
    bool has_slash = path_len > 0 && path[0] == '/';
    if (protocol_len == 0 && path_len == has_slash)
        return 0;
    ws->names = weir__alloc(path_len + protocol_len + 3);
    if (ws->names == NULL)
        return weir__fail(-ENOMEM, "ws handshake", NULL);
    int n = sprintf(ws->names, "%s%.*s", has_slash ? "" : "/", (int)path_len, path);
    if (protocol_len > 0)
        memcpy(ws->names + n + 1, protocol, protocol_len);
    ws->names[(size_t)n + 1 + protocol_len] = '\0';
    return 0;
}

/* ---- server ---- */

static void note_method(struct weir_ws *ws, const struct weir__http1 *h, const char *head) {
    ws->is_head = h->method.len == 4 && memcmp(head + h->method.offset, "HEAD", 4) == 0;
}

/* RFC 9110 9.3.2: an answer to HEAD has no body. */
static void write_refusal(const struct weir_ws *ws, int status, const char *why,
                          struct ws_answer *ret) {
    ssize_t n = weir__http1_refusal_write(ret->text, sizeof ret->text, status, why);
    ret->len = n > 0 ? (size_t)n : 0;
    ret->status = (uint16_t)status;
    const char *end = ws->is_head ? memmem(ret->text, ret->len, "\r\n\r\n", 4) : NULL;
    if (end != NULL)
        ret->len = (size_t)(end - ret->text) + 4;
}

void weir__ws_refuse(struct weir_ws *ws, int rc, int status, const char *why,
                     struct ws_answer *ret) {
    write_refusal(ws, status, why, ret);
    ret->is_users = false;
    const char *peer = weir_ws_peer(ws);
    ret->rc = weir__failf(rc, "ws handshake", peer, "%s (answered %d)", why, status);
}

/* The peer gets why; the caller, or the log, also what it sent and which option decides. */
static void refuse_by_list(struct weir_ws *ws, int status, const char *why, const char *header,
                           const char *text, struct weir__slice value, struct ws_answer *ret) {
    weir__ws_refuse(ws, WEIR_EHTTP, status, why, ret);
    weir__failf(WEIR_EHTTP, "ws handshake", weir_ws_peer(ws),
                "%s: \"%.*s\" (%ss of weir_ws_options; answered %d)", why,
                value.len < 40 ? (int)value.len : 40, text + value.offset, header, status);
}

static const char *select_protocol(struct weir_ws *ws, const struct weir__ws_request *r,
                                   const char *head) {
    const char *const *names = ws->config->o.subprotocols;
    size_t count = 0;
    while (names != NULL && names[count] != NULL)
        count++;
    int i = count > 0 ? weir__ws_protocol_select(r, head, names, count) : -1;
    return i < 0 ? NULL : names[i];
}

bool weir__ws_admits(struct weir_ws *ws, const struct weir__http1 *h, const void *head,
                     struct ws_answer *ret) {
    const char *text = head;
    bool is_absolute = h->target_form == WEIR__HTTP1_ABSOLUTE; /* it outranks the Host field */
    int origin = weir__http1_find(h, head, "Origin", 0);
    struct weir__slice host = is_absolute ? h->authority : h->host;
    note_method(ws, h, head);
    if (!weir__ws_knows_host(ws, text, host)) {
        refuse_by_list(ws, 421, "not a name of this server", "host", text, host, ret);
        return false;
    }
    for (; origin >= 0; origin = weir__http1_find(h, head, "Origin", origin + 1)) {
        struct weir__slice value = h->headers[origin].value;
        if (weir__ws_knows_origin(ws, text + value.offset, value.len))
            continue;
        refuse_by_list(ws, 403, "this origin is not allowed", "origin", text, value, ret);
        return false;
    }
    return true;
}

/* Compress as agreed on. Returns 0 or -ENOMEM. */
static int zip_begin(struct weir_ws *ws, const struct weir__ws_deflate_terms *t) {
    struct ws_extra *x = weir__ws_extra(ws);
    if (x == NULL || (x->zip = weir__ws_zip_new(ws, t)) == NULL)
        return weir__fail(-ENOMEM, "ws handshake", weir_ws_peer(ws));
    return 0;
}

/* The request is good, and let in. */
static void accept_client(struct weir_ws *ws, const struct weir__ws_request *r,
                          const struct weir__http1 *h, const char *text, struct ws_answer *ret) {
    struct weir__ws_deflate_terms own, agreed;
    const char *protocol = select_protocol(ws, r, text), *why = NULL;
    bool zips = ws->config->zips != NULL;
    if (zips)
        own = weir__ws_zip_terms(ws->config);
    int deflates = weir__ws_deflate_choose(h, text, zips ? &own : NULL, &agreed, &why);
    if (deflates < 0) {
        weir__ws_refuse(ws, WEIR_EHTTP, 400, why, ret);
        return;
    }
    ssize_t n = weir__ws_response_write(ret->text, sizeof ret->text, text + r->key.offset,
                                        protocol, deflates ? &agreed : NULL);
    size_t protocol_len = protocol ? strlen(protocol) : 0;
    if (n < 0 || take_names(ws, text + r->path.offset, r->path.len, protocol, protocol_len) < 0 ||
        (deflates && zip_begin(ws, &agreed) < 0)) {
        weir__ws_refuse(ws, -ENOMEM, 503, "out of memory", ret);
        return;
    }
    ret->len = (size_t)n;
    ret->status = 101;
    ret->rc = 0;
    ret->is_users = false;
}

void weir__ws_answer(struct weir_ws *ws, const struct weir__http1 *h, const void *head,
                     struct ws_answer *ret) {
    struct weir__ws_request r;
    note_method(ws, h, head);
    if (weir__ws_request_check(h, head, &r) < 0)
        weir__ws_refuse(ws, WEIR_EHTTP, r.answer, r.why, ret);
    else if (weir__ws_admits(ws, h, head, ret))
        accept_client(ws, &r, h, head, ret);
}

/* A function of the user's need not have left a record. */
static int recorded(int rc, struct weir_ws *ws) {
    return weir_error(rc) != NULL ? rc : weir__fail(rc, "ws request", weir_ws_peer(ws));
}

/* The function failed, or what it sent did. If nothing was sent, the client gets a 500 and none of
 * our words. */
static void asked_in_vain(struct weir_ws *ws, const struct weir_http_request *r, int rc,
                          struct ws_answer *ret) {
    bool may_send = r->reply == HTTP_UNANSWERED;
    if (may_send)
        write_refusal(ws, 500, "the server could not decide", ret);
    ret->rc = recorded(rc, ws);
    ret->is_users = rc != r->failed && rc != weir_cancelled();
}

/* A program that returns 401 meant to refuse: so a positive result must never let a client in. */
static int returned_more(struct weir_ws *ws, int rc) {
    return weir__failf(-EINVAL, "ws request", weir_ws_peer(ws),
                       "the function returned %d: 0 goes on, less than 0 refuses", rc);
}

/* What it did            it returned   time over, cancelled    else
 * no answer              0             nothing is sent         as without it: 101, or a refusal
 * no answer              > 0           nothing is sent         500, -EINVAL
 * no answer              < 0           nothing is sent         500
 * an answer              >= 0          rc 1                    rc 1
 * an answer              < 0           its code                its code
 * an answer that failed  >= 0          the failure             the failure */
void weir__ws_answer_asked(struct weir_ws *ws, const struct weir_http_request *r, int rc,
                           struct ws_answer *ret) {
    bool has_begun = r->reply != HTTP_UNANSWERED;
    int felt = has_begun ? 0 : weir_cancelled();
    ret->len = 0;
    ret->status = r->status;
    ret->is_users = false;
    if (felt != 0)
        ret->rc = recorded(felt, ws);
    else if (rc < 0 || r->failed < 0)
        asked_in_vain(ws, r, rc < 0 ? rc : r->failed, ret);
    else if (has_begun)
        ret->rc = 1;
    else if (rc > 0)
        asked_in_vain(ws, r, returned_more(ws, rc), ret);
    else
        weir__ws_answer(ws, &r->head, r->text, ret);
}

/* Our side of the stream ends behind the answer, also if the time of the handshake is over: nothing
 * may follow it. */
static void shut_answered(struct weir_ws *ws) {
    struct weir_scope shield;
    weir_shield_enter(&shield, WS_REFUSED_NS);
    weir_scope_leave(&shield, weir_shutdown(ws->stream));
}

/* Send the answer, unless the user's function has. A refused client gets time to read it: until it
 * ends, what it still sends is thrown away, for a close with bytes unread is a reset, which
 * overtakes the answer. */
static int send_answer(struct weir_ws *ws, const struct ws_answer *a) {
    struct weir_error why = {0};
    struct weir_scope s;
    struct weir_view v;
    if (a->rc < 0)
        why = *weir_error(a->rc);
    int rc = a->len > 0 ? weir_write(ws->stream, a->text, a->len) : 0;
    if (a->rc == 0)
        return rc;
    if (rc == 0)
        shut_answered(ws);
    weir_scope_enter(&s, WS_REFUSED_NS);
    rc = 0;
    while (ws->stream->shut && (rc = (int)weir_peek(ws->stream, 1, &v)) > 0)
        weir_consume(ws->stream, v.len);
    weir_scope_leave(&s, rc);
    if (a->rc < 0)
        weir__error_restore(&why);
    return a->rc;
}

void weir__ws_late(struct weir_ws *ws, struct ws_answer *ret) {
    weir__ws_refuse(ws, -ETIME, 408, "the handshake took too long", ret);
}

void weir__ws_shake_late(struct weir_ws *ws) {
    struct ws_answer a;
    weir__ws_late(ws, &a);
    (void)send_answer(ws, &a);
}

/* ---- both: read a head ---- */

/* Peek until the head is whole. Returns its size; the bytes stay in the stream. */
static ssize_t read_head(struct weir_ws *ws, struct weir__http1 *h, struct weir_view *v) {
    for (size_t min = 1;;) {
        ssize_t n = weir__stream_peek(ws->stream, min, "ws handshake", v);
        if (n <= 0)
            return n < 0 ? n : weir__fail(WEIR_EEOF, "ws handshake", weir_ws_peer(ws));
        int size = weir__http1_parse(h, v->base, v->len);
        if (size != 0)
            return size;
        min = v->len + 1;
    }
}

/* On the heap: a stack that has once been deep stays so, and a served connection is one stack. */
struct shaking {
    struct weir__http1 h;
    struct ws_answer a;
    struct weir_error kept; /* the caller's record, while its function request runs */
    struct weir__http1_header headers[WEIR__HTTP1_HEADERS_MAX];
};

static struct shaking *shaking_new(struct weir_ws *ws, enum weir__http1_kind kind) {
    struct shaking *k = weir__alloc(sizeof *k);
    if (k == NULL)
        weir__fail(-ENOMEM, "ws handshake", NULL);
    else
        weir__http1_init(&k->h, kind, k->headers, &ws->config->http);
    return k;
}

/* The user's function looks at the request. It may suspend, so its bytes are consumed before.
 * Returns whether there is something to tell the client. */
static bool ask(struct weir_ws *ws, struct shaking *k, const void *head, size_t size) {
    const struct weir_ws_options *o = &ws->config->o;
    if (!weir__ws_admits(ws, &k->h, head, &k->a))
        return true;
    struct weir_http_request *r =
        weir__http_request_new(ws->stream, o->request_arg, &k->h, head, size);
    if (r == NULL) {
        weir__ws_refuse(ws, -ENOMEM, 503, "out of memory", &k->a);
        return true;
    }
    weir_consume(ws->stream, size);
    weir__error_keep(&k->kept);
    weir__error_begin();
    weir__ws_answer_asked(ws, r, o->request(r), &k->a);
    if (k->a.rc == 0)
        weir__error_restore(&k->kept);
    bool has_begun = r->reply != HTTP_UNANSWERED;
    weir__free(r);
    return has_begun || k->a.len > 0;
}

static int shake_server(struct weir_ws *ws, struct shaking *k) {
    struct weir_view v;
    ssize_t n = read_head(ws, &k->h, &v);
    bool is_asked = ws->config->o.request != NULL;
    if (n == WEIR_EPROTO || n == WEIR_ETOOBIG)
        weir__ws_refuse(ws, (int)n, k->h.answer, k->h.why, &k->a);
    else if (n < 0)
        return (int)n;
    else if (!is_asked)
        weir__ws_answer(ws, &k->h, v.base, &k->a);
    else if (!ask(ws, k, v.base, (size_t)n))
        return k->a.rc;
    if (k->a.rc == 0 && !is_asked)
        weir_consume(ws->stream, (size_t)n);
    return send_answer(ws, &k->a);
}

int weir__ws_shake_server(struct weir_ws *ws) {
    struct shaking *k = shaking_new(ws, WEIR__HTTP1_REQUEST);
    if (k == NULL)
        return -ENOMEM;
    int rc = shake_server(ws, k);
    weir__free(k);
    return rc;
}

int weir__ws_shake_request(struct weir_ws *ws, const struct weir_http_request *r) {
    struct shaking *k = shaking_new(ws, WEIR__HTTP1_REQUEST);
    if (k == NULL)
        return -ENOMEM;
    weir__ws_answer(ws, &r->head, r->text, &k->a);
    int rc = send_answer(ws, &k->a);
    weir__free(k);
    return rc;
}

/* ---- client ---- */

static int join_protocols(const char *const *names, char *ret_text, size_t size) {
    size_t at = 0;
    ret_text[0] = '\0';
    for (; names != NULL && *names != NULL; names++) {
        int n = snprintf(ret_text + at, size - at, "%s%s", at ? ", " : "", *names);
        if (n < 0 || (size_t)n >= size - at)
            return WEIR_ETOOBIG;
        at += (size_t)n;
    }
    return 0;
}

int weir__ws_question_check(const struct weir_ws_options *o) {
    const char *origin = o->origin != NULL ? o->origin : "";
    if (weir__chars_line_end((const uint8_t *)origin, 0, strlen(origin)) < strlen(origin))
        return weir__failf(-EINVAL, "ws dial", NULL,
                           "the origin \"%.60s\": a control character in it", origin);
    for (const char *const *p = o->subprotocols; p != NULL && *p != NULL; p++)
        if (!weir__chars_all((const uint8_t *)*p, strlen(*p), WEIR__CHAR_TOKEN))
            return weir__failf(-EINVAL, "ws dial", NULL, "the subprotocol \"%.60s\" is no token",
                               *p);
    return 0;
}

static int send_request(struct weir_ws *ws, const struct weir__ws_request_options *o,
                        char key[WEIR__WS_KEY_LEN]) {
    uint8_t random[16];
    size_t size = o->host_len + o->path_len + (o->origin ? strlen(o->origin) : 0) +
                  (o->protocols ? strlen(o->protocols) : 0) + weir__head_lines_len(o->headers) +
                  WS_REQUEST_REST;
    char *text = weir__alloc(size);
    if (text == NULL)
        return weir__fail(-ENOMEM, "ws handshake", NULL);
    struct weir__backend *b = ws->config->loop->backend;
    b->ops->random(b, random, sizeof random);
    weir__ws_key_write(key, random);
    ssize_t n = weir__ws_request_write(text, size, o, key);
    int rc = n < 0 ? weir__failf((int)n, "ws handshake", NULL, "the request cannot be written")
                   : weir_write(ws->stream, text, (size_t)n);
    weir__free(text);
    return rc;
}

/* Where an answer leads, if it leads elsewhere and the client may follow; "" if it does not say. */
static int take_location(struct weir_ws *ws, const struct weir__http1 *h, const char *head,
                         struct ws_question *q) {
    bool leads = (h->status >= 301 && h->status <= 303) || h->status == 307 || h->status == 308;
    if (!leads || ws->config->o.redirects_max <= 0)
        return WEIR_EHTTP;
    bool is_one = weir__http1_count(h, head, "Location") == 1;
    struct weir__slice to = {0};
    if (is_one)
        to = h->headers[weir__http1_find(h, head, "Location", 0)].value;
    q->location = weir__alloc(to.len + 1u);
    if (q->location == NULL)
        return weir__fail(-ENOMEM, "ws handshake", weir_ws_peer(ws));
    memcpy(q->location, head + to.offset, to.len);
    q->location[to.len] = '\0';
    return WEIR_EHTTP;
}

/* What a refusal says, if it is text that has come with the head: its first line. */
static void refusal_line(const struct weir__http1 *h, const char *head, struct weir_view body,
                         char *text, size_t size) {
    int type = weir__http1_find(h, head, "Content-Type", 0);
    bool is_plain = type >= 0 && h->headers[type].value.len >= 10 &&
                    strncasecmp(head + h->headers[type].value.offset, "text/plain", 10) == 0;
    size_t len = 0;
    text[0] = '\0';
    if (!is_plain || h->status < 400 || weir__http1_count(h, head, "Transfer-Encoding") > 0 ||
        weir__http1_count(h, head, "Content-Encoding") > 0)
        return;
    while (len < body.len && memchr("\r\n", ((const char *)body.base)[len], 3) == NULL)
        len++; /* to a NUL, too */
    bool is_whole = len < body.len || h->body_len == (int64_t)body.len;
    if (len > 0 && is_whole)
        snprintf(text, size, ": %.*s", len < 100 ? (int)len : 100, (const char *)body.base);
}

/* Say what came instead, such as "the server answered 200 OK (text/html), not 101". */
static int not_upgraded(const struct weir_ws *ws, const struct weir__http1 *h, const char *head,
                        struct weir_view body, const char *url) {
    char type[64] = "", says[104];
    refusal_line(h, head, body, says, sizeof says);
    int i = weir__http1_find(h, head, "Content-Type", 0);
    if (i >= 0 && *says == '\0') { /* without its parameters */
        struct weir__slice t = h->headers[i].value;
        const char *end = memchr(head + t.offset, ';', t.len);
        size_t len = end != NULL ? (size_t)(end - head) - t.offset : t.len;
        snprintf(type, sizeof type, " (%.*s)", len < 48 ? (int)len : 48, head + t.offset);
    }
    bool leads = h->status >= 300 && h->status < 400 && ws->config->o.redirects_max <= 0;
    weir__failf(WEIR_EHTTP, "ws handshake", url, "the server answered %u %.*s%s, not 101%s",
                h->status, h->reason.len < 40 ? (int)h->reason.len : 40, head + h->reason.offset,
                type, leads              ? ": redirects_max lets it be followed"
                      : h->status < 300 ? ": there is no WebSocket" : says);
    weir__fail_status(WEIR_EHTTP, h->status);
    return WEIR_EHTTP;
}

static int check_response(struct weir_ws *ws, const struct weir__http1 *h, const void *head,
                          struct weir_view body, const char *key,
                          const struct weir__ws_request_options *o, struct ws_question *q,
                          struct weir__slice *ret_protocol) {
    struct weir__ws_response r;
    int rc = weir__ws_response_check(h, head, key, o->protocols, o->deflate, &r);
    if (rc == WEIR_EHTTP) {
        not_upgraded(ws, h, head, body, q->url);
        return take_location(ws, h, head, q);
    }
    if (rc < 0)
        return weir__failf(rc, "ws handshake", q->url, "the server's answer: %s", r.why);
    *ret_protocol = r.protocol;
    return r.deflates ? zip_begin(ws, &r.deflate) : 0;
}

/* Skip interim answers (RFC 9110 15.2): all that precedes the final one counts against head_max,
 * as if it were one head. Returns the size of the final one. */
static ssize_t read_final_head(struct weir_ws *ws, struct shaking *k, struct weir_view *v) {
    struct weir__http1_limits left = ws->config->http;
    for (;;) {
        weir__http1_init(&k->h, WEIR__HTTP1_RESPONSE, k->headers, &left);
        ssize_t n = read_head(ws, &k->h, v);
        k->h.limits = NULL;
        if (n < 0 || k->h.status >= 200 || k->h.status == 101)
            return n;
        weir_consume(ws->stream, (size_t)n);
        left.head_size_max -= (uint32_t)n;
    }
}

static int read_response(struct weir_ws *ws, struct shaking *k, const char *key,
                         const struct weir__ws_request_options *o, struct ws_question *q) {
    struct weir_view v;
    struct weir__slice protocol = {0};
    ssize_t n = read_final_head(ws, k, &v);
    if (n == WEIR_EPROTO || n == WEIR_ETOOBIG)
        return weir__failf((int)n, "ws handshake", q->url, "the server's answer: %s", k->h.why);
    if (n == WEIR_EEOF)
        return weir__failf(WEIR_EEOF, "ws handshake", q->url,
                           "%s ended the connection before it answered", weir_ws_peer(ws));
    if (n < 0)
        return (int)n;
    struct weir_view rest = {(const char *)v.base + n, v.len - (size_t)n};
    int rc = check_response(ws, &k->h, v.base, rest, key, o, q, &protocol);
    if (rc == 0)
        rc = take_names(ws, o->path, o->path_len, (const char *)v.base + protocol.offset,
                        protocol.len);
    weir_consume(ws->stream, (size_t)n);
    return rc;
}

int weir__ws_shake_client(struct weir_ws *ws, struct ws_question *q) {
    char key[WEIR__WS_KEY_LEN], protocols[WS_PROTOCOLS_TEXT_MAX];
    int rc = join_protocols(ws->config->o.subprotocols, protocols, sizeof protocols);
    if (rc < 0)
        return weir__failf(rc, "ws handshake", NULL, "too many subprotocols");
    struct weir__ws_request_options o = {.host = q->host, .host_len = q->host_len,
                                         .path = q->path, .path_len = q->path_len,
                                         .origin = ws->config->o.origin, .headers = q->headers,
                                         .protocols = *protocols ? protocols : NULL};
    struct weir__ws_deflate_terms terms;
    if (ws->config->zips != NULL) {
        terms = weir__ws_zip_terms(ws->config);
        o.deflate = &terms;
    }
    struct shaking *k = shaking_new(ws, WEIR__HTTP1_RESPONSE);
    if (k == NULL)
        return -ENOMEM;
    rc = send_request(ws, &o, key);
    if (rc == 0)
        rc = read_response(ws, k, key, &o, q);
    weir__free(k);
    return rc;
}
