/* SPDX-License-Identifier: MIT */
/* The server of each shape behind TLS: https. */
#include "http/http_test_util.h"
#include "tls/tls_rig.h"

static struct rig rig;

static int converse(struct world *w) {
    expect_answers_cut(w, GET("/hello") POST("/echo", 5, "hello") GET("/scheme"),
                       HELLO "HTTP/1.1 200 OK\r\nX-Test: yes\r\nContent-Length: 5\r\n\r\nhello"
                       TEXT_OK(5, "https"));
    expect_answers(w, GET("/pieces") GET("/last"),
                   "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
                   "6\r\n there\r\n0\r\nX-Sum: 11\r\n\r\n"
                   "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\n"
                   "Content-Length: 5\r\nConnection: close\r\n\r\nlast\n");
    char got[1024];
    raw_exchange(w, "GET / HTTP/1.1\nHost: a\n\n", 24, 100, got, sizeof got);
    assert_int_equal(strncmp(got, "HTTP/1.1 400 ", 13), 0);
    /* a large answer, whose reader waits */
    struct weir_stream *s = raw_dial(w);
    size_t size = big_len() + (1 << 20);
    char *all = weir__alloc(size);
    assert_int_equal(weir_write(s, GET("/big"), strlen(GET("/big"))), 0);
    weir_sleep(MS(5));
    assert_int_equal(weir_shutdown(s), 0);
    assert_true(raw_read_all(s, all, size) > (ssize_t)big_len());
    assert_memory_equal(strstr(all, "\r\n\r\n") + 4, big_bytes(), big_len());
    weir__free(all);
    weir_close(&s);
    return 0;
}

static int tell_over_tls(void *arg) {
    struct weir_tls *server = rig_server(&rig), *client = rig_client(&rig);
    struct weir_listen_options lo = {.size = sizeof lo, .tls = server};
    struct weir_dial_options po = {.size = sizeof po, .tls = client};
    struct world w = {.shape = *(enum shape *)arg, .o = {.size = sizeof w.o},
                      .listen = &lo, .dial = &po};
    int rc = world_open(&w);
    assert_int_equal(rc, 0);
    rc = converse(&w);
    world_close(&w, true);
    weir_tls_unref(&server);
    weir_tls_unref(&client);
    return rc;
}

WEIR_TEST_BACKENDS(each_shape_serves_https) {
    rig_open(&rig);
    for (enum shape shape = 0; shape < SHAPES; shape++) {
        struct weir_run_options o = {.size = sizeof o, .backend = test_backend};
        fprintf(stderr, "# %s\n", shape_names[shape]);
        assert_int_equal(weir_run(tell_over_tls, &shape, &o), 0);
    }
    rig_close(&rig);
}
