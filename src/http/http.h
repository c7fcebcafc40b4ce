/* SPDX-License-Identifier: MIT */
/* http.h - the server's side of one connection, and a request of it, inside this room.
 *
 * The window [at, at + left) is what has come and was not used. It lies in a piece that the stream
 * lends. It is used from its front: heads by head.c, bodies by body.c. A driver brings the next
 * piece: task.c for a stream of the user's, serve.c for a connection of a reactive server. What is
 * to be sent is gathered in `out` (out.c), by answer.c.
 *
 * A request of a connection passes these phases, whichever shape the server has:
 *   HEAD     its head comes; text grows
 *   RUNS     its head is whole; functions of the user's run; its body is read, an answer is given
 *   then it is finished (finish.c): answered if it is not, what is unread of its body thrown away;
 *   and its memory serves the next request. Between requests there is none.
 *
 *   close    no request follows the current one, and its answer says so
 *   broken   the client cannot know where the answer ends, or takes no more: what was gathered is
 *            sent, and nothing follows it */
#ifndef WEIR_HTTP_HTTP_H
#define WEIR_HTTP_HTTP_H

#include <weir/http_server.h>
#include <weir/stream.h>

#include "http/date.h"
#include "http/limits.h"
#include "http/routes.h"
#include "loop/loop.h"
#include "proto/http_request.h"
#include "stream/stream.h"
#include "task/task.h"
#include "task/waitq.h"
#include "wire/chunked.h"

struct http_request;
struct http_lease;
struct http_upgraded;
struct react_server;

struct http_out { /* bytes to send, [from, len) of size */
    struct http_out *next; /* of the spare ones */
    struct weir__op op;          /* while the backend sends it */
    struct weir_http *http;      /* meanwhile: its connection; NULL: that is gone */
    struct http_config *config;  /* of a connection that is gone, with a reference */
    uint32_t from, len, size;
    uint8_t bytes[];
};

struct http_connection { /* what the fields of a request say of it */
    bool closes, keeps, expects;
};

struct weir__inflater;
struct http_unpack { /* of a request body in gzip */
    struct weir__inflater *inflater;
    const uint8_t *in; /* of the stream's piece: not yet decompressed */
    size_t in_len;
    uint64_t sum;      /* bytes that came out */
    bool ended;
    uint8_t out[8 << 10];
};
void weir__http_unpack_free(struct http_unpack *u); /* NULL is fine */

/* The options of a server with the defaults filled in, and what its connections share. */
struct http_config {
    struct weir_http_server_options o;
    struct weir__http1_limits limits;
    struct weir__loop *loop;
    size_t refs;
    struct http_request *spare;   /* memory of finished requests, and of sent bytes */
    struct http_out *spare_out;
    uint32_t spares, spare_outs;
    /* Handle a request, in its task; returns as a handler. */
    int (*entry)(struct http_config *c, struct weir_http_request *r);
    int (*behind_cors)(struct http_config *c, struct weir_http_request *r); /* the entry then */
    const struct weir__http_ops *ops; /* of its requests */
    struct weir__routes *routes;  /* NULL: there are none */
    struct react_server **upgrades; /* by the routes' numbers, those of `ws`; NULL: none */
    size_t upgrades_count;
    struct weir__deflater *deflater; /* of whole answers (pack.c); NULL: not needed yet */
    void (*logged)(struct http_request *r); /* its access log; NULL: none */
    struct weir__list upgraded;   /* requests that became WebSockets, and are not logged yet */
    uint64_t body_max;            /* the largest: the server's, or that of a route */
    size_t state_size;            /* of a request, for a reactive server */
    bool is_reactive;
    struct weir__http1_known known; /* fields of a request before */
    struct http_connection known_says;
    uint32_t unknown;             /* requests that had others */
    uint32_t host_len;            /* of the last request's Host field; 0: none, or too long */
    char host[HTTP_HOST_KEPT];
    weir_ns date_until;           /* date holds until then, by the loop's clock */
    char date[WEIR__DATE_LEN + 1];              /* "Sun, 06 Nov 1994 08:49:37 GMT" */
    uint32_t text_head_len;       /* 0: there is none of this date */
    char text_head[HTTP_TEXT_HEAD_KEPT]; /* of an answer 200 with a text, up to its framing */
};

