/* SPDX-License-Identifier: MIT */
/* http_client.h - HTTP/1.1 requests: a pool of connections, redirects, proxies, bodies as streams.
 *
 * In the library weir-http (pkg-config --libs weir-http). https:// needs weir-tls too. With
 * weir-zlib the client asks for compressed answers (gzip, deflate) and decompresses them; without
 * it the client asks for none. The simple case:
 *   struct weir_http_response *r;
 *   int rc = weir_http_get("http://localhost:8000/", &r);
 * No call has a time-out of its own: put a scope around it. A cancel at any point leaves nothing
 * behind: a connection goes back to the pool only if the whole answer was read from it, and is
 * closed otherwise. Every object belongs to its loop. Loop thread only. */
#ifndef WEIR_HTTP_CLIENT_H
#define WEIR_HTTP_CLIENT_H

#include <stdbool.h>
#include <weir/base.h>

#ifdef __cplusplus
extern "C" {
#endif

struct weir_dial_options;
struct weir_tls;
struct weir_http_client; /* settings, and the connections that requests share */
struct weir_http_response; /* the answer to one request, with its body */

/* The options of a client. Texts and arrays are copied; tls is counted. */
struct weir_http_client_options { /* zero: the default */
    size_t size;                    /* sizeof (struct weir_http_client_options) */
    size_t connections_max;         /* open at once; 0: 100. Further requests wait, in order */
    size_t connections_per_origin;  /* of these to one scheme, host and port; 0: 32 */
    weir_ns idle_ns;       /* a connection without a request is closed after so long, or earlier if
                            * the server says so in a Keep-Alive header; 0: 50 s; less than 0: each
                            * request has a connection of its own */
    struct weir_tls *tls;  /* for https://; NULL: the system's roots */
    const char *proxy;     /* "http://HOST:PORT": requests go through this proxy; NULL: none */
    const char *proxy_user, *proxy_password; /* for the proxy (Basic); NULL: none */
    const char *no_proxy;  /* hosts that are reached without a proxy, separated by commas:
                            * "example.com" (and all below it), ".example.com" (only those below
                            * it), "10.0.0.0/8", "[::1]", any of them with ":PORT"; "*": all */
    bool proxy_from_environment; /* take the proxy and no_proxy, where they are NULL, from the
                            * variables http_proxy, https_proxy, all_proxy and no_proxy (HTTPS_PROXY
                            * and so on too, but not HTTP_PROXY). localhost and loopback addresses
                            * then use no proxy */
    int redirects_max;     /* 0: 10; less than 0: redirects are not followed */
    bool follow_downgrade; /* follow redirects from https:// to http:// too */
    bool no_decompress;    /* ask for no compression, and return bodies as they come */
    const char *user_agent; /* NULL: "weir/VERSION"; "": no such header */
    size_t head_max;       /* bytes of all heads of one answer; 0: 64 KiB, at most 1 MiB */
    size_t headers_max;    /* headers of one head; 0: 256, at most 10000 */
    int retries;           /* how often a request is sent again if that is safe (see
                            * weir_http_client_new); 0: never. Not counted: a request that meets an
                            * idle connection which turns out to be dead is sent again at once */
    weir_ns retry_ns;      /* the pause before the first retry; 0: 100 ms. It doubles each time, up
                            * to 10 s, and half of it is random */
    weir_ns continue_ns;   /* of a call with expect_continue: send the body anyway after so long
                            * without an answer; 0: 1 s */
    const char *connect;   /* where every connection goes, whatever the URL's host: "unix:/PATH",
                            * "mem:NAME", "tcp://HOST:PORT". Redirects are then followed only to the
                            * same scheme, host and port. NULL: to the URL's host and port */
};

/* Make a client. options may be NULL. The caller must close *ret_client.
 * Retries: a request is safe to send again if
 *   its method is GET, HEAD, OPTIONS, TRACE, PUT or DELETE; or the call says `idempotent`; or the
 *   connection broke before any byte of the request was taken;
 *   and its function `more`, if it has one, was not called yet.
 * It is sent again after a refused or broken connection, a failure of name look-up that may pass,
 * and the statuses 429, 502, 503 and 504. A Retry-After of at most 60 seconds is obeyed, and a date
 * is ignored; with more seconds the answer is returned.
 * Returns 0; WEIR_EURL (proxy or connect is no such URL; the error's text says why), -EINVAL
 * (user_agent cannot be sent, a number is out of range), -ENOMEM, WEIR_ENOLOOP. */
WEIR_API int weir_http_client_new(const struct weir_http_client_options *options,
                                  struct weir_http_client **ret_client);

/* Close a client; *take_client becomes NULL. Its idle connections are closed. Requests and
 * responses that have a connection go on, and it is closed after them; requests that wait for one
 * get WEIR_ECLOSED. A later fetch by that pointer uses the loop's own client, which NULL means,
 * without the settings of the closed one, such as its proxy. NULL and *NULL are fine. Never
 * suspends, never fails. */
WEIR_API void weir_http_client_close(struct weir_http_client **take_client);

/* A request. Everything is borrowed until weir_http_fetch returns. */
struct weir_http_call { /* zero but for url: GET it */
    size_t size;           /* sizeof (struct weir_http_call) */
    const char *method;    /* any token, in capitals as a rule; NULL: GET, or POST with a body.
                            * CONNECT is refused */
    const char *url;       /* http:// or https://; without user and password; #... is cut off */
    /* "Name: value" each, the last followed by NULL; NULL: none. Those that say where a message
     * ends or what a connection does are the library's and refused with -EINVAL: Content-Length,
     * Transfer-Encoding, Connection, Keep-Alive, Proxy-Connection, Upgrade, TE, Trailer, Expect,
     * Host, Proxy-Authorization. User-Agent, Accept and Accept-Encoding replace the library's; with
     * an Accept-Encoding the body is handed out as it comes, and with a Range too, for which the
     * library asks for no compression: a part of compressed bytes cannot be decompressed. After a
     * redirect to another origin Authorization and Cookie are not sent any more. */
    const char *const *headers;
    const char *host;      /* the Host header, for the URL's origin only; NULL: the URL's host */
    const void *body;      /* of len bytes; NULL: none. With len 0 and no method it is refused: it
                            * would become a GET */
    size_t len;
    /* Instead of body, which must be NULL: a function that gives the body piece by piece. It writes
     * at most size bytes to buf and returns how many, 0 at the end, or an error, which
     * weir_http_fetch then returns. It is called in the task that called weir_http_fetch, and may
     * suspend; its suspending calls return -ECANCELED once the server wants no more. That says
     * nothing about your source: return it, and judge by what weir_http_fetch returns, which is
     * then the answer. An error of `more` has the record that its own calls have left; to tell it
     * from an error of the connection, keep what `more` returned behind arg. len is the size of the
     * whole body, of which all must come; 0: not known, and the body is sent in chunks. Such a body
     * is sent only once: see weir_http_fetch of redirects. */
    ssize_t (*more)(void *arg, void *buf, size_t size);
    void *arg;
    const char *const *trailers; /* with `more` and len 0: sent after the body; same form as
                            * headers. They are read when more has returned 0. NULL: none */
    bool expect_continue;  /* ask first (Expect: 100-continue), and send the body when the server
                            * agrees, or has not answered for continue_ns */
    bool idempotent;       /* the request may be sent twice, whatever the method */
    const char *user, *password; /* Authorization: Basic, for the URL's origin only; NULL: none */
};

/* Send a request and wait for the head of the final answer; interim answers (1xx) are skipped. The
 * body is read from the response. Redirects are followed: 303 by a GET, 301 and 302 by a GET if the
 * request was a POST, any other by the request as it was. A body that came from `more` cannot be
 * sent again, so a redirect that asks for it again is returned as the answer. If the final answer
 * comes while the body is still being sent, the rest is not sent if the status is 300 or more; with
 * a lower one the whole body is sent, and up to 16 MiB of the answer's are kept meanwhile.
 * client NULL: the loop's own client with the default options, which every such call shares. The
 * caller must close *ret_response.
 * Returns 0 for an answer of any status: 404 is no error. WEIR_EURL, -EINVAL (a header, the method
 * or the host cannot be sent; body stands beside more, or without len), WEIR_EHTTP (too many
 * redirects, or one that may not be followed; or a proxy has refused: `status` of weir_error is its
 * status), WEIR_EPROTO (the answer breaks HTTP), WEIR_ETOOBIG (its heads exceed a limit), WEIR_EEOF
 * (the connection ended before the head was whole), WEIR_ECLOSED (the client was closed while the
 * request waited for a connection); an error of weir_dial, of weir_write, of `more`, or of
 * weir_tls_connect, such as WEIR_ECERT; WEIR_ENOTLS (https:// without weir-tls), -ECANCELED,
 * -ETIME, -ENOMEM, WEIR_ENOLOOP. On error or cancel *ret_response is untouched; the server may have
 * acted on the request. */
WEIR_SUSPENDS int weir_http_fetch(struct weir_http_client *client,
                                  const struct weir_http_call *call,
                                  struct weir_http_response **ret_response);

/* GET url with the loop's own client, and read the whole body, at most 16 MiB. After that
 * weir_http_response_body returns the body without a wait.
 * Returns as weir_http_fetch and weir_http_response_body. The caller must close *ret_response. */
WEIR_SUSPENDS int weir_http_get(const char *url, struct weir_http_response **ret_response);

/* The status of an answer, 200 to 999, and the words behind it, which are "" if the server sent
 * none. Lent until the response is closed. */
WEIR_API int weir_http_response_status(const struct weir_http_response *r);
WEIR_API const char *weir_http_response_reason(const struct weir_http_response *r);

/* The URL from which the answer came, after redirects. Lent until the response is closed. */
WEIR_API const char *weir_http_response_url(const struct weir_http_response *r);

/* The value of the first header of an answer named name, without the white space around it. Upper
 * and lower case in the name make no difference. NULL if there is no such header; "" if it is
 * empty. If the library decompresses the body, Content-Encoding and Content-Length still say what
 * comes over the wire. Lent until the response is closed. */
WEIR_API const char *weir_http_response_header(const struct weir_http_response *r,
                                               const char *name);

/* The name and the value of the i-th header, from 0 on, in the order in which they came.
 * Returns 1; 0 past the last one, with *ret_name and *ret_value untouched. Lent until the response
 * is closed. */
WEIR_API int weir_http_response_header_at(const struct weir_http_response *r, size_t i,
                                          const char **ret_name, const char **ret_value);

/* The value of the first trailer named name, once the end of a body in chunks was read. NULL if
 * there is no such trailer, or the end was not read yet. Lent until the response is closed. */
WEIR_API const char *weir_http_response_trailer(const struct weir_http_response *r,
                                                const char *name);

/* How many bytes of body the server has announced, before decompression; -1 if it has announced no
 * length; 0 if the status has no body. The answer to HEAD has none either, and this is the length
 * that a GET would have brought: -1 if the server does not say. */
WEIR_API int64_t weir_http_response_length(const struct weir_http_response *r);

/* Read at least 1 and at most len bytes of the body; waits only if there are none. len 0 returns 0.
 * When a read has returned the end, the connection is free for another request.
 * Returns the count; 0 at the end of the body; WEIR_EEOF (the connection ended before the body
 * did), WEIR_EPROTO (bad chunks, bad gzip), WEIR_ETOOBIG (trailers), an error as weir_read,
 * -EBUSY (another task reads it), -ECANCELED, -ETIME, -ENOMEM, WEIR_ENOLOOP. A cancel loses no
 * bytes; any other error is returned again by later reads. buf is borrowed until return. */
WEIR_SUSPENDS ssize_t weir_http_response_read(struct weir_http_response *r, void *buf, size_t len);

/* Read the rest of the body, at most max bytes (0: 16 MiB), and show it in one piece, with a NUL
 * behind it. It is lent until the response is closed; a second call shows it again.
 * Returns its length; WEIR_ETOOBIG (it is larger: what was read so far is dropped), or an error as
 * weir_http_response_read. A cancel loses no bytes: the next call goes on. */
WEIR_SUSPENDS ssize_t weir_http_response_body(struct weir_http_response *r, size_t max,
                                     struct weir_view *ret_view);

/* Close a response; *take_response becomes NULL. If its body was not read to the end, its
 * connection is closed too. NULL and *NULL are fine. Never suspends, never fails. Aborts if a task
 * reads the body. */
WEIR_API void weir_http_response_close(struct weir_http_response **take_response);

/* What the pool of a client holds now, and what the client has done since it was made. */
struct weir_http_client_counts {
    size_t size;                /* set it before: sizeof (struct weir_http_client_counts), or 0 */
    size_t connections, idle;   /* open connections; those of them without a request */
    size_t waiting;             /* requests that wait for a connection */
    uint64_t dialled, reused;   /* requests on a new connection; on one that was open already */
    uint64_t redirects, retries; /* redirects that were followed; requests that were sent again */
};

/* Fill *ret with the counts of a client. client NULL: the loop's own, which exists only while it
 * has something to do; all counts are 0 when it does not. */
WEIR_API void weir_http_client_counts(const struct weir_http_client *client,
                                      struct weir_http_client_counts *ret);

#ifdef __cplusplus
}
#endif
#endif
