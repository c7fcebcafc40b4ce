/* SPDX-License-Identifier: MIT */
/* client_body.c - the body of an answer: by length, in chunks or until the end of the
 * connection; as pieces or as a whole. Its end gives the connection back. */
#include <errno.h>
#include <stdio.h>

#include "base/alloc.h"
#include "http/client.h"
#include "http/client_decode.h"
#include "stream/stream.h"

enum { WHOLE_FIRST = 4 << 10 }; /* what a body that says no length begins with */

static const char *url_of(const struct weir_http_response *r) {
    return r->url != NULL ? r->url->text : NULL;
}

/* ---- as it comes over the wire --------------------------------------------------------------- */

static int cut_short(const struct weir_http_response *r) {
    char rest[48] = "before its last chunk";
    if (r->framing == WEIR__HTTP1_BODY_LENGTH)
        snprintf(rest, sizeof rest, "%llu bytes before its end", (unsigned long long)r->left);
    return weir__failf(WEIR_EEOF, "http body", url_of(r), "the connection ended %s", rest);
}

static ssize_t read_length(struct weir_http_response *r, void *buf, size_t len) {
    ssize_t n = weir_read(r->conn->stream, buf, len < r->left ? len : (size_t)r->left);
    if (n == 0)
        return cut_short(r);
    r->left -= n > 0 ? (uint64_t)n : 0;
    if (n > 0 && r->left == 0)
        weir__http_response_part(r);
    return n;
}

static ssize_t read_until_close(struct weir_http_response *r, void *buf, size_t len) {
    ssize_t n = weir_read(r->conn->stream, buf, len);
    if (n == 0)
        weir__http_response_part(r);
    return n;
}

static int keep_trailer(struct weir_http_response *r, const struct weir__chunked_data *d) {
    char *grown = weir__realloc(r->trailers, r->trailers_len + d->len + 1);
    if (grown == NULL)
        return weir__fail(-ENOMEM, "http body", url_of(r));
    memcpy(grown + r->trailers_len, d->data, d->len);
    r->trailers = grown;
    r->trailers_len += d->len;
    return 0;
}

/* All lines are here. Make each "name NUL value NUL". */
static void split_trailers(struct weir_http_response *r) {
    if (r->trailers == NULL)
        return;
    char *from = r->trailers, *to = from, *end = from + r->trailers_len;
    while (from < end) {
        char *eol = memchr(from, '\r', (size_t)(end - from));
        char *colon = memchr(from, ':', (size_t)(end - from));
        if (eol == NULL || colon == NULL || colon > eol)
            break;
        char *value = colon + 1, *last = eol;
        while (value < last && (*value == ' ' || *value == '\t'))
            value++;
        while (last > value && (last[-1] == ' ' || last[-1] == '\t'))
            last--;
        memmove(to, from, (size_t)(colon - from));
        to += colon - from;
        *to++ = '\0';
        memmove(to, value, (size_t)(last - value));
        to += last - value;
        *to++ = '\0';
        from = eol + 2;
    }
    r->trailers_len = (size_t)(to - r->trailers);
}

static int bad_chunks(const struct weir_http_response *r, int rc) {
    return weir__failf(rc, "http body", url_of(r), "%s", r->chunked.why);
}

/* Take one piece of coded bytes. Returns how many bytes of body it gave; 0: none, go on. */
static ssize_t take_chunk(struct weir_http_response *r, struct weir_view v, void *buf,
                          size_t len) {
    struct weir__chunked_data d;
    int rc = weir__chunked_feed(&r->chunked, v.base, v.len < len ? v.len : len, &d);
    if (rc < 0)
        return bad_chunks(r, rc);
    int kept = rc == WEIR__CHUNKED_TRAILER ? keep_trailer(r, &d) : 0;
    if (kept < 0) {
        r->failed = kept; /* the decoder has moved on: the rest means nothing now */
        return kept;
    }
    if (rc == WEIR__CHUNKED_DATA)
        memcpy(buf, d.data, d.len);
    if (d.used > 0)
        weir_consume(r->conn->stream, d.used);
    if (rc == WEIR__CHUNKED_END) {
        split_trailers(r);
        weir__http_response_part(r);
    }
    return rc == WEIR__CHUNKED_DATA ? (ssize_t)d.len : 0;
}

static ssize_t read_chunks(struct weir_http_response *r, void *buf, size_t len) {
    ssize_t n = 0;
    while (n == 0 && !r->ended) {
        struct weir_view v;
        n = weir__stream_peek(r->conn->stream, 1, "http body", &v);
        if (n == 0)
            return cut_short(r);
        if (n > 0)
            n = take_chunk(r, v, buf, len);
    }
    return n;
}

/* Does rc leave the body as it was? */
static bool may_go_on(int rc) {
    return rc == -ECANCELED || rc == -ETIME || rc == -ENOMEM || rc == -EBUSY;
}

