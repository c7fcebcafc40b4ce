/* SPDX-License-Identifier: MIT */
/* line.c - see line.h. */
#include "worker/line.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <weir/worker.h>

#include "base/alloc.h"
#include "base/check.h"
#include "base/escape.h"
#include "base/log.h"
#include "base/process.h"
#include "sys/foreign.h"
#include "worker/limits.h"
#include "worker/text.h"

static struct {
    pthread_mutex_t lock; /* of the sink */
    weir_out_sink sink;   /* NULL: stdout */
    void *sink_arg;
    atomic_bool is_stopping;
    atomic_bool gave_up;  /* nothing more is written to stdout */
    atomic_bool has_told; /* the log has said that lines are lost */
    pthread_mutex_t writing; /* a line to stdout: a pipe takes a long one in pieces. Not held by
                              * fork, which would wait for the reader */
} kept = {.lock = PTHREAD_MUTEX_INITIALIZER, .writing = PTHREAD_MUTEX_INITIALIZER};

void weir__line_stopping(bool stopping) {
    atomic_store(&kept.is_stopping, stopping);
    atomic_store(&kept.gave_up, false);
    if (!stopping)
        atomic_store(&kept.has_told, false);
}

/* If the reader has gone, nothing more is written. A full disk may have room for later lines. */
static void lose_line(int rc) {
    bool is_over = rc == -EPIPE;
    if (is_over)
        atomic_store(&kept.gave_up, true);
    if (!atomic_exchange(&kept.has_told, true))
        weir__log(WEIR_LOG_WARNING, "stdout: %s (%s): %s", weir_error_text(rc),
                  weir_error_name(rc), is_over ? "nothing more is printed" : "lines are lost");
}

/* Wait until stdout takes bytes; after a stop for one slice of time only. There are slices because
 * the stop may come just before the wait, or to another thread. */
static bool has_room(void) {
    struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};
    for (bool is_last = false; !is_last;) {
        is_last = atomic_load(&kept.is_stopping);
        if (poll(&out, 1, WEIR__LINE_GRACE_MS) > 0)
            return true; /* after an error too: the write returns it */
    }
    return false;
}

/* A pipe with room takes PIPE_BUF bytes at once, so that write does not wait, unless others write
 * to it as well: then a stop interrupts it. Returns 0, or the error that the line met. */
static int write_line(const char *line, size_t len) {
    while (len > 0 && !atomic_load(&kept.gave_up)) {
        if (!has_room()) {
            atomic_store(&kept.gave_up, true); /* nothing more: it would follow half a line */
            return 0;
        }
        size_t piece = len < PIPE_BUF ? len : PIPE_BUF;
        int64_t n = weir__foreign_write_waiting(STDOUT_FILENO, line, piece);
        if (n < 0 && n != -EINTR && n != -EAGAIN)
            return (int)n;
        WEIR_CHECK(n <= (int64_t)piece);
        line += n > 0 ? n : 0;
        len -= n > 0 ? (size_t)n : 0;
    }
    return 0;
}

/* Take the turn to write. Another thread may be held by the reader in the middle of its line: after
 * a stop this one waits for it no longer than has_room would. */
static bool may_write(void) {
    for (bool is_last = false; !is_last;) {
        struct timespec until;
        is_last = atomic_load(&kept.is_stopping);
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += WEIR__LINE_GRACE_MS * 1000000L;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        if (pthread_mutex_timedlock(&kept.writing, &until) == 0)
            return true;
    }
    return false;
}

/* The log is not called under the lock: its sinks may print. */
static void to_stdout(const char *line, size_t len) {
    if (!atomic_load(&kept.gave_up))
        fflush(stdout); /* what the worker has printed by itself comes before this line */
    if (!may_write()) {
        atomic_store(&kept.gave_up, true);
        return;
    }
    int rc = write_line(line, len);
    pthread_mutex_unlock(&kept.writing);
    if (rc < 0)
        lose_line(rc);
}

/* ---- a sink of the program's ----------------------------------------------------------------- */

/* The lock is held while the sink runs: one call at a time. Lines that the sink itself prints go to
 * stdout. A sink that forks releases it in both processes, when it returns. */
static __thread bool in_sink;

static bool is_in_sink(void) {
    return in_sink;
}

/* The thread that has written a line meanwhile is not in the child. */
static void write_in_child(void) {
    pthread_mutex_init(&kept.writing, NULL);
}

static const struct weir__part part = {
    .name = "out",
    .state = &kept,
    .size = sizeof kept,
    .lock = &kept.lock,
    .is_held_here = is_in_sink,
    .fork_child = write_in_child,
};

