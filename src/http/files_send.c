/* SPDX-License-Identifier: MIT */
/* files_send.c - the fields and bytes of a file's answer. Small files, and those for TLS and other
 * streams without a descriptor, are read and written; others are sent by sendfile. A file
 * that ends before the length that was announced breaks the connection. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <weir/loop.h>

#include "base/alloc.h"
#include "base/check.h"
#include "base/time.h"
#include "file/cached.h"
#include "http/date.h"
#include "http/files.h"
#include "http/http.h"

enum {
    PIECE = 64 << 10,         /* read and written at once */
    KERNEL_PIECE = 512 << 10, /* of it something must leave within send_ns */
    KERNEL_MIN = 16 << 10,    /* shorter spans go through memory, in one send with the head */
    SEEN_MS = 100,
    FIELDS = 10,
    FIELDS_TEXT = 1200, /* of which the options' Cache-Control takes at most 512 */
};

/* ---- bytes ---- */

static int shrunk(const struct http_found *f) {
    return weir__failf(WEIR_EEOF, "http file", f->name, "the file has shrunk while it was sent");
}

static int send_memory(struct weir_http_request *r, const struct http_found *f, int64_t from,
                       int64_t len) {
    size_t room = len < PIECE ? (size_t)len : PIECE;
    char *piece = weir__alloc(room);
    int rc = piece != NULL ? 0 : weir__fail(-ENOMEM, "http file", f->name);
    for (int64_t done = 0; rc == 0 && done < len;) {
        size_t want = len - done < PIECE ? (size_t)(len - done) : PIECE;
        ssize_t n = weir_file_pread(f->file, piece, want, from + done);
        rc = n > 0 ? weir_http_write(r, piece, (size_t)n) : n == 0 ? shrunk(f) : (int)n;
        done += n;
    }
    weir__free(piece);
    return rc;
}

/* One piece, of which something must leave within send_ns. Returns how many bytes left, or an
 * error. */
static int64_t kernel_piece(struct http_request *r, const struct http_found *f, int64_t most) {
    struct weir_http *h = r->http;
    struct weir_scope s;
    weir_scope_enter(&s, h->config->o.send_ns);
    int64_t n = weir_copy_file_to_stream(h->stream, f->file, most);
    bool is_late = weir_scope_fired(&s) == -ETIME;
    const struct weir_error *e = n < 0 ? weir_error((int)n) : NULL;
    int64_t done = n >= 0 ? n : e != NULL ? (int64_t)e->done : 0;
    int rc = weir_scope_leave(&s, n < 0 ? (int)n : 0);
    r->sent += (uint64_t)done;
    r->to_send -= (uint64_t)done;
    if (rc == -ETIME && is_late && weir_cancelled() == 0)
        return done > 0 ? done : weir__failf(-ETIMEDOUT, "http file", weir_stream_peer(h->stream),
                                             "nothing was sent within send_ns");
    return rc < 0 ? rc : n;
}

/* Of a file that leaves in one piece this is asked at most ten times a second: the question would
 * take a tenth of a request's time, and a fifth where weir__file_is_cached must look at bytes. */
static bool lies_in_memory(const struct http_found *f, int64_t from, size_t len) {
    struct http_seen *s = &f->seen[f->stat.st_ino % HTTP_SEEN];
    bool is_whole = (int64_t)len == f->stat.st_size;
    bool is_seen = is_whole && s->device == f->stat.st_dev && s->inode == f->stat.st_ino &&
                   weir_now() < s->until;
    if (is_seen || !weir__file_is_cached(f->file, from, len))
        return is_seen;
    if (is_whole)
        *s = (struct http_seen){f->stat.st_dev, f->stat.st_ino,
                                weir__deadline(weir_now(), WEIR_MILLISECONDS(SEEN_MS))};
    return true;
}

/* What lies in memory is sent at once; what does not, by a helper thread, which may wait for the
 * disk. Returns how many bytes left, 0 at the end of the file, or an error. */
