/* SPDX-License-Identifier: MIT */
/* engine.c - an SSL object that reads from memory and writes to memory. */
#include "tls/engine.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <weir/wall.h>

#include "base/alloc.h"
#include "base/check.h"
#include "tls/context.h"
#include "tls/reason.h"
#include "tls/session.h"

uint32_t weir__tls_key_records = 1 << 24;

/* ---- the BIO ---- */

static int bio_read(BIO *bio, char *buf, int len) {
    struct weir__tls_engine *e = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (__builtin_expect(e->steps > WEIR__TLS_STEPS, 0)) {
        weir__tls_engine_fail(e, WEIR_EPROTO, "the peer sends tickets or KeyUpdates without end");
        return -1;
    }
    if (e->in_len == 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    size_t n = (size_t)len < e->in_len ? (size_t)len : e->in_len;
    memcpy(buf, e->in, n);
    e->in += n;
    e->in_len -= n;
    return (int)n;
}

static int bio_write(BIO *bio, const char *buf, int len) {
    struct weir__tls_engine *e = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (weir__out_append(e->out, buf, (size_t)len) == 0)
        return len;
    weir__tls_engine_fail(e, -ENOMEM, "%s", weir_error_text(-ENOMEM));
    return -1;
}

static long bio_ctrl(BIO *bio, int command, long number, void *p) {
    return command == BIO_CTRL_FLUSH;
}

static BIO_METHOD *method;
static pthread_once_t method_once = PTHREAD_ONCE_INIT;

static void method_make(void) {
    method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "weir");
    if (method == NULL)
        return;
    BIO_meth_set_read(method, bio_read);
    BIO_meth_set_write(method, bio_write);
    BIO_meth_set_ctrl(method, bio_ctrl);
}

static BIO *bio_new(struct weir__tls_engine *e) {
    pthread_once(&method_once, method_make);
    BIO *bio = method != NULL ? BIO_new(method) : NULL;
    if (bio == NULL)
        return NULL;
    BIO_set_data(bio, e);
    BIO_set_init(bio, 1);
    return bio;
}

/* ---- life ---- */

/* The length of a host without the dot behind it that a name may have, and without the zone of an
 * IPv6 address: that says through which interface, not to whom. */
static size_t bare_len(const char *host) {
    size_t len = strlen(host), zone = strcspn(host, "%");
    if (zone < len && memchr(host, ':', zone) != NULL)
        return zone;
    return len > 1 && host[len - 1] == '.' ? len - 1 : len;
}

/* What is to be checked. */
static int expect_host(struct weir__tls_engine *e, const char *host) {
    size_t len = bare_len(host);
    X509_VERIFY_PARAM *param = SSL_get0_param(e->ssl);
    if (len == 0 || len > 253 || host[0] == '.') /* OpenSSL: any name below it */
        return -EINVAL;
    e->host = weir__alloc(len + 1);
    if (e->host == NULL)
        return -ENOMEM;
    memcpy(e->host, host, len);
    e->host[len] = '\0';
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    ASN1_OCTET_STRING *address = a2i_IPADDRESS(e->host);
    bool is_address = address != NULL, good;
    ASN1_OCTET_STRING_free(address);
    ERR_clear_error();
    if (is_address)
        good = X509_VERIFY_PARAM_set1_ip_asc(param, e->host) == 1;
    else
        good = X509_VERIFY_PARAM_set1_host(param, e->host, len) == 1 &&
               SSL_set_tlsext_host_name(e->ssl, e->host) == 1;
    return good ? 0 : -ENOMEM;
}

static int engine_begin(struct weir__tls_engine *e, struct weir__tls_seat *seat,
                        const char *host) {
    e->ssl = SSL_new(seat->ctx);
    BIO *bio = e->ssl != NULL ? bio_new(e) : NULL;
    if (bio == NULL)
        return -ENOMEM;
    SSL_set_bio(e->ssl, bio, bio);
    if (SSL_set_app_data(e->ssl, e) != 1 || weir__tls_seat_verify(seat, e) < 0)
        return -ENOMEM;
    X509_VERIFY_PARAM_set_time(SSL_get0_param(e->ssl),
                               (time_t)(weir_wall_now() / WEIR_SECONDS(1)));
    if (host == NULL) {
        SSL_set_accept_state(e->ssl);
        return 0;
    }
    SSL_set_connect_state(e->ssl);
    int rc = expect_host(e, host);
    if (rc == 0)
        weir__tls_session_use(e);
    return rc;
}

static int engine_make(struct weir__tls_engine *e, struct weir__tls_seat *seat,
                       const char *host) {
    e->generation = seat->generation;
    ERR_clear_error();
    int rc = engine_begin(e, seat, host);
    ERR_clear_error();
    if (rc < 0)
        weir__tls_engine_fini(e);
    return rc;
}

