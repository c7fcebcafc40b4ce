/* SPDX-License-Identifier: MIT */
/* http - a server for bench/http.py: "hello", and the files of a folder, plain or over TLS, in
 * both shapes. One thread, no log.
 *
 *   bench-http PORT serve|react FOLDER [CERT KEY] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weir/http_file.h>
#include <weir/http_server.h>
#include <weir/weir.h>

static struct weir_http_files *files;

static int handler(struct weir_http_request *r) {
    const char *path = weir_http_target(r);
    return strcmp(path, "/hello") == 0 ? weir_http_reply(r, 200, "hello\n")
                                       : weir_http_file(r, files, path + 1);
}

static int request(struct weir_http_request *r, void *state) {
    (void)state;
    return handler(r);
}

static const struct weir_http_reactive reactive = {.size = sizeof reactive, .request = request};

static int listen_on(char **argv, struct weir_listener **ret) {
    struct weir_tls *tls = NULL;
    struct weir_listen_options lo = {.size = sizeof lo};
    char url[64];
    int rc = 0;
    if (argv[4] != NULL) {
        struct weir_tls_options o = {.size = sizeof o, .cert_file = argv[4], .key_file = argv[5]};
        rc = weir_tls_new(&o, &tls);
        lo.tls = tls;
    }
    snprintf(url, sizeof url, "%s://127.0.0.1:%d", tls != NULL ? "tls" : "tcp", atoi(argv[1]));
    if (rc == 0)
        rc = weir_listen(url, &lo, ret);
    weir_tls_unref(&tls);
    return rc;
}

static int run(void *arg) {
    char **argv = arg;
    struct weir_http_server_options o = {.size = sizeof o};
    WEIR_AUTO(weir_unlisten) struct weir_listener *l = NULL;
    struct weir_group clients;
    int rc = listen_on(argv, &l);
    if (rc == 0)
        rc = weir_http_files_open(argv[3], NULL, &files);
    if (rc < 0)
        return rc;
    weir_group_open(&clients, WEIR_INDEPENDENT);
    if (strcmp(argv[2], "react") == 0) {
        rc = weir_http_react(l, &clients, &reactive, &o);
    } else {
        o.handler = handler;
        rc = weir_http_serve(l, &clients, &o);
    }
    rc = weir_group_close(&clients, rc);
    weir_http_files_close(&files);
    return rc;
}

int main(int argc, char **argv) {
    if (argc != 4 && argc != 6) {
        fprintf(stderr, "usage: bench-http PORT serve|react FOLDER [CERT KEY]\n");
        return 2;
    }
    int rc = weir_run(run, argv, NULL);
    if (rc < 0)
        fprintf(stderr, "bench-http: %s\n", weir_error_message(rc));
    return rc < 0;
}
