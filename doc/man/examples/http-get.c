/* SPDX-License-Identifier: MIT */
/* Shows: weir_http_get weir_http_fetch weir_http_client_new weir_http_client_close
 * weir_http_client_options weir_http_call weir_http_client weir_http_response
 * weir_http_response_status weir_http_response_reason weir_http_response_url
 * weir_http_response_header weir_http_response_header_at weir_http_response_trailer
 * weir_http_response_length weir_http_response_read weir_http_response_body
 * weir_http_response_close weir_http_client_counts weir-http_client */
#include <stdio.h>
#include <string.h>
#include <weir/http_client.h>
#include <weir/loop.h>
#include <weir/stream.h>
#include <weir/task.h>

/* A server in memory, for one connection: what it is asked does not matter. */
static int server(void *args) {
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello\n";
    struct weir_listener *l = *(struct weir_listener **)args;
    struct weir_stream *s;
    struct weir_view v;
    if (weir_accept(l, &s) < 0)
        return 0;
    while (weir_peek(s, 4, &v) > 0) {
        weir_consume(s, v.len);
        if (weir_write(s, answer, strlen(answer)) < 0)
            break;
    }
    weir_close(&s);
    return 0;
}

/* By one call. */
static int one_line(const char *url) {
    struct weir_http_response *r;
    struct weir_view page;
    int rc = weir_http_get(url, &r);
    if (rc < 0) {
        printf("%s\n", weir_error_message(rc));
        return 0; /* there is no such server here */
    }
    weir_http_response_body(r, 0, &page);
    printf("%d: %zu bytes\n", weir_http_response_status(r), page.len);
    weir_http_response_close(&r);
    return 0;
}

/* By a client with settings of its own, piece by piece. */
static int in_pieces(struct weir_http_client *client) {
    static const char *const headers[] = {"Accept: text/plain", NULL};
    struct weir_http_call call = {.size = sizeof call, .url = "http://example.org/page",
                                  .headers = headers};
    struct weir_http_response *r;
    const char *name, *value;
    char piece[4096];
    ssize_t n;
    int rc = weir_http_fetch(client, &call, &r);
    if (rc < 0)
        return rc;
    printf("%s: %d %s, %lld bytes\n", weir_http_response_url(r), weir_http_response_status(r),
           weir_http_response_reason(r), (long long)weir_http_response_length(r));
    for (size_t i = 0; weir_http_response_header_at(r, i, &name, &value) == 1; i++)
        printf("%s is %s\n", name, value);
    value = weir_http_response_header(r, "Content-Type");
    printf("the server %s what it is\n", value != NULL ? "says" : "does not say");
    while ((n = weir_http_response_read(r, piece, sizeof piece)) > 0)
        fwrite(piece, 1, (size_t)n, stdout);
    if (weir_http_response_trailer(r, "Checksum") == NULL)
        printf("no checksum behind it\n");
    weir_http_response_close(&r);
    return (int)n;
}

static int program(void *arg) {
    struct weir_http_client_options options = {.size = sizeof options, .connect = "mem:example"};
    struct weir_http_client_counts counts = {.size = sizeof counts};
    struct weir_http_client *client = NULL;
    struct weir_listener *l;
    struct weir_group g;
    int rc = weir_listen("mem:example", NULL, &l);
    if (rc < 0)
        return rc;
    weir_group_open(&g, WEIR_TOGETHER);
    rc = weir_spawn(&g, WEIR_SITE(server), server, &l, sizeof l, NULL, NULL);
    if (rc == 0)
        rc = weir_http_client_new(&options, &client);
    for (int i = 0; i < 2 && rc == 0; i++)
        rc = in_pieces(client);
    weir_http_client_counts(client, &counts);
    printf("%d connection\n", (int)counts.dialled);
    weir_http_client_close(&client);
    weir_unlisten(&l);
    one_line("http://localhost:1/");
    return weir_group_close(&g, rc);
}

int main(void) {
    return weir_run(program, NULL, NULL) < 0;
}