int weir__tls_engine_init(struct weir__tls_engine *e, struct weir_tls *owner,
                          struct weir__tls_seat *seat, struct weir__out *out, const char *host) {
    *e = (struct weir__tls_engine){.owner = owner, .out = out, .server = host == NULL,
                                    .records_left = weir__tls_key_records};
    return host != NULL ? engine_make(e, seat, host) : 0;
}

int weir__tls_engine_serve(struct weir__tls_engine *e, struct weir__tls_seat *seat) {
    return e->ssl != NULL ? 0 : engine_make(e, seat, NULL);
}

void weir__tls_engine_fini(struct weir__tls_engine *e) {
    SSL_free(e->ssl);
    e->ssl = NULL;
    weir__free(e->host);
    weir__free(e->why);
    e->host = e->why = NULL;
}

/* ---- failing ---- */

int weir__tls_engine_fail(struct weir__tls_engine *e, int code, const char *format, ...) {
    va_list args;
    if (e->code != 0)
        return e->code;
    e->code = (int16_t)code;
    e->why = weir__alloc(WEIR__TLS_WHY);
    if (e->why == NULL)
        return code;
    va_start(args, format);
    vsnprintf(e->why, WEIR__TLS_WHY, format, args);
    va_end(args);
    return code;
}

/* OpenSSL's call has returned rc, which is not success. */
static int said(struct weir__tls_engine *e, int rc) {
    int error = SSL_get_error(e->ssl, rc);
    if (error == SSL_ERROR_WANT_READ)
        return -EAGAIN;
    if (error == SSL_ERROR_ZERO_RETURN) /* close_notify, and nothing in the queue */
        return weir__tls_engine_fail(e, WEIR_EEOF, "the peer ended the connection %s",
                                     e->shaken ? "in the middle of a message of the handshake"
                                               : "during the TLS handshake");
    rc = weir__tls_reason(e);
    ERR_clear_error();
    return rc;
}

/* Does the client speak HTTP? A part of a method is enough, since it may come byte by byte. */
static bool begins_http(const struct weir__tls_engine *e) {
    static const char *const methods[] = {"GET ", "HEAD ", "POST ", "PUT ", "DELETE ", "OPTIONS ",
                                          "PATCH ", "CONNECT ", "TRACE ", "PRI "};
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        size_t len = strlen(methods[i]);
        if (memcmp(e->in, methods[i], e->in_len < len ? e->in_len : len) == 0)
            return true;
    }
    return false;
}

/* The one answer in HTTP that this room gives: without it a browser shows an empty page. */
static void answer_http(struct weir__tls_engine *e) {
    static const char text[] =
        "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n"
        "Content-Length: 57\r\nConnection: close\r\n\r\n"
        "This port speaks HTTPS: use https:// in place of http://\n";
    e->is_plain = weir__out_append(e->out, text, sizeof text - 1) == 0;
}

/* Does the peer speak something else than TLS? OpenSSL would only say "wrong version number". */
static int look_at_first(struct weir__tls_engine *e) {
    char seen[24];
    size_t n = 0;
    if (e->heard || e->in_len == 0)
        return 0;
    e->heard = true;
    if (e->in[0] >= 20 && e->in[0] <= 23)
        return 0;
    while (n < e->in_len && n < sizeof seen - 1 && e->in[n] >= ' ' && e->in[n] < 127)
        n++;
    memcpy(seen, e->in, n);
    seen[n] = '\0';
    if (e->server && begins_http(e))
        answer_http(e);
    if (n < 4)
        return weir__tls_engine_fail(e, WEIR_EPROTO, "the peer does not speak TLS: it began with "
                                                     "the byte 0x%02x", e->in[0]);
    return weir__tls_engine_fail(e, WEIR_EPROTO, "the peer does not speak TLS: it began with \"%s\""
                                                 "%s", seen,
                                 e->server ? ", so it uses http:// or the like here" :
                                             ", so this port is a plain one");
}

/* ---- working ---- */

/* Emptying the queue costs 1230 instructions, a tenth of a short message; looking at it few. */
static inline void expect_no_errors(void) {
    if (__builtin_expect(ERR_peek_error() != 0, 0))
        ERR_clear_error();
}

void weir__tls_engine_note_step(const SSL *ssl, int where, int rc) {
    struct weir__tls_engine *e = weir__tls_engine_of(ssl);
    if (e == NULL || (where & SSL_CB_LOOP) == 0)
        return;
    e->stepped = true;
    if (e->shaken && e->steps <= WEIR__TLS_STEPS)
        e->steps++;
}

/* Does OpenSSL have a part of a record, or one that was not read? Before 3.0.14, 3.1.6, 3.2.2 and
 * 3.3.1 it frees the buffer even then, and goes on to use it. */
