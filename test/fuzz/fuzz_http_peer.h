/* SPDX-License-Identifier: MIT */
/* fuzz_http_peer.h - a client of bytes that reads the answers of an HTTP server, slowly. What is
 * malformed in them aborts. */
#ifndef WEIR_TEST_FUZZ_HTTP_PEER_H
#define WEIR_TEST_FUZZ_HTTP_PEER_H

#include <errno.h>
#include <weir/stream.h>
#include <weir/task.h>

#include "fuzz_world.h"

enum { FUZZ_BODY_MAX = 400 << 10 };

struct fuzz_slow {
    struct weir_stream *s; /* NULL once another task has closed it */
    size_t budget; /* bytes that may be read */
    bool is_reset; /* the connection: what was not read is lost */
};

/* Slowly: what the input allows, and a little if that is nothing for long. */
static inline size_t fuzz_may_read(struct fuzz_slow *p, size_t len) {
    for (unsigned waited = 0; p->budget == 0; waited++) {
        FUZZ_SAME(weir_sleep(MS(1)) == 0);
        p->budget += waited > 20 ? 1000 : 0;
    }
    return len < p->budget ? len : p->budget;
}

static inline ssize_t fuzz_read(struct fuzz_slow *p, uint8_t *to, size_t len) {
    size_t n = fuzz_may_read(p, len);
    return p->s == NULL ? WEIR_ECLOSED : weir_read(p->s, to, n);
}

/* Returns false if the stream ends before. */
static inline bool fuzz_read_bytes(struct fuzz_slow *p, uint8_t *to, size_t len) {
    for (size_t at = 0; at < len;) {
        ssize_t n = fuzz_read(p, to + at, len - at);
        p->is_reset |= n == -ECONNRESET;
        if (n <= 0)
            return false;
        at += (size_t)n;
        p->budget -= (size_t)n < p->budget ? (size_t)n : p->budget;
    }
    return true;
}

static inline bool fuzz_read_line(struct fuzz_slow *p, char line[300]) {
    (void)fuzz_may_read(p, 1);
    ssize_t n = p->s == NULL ? WEIR_ECLOSED : weir_read_until(p->s, '\n', line, 300);
    p->is_reset |= n == -ECONNRESET;
    if (n <= 0)
        return false;
    FUZZ_SAME(n >= 2 && line[n - 2] == '\r');
    line[n - 2] = '\0';
    return true;
}

struct fuzz_response {
    unsigned status;
    size_t len;
    bool chunked, closes, has_length;
    bool whole; /* to its end */
    uint8_t *body;
};

/* Returns false if the stream ends before. */
static inline bool fuzz_read_head(struct fuzz_slow *p, struct fuzz_response *o) {
    char line[300];
    do {
        memset(o, 0, sizeof *o);
        if (!fuzz_read_line(p, line))
            return false;
        FUZZ_SAME(strncmp(line, "HTTP/1.1 ", 9) == 0);
        o->status = (unsigned)strtoul(line + 9, NULL, 10);
        FUZZ_SAME(o->status >= 100 && o->status < 600);
        while (fuzz_read_line(p, line) && line[0] != '\0') {
            if (strncmp(line, "Content-Length: ", 16) == 0)
                o->has_length = true, o->len = strtoul(line + 16, NULL, 10);
            else if (strcmp(line, "Transfer-Encoding: chunked") == 0)
                o->chunked = true;
            else if (strcmp(line, "Connection: close") == 0)
                o->closes = true;
        }
        if (line[0] != '\0')
            return false;
    } while (o->status == 100);
    FUZZ_SAME(!o->chunked || !o->has_length);
    return true;
}

static inline void fuzz_read_chunks(struct fuzz_slow *p, struct fuzz_response *o) {
    char line[300];
    size_t size;
    do {
        if (!fuzz_read_line(p, line))
            return;
        size = strtoul(line, NULL, 16);
        FUZZ_SAME(o->len + size <= FUZZ_BODY_MAX);
        if (size > 0 && !fuzz_read_bytes(p, o->body + o->len, size))
            return;
        o->len += size;
        if (size > 0 && !fuzz_read_line(p, line))
            return;
        FUZZ_SAME(size == 0 || line[0] == '\0');
    } while (size > 0);
    while (fuzz_read_line(p, line) && line[0] != '\0')
        FUZZ_SAME(strcmp(line, "X-End: yes") == 0);
    o->whole = line[0] == '\0';
}

static inline void fuzz_read_to_end(struct fuzz_slow *p, struct fuzz_response *o) {
    ssize_t n;
    while ((n = weir_read(p->s, o->body + o->len, FUZZ_BODY_MAX - o->len)) > 0)
        o->len += (size_t)n;
    o->whole = n == 0;
}

/* Read the body behind the head. */
static inline void fuzz_read_body(struct fuzz_slow *p, struct fuzz_response *o, bool to_head) {
    o->body = fuzz_block(FUZZ_BODY_MAX);
    if (to_head || o->status == 204 || o->status == 304) {
        o->len = 0;
        o->whole = true;
    } else if (o->chunked) {
        fuzz_read_chunks(p, o);
    } else if (o->has_length) {
        FUZZ_SAME(o->len <= FUZZ_BODY_MAX);
        o->whole = fuzz_read_bytes(p, o->body, o->len);
    } else {
        FUZZ_SAME(o->closes);
        fuzz_read_to_end(p, o);
    }
}

#endif
