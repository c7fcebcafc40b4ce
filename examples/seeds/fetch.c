/* SPDX-License-Identifier: MIT */
/* fetch - a page by HTTP/1.0, by hand: a request, a status, headers, and a body up to the end of
 * the stream, all within 10 seconds. The servers are hosts of a simulated world: one answers, one
 * says nothing. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weir/testing.h>
#include <weir/weir.h>

enum { BODY_MAX = 256 };

static int read_answer(struct weir_stream *s, char *body, size_t size) {
    char line[256];
    size_t len = 0;
    ssize_t n = weir_read_until(s, '\n', line, sizeof line);
    if (n > 0 && strncmp(line, "HTTP/1.0 200 ", 13) != 0)
        return weir_fail(WEIR_EUSER, "%.*s", (int)strcspn(line, "\r\n"), line);
    while (n > 0 && line[0] != '\r') /* the headers, up to an empty line */
        n = weir_read_until(s, '\n', line, sizeof line);
    if (n <= 0)
        return n < 0 ? (int)n : WEIR_EEOF;
    while ((n = weir_read(s, body + len, size - 1 - len)) > 0)
        if ((len += (size_t)n) == size - 1)
            return WEIR_ETOOBIG;
    body[len] = '\0';
    return (int)n;
}

static int fetch(const char *host, const char *path, char *body, size_t size) {
    WEIR_AUTO(weir_close) struct weir_stream *s = NULL;
    char url[64];
    struct weir_scope timeout;
    snprintf(url, sizeof url, "tcp://%s:80", host);
    weir_scope_enter(&timeout, WEIR_SECONDS(10));
    int rc = weir_dial(url, NULL, &s);
    if (rc == 0)
        rc = weir_printf(s, "GET %s HTTP/1.0\r\nHost: %s\r\n\r\n", path, host);
    if (rc == 0)
        rc = read_answer(s, body, size);
    return weir_scope_leave(&timeout, rc);
}

static int show(const char *host, const char *path) {
    char body[BODY_MAX];
    int rc = fetch(host, path, body, sizeof body);
    if (rc == 0)
        printf("%s%s: %s", host, path, body);
    else if (rc == -ETIME)
        printf("%s%s: no answer within 10 s\n", host, path);
    else
        printf("%s%s: %s\n", host, path, weir_error_message(rc));
    return rc == -ETIME || rc == WEIR_EUSER ? 0 : rc;
}

struct server_args { struct weir_listener *l; const char *text; };

static int serve(struct weir_stream *s, const char *text) {
    char line[256] = "";
    ssize_t n = weir_read_until(s, '\n', line, sizeof line);
    int found = strncmp(line, "GET / ", 6) == 0;
    while (n > 0 && line[0] != '\r')
        n = weir_read_until(s, '\n', line, sizeof line);
    if (n <= 0 || text == NULL)
        return n < 0 ? (int)n : weir_sleep(WEIR_NEVER);
    if (!found)
        return weir_printf(s, "HTTP/1.0 404 Not Found\r\n\r\n");
    return weir_printf(s, "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\n%s", text);
}

static int server(void *args) {
    struct server_args *a = args;
    int rc;
    for (;;) {
        WEIR_AUTO(weir_close) struct weir_stream *s = NULL;
        if ((rc = weir_accept(a->l, &s)) < 0 || (rc = serve(s, a->text)) < 0)
            break;
    }
    weir_unlisten(&a->l);
    return rc;
}

static int start(struct weir_group *g, const char *host, const char *text) {
    struct weir_listener *l = NULL;
    char url[64];
    snprintf(url, sizeof url, "tcp://%s:80", host);
    int rc = weir_sim_host(host);
    if (rc == 0)
        rc = weir_listen(url, NULL, &l);
    if (rc == 0 && (rc = weir_go(g, server, .l = l, .text = text)) < 0)
        weir_unlisten(&l);
    return rc;
}

static int program(void *arg) {
    struct weir_group g;
    (void)arg;
    weir_group_open(&g, WEIR_TOGETHER);
    int rc = start(&g, "friendly", "welcome\n");
    if (rc == 0)
        rc = start(&g, "mute", NULL);
    if (rc == 0)
        rc = show("friendly", "/");
    if (rc == 0)
        rc = show("friendly", "/zzz");
    if (rc == 0)
        rc = show("mute", "/");
    weir_group_cancel(&g, "all was fetched");
    rc = weir_group_close(&g, rc);
    return rc == WEIR_ESTOPPED ? 0 : rc;
}

int main(void) {
    const struct weir_sim_options world = {.size = sizeof world, .seed = 1};
    int rc = weir_sim_run(program, NULL, &world);
    if (rc < 0)
        fprintf(stderr, "fetch: %s\n", weir_error_message(rc));
    return rc < 0;
}