enum http_mode { /* how the body of an answer that was begun is sent */
    HTTP_WHOLE,   /* none was begun: the answer is given whole */
    HTTP_NO_BODY, /* to HEAD, and for a status without a body: thrown away */
    HTTP_LENGTH,  /* to_send more bytes */
    HTTP_CHUNKS,
    HTTP_UNTIL_CLOSE,
};

enum http_body { /* where the body of a request is */
    HTTP_BODY_LENGTH, /* body_left more bytes */
    HTTP_BODY_CHUNKS,
    HTTP_BODY_ENDED,  /* all was taken out of the window; or there is none */
};

struct http_request {
    struct weir_http_request pub; /* first; its text is text */
    struct weir_http *http;
    struct http_request *next;    /* of the spare ones */
    uint32_t steps;               /* it lies so many behind the begin of its memory (memory.c) */
    size_t text_len, text_size;
    weir_ns began;                /* when its first byte came */
    struct weir_task *task;       /* in which its functions run; NULL: none, or the user's own */
    bool has_head;                /* it came whole: method, target and headers can be asked for */
    bool is_head;                 /* the method is HEAD */

    /* its body */
    uint64_t body_left, body_came;
    weir_ns waited;               /* for bytes of it, in all */
    struct weir__chunked chunks;
    const uint8_t *piece;         /* decoded, and not yet read by weir_http_read */
    size_t piece_len;
    uint8_t *whole;               /* weir_http_body's, and the trailers' */
    size_t whole_len, whole_size;
    char *trailers;               /* their lines; cut by NULs at the end of the body */
    size_t trailers_len;
    uint8_t body;                 /* enum http_body */
    bool expects;                 /* the client waits for 100 Continue before it sends the body */
    bool reading;                 /* a task is in a call that reads it */
    bool was_read;                /* by weir_http_read */
    bool called;                  /* a reactive server's functions know it */
    int16_t body_failed;          /* the error that reading it met; it stays */

    /* its answer */
    const char *why;              /* of a refusal: static text */
    uint16_t refusal;             /* the status that body_failed means */
    uint16_t status;              /* of the answer; 0: none yet */
    uint8_t mode;                 /* enum http_mode */
    bool ended;                   /* weir_http_end was called, or the answer was whole */
    bool writing;                 /* a task is in weir_http_write */
    bool answering;               /* a task is in weir_http_end, or gives a whole answer */
    uint64_t to_send, sent;       /* bytes of its body: still announced; sent */

    struct weir__route_match match; /* route.c's; route NULL: none was taken */
    struct http_unpack *unpack;   /* body.c's; NULL: nothing was decompressed yet */
    bool packed;                  /* the body is in gzip, and is decompressed when it is read */
    struct http_pack *pack;       /* compresses a streamed answer (pack.h); NULL: none does */
    char *added;                  /* header lines of weir_http_add_header, each with CR LF */
    uint32_t added_len;
    bool is_whole;                /* its head */
    bool ends_on_stop, stopped;   /* stop.c: the stop is to end it; it has cancelled its task */
    bool ends_when_gone, gone;    /* the same when its client leaves */
    struct weir__http1_header headers[]; /* limits.headers_max, then the state of a reactive one */
};

/* What differs between the drivers. */
struct http_driver {
    /* The window is used up. Wait for the next piece, and set the window. Returns its length; 0 at
     * the end of the stream; an error. Suspends. */
    int64_t (*next)(struct weir_http *h);
    struct weir_group *(*group)(struct weir_http *h); /* for a writer's task */
    void (*left)(struct weir_http *h); /* that task ends, or the stream of the lease is closed */
    /* Call weir__http_left when the client leaves, from now on. NULL: the driver cannot. */
    void (*ask_ahead)(struct weir_http *h);
    bool may_batch; /* an answer may leave a moment after the call that gave it */
    bool keeps_rest; /* a cancel of a call that sends leaves the rest for later; else it breaks the
                      * connection */
};

