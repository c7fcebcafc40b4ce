/* SPDX-License-Identifier: MIT */
/* client_fetch.c - from a call to its response: which connection, what is tried again, and where a
 * redirect leads. The rules of trust are here: who gets credentials, and which redirects are
 * followed. */
#include <errno.h>
#include <stdio.h>
#include <strings.h>
#include <weir/error.h>

#include "base/alloc.h"
#include "base/options.h"
#include "http/client.h"
#include "stream/stream.h"
#include "stream/tls_table.h"

enum {
    URL_SHOWN = 40,    /* bytes of a URL that stand in the text of each error */
    URL_TO_SHOWN = 60, /* of a URL that a redirect leads to */
};

/* ---- opening a connection -------------------------------------------------------------------- */

static bool is_tls(const struct http_url *url) {
    return url->u.scheme == WEIR__URI_HTTPS;
}

static const struct weir__proxy *proxy_for(const struct weir_http_client *c,
                                           const struct http_url *url) {
    const struct weir__proxy *p = &c->proxies[is_tls(url)];
    const char *host = url->text + url->u.host.offset;
    size_t len = url->u.host.len;
    if (c->connect != NULL || p->url[0] == '\0' ||
        (c->local_direct && weir__proxy_is_local(host, len)) ||
        weir__proxy_skips(c->no_proxy, host, len, url->u.port))
        return NULL;
    return p;
}

/* "HOST:PORT" of the URL, as a key in lower case. */
static const char *authority(const struct http_url *url, char buf[static WEIR__URI_AUTHORITY]) {
    char host[256];
    size_t len = url->u.host.len < sizeof host ? url->u.host.len : sizeof host - 1;
    for (size_t i = 0; i < len; i++)
        host[i] = (char)weir__char_lower((uint8_t)url->text[url->u.host.offset + i]);
    host[len] = '\0';
    return weir__uri_authority(host, url->u.port, buf);
}

static int dial(struct http_fetch *f, const char *to, struct weir_stream **ret) {
    char url[WEIR__URI_AUTHORITY + 8];
    if (f->proxy != NULL)
        return weir__proxy_dial(f->proxy, NULL, ret);
    snprintf(url, sizeof url, "tcp://%s", to);
    return weir_dial(f->client->connect != NULL ? f->client->connect : url, NULL, ret);
}

/* Speak TLS on a stream to the host of the URL, whose certificate must be that host's. */
static int secure(struct http_fetch *f, struct weir_stream **stream) {
    const struct weir__tls_table *tls = weir__tls_table;
    struct weir_stream *safe = NULL;
    char host[256];
    if (tls == NULL)
        return weir__tls_missing("http request", f->url->text);
    snprintf(host, sizeof host, "%.*s", (int)f->url->u.host.len,
             f->url->text + f->url->u.host.offset);
    int rc = tls->connect(stream, f->client->o.tls, host, &safe);
    if (rc < 0)
        return rc;
    *stream = safe;
    const char *protocol = tls->alpn(safe);
    if (protocol != NULL && strncmp(protocol, "http/1.", 7) != 0)
        return weir__failf(WEIR_EPROTO, "http request", f->url->text,
                           "the server chose %s: leave it out of alpn", protocol);
    return 0;
}

static int open_conn(struct http_fetch *f, const char *to) {
    struct weir_stream *s = NULL;
    int rc = dial(f, to, &s);
    if (rc == 0 && is_tls(f->url) && f->proxy != NULL)
        rc = weir__proxy_connect(s, f->proxy, to, "http request");
    if (rc == 0 && is_tls(f->url))
        rc = secure(f, &s);
    if (rc < 0)
        weir_close(&s);
    f->conn->stream = s;
    return rc;
}

/* ---- one attempt ----------------------------------------------------------------------------- */

/* Returns 0: f->response is the answer; or an error. *ret_reused: over which kind of connection. */
static int send_once(struct http_fetch *f, bool fresh, bool *ret_reused) {
    char to[WEIR__URI_AUTHORITY], key[WEIR__URI_AUTHORITY + 16];
    authority(f->url, to);
    f->proxy = proxy_for(f->client, f->url);
    if (f->proxy != NULL && !is_tls(f->url))
        snprintf(key, sizeof key, "proxy http");
    else
        snprintf(key, sizeof key, "%s://%s", is_tls(f->url) ? "https" : "http", to);
    *ret_reused = f->sent_any = f->heard = false;
    int rc = weir__http_pool_take(f->client, key, fresh, &f->conn);
    if (rc < 0)
        return rc;
    *ret_reused = f->conn->stream != NULL;
    if (f->conn->stream == NULL)
        rc = open_conn(f, to);
    if (rc == 0)
        rc = weir__http_exchange(f);
    if (rc < 0)
        weir__http_pool_drop(f->conn);
    else
        weir__http_response_own(f->response, f->conn, f->sent_all);
    f->conn = NULL;
    return rc;
}

