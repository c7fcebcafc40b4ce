/* SPDX-License-Identifier: MIT */
/* Forms of browsers: parts in memory and in files, bounds, and forms that lie. */
#include <weir/http_form.h>
#include <weir/http_values.h>

#include "file/file_test_util.h"
#include "http/route_rig.h"

static struct weir_http_form_options bounds;
static int form_rc;

static int part_told(struct weir_http_form *f, const struct weir_http_part *p, char *text,
                     size_t *len) {
    struct weir_view v;
    char *path = NULL;
    struct stat st;
    int rc = p->filename == NULL ? weir_http_part_text(f, &v)
                                 : weir_http_part_save(f, folder, &path);
    if (rc < 0)
        return rc;
    if (p->filename == NULL) {
        *len += (size_t)sprintf(text + *len, "[%s=%.*s]", p->name, (int)v.len,
                                (const char *)v.base);
        return 0;
    }
    assert_int_equal(strncmp(path, folder, strlen(folder)), 0);
    assert_null(strchr(path + strlen(folder) + 1, '/'));
    rc = weir_stat(path, &st);
    assert_int_equal(st.st_mode & 0777, 0600);
    *len += (size_t)sprintf(text + *len, "[%s:%s:%s:%d]", p->name, p->filename,
                            p->type != NULL ? p->type : "-", (int)st.st_size);
    if (rc == 0)
        rc = weir_unlink(path);
    free(path);
    return rc;
}

static int tells_form(struct weir_http_request *r) {
    WEIR_AUTO(weir_http_form_close) struct weir_http_form *f = NULL;
    static char text[20000];
    struct weir_http_part p;
    size_t len = 0;
    text[0] = '\0';
    int rc = weir_http_form_open(r, &bounds, &f);
    while (rc == 0 && (rc = weir_http_form_next(f, &p)) == 1) {
        if (strcmp(p.name, "skip") == 0) {
            rc = 0;
            continue;
        }
        rc = part_told(f, &p, text, &len);
    }
    form_rc = rc;
    return rc < 0 ? weir_http_form_refuse(r, rc) : weir_http_reply(r, 200, text);
}

static const struct weir_http_route routes[] = {{"POST", "/", tells_form}, {0}};

static const char *post(struct world *w, const char *type, const char *body, size_t len) {
    static char text[200000];
    int n = snprintf(text, sizeof text, "POST / HTTP/1.1\r\nHost: x\r\nContent-Type: %s\r\n"
                     "Content-Length: %zu\r\n\r\n", type, len);
    memcpy(text + n, body, len + 1);
    return answer_to(w, text);
}

#define MULTIPART "multipart/form-data; boundary=B"
#define PAIRS "application/x-www-form-urlencoded"
#define FIELD(name, value) \
    "--B\r\nContent-Disposition: form-data; name=\"" name "\"\r\n\r\n" value "\r\n"
#define FILE_PART(name, filename, value)                                                           \
    "--B\r\nContent-Disposition: form-data; name=\"" name "\"; filename=\"" filename               \
    "\"\r\nContent-Type: text/x\r\n\r\n" value "\r\n"

static void begin_forms(void) {
    folder_begin();
    if (is_sim())
        assert_int_equal(weir_mkdir(folder, 0700), 0);
    bounds = (struct weir_http_form_options){.size = sizeof bounds};
}

static int count_names(void) {
    struct weir_dir *d = NULL;
    struct weir_dir_entry e;
    int n = 0;
    assert_int_equal(weir_dir_open(folder, &d), 0);
    while (weir_dir_next(d, &e) == 1)
        n++;
    weir_dir_close(&d);
    return n;
}