struct weir_http {
    struct weir_stream *stream;
    struct http_config *config;
    const struct http_driver *driver;
    const uint8_t *at;
    size_t left;
    struct http_request *request; /* in phase HEAD or RUNS; NULL: between requests */
    struct http_out *out;         /* NULL: nothing is to be sent */
    struct http_out *first;       /* leaves before out: the backend has it, or it did not leave
                                   * whole, and a task writes the rest; NULL: there is none */
    struct weir__flush flush;     /* sends it when all ready tasks have run */
    struct weir__waitq writers;   /* tasks that wait until another has written */
    struct weir_task *writer;     /* the task of out.c that writes; NULL: none does */
    struct react_server *becomes; /* the request becomes a connection of this server; NULL: none */
    struct http_lease *lease;     /* the stream of an upgraded connection (lease.h); NULL: none */
    char *client;                 /* whom a PROXY header has named; NULL: the peer */
    size_t served;                /* requests */
    int16_t unsent;               /* the error that sending met; it stays */
    bool writing;                 /* a task writes what is in out, or the backend has first */
    bool leaving;                 /* the backend has first */
    bool close, broken;           /* see above */
    bool upgraded;                /* a WebSocket had the stream, and has ended it */
    bool resets;                  /* close by a reset, else a broken answer would seem whole */
    bool is_last;                 /* the server stops: close, from the next head on */
    bool cut;                     /* stop.c has cancelled the task that runs */
    bool running;                 /* request is in phase RUNS */
    bool wants_proxy;             /* a PROXY header comes before the first request */
    bool nameless;                /* that header has named no client */
};

extern const struct weir__http_ops weir__http_ops;

/* The request behind r; aborts, naming call, if r is no request of an HTTP server. */
struct http_request *weir__http_request_of(const struct weir_http_request *r, const char *call);

/* Room behind the head, for the decoded path and query: HTTP_SPARE_ROOM(target.len) bytes. */
static inline char *http_spare(const struct http_request *r) {
    return r->pub.text + r->text_len;
}

static inline bool http_is_streaming(const struct http_request *r) {
    return r->mode != HTTP_WHOLE && !r->ended;
}

/* The state of a reactive server's request, behind its headers. */
static inline void *http_state_of(const struct http_config *c, struct http_request *r) {
    uintptr_t end = (uintptr_t)(r->headers + c->o.headers_max);
    return (void *)((end + HTTP_STATE_ALIGN - 1) & ~(uintptr_t)(HTTP_STATE_ALIGN - 1));
}

/* ---- config.c ---- */

/* Fails with -EINVAL, -ENOMEM and a record. options may be NULL. */
int weir__http_config_new(const struct weir_http_server_options *options, const char *what,
                          struct http_config **ret_config);

/* ---- memory.c ---- */

void weir__http_config_unref(struct http_config *c);
struct http_request *weir__http_request_take(struct http_config *c); /* NULL: no memory */
void weir__http_request_give(struct http_config *c, struct http_request *r);
struct http_out *weir__http_out_take(struct http_config *c, size_t room); /* NULL: no memory */
void weir__http_out_give(struct http_config *c, struct http_out *o);
/* As weir_http_add_header, before the answer begins. */
int weir__http_add_line(struct http_request *r, const char *line);
bool weir__http_adds(const struct http_request *r, const char *name); /* such a line was added */
const char *weir__http_date(struct http_config *c); /* 29 characters */

/* ---- head.c ---- */

void weir__http_init(struct weir_http *h, struct weir_stream *s, struct http_config *c,
                     const struct http_driver *driver);
void weir__http_fini(struct weir_http *h); /* frees what hangs on it; not the stream */

/* Use the window for the head of a request. Returns > 0: it is whole, h->request RUNS; 0: more
 * bytes are needed, the window is empty; WEIR_EPROTO, WEIR_ETOOBIG: h->request has the refusal;
 * -ENOMEM: nothing was used. */
int weir__http_head_feed(struct weir_http *h);

/* Has the head of a request begun? An empty line before it does not count. */
bool weir__http_head_has_begun(const struct weir_http *h);

/* ---- body.c ---- */

enum { HTTP_PIECE = 1, HTTP_END = 0 }; /* -EAGAIN: the window is empty */

/* Take a piece of the body out of the window. It lies in the window's piece of the stream.
 * Returns HTTP_PIECE, HTTP_END, -EAGAIN; WEIR_EPROTO, WEIR_ETOOBIG, -ENOMEM, which stay. */
int weir__http_body_take(struct http_request *r, struct weir_view *ret_view);
/* How long the body may still let us wait: WEIR_NEVER, or 0 and less: it is late. */
weir_ns weir__http_body_patience(const struct http_request *r);
/* It is late: set body_failed and the refusal. Returns -ETIMEDOUT. */
int weir__http_body_late(struct http_request *r);
/* The wait for more has returned n, 0 or less. Returns the error of the body. */
int weir__http_body_stopped(struct http_request *r, int64_t n);
/* The same as weir__http_body_take with waiting. Returns > 0, 0 or an error as weir_http_read.
 * Suspends. */