static int64_t send_some(struct http_request *r, const struct http_found *f, int64_t from,
                         int64_t len) {
    struct weir_stream *s = r->http->stream;
    size_t most = len < KERNEL_PIECE ? (size_t)len : KERNEL_PIECE;
    int64_t n = -ENODATA;
    while (lies_in_memory(f, from, most)) {
        n = weir__file_send(f->file, from, most, s->kind->fd(s));
        int rc = n == -EAGAIN ? weir__http_wait_room(r->http) : 1;
        if (rc < 0)
            return rc;
        if (rc == 1)
            break;
    }
    if (n < 0 && n != -EPIPE && n != -ECONNRESET) {
        n = weir_file_seek(f->file, from, SEEK_SET);
        /* so that the first of the piece finds room, however slow the client is */
        n = n < 0 ? n : weir__http_wait_room(r->http);
        return n < 0 ? n : kernel_piece(r, f, (int64_t)most);
    }
    if (n < 0)
        return weir__fail((int)n, "http file", weir_stream_peer(s));
    r->sent += (uint64_t)n;
    r->to_send -= (uint64_t)n;
    int rc = weir__breathe_bytes((size_t)n) ? weir_cancelled() : 0;
    return rc < 0 ? rc : n;
}

static int send_kernel(struct http_request *r, const struct http_found *f, int64_t from,
                       int64_t len) {
    struct weir_http *h = r->http;
    int64_t n = weir__http_send(h, NULL, 0); /* the head, and what else was gathered */
    if (n < 0)
        return (int)n;
    h->writing = r->writing = true;
    for (n = 1; n > 0 && len > 0; from += n, len -= n) {
        n = send_some(r, f, from, len);
        if (n == 0)
            n = shrunk(f);
        if (n < 0)
            break;
    }
    h->writing = r->writing = false;
    weir__waitq_wake_all(&h->writers, 0);
    h->broken |= n < 0;
    if (n == -EPIPE || n == -ECONNRESET || n == -ETIMEDOUT)
        h->unsent = WEIR_SMALL_CODE(n); /* the client's doing, as of any write */
    return n < 0 ? (int)n : 0;
}

/* A descriptor that the program has brought may block, and the loop with it. */
static bool takes_at_once(const struct weir_stream *s) {
    return s->kind->fd != NULL && !s->loop->backend->simulated &&
           (fcntl(s->kind->fd(s), F_GETFL) & O_NONBLOCK) != 0;
}

static int send_span(struct weir_http_request *pub, const struct http_found *f, int64_t from,
                     int64_t len) {
    struct http_request *r = WEIR_CONTAINER(pub, struct http_request, pub);
    if (len == 0)
        return 0;
    return len >= KERNEL_MIN && r->mode == HTTP_LENGTH && takes_at_once(r->http->stream)
               ? send_kernel(r, f, from, len)
               : send_memory(pub, f, from, len);
}

/* ---- fields ---- */

struct fields {
    const char *lines[FIELDS + 1];
    char text[FIELDS_TEXT];
    size_t count, used;
};

/* A line that stays where it is. */
static void line(struct fields *fs, const char *text) {
    WEIR_CHECK(fs->count < FIELDS);
    fs->lines[fs->count] = text;
    fs->lines[++fs->count] = NULL;
}

__attribute__((format(printf, 2, 3))) static void field(struct fields *fs, const char *format,
                                                        ...) {
    va_list args;
    char *text = fs->text + fs->used;
    size_t room = sizeof fs->text - fs->used;
    va_start(args, format);
    int n = vsnprintf(text, room, format, args);
    va_end(args);
    WEIR_CHECK(n > 0 && (size_t)n < room); /* the options were checked */
    fs->used += (size_t)n + 1;
    line(fs, text);
}

