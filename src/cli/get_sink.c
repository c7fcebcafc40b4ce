/* SPDX-License-Identifier: MIT */
/* get_sink.c - see get_sink.h. */
#include "cli/get_sink.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <weir/loop.h>
#include <weir/tty.h>

#include "base/alloc.h"
#include "base/escape.h"

#define DRAW_NS WEIR_MILLISECONDS(100)

int get_sink_open(struct get_sink *s, const char *path, bool bar) {
    *s = (struct get_sink){.total = -1};
    s->is_terminal = path == NULL && isatty(STDOUT_FILENO) == 1;
    int rc = path == NULL ? weir_stdout(&s->out) : 0;
    if (rc == 0 && bar && !s->is_terminal && isatty(STDERR_FILENO) == 1)
        rc = weir_stderr(&s->err);
    return rc;
}

void get_sink_close(struct get_sink *s) {
    if (s->has_bar)
        (void)weir_try_write(s->err, "\n", 1);
    weir_file_close(&s->file);
    weir_close(&s->out);
    weir_close(&s->err);
}

int get_sink_begin(struct get_sink *s, const char *path, int64_t from, int64_t total) {
    s->done = s->before = from;
    s->total = total;
    s->began = weir_now();
    if (path == NULL)
        return 0;
    int flags = O_WRONLY | O_CREAT | (from == 0 ? O_TRUNC : 0);
    int rc = weir_file_open(path, flags, 0666, &s->file);
    if (rc == 0 && from > 0) {
        int64_t at = weir_file_seek(s->file, from, SEEK_SET);
        rc = at < 0 ? (int)at : 0;
    }
    return rc;
}

/* ---- the bar --------------------------------------------------------------------------------- */

void get_size_text(int64_t bytes, char *buf, size_t size) {
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    double n = (double)bytes;
    int unit = 0;
    while (n >= 1024 && unit < 4) {
        n /= 1024;
        unit++;
    }
    snprintf(buf, size, unit == 0 ? "%.0f %s" : "%.1f %s", n, units[unit]);
}

static void time_text(int64_t seconds, char *buf, size_t size) {
    if (seconds >= 3600)
        snprintf(buf, size, "%lld:%02lld:%02lld", (long long)seconds / 3600,
                 (long long)seconds / 60 % 60, (long long)seconds % 60);
    else
        snprintf(buf, size, "%lld:%02lld", (long long)seconds / 60, (long long)seconds % 60);
}

/* Over the line before: a line that is too wide would begin another. */
static int put_line(struct weir_stream *err, const char *line, int len) {
    char text[256];
    int columns = 0, rows;
    if (weir_tty_size(err, &columns, &rows) == 0 && columns > 0 && len >= columns)
        len = columns - 1;
    int n = snprintf(text, sizeof text, "\r%.*s\x1b[K", len, line);
    return weir_write(err, text, (size_t)n);
}

static int draw(struct get_sink *s) {
    char line[200], done[32], total[32], rate[32], left[32] = "";
    double seconds = (double)(weir_now() - s->began) / 1e9;
    double per_second = seconds > 0 ? (double)(s->done - s->before) / seconds : 0;
    get_size_text(s->done, done, sizeof done);
    get_size_text((int64_t)per_second, rate, sizeof rate);
    int n;
    if (s->total > 0) {
        get_size_text(s->total, total, sizeof total);
        if (per_second > 0)
            time_text((int64_t)((double)(s->total - s->done) / per_second), left, sizeof left);
        n = snprintf(line, sizeof line, "%3d %%  %s of %s  %s/s  %s left",
                     (int)(100 * s->done / s->total), done, total, rate, left[0] ? left : "?");
    } else {
        n = snprintf(line, sizeof line, "%s  %s/s", done, rate);
    }
    s->has_bar = true;
    s->drawn = weir_now();
    return put_line(s->err, line, n);
}

/* ---- bytes ----------------------------------------------------------------------------------- */

/* How many bytes at the end begin a character that goes on behind them. */
static size_t cut_bytes(const char *bytes, size_t len) {
    for (size_t n = 1; n <= 3 && n <= len; n++) {
        unsigned char c = (unsigned char)bytes[len - n];
        if ((c & 0xc0) != 0x80)
            return (c >= 0xf0 ? 4u : c >= 0xe0 ? 3u : c >= 0xc0 ? 2u : 1u) > n ? n : 0;
    }
    return 0;
}

static bool goes_on(char c) {
    return (c & 0xc0) == 0x80;
}

/* What would steer a terminal is escaped, but not the ends of lines and tabs. */
static int put_characters(struct get_sink *s, const char *bytes, size_t len) {
    while (len > 0) {
        char text[1024];
        size_t n = 0;
        while (n < len && n < 160 && bytes[n] != '\n' && bytes[n] != '\t')
            n++;
        if (n < len && goes_on(bytes[n]))
            n -= cut_bytes(bytes, n);
        weir__escape(text, sizeof text - 1, bytes, n);
        size_t text_len = strlen(text);
        bool ends = n < len && (bytes[n] == '\n' || bytes[n] == '\t');
        if (ends)
            text[text_len++] = bytes[n++];
        int rc = weir_write(s->out, text, text_len);
        if (rc < 0)
            return rc;
        bytes += n;
        len -= n;
    }
    return 0;
}

/* A piece may end within a character, whose rest is in the next. */
static int put_escaped(struct get_sink *s, const char *bytes, size_t len) {
    char first[4];
    size_t n = s->cut_len;
    memcpy(first, s->cut, n);
    while (n > 0 && n < sizeof first && len > 0 && goes_on(*bytes)) {
        first[n++] = *bytes++;
        len--;
    }
    size_t cut = len > 0 ? cut_bytes(bytes, len) : n > 0 ? cut_bytes(first, n) : 0;
    memcpy(s->cut, len > 0 ? bytes + len - cut : first + n - cut, cut);
    s->cut_len = cut;
    if (len == 0)
        return put_characters(s, first, n - cut);
    int rc = put_characters(s, first, n);
    return rc < 0 ? rc : put_characters(s, bytes, len - cut);
}

int get_sink_put(struct get_sink *s, const char *bytes, size_t len) {
    int rc = s->file != NULL    ? weir_file_write(s->file, bytes, len)
             : s->is_terminal ? put_escaped(s, bytes, len)
                              : weir_write(s->out, bytes, len);
    s->done += (int64_t)len;
    if (rc == 0 && s->err != NULL && weir_now() - s->drawn >= DRAW_NS)
        rc = draw(s);
    return rc;
}

int get_sink_finish(struct get_sink *s) {
    int rc = put_characters(s, s->cut, s->cut_len);
    s->cut_len = 0;
    return rc == 0 && s->err != NULL ? draw(s) : rc;
}
