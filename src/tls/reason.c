/* SPDX-License-Identifier: MIT */
/* reason.c - texts for what goes wrong between two programs that speak TLS. A record's text has 160
 * bytes, so names are cut, and each text says first what is wrong. */
#include "tls/reason.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/sslerr.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <weir/base.h>

#include "tls/peer.h"

/* ---- alerts and OpenSSL's own reasons ---- */

struct told {
    int reason, code;
    const char *text;
};

#define ALERT(n) (SSL_AD_REASON_OFFSET + (n))

static const struct told reasons[] = {
    {ALERT(SSL_AD_BAD_CERTIFICATE), WEIR_ECERT, "the peer refused our certificate: it is bad"},
    {ALERT(SSL_AD_UNSUPPORTED_CERTIFICATE), WEIR_ECERT,
     "the peer refused our certificate: not of a kind that it takes"},
    {ALERT(SSL_AD_CERTIFICATE_REVOKED), WEIR_ECERT,
     "the peer refused our certificate: it was revoked"},
    {ALERT(SSL_AD_CERTIFICATE_EXPIRED), WEIR_ECERT,
     "the peer refused our certificate: expired, or not yet valid, by the peer's clock"},
    {ALERT(SSL_AD_CERTIFICATE_UNKNOWN), WEIR_ECERT, "the peer refused our certificate"},
    {ALERT(SSL_AD_UNKNOWN_CA), WEIR_ECERT,
     "the peer refused our certificate: it does not trust the root, or a certificate between is "
     "missing in our cert_file"},
    {ALERT(SSL3_AD_NO_CERTIFICATE), WEIR_ECERT, "the peer wants a certificate: set cert_file"},
    {SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED, WEIR_ECERT,
     "the server wants a certificate of ours: set cert_file and key_file"},
    {ALERT(SSL_AD_HANDSHAKE_FAILURE), WEIR_ETLS,
     "the peer refused the handshake: no cipher or no certificate that both take"},
    {ALERT(SSL_AD_PROTOCOL_VERSION), WEIR_ETLS,
     "the peer refused the handshake: it does not speak our versions of TLS"},
    {ALERT(SSL_AD_INSUFFICIENT_SECURITY), WEIR_ETLS, "the peer wants stronger ciphers than ours"},
    {ALERT(SSL_AD_UNRECOGNIZED_NAME), WEIR_ETLS, "the server has no certificate for this name"},
    {ALERT(SSL_AD_NO_APPLICATION_PROTOCOL), WEIR_ETLS,
     "the server speaks none of our protocols (ALPN)"},
    {ALERT(SSL_AD_BAD_RECORD_MAC), WEIR_ETLS, "the peer got a record that was damaged on the way"},
    {SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE, WEIR_ECERT,
     "the client has shown no certificate, and one is required"},
    {SSL_R_UNSUPPORTED_PROTOCOL, WEIR_ETLS, "no version of TLS that both speak"},
    {SSL_R_WRONG_SSL_VERSION, WEIR_ETLS, "no version of TLS that both speak"},
    {SSL_R_VERSION_TOO_LOW, WEIR_ETLS, "no version of TLS that both speak"},
    {SSL_R_NO_SHARED_CIPHER, WEIR_ETLS, "no cipher that both take"},
    {SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS, WEIR_ETLS, "no kind of signature that both take"},
    {SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM, WEIR_ETLS, "no kind of signature that both take"},
    {SSL_R_NO_SUITABLE_KEY_SHARE, WEIR_ETLS, "no group for the key exchange that both take"},
    {SSL_R_NO_APPLICATION_PROTOCOL, WEIR_ETLS, "no protocol (ALPN) that both speak"},
    {SSL_R_WRONG_VERSION_NUMBER, WEIR_EPROTO, "the peer does not speak TLS"},
    {SSL_R_HTTP_REQUEST, WEIR_EPROTO, "the client speaks plain HTTP"},
    {SSL_R_HTTPS_PROXY_REQUEST, WEIR_EPROTO, "the client speaks plain HTTP"},
    {SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC, WEIR_EPROTO,
     "a record was damaged on the way, or forged"},
    {SSL_R_NO_RENEGOTIATION, WEIR_EPROTO, "the peer began a renegotiation, which is refused"},
    {SSL_R_CERTIFICATE_VERIFY_FAILED, WEIR_ECERT, "the peer's certificate was refused"},
};

void weir__tls_reason_queue(char *text, size_t size) {
    unsigned long error = ERR_peek_last_error();
    const char *reason = error != 0 ? ERR_reason_error_string(error) : NULL;
    snprintf(text, size, "%s", reason != NULL ? reason : "no reason was given");
    ERR_clear_error();
}

static const struct told *find(int reason) {
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        if (reasons[i].reason == reason )
            return &reasons[i];
    return NULL;
}

