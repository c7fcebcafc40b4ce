/* SPDX-License-Identifier: MIT */
/* worker.h - workers and sources: programs of a fleet, with a setup and a loop as in Arduino.
 *
 * A worker listens, and answers each message with exactly one ack or nack. A source does not
 * listen; it sends to others. How both send to other nodes by name is in weir/mesh.h. Loop thread
 * only, except where a contract says otherwise. */
#ifndef WEIR_WORKER_H
#define WEIR_WORKER_H

#include <stdbool.h>
#include <weir/base.h>
#include <weir/mesh.h>

#ifdef __cplusplus
extern "C" {
#endif

struct weir_params; /* parameters: `with:` of the fleet file, --with of the command line */
struct weir_ack;    /* the answer to a message, which loop makes */

/* A message that a worker has received. */
struct weir_message {
    const char *channel;   /* the connection's path with slash and query: "/datafeed" */
    struct weir_view data; /* lent until loop returns; text is valid UTF-8, no NUL is added */
    bool binary;
};

/* A worker: a program of a fleet that listens and answers messages.
 * setup is called once, before anything is served. If it returns < 0, the program does not start,
 * and prints weir_error_message; >= 0 goes on. Nor does it start if it was given a parameter that
 * setup has not asked for.
 * loop is called for each message. If it returns >= 0, the ack is sent ("n/a" if loop has made
 * none); if WEIR_ENACK, the nack (see weir_nack). If it returns any other code < 0, the connection
 * is closed with 1011 and the text of the error, cut to 123 bytes.
 * Both are required. state has state_size bytes, zeroed, and is the same for all calls. Both run as
 * tasks that have the worker's name, and may suspend. The messages of one connection are handled in
 * order, those of several connections at the same time. While loop is suspended the library answers
 * its client's pings. If the client goes meanwhile, loop goes on, and its ack is dropped. */
struct weir_worker {
    size_t size; /* sizeof (struct weir_worker) */
    const char *name; /* printed in brackets before each line; static text */
    size_t state_size;
    int (*setup)(void *state, const struct weir_params *p);
    int (*loop)(void *state, const struct weir_message *m, struct weir_ack *ack);
    size_t stack_size; /* for setup, for each loop; bytes; 0: 256 KiB (64 KiB on 32-bit) */
    const char *node;  /* its node in the grid, whose port it listens on by default; NULL: name */
};

/* A source: a program of a fleet that does not listen, but sends to others (weir/mesh.h).
 * setup is called as a worker's. run is called once, after setup. If it returns 0 or 1, that is the
 * exit status of the program. If it returns < 0, weir_error_message is printed to standard error,
 * and the exit status is 1. More than 1 aborts. After SIGINT, SIGTERM or weir_stop its suspending
 * calls return -ECANCELED. If run then returns 0 or any code < 0, the exit status is 0; if it
 * returns 1, the exit status is 1.
 * Both are required. Both run as tasks that have the source's name, and may suspend. What they send
 * counts in the reports to `weir up`. */
struct weir_source {
    size_t size;      /* sizeof (struct weir_source) */
    const char *name; /* printed in brackets before each line; static text */
    size_t state_size; /* bytes of state, zeroed */
    int (*setup)(void *state, const struct weir_params *p);
    int (*run)(void *state);
    const char *node;  /* the node that it sends to, which the flags -s and -p move; NULL: none */
    size_t stack_size; /* for setup and run; bytes; 0: 256 KiB (64 KiB on 32-bit) */
};

/* The value of a parameter as text, for setup. If the parameter was not given, *ret_value is
 * fallback; fallback NULL means that it must be given. *ret_value is lent as long as the program
 * runs. name is static text.
 * Returns 0; WEIR_EPARAM (not given), *ret_value untouched. */
WEIR_API int weir_param_text(const struct weir_params *p, const char *name, const char *fallback,
                             const char **ret_value);

/* The value of a parameter as a number, for setup; fallback if it was not given. name is static
 * text.
 * Returns 0; WEIR_EPARAM (not a number, or not finite), *ret_value untouched. */
WEIR_API int weir_param_double(const struct weir_params *p, const char *name, double fallback,
                               double *ret_value);

/* The value of a parameter as a whole number, for setup; fallback if it was not given. name is
 * static text.
 * Returns 0; WEIR_EPARAM (not a whole number of 64 bits), *ret_value untouched. */
WEIR_API int weir_param_int(const struct weir_params *p, const char *name, int64_t fallback,
                            int64_t *ret_value);

/* Make the answer to a message, as text, for loop; format and what follows are as for printf. A
 * further call replaces the answer. A text that begins with "nack: " is a nack.
 * Returns 0; -ENOMEM, WEIR_ETOOBIG (more than 1 MiB), WEIR_EUTF8. On error the answer that was made
 * before stays. */
WEIR_API int weir_ack_text(struct weir_ack *ack, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Make the answer to a message, as bytes, for loop. They are sent as a binary message. data is
 * copied. A further call replaces the answer.
 * Returns 0; -ENOMEM, WEIR_ETOOBIG (more than 1 MiB). On error the answer that was made before
 * stays. */
WEIR_API int weir_ack_bytes(struct weir_ack *ack, const void *data, size_t len);

/* Refuse a message, in loop: `return weir_nack("no ink");` sends "nack: no ink", and the connection
 * stays open. reason NULL: "no reason given". At most 150 bytes of reason are copied into the
 * task's error record, as one line with escapes as in weir_out. The task's next error overwrites
 * it, so return at once. To send a longer reason, or one without escapes, see weir_ack_text.
 * Returns WEIR_ENACK. */
WEIR_API int weir_nack(const char *reason) WEIR_MUST_USE;

/* Print the line "[ Name ] text" to standard output, and flush it. Name is that of the worker or
 * source on its loop's thread; "weir" elsewhere, so also on a helper thread of weir_offload.
 * Control characters, characters that change the direction of text and bytes that are not UTF-8 are
 * shown as escapes (\n, \x1b, \u202e, \xff). A line is cut at 8 KiB. A line that cannot be written
 * is lost. Any thread. */
WEIR_API void weir_out(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A function that takes the lines of workers and sources: "[ Name ] text", without a newline. line
 * is lent during the call. The function must not suspend, and must not call weir_out_to. What it
 * prints by weir_out goes to standard output. */
typedef void (*weir_out_sink)(const char *line, void *arg);

/* Send the lines of weir_out, and those that the library prints for workers and sources, to sink,
 * which gets arg with each. NULL: to standard output again. The library makes one call of the sink
 * at a time. Holds for the whole process. Any thread. */
WEIR_API void weir_out_to(weir_out_sink sink, void *arg);

/* Run a worker as a program, until a signal stops it. Its flags are -s/--socket/--host, -p/--port,
 * --node, --name, --with, --backend, --insecure, --connections-max and -h: see weir(1). It reports
 * to `weir up`. SIGINT and SIGTERM stop the worker, even if they were blocked when the program
 * started; one that was ignored then (by nohup, or a script's `&`) stays ignored. A second one ends
 * the process at once, with status 130 or 143. If the program neither ignores nor handles SIGPIPE,
 * the library handles it: writing to a closed pipe then fails with EPIPE. When the worker stops,
 * the library cancels the tasks that were started with the group NULL, then closes the connections;
 * the program ends when these tasks have ended. Call it from main, outside any loop.
 * Returns the exit status: 0, 1 (failed), 2 (usage). */
WEIR_API int weir_worker_main(const struct weir_worker *w, int argc, char **argv);

/* Run a source as a program, until run has returned. Flags and signals are those of
 * weir_worker_main; but -s and -p say where the node is to which the source sends, on whatever
 * host, from setup on. When run has returned, the library cancels the tasks that were started with
 * the group NULL. After SIGINT it prints the line "Keyboard interruption, aborting." when its
 * connections are closed. Call it from main, outside any loop.
 * Returns the exit status: 0, 1 (failed, or what run returned), 2 (usage). */
WEIR_API int weir_source_main(const struct weir_source *s, int argc, char **argv);

/* Makes a program of a worker; or, compiled as a shared object, what `weir run FILE.so` loads. */
#define WEIR_WORKER_MAIN(worker)                                                                   \
    extern WEIR_API const struct weir_worker *const weir_worker;                                   \
    const struct weir_worker *const weir_worker = &(worker);                                       \
    int main(int argc, char **argv) {                                                              \
        return weir_worker_main(&(worker), argc, argv);                                            \
    }

/* Makes a program of a source; or, compiled as a shared object, what `weir run FILE.so` loads. */
#define WEIR_SOURCE_MAIN(source)                                                                   \
    extern WEIR_API const struct weir_source *const weir_source;                                   \
    const struct weir_source *const weir_source = &(source);                                       \
    int main(int argc, char **argv) {                                                              \
        return weir_source_main(&(source), argc, argv);                                            \
    }

#ifdef __cplusplus
}
#endif
#endif
