/* SPDX-License-Identifier: MIT */
/* log.c - the door of all log lines: the program's sink (at first it is stderr), and those that
 * were added. The lock is held while sinks run, so that lines of several threads do not mix. A line
 * that a sink itself logs (or a bug found inside it) goes to stderr. */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/escape.h"
#include "base/levels.h"
#include "base/log_fd.h"

enum { SINKS_MAX = 8, LINE_MAX_SIZE = 512, TASK_SIZE = 64, STDERR_PATIENCE_MS = 1000 };

struct added {
    void (*fn)(const struct weir_log_line *line, void *arg); /* NULL: no sink */
    void *arg;
    struct weir__log_fd *fd; /* NULL: a function of the program's */
};

static void log_to_stderr(enum weir_log_level level, const char *line, void *arg);

static pthread_mutex_t sink_lock = PTHREAD_MUTEX_INITIALIZER;
static weir_log_sink sink = log_to_stderr; /* NULL: removed */
static void *sink_arg;
static struct added added[SINKS_MAX];
static struct weir_logger weir = WEIR_LOGGER("weir", WEIR_LOG_WARNING);
static __thread bool in_sink;
const char *(*weir__check_who)(void);
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

/* A pipe that nobody reads must not hold the program up for ever: one line waits for it, and what
 * does not fit is counted until it takes lines again. */
static bool stderr_takes(void) {
    static atomic_bool is_stuck;
    struct pollfd p = {.fd = STDERR_FILENO, .events = POLLOUT};
    bool takes = poll(&p, 1, is_stuck ? 0 : STDERR_PATIENCE_MS) != 0;
    is_stuck = !takes;
    return takes;
}

static void to_stderr(const char *logger, const char *line) {
    static atomic_int dropped;
    char out[640], lost[64] = "";
    if (!stderr_takes()) {
        dropped++;
        return;
    }
    int before = atomic_exchange(&dropped, 0);
    if (before > 0)
        snprintf(lost, sizeof lost, " (%d lines before this were dropped)", before);
    int n = snprintf(out, sizeof out, "%.31s: %s%s\n", logger, line, lost);
    if (n > 0)
        weir__stderr(out, (size_t)n);
}

static __thread const char *logger_now; /* whose line the sink gets */

static void log_to_stderr(enum weir_log_level level, const char *line, void *arg) {
    (void)level, (void)arg;
    to_stderr(logger_now, line);
}

static int64_t real_time(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* With the lock held. */
static void give(const struct weir_log_line *line) {
    in_sink = true;
    logger_now = line->logger;
    if (sink != NULL)
        sink(line->level, line->text, sink_arg);
    for (int i = 0; i < SINKS_MAX; i++)
        if (added[i].fn != NULL)
            added[i].fn(line, added[i].arg);
    in_sink = false;
}

/* A text that was cut shall not end within a character of UTF-8. */
static void trim(char *raw, size_t len) {
    size_t at = len;
    while (at > 0 && len - at < 3 && ((unsigned char)raw[at - 1] & 0xc0) == 0x80)
        at--;
    unsigned char first = at > 0 ? (unsigned char)raw[at - 1] : 0;
    size_t whole = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 0;
    if (whole > len - at + 1)
        raw[at - 1] = '\0';
}

static void emit(const char *logger, enum weir_log_level level, const char *format, va_list args) {
    char raw[LINE_MAX_SIZE], text[LINE_MAX_SIZE], task[TASK_SIZE];
    int saved = errno, n = vsnprintf(raw, sizeof raw, format, args);
    /* If the line is too long, pass raw's NUL too: one character more than fits, so that the cut is
     * marked. */
    size_t len = n < 0 ? 0 : (size_t)n < sizeof raw ? (size_t)n : sizeof raw;
    weir__escape(text, sizeof text, raw, len);
    if (len == sizeof raw)
        trim(raw, sizeof raw - 1);
    if (in_sink) {
        to_stderr(logger, text);
        errno = saved;
        return;
    }
    snprintf(task, sizeof task, "%s", weir__check_who ? weir__check_who() : "");
    const struct weir_log_line line = {sizeof line, level, logger, task, text, raw, real_time()};
    pthread_mutex_lock(&sink_lock);
    give(&line);
    pthread_mutex_unlock(&sink_lock);
    errno = saved;
}

void weir__log(enum weir_log_level level, const char *format, ...) {
    va_list args;
    if (!weir_log_wants(&weir, level))
        return;
    va_start(args, format);
    emit(weir.name, level, format, args);
    va_end(args);
}

void weir_log(struct weir_logger *logger, enum weir_log_level level, const char *format, ...) {
    va_list args;
    if (!weir_log_wants(logger, level))
        return;
    va_start(args, format);
    emit(logger->name, level, format, args);
    va_end(args);
}

void weir_log_out(const char *line, void *logger) {
    weir_log(logger, WEIR_LOG_INFO, "%s", line);
}

void weir_log_to(weir_log_sink to, void *arg) {
    pthread_mutex_lock(&sink_lock);
    sink = to ? to : log_to_stderr;
    sink_arg = to ? arg : NULL;
    pthread_mutex_unlock(&sink_lock);
}

void weir_log_level_set(enum weir_log_level level) {
    weir__levels_set_rest(level);
}

/* ---- added sinks ----------------------------------------------------------------------------- */

static int add(const struct added *new) {
    int number = -ENOSPC;
    if (in_sink)
        return -EBUSY;
    pthread_mutex_lock(&sink_lock);
    for (int i = 0; i < SINKS_MAX && number < 0; i++)
        if (added[i].fn == NULL) {
            added[i] = *new;
            number = i + 1;
        }
    pthread_mutex_unlock(&sink_lock);
    return number;
}

int weir_log_add(void (*fn)(const struct weir_log_line *line, void *arg), void *arg) {
    return fn != NULL ? add(&(struct added){fn, arg, NULL}) : -EINVAL;
}

static void to_fd(const struct weir_log_line *line, void *arg) {
    weir__log_fd_write(arg, line);
}

int weir_log_add_fd(int fd, enum weir_log_form form) {
    if (fcntl(fd, F_GETFD) < 0)
        return -EBADF;
    struct weir__log_fd *f = weir__alloc(sizeof *f);
    if (f == NULL)
        return -ENOMEM;
    *f = (struct weir__log_fd){.fd = fd, .form = form};
    int number = add(&(struct added){to_fd, f, f});
    if (number < 0)
        weir__free(f);
    return number;
}

int64_t weir_log_remove(int number) {
    struct added old = {NULL, NULL, NULL};
    if (in_sink)
        return -EBUSY;
    pthread_mutex_lock(&sink_lock);
    bool is_there = number == 0 ? sink != NULL
                                : number > 0 && number <= SINKS_MAX && added[number - 1].fn != NULL;
    if (is_there && number == 0)
        sink = NULL;
    else if (is_there) {
        old = added[number - 1];
        added[number - 1] = (struct added){NULL, NULL, NULL};
    }
    pthread_mutex_unlock(&sink_lock);
    int64_t dropped = old.fd != NULL ? weir__log_fd_end(old.fd) : 0;
    weir__free(old.fd);
    return is_there ? dropped : -ENOENT;
}
