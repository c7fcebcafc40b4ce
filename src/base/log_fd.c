/* SPDX-License-Identifier: MIT */
/* log_fd.c - see log_fd.h. */
#include "base/log_fd.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/escape.h"

enum { PATIENCE_MS = 100 };

static const char *const levels[] = {"error", "warning", "info", "debug"};

/* ---- forms ---------------------------------------------------------------------------------- */

struct out {
    char *at, *end;
};

static void put(struct out *o, const char *text) {
    size_t len = strlen(text), room = (size_t)(o->end - o->at);
    len = len < room ? len : room;
    memcpy(o->at, text, len);
    o->at += len;
}

static void put_time(struct out *o, int64_t time_ns) {
    time_t seconds = (time_t)(time_ns / 1000000000);
    struct tm tm;
    char text[40], all[56];
    gmtime_r(&seconds, &tm);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(all, sizeof all, "%s.%06dZ", text, (int)(time_ns % 1000000000 / 1000));
    put(o, all);
}

/* The code of a UTF-8 character of len bytes. */
static unsigned code_of(const unsigned char *c, size_t len) {
    static const unsigned char first[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    unsigned code = c[0] & first[len];
    for (size_t i = 1; i < len; i++)
        code = code << 6 | (c[i] & 0x3fU);
    return code;
}

/* One character as it stands in a JSON string. Returns how many bytes of text it was. */
static size_t json_one(const char *text, size_t len, char out[16]) {
    char shown[WEIR__ESCAPE_MAX];
    size_t shown_len, n = weir__escape_one(text, len, shown, &shown_len);
    const unsigned char *c = (const unsigned char *)text;
    bool is_plain = shown_len == n && memcmp(shown, text, n) == 0;
    if (is_plain && (*c == '"' || *c == '\\'))
        snprintf(out, 16, "\\%c", *c);
    else if (is_plain)
        snprintf(out, 16, "%.*s", (int)n, text);
    else if (n == 1 && *c >= 0x80) /* not UTF-8 */
        snprintf(out, 16, "\\\\x%02x", *c);
    else if (*c == '\n')
        snprintf(out, 16, "\\n");
    else
        snprintf(out, 16, "\\u%04x", code_of(c, n) & 0xffffU);
    return n;
}

static void put_json(struct out *o, const char *text) {
    char one[16];
    for (size_t left = strlen(text), n; left > 0; text += n, left -= n) {
        n = json_one(text, left, one);
        if (strlen(one) > (size_t)(o->end - o->at))
            break; /* cut between two characters */
        put(o, one);
    }
}

static void form_json(struct out *o, const struct weir_log_line *line, int64_t dropped) {
    char number[64];
    put(o, "{\"time\":\"");
    put_time(o, line->time_ns);
    put(o, "\",\"level\":\"");
    put(o, levels[line->level]);
    put(o, "\",\"logger\":\"");
    put_json(o, line->logger);
    if (*line->task != '\0') {
        put(o, "\",\"task\":\"");
        put_json(o, line->task);
    }
    if (dropped > 0) {
        snprintf(number, sizeof number, "\",\"dropped\":%" PRId64 ",\"text\":\"", dropped);
        put(o, number);
    } else
        put(o, "\",\"text\":\"");
    put_json(o, line->raw);
}

static void form_text(struct out *o, const struct weir_log_line *line, int64_t dropped) {
    char number[64];
    put_time(o, line->time_ns);
    put(o, " ");
    put(o, levels[line->level]);
    put(o, " ");
    put(o, line->logger);
    put(o, ": ");
    put(o, line->text);
    if (dropped > 0) {
        snprintf(number, sizeof number, " (%" PRId64 " lines before this were dropped)", dropped);
        put(o, number);
    }
}

size_t weir__log_form(enum weir_log_form form, const struct weir_log_line *line, int64_t dropped,
                      char *out, size_t size) {
    bool is_json = form == WEIR_LOG_JSON;
    const char *tail = is_json ? "\"}\n" : "\n";
    struct out o = {out, out + size - strlen(tail)};
    if (is_json)
        form_json(&o, line, dropped);
    else
        form_text(&o, line, dropped);
    memcpy(o.at, tail, strlen(tail));
    return (size_t)(o.at - out) + strlen(tail);
}

/* ---- writing -------------------------------------------------------------------------------- */

/* A pipe is ready if it has room for PIPE_BUF bytes, so the write then takes the line whole. */
static bool is_ready(struct weir__log_fd *f) {
    struct pollfd p = {.fd = f->fd, .events = POLLOUT};
    int rc;
    do
        rc = poll(&p, 1, f->is_stuck ? 0 : PATIENCE_MS);
    while (rc < 0 && errno == EINTR);
    f->is_stuck = rc == 0;
    return rc > 0;
}

/* A reader that has gone makes the kernel raise SIGPIPE in this thread: it is taken back. */
static ssize_t write_quietly(int fd, const char *bytes, size_t len) {
    const struct timespec at_once = {.tv_sec = 0};
    sigset_t pipe, before, pending;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    sigpending(&pending);
    bool was_pending = sigismember(&pending, SIGPIPE) == 1;
    pthread_sigmask(SIG_BLOCK, &pipe, &before);
    ssize_t n = write(fd, bytes, len);
    int error = n < 0 ? errno : 0;
    if (error == EPIPE && !was_pending)
        while (sigtimedwait(&pipe, NULL, &at_once) < 0 && errno == EINTR)
            continue;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return n < 0 ? -error : n;
}

/* Returns whether the rest of an earlier line is written, or was none. */
static bool finish_rest(struct weir__log_fd *f) {
    while (f->rest_len > 0) {
        ssize_t n = is_ready(f) ? write_quietly(f->fd, f->rest, f->rest_len) : 0;
        if (n <= 0)
            return false;
        f->rest_len -= (size_t)n;
        memmove(f->rest, f->rest + n, f->rest_len);
    }
    return true;
}

static void drop(struct weir__log_fd *f) {
    f->dropped++;
    f->dropped_now++;
}

void weir__log_fd_write(struct weir__log_fd *f, const struct weir_log_line *line) {
    if (!finish_rest(f) || !is_ready(f)) {
        drop(f);
        return;
    }
    size_t len = weir__log_form(f->form, line, f->dropped_now, f->rest, sizeof f->rest);
    ssize_t n = write_quietly(f->fd, f->rest, len);
    if (n <= 0) {
        drop(f);
        return;
    }
    f->dropped_now = 0;
    f->rest_len = len - (size_t)n;
    memmove(f->rest, f->rest + n, f->rest_len);
}

int64_t weir__log_fd_end(struct weir__log_fd *f) {
    return f->dropped + !finish_rest(f);
}