int weir__http_body_next(struct http_request *r, struct weir_view *ret_view);
/* Send 100 Continue if the client waits for it. Suspends. */
int weir__http_continue(struct http_request *r);

/* ---- out.c ---- */

void weir__http_out_init(struct weir_http *h);
/* Room for len bytes behind what is to be sent: where to write them; NULL: no memory. Then count
 * them by out->len. */
uint8_t *weir__http_out_room(struct weir_http *h, size_t len);
int weir__http_put(struct weir_http *h, const void *bytes, size_t len); /* 0; -ENOMEM */
void weir__http_flush_later(struct weir_http *h);
void weir__http_out_leave(struct weir_http *h); /* the connection goes, and has a first */
int weir__http_wait_room(struct weir_http *h); /* at most send_ns; 0 or an error. Suspends */
/* Send all that is in out, and then the len bytes of data, which may be NULL. Returns 0, or the
 * error, which stays in h->unsent and breaks the connection. Suspends. */
int weir__http_send(struct weir_http *h, const void *data, size_t len);
/* The same for an answer that is whole: where the backend batches, it leaves with those of other
 * connections when all ready tasks have run, and the next call returns its error. */
int weir__http_send_soon(struct weir_http *h, const void *data, size_t len);
static inline size_t http_unsent(const struct weir_http *h) {
    return h->out != NULL ? h->out->len - h->out->from : 0;
}

/* ---- answer.c ---- */

/* Give an answer whole: as the calls of http.h, when it was checked. Suspends. */
int weir__http_answer(struct weir_http_request *pub, const struct weir_http_answer *a);
/* Refuse a request: its connection closes behind the answer. why: static text. Suspends. */
int weir__http_refuse(struct http_request *r, int status, const char *why);

/* ---- access_log.c ---- */

/* Tell the program's log of a request that is over. */
void weir__http_logged(struct http_request *r);

/* ---- route.c ---- */

/* Make c->routes of c->o.routes. Fails with -EINVAL, -ENOMEM and a record. */
int weir__http_routes_open(struct http_config *c);
/* How long the body of r may be: its route's bound, or the server's. */
uint64_t weir__http_body_max(const struct http_request *r);
/* The entry of a server with routes: call the function of the request's route. Suspends. */
int weir__http_route(struct http_config *c, struct weir_http_request *pub);
/* ---- upgrade.c ---- */

/* Make c->upgrades. *state_size grows to what their connections need. Fails with a record. */
int weir__http_upgrades_open(struct http_config *c, size_t *state_size);
/* For a server with a log: the request of h has become a WebSocket of conn, which says later how it
 * was answered. */
struct http_upgraded *weir__http_upgraded_new(void); /* NULL: no memory */
void weir__http_upgraded_keep(struct http_upgraded *u, struct weir_http *h, struct weir_conn *conn);
/* Let the request become a WebSocket connection of this route. Suspends. */
int weir__http_ws_route(struct weir_http_request *pub, const struct weir_http_route *route);

/* ---- stop.c ---- */

/* The server stops: cancel the task of r if r has asked for that. */
void weir__http_stop(struct http_request *r);
/* The client of r has left: likewise. */
void weir__http_left(struct http_request *r);

/* ---- finish.c ---- */

/* The functions of the user's have returned rc. Answer, or end the answer, and throw away what is
 * unread of the body. Returns 0, or what keeps the connection from going on: then h->close is set,
 * and h->broken if the answer is not whole. Suspends. */
int weir__http_finish(struct http_request *r, int rc);
void weir__http_over(struct http_request *r); /* log it; its memory serves the next one */
/* r is over, or given up: if its answer is not whole, the client must see that. */
void weir__http_note_cut(struct http_request *r);
/* Send what is unsent, and end this side of the connection. Returns 0: before the close, throw away
 * what still comes, within bounds, since a close with bytes unread is a reset, and drops what the
 * client has not yet got. < 0: close at once. Suspends. */
int weir__http_shut(struct weir_http *h);
/* The same, and throw away what comes. Suspends, at most HTTP_LINGER_NS, shielded. */
void weir__http_linger(struct weir_http *h);

#endif
