/* SPDX-License-Identifier: MIT */
/* peer.c - the parts of certificates as text, and weir_tls_peer. */
#include "tls/peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <weir/tls.h>

#include "tls/tls_stream.h"

/* Copy what the BIO holds. Returns the length of all. */
static size_t bio_text(BIO *bio, char *text, size_t size) {
    char *bytes = NULL;
    long len = BIO_get_mem_data(bio, &bytes);
    size_t all = len > 0 ? (size_t)len : 0, n = all < size ? all : size - (size > 0);
    if (size > 0) {
        if (n > 0)
            memcpy(text, bytes, n);
        text[n] = '\0';
    }
    return all;
}

static ssize_t name_text(const X509_NAME *name, char *text, size_t size) {
    BIO *bio = BIO_new(BIO_s_mem());
    ssize_t n = -ENOMEM;
    if (bio != NULL && X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253) >= 0)
        n = (ssize_t)bio_text(bio, text, size);
    BIO_free(bio);
    ERR_clear_error();
    return n;
}

void weir__tls_name_text(const X509_NAME *name, char *text, size_t size) {
    ssize_t n = name_text(name, text, size);
    if (n <= 0)
        snprintf(text, size, "%s", n < 0 ? "?" : "without a name");
}

static int address_text(const ASN1_OCTET_STRING *ip, char *text, size_t size) {
    int len = ASN1_STRING_length(ip);
    const unsigned char *bytes = ASN1_STRING_get0_data(ip);
    if (len != 4 && len != 16)
        return -1;
    return inet_ntop(len == 4 ? AF_INET : AF_INET6, bytes, text, (socklen_t)size) ? 0 : -1;
}

/* A name with another byte in it, such as a NUL or a space, would look like another name, or like
 * two. */
static bool is_clean(const unsigned char *name, int len) {
    for (int i = 0; i < len; i++)
        if (name[i] <= ' ' || name[i] >= 127)
            return false;
    return len > 0;
}

static void dns_name(const ASN1_IA5STRING *name, char *text, size_t size) {
    const unsigned char *bytes = ASN1_STRING_get0_data(name);
    int len = ASN1_STRING_length(name);
    if ((size_t)len < size && is_clean(bytes, len))
        snprintf(text, size, "%.*s", len, (const char *)bytes);
}

/* One name as text; "" for what is no name of a host. */
static void one_name(const GENERAL_NAME *name, char *text, size_t size) {
    text[0] = '\0';
    if (name->type == GEN_DNS)
        dns_name(name->d.dNSName, text, size);
    else if (name->type == GEN_IPADD && address_text(name->d.iPAddress, text, size) < 0)
        text[0] = '\0';
}

size_t weir__tls_names_text(X509 *cert, char *text, size_t size) {
    int found = -1; /* -1: there is no such extension; one that cannot be read is there */
    GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, &found, NULL);
    size_t used = 0;
    char one[256];
    if (size > 0)
        text[0] = '\0';
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        one_name(sk_GENERAL_NAME_value(names, i), one, sizeof one);
        if (one[0] == '\0')
            continue;
        int n = snprintf(used < size ? text + used : NULL, used < size ? size - used : 0, "%s%s",
                         used > 0 ? " " : "", one);
        used += n > 0 ? (size_t)n : 0;
    }
    if (names == NULL && found == -1) {
        int n = X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, one,
                                          (int)sizeof one);
        if (n > 0 && is_clean((const unsigned char *)one, n))
            used = (size_t)snprintf(text, size, "%s", one);
    }
    GENERAL_NAMES_free(names);
    ERR_clear_error();
    return used;
}

static ssize_t pem_text(X509 *cert, char *text, size_t size) {
    BIO *bio = BIO_new(BIO_s_mem());
    ssize_t n = -ENOMEM;
    if (bio != NULL && PEM_write_bio_X509(bio, cert) == 1)
        n = (ssize_t)bio_text(bio, text, size);
    BIO_free(bio);
    ERR_clear_error();
    return n;
}

ssize_t weir_tls_peer(struct weir_stream *s, enum weir_tls_part part, char *text, size_t size) {
    SSL *ssl = weir__tls_ssl(s, "weir_tls_peer");
    X509 *cert = ssl != NULL ? SSL_get0_peer_certificate(ssl) : NULL;
    if (size > 0)
        text[0] = '\0';
    if (cert == NULL)
        return 0;
    switch (part) {
    case WEIR_TLS_SUBJECT:
        return name_text(X509_get_subject_name(cert), text, size);
    case WEIR_TLS_ISSUER:
        return name_text(X509_get_issuer_name(cert), text, size);
    case WEIR_TLS_NAMES:
        return (ssize_t)weir__tls_names_text(cert, text, size);
    case WEIR_TLS_PEM:
        return pem_text(cert, text, size);
    default:
        return 0;
    }
}
