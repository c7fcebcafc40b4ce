/* SPDX-License-Identifier: MIT */
/* Shows: weir_http_react weir_http_reactive */
#include <stdio.h>
#include <string.h>
#include <weir/weir.h>

struct sum { /* of a request; zero at first */
    size_t bytes;
};

static int request(struct weir_http_request *r, void *state) {
    if (strcmp(weir_http_method(r), "POST") == 0)
        return 0; /* answered at its end */
    return weir_http_reply(r, 405, NULL);
}

static int body(struct weir_http_request *r, void *state, struct weir_view v) {
    ((struct sum *)state)->bytes += v.len;
    return 0;
}

static int end(struct weir_http_request *r, void *state) {
    char text[32];
    snprintf(text, sizeof text, "%zu bytes\n", ((struct sum *)state)->bytes);
    return weir_http_reply(r, 200, text);
}

static void done(struct weir_http_request *r, void *state, int rc) {
    printf("%s %s: %s\n", weir_http_method(r), weir_http_target(r),
           rc < 0 ? weir_error_message(rc) : "answered");
}

static const struct weir_http_reactive functions = {.size = sizeof functions,
                                                    .state_size = sizeof(struct sum),
                                                    .request = request,
                                                    .body = body,
                                                    .end = end,
                                                    .done = done};

struct server_args { struct weir_listener *l; struct weir_group *g; };

static int server(void *args) {
    struct server_args *a = args;
    return weir_http_react(a->l, a->g, &functions, NULL);
}

static int program(void *arg) {
    static const char post[] = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";
    struct weir_listener *l;
    struct weir_stream *s;
    struct weir_group connections, servers;
    char line[256] = "";
    int rc = weir_listen("mem:shop", NULL, &l);
    if (rc < 0)
        return rc;
    weir_group_open(&connections, WEIR_INDEPENDENT);
    weir_group_open(&servers, WEIR_TOGETHER);
    if ((rc = weir_go(&servers, server, .l = l, .g = &connections)) == 0 &&
        (rc = weir_dial("mem:shop", NULL, &s)) == 0) {
        if ((rc = weir_write(s, post, strlen(post))) == 0)
            rc = (int)weir_read_until(s, '\n', line, sizeof line);
        fputs(line, stdout);
        weir_close(&s);
    }
    weir_unlisten(&l);
    rc = weir_group_close(&servers, rc < 0 ? rc : 0);
    return weir_group_close(&connections, rc);
}

int main(void) {
    return weir_run(program, NULL, NULL) == 0 ? 0 : 1;
}