/* ---- again ----------------------------------------------------------------------------------- */

static bool is_idempotent(const struct http_fetch *f) {
    static const char *const methods[] = {"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"};
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
        if (strcmp(f->method, methods[i]) == 0)
            return true;
    return f->call.idempotent;
}

/* RFC 9110 9.2.2: a request that may have been acted upon is repeated only if that is harmless. */
static bool may_repeat(const struct http_fetch *f) {
    return (is_idempotent(f) || !f->sent_any) && (f->without_body || !f->asked_more);
}

static bool is_break(int rc) {
    return rc == -ECONNRESET || rc == -EPIPE || rc == WEIR_EEOF;
}

static bool may_pass(int rc) {
    return is_break(rc) || rc == -ECONNREFUSED || rc == -ETIMEDOUT || rc == -ENETUNREACH ||
           rc == -EHOSTUNREACH || rc == WEIR_ERESOLVE || rc == -ECONNABORTED;
}

/* Seconds of a Retry-After; -1: none, or a date. */
static int64_t retry_after(const struct weir_http_response *r) {
    const char *value = weir_http_response_header(r, "Retry-After");
    return value == NULL ? -1
                         : weir__chars_decimal((const uint8_t *)value, strlen(value), INT32_MAX);
}

static bool is_busy(const struct weir_http_response *r) {
    return r->head.status == 429 || (r->head.status >= 502 && r->head.status <= 504);
}

/* From half of the doubled pause to all of it: clients that failed together come back apart. */
static weir_ns pause_before(const struct http_fetch *f, int round) {
    weir_ns most = f->client->o.retry_ns;
    while (round-- > 0 && most < HTTP_RETRY_MAX_NS)
        most *= 2;
    most = most < HTTP_RETRY_MAX_NS ? most : HTTP_RETRY_MAX_NS;
    return most / 2 + (weir_ns)(weir_random() % (uint64_t)(most / 2 + 1));
}

static int rest(struct http_fetch *f, int round) {
    weir_ns pause = pause_before(f, round);
    if (f->response != NULL) {
        int64_t after = retry_after(f->response);
        pause = after >= 0 ? WEIR_SECONDS(after) : pause;
        weir__http_response_discard(f->response);
        f->response = NULL;
    }
    f->client->counts.retries++;
    return weir_sleep(pause);
}

/* Is what send_once returned worth another, after a pause? */
static bool again_later(const struct http_fetch *f, int rc) {
    if (rc < 0)
        return may_pass(rc) && may_repeat(f);
    return is_busy(f->response) && retry_after(f->response) <= HTTP_RETRY_AFTER_MAX_S &&
           is_idempotent(f) && (f->without_body || !f->asked_more);
}

/* The server did not like to be asked first: RFC 9110 10.1.1. */
static bool again_without_expect(struct http_fetch *f, int rc) {
    if (rc < 0 || f->response->head.status != 417 || !f->call.expect_continue ||
        f->without_expect || f->asked_more)
        return false;
    weir_http_response_close(&f->response);
    return f->without_expect = true;
}

static int attempts(struct http_fetch *f) {
    bool reused = false, fresh = false;
    f->tries = 0;
    for (int round = 0;;) {
        f->tries++;
        int rc = send_once(f, fresh, &reused);
        if (rc < 0 && reused && is_break(rc) && !f->heard && may_repeat(f)) {
            fresh = true; /* the server had closed an idle connection: that is no failure */
            f->client->counts.retries++;
            continue;
        }
        if (again_without_expect(f, rc))
            continue;
        if (round >= f->client->o.retries || !again_later(f, rc))
            return rc;
        rc = rest(f, round++);
        if (rc < 0)
            return rc;
    }
}

/* ---- redirects ------------------------------------------------------------------------------- */

/* 303 asks for the answer by GET (HEAD stays HEAD); 301 and 302 turn a POST into a GET, as every
 * browser has always done. */
static bool turns_to_get(const struct http_fetch *f) {
    int status = f->response->head.status;
    return (status == 303 && strcmp(f->method, "HEAD") != 0) ||
           (status <= 302 && strcmp(f->method, "POST") == 0);
}

/* NULL: this answer is the last. A body that a function gave cannot be sent again. */
static const char *location_of(const struct http_fetch *f) {
    int status = f->response->head.status;
    bool is_redirect = (status >= 301 && status <= 303) || status == 307 || status == 308;
    bool needs_body = !turns_to_get(f) && weir__http_has_body(f);
    if (!is_redirect || f->client->o.redirects_max < 0 || (needs_body && f->asked_more))
        return NULL;
    return weir_http_response_header(f->response, "Location");
}