static void broke(struct weir_http_response *r, int rc) {
    if (r->failed == 0 && may_go_on(rc))
        return;
    r->failed = rc;
    if (!r->ended)
        weir__http_response_part(r);
}

static ssize_t read_wire(struct weir_http_response *r, void *buf, size_t len) {
    ssize_t n;
    if (r->ended)
        return 0;
    if (r->framing == WEIR__HTTP1_BODY_LENGTH)
        n = read_length(r, buf, len);
    else if (r->framing == WEIR__HTTP1_BODY_CHUNKED)
        n = read_chunks(r, buf, len);
    else
        n = read_until_close(r, buf, len);
    if (n < 0)
        broke(r, (int)n);
    return n;
}

static void drop_ahead(struct weir_http_response *r) {
    weir__free(r->ahead);
    r->ahead = NULL;
    r->ahead_at = r->ahead_len = r->ahead_size = 0;
}

static size_t take_ahead(struct weir_http_response *r, void *buf, size_t len) {
    size_t n = r->ahead_len - r->ahead_at < len ? r->ahead_len - r->ahead_at : len;
    memcpy(buf, r->ahead + r->ahead_at, n);
    r->ahead_at += n;
    if (r->ahead_at == r->ahead_len)
        drop_ahead(r);
    return n;
}

static int fail_again(const struct weir_http_response *r) {
    if (r->ahead_error == NULL)
        return weir__fail(r->failed, "http body", url_of(r));
    weir__error_restore(r->ahead_error);
    return r->failed;
}

ssize_t weir__http_body_read(struct weir_http_response *r, void *buf, size_t len) {
    if (r->ahead_at == r->ahead_len)
        return r->failed < 0 ? fail_again(r) : read_wire(r, buf, len);
    weir__breathe_bytes(len);
    return (ssize_t)take_ahead(r, buf, len);
}

/* Returns false: no memory. */
static bool ahead_grow(struct weir_http_response *r) {
    size_t size = r->ahead_size == 0 ? HTTP_WATCH_MIN : r->ahead_size * 2;
    char *grown = weir__realloc(r->ahead, size);
    if (grown == NULL)
        return false;
    r->ahead = grown;
    r->ahead_size = size;
    return true;
}

void weir__http_body_read_ahead(struct weir_http_response *r) {
    ssize_t n = 1;
    while (n > 0 && r->ahead_len < HTTP_BODY_MAX) {
        if (r->ahead_len == r->ahead_size && !ahead_grow(r))
            return;
        n = read_wire(r, r->ahead + r->ahead_len, r->ahead_size - r->ahead_len);
        r->ahead_len += n > 0 ? (size_t)n : 0;
    }
    if (r->failed < 0 && (r->ahead_error = weir__alloc(sizeof *r->ahead_error)) != NULL)
        weir__error_keep(r->ahead_error);
}

/* ---- as it was before it was compressed ------------------------------------------------------ */

/* Nothing more is handed out, also of what is here already: each later read returns rc. */
static void body_ends(struct weir_http_response *r, int rc) {
    r->failed = rc;
    weir__http_decoder_free(r->decoder);
    r->decoder = NULL;
    weir__free(r->ahead_error); /* another error, which counts no more */
    r->ahead_error = NULL;
    drop_ahead(r);
    broke(r, rc);
}

static int decode_fail(struct weir_http_response *r, int rc) {
    weir__failf(rc, "http body", url_of(r), "%s",
                rc == -ENOMEM    ? weir_error_text(rc)
                : rc == WEIR_EEOF ? "the compressed data was cut short"
                                  : "this is no compressed data");
    body_ends(r, rc);
    return rc;
}

static ssize_t decoded_read(struct weir_http_response *r, void *buf, size_t len) {
    for (;;) {
        uint8_t *room = weir__http_decoder_room(r->decoder);
        if (room != NULL) {
            ssize_t n = weir__http_body_read(r, room, HTTP_DECODE_IN);
            if (n < 0)
                return n;
            weir__http_decoder_put(r->decoder, (size_t)n);
        }
        int64_t n = weir__http_decode(r->decoder, buf, len);
        if (n > 0)
            weir__breathe_bytes((size_t)n);
        if (n < 0)
            return decode_fail(r, (int)n);
        if (n > 0 || (weir__http_body_ended(r) && weir__http_decoder_room(r->decoder) == NULL))
            return (ssize_t)n;
    }
}

/* A 206 has a part of the bytes, even if the request did not ask for one. */
static int set_decoder(struct weir_http_response *r) {
    bool has_whole = r->framing != WEIR__HTTP1_BODY_NONE && r->head.status != 206;
    const char *coding = r->decodes && has_whole
                             ? weir_http_response_header(r, "Content-Encoding") : NULL;
    int rc = coding != NULL ? weir__http_decoder_new(coding, &r->decoder) : 0;
    if (rc < 0)
        return weir__fail(rc, "http body", url_of(r));
    r->decodes = false;
    return 0;
}

