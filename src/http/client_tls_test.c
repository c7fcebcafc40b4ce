/* SPDX-License-Identifier: MIT */
/* https://: certificates are looked at, connections are kept, proxies are tunnelled through. */
#include <weir/testing.h>

#include "http/client_test_util.h"
#include "tls/tls_rig.h"

static struct rig rig;

/* A story whose server speaks TLS if is_tls is set, and a client that trusts it. */
#define HTTPS_STORY(sentence, is_tls)                                                              \
    static int sentence##_with(struct world *w, struct weir_http_client *c);                       \
    static int sentence##_told(struct world *w) {                                                  \
        struct weir_http_client *c = trusting(NULL);                                               \
        int rc = sentence##_with(w, c);                                                            \
        weir_http_client_close(&c);                                                                \
        return rc;                                                                                 \
    }                                                                                              \
    WEIR_TEST_BACKENDS(sentence) {                                                                 \
        run_story(sentence##_told, is_tls);                                                        \
    }                                                                                              \
    static int sentence##_with(struct world *w, struct weir_http_client *c)

static struct weir_http_client *trusting(const char *proxy) {
    struct weir_http_client *c = NULL;
    struct weir_tls *tls = rig_client(&rig);
    struct weir_http_client_options o = {.size = sizeof o, .tls = tls, .proxy = proxy};
    assert_int_equal(weir_http_client_new(&o, &c), 0);
    weir_tls_unref(&tls);
    return c;
}

static int with_server(void *arg) {
    bool is_tls = server_tls != NULL;
    server_tls = is_tls ? rig_server(&rig) : NULL;
    int rc = tell(arg);
    weir_tls_unref(&server_tls);
    return rc;
}

static void run_story(int (*story)(struct world *w), bool is_tls) {
    struct weir_run_options o = {.size = sizeof o, .backend = test_backend};
    rig_open(&rig);
    server_tls = is_tls ? (void *)&rig : NULL; /* made inside the run: with_server */
    assert_int_equal(weir_run(with_server, &story, &o), 0);
    rig_close(&rig);
}

HTTPS_STORY(a_page_is_fetched_over_tls_and_its_connection_kept, true) {
    SCRIPT(w, 0, "<", ">" OK(1) "a", "<", ">" OK(1) "b");
    gets_by(c, at(w, "/"), 200, "a");
    gets_by(c, at(w, "/"), 200, "b");
    assert_int_equal(w->connections, 1);
    assert_int_equal(counts_of(c).reused, 1);
    return 0;
}

HTTPS_STORY(a_body_without_length_ends_with_tls, true) {
    SCRIPT(w, 0, "<", ">HTTP/1.1 200 OK\r\n\r\nall of it", "~");
    gets_by(c, at(w, "/"), 200, "all of it");
    return 0;
}

HTTPS_STORY(a_certificate_that_nobody_vouches_for_is_refused, true) {
    struct weir_http_response *r = NULL;
    struct weir_http_call call = {.size = sizeof call};
    char other[64];
    assert_int_equal(weir_http_get(at(w, "/"), &r), WEIR_ECERT); /* the system's roots */
    assert_int_equal(w->asked_count, 0);
    snprintf(other, sizeof other, "https://127.0.0.2:%d/", weir_listener_port(w->l));
    call.url = other; /* not a name of the certificate */
    int rc = weir_http_fetch(c, &call, &r);
    assert_true(rc == WEIR_ECERT || rc == -ECONNREFUSED);
    assert_null(r);
    return 0;
}

static int accept_tls(struct world *w, struct weir_stream **s) {
    struct weir_tls *tls = rig_server(&rig);
    int rc = weir_tls_accept(s, tls, s);
    weir_tls_unref(&tls);
    return rc;
}

HTTPS_STORY(tls_goes_through_the_tunnel_of_a_proxy, false) {
    struct weir_http_client *through = trusting(w->url);
    w->hook = accept_tls;
    SCRIPT(w, 0, "<", ">HTTP/1.1 200 Connected\r\n\r\n", "*", "<", ">" OK(1) "a", "<",
           ">" OK(1) "b");
    gets_by(through, "https://server.example/x", 200, "a");
    gets_by(through, "https://server.example/y", 200, "b");
    assert_true(has_asked(w, 0, "CONNECT server.example:443 HTTP/1.1\r\n"));
    assert_true(has_asked(w, 1, "GET /x HTTP/1.1\r\nHost: server.example\r\n"));
    assert_false(has_asked(w, 1, "Proxy-"));
    assert_int_equal(w->connections, 1);
    weir_http_client_close(&through);
    return 0;
}

HTTPS_STORY(a_redirect_from_https_to_http_is_refused_unless_asked_for, true) {
    struct weir_http_call call = {.size = sizeof call, .url = at(w, "/")};
    struct weir_http_response *r = NULL;
    SCRIPT(w, 0, "<", ">HTTP/1.1 302 Go\r\nLocation: http://127.0.0.1:1/\r\n\r\n");
    assert_int_equal(weir_http_fetch(c, &call, &r), WEIR_EHTTP);
    assert_non_null(strstr(weir_error_message(WEIR_EHTTP), "from https to http"));
    struct weir_tls *tls = rig_client(&rig);
    struct weir_http_client_options o = {.size = sizeof o, .tls = tls, .follow_downgrade = true};
    struct weir_http_client *bold = NULL;
    assert_int_equal(weir_http_client_new(&o, &bold), 0);
    weir_tls_unref(&tls);
    w->connections = w->asked_count = 0;
    assert_int_equal(weir_http_fetch(bold, &call, &r), -ECONNREFUSED);
    weir_http_client_close(&bold);
    return 0;
}

/* Two requests over one connection. */
static int two_requests(struct world *w, struct weir_tls *tls) {
    struct weir_http_client_options o = {.size = sizeof o, .tls = tls};
    struct weir_http_client *c = NULL;
    char url[128];
    struct weir_http_call call = {.size = sizeof call, .url = url};
    SCRIPT(w, 0, "<", ">" OK(1) "a", "<", ">" OK(1) "b");
    snprintf(url, sizeof url, "%s/x", w->url);
    int rc = weir_http_client_new(&o, &c);
    for (int i = 0; i < 2 && rc == 0; i++) {
        struct weir_http_response *r = NULL;
        struct weir_view v;
        rc = weir_http_fetch(c, &call, &r);
        ssize_t n = rc == 0 ? weir_http_response_body(r, 0, &v) : 0;
        weir_http_response_close(&r);
        rc = n < 0 ? (int)n : rc;
    }
    weir_http_client_close(&c);
    return rc;
}

static int disturbed(void *arg) {
    static struct world w;
    struct weir_tls *tls = rig_client(&rig);
    struct weir_scope s;
    w = (struct world){.tls = rig_server(&rig)};
    int rc = world_open(&w);
    weir_scope_enter(&s, WEIR_SECONDS(10));
    if (rc == 0)
        rc = two_requests(&w, tls);
    rc = weir_scope_leave(&s, rc);
    world_close(&w);
    weir_tls_unref(&w.tls);
    weir_tls_unref(&tls);
    return rc;
}

WEIR_TEST(a_client_over_tls_leaves_nothing_behind_wherever_it_is_cancelled) {
    struct weir_sim_options o = {.size = sizeof o, .limit_ns = WEIR_SECONDS(100)};
    struct weir_story s = {.size = sizeof s, .name = "https", .fn = disturbed, .options = &o};
    struct weir_fault f = {.size = sizeof f};
    struct weir_explored e;
    rig_open(&rig);
    assert_int_equal(weir_explore_cancels(&s, &e), 0);
    assert_true(e.points > 20);
    assert_int_equal(weir_explore_faults(&s, &f, &e), 0);
    assert_true(e.points > 10);
    rig_close(&rig);
}
