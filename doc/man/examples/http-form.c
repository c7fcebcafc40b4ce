/* SPDX-License-Identifier: MIT */
/* Shows: weir-http_form weir_http_form weir_http_form_options weir_http_form_open
 * weir_http_form_next weir_http_form_refuse weir_http_form_close weir_http_part weir_http_part_read
 * weir_http_part_text weir_http_part_save weir_http_proxy_header */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weir/weir.h>

static int take_part(struct weir_http_form *f, const struct weir_http_part *part) {
    struct weir_view v;
    char *path = NULL, piece[16];
    if (strcmp(part->name, "count") == 0) { /* piece by piece */
        ssize_t n;
        long sum = 0;
        while ((n = weir_http_part_read(f, piece, sizeof piece)) > 0)
            sum += n;
        printf("%ld bytes\n", sum);
        return n < 0 ? (int)n : 0;
    }
    int rc = part->filename != NULL ? weir_http_part_save(f, "/tmp", &path)
                                    : weir_http_part_text(f, &v);
    if (rc == 0 && path == NULL)
        printf("%s is %s\n", part->name, (const char *)v.base);
    if (rc == 0 && path != NULL) { /* the client's name for it is text, not a path */
        printf("saved what the client calls %s\n", part->filename);
        rc = weir_unlink(path);
    }
    free(path);
    return rc;
}

static int upload(struct weir_http_request *r) {
    const struct weir_http_form_options bounds = {.size = sizeof bounds, .file_max = 10 << 20};
    WEIR_AUTO(weir_http_form_close) struct weir_http_form *f = NULL;
    struct weir_http_part part;
    int rc = weir_http_form_open(r, &bounds, &f);
    while (rc == 0 && (rc = weir_http_form_next(f, &part)) == 1)
        rc = take_part(f, &part);
    return rc < 0 ? weir_http_form_refuse(r, rc) : weir_http_reply(r, 200, "thank you\n");
}

/* A connection by way of a proxy that says first who the client is. */
static int behind_proxy(void) {
    WEIR_AUTO(weir_close) struct weir_stream *proxy = NULL, *here = NULL;
    static const char line[] = "PROXY TCP4 192.0.2.7 192.0.2.1 4711 443\r\n";
    char client[64];
    int rc = weir_memory_pair(0, &proxy, &here);
    if (rc == 0)
        rc = weir_write(proxy, line, sizeof line - 1);
    if (rc == 0 && (rc = weir_http_proxy_header(here, client)) == 1)
        printf("the client is %s\n", client);
    return rc < 0 ? rc : 0; /* next: weir_tls_accept, or weir_http_accept */
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
    weir_group_open(&connections, WEIR_INDEPENDENT);
    weir_group_open(&servers, WEIR_TOGETHER);
    if ((rc = weir_go(&servers, server, .l = l, .g = &connections)) == 0)
        rc = client(arg);
    if (rc == 0)
        rc = behind_proxy();
    weir_unlisten(&l);
    rc = weir_group_close(&servers, rc);
    return weir_group_close(&connections, rc);
}

static const struct weir_http_server_options *options(void) {
    static const struct weir_http_route routes[] = {
        {"POST", "/", upload},
        {0}};
    static struct weir_http_server_options o = {.size = sizeof o, .routes = routes};
    return &o;
}

#define PART(name) "--B\r\nContent-Disposition: form-data; name=" name "\r\n\r\n"
#define BODY PART("title") "rain\r\n" PART("count") "12345\r\n"                                  \
             PART("photo; filename=\"../me.png\"") "PNG\r\n--B--\r\n"

int main(void) {
    static char requests[1000];
    snprintf(requests, sizeof requests, "POST / HTTP/1.1\r\nHost: a\r\nContent-Type: "
             "multipart/form-data; boundary=B\r\nContent-Length: %zu\r\n\r\n%s",
             sizeof BODY - 1, BODY);
    return weir_run(program, requests, NULL) == 0 ? 0 : 1;
}
