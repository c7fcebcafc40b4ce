/* SPDX-License-Identifier: MIT */
/* base.h - the values that all of weir shares: time, views, sites, error codes, log.
 *
 * No call here suspends. Any thread may make each of them.
 *
 * A struct of options begins with `size`. Set it to sizeof (struct ...), and a later version of the
 * library still understands it. Size 0 counts as the whole struct of this version. A member that is
 * 0 or NULL has its default. */
#ifndef WEIR_BASE_H
#define WEIR_BASE_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#define WEIR_NOEXCEPT noexcept
#else
#define WEIR_NOEXCEPT
#endif

/* Marks the public functions: the libraries export these and nothing else. */
#define WEIR_API __attribute__((visibility("default")))

/* Forbids the compiler to inline a function. Its frame then lies below the caller's frame, and so
 * it can find a scope whose function has returned without leaving it (see weir_scope_enter). */
#define WEIR_NOINLINE __attribute__((noinline))

/* Marks every function that may suspend the calling task. Such a function is always a cancel point:
 * it returns -ECANCELED or -ETIME if a scope around it has fired (see weir/task.h). A function
 * without the mark never suspends. tools/suspends.py proves both from the source; a build with
 * -Dmark_checks=enabled, as every debug build, checks both while the program runs. */
#define WEIR_SUSPENDS WEIR_API WEIR_NOINLINE

/* A time or a duration in nanoseconds, by the monotonic clock. All times in weir have this type. */
typedef int64_t weir_ns;

/* A time that never comes. As a budget it means no deadline. A sleep of this length goes on until a
 * scope fires. */
#define WEIR_NEVER INT64_MAX

/* n seconds or n milliseconds as a weir_ns. n is a number of any type and is evaluated once. Whole
 * numbers are exact; fractions are rounded to the nearest nanosecond: WEIR_SECONDS(0.5) is 500 ms.
 * A time that does not fit (more than 292 years) becomes WEIR_NEVER or -WEIR_NEVER; a NaN becomes
 * 0. If n is a constant, the result may stand in a static initialiser; if n is a constant integer,
 * also in an enum or an array size. */
#define WEIR_SECONDS(n) WEIR__UNITS(n, 1000000000)
#define WEIR_MILLISECONDS(n) WEIR__UNITS(n, 1000000)

/* Makes the compiler warn about a call whose result is dropped. weir_fail and weir_nack do nothing
 * unless the function returns what they return. */
#define WEIR_MUST_USE __attribute__((warn_unused_result))

#define WEIR_AUTO(fn) __attribute__((cleanup(fn)))

/* Bytes that are lent. The contract of the call that lends them says until when they stay. */
struct weir_view {
    const void *base;
    size_t len;
};

/* A place in the source. Log lines and the texts of errors show it for a task that was spawned
 * there, and for a scope or group that was opened there. The object must be static, since the
 * library keeps the pointer. */
struct weir_site {
    const char *name, *file, *func;
    int line;
};

/* Makes a static struct weir_site of this line and gives its address. fn becomes its name, and may
 * be any word. For use inside functions only. */
