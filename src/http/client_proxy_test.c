/* SPDX-License-Identifier: MIT */
/* Requests through a proxy: the forms of their targets, its password, its refusals. */
#include <stdlib.h>

#include "http/client_test_util.h"

static struct weir_http_client *proxied(struct world *w, struct weir_http_client_options o) {
    struct weir_http_client *c = NULL;
    o.size = sizeof o;
    o.proxy = w->url;
    assert_int_equal(weir_http_client_new(&o, &c), 0);
    return c;
}

HTTP_STORY(a_proxy_gets_the_whole_url_and_its_password_and_one_connection_serves_all) {
    struct weir_http_client *c = proxied(
        w, (struct weir_http_client_options){.proxy_user = "u", .proxy_password = "p"});
    SCRIPT(w, 0, "<", ">" OK(1) "a", "<", ">" OK(1) "b");
    gets_by(c, "http://one.example/x?y", 200, "a");
    gets_by(c, "http://two.example:81/", 200, "b");
    assert_true(has_asked(w, 0, "GET http://one.example/x?y HTTP/1.1\r\nHost: one.example\r\n"));
    assert_true(has_asked(w, 0, "\r\nProxy-Authorization: Basic dTpw\r\n"));
    assert_true(has_asked(w, 1, "GET http://two.example:81/ HTTP/1.1\r\n"));
    assert_int_equal(w->connections, 1);
    weir_http_client_close(&c);
    return 0;
}

HTTP_STORY(a_host_of_the_list_is_reached_without_the_proxy) {
    struct weir_http_client_options o = {.size = sizeof o, .proxy = "http://127.0.0.1:1",
                                         .no_proxy = "example.org, 127.0.0.0/8"};
    struct weir_http_client *c = NULL;
    SCRIPT(w, 0, "<", ">" OK(1) "a");
    assert_int_equal(weir_http_client_new(&o, &c), 0);
    gets_by(c, at(w, "/"), 200, "a");
    assert_true(has_asked(w, 0, "GET / HTTP/1.1\r\n"));
    weir_http_client_close(&c);
    return 0;
}

HTTP_STORY(the_environments_proxy_is_used_if_asked_for_but_not_for_this_machine) {
    struct weir_http_client_options o = {.size = sizeof o, .proxy_from_environment = true};
    struct weir_http_client *c = NULL;
    char with_password[128];
    snprintf(with_password, sizeof with_password, "http://u:p@127.0.0.1:%d/",
             weir_listener_port(w->l));
    setenv("http_proxy", with_password, 1);
    setenv("no_proxy", "direct.example", 1);
    SCRIPT(w, 0, "<", ">" OK(1) "a");
    SCRIPT(w, 1, "<", ">" OK(1) "b");
    assert_int_equal(weir_http_client_new(&o, &c), 0);
    unsetenv("http_proxy");
    unsetenv("no_proxy");
    gets_by(c, "http://far.example/", 200, "a");
    gets_by(c, at(w, "/here"), 200, "b");
    assert_true(has_asked(w, 0, "GET http://far.example/ HTTP/1.1\r\n"));
    assert_true(has_asked(w, 0, "\r\nProxy-Authorization: Basic dTpw\r\n"));
    assert_true(has_asked(w, 1, "GET /here HTTP/1.1\r\n"));
    assert_false(has_asked(w, 1, "Proxy-Authorization"));
    weir_http_client_close(&c);
    return 0;
}

/* A request for https:// asks for a tunnel; the refusal's status is in the error. */
static void tunnel_fails(struct world *w, const char *answer, int code, int status,
                         const char *part) {
    struct weir_http_client *c = proxied(w, (struct weir_http_client_options){.proxy_user = "u"});
    struct weir_http_call call = {.size = sizeof call, .url = "https://far.example/secret"};
    struct weir_http_response *r = NULL;
    static char step[256];
    snprintf(step, sizeof step, ">%s", answer);
    static const char *const script[] = {"<", step, "~", NULL};
    w->scripts[0] = script;
    w->asked_count = 0;
    int rc = weir_http_fetch(c, &call, &r);
    if (rc != code || strstr(weir_error_message(rc), part) == NULL)
        fail_msg("%s", weir_error_message(rc));
    assert_int_equal(weir_error(rc)->status, status);
    assert_string_equal(w->asked[0], "CONNECT far.example:443 HTTP/1.1\r\n"
                                     "Host: far.example:443\r\n"
                                     "Proxy-Authorization: Basic dTo=\r\n\r\n");
    weir_http_client_close(&c);
}

