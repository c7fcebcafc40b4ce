/* SPDX-License-Identifier: MIT */
/* http-site - a small site: files of a folder, a form that takes uploads, a clock that ticks by
 * server-sent events, and a page behind a password. Its access log goes to standard output.
 *
 *   http-site FOLDER [--port 8080]
 *   curl http://127.0.0.1:8080/files/a.txt -r 0-99 -z "last week"
 *   curl http://127.0.0.1:8080/upload -F note=hello -F photo=@me.png
 *   curl http://127.0.0.1:8080/clock -N
 *   curl http://127.0.0.1:8080/secret -u user:opensesame */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weir/weir.h>

static struct weir_http_files *files;

static int show_file(struct weir_http_request *r) {
    return weir_http_file(r, files, weir_http_param(r, "path"));
}

/* ---- uploads ---- */

static int take_part(struct weir_http_form *f, const struct weir_http_part *p, char *text,
                     size_t size) {
    size_t len = strlen(text);
    struct weir_view v = {NULL, 0};
    struct stat st = {0};
    char *path = NULL;
    if (p->filename == NULL) {
        int rc = weir_http_part_text(f, &v);
        snprintf(text + len, size - len, "%.50s: %zu bytes of text\n", p->name, v.len);
        return rc;
    }
    int rc = weir_http_part_save(f, "/tmp", &path);
    if (rc == 0 && (rc = weir_stat(path, &st)) == 0)
        rc = weir_unlink(path); /* a real site would keep it */
    free(path);
    snprintf(text + len, size - len, "%.50s: a file of %lld bytes\n", p->name,
             (long long)st.st_size);
    return rc;
}

static int upload(struct weir_http_request *r) {
    WEIR_AUTO(weir_http_form_close) struct weir_http_form *f = NULL;
    struct weir_http_part part;
    char text[2000] = "";
    int rc = weir_http_form_open(r, NULL, &f);
    while (rc == 0 && (rc = weir_http_form_next(f, &part)) == 1)
        rc = take_part(f, &part, text, sizeof text);
    return rc < 0 ? weir_http_form_refuse(r, rc) : weir_http_reply(r, 200, text);
}

/* ---- the clock ---- */

static int number(const char *text, int otherwise) {
    long n = text != NULL ? strtol(text, NULL, 10) : otherwise;
    return n < 0 ? 0 : n > 1 << 29 ? 1 << 29 : (int)n; /* the sum of two is a number too */
}

static int clock_ticks(struct weir_http_request *r) {
    const char *last = weir_http_last_event_id(r), *ticks = weir_http_query(r, "ticks");
    int at = number(last, 0), end = at + number(ticks, 1 << 29);
    char id[16];
    int rc = weir_http_events_begin(r, WEIR_SECONDS(1));
    while (rc == 0 && at++ < end) {
        snprintf(id, sizeof id, "%d", at);
        rc = weir_http_events_send(r, &(struct weir_http_event){
            .size = sizeof(struct weir_http_event), .id = id, .data = "tick"});
        if (rc == 0)
            rc = weir_sleep(WEIR_MILLISECONDS(100));
    }
    return rc;
}

/* ---- the secret ---- */

static int secret(struct weir_http_request *r) {
    struct weir_http_basic who;
    if (weir_http_basic_auth(r, &who) != 1 || !weir_http_secret_equal(who.password, "opensesame"))
        return weir_http_unauthorized(r, "Basic", "the cave");
    return weir_http_reply(r, 200, "gold\n");
}

static int words(struct weir_http_request *r) { /* worth compressing */
    static char text[20000];
    for (size_t i = 0; i < sizeof text - 1; i++)
        text[i] = "water flows\n"[i % 12];
    return weir_http_reply(r, 200, text);
}

/* ---- the server ---- */

static void note(const struct weir_http_log *entry, void *to) {
    char line[2048];
    weir_http_log_line(entry, line, sizeof line);
    fprintf(to, "%s\n", line);
    fflush(to);
}

static const struct weir_http_route routes[] = {
    {NULL, "/files/{path...}", .fn = show_file}, {"POST", "/upload", .fn = upload},
    {"GET", "/clock", .fn = clock_ticks},        {"GET", "/secret", .fn = secret},
    {"GET", "/words", .fn = words},              {0}};

struct site {
    const char *folder;
    int port;
};

static int serve(void *arg) {
    struct site *site = arg;
    struct weir_http_server_options o = {.size = sizeof o, .routes = routes, .log = note,
                                         .log_arg = stdout, .body_max = 100 << 20,
                                         .compress = true};
    WEIR_AUTO(weir_unlisten) struct weir_listener *l = NULL;
    struct weir_group clients;
    struct weir_scope s;
    char url[64];
    snprintf(url, sizeof url, "tcp://127.0.0.1:%d", site->port);
    int rc = weir_http_files_open(site->folder, NULL, &files);
    if (rc == 0)
        rc = weir_listen(url, NULL, &l);
    if (rc < 0)
        return rc;
    printf("http://127.0.0.1:%d\n", weir_listener_port(l));
    fflush(stdout);
    weir_group_open(&clients, WEIR_INDEPENDENT);
    weir_scope_enter(&s, WEIR_NEVER);
    rc = weir_scope_on_signal(&s, SIGTERM, SIGINT);
    if (rc == 0)
        rc = weir_http_serve(l, &clients, &o); /* finishes what runs, once the scope has fired */
    rc = weir_scope_leave(&s, rc);
    rc = weir_group_close(&clients, rc);
    weir_http_files_close(&files);
    return rc;
}

int main(int argc, char **argv) {
    struct site site = {argc > 1 ? argv[1] : ".", 0};
    if (argc == 4 && strcmp(argv[2], "--port") == 0)
        site.port = atoi(argv[3]);
    int rc = weir_run(serve, &site, NULL);
    if (rc < 0 && rc != WEIR_ESTOPPED)
        fprintf(stderr, "http-site: %s\n", weir_error_message(rc));
    return rc < 0 && rc != WEIR_ESTOPPED;
}
