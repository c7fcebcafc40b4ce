/* SPDX-License-Identifier: MIT */
/* talk.c - see talk.h. */
#include "torture/talk.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <weir/error.h>
#include <weir/loop.h>

#include "base/time.h"

enum { LOG_PIECE = 256, LOG_LINE = 16, READ_BYTES = 64 << 10 };

static void log_bytes(struct talk *t, const char *who, const uint8_t *data, size_t len) {
    if (t->log.len > TALK_LOG_MAX)
        return;
    bytes_print(&t->log, "%s %zu bytes\n", who, len);
    size_t shown = len < LOG_PIECE ? len : LOG_PIECE;
    for (size_t i = 0; i < shown; i += LOG_LINE) {
        bytes_print(&t->log, "    ");
        for (size_t j = i; j < i + LOG_LINE; j++)
            bytes_print(&t->log, j < shown ? "%02x " : "   ", j < shown ? data[j] : 0u);
        for (size_t j = i; j < i + LOG_LINE && j < shown; j++)
            bytes_put(&t->log, isprint(data[j]) ? data[j] : '.');
        bytes_put(&t->log, '\n');
    }
    if (shown < len)
        bytes_print(&t->log, "    ...\n");
}

struct read_all_args {
    struct talk *t;
};

static int read_all(void *args) {
    struct talk *t = ((struct read_all_args *)args)->t;
    struct weir_view v;
    ssize_t n;
    while ((n = weir_peek(t->stream, 1, &v)) > 0) {
        log_bytes(t, "peer:", v.base, v.len);
        bytes_add(&t->in, v.base, v.len);
        weir_consume(t->stream, v.len);
        if (t->in.len > TALK_IN_MAX || t->in.lost) {
            n = WEIR_ETOOBIG;
            break;
        }
        weir_event_set(&t->came);
    }
    t->ended = true;
    t->end_rc = (int)n;
    if (t->log.len < TALK_LOG_MAX)
        bytes_print(&t->log, "peer: %s\n", n == 0 ? "end of stream" : weir_error_text((int)n));
    weir_event_set(&t->came);
    return 0;
}

int talk_begin(struct talk *t, struct weir_group *g) {
    weir_event_init(&t->came);
    return weir_go(g, read_all, .t = t);
}

void talk_end(struct talk *t) {
    weir_event_fini(&t->came);
    weir_close(&t->stream);
    bytes_free(&t->in);
    bytes_free(&t->log);
    bytes_free(&t->held);
    bytes_free(&t->message);
    bytes_free(&t->pongs);
    packer_fini(&t->packer);
    unpacker_fini(&t->unpacker);
}

void talk_free(struct talk *t, struct bytes *b) {
    t->lost = t->lost || b->lost;
    bytes_free(b);
}

bool talk_is_whole(const struct talk *t) {
    return !t->lost && !t->in.lost && !t->log.lost && !t->held.lost && !t->message.lost &&
           !t->pongs.lost && !t->packer.past.lost && !t->unpacker.past.lost;
}

/* Each piece has the time for one answer: many may take longer, where much else runs. */
static int write_pieces(struct talk *t, const uint8_t *data, size_t len) {
    struct weir_scope patience;
    int rc = 0;
    for (size_t at = 0; rc == 0 && at < len;) {
        size_t n = t->piece != 0 && t->piece < len - at ? t->piece : len - at;
        weir_scope_enter(&patience, t->patience_ns);
        rc = weir_scope_leave(&patience, weir_write(t->stream, data + at, n));
        at += n;
        if (rc == 0 && t->piece != 0)
            rc = weir_yield();
    }
    return rc;
}

void talk_write(struct talk *t, const void *data, size_t len) {
    if (t->holding) {
        bytes_add(&t->held, data, len);
        return;
    }
    if (t->broken)
        return;
    log_bytes(t, "we:  ", data, len);
    int rc = write_pieces(t, data, len);
    if (rc < 0) {
        t->broken = true;
        bytes_print(&t->log, "we:   the write failed: %s\n", weir_error_text(rc));
    }
}

bool talk_wait(struct talk *t, weir_ns budget_ns) {
    struct weir_scope patience;
    if (t->ended)
        return false;
    weir_event_clear(&t->came);
    weir_scope_enter(&patience, budget_ns);
    int rc = weir_event_wait(&t->came);
    return weir_scope_leave(&patience, rc) == 0;
}

bool talk_need(struct talk *t, size_t count, weir_ns budget_ns) {
    weir_ns until = weir__deadline(weir_now(), budget_ns);
    while (t->in.len - t->at < count) {
        weir_ns left = until - weir_now();
        if (left <= 0 || !talk_wait(t, left))
            return false;
    }
    return true;
}

void talk_half_close(struct talk *t) {
    struct weir_scope patience;
    if (t->broken)
        return;
    weir_scope_enter(&patience, t->patience_ns);
    int rc = weir_scope_leave(&patience, weir_shutdown(t->stream));
    t->broken = true;
    bytes_print(&t->log, "we:   end of stream%s%s\n", rc < 0 ? ": " : "",
                rc < 0 ? weir_error_text(rc) : "");
}

enum torture_verdict talk_judge(struct talk *t, enum torture_verdict v, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(t->why, sizeof t->why, format, args);
    va_end(args);
    return v;
}
