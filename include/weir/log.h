/* SPDX-License-Identifier: MIT */
/* log.h - loggers with names and levels, and sinks that take their lines. The library's own lines
 * come from the logger "weir", through the same door. weir/base.h has the sink that is there from
 * the start (weir_log_to): it stays until weir_log_remove(0). */
#ifndef WEIR_LOG_H
#define WEIR_LOG_H

#include <stdbool.h>
#include <weir/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A part of a program that logs. Make it static, by WEIR_LOGGER. name: at most 31 bytes, with dots
 * for parts of parts ("net.dns"). level: what is logged if no rule is given for the name. */
struct weir_logger {
    const char *name;
    enum weir_log_level level;
    unsigned known_; /* the library's */
};

/* The initial value of a logger: `static struct weir_logger net = WEIR_LOGGER("net",
 * WEIR_LOG_WARNING);`. */
#define WEIR_LOGGER(name_, level_) {(name_), (level_), 0}

/* Log one line, if the level of the logger allows it. The text is cut at 511 bytes. Lines of
 * several threads never mix. Aborts if level is none of enum weir_log_level. Any thread, also
 * outside of a run; not in a signal handler. */
WEIR_API void weir_log(struct weir_logger *logger, enum weir_log_level level, const char *format,
                       ...) __attribute__((format(printf, 3, 4)));

/* Whether a line of this level would be logged. For texts that are costly to make: it is two reads
 * of memory. Any thread. */
WEIR_API bool weir_log_wants(struct weir_logger *logger, enum weir_log_level level);

/* Log a line of weir_out: `weir_out_to(weir_log_out, &logger)` sends the lines of workers through
 * the log, as lines of that logger of the level WEIR_LOG_INFO. A host whose standard output carries
 * a protocol does so. line is lent; logger must live as long as the sink. Any thread. */
WEIR_API void weir_log_out(const char *line, void *logger);

/* Replace the rules that say which lines are logged: "net=debug,net.dns=off,*=error". Each is
 * NAME=LEVEL; the levels are error, warning, info, debug, and off. A rule holds for its name and
 * for all names below it ("net" for "net.dns"); of several the longest name wins, and `*` is last.
 * A level without a name means `*`. A logger without a rule has its own level. "" and NULL remove
 * all rules. weir_log_level_set(level) is the rule `*`.
 * The environment variable WEIR_LOG is read as such rules when the library is loaded; if it is bad
 * no rule is set, and weir_run fails with -EINVAL and the reason, until this call replaces it.
 * Returns 0; -EINVAL (the error's text says what is wrong where), and nothing is changed. Any
 * thread. */
WEIR_API int weir_log_rules(const char *rules);

/* A line for a sink. All is lent during the call. */
struct weir_log_line {
    size_t size; /* sizeof (struct weir_log_line) of the library */
    enum weir_log_level level;
    const char *logger;
    const char *task;   /* that logged it (cut to 63 bytes); "" outside of tasks */
    const char *text;   /* one line without a newline, with escapes as in struct weir_error */
    const char *raw;    /* the text before it was escaped: any bytes but NUL */
    int64_t time_ns;    /* since 1970, of the system's clock */
};

/* What a sink of weir_log_add_fd writes. */
enum weir_log_form {
    WEIR_LOG_TEXT, /* 2026-11-29T08:10:11.123456Z warning net: the text */
    WEIR_LOG_JSON  /* {"time":"2026-11-29T08:10:11.123456Z","level":"warning","logger":"net",
                    * "task":"...","text":"..."}; task only if there is one. Always valid JSON in
                    * UTF-8: a byte that is not UTF-8 becomes \xff, as four characters */
};

/* Add a sink: a function that gets each line that is logged. The library makes one call of all
 * sinks at a time. fn must not suspend; what it logs goes to standard error.
 * Returns the number of the sink, 1 to 8; -ENOSPC (8 sinks are there); -EBUSY (called by a sink);
 * -EINVAL (fn is NULL). Any thread. */
WEIR_API int weir_log_add(void (*fn)(const struct weir_log_line *line, void *arg), void *arg);

/* Add a sink that writes lines to a descriptor, each by one write of at most 4,096 bytes (PIPE_BUF:
 * so lines of several processes do not mix in a pipe). fd stays the caller's, and must stay open
 * until weir_log_remove. If the descriptor takes no bytes, a line waits for it at most 100 ms, then
 * it is dropped and counted; further lines are dropped at once until it takes bytes again. The next
 * line that is written tells how many were dropped before it. A reader that is gone raises no
 * SIGPIPE.
 * Returns the number of the sink, 1 to 8; -ENOSPC, -EBUSY (as weir_log_add); -EBADF (fd is not
 * open); -ENOMEM. Any thread. */
WEIR_API int weir_log_add_fd(int fd, enum weir_log_form form);

/* Remove a sink; it is not called any more on return. 0 is the one that is there from the start;
 * weir_log_to brings that back.
 * Returns how many lines this sink has dropped; -ENOENT (no such sink); -EBUSY (called by a sink).
 * Any thread. */
WEIR_API int64_t weir_log_remove(int sink);

#ifdef __cplusplus
}
#endif
#endif
