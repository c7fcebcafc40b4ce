/* SPDX-License-Identifier: MIT */
/* pem.c - reads PEM block by block, so that an error can name the line where its block begins. */
#include "tls/pem.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <weir/wall.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/time.h"
#include "sys/fds.h"
#include "task/task.h"
#include "tls/reason.h"

enum { FILE_MAX = 8 << 20 }; /* the roots of a system are some 220 KiB */

/* The text of a source. Where it is a file, owned is it. */
struct text {
    const char *at, *name;
    size_t len;
    char *owned;
};

static const char *name_of(const struct weir__tls_source *s) {
    return s->file != NULL ? s->file : s->what;
}

/* Read all of a file. Returns the length, or a negative errno. */
static ssize_t read_all(int fd, char *bytes, size_t size) {
    size_t len = 0;
    while (len < size) {
        ssize_t n = read(fd, bytes + len, size - len);
        if (n < 0 && errno != EINTR)
            return -errno;
        if (n == 0)
            break;
        len += n > 0 ? (size_t)n : 0;
    }
    return (ssize_t)len;
}

static int file_text(const char *path, struct text *ret) {
    struct stat st;
    int fd = weir__fd_lift(open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (fd < 0)
        return fd;
    ssize_t len = fstat(fd, &st) < 0 ? -errno : S_ISDIR(st.st_mode) ? -EISDIR : 0;
    if (len == 0 && st.st_size > FILE_MAX)
        len = -EFBIG;
    size_t size = len == 0 ? (size_t)st.st_size + 1 : 0;
    char *bytes = len == 0 ? weir__alloc(size) : NULL;
    if (bytes != NULL)
        len = read_all(fd, bytes, size);
    else if (len == 0)
        len = -ENOMEM;
    close(fd);
    if (len < 0) {
        if (bytes != NULL)
            OPENSSL_cleanse(bytes, size);
        weir__free(bytes);
        return (int)len;
    }
    *ret = (struct text){bytes, path, (size_t)len, bytes};
    return 0;
}

static int text_open(const struct weir__tls_source *s, struct text *ret) {
    if (s->text != NULL) {
        *ret = (struct text){s->text, s->what, strlen(s->text), NULL};
        return 0;
    }
    struct weir__loop *l = weir__loop();
    if (l != NULL && l->backend->simulated)
        return weir__failf(WEIR_ESIMREFUSED, "tls", s->file,
                           "a simulation reads no files of the system: give the PEM text of %s",
                           s->what);
    int rc = file_text(s->file, ret);
    return rc < 0 ? weir__fail(rc, "tls", s->file) : 0;
}

static void text_close(struct text *t) { /* it may have been a key */
    if (t->owned != NULL)
        OPENSSL_cleanse(t->owned, t->len);
    weir__free(t->owned);
}

static unsigned line_of(const struct text *t, const char *at) {
    unsigned line = 1;
    for (const char *c = t->at; c < at; c++)
        line += *c == '\n';
    return line;
}

static const char *find(const char *at, size_t len, const char *what) {
    return memmem(at, len, what, strlen(what));
}

/* ---- blocks ---- */

/* One block: `-----BEGIN NAME-----` to the end of its text. */
struct block {
    const char *at;
    size_t len, from; /* from: where to look for the next */
    char name[48];
};

/* The next block at or behind from. */
static bool next_block(const struct text *t, size_t from, struct block *ret) {
    const char *begin = find(t->at + from, t->len - from, "-----BEGIN ");
    if (begin == NULL)
        return false;
    size_t left = t->len - (size_t)(begin - t->at), n = 0;
    const char *name = begin + 11;
    while (n < sizeof ret->name - 1 && n + 11 < left && name[n] != '-' && name[n] != '\n')
        n++;
    memcpy(ret->name, name, n);
    ret->name[n] = '\0';
    const char *end = find(begin, left, "-----END ");
    const char *line = end != NULL ? memchr(end, '\n', left - (size_t)(end - begin)) : NULL;
    ret->at = begin;
    ret->len = line != NULL ? (size_t)(line - begin) + 1 : left;
    ret->from = (size_t)(begin - t->at) + ret->len;
    return true;
}

static __attribute__((cold)) int bad(const struct text *t, const struct block *b,
                                     const char *what) {
    char why[64];
    bool is_memory = ERR_GET_REASON(ERR_peek_error()) == ERR_R_MALLOC_FAILURE;
    weir__tls_reason_queue(why, sizeof why);
    if (is_memory)
        return weir__fail(-ENOMEM, "tls", t->name);
    return weir__failf(WEIR_ECERT, "tls", t->name,
                       "line %u: the %s that begins here is damaged: %s", line_of(t, b->at), what,
                       why);
}

static __attribute__((cold)) int none(const struct text *t, const char *what) {
    return weir__failf(WEIR_ECERT, "tls", t->name, "no %s in it (PEM: -----BEGIN ...)", what);
}

static BIO *block_bio(const struct block *b) {
    return BIO_new_mem_buf(b->at, (int)b->len);
}

/* OpenSSL reads the extensions when it first needs them, which may be on several threads at once.
 * So it does that here, before any other thread has the certificate. */
static X509 *certificate_of(const struct block *b) {
    BIO *bio = block_bio(b);
    X509 *cert = bio != NULL ? PEM_read_bio_X509_AUX(bio, NULL, NULL, NULL) : NULL;
    BIO_free(bio);
    if (cert != NULL)
        (void)X509_check_purpose(cert, -1, 0); /* a bad one is refused in the handshake */
    return cert;
}

static bool is_certificate(const struct block *b) {
    return strcmp(b->name, "CERTIFICATE") == 0 || strcmp(b->name, "X509 CERTIFICATE") == 0 ||
           strcmp(b->name, "TRUSTED CERTIFICATE") == 0;
}

static int certificates_in(const struct text *t, STACK_OF(X509) *stack) {
    struct block b;
    for (size_t from = 0; next_block(t, from, &b); from = b.from) {
        if (!is_certificate(&b))
            continue;
        X509 *cert = certificate_of(&b);
        if (cert == NULL)
            return bad(t, &b, "certificate");
        if (sk_X509_push(stack, cert) == 0) {
            X509_free(cert);
            return weir__fail(-ENOMEM, "tls", t->name);
        }
    }
    return sk_X509_num(stack) > 0 ? 0 : none(t, "certificate");
}

int weir__tls_pem_certificates(const struct weir__tls_source *source, STACK_OF(X509) **ret) {
    struct text t;
    int rc = text_open(source, &t);
    if (rc < 0)
        return rc;
    STACK_OF(X509) *stack = sk_X509_new_null();
    ERR_clear_error();
    rc = stack != NULL ? certificates_in(&t, stack) : weir__fail(-ENOMEM, "tls", t.name);
    text_close(&t);
    ERR_clear_error();
    if (rc < 0)
        sk_X509_pop_free(stack, X509_free);
    else
        *ret = stack;
    return rc;
}

/* ---- keys ---- */

static int refuses_password(char *buf, int size, int writing, void *arg) {
    *(bool *)arg = true;
    return -1;
}

static int key_of(const struct text *t, const struct block *b, EVP_PKEY **ret) {
    bool asked = false;
    BIO *bio = block_bio(b);
    EVP_PKEY *key = bio != NULL ? PEM_read_bio_PrivateKey(bio, NULL, refuses_password, &asked)
                                : NULL;
    BIO_free(bio);
    if (key != NULL) {
        *ret = key;
        return 0;
    }
    if (!asked)
        return bad(t, b, "key");
    ERR_clear_error();
    return weir__failf(WEIR_ECERT, "tls", t->name,
                       "line %u: the key is encrypted: decrypt it with `openssl pkey -in ... "
                       "-out ...`, and protect the file", line_of(t, b->at));
}

/* own: a source of the key was given; else it is sought beside the certificate. */
static int key_in(const struct text *t, bool own, EVP_PKEY **ret) {
    struct block b;
    for (size_t from = 0; next_block(t, from, &b); from = b.from)
        if (strstr(b.name, "PRIVATE KEY") != NULL)
            return key_of(t, &b, ret);
    return own ? none(t, "key")
               : weir__failf(WEIR_ECERT, "tls", t->name,
                             "no key in it: set key_file, if another file has the key");
}

static int keep_key(EVP_PKEY *key, struct weir__tls_identity *ret) {
    unsigned char *der = NULL;
    int len = i2d_PrivateKey(key, &der);
    uint8_t *copy = len > 0 ? weir__alloc((size_t)len) : NULL;
    if (copy != NULL) {
        memcpy(copy, der, (size_t)len);
        ret->key = copy;
        ret->key_len = (size_t)len;
    }
    if (len > 0)
        OPENSSL_clear_free(der, (size_t)len);
    return copy != NULL ? 0 : -ENOMEM;
}

static int matched(const struct weir__tls_source *key, const char *cert_name, EVP_PKEY *pkey,
                   struct weir__tls_identity *i) {
    X509 *cert = sk_X509_value(i->chain, 0);
    if (X509_check_private_key(cert, pkey) != 1) {
        bool is_memory = ERR_GET_REASON(ERR_peek_error()) == ERR_R_MALLOC_FAILURE;
        if (is_memory)
            return weir__fail(-ENOMEM, "tls", cert_name);
        return weir__failf(WEIR_ECERT, "tls", name_of(key),
                           "the key does not belong to the first certificate of %.60s",
                           cert_name);
    }
    int rc = keep_key(pkey, i);
    return rc < 0 ? weir__fail(rc, "tls", cert_name) : 0;
}

/* One that has expired works on, but no client that looks takes it. */
static void warn_of_date(X509 *cert, const char *name) {
    const ASN1_TIME *until = X509_get0_notAfter(cert);
    time_t now = (time_t)(weir_wall_now() / WEIR_SECONDS(1));
    struct tm tm;
    if (X509_cmp_time(until, &now) < 0 && ASN1_TIME_to_tm(until, &tm) == 1)
        weir__log(WEIR_LOG_WARNING, "tls %s: our certificate expired on %04d-%02d-%02d: renew it",
                  name, tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday);
}

int weir__tls_pem_identity(const struct weir__tls_source *cert, const struct weir__tls_source *key,
                           struct weir__tls_identity *ret) {
    struct weir__tls_identity i = {NULL, NULL, 0};
    const struct weir__tls_source *from = weir__tls_is_given(key) ? key : cert;
    EVP_PKEY *pkey = NULL;
    struct text t;
    int rc = weir__tls_pem_certificates(cert, &i.chain);
    if (rc == 0 && (rc = text_open(from, &t)) == 0) {
        rc = key_in(&t, from == key, &pkey);
        text_close(&t);
    }
    if (rc == 0)
        rc = matched(from, name_of(cert), pkey, &i);
    EVP_PKEY_free(pkey);
    ERR_clear_error();
    if (rc < 0) {
        weir__tls_identity_fini(&i);
        return rc;
    }
    warn_of_date(sk_X509_value(i.chain, 0), name_of(cert));
    *ret = i;
    return 0;
}

void weir__tls_identity_fini(struct weir__tls_identity *i) {
    sk_X509_pop_free(i->chain, X509_free);
    if (i->key != NULL)
        OPENSSL_cleanse(i->key, i->key_len);
    weir__free(i->key);
    *i = (struct weir__tls_identity){NULL, NULL, 0};
}
