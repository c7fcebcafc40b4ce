/* SPDX-License-Identifier: MIT */
/* tls:// by URL: dial and listen, names, and what is refused. */
#include <errno.h>

#include "tls/tls_rig.h"

static struct rig rig;

struct serves_args {
    struct weir_listener *l;
};

static int serves(void *args) {
    struct serves_args *a = args;
    struct weir_stream *s = NULL;
    char buf[16];
    int rc = weir_accept(a->l, &s);
    if (rc < 0)
        return rc;
    ssize_t n = weir_read(s, buf, sizeof buf);
    rc = n > 0 ? weir_write(s, buf, (size_t)n) : (int)n;
    weir_close(&s);
    return rc;
}

static int asks(const char *url, struct weir_tls *tls, const char *name) {
    struct weir_dial_options o = {.size = sizeof o, .tls = tls, .tls_name = name};
    struct weir_stream *s = NULL;
    char buf[5];
    int rc = weir_dial(url, &o, &s);
    if (rc < 0)
        return rc;
    rc = weir_write(s, "hello", 5);
    if (rc == 0)
        rc = weir_read_exactly(s, buf, 5);
    if (rc == 0)
        assert_memory_equal(buf, "hello", 5);
    weir_close(&s);
    return rc;
}

static int meet(const char *listen_url, const char *dial_url, const char *name) {
    struct weir_tls *client = rig_client(&rig), *server = rig_server(&rig);
    struct weir_listen_options o = {.size = sizeof o, .tls = server};
    struct weir_listener *l = NULL;
    struct weir_group g;
    char url[64];
    int rc = weir_listen(listen_url, &o, &l);
    weir_tls_unref(&server);
    if (rc == 0) {
        snprintf(url, sizeof url, dial_url, weir_listener_port(l));
        weir_group_open(&g, WEIR_TOGETHER);
        rc = weir_go(&g, serves, .l = l);
        if (rc == 0)
            rc = asks(url, client, name);
        if (rc < 0)
            weir_unlisten(&l);
        rc = weir_group_close(&g, rc);
    }
    weir_unlisten(&l);
    weir_tls_unref(&client);
    return rc;
}

static int by_urls(void *arg) {
    assert_int_equal(meet("tls://localhost:0", "tls://localhost:%d", NULL), 0);
    assert_int_equal(meet("tls://127.0.0.1:0", "tls://127.0.0.1:%d", NULL), 0);
    assert_int_equal(meet("tls://*:0", "tls://127.0.0.1:%d", "server.example"), 0);
    assert_int_equal(meet("tcp://127.0.0.1:0", "tcp://127.0.0.1:%d", NULL), 0);
    assert_int_equal(meet("mem:secret", "mem:secret", "localhost"), -EOPNOTSUPP);
    return 0;
}

WEIR_TEST_BACKENDS(a_url_of_tls_is_dialled_and_listened_on) {
    rig_open(&rig);
    assert_int_equal(weir_run(by_urls, NULL, NULL), 0);
    rig_close(&rig);
}

static int refusals(void *arg) {
    struct weir_listener *l = NULL;
    struct weir_stream *s = NULL;
    struct weir_tls *client = rig_client(&rig);
    struct weir_listen_options o = {.size = sizeof o, .tls = client};
    struct weir_dial_options d = {.size = sizeof d, .tls = client};
    assert_int_equal(weir_listen("tls://localhost:0", NULL, &l), -EINVAL);
    assert_non_null(strstr(weir_error_message(-EINVAL), "needs a certificate"));
    assert_int_equal(weir_listen("tls://localhost:0", &o, &l), -EINVAL);
    assert_int_equal(weir_listen("tls://*", &o, &l), WEIR_EURL);
    assert_int_equal(weir_listen("tls://*x:1", &o, &l), WEIR_EURL);
    assert_int_equal(weir_dial("tls://*:1", &d, &s), WEIR_EURL);
    assert_int_equal(weir_dial("tls://127.0.0.1:1", &d, &s), -ECONNREFUSED);
    weir_tls_unref(&client);
    return 0;
}

WEIR_TEST_BACKENDS(a_server_without_a_certificate_is_refused_when_it_listens) {
    rig_open(&rig);
    assert_int_equal(weir_run(refusals, NULL, NULL), 0);
    rig_close(&rig);
}
