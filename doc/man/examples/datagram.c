/* SPDX-License-Identifier: MIT */
/* Shows: weir-datagram weir_dgram weir_dgram_open weir_dgram_dial weir_dgram_options
 * weir_dgram_send
 * weir_dgram_recv weir_dgram_try_send weir_dgram_try_recv weir_dgram_local weir_dgram_port
 * weir_dgram_close */
/* A server that turns each datagram around, and a client that asks again if no answer comes:
 * datagrams may be lost. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <weir/weir.h>

struct serve_args {
    struct weir_dgram *d;
};

static int serve(void *args) {
    const struct serve_args *a = args;
    struct weir_addr from;
    char text[1500];
    for (;;) {
        ssize_t n = weir_dgram_recv(a->d, text, sizeof text, &from);
        if (n == -EMSGSIZE)
            continue; /* it was longer: its first 1500 bytes are in text */
        if (n < 0)
            return (int)n;
        for (ssize_t i = 0; i < n / 2; i++) {
            char c = text[i];
            text[i] = text[n - 1 - i];
            text[n - 1 - i] = c;
        }
        int rc = weir_dgram_send(a->d, text, (size_t)n, &from);
        if (rc < 0)
            return rc;
    }
}

static ssize_t ask_once(struct weir_dgram *d, const char *text, char *buf, size_t size) {
    struct weir_scope s;
    weir_scope_enter(&s, WEIR_MILLISECONDS(200));
    ssize_t n = weir_dgram_send(d, text, strlen(text), NULL);
    if (n == 0)
        n = weir_dgram_recv(d, buf, size, NULL);
    int rc = weir_scope_leave(&s, n < 0 ? (int)n : 0);
    return rc < 0 ? rc : n;
}

static int ask(const char *url) {
    struct weir_dgram_options o = {.size = sizeof o, .local = "127.0.0.1:0", .ttl = 4};
    struct weir_dgram *d;
    char buf[64];
    int rc = weir_dgram_dial(url, &o, &d);
    if (rc < 0)
        return rc;
    ssize_t n = -ETIME;
    for (int i = 0; i < 5 && n == -ETIME; i++)
        n = ask_once(d, "stressed", buf, sizeof buf);
    if (n >= 0)
        printf("%.*s\n", (int)n, buf);
    if (weir_dgram_try_recv(d, buf, sizeof buf, NULL) == -EAGAIN)
        (void)weir_dgram_try_send(d, "bye", 3, NULL); /* these two never wait */
    weir_dgram_close(&d);
    return n < 0 ? (int)n : 0;
}

static int program(void *arg) {
    struct weir_dgram *d;
    struct weir_group g;
    struct weir_addr own;
    char url[WEIR_ADDR_TEXT + 6] = "udp://";
    int rc = weir_dgram_open("udp://127.0.0.1:0", NULL, &d);
    if (rc < 0)
        return rc;
    weir_dgram_local(d, &own);
    printf("port %s\n", weir_dgram_port(d) > 0 ? "given" : "missing");
    weir_addr_text(&own, url + 6, sizeof url - 6);
    weir_group_open(&g, WEIR_TOGETHER);
    rc = weir_go(&g, serve, .d = d);
    if (rc == 0)
        rc = ask(url);
    weir_group_cancel(&g, "answered");
    rc = weir_group_close(&g, rc);
    weir_dgram_close(&d);
    return rc == WEIR_ESTOPPED ? 0 : rc;
}

int main(void) {
    return weir_run(program, NULL, NULL) < 0;
}
