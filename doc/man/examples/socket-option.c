/* SPDX-License-Identifier: MIT */
/* Shows: weir_stream_fd */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <weir/weir.h>

static int program(void *arg) {
    WEIR_AUTO(weir_unlisten) struct weir_listener *l = NULL;
    WEIR_AUTO(weir_close) struct weir_stream *s = NULL;
    char url[40];
    int rc = weir_listen("tcp://127.0.0.1:0", NULL, &l), seconds = 10;
    if (rc == 0) {
        snprintf(url, sizeof url, "tcp://127.0.0.1:%d", weir_listener_port(l));
        rc = weir_dial(url, NULL, &s);
    }
    int fd = rc == 0 ? weir_stream_fd(s) : rc; /* lent: options only, no read, no write, no close */
    if (fd >= 0 && setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &seconds, sizeof seconds) == 0)
        printf("probes each %d s\n", seconds);
    return fd < 0 ? fd : 0;
}

int main(void) {
    return weir_run(program, NULL, NULL) < 0;
}