static __attribute__((cold)) bool is_within_record(const SSL *ssl) {
    return strcmp(SSL_rstate_string(ssl), "RB") == 0 || SSL_has_pending(ssl) == 1;
}

/* Messages of the handshake make OpenSSL get ready to read and write 16 KiB, and a ticket or a
 * KeyUpdate comes when it is long done. Does nothing within a record. */
static inline void free_buffers(struct weir__tls_engine *e) {
    if (__builtin_expect(!e->stepped || e->in_len > 0, 1) || is_within_record(e->ssl))
        return;
    e->stepped = SSL_free_buffers(e->ssl) != 1;
}

int weir__tls_engine_shake(struct weir__tls_engine *e) {
    if (e->shaken || e->code != 0)
        return e->code;
    int rc = look_at_first(e);
    if (rc < 0)
        return rc;
    ERR_clear_error();
    rc = SSL_do_handshake(e->ssl);
    if (rc != 1)
        return said(e, rc);
    e->shaken = true;
    free_buffers(e);
    return 0;
}

int64_t weir__tls_engine_read(struct weir__tls_engine *e, void *buf, size_t len) {
    size_t n = 0;
    if (e->code != 0)
        return e->code;
    WEIR_CHECK(e->shaken);
    expect_no_errors();
    e->peeked = false;
    int rc = SSL_read_ex(e->ssl, buf, len, &n);
    free_buffers(e);
    if (rc == 1)
        return (int64_t)n;
    if (SSL_get_error(e->ssl, rc) == SSL_ERROR_ZERO_RETURN)
        return 0;
    return said(e, rc);
}

int64_t weir__tls_engine_peek(struct weir__tls_engine *e, void *buf, size_t len) {
    size_t n = 0;
    if (e->code != 0)
        return e->code;
    expect_no_errors();
    int rc = SSL_peek_ex(e->ssl, buf, len, &n);
    e->peeked = rc == 1 || SSL_get_error(e->ssl, rc) == SSL_ERROR_ZERO_RETURN;
    return e->peeked ? (int64_t)n : said(e, rc);
}

int weir__tls_engine_read_rest(struct weir__tls_engine *e) {
    if (e->code != 0 || !SSL_in_init(e->ssl))
        return e->code;
    expect_no_errors();
    int rc = SSL_do_handshake(e->ssl);
    free_buffers(e);
    return rc == 1 ? 0 : said(e, rc);
}

/* The key for writing has encrypted its share. In TLS 1.2 only a renegotiation could change it, and
 * so it stays. */
static __attribute__((cold, noinline)) int change_key(struct weir__tls_engine *e) {
    uint16_t steps = e->steps; /* of the peer's messages: this is none */
    e->records_left = weir__tls_key_records - 1;
    if (SSL_version(e->ssl) != TLS1_3_VERSION)
        return 0;
    expect_no_errors();
    int rc = SSL_key_update(e->ssl, SSL_KEY_UPDATE_NOT_REQUESTED);
    if (rc == 1)
        rc = SSL_do_handshake(e->ssl);
    e->steps = steps;
    free_buffers(e);
    return rc == 1 ? 0 : said(e, rc);
}

/* Has it sent close_notify? */
static bool has_ended(const struct weir__tls_engine *e) {
    return (SSL_get_shutdown(e->ssl) & SSL_SENT_SHUTDOWN) != 0;
}

int weir__tls_engine_write(struct weir__tls_engine *e, const void *buf, size_t len) {
    size_t n = 0;
    WEIR_CHECK(e->shaken && len > 0 && len <= WEIR__TLS_RECORD);
    if (e->code != 0)
        return e->code;
    if (SSL_in_init(e->ssl))
        return -EAGAIN;
    int rc = __builtin_expect(e->records_left-- == 0, 0) ? change_key(e) : 0;
    if (rc < 0)
        return rc;
    expect_no_errors();
    rc = SSL_write_ex(e->ssl, buf, len, &n);
    free_buffers(e); /* it has answered a KeyUpdate before */
    if (rc == 1)
        return 0;
    if (has_ended(e)) {
        ERR_clear_error();
        return -EPIPE;
    }
    rc = said(e, rc);
    return rc == -EAGAIN ? weir__tls_engine_fail(e, WEIR_ETLS, "the peer began a new handshake")
                         : rc;
}

int weir__tls_engine_end(struct weir__tls_engine *e) {
    if (!e->shaken || e->code != 0)
        return e->code;
    if (has_ended(e)) /* once more, and OpenSSL would read until the peer's has come */
        return 0;
    if (SSL_in_init(e->ssl))
        return -EAGAIN;
    ERR_clear_error();
    int rc = SSL_shutdown(e->ssl);
    if (rc >= 0)
        return 0;
    return said(e, rc);
}
