/* SPDX-License-Identifier: MIT */
/* Shows: weir-http_values weir_http_param weir_http_query weir_http_query_at weir_http_cookie
 * weir_http_cookie_write weir_http_set_cookie weir_http_same_site weir_http_basic_auth
 * weir_http_basic weir_http_bearer weir_http_secret_equal weir_http_unauthorized
 * weir_http_client_of weir_http_sender weir_http_add_header weir_http_escape weir-http_cors
 * weir_http_cors weir-http_log weir_http_log_line weir_http_log */
#include <stdio.h>
#include <string.h>
#include <weir/weir.h>

static int show_user(struct weir_http_request *r) {
    struct weir_http_sender who;
    const char *name, *value;
    char text[500];
    weir_http_client_of(r, &who);
    printf("user %s for %s by %s\n", weir_http_param(r, "id"), who.address, who.scheme);
    for (size_t i = 0; weir_http_query_at(r, i, &name, &value) == 1; i++)
        printf("  %s is %s\n", name, value);
    const char *lang = weir_http_query(r, "lang");
    snprintf(text, sizeof text, "%.20s\n", lang != NULL ? lang : "en");
    return weir_http_reply(r, 200, text);
}

/* The files of another server stand under this one's name. */
static int elsewhere(struct weir_http_request *r) {
    const char *path = weir_http_param(r, "path");
    char url[2048] = "http://files.example.org/";
    size_t used = strlen(url);
    ssize_t n = weir_http_escape(url + used, sizeof url - used, path, strlen(path), "/");
    return n < 0 ? weir_http_reply(r, 414, NULL) : weir_http_redirect(r, 307, url);
}

/* A password opens a session, which a cookie or a token keeps. */
static int sign_in(struct weir_http_request *r) {
    const struct weir_http_set_cookie cookie = {
        .size = sizeof cookie, .name = "__Host-session", .value = "4711",
        .same_site = WEIR_HTTP_STRICT};
    struct weir_http_basic who;
    struct weir_view session;
    char line[4096];
    const char *token = weir_http_bearer(r);
    if (weir_http_cookie(r, "__Host-session", &session) == 1 ||
        (token != NULL && weir_http_secret_equal(token, "4711")))
        return weir_http_reply(r, 200, "welcome back\n");
    if (weir_http_basic_auth(r, &who) != 1 || !weir_http_secret_equal(who.password, "open sesame"))
        return weir_http_unauthorized(r, "Basic", "the cave");
    int rc = weir_http_cookie_write(line, sizeof line, &cookie);
    if (rc > 0)
        rc = weir_http_add_header(r, line);
    return rc < 0 ? rc : weir_http_reply(r, 200, "welcome\n");
}

/* Other pages of ours may call this one. */
static int api(struct weir_http_request *r) {
    static const char *const origins[] = {"https://app.example.org", NULL};
    static const struct weir_http_cors policy = {.size = sizeof policy, .origins = origins};
    int rc = weir_http_cors(r, &policy);
    return rc != 0 ? (rc < 0 ? rc : 0) : weir_http_reply(r, 200, "42\n");
}

static void note(const struct weir_http_log *entry, void *arg) {
    char line[2048];
    weir_http_log_line(entry, line, sizeof line);
    fprintf(arg, "%s\n", line);
}

static const struct weir_http_server_options *options(void);

struct server_args { struct weir_listener *l; struct weir_group *g; };

static int server(void *args) {
    struct server_args *a = args;
    return weir_http_serve(a->l, a->g, options());
}

static int client(const char *requests) {
    WEIR_AUTO(weir_close) struct weir_stream *s = NULL;
    char line[256];
    ssize_t n;
    int rc = weir_dial("mem:site", NULL, &s);
    if (rc == 0)
        rc = weir_write(s, requests, strlen(requests));
    if (rc == 0)
        rc = weir_shutdown(s);
    while (rc == 0 && (n = weir_read(s, line, sizeof line)) != 0)
        rc = n < 0 ? (int)n : (int)(fwrite(line, 1, (size_t)n, stdout) != (size_t)n);
    return rc;
}

static int program(void *arg) {
    struct weir_listener *l;
    struct weir_group connections, servers;
    int rc = weir_listen("mem:site", NULL, &l);
    if (rc < 0)
        return rc;
    weir_group_open(&connections, WEIR_INDEPENDENT);
    weir_group_open(&servers, WEIR_TOGETHER);
    if ((rc = weir_go(&servers, server, .l = l, .g = &connections)) == 0)
        rc = client(arg);
    weir_unlisten(&l);
    rc = weir_group_close(&servers, rc);
    return weir_group_close(&connections, rc);
}

static const struct weir_http_server_options *options(void) {
    static const struct weir_http_route routes[] = {
        {"GET", "/users/{id}", show_user}, {"GET", "/door", sign_in}, {NULL, "/api", api},
        {"GET", "/files/{path...}", elsewhere}, {0}};
    static struct weir_http_server_options o = {.size = sizeof o, .routes = routes, .log = note};
    o.log_arg = stdout;
    return &o;
}

int main(void) {
    static char requests[] =
        "GET /users/7?lang=de&x=%20 HTTP/1.1\r\nHost: a\r\n\r\n"
        "GET /door HTTP/1.1\r\nHost: a\r\n\r\n"
        "GET /door HTTP/1.1\r\nHost: a\r\nAuthorization: Basic YWxpOm9wZW4gc2VzYW1l\r\n\r\n"
        "GET /door HTTP/1.1\r\nHost: a\r\nCookie: __Host-session=4711\r\n\r\n"
        "GET /files/my%20photos/a%3Fb HTTP/1.1\r\nHost: a\r\n\r\n"
        "GET /api HTTP/1.1\r\nHost: a\r\nOrigin: https://app.example.org\r\n\r\n";
    return weir_run(program, requests, NULL) == 0 ? 0 : 1;
}
