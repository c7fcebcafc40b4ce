/* SPDX-License-Identifier: MIT */
/* Shows: weir_endpoint weir_datagram_protocol weir_datagram_calls weir_datagram_factory
 * weir_create_datagram_endpoint weir_endpoint_open weir_endpoint_send weir_endpoint_close
 * weir_endpoint_abort weir_endpoint_is_closing weir_endpoint_set_limits weir_endpoint_unsent
 * weir_endpoint_socket */
/* Two endpoints: one answers each datagram, the other asks once. */
#include <stdio.h>
#include <weir/weir.h>

struct talker {
    struct weir_datagram_protocol protocol; /* first */
    struct weir_endpoint *endpoint;
    bool answers;
};

static void made(struct weir_datagram_protocol *p, struct weir_endpoint *e) {
    ((struct talker *)p)->endpoint = e;
    weir_endpoint_set_limits(e, 16 << 10, -1);
}

static void received(struct weir_datagram_protocol *p, struct weir_view data,
                     const struct weir_addr *from) {
    struct talker *t = (struct talker *)p;
    printf("%.*s\n", (int)data.len, (const char *)data.base);
    if (t->answers)
        weir_endpoint_send(t->endpoint, "four", 4, from);
    else
        weir_endpoint_close(t->endpoint);
}

static void failed(struct weir_datagram_protocol *p, int rc) {
    fprintf(stderr, "%s\n", weir_error_message(rc));
    weir_endpoint_abort(((struct talker *)p)->endpoint);
}

static const struct weir_datagram_calls calls = {.size = sizeof calls,
                                                 .connection_made = made,
                                                 .datagram_received = received,
                                                 .error_received = failed};

static int take(void *arg, struct weir_datagram_protocol **ret_protocol) {
    *ret_protocol = arg;
    return 0;
}

static int ask(struct weir_group *g, struct weir_endpoint *server) {
    struct talker asks = {{&calls}, NULL, false};
    struct weir_endpoint *e;
    struct weir_dgram *d;
    char url[64];
    int port = weir_dgram_port(weir_endpoint_socket(server));
    snprintf(url, sizeof url, "udp://127.0.0.1:%d", port);
    int rc = weir_dgram_dial(url, NULL, &d); /* or by weir_create_datagram_endpoint */
    if (rc < 0)
        return rc;
    rc = weir_endpoint_open(&d, take, &asks, g, &e);
    weir_dgram_close(&d); /* NULL, unless the open has failed */
    if (rc < 0)
        return rc;
    weir_endpoint_send(e, "two and two?", 12, NULL);
    if (weir_endpoint_unsent(e) > 0 || weir_endpoint_is_closing(e))
        fprintf(stderr, "not sent yet\n");
    return weir_group_close(g, 0); /* until the answer has come */
}

static int program(void *arg) {
    struct talker answers = {{&calls}, NULL, true};
    struct weir_endpoint *server;
    struct weir_group g, all;
    weir_group_open(&all, WEIR_TOGETHER);
    int rc = weir_create_datagram_endpoint("udp://127.0.0.1:0", NULL, NULL, take, &answers, &all,
                                           &server);
    if (rc == 0) {
        weir_group_open(&g, WEIR_TOGETHER);
        rc = ask(&g, server);
        weir_endpoint_close(server);
    }
    return weir_group_close(&all, rc);
}

int main(void) {
    return weir_run(program, NULL, NULL) < 0;
}