HTTP_STORY(a_tunnel_that_the_proxy_refuses_is_an_error_with_its_status) {
    tunnel_fails(w, "HTTP/1.1 407 Who\r\nContent-Length: 0\r\n\r\n", WEIR_EHTTP, 407,
                 "a user and a password");
    tunnel_fails(w, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 502 No\r\n\r\n", WEIR_EHTTP, 502,
                 "502 No");
    tunnel_fails(w, "HTTP/1.1 200", WEIR_EEOF, 0, "the proxy ended the connection");
    tunnel_fails(w, "220 mail.example ESMTP\r\n", WEIR_EPROTO, 0, "the proxy:");
    return 0;
}

/* It is for the dial on this machine only. */
HTTP_STORY(the_zone_of_an_address_is_sent_to_no_proxy_and_no_server) {
    struct weir_http_client *c = proxied(w, (struct weir_http_client_options){0});
    char place[64];
    struct weir_http_client_options o = {.size = sizeof o, .connect = place};
    struct weir_http_call call = {.size = sizeof call, .url = "https://[fe80::1%eth0]/"};
    struct weir_http_response *r = NULL;
    snprintf(place, sizeof place, "tcp://127.0.0.1:%d", weir_listener_port(w->l));
    SCRIPT(w, 0, "<", ">" OK(1) "a", ".");
    SCRIPT(w, 1, "<", ">HTTP/1.1 403 No\r\n\r\n", "~");
    SCRIPT(w, 2, "<", ">" OK(1) "b", "<", ">" OK(1) "c");
    gets_by(c, "http://[fe80::1%eth0]:81/x", 200, "a");
    assert_true(has_asked(w, 0, "GET http://[fe80::1]:81/x HTTP/1.1\r\nHost: [fe80::1]:81\r\n"));
    assert_int_equal(weir_http_fetch(c, &call, &r), WEIR_EHTTP);
    assert_string_equal(w->asked[1], "CONNECT [fe80::1]:443 HTTP/1.1\r\nHost: [fe80::1]:443\r\n"
                                     "\r\n");
    weir_http_client_close(&c);
    assert_int_equal(weir_http_client_new(&o, &c), 0);
    gets_by(c, "http://[fe80::1%eth0]/", 200, "b");
    assert_true(has_asked(w, 2, "GET / HTTP/1.1\r\nHost: [fe80::1]\r\n"));
    call.url = "http://[fe80::1%eth0]/";
    call.host = "[fe80::2%eth0]:8";
    assert_int_equal(weir_http_fetch(c, &call, &r), 0);
    assert_true(has_asked(w, 3, "\r\nHost: [fe80::2]:8\r\n"));
    weir_http_response_close(&r);
    weir_http_client_close(&c);
    return 0;
}

HTTP_STORY(a_proxy_that_is_not_there_is_named) {
    struct weir_http_client_options o = {.size = sizeof o, .proxy = "http://127.0.0.1:1"};
    struct weir_http_call call = {.size = sizeof call, .url = "http://far.example/"};
    struct weir_http_response *r = NULL;
    struct weir_http_client *c = NULL;
    assert_int_equal(weir_http_client_new(&o, &c), 0);
    assert_int_equal(weir_http_fetch(c, &call, &r), -ECONNREFUSED);
    assert_non_null(strstr(weir_error_message(-ECONNREFUSED), "the proxy"));
    weir_http_client_close(&c);
    o.proxy = "https://h";
    assert_int_equal(weir_http_client_new(&o, &c), WEIR_EURL);
    o.proxy = NULL;
    o.connect = "h:80";
    assert_int_equal(weir_http_client_new(&o, &c), WEIR_EURL);
    assert_null(c);
    return 0;
}