#define WEIR_SITE(fn)                                                                              \
    (__extension__({                                                                               \
        static const struct weir_site weir_site_ = {#fn, __FILE__, __func__, __LINE__};            \
        &weir_site_;                                                                               \
    }))

/* The codes that are the library's own. A result below 0 is a negative errno (-1 .. -4095), one of
 * these, or a code of the program's own. The numbers are ABI. */
#define WEIR_ERRORS(X)                                                                             \
    X(WEIR_ENOLOOP, -5000, "no loop runs on this thread: call it inside weir_run")                 \
    X(WEIR_ESTOPPED, -5001, "cancelled by the scope's owner")                                      \
    X(WEIR_ECLOSED, -5002, "the object was closed while in use")                                   \
    X(WEIR_ETORN, -5003, "an earlier write was cut short: the stream cannot be written again")     \
    X(WEIR_EFORKED, -5004, "the loop was made before fork: a child cannot use it")                 \
    X(WEIR_ETOOBIG, -5005, "larger than the limit that was set")                                   \
    X(WEIR_EEOF, -5006, "the stream ended before all was read")                                    \
    X(WEIR_EBACKEND, -5007, "no such backend, or it cannot run here")                              \
    X(WEIR_ENOTLS, -5008, "needs the library weir-tls: link it (pkg-config --libs weir-tls)")      \
    X(WEIR_ENONAME, -5009, "the name is not known")                                                \
    X(WEIR_ERESOLVE, -5010, "the name could not be looked up: try again later")                    \
    X(WEIR_EURL, -5011, "not a URL that this call takes")                                          \
    X(WEIR_ENOZLIB, -5012, "needs the library weir-zlib: link it (pkg-config --libs weir-zlib)")   \
    X(WEIR_EUNPLUGGED, -5013, "the device was unplugged, or its other side is closed")             \
    X(WEIR_ECERT, -5014, "a certificate, or its key, was refused")                                 \
    X(WEIR_ETLS, -5015, "no TLS that both sides speak, or the peer refused")                       \
    X(WEIR_EPROTO, -5020, "the peer broke the protocol")                                           \
    X(WEIR_EUTF8, -5021, "the text is not UTF-8")                                                  \
    X(WEIR_EHTTP, -5022, "the peer is not speaking HTTP, or refused the request")                  \
    X(WEIR_EWSCLOSED, -5023, "the WebSocket is closed")                                            \
    X(WEIR_EKEEPALIVE, -5024, "the peer answered no ping, or took nothing, in time")               \
    X(WEIR_EBUSYPEER, -5025, "the peer reads too slowly: the send queue is full")                  \
    X(WEIR_ENACK, -5030, "the receiver refused the message")                                       \
    X(WEIR_ENONODE, -5031, "no such node in the grid")                                             \
    X(WEIR_ENOLISTEN, -5032, "the node does not listen")                                           \
    X(WEIR_EUNREACH, -5033, "the node cannot be reached")                                          \
    X(WEIR_EWORKER, -5034, "not a worker: setup and loop are both required")                       \
    X(WEIR_EPARAM, -5035, "a parameter is missing or has a bad value")                             \
    X(WEIR_ECONFIG, -5036, "the fleet file has an error")                                          \
    X(WEIR_ESIMREFUSED, -5040, "cannot be simulated")

enum weir_error_code {
#define WEIR_ERROR_ENUM(name, number, text) name = number,
    WEIR_ERRORS(WEIR_ERROR_ENUM)
#undef WEIR_ERROR_ENUM
};

/* The first code of those that a program may define: WEIR_EUSER and all below. The library makes
 * none of these, and hands on what the program's functions return. weir_fail gives them a text. */
#define WEIR_EUSER (-10000)

/* The record of an error: what failed, on what, and why. The call that fails writes it; weir_error
 * shows it. Each task has one record, which its next error overwrites.
 * on and text are one line of UTF-8 each. Where they quote a peer, a file or a variable, control
 * characters, characters that change the direction of text and bytes that are not UTF-8 are shown
 * as escapes (\n, \x1b, \u202e, \xff). */
struct weir_error {
    int code;            /* the result (< 0) that this record explains */
    int status;          /* the status of the HTTP answer that refused the request; else 0 */
    int reason;          /* WEIR_EUNREACH; also -ETIME, -ECANCELED of a call on a node that could
                          * not be reached: the code of the last attempt; else 0 */
    int by_code;         /* -ECANCELED, WEIR_ESTOPPED: less than 0: a task of the group, or the
                          * group's body (by is ""), failed with this code; more than 0: this signal
                          * came; 0: somebody called a function that cancels */
    const char *what;    /* what failed, lower case: "connect", "read" */
    const char *where;   /* the name of the task in which it failed; "" outside a task */
    const char *scope;   /* -ECANCELED, WEIR_ESTOPPED: the cause given with the cancel, or "" */
    weir_ns budget;      /* -ETIME: the budget of the scope that fired, or 0. If several scopes
                          * around the task fired with this code, scope and budget are those of
                          * the outermost. That holds for by, by_code and site too */
    const char *by;      /* -ECANCELED, WEIR_ESTOPPED: the name of the task that cancelled, or
                          * that failed; "" if it was no task, or is not known */
    const struct weir_site *site; /* -ECANCELED, WEIR_ESTOPPED: where the cancel was called; where
                          * the task that failed was spawned; where the group was opened whose body
                          * failed or whose grace was over; where the scope was entered for which
                          * a signal came. -ETIME: where the scope was entered. NULL: not known */
    size_t done;         /* how much was done before the error: bytes, or items */
    char on[64];         /* on what it failed: an address, a path, a node; "" if not known. Of a
                          * URL (http, https, ws, wss) only what is before the query */
    char text[160];      /* all of this in one line, for people */
};

/* The name of an error code: "ECONNRESET", "WEIR_ETORN"; "OK" for 0; "?" for any other number, also
 * for the program's own codes and for counts. Never NULL; static. Any thread. */
WEIR_API const char *weir_error_name(int rc) WEIR_NOEXCEPT;

/* The meaning of an error code in words, lower case; "no error" for 0; "unknown error" for any
 * other number, also for the program's own codes (weir_error_message has the text of weir_fail).
 * Never NULL; static. Any thread. */
WEIR_API const char *weir_error_text(int rc) WEIR_NOEXCEPT;

/* How important a line of the library's log is, the most important first. */
enum weir_log_level { WEIR_LOG_ERROR, WEIR_LOG_WARNING, WEIR_LOG_INFO, WEIR_LOG_DEBUG };

/* A function that takes the library's log lines. line is one whole line without a newline, in
 * UTF-8, with escapes as in the text of struct weir_error. It is lent during the call. Any thread
 * may make the call; the library makes one call at a time. The function must not suspend, and must
 * not call weir_log_to. If it makes the library log a line, that line goes to stderr. */
typedef void (*weir_log_sink)(enum weir_log_level level, const char *line, void *arg);

/* Send the library's log lines to sink, which gets arg with each line. NULL brings back the
 * default, which writes to stderr. If descriptor 2 was closed when the program started, a later
 * descriptor 2 may be the program's own file: then the library writes to it only if it is a
 * terminal, /dev/null or a file opened with O_APPEND, and else drops the line. Holds for the whole
 * process. Any thread. */
WEIR_API void weir_log_to(weir_log_sink sink, void *arg) WEIR_NOEXCEPT;

/* Drop log lines that are less important than level; the default is WEIR_LOG_WARNING. Holds for the
 * whole process. Any thread. */
WEIR_API void weir_log_level_set(enum weir_log_level level) WEIR_NOEXCEPT;

#ifdef __cplusplus
}
#endif