ROUTE_STORY(forms_are_read_part_by_part, o->routes = routes) {
    static const struct {
        const char *type, *body;
        int status;
        const char *told;
    } cases[] = {
        {PAIRS, "a=1&b=x+y%21&&c&=d", 200, "[a=1][b=x y!][c=][=d]"},
        {PAIRS "; charset=utf-8", "skip=1&b=%C3%A9%zz", 200, "[b=\xc3\xa9%zz]"},
        {PAIRS, "", 200, ""},
        {MULTIPART, FIELD("a", "1") FIELD("skip", "2") FIELD("c", "") "--B--\r\n", 200,
         "[a=1][c=]"},
        {MULTIPART, FIELD("a", "1") FILE_PART("f", "../../etc/passwd", "12345")
         FILE_PART("g", "/etc/cron.d/x", "") "--B--\r\n", 200,
         "[a=1][f:../../etc/passwd:text/x:5][g:/etc/cron.d/x:text/x:0]"},
        {MULTIPART, "--B--\r\nepilogue", 200, ""},
        {PAIRS, "a%00b=1", 400, "Bad Request\n"},
        {MULTIPART, FIELD("a", "1"), 400, "Bad Request\n"}, /* without its end */
        {MULTIPART, "--B", 400, "Bad Request\n"},
        {MULTIPART, "", 400, "Bad Request\n"},
        {MULTIPART, "a=1", 400, "Bad Request\n"},
        {MULTIPART, "--B\r\n\r\n\r\n--B--", 400, "Bad Request\n"},
        {"multipart/form-data", "--B--", 400, "Bad Request\n"},
        {"application/json", "{}", 415, "Unsupported Media Type\n"},
    };
    begin_forms();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *answer = post(w, cases[i].type, cases[i].body, strlen(cases[i].body));
        assert_int_equal(status_of(answer), cases[i].status);
        assert_string_equal(body_of(answer), cases[i].told);
    }
    assert_int_equal(count_names(), 0);
    folder_end();
    return 0;
}

ROUTE_STORY(forms_in_chunks_are_read_too, o->routes = routes) {
    begin_forms();
    const char *answer = answer_to(w, "POST / HTTP/1.1\r\nHost: x\r\nContent-Type: " PAIRS
                                      "\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n3\r\n=1&\r\n"
                                      "2\r\nb=\r\n3\r\n%41\r\n0\r\n\r\n");
    assert_string_equal(body_of(answer), "[a=1][b=A]");
    folder_end();
    return 0;
}

ROUTE_STORY(what_is_larger_than_its_bound_is_refused, o->routes = routes) {
    static char body[60000];
    begin_forms();
    bounds.field_max = 10;
    bounds.file_max = 20000;
    bounds.parts_max = 3;
    bounds.head_max = 200;
    assert_int_equal(status_of(post(w, PAIRS, "a=12345678", 10)), 200);
    assert_int_equal(status_of(post(w, PAIRS, "a=123456789", 11)), 413);
    assert_int_equal(status_of(post(w, PAIRS, "a&b&c&", 6)), 200);
    assert_int_equal(status_of(post(w, PAIRS, "a&b&c&d", 7)), 413);
    assert_int_equal(status_of(post(w, MULTIPART, FIELD("a", "0123456789") "--B--", 66)), 200);
    assert_int_equal(status_of(post(w, MULTIPART, FIELD("a", "0123456789a") "--B--", 67)), 413);
    for (int size = 20000; size <= 20001; size++) {
        int n = sprintf(body, "--B\r\nContent-Disposition: form-data; name=f; filename=x\r\n\r\n");
        memset(body + n, '\r', (size_t)size);
        n += size;
        n += sprintf(body + n, "\r\n--B--");
        assert_int_equal(status_of(post(w, MULTIPART, body, (size_t)n)), size > 20000 ? 413 : 200);
        assert_int_equal(count_names(), 0);
    }
    int n = sprintf(body, "--B\r\nX: ");
    memset(body + n, 'x', 300);
    sprintf(body + n + 300, "\r\n\r\n\r\n--B--");
    assert_int_equal(status_of(post(w, MULTIPART, body, strlen(body))), 413);
    body[0] = '\0';
    for (int i = 0; i < 4; i++)
        strcat(body, FIELD("a", ""));
    strcat(body, "--B--");
    assert_int_equal(status_of(post(w, MULTIPART, body, strlen(body))), 413);
    folder_end();
    return 0;
}

