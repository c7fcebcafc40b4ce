/* SPDX-License-Identifier: MIT */
/* Shows: weir_react weir_reactive weir_conn weir_conn_stream weir_conn_group weir_conn_close
 * weir_conn_arg */
#include <stdio.h>
#include <weir/weir.h>

struct totals { size_t bytes; };
struct visit { size_t bytes; }; /* of a connection: zeroed, freed by the library */

static int remind(void *arg) {
    return weir_sleep(WEIR_SECONDS(60)); /* cancelled with the connection that began it */
}

static int message(struct weir_conn *c, void *state, struct weir_view v) {
    struct visit *visit = state;
    int rc = visit->bytes == 0 ? weir_go0(weir_conn_group(c), remind) : 0;
    visit->bytes += v.len;
    if (visit->bytes >= 5)
        weir_conn_close(c); /* after this function */
    return rc < 0 ? rc : weir_write(weir_conn_stream(c), v.base, v.len);
}

static void closed(struct weir_conn *c, void *state, int rc) {
    struct totals *t = weir_conn_arg(c);
    t->bytes += ((struct visit *)state)->bytes;
    weir_stop("one visit is enough");
}

struct visitor_args { int port; };

static int visitor(void *args) {
    WEIR_AUTO(weir_close) struct weir_stream *s = NULL;
    char url[40], echo[5];
    snprintf(url, sizeof url, "tcp://127.0.0.1:%d", ((struct visitor_args *)args)->port);
    int rc = weir_dial(url, NULL, &s);
    if (rc == 0)
        rc = weir_write(s, "hello", 5);
    return rc < 0 ? rc : weir_read_exactly(s, echo, sizeof echo);
}

static int program(void *arg) {
    struct totals totals = {0};
    const struct weir_reactive echo = {.size = sizeof echo, .state_size = sizeof(struct visit),
                                       .message = message, .closed = closed, .arg = &totals};
    WEIR_AUTO(weir_unlisten) struct weir_listener *l = NULL;
    struct weir_group g;
    weir_group_open(&g, WEIR_INDEPENDENT);
    int rc = weir_listen("tcp://127.0.0.1:0", NULL, &l);
    if (rc == 0)
        rc = weir_go(NULL, visitor, .port = weir_listener_port(l));
    if (rc == 0)
        rc = weir_react(l, &g, &echo); /* until it is cancelled */
    rc = weir_group_close(&g, rc);
    printf("%zu bytes\n", totals.bytes);
    return rc == -ECANCELED ? 0 : rc;
}

int main(void) {
    return weir_run(program, NULL, NULL) < 0;
}
