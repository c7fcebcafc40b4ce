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
#include "base/check.h"
#include "base/escape.h"
#include "base/levels.h"
#include "base/log_fd.h"
#include "base/process.h"

enum { SINKS_MAX = 8, LINE_MAX_SIZE = 512, TASK_SIZE = 64, STDERR_PATIENCE_MS = 1000 };

struct added {
    void (*fn)(const struct weir_log_line *line, void *arg); /* NULL: no sink */
    void *arg;
    struct weir__log_fd *fd; /* NULL: a function of the program's */
};

static void log_to_stderr(enum weir_log_level level, const char *line, void *arg);

static struct {
    pthread_mutex_t lock;
    weir_log_sink sink; /* NULL: removed */
    void *sink_arg;
    struct added added[SINKS_MAX];
    bool was_closed;      /* descriptor 2 was closed when the program started */
    atomic_bool is_stuck; /* descriptor 2 took no line in time */
    atomic_int dropped;   /* lines since then */
} kept = {.lock = PTHREAD_MUTEX_INITIALIZER, .sink = log_to_stderr};

static struct weir_logger weir = WEIR_LOGGER("weir", WEIR_LOG_WARNING);
static __thread bool in_sink;
const char *(*weir__check_who)(void);

/* A sink that forks releases the lock in both processes, when it returns. */
static bool is_in_sink(void) {
    return in_sink;
}

static const struct weir__part part = {
    .name = "log",
    .state = &kept,
    .size = sizeof kept,
    .lock = &kept.lock,
    .is_held_here = is_in_sink,
};

static __attribute__((constructor)) void begin(void) {
    kept.was_closed = fcntl(STDERR_FILENO, F_GETFD) < 0;
    weir__process_add(WEIR__PART_LOG, &part);
}

static bool takes_lines(int fd) {
    struct stat st;
    if (fstat(fd, &st) != 0)
        return false;
    return S_ISCHR(st.st_mode)
           || (S_ISREG(st.st_mode) && (fcntl(fd, F_GETFL) & O_APPEND) != 0);
}

void weir__stderr(const char *text, size_t len) {
    if (kept.was_closed && !takes_lines(STDERR_FILENO))
        return;
    if (write(STDERR_FILENO, text, len) < 0)
        return; /* no place is left to report this */
}

/* A pipe that nobody reads must not hold the program up for ever: one line waits for it, and what
 * does not fit is counted until it takes lines again. */
static bool stderr_takes(void) {
    struct pollfd p = {.fd = STDERR_FILENO, .events = POLLOUT};
    bool takes = poll(&p, 1, kept.is_stuck ? 0 : STDERR_PATIENCE_MS) != 0;
    kept.is_stuck = !takes;
    return takes;
}

static void to_stderr(const char *logger, const char *line) {
    char out[640], lost[64] = "";
    if (!stderr_takes()) {
        kept.dropped++;
        return;
    }
    int before = atomic_exchange(&kept.dropped, 0);
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
    if (kept.sink != NULL)
        kept.sink(line->level, line->text, kept.sink_arg);
    for (int i = 0; i < SINKS_MAX; i++)
        if (kept.added[i].fn != NULL)
            kept.added[i].fn(line, kept.added[i].arg);
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

void weir__log_emit(const char *logger, enum weir_log_level level, const char *format,
                    va_list args) {
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
    pthread_mutex_lock(&kept.lock);
    give(&line);
    pthread_mutex_unlock(&kept.lock);
    errno = saved;
}

void weir__log(enum weir_log_level level, const char *format, ...) {
    va_list args;
    if (!weir_log_wants(&weir, level))
        return;
    va_start(args, format);
    weir__log_emit(weir.name, level, format, args);
    va_end(args);
}

void weir_log_to(weir_log_sink to, void *arg) {
    pthread_mutex_lock(&kept.lock);
    kept.sink = to ? to : log_to_stderr;
    kept.sink_arg = to ? arg : NULL;
    pthread_mutex_unlock(&kept.lock);
}

void weir_log_level_set(enum weir_log_level level) {
    weir__levels_set_rest(level);
}

/* ---- added sinks ----------------------------------------------------------------------------- */

static int add(const struct added *new) {
    int number = -ENOSPC;
    if (in_sink)
        return -EBUSY;
    pthread_mutex_lock(&kept.lock);
    for (int i = 0; i < SINKS_MAX && number < 0; i++)
        if (kept.added[i].fn == NULL) {
            kept.added[i] = *new;
            number = i + 1;
        }
    pthread_mutex_unlock(&kept.lock);
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
    pthread_mutex_lock(&kept.lock);
    bool is_first = number == 0, is_added = number > 0 && number <= SINKS_MAX;
    bool is_there = (is_first && kept.sink != NULL)
                    || (is_added && kept.added[number - 1].fn != NULL);
    if (is_there && number == 0)
        kept.sink = NULL;
    else if (is_there) {
        old = kept.added[number - 1];
        kept.added[number - 1] = (struct added){NULL, NULL, NULL};
    }
    pthread_mutex_unlock(&kept.lock);
    int64_t dropped = old.fd != NULL ? weir__log_fd_end(old.fd) : 0;
    weir__free(old.fd);
    return is_there ? dropped : -ENOENT;
}