/* RFC 9110 15.4.5: a 304 has the fields by which caches know the answer. */
static void common_fields(struct fields *fs, const struct http_found *f) {
    char date[WEIR__DATE_LEN + 1];
    field(fs, "ETag: %s", f->etag);
    field(fs, "Last-Modified: %s", weir__date_write(f->modified, date));
    if (f->cache_control != NULL)
        field(fs, "Cache-Control: %s", f->cache_control);
    if (f->varies)
        line(fs, "Vary: Accept-Encoding");
}

static void boundary_make(char boundary[static WEIR__RANGE_BOUNDARY + 1], uint64_t chance) {
    snprintf(boundary, WEIR__RANGE_BOUNDARY + 1, "weir%016llx", (unsigned long long)chance);
}

/* ---- answers ---- */

static int send_parts(struct weir_http_request *r, const struct http_found *f,
                      const struct weir__ranges *ranges, const char *boundary) {
    char part[WEIR__RANGE_PART_MAX];
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i <= ranges->count; i++) {
        const struct weir__range *range = i < ranges->count ? &ranges->at[i] : NULL;
        size_t n = weir__range_part(part, boundary, f->type, range, f->stat.st_size);
        rc = weir_http_write(r, part, n);
        if (rc == 0 && range != NULL)
            rc = send_span(r, f, range->from, range->len);
    }
    return rc;
}

/* An answer of len bytes, in parts if boundary is not NULL. None of them is sent to HEAD. */
static int send_file_body(struct weir_http_request *r, struct http_found *f, int status,
                     const struct fields *fs, int64_t len, const struct weir__ranges *ranges,
                     const char *boundary) {
    struct weir_http_answer a = {.size = sizeof a, .status = status, .headers = fs->lines};
    bool is_head = strcmp(weir_http_method(r), "HEAD") == 0;
    if (len == 0)
        return weir_http_reply_with(r, &a);
    a.len = (size_t)len;
    int rc = weir_http_begin(r, &a);
    if (rc == 0 && !is_head && boundary != NULL)
        rc = send_parts(r, f, ranges, boundary);
    else if (rc == 0 && !is_head)
        rc = send_span(r, f, ranges != NULL && ranges->count == 1 ? ranges->at[0].from : 0, len);
    return rc < 0 ? rc : weir_http_end(r, NULL);
}

static int send_whole(struct weir_http_request *r, struct http_found *f, struct fields *fs,
                      int status, const struct weir__ranges *ranges) {
    char boundary[WEIR__RANGE_BOUNDARY + 1];
    bool in_parts = status == 206 && ranges->count > 1;
    int64_t size = f->stat.st_size, len = size;
    line(fs, "Accept-Ranges: bytes");
    line(fs, "X-Content-Type-Options: nosniff");
    if (f->is_packed)
        line(fs, "Content-Encoding: gzip");
    if (in_parts) {
        boundary_make(boundary, weir_random());
        field(fs, "Content-Type: multipart/byteranges; boundary=%s", boundary);
        len = weir__ranges_body_len(ranges, boundary, f->type, size);
    } else {
        field(fs, "Content-Type: %s", f->type);
    }
    if (status == 206 && !in_parts) {
        char value[80];
        weir__range_value(value, sizeof value, &ranges->at[0], size);
        field(fs, "Content-Range: %s", value);
        len = ranges->at[0].len;
    }
    return send_file_body(r, f, status, fs, len, status == 206 ? ranges : NULL,
                     in_parts ? boundary : NULL);
}

int weir__files_answer(struct weir_http_request *r, struct http_found *f, int status,
                       const struct weir__ranges *ranges) {
    struct fields fs;
    fs.count = fs.used = 0;
    fs.lines[0] = NULL;
    if (status != 412)
        common_fields(&fs, f);
    if (status == 200 || status == 206)
        return send_whole(r, f, &fs, status, ranges);
    if (status == 416) {
        char value[80];
        weir__range_value(value, sizeof value, NULL, f->stat.st_size);
        field(&fs, "Content-Range: %s", value);
    }
    return weir_http_reply_with(r, &(struct weir_http_answer){
        .size = sizeof(struct weir_http_answer), .status = status, .headers = fs.lines});
}
