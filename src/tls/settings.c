/* SPDX-License-Identifier: MIT */
/* settings.c - options are copied in two passes: the first counts, the second copies. */
#include "tls/settings.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <string.h>

#include "base/alloc.h"
#include "base/options.h"
#include "task/task.h"

enum { HANDSHAKES_MAX = 1024 }; /* 50 MB: see doc/design/tls.md */

struct packer {
    char *base; /* NULL: count only */
    size_t used;
};

static void *pack(struct packer *p, const void *bytes, size_t len) {
    void *copy = p->base != NULL ? p->base + p->used : NULL;
    if (copy != NULL)
        memcpy(copy, bytes, len);
    p->used += len;
    return copy;
}

/* A table of pointers, or of structs of such: it must be aligned, and strings lie before it. */
static void *pack_table(struct packer *p, const void *entries, size_t len) {
    p->used = (p->used + sizeof (void *) - 1) & ~(sizeof (void *) - 1);
    return pack(p, entries, len);
}

static void pack_string(struct packer *p, const char **s) {
    if (*s != NULL)
        *s = pack(p, *s, strlen(*s) + 1);
}

static void pack_alpn(struct packer *p, struct weir_tls_options *o, const char *const *given) {
    size_t n = 0;
    while (given != NULL && given[n] != NULL)
        n++;
    const char **copy = given != NULL ? pack_table(p, given, (n + 1) * sizeof *given) : NULL;
    for (size_t i = 0; i < n; i++) {
        const char *s = given[i];
        pack_string(p, &s);
        if (copy != NULL)
            copy[i] = s;
    }
    o->alpn = copy;
}

static void pack_name(struct packer *p, struct weir_tls_name *n) {
    pack_string(p, &n->name);
    pack_string(p, &n->cert_file);
    pack_string(p, &n->key_file);
    pack_string(p, &n->cert_pem);
    pack_string(p, &n->key_pem);
}

static void pack_names(struct packer *p, struct weir_tls_options *o,
                       const struct weir_tls_name *given) {
    size_t n = 0;
    while (given != NULL && given[n].name != NULL)
        n++;
    size_t len = (n + 1) * sizeof *given;
    struct weir_tls_name *copy = given != NULL ? pack_table(p, given, len) : NULL;
    for (size_t i = 0; i < n; i++) {
        struct weir_tls_name one = given[i];
        pack_name(p, &one);
        if (copy != NULL)
            copy[i] = one;
    }
    o->names = copy;
}

static void pack_all(struct packer *p, struct weir_tls_options *o) {
    pack_names(p, o, o->names);
    pack_alpn(p, o, o->alpn);
    pack_string(p, &o->cert_file);
    pack_string(p, &o->key_file);
    pack_string(p, &o->cert_pem);
    pack_string(p, &o->key_pem);
    pack_string(p, &o->ca_file);
    pack_string(p, &o->ca_pem);
    pack_string(p, &o->client_ca_file);
    pack_string(p, &o->client_ca_pem);
}

static int contradicts(const char *why) {
    return weir__failf(-EINVAL, "tls", NULL, "the options of weir_tls_new: %s (EINVAL)", why);
}

/* Which file has an empty name: a variable that was not set, as a rule. */
static const char *empty_file(const struct weir_tls_options *o) {
    const struct {
        const char *file, *why;
    } files[] = {{o->cert_file, "cert_file is \"\""},
                 {o->key_file, "key_file is \"\""},
                 {o->ca_file, "ca_file is \"\""},
                 {o->client_ca_file, "client_ca_file is \"\""}};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        if (files[i].file != NULL && files[i].file[0] == '\0')
            return files[i].why;
    for (size_t i = 0; o->names != NULL && o->names[i].name != NULL; i++)
        if ((o->names[i].cert_file != NULL && o->names[i].cert_file[0] == '\0') ||
            (o->names[i].key_file != NULL && o->names[i].key_file[0] == '\0'))
            return "a cert_file or key_file of names is \"\"";
    return NULL;
}

static int check(const struct weir_tls_options *o) {
    size_t wire = 0;
    const char *empty = empty_file(o);
    if (empty != NULL)
        return contradicts(empty);
    if (o->cert_file != NULL && o->cert_pem != NULL)
        return contradicts("cert_file and cert_pem are both set");
    if (o->key_file != NULL && o->key_pem != NULL)
        return contradicts("key_file and key_pem are both set");
    if ((o->key_file != NULL || o->key_pem != NULL) && o->cert_file == NULL && o->cert_pem == NULL)
        return contradicts("there is a key, but no certificate");
    if (o->ca_file != NULL && o->ca_pem != NULL)
        return contradicts("ca_file and ca_pem are both set");
    if (o->client_ca_file != NULL && o->client_ca_pem != NULL)
        return contradicts("client_ca_file and client_ca_pem are both set");
    if (o->client_optional && o->client_ca_file == NULL && o->client_ca_pem == NULL)
        return contradicts("client_optional without client_ca_file: clients are not asked at all");
    if (o->insecure && (o->ca_file != NULL || o->ca_pem != NULL))
        return contradicts("insecure and a ca_file: with insecure nothing is looked at");
    if (o->minimum != WEIR_TLS_1_2 && o->minimum != WEIR_TLS_1_3)
        return contradicts("minimum is no version that exists");
    for (size_t i = 0; o->alpn != NULL && o->alpn[i] != NULL; i++) {
        size_t len = strlen(o->alpn[i]);
        wire += 1 + len;
        if (len == 0 || len > 255 || wire > WEIR__TLS_ALPN)
            return contradicts("a name in alpn is empty, or all together are too long");
    }
    return 0;
}

int weir__tls_settings_copy(const struct weir_tls_options *given, struct weir_tls_options *ret,
                            struct weir__tls_strings *ret_strings) {
    struct weir_tls_options o, counted;
    struct packer p = {NULL, 0};
    WEIR_OPTIONS_COPY(struct weir_tls_options, handshakes_max, &o, given);
    int rc = check(&o);
    if (rc < 0)
        return rc;
    counted = o;
    pack_all(&p, &counted);
    p = (struct packer){weir__alloc(p.used + 1), 0};
    if (p.base == NULL)
        return weir__fail(-ENOMEM, "tls", NULL);
    pack_all(&p, &o);
    o.ticket_ns = o.ticket_ns > 0 ? o.ticket_ns : WEIR_SECONDS(8 * 3600);
    o.handshake_ns = o.handshake_ns > 0 ? o.handshake_ns : WEIR_SECONDS(10);
    o.handshakes_max = o.handshakes_max > 0 ? o.handshakes_max : HANDSHAKES_MAX;
    *ret = o;
    *ret_strings = (struct weir__tls_strings){p.base, p.used};
    return 0;
}

void weir__tls_settings_free(struct weir__tls_strings *strings) {
    if (strings->base != NULL)
        OPENSSL_cleanse(strings->base, strings->len);
    weir__free(strings->base);
    *strings = (struct weir__tls_strings){NULL, 0};
}

size_t weir__tls_settings_alpn(const struct weir_tls_options *o, unsigned char *wire) {
    size_t used = 0;
    for (size_t i = 0; o->alpn != NULL && o->alpn[i] != NULL; i++) {
        size_t len = strlen(o->alpn[i]);
        wire[used++] = (unsigned char)len;
        memcpy(wire + used, o->alpn[i], len);
        used += len;
    }
    return used;
}
