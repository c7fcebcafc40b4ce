/* SPDX-License-Identifier: MIT */
/* client.h - the layouts of the HTTP client: its settings and pool, a connection, a request under
 * way, a response. Which file does what: doc/design/http_client.md. Only the client's files and
 * tests include it. */
#ifndef WEIR_HTTP_CLIENT_ROOM_H
#define WEIR_HTTP_CLIENT_ROOM_H

#include <weir/http_client.h>
#include <weir/stream.h>

#include "base/list.h"
#include "http/client_url.h"
#include "proto/proxy.h"
#include "task/task.h"
#include "task/waitq.h"
#include "wire/chunked.h"
#include "wire/http1.h"

enum {
    HTTP_BODY_MAX = 16 << 20,    /* of weir_http_get: a page, not a disk image; and of a body that
                                  * comes while the request is sent */
    HTTP_PIECE = 16 << 10,       /* a body by function is asked for so much at once */
    HTTP_WATCH_MIN = 64 << 10,   /* a larger body is sent while the answer is awaited: smaller ones
                                  * fit the kernel's buffers */
    HTTP_DISCARD_MAX = 64 << 10, /* of a body that nobody wants, to keep its connection */
    HTTP_WATCH_STACK = 64 << 10, /* of the task beside an idle connection */
    HTTP_RETRY_AFTER_MAX_S = 60,
};
#define HTTP_DISCARD_NS WEIR_SECONDS(1) /* how long that may take */
#define HTTP_RETRY_MAX_NS WEIR_SECONDS(10)

/* ---- the pool: client_pool.c ----------------------------------------------------------------- */

/* Whom a connection leads to. Its key is all that makes two requests fit for one connection. */
struct http_origin {
    struct weir__list link;  /* of the client */
    struct weir__list idle;  /* struct http_conn; the last used one is the last */
    size_t open, waiting;    /* both 0: it is freed */
    char key[];              /* "https://host:port"; "proxy http": all that a proxy forwards */
};

struct http_conn {
    struct weir__list link;  /* idle: of its origin */
    struct weir__list age;   /* idle: of the client; the one that is idle longest is the first */
    struct weir_http_client *client;
    struct http_origin *origin;
    struct weir_stream *stream;
    struct weir_task *watcher; /* idle: sees the server close it, and its time pass */
    weir_ns idle_ns;
    bool used;  /* an answer has come over it: it is not new */
    bool taken; /* out of the pool, while the watcher still ends */
    bool dead;  /* the server has closed it, or sent what nobody asked for */
};

struct http_decoder; /* client_decode.h */

struct weir_http_client {
    struct weir_http_client_options o; /* its texts are NULL: below are the copies */
    struct weir__loop *loop;
    size_t refs;             /* the owner's, one for each connection, request and response */
    bool closed, is_default;
    char *user_agent, *connect, *no_proxy;
    struct weir__proxy proxies[2]; /* for http and https; url[0] is 0: none */
    bool local_direct;             /* loopback needs no proxy */
    struct weir__http1_limits limits;
    struct weir__list origins, idle;
    struct weir__waitq queue; /* of struct http_turn */
    struct weir_http_client_counts counts;
};

void weir__http_client_unref(struct weir_http_client *c);
/* The loop's own client, made when it is first needed; with a reference for the caller. NULL: no
 * memory. */
struct weir_http_client *weir__http_client_default(void);

/* Take a connection to the origin of key: an idle one whose server has not closed it, unless fresh
 * is set, or one that must be dialled yet (its stream is NULL). Waits in order if there are too
 * many. Suspends. Returns 0; WEIR_ECLOSED, -ECANCELED, -ETIME, -ENOMEM. */
int weir__http_pool_take(struct weir_http_client *c, const char *key, bool fresh,
                         struct http_conn **ret_conn);
/* The end of its request: nothing is left to be read from it. Never suspends. */
void weir__http_pool_give(struct http_conn *conn);
/* The same, but it cannot be used again. */
void weir__http_pool_drop(struct http_conn *conn);
/* Close all idle connections, and refuse those that wait. */
void weir__http_pool_close(struct weir_http_client *c);

/* ---- a request: client_fetch.c, client_send.c, client_head.c --------------------------------- */