static __attribute__((constructor)) void begin(void) {
    weir__process_add(WEIR__PART_OUT, &part);
}

void weir_out_to(weir_out_sink new_sink, void *arg) {
    if (in_sink)
        WEIR_BUG("weir_out_to: called by the sink itself");
    pthread_mutex_lock(&kept.lock);
    kept.sink = new_sink;
    kept.sink_arg = arg;
    pthread_mutex_unlock(&kept.lock);
}

/* line ends with a newline, in whose place the sink gets a NUL. Not under that lock to stdout:
 * there a reader may hold the threads that print, but no other. */
static void emit(char *line, size_t len) {
    WEIR_CHECK(len > 0 && line[len - 1] == '\n');
    bool is_taken = false;
    if (!in_sink) {
        pthread_mutex_lock(&kept.lock);
        is_taken = kept.sink != NULL;
        if (is_taken) {
            in_sink = true;
            line[len - 1] = '\0';
            kept.sink(line, kept.sink_arg);
            in_sink = false;
        }
        pthread_mutex_unlock(&kept.lock);
    }
    if (!is_taken)
        to_stdout(line, len);
}

/* A failed write is not reported: there is no other place to report it. */
static void to_stderr(const char *line, size_t len) {
    for (int64_t n = 0; len > 0; line += n, len -= (size_t)n) {
        n = weir__foreign_write_waiting(STDERR_FILENO, line, len);
        if (n < 0 && n != -EINTR)
            return;
        WEIR_CHECK(n <= (int64_t)len);
        n = n > 0 ? n : 0;
    }
}

/* Append text, escaped, as long as the line stays within max bytes. Returns its new length. */
static size_t add(char *line, size_t used, size_t max, const char *text, size_t len,
                  bool *ret_cut) {
    WEIR_CHECK(used <= max);
    for (size_t i = 0, n; i < len; used += n) {
        char one[WEIR__ESCAPE_MAX];
        i += weir__escape_one(text + i, len - i, one, &n);
        if (used + n > max) {
            *ret_cut = true;
            break;
        }
        memcpy(line + used, one, n);
    }
    return used;
}

/* Make one line of text, behind the name if there is one. */
static size_t make_line(const char *name, const char *text, size_t len, bool is_cut, char *line,
                        size_t size) {
    static const char mark[] = " ... (cut)";
    size_t used = 0, max = size - sizeof mark;
    bool is_name_cut = false;
    if (name != NULL) {
        used = add(line, used, max, "[ ", 2, &is_name_cut);
        used = add(line, used, max / 2, name, strlen(name), &is_name_cut);
        used = add(line, used, max, " ] ", 3, &is_name_cut);
    }
    used = add(line, used, max, text, len, &is_cut);
    if (is_cut) {
        memcpy(line + used, mark, sizeof mark);
        used += sizeof mark - 1;
    }
    line[used++] = '\n';
    WEIR_CHECK(used <= size);
    return used;
}

/* Print to stdout, or to stderr if there is no name. */
static void print(const char *name, const char *format, va_list args) {
    char small[256], *both = weir__alloc(2 * WEIR__LINE_MAX);
    size_t size = both ? WEIR__LINE_MAX : sizeof small / 2; /* without memory: what fits */
    char *text = both ? both : small, *line = text + size;
    int wanted = vsnprintf(text, size, format, args);
    size_t len = wanted < 0 ? 0 : (size_t)wanted;
    bool is_cut = len >= size;
    if (is_cut)
        len = weir__text_whole(text, size - 1);
    len = make_line(name, text, len, is_cut, line, size);
    if (name != NULL)
        emit(line, len);
    else
        to_stderr(line, len);
    weir__free(both);
}

void weir__line_v(const char *name, const char *format, va_list args) {
    print(name, format, args);
}

void weir__line(const char *name, const char *format, ...) {
    va_list args;
    va_start(args, format);
    weir__line_v(name, format, args);
    va_end(args);
}

void weir__line_error(const char *format, ...) {
    va_list args;
    va_start(args, format);
    print(NULL, format, args);
    va_end(args);
}

void weir__line_view(const char *name, const char *head, struct weir_view v, bool binary) {
    int len = v.len < WEIR__LINE_MAX ? (int)v.len : WEIR__LINE_MAX;
    if (binary)
        weir__line(name, "%s%zu bytes", head, v.len);
    else
        weir__line(name, "%s%.*s", head, len, len > 0 ? (const char *)v.base : "");
}
