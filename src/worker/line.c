/* SPDX-License-Identifier: MIT */
/* line.c - see line.h. */
#include "worker/line.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"
#include "sys/plain.h"
#include "worker/limits.h"
#include "worker/text.h"

static atomic_bool is_stopping, gave_up; /* the second: on the reader of stdout */
static atomic_bool has_told;             /* that lines are lost */

void weir__line_stopping(bool stopping) {
    atomic_store(&is_stopping, stopping);
    atomic_store(&gave_up, false);
    if (!stopping)
        atomic_store(&has_told, false);
}

/* Without a reader nothing more is written; a disk that is full may have room again. */
static void lose_line(int rc) {
    bool is_over = rc == -EPIPE;
    if (is_over)
        atomic_store(&gave_up, true);
    if (!atomic_exchange(&has_told, true))
        weir__log(WEIR_LOG_WARNING, "stdout: %s (%s): %s", weir_error_text(rc),
                  weir_error_name(rc), is_over ? "nothing more is printed" : "lines are lost");
}

/* Wait until stdout takes some; after a stop only as long as one slice. The stop may come just
 * before the wait, or to another thread: hence slices. */
static bool has_room(void) {
    struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};
    for (bool is_last = false; !is_last;) {
        is_last = atomic_load(&is_stopping);
        if (poll(&out, 1, WEIR__LINE_GRACE_MS) > 0)
            return true; /* errors too: write tells them */
    }
    return false;
}

/* A pipe with room takes PIPE_BUF bytes at once, so that write does not wait, unless others write
 * to it as well: then a stop interrupts it. */
static void to_stdout(const char *line, size_t len) {
    if (!atomic_load(&gave_up))
        fflush(stdout); /* what the worker has printed itself comes first */
    while (len > 0 && !atomic_load(&gave_up)) {
        if (!has_room()) {
            atomic_store(&gave_up, true); /* nothing more: it would follow half a line */
            return;
        }
        int64_t n = weir__plain_write(STDOUT_FILENO, line, len < PIPE_BUF ? len : PIPE_BUF);
        if (n < 0 && n != -EINTR && n != -EAGAIN) {
            lose_line((int)n);
            return;
        }
        line += n > 0 ? n : 0;
        len -= n > 0 ? (size_t)n : 0;
    }
}

void (*weir__line_sink)(const char *line, size_t len) = to_stdout;

/* Write what stands for the byte at `at`. Control characters of ASCII and of Latin-1 (in UTF-8:
 * c2 80 .. c2 9f) would steer a terminal. Returns how many bytes were taken. */
static size_t escape(const unsigned char *at, size_t left, char *out, size_t *ret_len) {
    bool latin = left > 1 && at[0] == 0xc2 && at[1] >= 0x80 && at[1] < 0xa0;
    if (at[0] == '\n' || at[0] == '\t')
        *ret_len = (size_t)sprintf(out, "\\%c", at[0] == '\n' ? 'n' : 't');
    else if (at[0] < 0x20 || at[0] == 0x7f || latin)
        *ret_len = (size_t)sprintf(out, "\\x%02x", at[latin]);
    else
        *ret_len = (size_t)(*out = (char)at[0], 1);
    return latin ? 2 : 1;
}

/* text into one line, with its name and newline. */
static void put(const char *name, const char *text, size_t len, bool is_cut, char *line,
                size_t size) {
    static const char mark[] = " ... (cut)";
    size_t used = (size_t)snprintf(line, size / 2, "[ %s ] ", name);
    used = used < size / 2 ? used : size / 2 - 1;
    for (size_t i = 0, n; i < len; used += n) {
        if (used + sizeof mark + 8 > size) {
            is_cut = true;
            while (((unsigned char)text[i] & 0xc0) == 0x80 && used > 0) {
                i--; /* not within a character */
                used--;
            }
            break;
        }
        i += escape((const unsigned char *)text + i, len - i, line + used, &n);
    }
    if (is_cut) {
        memcpy(line + used, mark, sizeof mark);
        used += sizeof mark - 1;
    }
    line[used++] = '\n';
    weir__line_sink(line, used);
}

void weir__line_v(const char *name, const char *format, va_list args) {
    char small[256], *both = weir__alloc(2 * WEIR__LINE_MAX);
    size_t size = both ? WEIR__LINE_MAX : sizeof small / 2; /* without memory: what fits */
    char *text = both ? both : small, *line = text + size;
    int wanted = vsnprintf(text, size, format, args);
    size_t len = wanted < 0 ? 0 : (size_t)wanted;
    bool is_cut = len >= size;
    if (is_cut)
        len = weir__text_whole(text, size - 1);
    put(name, text, len, is_cut, line, size);
    weir__free(both);
}

void weir__line(const char *name, const char *format, ...) {
    va_list args;
    va_start(args, format);
    weir__line_v(name, format, args);
    va_end(args);
}

void weir__line_view(const char *name, const char *head, struct weir_view v, bool binary) {
    int len = v.len < WEIR__LINE_MAX ? (int)v.len : WEIR__LINE_MAX;
    if (binary)
        weir__line(name, "%s%zu bytes", head, v.len);
    else
        weir__line(name, "%s%.*s", head, len, len > 0 ? (const char *)v.base : "");
}