static int not_followed(const struct http_fetch *f, const char *to, const char *why) {
    size_t len = weir__uri_shown_len(to);
    weir__failf(WEIR_EHTTP, "http redirect", f->url->text, "it redirects to %.*s: %s",
                len < URL_TO_SHOWN ? (int)len : URL_TO_SHOWN, to, why);
    weir__fail_status(WEIR_EHTTP, f->response->head.status);
    return WEIR_EHTTP;
}

static int url_refused(const struct http_fetch *f, const char *to, int rc, const char *why) {
    return rc == -ENOMEM ? weir__fail(rc, "http redirect", NULL) : not_followed(f, to, why);
}

static void change_method(struct http_fetch *f) {
    if (!turns_to_get(f))
        return;
    strcpy(f->method, "GET");
    f->without_body = true;
}

static int redirect(struct http_fetch *f, const char *location, int count) {
    struct http_url *next = NULL;
    const char *why = NULL;
    if (count > f->client->o.redirects_max)
        return not_followed(f, location, "too many redirects");
    int rc = weir__http_url_resolve(f->url, location, strlen(location), &next, &why);
    if (rc < 0)
        return url_refused(f, location, rc, why);
    bool is_same = weir__http_url_same_origin(f->url, next);
    if (!is_same && f->client->connect != NULL)
        why = "another host, but all connections go to one place";
    else if (is_tls(f->url) && !is_tls(next) && !f->client->o.follow_downgrade)
        why = "from https to http";
    else
        why = NULL;
    if (why != NULL) {
        weir__free(next);
        return not_followed(f, location, why);
    }
    f->left_origin |= !is_same;
    change_method(f);
    weir__http_response_discard(f->response);
    f->response = NULL;
    weir__free(f->url);
    f->url = next;
    f->client->counts.redirects++;
    return 0;
}

/* ---- what is said of a failure --------------------------------------------------------------- */

static const char *after(const char *text, const char *begin) {
    size_t len = strlen(begin);
    return len > 0 && strncmp(text, begin, len) == 0 ? text + len : NULL;
}

/* The text of an error, without the part of its beginning "WHAT ON: " that name_request says
 * already. An error of the client loses WHAT, and ON if that is a URL; one of a TLS handshake loses
 * both. */
static const char *cause_of(int rc) {
    const struct weir_error *e = weir_error(rc);
    const char *text = weir_error_message(rc);
    bool is_ours = e != NULL && strncmp(e->what, "http ", 5) == 0;
    bool is_tls = e != NULL && strcmp(e->what, "tls handshake") == 0;
    const char *on = is_ours || is_tls ? after(text, e->what) : NULL;
    if (on == NULL)
        return text;
    on += *on == ' ';
    bool is_known = is_tls || strstr(e->on, "://") != NULL;
    const char *why = is_known ? after(on, e->on) : NULL;
    on = why != NULL ? why : on;
    return on + strspn(on, ": ");
}

/* Let the text of an error begin with the request, "GET http://HOST/PATH (3 tries): ". A long path
 * is cut, so that the cause is not. */
static int name_request(const struct http_fetch *f, int rc) {
    char tries[32] = "";
    const char *cause = cause_of(rc);
    if (f->tries > 1)
        snprintf(tries, sizeof tries, " (%d tries)", f->tries);
    size_t rest = strlen(f->method) + strlen(tries) + strlen(cause) + sizeof " : ";
    size_t room = sizeof ((struct weir_error *)0)->text - URL_SHOWN > rest
                      ? sizeof ((struct weir_error *)0)->text - rest : URL_SHOWN;
    size_t len = weir__uri_shown_len(f->url->text);
    bool is_cut = len > room;
    return weir_fail(rc, "%s %.*s%s%s: %s", f->method, (int)(is_cut ? room - 3 : len),
                     f->url->text, is_cut ? "..." : "", tries, cause);
}

/* ---- the call -------------------------------------------------------------------------------- */

static int run(struct http_fetch *f) {
    int rc = weir__http_call_check(f);
    f->decodes = weir__http_decodes(f);
    for (int count = 1; rc == 0; count++) {
        rc = attempts(f);
        const char *location = rc == 0 ? location_of(f) : NULL;
        if (location == NULL)
            return rc;
        rc = redirect(f, location, count);
    }
    return rc;
}

