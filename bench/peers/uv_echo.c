/* SPDX-License-Identifier: MIT */
/* A peer: TCP echo on libuv, written as its own tutorial would and then made quick: one
 * shared receive buffer (uv_alloc_cb), uv_try_write first, a queued write for the rest. A
 * connection with a queued write is not read. --port N. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#ifndef BUFFER_SIZE
#define BUFFER_SIZE (64 << 10)          /* what libuv itself suggests in uv_alloc_cb */
#endif

struct rest {
    uv_write_t request;
    char bytes[];
};

static char buffer[BUFFER_SIZE];

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *b);

static void on_closed(uv_handle_t *h) {
    free(h);
}

static void on_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *ret) {
    (void)h;
    (void)suggested;
    ret->base = buffer;
    ret->len = sizeof buffer;
}

static void hang_up(uv_stream_t *s) {
    if (!uv_is_closing((uv_handle_t *)s))
        uv_close((uv_handle_t *)s, on_closed);
}

static void on_written(uv_write_t *w, int status) {
    uv_stream_t *s = w->handle;

    free(w);
    if (status < 0)
        hang_up(s);
    else if (!uv_is_closing((uv_handle_t *)s))
        uv_read_start(s, on_alloc, on_read);
}

static void write_rest(uv_stream_t *s, const char *bytes, size_t len) {
    struct rest *r = malloc(sizeof *r + len);
    uv_buf_t b;

    if (!r) {
        hang_up(s);
        return;
    }
    memcpy(r->bytes, bytes, len);
    b = uv_buf_init(r->bytes, (unsigned)len);
    uv_read_stop(s);
    if (uv_write(&r->request, s, &b, 1, on_written) != 0) {
        free(r);
        hang_up(s);
    }
}

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *b) {
    uv_buf_t out;
    int done;

    if (n == 0)
        return;
    if (n < 0) {
        hang_up(s);
        return;
    }
    out = uv_buf_init(b->base, (unsigned)n);
    done = uv_try_write(s, &out, 1);
    if (done < 0 && done != UV_EAGAIN) {
        hang_up(s);
        return;
    }
    if (done < 0)
        done = 0;
    if (done < n)
        write_rest(s, b->base + done, (size_t)(n - done));
}

static void on_connection(uv_stream_t *listener, int status) {
    uv_tcp_t *c = status < 0 ? NULL : malloc(sizeof *c);

    if (!c)
        return;
    uv_tcp_init(listener->loop, c);
    if (uv_accept(listener, (uv_stream_t *)c) != 0) {
        uv_close((uv_handle_t *)c, on_closed);
        return;
    }
    uv_tcp_nodelay(c, 1);
    uv_read_start((uv_stream_t *)c, on_alloc, on_read);
}

int main(int argc, char **argv) {
    uv_loop_t *loop = uv_default_loop();
    struct sockaddr_in at;
    uv_tcp_t listener;
    int rc;

    if (argc != 3 || strcmp(argv[1], "--port") != 0) {
        fputs("usage: peer-uv-echo --port N\n", stderr);
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);           /* libuv writes without MSG_NOSIGNAL */
    uv_ip4_addr("127.0.0.1", atoi(argv[2]), &at);
    uv_tcp_init(loop, &listener);
    rc = uv_tcp_bind(&listener, (const struct sockaddr *)&at, 0);
    if (rc == 0)
        rc = uv_listen((uv_stream_t *)&listener, 4096, on_connection);
    if (rc < 0) {
        fprintf(stderr, "peer-uv-echo: listen: %s\n", uv_strerror(rc));
        return 1;
    }
    return uv_run(loop, UV_RUN_DEFAULT);
}
