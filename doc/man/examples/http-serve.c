/* SPDX-License-Identifier: MIT */
/* Shows: weir-http_server weir_http_serve weir_http_handler weir_http_route
 * weir_http_server_options weir_http_read weir_http_body weir_http_body_length weir_http_trailer
 * weir_http_begin weir_http_write weir_http_end weir_http_scheme weir_http_stream
 * weir_http_close_after weir_http_stopping weir_http_end_on_stop weir_http_end_when_gone
 * weir_http_gone */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <weir/weir.h>

/* The whole body, within a limit. */
static int note(struct weir_http_request *r) {
    struct weir_view text;
    int rc = weir_http_body(r, 1000, &text);
    if (rc < 0)
        return rc; /* the client gets 400, 408 or 413 */
    printf("%lld bytes by %s from %s: %s\n", (long long)weir_http_body_length(r),
           weir_http_scheme(r), weir_stream_peer(weir_http_stream(r)), (const char *)text.base);
    return weir_http_reply(r, 201, "noted\n");
}

/* A body of any length, piece by piece, and the answer in pieces too. */
static int count(struct weir_http_request *r) {
    struct weir_http_answer head = {.size = sizeof head, .status = 200};
    char piece[4096], line[64];
    ssize_t n;
    long sum = 0;
    while ((n = weir_http_read(r, piece, sizeof piece)) > 0)
        sum += n;
    if (n < 0)
        return (int)n;
    const char *trailer = weir_http_trailer(r, "X-Sender");
    int rc = weir_http_begin(r, &head);
    if (rc == 0) {
        snprintf(line, sizeof line, "%ld bytes, ", sum);
        rc = weir_http_write(r, line, strlen(line));
    }
    if (rc == 0) {
        snprintf(line, sizeof line, "sent by %.20s\n", trailer != NULL ? trailer : "nobody");
        rc = weir_http_write(r, line, strlen(line));
    }
    return rc < 0 ? rc : weir_http_end(r, NULL);
}

/* A long poll: nothing happens until the server stops, or the client has left. */
static int news(struct weir_http_request *r) {
    weir_http_end_on_stop(r);
    weir_http_end_when_gone(r);
    int rc = weir_sleep(WEIR_SECONDS(3600));
    if (rc == -ECANCELED && weir_http_stopping(r))
        printf("the server stops\n");
    else if (rc == -ECANCELED && weir_http_gone(r))
        printf("nobody waits for the answer any more\n");
    return rc; /* the client, if it is there, gets 503 */
}

static int bye(struct weir_http_request *r) {
    weir_http_close_after(r);
    return weir_http_reply(r, 200, "bye\n");
}

static const struct weir_http_route routes[] = {
    {"POST", "/notes", note, .body_max = 1000}, {"POST", "/count", count},
    {"GET", "/news", news}, {"GET", "/bye", bye}, {0}};

struct server_args { struct weir_listener *l; struct weir_group *g; };

static int server(void *args) {
    struct server_args *a = args;
    struct weir_http_server_options o = {
        .size = sizeof o, .routes = routes, .body_max = 1 << 20, .idle_ns = WEIR_SECONDS(30)};
    return weir_http_serve(a->l, a->g, &o); /* until it is unlistened, and all are answered */
}

static int client(const char *url, const char *requests) {
    WEIR_AUTO(weir_close) struct weir_stream *s = NULL;
    char line[256];
    ssize_t n;
    int rc = weir_dial(url, NULL, &s);
    if (rc == 0)
        rc = weir_write(s, requests, strlen(requests));
    while (rc == 0 && (n = weir_read_until(s, '\n', line, sizeof line)) != 0) {
        if (n < 0)
            rc = (int)n;
        else if (strncmp(line, "Date:", 5) != 0)
            fputs(line, stdout);
    }
    return rc;
}

struct stop_args { struct weir_listener **l; };

static int stop(void *args) {
    struct weir_listener **l = ((struct stop_args *)args)->l;
    int rc = weir_sleep(WEIR_MILLISECONDS(10));
    weir_unlisten(l);
    return rc;
}

static int program(void *arg) {
    static const char requests[] =
        "POST /notes HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nmilk"
        "POST /count HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        "3\r\nabc\r\n0\r\nX-Sender: me\r\n\r\nGET /bye HTTP/1.1\r\nHost: a\r\n\r\n";
    struct weir_listener *l;
    struct weir_group connections, servers;
    int rc = weir_listen("mem:shop", NULL, &l);
    if (rc < 0)
        return rc;
    weir_group_open(&connections, WEIR_INDEPENDENT);
    weir_group_open(&servers, WEIR_TOGETHER);
    if ((rc = weir_go(&servers, server, .l = l, .g = &connections)) == 0)
        rc = client("mem:shop", requests);
    if (rc == 0)
        rc = weir_go(&servers, stop, .l = &l);
    if (rc == 0)
        rc = client("mem:shop", "GET /news HTTP/1.1\r\nHost: a\r\n\r\n");
    weir_unlisten(&l);
    rc = weir_group_close(&servers, rc);
    return weir_group_close(&connections, rc);
}

int main(void) {
    return weir_run(program, NULL, NULL) == 0 ? 0 : 1;
}