/* Some bytes of body, as a program sees them. */
static ssize_t body_read(struct weir_http_response *r, void *buf, size_t len) {
    bool has_more = r->ahead_at < r->ahead_len ||
                    (r->decoder != NULL && weir__http_decoder_room(r->decoder) == NULL);
    int rc = r->failed < 0 && !has_more ? fail_again(r) : set_decoder(r);
    if (rc < 0)
        return rc;
    return r->decoder != NULL ? decoded_read(r, buf, len) : weir__http_body_read(r, buf, len);
}

/* One task reads a body. */
static int reading_begin(struct weir_http_response *r) {
    if (r->reading)
        return weir__failf(-EBUSY, "http body", url_of(r), "another task reads this body");
    r->reading = true;
    return 0;
}

ssize_t weir_http_response_read(struct weir_http_response *r, void *buf, size_t len) {
    int rc = weir__suspend_enter_on(r != NULL ? r->client->loop : NULL, "http body");
    if (rc < 0)
        return rc;
    weir__not_null(r, "weir_http_response_read");
    if (len == 0)
        return 0;
    if ((rc = reading_begin(r)) < 0)
        return rc;
    ssize_t n = body_read(r, buf, len);
    r->reading = false;
    return n;
}

/* ---- as a whole ------------------------------------------------------------------------------ */

static int whole_grow(struct weir_http_response *r, size_t max) {
    size_t size = r->whole_size == 0 ? WHOLE_FIRST : r->whole_size * 2;
    size_t ahead = r->ahead_len - r->ahead_at;
    if (r->whole_size == 0 && r->framing == WEIR__HTTP1_BODY_LENGTH && r->left < HTTP_WATCH_MIN)
        size = ahead + (size_t)r->left + 1; /* one more byte shows whether it is too long */
    size = size < max + 1 ? size : max + 1;
    char *grown = weir__realloc(r->whole, size + 1);
    if (grown == NULL)
        return weir__fail(-ENOMEM, "http body", url_of(r));
    r->whole = grown;
    r->whole_size = size;
    return 0;
}

static int too_big(struct weir_http_response *r, size_t max) {
    weir__free(r->whole);
    r->whole = NULL;
    r->whole_len = r->whole_size = 0;
    body_ends(r, WEIR_ETOOBIG);
    return weir__failf(WEIR_ETOOBIG, "http body", url_of(r), "the body is larger than %zu bytes",
                       max);
}

static ssize_t read_whole(struct weir_http_response *r, size_t max) {
    while (!r->whole_done) {
        if (r->whole_len > max)
            return too_big(r, max);
        int rc = r->whole_len == r->whole_size ? whole_grow(r, max) : 0;
        if (rc < 0)
            return rc;
        ssize_t n = body_read(r, r->whole + r->whole_len, r->whole_size - r->whole_len);
        if (n < 0)
            return n;
        r->whole_len += (size_t)n;
        r->whole_done = n == 0;
    }
    if (r->whole_len > max)
        return weir__failf(WEIR_ETOOBIG, "http body", url_of(r),
                           "the body is larger than %zu bytes", max);
    r->whole[r->whole_len] = '\0';
    return (ssize_t)r->whole_len;
}

ssize_t weir_http_response_body(struct weir_http_response *r, size_t max,
                                struct weir_view *ret_view) {
    int rc = weir__suspend_enter_on(r != NULL ? r->client->loop : NULL, "http body");
    if (rc < 0)
        return rc;
    weir__not_null(r, "weir_http_response_body");
    weir__argument_not_null(ret_view, "weir_http_response_body", "ret_view");
    if ((rc = reading_begin(r)) < 0)
        return rc;
    max = max > 0 ? max : HTTP_BODY_MAX;
    ssize_t n = read_whole(r, max < SIZE_MAX / 4 ? max : SIZE_MAX / 4);
    r->reading = false;
    if (n >= 0)
        *ret_view = (struct weir_view){.base = r->whole, .len = (size_t)n};
    return n;
}

/* ---- dropped --------------------------------------------------------------------------------- */

void weir__http_response_discard(struct weir_http_response *r) {
    struct weir_scope s;
    char *piece = weir__alloc(HTTP_PIECE);
    size_t total = 0;
    ssize_t n = piece != NULL && r->left <= HTTP_DISCARD_MAX ? 1 : 0;
    weir_scope_enter(&s, HTTP_DISCARD_NS);
    while (n > 0 && r->reusable && total < HTTP_DISCARD_MAX) {
        n = weir__http_body_read(r, piece, HTTP_PIECE);
        total += n > 0 ? (size_t)n : 0;
    }
    weir_scope_leave(&s, 0);
    weir__free(piece);
    weir_http_response_close(&r);
}
