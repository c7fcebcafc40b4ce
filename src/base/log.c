/* SPDX-License-Identifier: MIT */
/* log.c - one sink, which the program may replace; at first it is stderr. The lock is held while
 * the sink runs, so that lines of several threads do not mix. A line that the sink itself logs (or
 * a bug found inside it) goes to stderr. */
#include "base/log.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/escape.h"

static void log_to_stderr(enum weir_log_level level, const char *line, void *arg);

static pthread_mutex_t sink_lock = PTHREAD_MUTEX_INITIALIZER;
static weir_log_sink sink = log_to_stderr;
static void *sink_arg;
static _Atomic int level_max = WEIR_LOG_WARNING;
static __thread bool in_sink;
static bool was_closed; /* descriptor 2 was closed when the program started */

/* fork takes the lock, so that a child never finds it held by a thread that it does not have. A
 * sink that forks holds the lock already, and releases it in both processes when it returns. */
static void before_fork(void) {
    if (!in_sink)
        pthread_mutex_lock(&sink_lock);
}

static void after_fork(void) {
    if (!in_sink)
        pthread_mutex_unlock(&sink_lock);
}

static __attribute__((constructor)) void begin(void) {
    was_closed = fcntl(STDERR_FILENO, F_GETFD) < 0;
    pthread_atfork(before_fork, after_fork, after_fork);
}

static bool takes_lines(int fd) {
    struct stat st;
    if (fstat(fd, &st) != 0)
        return false;
    return S_ISCHR(st.st_mode)
           || (S_ISREG(st.st_mode) && (fcntl(fd, F_GETFL) & O_APPEND) != 0);
}

void weir__stderr(const char *text, size_t len) {
    if (was_closed && !takes_lines(STDERR_FILENO))
        return;
    if (write(STDERR_FILENO, text, len) < 0)
        return; /* no place is left to report this */
}

static void log_to_stderr(enum weir_log_level level, const char *line, void *arg) {
    (void)level, (void)arg;
    char out[560];
    int n = snprintf(out, sizeof out, "weir: %s\n", line);
    if (n > 0)
        weir__stderr(out, (size_t)n);
}

void weir__log(enum weir_log_level level, const char *format, ...) {
    if ((int)level > atomic_load_explicit(&level_max, memory_order_relaxed))
        return;
    char raw[512], line[512];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(raw, sizeof raw, format, args);
    va_end(args);
    /* If the line is too long, pass raw's NUL too: one character more than fits, so that the cut is
     * marked. */
    size_t len = n < 0 ? 0 : (size_t)n < sizeof raw ? (size_t)n : sizeof raw;
    weir__escape(line, sizeof line, raw, len);
    if (in_sink) {
        log_to_stderr(level, line, NULL);
        return;
    }
    pthread_mutex_lock(&sink_lock);
    in_sink = true;
    sink(level, line, sink_arg);
    in_sink = false;
    pthread_mutex_unlock(&sink_lock);
}

void weir_log_to(weir_log_sink to, void *arg) {
    pthread_mutex_lock(&sink_lock);
    sink = to ? to : log_to_stderr;
    sink_arg = to ? arg : NULL;
    pthread_mutex_unlock(&sink_lock);
}

void weir_log_level_set(enum weir_log_level level) {
    atomic_store_explicit(&level_max, (int)level, memory_order_relaxed);
}