static int set_method(struct http_fetch *f) {
    bool has_body = f->call.more != NULL || f->call.len > 0;
    if (f->call.body != NULL && f->call.more != NULL)
        return weir__failf(-EINVAL, "http request", NULL,
                           "body and more are both set: the body comes from one of them");
    if (f->call.body != NULL && !has_body && f->call.method == NULL)
        return weir__failf(-EINVAL, "http request", NULL,
                           "a body of 0 bytes: set len, or method if the body is empty");
    const char *method = f->call.method != NULL ? f->call.method : has_body ? "POST" : "GET";
    if (strlen(method) >= sizeof f->method)
        return weir__failf(-EINVAL, "http request", NULL, "the method is too long");
    strcpy(f->method, method);
    return 0;
}

static int set_url(struct http_fetch *f) {
    char shown[WEIR__URI_SHOWN];
    const char *why = NULL;
    if (f->call.url == NULL)
        WEIR_BUG("weir_http_fetch: the URL is NULL");
    if (f->call.more == NULL && f->call.len > 0)
        weir__argument_not_null(f->call.body, "weir_http_fetch", "body of len bytes");
    int rc = weir__http_url_new(f->call.url, strlen(f->call.url), &f->url, &why);
    if (rc != WEIR_EURL)
        return rc < 0 ? weir__fail(rc, "http request", NULL) : 0;
    const char *on = weir__uri_shown_refused(f->call.url, shown);
    return weir__failf(rc, "http request", on, "%s%s", on != NULL ? "" : "its URL: ", why);
}

static int set_user(struct http_fetch *f) {
    const char *user = f->call.user, *password = f->call.password ? f->call.password : "";
    if (user == NULL)
        return 0;
    if (strchr(user, ':') != NULL)
        return weir__failf(-EINVAL, "http request", NULL, "a user name has no colon");
    f->authorization = weir__http_basic(user, strlen(user), password, strlen(password));
    return f->authorization != NULL ? 0 : weir__fail(-ENOMEM, "http request", NULL);
}

static void fetch_free(struct http_fetch *f) {
    if (f->response != NULL)
        weir_http_response_close(&f->response);
    if (f->client != NULL)
        weir__http_client_unref(f->client);
    if (f->authorization != NULL)
        explicit_bzero(f->authorization, strlen(f->authorization));
    weir__free(f->authorization);
    weir__free(f->url);
    weir__free(f);
}

/* pc: the return address of the public call. */
static int fetch(struct weir_http_client *client, const struct weir_http_call *call,
                 const void *pc, struct weir_http_response **ret) {
    struct http_fetch *f = weir__alloc(sizeof *f);
    if (f == NULL)
        return weir__fail(-ENOMEM, "http request", NULL);
    *f = (struct http_fetch){.client = client};
    WEIR_OPTIONS_COPY(struct weir_http_call, password, &f->call, call);
    int rc = 0;
    if (client != NULL)
        client->refs++;
    else if ((f->client = weir__http_client_default()) == NULL)
        rc = weir__fail(-ENOMEM, "http request", NULL);
    if (rc == 0 && (rc = set_method(f)) == 0 && (rc = set_url(f)) == 0)
        rc = set_user(f);
    if (rc == 0 && (rc = run(f)) < 0)
        rc = name_request(f, rc);
    if (rc == 0) {
        f->response->url = f->url;
        weir__http_response_give(f->response, pc);
        *ret = f->response;
        f->url = NULL;
        f->response = NULL;
    }
    fetch_free(f);
    return rc;
}

int weir_http_fetch(struct weir_http_client *client, const struct weir_http_call *call,
                    struct weir_http_response **ret_response) {
    int rc = weir__suspend_enter_on(client != NULL ? client->loop : NULL, "http request");
    if (rc < 0)
        return rc;
    weir__argument_not_null(call, "weir_http_fetch", "call");
    weir__argument_not_null(ret_response, "weir_http_fetch", "ret_response");
    return fetch(client, call, __builtin_return_address(0), ret_response);
}

int weir_http_get(const char *url, struct weir_http_response **ret_response) {
    struct weir_http_call call = {.size = sizeof call, .url = url};
    struct weir_http_response *r = NULL;
    struct weir_view v;
    int rc = weir__suspend_enter("http request");
    if (rc < 0)
        return rc;
    weir__argument_not_null(url, "weir_http_get", "URL");
    weir__argument_not_null(ret_response, "weir_http_get", "ret_response");
    if ((rc = fetch(NULL, &call, __builtin_return_address(0), &r)) < 0)
        return rc;
    ssize_t n = weir_http_response_body(r, 0, &v);
    if (n < 0)
        weir_http_response_close(&r);
    else
        *ret_response = r;
    return n < 0 ? (int)n : 0;
}