/* Has the peer said so? The reasons that all of OpenSSL has in common, such as an internal error
 * here, are large numbers too. */
static bool is_alert(int reason) {
    return reason > SSL_AD_REASON_OFFSET && reason <= SSL_AD_REASON_OFFSET + 255;
}

int weir__tls_reason(struct weir__tls_engine *e) {
    char text[96];
    unsigned long error = ERR_peek_error();
    int reason = ERR_GET_REASON(error);
    if (e->code != 0) /* a callback knows better */
        return e->code;
    if (error != 0 && reason == ERR_R_MALLOC_FAILURE)
        return weir__tls_engine_fail(e, -ENOMEM, "%s", weir_error_text(-ENOMEM));
    const struct told *t = ERR_GET_LIB(error) == ERR_LIB_SSL ? find(reason) : NULL;
    if (t != NULL)
        return weir__tls_engine_fail(e, t->code, "%s", t->text);
    weir__tls_reason_queue(text, sizeof text);
    if (is_alert(reason) && ERR_GET_LIB(error) == ERR_LIB_SSL)
        return weir__tls_engine_fail(e, WEIR_ETLS, "the peer refused: %s", text);
    return weir__tls_engine_fail(e, WEIR_EPROTO, "TLS: %s", text);
}

/* ---- certificates ---- */

static void date_text(const ASN1_TIME *time, char *text, size_t size) {
    struct tm tm;
    if (ASN1_TIME_to_tm(time, &tm) != 1) {
        snprintf(text, size, "?");
        return;
    }
    if (strftime(text, size, "%Y-%m-%d", &tm) == 0)
        text[0] = '\0';
}

static void issuer_text(X509 *cert, char *text, size_t size) {
    weir__tls_name_text(X509_get_issuer_name(cert), text, size);
}

static void reason_host(struct weir__tls_engine *e, X509 *cert) {
    char names[72];
    weir__tls_names_text(cert, names, sizeof names);
    weir__tls_engine_fail(e, WEIR_ECERT, "the certificate is for %s, not for %.40s: dial such a "
                                         "name", *names ? names : "no name",
                          e->host != NULL ? e->host : "?");
}

static void reason_issuer(struct weir__tls_engine *e, X509 *cert, bool alone, const char *subject) {
    char issuer[40];
    const char *member = e->server ? "client_ca_file" : "ca_file";
    issuer_text(cert, issuer, sizeof issuer);
    if (alone)
        weir__tls_engine_fail(e, WEIR_ECERT, "certificate %.22s: its issuer %.26s was not sent "
                                             "(incomplete chain) and is an unknown CA: give its "
                                             "root by %s", subject, issuer, member);
    else
        weir__tls_engine_fail(e, WEIR_ECERT, "certificate %.32s is of an unknown CA, %s: to trust "
                                             "it give it as %s", subject, issuer, member);
}

static void reason_date(struct weir__tls_engine *e, X509 *cert, bool expired,
                        const char *subject) {
    char date[16], issuer[40];
    date_text(expired ? X509_get0_notAfter(cert) : X509_get0_notBefore(cert), date, sizeof date);
    issuer_text(cert, issuer, sizeof issuer);
    weir__tls_engine_fail(e, WEIR_ECERT, "certificate %.32s of %s %s %s: %s", subject, issuer,
                          expired ? "expired on" : "is not valid before", date,
                          expired ? "the peer must renew it" : "look at the clocks");
}

void weir__tls_reason_chain(struct weir__tls_engine *e, X509_STORE_CTX *store) {
    X509 *cert = X509_STORE_CTX_get_current_cert(store);
    int error = X509_STORE_CTX_get_error(store);
    STACK_OF(X509) *sent = X509_STORE_CTX_get0_untrusted(store);
    char subject[48] = "?";
    if (error == X509_V_ERR_OUT_OF_MEM || cert == NULL) {
        weir__tls_engine_fail(e, error == X509_V_ERR_OUT_OF_MEM ? -ENOMEM : WEIR_ECERT, "%s",
                              X509_verify_cert_error_string(error));
        return;
    }
    weir__tls_name_text(X509_get_subject_name(cert), subject, sizeof subject);
    switch (error) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID:
        reason_date(e, cert, error == X509_V_ERR_CERT_HAS_EXPIRED, subject);
        return;
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        reason_host(e, cert);
        return;
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
        weir__tls_engine_fail(e, WEIR_ECERT, "certificate %.40s is self-signed: to trust it give it"
                                             " as %s", subject,
                              e->server ? "client_ca_file" : "ca_file");
        return;
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
        reason_issuer(e, cert, false, subject);
        return;
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
        reason_issuer(e, cert, sk_X509_num(sent) <= 1, subject);
        return;
    default:
        weir__tls_engine_fail(e, WEIR_ECERT, "certificate %.40s: %s", subject,
                              X509_verify_cert_error_string(error));
    }
}