/* How WEIR_SECONDS and WEIR_MILLISECONDS are made. These formulas evaluate their argument several
 * times, so they are given only constants, or the parameter of a function. */
#define WEIR__OF_SIGNED(n, unit)                                                                   \
    ((n) > WEIR_NEVER / (unit)      ? WEIR_NEVER                                                   \
     : (n) < -(WEIR_NEVER / (unit)) ? -WEIR_NEVER                                                  \
                                    : (weir_ns)(n) * (unit))
#define WEIR__OF_UNSIGNED(n, unit)                                                                 \
    ((n) > (unsigned long long)(WEIR_NEVER / (unit)) ? WEIR_NEVER : (weir_ns)(n) * (unit))
#define WEIR__OF_REAL(ns)                                                                          \
    ((ns) >= 9223372036854775808.0    ? WEIR_NEVER                                                 \
     : (ns) > 0                       ? (weir_ns)((ns) + 0.5)                                      \
     : (ns) <= -9223372036854775808.0 ? -WEIR_NEVER                                                \
     : (ns) < 0                       ? (weir_ns)((ns) - 0.5)                                      \
                                      : 0)

#ifdef __cplusplus
#define WEIR__UNITS_FN constexpr weir_ns
#else
#define WEIR__UNITS_FN static inline weir_ns
#endif

WEIR__UNITS_FN weir__of_signed(long long n, int unit) {
    return WEIR__OF_SIGNED(n, unit);
}

WEIR__UNITS_FN weir__of_unsigned(unsigned long long n, int unit) {
    return WEIR__OF_UNSIGNED(n, unit);
}

WEIR__UNITS_FN weir__of_real(double n, int unit) {
    return WEIR__OF_REAL(n * unit);
}

WEIR__UNITS_FN weir__of_long_real(long double n, int unit) {
    return WEIR__OF_REAL(n * unit);
}

#ifdef __cplusplus
#define WEIR__UNITS(n, unit) weir__units((n), (unit))
#define WEIR__UNITS_OF(type, of)                                                                   \
    constexpr weir_ns weir__units(type n, int unit) {                                              \
        return of(n, unit);                                                                        \
    }
WEIR__UNITS_OF(int, weir__of_signed)
WEIR__UNITS_OF(long, weir__of_signed)
WEIR__UNITS_OF(long long, weir__of_signed)
WEIR__UNITS_OF(unsigned, weir__of_unsigned)
WEIR__UNITS_OF(unsigned long, weir__of_unsigned)
WEIR__UNITS_OF(unsigned long long, weir__of_unsigned)
WEIR__UNITS_OF(double, weir__of_real)
WEIR__UNITS_OF(long double, weir__of_long_real)
#else
#define WEIR__BY_TYPE(n, narrow, signed_one, unsigned_one, real_one, long_real_one)                \
    _Generic((n) + 0,                                                                              \
        int: narrow,                                                                               \
        unsigned: narrow,                                                                          \
        unsigned long: unsigned_one,                                                               \
        unsigned long long: unsigned_one,                                                          \
        float: real_one,                                                                           \
        double: real_one,                                                                          \
        long double: long_real_one,                                                                \
        default: signed_one)
/* _Generic compiles also the branches that it does not choose, and compilers warn about an n that
 * does not fit them: so these replace n by 0 there. */
#define WEIR__NARROW(n) _Generic((n) + 0, int: (n), unsigned: (n), default: 0)
#define WEIR__WIDE(n) _Generic((n) + 0, int: 0, unsigned: 0, default: (n))
#define WEIR__UNITS(n, unit)                                                                       \
    __builtin_choose_expr(                                                                         \
        __builtin_constant_p(n),                                                                   \
        WEIR__BY_TYPE(n, (weir_ns)WEIR__NARROW(n) * (unit),                                        \
                      WEIR__OF_SIGNED((long long)WEIR__WIDE(n), unit),                             \
                      WEIR__OF_UNSIGNED((unsigned long long)WEIR__WIDE(n), unit),                  \
                      WEIR__OF_REAL((double)(n) * (unit)),                                         \
                      WEIR__OF_REAL((long double)(n) * (unit))),                                   \
        WEIR__BY_TYPE(n, weir__of_signed, weir__of_signed, weir__of_unsigned, weir__of_real,       \
                      weir__of_long_real)((n), unit))
#endif
#endif
