/* SPDX-License-Identifier: MIT */
/* echo-datagram - an echo of datagrams over UDP: each is answered to whoever sent it. The client is
 * connected, so that it hears of its server only; it asks again if no answer comes, since a
 * datagram may be lost. */
#include <stdio.h>
#include <string.h>
#include <weir/weir.h>

struct server_args { struct weir_dgram *d; };
static int server(void *args) {
    struct weir_dgram *d = ((struct server_args *)args)->d;
    struct weir_addr from;
    char buf[1500];
    ssize_t n;
    while ((n = weir_dgram_recv(d, buf, sizeof buf, &from)) >= 0)
        if ((n = weir_dgram_send(d, buf, (size_t)n, &from)) < 0)
            break;
    return (int)n;
}

/* Wait for an answer for two seconds. Returns its length; -ETIME. */
static ssize_t answer(struct weir_dgram *d, char *buf, size_t size) {
    struct weir_scope s;
    weir_scope_enter(&s, WEIR_SECONDS(2));
    ssize_t n = weir_dgram_recv(d, buf, size, NULL);
    int rc = weir_scope_leave(&s, n < 0 ? (int)n : 0);
    return rc < 0 ? rc : n;
}

static int ask(struct weir_dgram *d, const char *message) {
    char data[1500];
    ssize_t n = -ETIME;
    for (int attempt = 0; attempt < 5 && n == -ETIME; attempt++)
        if ((n = weir_dgram_send(d, message, strlen(message), NULL)) == 0)
            n = answer(d, data, sizeof data);
    if (n >= 0)
        printf("received: %.*s\n", (int)n, data);
    return n < 0 ? (int)n : 0;
}

static int client(int port) {
    WEIR_AUTO(weir_dgram_close) struct weir_dgram *d = NULL;
    char url[64];
    snprintf(url, sizeof url, "udp://127.0.0.1:%d", port);
    int rc = weir_dgram_dial(url, NULL, &d);
    if (rc == 0)
        rc = ask(d, "hello");
    return rc == 0 ? ask(d, "") : rc; /* one of 0 bytes is a datagram too */
}

static int program(void *arg) {
    struct weir_dgram *d = NULL;
    struct weir_group g;
    (void)arg;
    int rc = weir_dgram_open("udp://127.0.0.1:0", NULL, &d);
    if (rc < 0)
        return rc;
    weir_group_open(&g, WEIR_TOGETHER);
    if ((rc = weir_go(&g, server, .d = d)) == 0)
        rc = client(weir_dgram_port(d));
    weir_group_cancel(&g, "all was asked");
    rc = weir_group_close(&g, rc);
    weir_dgram_close(&d);
    return rc == WEIR_ESTOPPED ? 0 : rc;
}

int main(void) {
    return weir_run(program, NULL, NULL) < 0;
}