struct http_fetch {
    struct weir_http_client *client;
    struct weir_http_call call;    /* a copy, with method and url NULL: see below */
    struct http_url *url, *first;  /* now, and as it was called: they may be one */
    char method[25];
    char *authorization;           /* NULL: none */
    int tries;                     /* of the request to this URL, so far */
    const struct weir__proxy *proxy; /* NULL: none */
    bool left_origin;  /* a redirect led elsewhere: no credentials from here on */
    bool without_body; /* a redirect has turned the request into a GET */
    bool without_expect; /* the server does not know Expect */
    bool asked_more;   /* a piece of a body by function was asked for: it cannot be sent again */
    /* of this attempt */
    struct http_conn *conn;
    struct weir_scope *sending; /* while the body is sent and the answer awaited; else NULL */
    struct weir_scope *hearing; /* while the body of the answer is read ahead; else NULL */
    bool sent_any, sent_all; /* bytes of the request that the kernel has taken */
    bool more_failed;  /* the function of the body */
    bool decodes;      /* we ask for gzip ourselves, and take it off */
    bool heard;        /* a byte of an answer has come */
    size_t heads_left; /* bytes that the heads of this answer may still have */
    int head_rc;       /* of the task that reads the head while the body is sent */
    struct weir_error head_error;
    struct weir_http_response *response; /* once its head is here */
};

/* Check what the program gives to be sent; once. Returns 0, -EINVAL. */
int weir__http_call_check(const struct http_fetch *f);
/* The same for lines alone: headers, or trailers. */
int weir__http_lines_check(const char *const *lines);
/* Does it ask for a compressed body, and take that off itself? */
bool weir__http_decodes(const struct http_fetch *f);
/* Does it have a body, as it is sent now? */
bool weir__http_has_body(const struct http_fetch *f);
/* Send the request over f->conn and read the head of the final answer into f->response. Suspends.
 * Returns 0 or an error. */
int weir__http_exchange(struct http_fetch *f);
/* Read heads up to the final one, or to a 100 if until_continue is set. Suspends. Returns 1 (the
 * final one: f->response is made), 0 (a 100), or an error. */
int weir__http_read_heads(struct http_fetch *f, bool until_continue);
/* The text of the head, of *ret_len bytes; free it by weir__free. Returns 0, -EINVAL, -ENOMEM. */
int weir__http_head_text(const struct http_fetch *f, char **ret_text, size_t *ret_len);

/* ---- a response: client_response.c, client_body.c -------------------------------------------- */

struct weir_http_response {
    struct weir_http_client *client;
    struct http_conn *conn; /* NULL: the body has ended, and the connection is given back */
    struct http_url *url;
    struct weir__http1 head;   /* its slices lie in text */
    enum weir__http1_framing framing;
    uint64_t left;             /* WEIR__HTTP1_BODY_LENGTH: bytes of body still to come */
    struct weir__chunked chunked;
    char *trailers;            /* the fields, as they came */
    size_t trailers_len;
    char *whole;               /* weir_http_response_body: what it has read so far */
    size_t whole_len, whole_size;
    int failed;                /* the error of a read: later ones return it too */
    struct http_decoder *decoder; /* NULL: none is needed */
    bool decodes;              /* a decoder is made at the first read, if it says a coding */
    char *ahead;               /* body that was read while the request was still being sent */
    size_t ahead_at, ahead_len, ahead_size;
    struct weir_error *ahead_error; /* of what failed behind it; NULL: nothing, or no memory */
    bool held;                 /* it still is: the connection stays when the body has ended */
    bool reusable;             /* the connection may carry another request */
    bool ended, reading, whole_done;
    bool given;                /* to the program: the end of the run counts those not closed */
    char *text; /* the head, with a NUL behind each name and value */
    struct weir__http1_header headers[];
};

/* The head of f's final answer is whole: the first size bytes at base. NULL: no memory. */
struct weir_http_response *weir__http_response_new(struct http_fetch *f,
                                                   const struct weir__http1 *h, const void *base,
                                                   size_t size);
/* Begin its body, which is read from conn. held: the request is still being sent over conn, which
 * belongs to the response only after weir__http_response_own. */
void weir__http_response_begin(struct weir_http_response *r, struct http_conn *conn, bool held);
/* conn is the response's from now on, which begins if it has not. sent_all: the whole request was
 * sent. */
void weir__http_response_own(struct weir_http_response *r, struct http_conn *conn, bool sent_all);
/* It is the program's from now on. pc, for debug mode: the return address of the public call. */
void weir__http_response_give(struct weir_http_response *r, const void *pc);
/* Its body has ended, or cannot go on: the connection leaves it. */
void weir__http_response_part(struct weir_http_response *r);
/* Read and drop a short body, so that its connection can be used again; then free it. Suspends. */
void weir__http_response_discard(struct weir_http_response *r);
/* As weir_http_response_read, of bytes as they come over the wire. Suspends. */
ssize_t weir__http_body_read(struct weir_http_response *r, void *buf, size_t len);
/* Read up to HTTP_BODY_MAX bytes of the body of a response that is held, for later reads. Suspends;
 * ends at a cancel, which loses nothing. */
void weir__http_body_read_ahead(struct weir_http_response *r);
/* Were all its bytes read? */
static inline bool weir__http_body_ended(const struct weir_http_response *r) {
    return r->ended && r->ahead_at == r->ahead_len;
}

#endif
