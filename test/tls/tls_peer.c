/* SPDX-License-Identifier: MIT */
/* tls_peer.c - one side of a conversation for test_interop.py:
 *   tls-peer serve CERT KEY [CLIENT_CA]   echoes lines; prints its port, and what each client is
 *   tls-peer ask PORT CA COUNT [CERT KEY] COUNT connections: a line there and back
 * A reader and a writer run at once, so that answers of the one meet the records of the other. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weir/weir.h>

struct serves_args {
    struct weir_stream *s;
};

static int serves(void *args) {
    struct serves_args *a = args;
    WEIR_AUTO(weir_close) struct weir_stream *s = a->s;
    char line[4096], subject[64];
    int rc = weir_tls_handshake(s);
    if (rc < 0) {
        printf("refused: %s\n", weir_error_message(rc));
        fflush(stdout);
        return 0;
    }
    weir_tls_peer(s, WEIR_TLS_SUBJECT, subject, sizeof subject);
    printf("client: %s%s %s %s\n", weir_tls_version(s), weir_tls_resumed(s) ? " resumed" : "",
           weir_tls_alpn(s) ? weir_tls_alpn(s) : "-", *subject ? subject : "-");
    fflush(stdout);
    while ((rc = (int)weir_read_until(s, '\n', line, sizeof line)) > 0)
        if ((rc = weir_write(s, line, (size_t)rc)) < 0)
            break;
    printf("end: %s\n", rc == 0 ? "close_notify" : weir_error_message(rc));
    fflush(stdout);
    return 0;
}

static int serve(char **argv) {
    static const char *const alpn[] = {"echo", NULL};
    struct weir_tls_options o = {.size = sizeof o, .cert_file = argv[2], .key_file = argv[3],
                                 .client_ca_file = argv[4], .client_optional = argv[4] != NULL,
                                 .alpn = alpn};
    WEIR_AUTO(weir_tls_unref) struct weir_tls *tls = NULL;
    struct weir_listener *l;
    struct weir_group g;
    int rc = weir_tls_new(&o, &tls);
    struct weir_listen_options lo = {.size = sizeof lo, .tls = tls};
    if (rc < 0 || (rc = weir_listen("tls://127.0.0.1:0", &lo, &l)) < 0)
        return rc;
    printf("%d\n", weir_listener_port(l));
    fflush(stdout);
    weir_group_open(&g, WEIR_INDEPENDENT);
    for (;;) {
        struct weir_stream *s;
        if ((rc = weir_accept(l, &s)) < 0)
            break;
        if ((rc = weir_go(&g, serves, .s = s)) < 0)
            weir_close(&s);
    }
    return weir_group_close(&g, rc);
}

static int ask_once(const char *url, struct weir_tls *tls) {
    struct weir_dial_options o = {.size = sizeof o, .tls = tls};
    WEIR_AUTO(weir_close) struct weir_stream *s = NULL;
    char line[64] = "";
    int rc = weir_dial(url, &o, &s);
    if (rc == 0)
        rc = weir_write(s, "hello\n", 6);
    if (rc == 0)
        rc = (int)weir_read_until(s, '\n', line, sizeof line);
    if (rc < 0)
        return rc;
    printf("%s%s %s", weir_tls_version(s), weir_tls_resumed(s) ? " resumed" : "", line);
    return 0;
}

static int ask(char **argv) {
    struct weir_tls_options o = {.size = sizeof o, .ca_file = argv[3], .cert_file = argv[5],
                                 .key_file = argv[5] ? argv[6] : NULL};
    WEIR_AUTO(weir_tls_unref) struct weir_tls *tls = NULL;
    char url[64];
    int rc = weir_tls_new(&o, &tls);
    snprintf(url, sizeof url, "tls://localhost:%s", argv[2]);
    for (int i = 0; rc == 0 && i < atoi(argv[4]); i++)
        rc = ask_once(url, tls);
    if (rc < 0)
        printf("%s\n", weir_error_message(rc));
    return 0;
}

static int program(void *arg) {
    char **argv = arg;
    return strcmp(argv[1], "serve") == 0 ? serve(argv) : ask(argv);
}

int main(int argc, char **argv) {
    if (argc < 4)
        return 2;
    return weir_run(program, argv, NULL) < 0;
}
