/* SPDX-License-Identifier: MIT */
/* worker.h - a worker: setup once, loop for each message, as in an Arduino sketch. Each message
 * gets exactly one answer: an ack, or a nack. What a worker may say to other nodes, by name, is in
 * weir/mesh.h. */
#ifndef WEIR_WORKER_H
#define WEIR_WORKER_H

#include <stdbool.h>
#include <weir/base.h>
#include <weir/mesh.h>

#ifdef __cplusplus
extern "C" {
#endif

struct weir_params; /* what the fleet file's `with:` and the command line's --with gave */
struct weir_ack;    /* the answer being made */

struct weir_message {
    const char *channel;   /* the connection's path with slash and query: "/datafeed" */
    struct weir_view data; /* lent until loop returns; text is valid UTF-8, no NUL is added */
    bool binary;
};

/* setup: once, before anything is served; < 0 refuses to start, with weir_error's text. A given
 * parameter that it does not ask for refuses too.
 * loop: for each message; 0: the ack is sent ("n/a" if it was left empty); WEIR_ENACK, as
 * weir_nack returns it: the nack; any other negative: the connection is closed with 1011 and
 * weir_error's text, cut to 123 bytes.
 * Both are required. They run as tasks of the worker's name, which a crash report tells. state:
 * state_size bytes, zeroed, one for the worker. Both may suspend; messages of one connection are
 * handled in order, connections at the same time. A loop may take its time: while it is suspended
 * its client's pings are answered. One whose client went runs to its end all the same, and its
 * ack is dropped. */
struct weir_worker {
    size_t size; /* sizeof (struct weir_worker) */
    const char *name; /* printed in brackets before each line; static text */
    size_t state_size;
    int (*setup)(void *state, const struct weir_params *p);
    int (*loop)(void *state, const struct weir_message *m, struct weir_ack *ack);
    size_t stack_size; /* for setup, for each loop; bytes; 0: 256 KiB (64 KiB on 32-bit) */
    const char *node;  /* its node in the grid, whose port it listens on by default; NULL: name */
};

/* A source: a program of the fleet that does not listen, but sends to others (weir/mesh.h).
 * setup: as a worker's. Required.
 * run: once, after setup. 0 or 1 is the exit status of the program; < 0: weir_error_message is
 * printed to standard error, the exit status is 1; more than 1 aborts. After SIGINT, SIGTERM or
 * weir_stop its suspending calls return -ECANCELED, and the exit status is 0. Required.
 * Both run as tasks of the source's name and may suspend. What they send counts in the reports to
 * `weir up`. */
struct weir_source {
    size_t size;      /* sizeof (struct weir_source) */
    const char *name; /* printed in brackets before each line; static text */
    size_t state_size;
    int (*setup)(void *state, const struct weir_params *p);
    int (*run)(void *state);
    const char *node;  /* the node that it sends to, which the flags -s and -p move; NULL: none */
    size_t stack_size; /* for setup and run; bytes; 0: 256 KiB (64 KiB on 32-bit) */
};

/* In setup: a parameter as text; fallback if it was not given (NULL: it is required). *ret_value
 * is lent as long as the worker runs. name is static text.
 * Returns 0; WEIR_EPARAM (it is missing). */
WEIR_API int weir_param_text(const struct weir_params *p, const char *name, const char *fallback,
                             const char **ret_value);

/* The same as a number. Returns 0; WEIR_EPARAM (not a number, or not finite). */
WEIR_API int weir_param_double(const struct weir_params *p, const char *name, double fallback,
                               double *ret_value);

/* The same as a whole number. Returns 0; WEIR_EPARAM (not a whole number of 64 bits). */
WEIR_API int weir_param_int(const struct weir_params *p, const char *name, int64_t fallback,
                            int64_t *ret_value);

/* In loop: make the answer of text, as printf does. The last call counts. A text that begins with
 * "nack: " is a nack.
 * Returns 0; -ENOMEM, WEIR_ETOOBIG (more than 1 MiB), WEIR_EUTF8. On error the answer is what it
 * was. */
WEIR_API int weir_ack_text(struct weir_ack *ack, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* In loop: make the answer of bytes, which go as a binary message. data is copied.
 * Returns 0; -ENOMEM, WEIR_ETOOBIG (more than 1 MiB). On error the answer is what it was. */
WEIR_API int weir_ack_bytes(struct weir_ack *ack, const void *data, size_t len);

/* Refuse the message: `return weir_nack("no ink");` sends "nack: no ink" and the connection stays
 * open. NULL: "no reason given". At most 150 bytes of the reason are copied into the task's error
 * record, as one line with escapes as in weir_out. The next error overwrites it, so return at once.
 * To send a longer reason, or one without escapes, see weir_ack_text.
 * Returns WEIR_ENACK. */
WEIR_API int weir_nack(const char *reason);

/* Print the line "[ Name ] text" to standard output, flushed. Control characters, characters that
 * change the direction of text and bytes that are not UTF-8 are shown as escapes (\n, \x1b,
 * \u202e, \xff); a line is cut at 8 KiB. Lines that cannot be written are lost; the worker goes
 * on. */
WEIR_API void weir_out(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Takes the lines of workers and sources: "[ Name ] text", without newline; line is lent during the
 * call. It must not suspend, nor call weir_out_to; what it prints by weir_out goes to standard
 * output. */
typedef void (*weir_out_sink)(const char *line, void *arg);

/* Send the lines of weir_out, and those that the library prints for workers and sources, to sink
 * instead of standard output; NULL: standard output again. One call of the sink at a time.
 * Process-wide. Any thread. */
WEIR_API void weir_out_to(weir_out_sink sink, void *arg);

/* Run a worker program, with the flags -s/--socket/--host, -p/--port, --node, --name, --with,
 * --backend, --insecure, --connections-max, -h; reports to `weir up`. SIGINT and SIGTERM stop the
 * worker, even if they were blocked when the program started; one that was ignored then (by nohup,
 * or a script's `&`) stays ignored. A second one ends the process at once with 130 or 143. Unless
 * the program ignores or handles SIGPIPE, it no longer ends the process: writing fails with EPIPE.
 * Call it from main, outside any loop.
 * Returns the exit status: 0, 1 (failed), 2 (usage). */
WEIR_API int weir_worker_main(const struct weir_worker *w, int argc, char **argv);

/* Run a source program, with the flags, signals and exit status of weir_worker_main, except that
 * -s and -p say where the node is that it sends to, and that it refuses no host. After SIGINT it
 * prints the line "Keyboard interruption, aborting." when its connections are closed.
 * Call it from main, outside any loop.
 * Returns the exit status: 0, 1 (failed, or what run returned), 2 (usage). */
WEIR_API int weir_source_main(const struct weir_source *s, int argc, char **argv);

/* Makes a program of a worker; or, compiled as a shared object, what `weir run FILE.so` loads. */
#define WEIR_WORKER_MAIN(worker)                                                                   \
    extern WEIR_API const struct weir_worker *const weir_worker;                                   \
    const struct weir_worker *const weir_worker = &(worker);                                       \
    int main(int argc, char **argv) {                                                              \
        return weir_worker_main(&(worker), argc, argv);                                            \
    }

/* The same of a source. */
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