ROUTE_STORY(a_client_that_leaves_within_a_file_leaves_no_file, o->routes = routes) {
    static const char part[] = "POST / HTTP/1.1\r\nHost: x\r\nContent-Type: " MULTIPART "\r\n"
                               "Content-Length: 100000\r\n\r\n" FILE_PART("f", "x", "12345");
    begin_forms();
    form_rc = 0;
    struct weir_stream *s = raw_dial(w);
    assert_int_equal(weir_write(s, part, sizeof part - 1), 0);
    while (count_names() == 0)
        assert_int_equal(weir_sleep(MS(1)), 0);
    weir_close(&s);
    while (form_rc == 0)
        assert_int_equal(weir_sleep(MS(1)), 0);
    assert_true(form_rc == WEIR_EEOF || form_rc == -ECONNRESET);
    assert_int_equal(count_names(), 0);
    folder_end();
    return 0;
}

/* A part is read byte by byte, in part, and not at all. */
static int reads_bytes(struct weir_http_request *r) {
    WEIR_AUTO(weir_http_form_close) struct weir_http_form *f = NULL;
    struct weir_http_part p;
    char text[100] = "", byte;
    size_t len = 0;
    ssize_t n = 0;
    int rc = weir_http_form_open(r, NULL, &f);
    struct weir_http_form *again = NULL;
    while (rc == 0 && (rc = weir_http_form_next(f, &p)) == 1) {
        size_t most = strcmp(p.name, "half") == 0 ? 2 : 100;
        text[len++] = '[';
        for (rc = 0; most-- > 0 && (n = weir_http_part_read(f, &byte, 1)) == 1;)
            text[len++] = byte;
        rc = n < 0 ? (int)n : 0;
        text[len++] = ']';
    }
    assert_int_equal(weir_http_part_read(f, &byte, 1), 0); /* behind the last part */
    assert_int_equal(weir_http_form_next(f, &p), 0);
    if (weir_http_body_length(r) > 0)
        assert_int_equal(weir_http_form_open(r, NULL, &again), -EALREADY);
    return rc < 0 ? weir_http_form_refuse(r, rc) : weir_http_reply(r, 200, text);
}

static const struct weir_http_route byte_routes[] = {{"POST", "/", reads_bytes}, {0}};

ROUTE_STORY(a_part_is_read_as_far_as_one_likes, o->routes = byte_routes) {
    static const char form[] = FIELD("a", "12345") FIELD("half", "12345") FIELD("b", "") "--B--";
    begin_forms();
    assert_string_equal(body_of(post(w, MULTIPART, form, sizeof form - 1)), "[12345][12][]");
    assert_string_equal(body_of(post(w, PAIRS, "a=123&half=123&b", 16)), "[123][12][]");
    folder_end();
    return 0;
}

