/* SPDX-License-Identifier: MIT */
/* Shows: weir-tls weir_tls_new weir_tls_ref weir_tls_unref weir_tls_reload weir_tls_handshake
 * weir_tls_version weir_tls_cipher weir_tls_alpn weir_tls_host weir_tls_resumed weir_tls_peer
 * weir_tls_use weir_tls_options weir_tls_minimum weir_tls_part */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <weir/weir.h>

/* A certificate for localhost, as `openssl` makes one that signs itself. */
static int make_certificate(const char *cert, const char *key) {
    const char *const argv[] = {"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
        "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
        "subjectAltName=DNS:localhost", "-out", cert, "-keyout", key, NULL};
    struct weir_output out;
    int rc = weir_process_run(argv, NULL, &out);
    if (rc < 0)
        return rc;
    rc = out.exit.code;
    weir_output_free(&out);
    return rc == 0 ? 0 : weir_fail(WEIR_EUSER, "openssl has failed with %d", rc);
}

struct echo_args {
    struct weir_listener *l;
};

static int echo(void *args) {
    struct echo_args *a = args;
    WEIR_AUTO(weir_close) struct weir_stream *s = NULL;
    char buf[4096];
    ssize_t n;
    int rc = weir_accept(a->l, &s);
    if (rc == 0)
        rc = weir_tls_handshake(s); /* else the first read does it */
    if (rc < 0)
        return rc;
    printf("server: the client asks for %s\n", weir_tls_host(s));
    while ((n = weir_read(s, buf, sizeof buf)) > 0)
        if ((rc = weir_write(s, buf, (size_t)n)) < 0)
            return rc;
    return (int)n; /* 0 after the client's close_notify, WEIR_EEOF without one */
}

static int ask(const char *url, struct weir_tls *tls) {
    struct weir_dial_options o = {.size = sizeof o, .tls = tls};
    WEIR_AUTO(weir_close) struct weir_stream *s = NULL;
    char buf[6] = "", subject[64];
    int rc = weir_dial(url, &o, &s);
    if (rc < 0)
        return rc;
    weir_tls_peer(s, WEIR_TLS_SUBJECT, subject, sizeof subject);
    printf("client: %s, %s, %s%s%s\n", weir_tls_version(s), weir_tls_cipher(s), subject,
           weir_tls_resumed(s) ? ", resumed" : "", weir_tls_alpn(s) ? weir_tls_alpn(s) : "");
    rc = weir_write(s, "hello", 5);
    return rc < 0 ? rc : weir_read_exactly(s, buf, 5);
}

/* As a server that runs for months: its certificate is renewed while it serves. */
static int serve(const char *cert, const char *key) {
    struct weir_tls_options so = {.size = sizeof so, .cert_file = cert, .key_file = key};
    struct weir_tls_options co = {.size = sizeof co, .ca_file = cert, .minimum = WEIR_TLS_1_3};
    WEIR_AUTO(weir_tls_unref) struct weir_tls *server = NULL, *client = NULL;
    WEIR_AUTO(weir_unlisten) struct weir_listener *l = NULL;
    struct weir_group g;
    char url[64];
    int rc = weir_tls_new(&so, &server);
    if (rc == 0)
        rc = weir_tls_new(&co, &client); /* trusts this one certificate */
    struct weir_listen_options lo = {.size = sizeof lo, .tls = server};
    if (rc == 0)
        rc = weir_listen("tls://localhost:0", &lo, &l);
    if (rc == 0)
        rc = weir_tls_reload(server); /* after a renewal of the files */
    if (rc < 0)
        return rc;
    snprintf(url, sizeof url, "tls://localhost:%d", weir_listener_port(l));
    weir_group_open(&g, WEIR_TOGETHER);
    rc = weir_go(&g, echo, .l = l);
    if (rc == 0) {
        struct weir_tls *kept = weir_tls_ref(client); /* for what may outlive this function */
        rc = ask(url, kept);
        weir_tls_unref(&kept);
    }
    return weir_group_close(&g, rc);
}

static int program(void *arg) {
    char cert[] = "/tmp/cert-XXXXXX", key[] = "/tmp/key-XXXXXX";
    (void)arg;
    weir_tls_use(); /* only where libweir-tls.a is linked without pkg-config's flags */
    close(mkstemp(cert));
    close(mkstemp(key));
    int rc = make_certificate(cert, key);
    if (rc == 0)
        rc = serve(cert, key);
    unlink(cert);
    unlink(key);
    return rc;
}

int main(void) {
    int rc = weir_run(program, NULL, NULL);
    if (rc < 0)
        fprintf(stderr, "%s\n", weir_error_message(rc)); /* it names the certificate */
    return rc < 0;
}
