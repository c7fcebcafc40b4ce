/* SPDX-License-Identifier: MIT */
/* Shows: weir_tls_connect weir_tls_accept weir_tls_name */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <weir/weir.h>

/* STARTTLS, as mail servers have it: both sides speak in the open, agree, and go on over TLS, on
 * the same connection. */
static int upgrade(struct weir_stream **s, struct weir_tls *tls) {
    struct weir_stream *safe;
    int rc = weir_tls_connect(s, tls, "localhost", &safe);
    if (rc == 0)
        *s = safe; /* it owns the stream below */
    return rc;     /* else *s is the plain stream, to be closed */
}

struct serves_args {
    struct weir_stream *s;
    struct weir_tls *tls;
};

static int serves(void *args) {
    struct serves_args *a = args;
    WEIR_AUTO(weir_close) struct weir_stream *s = a->s, *safe = NULL;
    char line[64];
    int rc = (int)weir_read_until(s, '\n', line, sizeof line); /* "STARTTLS" */
    if (rc > 0)
        rc = weir_write(s, "220 go ahead\n", 13);
    if (rc == 0)
        rc = weir_tls_accept(&s, a->tls, &safe);
    return rc < 0 ? rc : weir_write(safe, "now nobody hears us\n", 20);
}

static int asks(struct weir_stream **s, struct weir_tls *tls) {
    char line[64];
    int rc = weir_write(*s, "STARTTLS\n", 9);
    if (rc == 0)
        rc = (int)weir_read_until(*s, '\n', line, sizeof line);
    if (rc > 0)
        rc = upgrade(s, tls);
    if (rc == 0)
        rc = (int)weir_read_until(*s, '\n', line, sizeof line);
    if (rc > 0)
        printf("%s", line);
    return rc;
}

static int talk(const char *cert) {
    struct weir_tls_name names[] = {{.name = "localhost", .cert_file = cert}, {.name = NULL}};
    struct weir_tls_options so = {.size = sizeof so, .names = names}; /* key and all in one file */
    struct weir_tls_options co = {.size = sizeof co, .ca_file = cert};
    WEIR_AUTO(weir_tls_unref) struct weir_tls *server = NULL, *client = NULL;
    WEIR_AUTO(weir_close) struct weir_stream *a = NULL;
    struct weir_stream *b = NULL;
    struct weir_group g;
    int rc = weir_tls_new(&so, &server);
    if (rc == 0)
        rc = weir_tls_new(&co, &client);
    if (rc == 0)
        rc = weir_memory_pair(0, &a, &b);
    if (rc < 0)
        return rc;
    weir_group_open(&g, WEIR_TOGETHER);
    rc = weir_go(&g, serves, .s = b, .tls = server);
    if (rc == 0)
        rc = asks(&a, client);
    else
        weir_close(&b);
    return weir_group_close(&g, rc);
}

static int program(void *arg) {
    char cert[] = "/tmp/cert-XXXXXX";
    const char *const argv[] = {"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
        "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
        "subjectAltName=DNS:localhost", "-out", cert, "-keyout", cert, NULL};
    struct weir_output out = {0};
    (void)arg;
    close(mkstemp(cert));
    int rc = weir_process_run(argv, NULL, &out);
    weir_output_free(&out);
    if (rc == 0)
        rc = talk(cert);
    unlink(cert);
    return rc;
}

int main(void) {
    int rc = weir_run(program, NULL, NULL);
    if (rc < 0)
        fprintf(stderr, "%s\n", weir_error_message(rc));
    return rc < 0;
}
