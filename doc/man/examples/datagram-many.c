/* SPDX-License-Identifier: MIT */
/* Shows: weir_datagram weir_dgram_send_many weir_dgram_recv_many weir_dgram_join weir_dgram_leave
 * weir_dgram_fd */
/* A hundred datagrams by a few system calls; the members of a group. */
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <sys/socket.h>
#include <weir/weir.h>

enum { MANY = 100 };

static ssize_t flood(struct weir_dgram *to_peer) {
    static unsigned numbers[MANY];
    struct weir_datagram out[MANY];
    for (unsigned i = 0; i < MANY; i++) {
        numbers[i] = i;
        out[i] = (struct weir_datagram){.data = &numbers[i], .len = sizeof numbers[i]};
    }
    return weir_dgram_send_many(to_peer, out, MANY);
}

static int receive(struct weir_dgram *d, ssize_t count) {
    unsigned numbers[16];
    struct weir_datagram in[16];
    for (int i = 0; i < 16; i++)
        in[i] = (struct weir_datagram){.data = &numbers[i], .size = sizeof numbers[i]};
    while (count > 0) {
        ssize_t n = weir_dgram_recv_many(d, in, 16);
        if (n < 0)
            return (int)n;
        for (ssize_t i = 0; i < n; i++)
            if (in[i].flags & WEIR_DGRAM_TRUNCATED)
                fprintf(stderr, "one was longer\n");
        count -= n;
    }
    return 0;
}

static int meet(struct weir_dgram *d) {
    struct weir_addr group;
    int on = 1;
    int rc = weir_addr_parse("239.255.1.2:0", &group);
    if (rc == 0)
        rc = weir_dgram_join(d, &group, if_nametoindex("lo"));
    if (rc == 0)
        rc = weir_dgram_leave(d, &group, if_nametoindex("lo"));
    if (rc == 0 && setsockopt(weir_dgram_fd(d), SOL_SOCKET, SO_TIMESTAMP, &on, sizeof on) != 0)
        rc = -errno;
    return rc;
}

static int program(void *arg) {
    struct weir_dgram_options roomy = {.size = sizeof roomy, .receive_buffer = 1 << 20};
    struct weir_dgram *d, *c = NULL;
    char url[40];
    int rc = weir_dgram_open("udp://127.0.0.1:0", &roomy, &d);
    if (rc < 0)
        return rc;
    snprintf(url, sizeof url, "udp://127.0.0.1:%d", weir_dgram_port(d));
    rc = weir_dgram_dial(url, NULL, &c);
    ssize_t sent = rc == 0 ? flood(c) : rc;
    rc = sent < 0 ? (int)sent : receive(d, sent);
    if (rc == 0)
        rc = meet(d);
    weir_dgram_close(&c);
    weir_dgram_close(&d);
    return rc;
}

int main(void) {
    return weir_run(program, NULL, NULL) < 0;
}
