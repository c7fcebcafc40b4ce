/* SPDX-License-Identifier: MIT */
/* Shows: weir-http_file weir_http_files weir_http_files_open weir_http_files_close weir_http_file
 * weir_http_files_handler weir_http_files_options weir_http_type weir-http_events weir_http_event
 * weir_http_events_begin weir_http_events_send weir_http_events_comment weir_http_last_event_id */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weir/weir.h>

static struct weir_http_files *files;

static int front(struct weir_http_request *r) { /* one file, whatever is asked for */
    return weir_http_file(r, files, "hostname");
}

/* The same as the handler weir_http_files_handler with the files as its route's arg. */
static int etc(struct weir_http_request *r) {
    const char *path = weir_http_param(r, "path");
    return path != NULL ? weir_http_file(r, files, path) : 0;
}

/* Three moments, for an EventSource of a browser; it goes on behind the last that it has seen. */
static int moments(struct weir_http_request *r) {
    const char *last = weir_http_last_event_id(r);
    int i = last != NULL ? atoi(last) : 0;
    int rc = weir_http_events_begin(r, WEIR_SECONDS(3));
    while (rc == 0 && i++ < 3) {
        char id[16];
        snprintf(id, sizeof id, "%d", i);
        rc = weir_http_events_send(r, &(struct weir_http_event){
            .size = sizeof(struct weir_http_event), .id = id, .data = "a moment\nhas passed"});
        if (rc == 0 && (rc = weir_sleep(WEIR_MILLISECONDS(1))) == 0)
            rc = weir_http_events_comment(r, NULL);
    }
    return rc;
}

static const struct weir_http_server_options *options(void);

struct server_args { struct weir_listener *l; struct weir_group *g; };

static int server(void *args) {
    struct server_args *a = args;
    return weir_http_serve(a->l, a->g, options());
}

static int client(const char *requests) {
    WEIR_AUTO(weir_close) struct weir_stream *s = NULL;
    char line[256];
    ssize_t n;
    int rc = weir_dial("mem:site", NULL, &s);
    if (rc == 0)
        rc = weir_write(s, requests, strlen(requests));
    if (rc == 0)
        rc = weir_shutdown(s);
    while (rc == 0 && (n = weir_read(s, line, sizeof line)) != 0)
        rc = n < 0 ? (int)n : (int)(fwrite(line, 1, (size_t)n, stdout) != (size_t)n);
    return rc;
}

static int program(void *arg) {
    struct weir_listener *l;
    struct weir_group connections, servers;
    int rc = weir_listen("mem:site", NULL, &l);
    if (rc < 0)
        return rc;
    const struct weir_http_files_options o = {.size = sizeof o, .cache_control = "max-age=60"};
    if ((rc = weir_http_files_open("/etc", &o, &files)) < 0) {
        weir_unlisten(&l);
        return rc;
    }
    weir_group_open(&connections, WEIR_INDEPENDENT);
    weir_group_open(&servers, WEIR_TOGETHER);
    if ((rc = weir_go(&servers, server, .l = l, .g = &connections)) == 0)
        rc = client(arg);
    weir_unlisten(&l);
    rc = weir_group_close(&servers, rc);
    rc = weir_group_close(&connections, rc);
    weir_http_files_close(&files);
    return rc;
}

static const struct weir_http_server_options *options(void) {
    static const struct weir_http_route routes[] = {
        {"GET", "/", front}, {"GET", "/moments", moments},
        {"GET", "/etc/{path...}", etc},
        {0}};
    static struct weir_http_server_options o = {.size = sizeof o, .routes = routes};
    return &o;
}

int main(void) {
    static char requests[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
                             "GET /etc/hostname HTTP/1.1\r\nHost: a\r\nRange: bytes=0-3\r\n\r\n"
                             "GET /etc/%2e%2e/bin/sh HTTP/1.1\r\nHost: a\r\n\r\n"
                             "GET /moments HTTP/1.1\r\nHost: a\r\nLast-Event-ID: 1\r\n\r\n";
    return weir_run(program, requests, NULL) == 0 ? 0 : 1;
}