/* The head of the next part has not come when the wait for it is over. */
static int skips_in_two_calls(void *arg __attribute__((unused))) {
    static const char begin[] = "POST / HTTP/1.1\r\nHost: x\r\nContent-Type: " MULTIPART "\r\n"
                                "Transfer-Encoding: chunked\r\n\r\n"
                                "3D\r\n" FIELD("a", "12345") "--B\r\n\r\n";
    static const char rest[] = "34\r\nContent-Disposition: form-data; name=\"b\"\r\n\r\n2\r\n--B--"
                               "\r\n0\r\n\r\n";
    struct weir_stream *here = NULL, *there = NULL;
    struct weir_http *http = NULL;
    struct weir_http_request *r = NULL;
    struct weir_http_form *f = NULL;
    struct weir_http_part p;
    struct weir_scope s;
    struct weir_view v;
    char byte;
    assert_int_equal(weir_memory_pair(0, &here, &there), 0);
    assert_int_equal(weir_http_accept(&here, NULL, &http), 0);
    assert_int_equal(weir_write(there, begin, sizeof begin - 1), 0);
    assert_int_equal(weir_http_next(http, &r), 1);
    assert_int_equal(weir_http_form_open(r, NULL, &f), 0);
    assert_int_equal(weir_http_form_next(f, &p), 1);
    weir_scope_enter(&s, MS(5));
    assert_int_equal(weir_scope_leave(&s, weir_http_form_next(f, &p)), -ETIME);
    assert_int_equal(weir_write(there, rest, sizeof rest - 1), 0);
    assert_int_equal(weir_http_part_read(f, &byte, 1), 0); /* its end was skipped already */
    assert_int_equal(weir_http_part_text(f, &v), 0);
    assert_int_equal(v.len, 0);
    assert_int_equal(weir_http_form_next(f, &p), 1);
    assert_string_equal(p.name, "b");
    assert_int_equal(weir_http_part_text(f, &v), 0);
    assert_string_equal(v.base, "2");
    assert_int_equal(weir_http_form_next(f, &p), 0);
    weir_http_form_close(&f);
    weir_http_drop(&http);
    weir_close(&there);
    return 0;
}

WEIR_TEST_BACKENDS(a_cancel_between_two_parts_loses_neither) {
    struct weir_run_options o = {.size = sizeof o, .backend = test_backend};
    assert_int_equal(weir_run(skips_in_two_calls, NULL, &o), 0);
}

/* ---- disturbed ---- */

static int reads_form(void *arg __attribute__((unused))) {
    struct weir_stream *here = NULL, *there = NULL;
    struct weir_http *http = NULL;
    struct weir_http_request *r = NULL;
    struct weir_http_form *f = NULL;
    struct weir_http_part p;
    char *path = NULL;
    struct weir_view v;
    static const char request[] =
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Type: " MULTIPART "\r\nContent-Length: 151\r\n\r\n"
        FIELD("a", "1") FILE_PART("f", "x", "12345") "--B--\r\n";
    int rc = weir_memory_pair(0, &here, &there);
    if (rc == 0)
        rc = weir_http_accept(&here, NULL, &http);
    if (rc == 0)
        rc = weir_write(there, request, sizeof request - 1);
    if (rc == 0)
        rc = weir_shutdown(there);
    if (rc == 0 && (rc = weir_http_next(http, &r)) == 1)
        rc = weir_http_form_open(r, NULL, &f);
    if (rc == 0 && (rc = weir_http_form_next(f, &p)) == 1)
        rc = weir_http_part_text(f, &v);
    if (rc == 0 && (rc = weir_http_form_next(f, &p)) == 1)
        rc = weir_http_part_save(f, "/tmp", &path);
    if (rc == 0)
        rc = weir_http_form_next(f, &p);
    if (path != NULL) {
        struct weir_scope shield;
        weir_shield_enter(&shield, WEIR_SECONDS(10));
        (void)weir_unlink(path);
        weir_scope_leave(&shield, 0);
    }
    free(path);
    weir_http_form_close(&f);
    weir_http_drop(&http);
    weir_close(&here);
    weir_close(&there);
    strcpy(folder, "/tmp");
    return rc;
}

static const struct weir_story story = {.size = sizeof story, .name = "a form", .fn = reads_form};

WEIR_TEST(every_cancel_of_a_form_leaves_nothing) {
    assert_int_equal(weir_explore_cancels(&story, NULL), 0);
}

WEIR_TEST(every_failed_allocation_of_a_form_leaves_nothing) {
    assert_int_equal(weir_explore_allocations(&story, NULL), 0);
}

WEIR_TEST(every_fault_of_a_form_leaves_nothing) {
    struct weir_fault fault = {.size = sizeof fault, .kinds = WEIR_FAULT_FILE, .error = -EIO};
    assert_int_equal(weir_explore_faults(&story, &fault, NULL), 0);
}
