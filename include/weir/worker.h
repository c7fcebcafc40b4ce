/* SPDX-License-Identifier: MIT */
/* worker.h - a worker: setup once, loop for each message, as in an Arduino sketch; and streaming
 * to other nodes by name. Each message gets exactly one answer: an ack, or a nack. */
#ifndef WEIR_WORKER_H
#define WEIR_WORKER_H

#include <stdbool.h>
#include <weir/base.h>

#ifdef __cplusplus
extern "C" {
#endif

struct weir_params; /* what the fleet file's `with:` and the command line's --with gave */
struct weir_ack;    /* the answer being made */

struct weir_message {
    const char *channel;   /* the connection's path with slash and query: "/datafeed" */
    struct weir_view data; /* lent until loop returns */
    bool binary;
};

/* setup < 0 refuses to start, with weir_error's text. loop returns 0: the ack is sent ("n/a" if it
 * was left empty); weir_nack(reason): the nack; any other negative: the connection is closed with
 * 1011 and weir_error's text. Both are required. state: state_size bytes, zeroed, one for the
 * worker. loop may suspend; messages of one connection are handled in order, connections
 * concurrently. */
struct weir_worker {
    size_t size; /* sizeof (struct weir_worker) */
    const char *name;
    size_t state_size;
    int (*setup)(void *state, const struct weir_params *p);
    int (*loop)(void *state, const struct weir_message *m, struct weir_ack *ack);
};

/* A parameter as text; fallback if it was not given (NULL: it is required, and WEIR_EPARAM names
 * it). *ret_value is lent as long as the worker runs.
 * Returns 0; WEIR_EPARAM. */
WEIR_API int weir_param_text(const struct weir_params *p, const char *name, const char *fallback,
                             const char **ret_value);

/* The same as a number. Returns 0; WEIR_EPARAM (not a number, or out of range). */
WEIR_API int weir_param_double(const struct weir_params *p, const char *name, double fallback,
                               double *ret_value);
WEIR_API int weir_param_int(const struct weir_params *p, const char *name, int64_t fallback,
                            int64_t *ret_value);

/* Make the answer: text (printf), or bytes, copied. The last call counts. A text that begins with
 * "nack: " is itself sent as a nack.
 * Returns 0; -ENOMEM, WEIR_ETOOBIG (1 MiB), WEIR_EUTF8. */
WEIR_API int weir_ack_text(struct weir_ack *ack, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
WEIR_API int weir_ack_bytes(struct weir_ack *ack, const void *data, size_t len);

/* Refuse the message: `return weir_nack("no ink");` sends "nack: no ink". The reason is copied.
 * Returns WEIR_ENACK. */
WEIR_API int weir_nack(const char *reason);

/* Print one line "[ Name ] text" to standard output, flushed. */
WEIR_API void weir_out(const char *format, ...) __attribute__((format(printf, 1, 2)));

struct weir_item { /* something to stream */
    const void *data;
    size_t len;
    bool binary;
};

/* Called for each ack, in order; data is lent during the call. < 0 stops the streaming. May be
 * NULL. */
typedef int (*weir_on_ack)(void *arg, size_t index, struct weir_view ack, bool binary);

/* Send items in order to the node target, on channel (with or without its slash; "" is the
 * default), over a connection that is kept for each target and channel; one ack for each item, the
 * next item goes after the ack. A broken connection is dialled again after 100 ms doubling to 1 s,
 * jitter 20 %, 5 s in all; an item sent but not acked is sent again (the receiver may see it
 * twice). Prints the lines of the circuit. Streams to one target and channel take turns.
 * Returns 0; WEIR_ENACK (an item was refused: weir_error's text has the reason, `done` the items
 * acked before), WEIR_ENONODE (names the known ones), WEIR_ENOLISTEN, WEIR_EUNREACH (5 s are
 * over), -ECANCELED, -ETIME, -ENOMEM, WEIR_ENOLOOP, what on_ack returned. */
WEIR_SUSPENDS int weir_stream_items(const char *target, const char *channel,
                                    const struct weir_item *items, size_t count,
                                    weir_on_ack on_ack, void *arg);

/* One text item, whose ack is not wanted. As weir_stream_items. */
WEIR_SUSPENDS int weir_stream_text(const char *target, const char *channel, const char *text);

/* Run a worker program: flags -s/--socket/--host, -p/--port, --node, --name, --with KEY=VALUE,
 * --backend, -h, readiness and counters to WEIR_CONTROL_FD, SIGINT and SIGTERM. Returns the exit
 * status: 0, 1 failed, 2 usage, 130 or 143 after a second signal. */
WEIR_API int weir_worker_main(const struct weir_worker *w, int argc, char **argv);

#define WEIR_WORKER_MAIN(worker)                                                                   \
    int main(int argc, char **argv) { return weir_worker_main(&(worker), argc, argv); }

#ifdef __cplusplus
}
#endif
#endif
