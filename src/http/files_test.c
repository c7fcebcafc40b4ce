/* SPDX-License-Identifier: MIT */
/* Static files: what is sent, what is not, and never a byte from outside of the root. */
#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <weir/http_file.h>
#include <weir/http_values.h>

#include "file/file_test_util.h"
#include "http/date.h"
#include "http/route_rig.h"

static struct weir_http_files *files;
static int file_rc;

static int sends(struct weir_http_request *r) {
    return file_rc = weir_http_file(r, files, weir_http_param(r, "path"));
}

static const struct weir_http_route routes[] = {{NULL, "/f/{path...}", sends}, {0}};
static const struct weir_http_route own[] = {
    {"GET", "/f/{path...}", weir_http_files_handler, &files}, {0}};

static char large[3 << 20];

static void put_bytes(const char *path, const void *bytes, size_t len) {
    struct weir_file *f = NULL;
    assert_int_equal(weir_file_open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644, &f), 0);
    assert_int_equal(weir_file_write(f, bytes, len), 0);
    weir_file_close(&f);
}

static void tree_open(const struct weir_http_files_options *o) {
    folder_begin();
    if (is_sim())
        assert_int_equal(weir_mkdir(folder, 0700), 0);
    for (size_t i = 0; i < sizeof large; i++)
        large[i] = (char)('a' + i % 26);
    static const char *const folders[] = {"root", "root/dir", "root/.git", "root/empty"};
    for (int i = 0; i < 4; i++)
        assert_int_equal(weir_mkdir(in(folders[i]), 0755), 0);
    put_text(in("secret"), "secret");
    put_text(in("root/a.txt"), "0123456789");
    put_text(in("root/index.html"), "<root>");
    put_text(in("root/dir/index.html"), "<dir>");
    put_text(in("root/.git/config"), "hidden");
    put_text(in("root/.env"), "hidden");
    put_text(in("root/none"), "");
    put_text(in("root/p.js"), "plain script");
    put_text(in("root/p.js.gz"), "packed");
    put_text(in("root/two words.svg"), "<svg/>");
    put_text(in("root/back\\slash"), "x");
    put_bytes(in("root/large.bin"), large, sizeof large);
    assert_int_equal(weir_symlink("../secret", in("root/out")), 0);
    assert_int_equal(weir_symlink("..", in("root/up")), 0);
    assert_int_equal(weir_symlink("a.txt", in("root/link.txt")), 0);
    assert_int_equal(weir_http_files_open(in("root"), o, &files), 0);
}

static void tree_close(void) {
    weir_http_files_close(&files);
    folder_end();
}

static int status(struct world *w, const char *target) {
    return status_of(ask(w, "GET", target, ""));
}

ROUTE_STORY(a_file_is_sent_with_what_describes_it, o->routes = routes) {
    tree_open(NULL);
    const char *answer = ask(w, "GET", "/f/a.txt", "");
    assert_int_equal(status_of(answer), 200);
    assert_string_equal(body_of(answer), "0123456789");
    assert_string_equal(field_of(answer, "Content-Type"), "text/plain; charset=utf-8");
    assert_string_equal(field_of(answer, "Content-Length"), "10");
    assert_string_equal(field_of(answer, "Accept-Ranges"), "bytes");
    assert_string_equal(field_of(answer, "X-Content-Type-Options"), "nosniff");
    int64_t at;
    const char *modified = field_of(answer, "Last-Modified");
    assert_true(weir__date_parse(modified, strlen(modified), 0, &at));
    answer = ask(w, "HEAD", "/f/a.txt", "");
    assert_int_equal(status_of(answer), 200);
    assert_string_equal(field_of(answer, "Content-Length"), "10");
    assert_string_equal(body_of(answer), "");
    assert_string_equal(body_of(ask(w, "GET", "/f/", "")), "<root>");
    assert_string_equal(body_of(ask(w, "GET", "/f/dir/", "")), "<dir>");
    assert_string_equal(body_of(ask(w, "GET", "/f/link.txt", "")), "0123456789");
    assert_string_equal(body_of(ask(w, "GET", "/f/two%20words.svg", "")), "<svg/>");
    answer = ask(w, "GET", "/f/none", "");
    assert_int_equal(status_of(answer), 200);
    assert_string_equal(field_of(answer, "Content-Length"), "0");
    assert_string_equal(field_of(answer, "Content-Type"), "application/octet-stream");
    answer = ask(w, "POST", "/f/a.txt", "");
    assert_int_equal(status_of(answer), 405);
    assert_string_equal(field_of(answer, "Allow"), "GET, HEAD, OPTIONS");
    tree_close();
    return 0;
}

ROUTE_STORY(no_path_of_a_client_leads_out_of_the_root, o->routes = routes) {
    static const char *const hostile[] = {
        "/f/../secret",         "/f/%2e%2e/secret",     "/f/%2e%2e%2fsecret",
        "/f/..%2fsecret",       "/f/dir/../../secret",  "/f/.%2e/secret",
        "/f/%252e%252e/secret", "/f/..%5csecret",       "/f/..\\secret",
        "/f/%5c..%5csecret",    "/f//../secret",        "/f//etc/passwd",
        "/f///etc/passwd",      "/f/%2fetc/passwd",     "/f/./a.txt",
        "/f/a.txt%00.html",     "/f/a.txt%00",          "/f/%00",
        "/f/a.txt/",            "/f/a.txt/x",           "/f/dir//index.html",
        "/f//a.txt",            "/f/out",               "/f/up/secret",
        "/f/up/",               "/f/..",                "/f/...",
        "/f/%c0%ae%c0%ae/secret", "/f/%uff0e%uff0e/secret", "/f/..;/secret",
        "/f/back%5cslash",      "/f/a.txt%0d%0aX:%20y", "/f/a.txt%7f",
        "/f/.git/config",       "/f/.env",              "/f/.git/",
        "/f/empty/",            "/f/dir/none",          "/f/a.txt::$DATA",
        "/f/~root",             "/f/%",                 "/f/a.txt%",
    };
    tree_open(NULL);
    for (size_t i = 0; i < sizeof hostile / sizeof hostile[0]; i++) {
        const char *answer = ask(w, "GET", hostile[i], "");
        if (status_of(answer) != 400 && status_of(answer) != 404)
            fail_msg("%s: %s", hostile[i], answer);
        assert_null(strstr(answer, "secret\n"));
        assert_null(strstr(body_of(answer), "hidden"));
    }
    char deep[9000] = "/f/";
    memset(deep + 3, 'x', 7000);
    assert_int_equal(status(w, deep), 404);
    for (size_t i = 3; i < 7000; i += 200)
        deep[i] = '/';
    assert_int_equal(status(w, deep), 404);
    tree_close();
    return 0;
}

ROUTE_STORY(a_folder_without_its_slash_is_redirected_and_nowhere_else, o->routes = routes) {
    tree_open(NULL);
    const char *answer = ask(w, "GET", "/f/dir?q=1", "");
    assert_int_equal(status_of(answer), 301);
    assert_string_equal(field_of(answer, "Location"), "./dir/?q=1");
    answer = ask(w, "GET", "/f/%64ir", ""); /* not decoded: no line end can get in */
    assert_string_equal(field_of(answer, "Location"), "./%64ir/");
    answer = ask(w, "GET", "http://evil.org/f/dir", "");
    assert_string_equal(field_of(answer, "Location"), "./dir/");
    assert_int_equal(status(w, "//evil.org/f/dir"), 404);
    tree_close();
    return 0;
}

ROUTE_STORY(options_say_what_is_shown, o->routes = routes) {
    static const struct weir_http_type types[] = {{"TXT", "text/x-own"}, {0}};
    struct weir_http_files_options o = {.size = sizeof o, .dotfiles = true, .index = "",
                                        .cache_control = "max-age=60", .types = types,
                                        .as_they_are = true};
    tree_open(&o);
    assert_string_equal(body_of(ask(w, "GET", "/f/.git/config", "")), "hidden");
    assert_int_equal(status(w, "/f/.git/../a.txt"), 400);
    assert_int_equal(status(w, "/f/dir/"), 404);
    const char *answer = ask(w, "GET", "/f/a.txt", "");
    assert_string_equal(field_of(answer, "Content-Type"), "text/x-own");
    assert_string_equal(field_of(answer, "Cache-Control"), "max-age=60");
    assert_string_equal(field_of(answer, "Vary"), "-");
    assert_string_equal(body_of(ask(w, "GET", "/f/p.js", "Accept-Encoding: gzip\r\n")),
                        "plain script");
    struct weir_http_files *bad = NULL;
    o.cache_control = "a\r\nX: y";
    assert_int_equal(weir_http_files_open(in("root"), &o, &bad), -EINVAL);
    assert_int_equal(weir_http_files_open(in("nowhere"), NULL, &bad), -ENOENT);
    assert_int_equal(weir_http_files_open(in("secret"), NULL, &bad), -ENOTDIR);
    assert_null(bad);
    tree_close();
    return 0;
}

/* The texts of options, which the program changes when the library should not need them. */
static struct {
    char extension[8], type[16], index[8], cache_control[16];
} own_texts;
static bool is_inside;

static int sends_inside(struct weir_http_request *r) {
    is_inside = true;
    return sends(r);
}

static const struct weir_http_route inside[] = {{"GET", "/f/{path...}", sends_inside}, {0}};

static void tree_open_by_own_texts(void) {
    strcpy(own_texts.extension, "txt");
    strcpy(own_texts.type, "text/x-own");
    strcpy(own_texts.index, "a.txt");
    strcpy(own_texts.cache_control, "max-age=60");
    const struct weir_http_type types[] = {{own_texts.extension, own_texts.type}, {0}};
    tree_open(&(struct weir_http_files_options){
        .size = sizeof(struct weir_http_files_options), .index = own_texts.index, .types = types,
        .cache_control = own_texts.cache_control});
}

static int change_texts(struct world *w, bool while_sent) {
    static const char request[] = "GET /f/ HTTP/1.1\r\nHost: x\r\nRange: bytes=0-1,8-\r\n\r\n";
    char text[2000];
    tree_open_by_own_texts();
    if (!while_sent)
        memset(&own_texts, 'X', sizeof own_texts);
    is_inside = false;
    struct weir_stream *s = raw_dial(w);
    assert_int_equal(weir_write(s, request, sizeof request - 1), 0);
    while (!is_inside)
        assert_int_equal(weir_yield(), 0);
    weir_http_files_close(&files); /* what is being sent goes on */
    memset(&own_texts, 'X', sizeof own_texts);
    raw_read_past(s, "--\r\n", 1, text, sizeof text);
    weir_close(&s);
    assert_string_equal(field_of(text, "Cache-Control"), "max-age=60");
    assert_non_null(strstr(text, "Content-Type: text/x-own\r\nContent-Range: bytes 0-1/10"));
    assert_non_null(strstr(text, "Content-Type: text/x-own\r\nContent-Range: bytes 8-9/10"));
    tree_close();
    return 0;
}

ROUTE_STORY(the_texts_of_the_options_are_copied, o->routes = inside) {
    return change_texts(w, false);
}

ROUTE_STORY(an_answer_that_is_being_sent_outlives_the_texts_of_the_options, o->routes = inside) {
    return change_texts(w, true);
}

ROUTE_STORY(a_packed_sibling_is_sent_to_who_takes_it, o->routes = routes) {
    tree_open(NULL);
    const char *answer = ask(w, "GET", "/f/p.js", "Accept-Encoding: gzip, br\r\n");
    assert_string_equal(body_of(answer), "packed");
    assert_string_equal(field_of(answer, "Content-Encoding"), "gzip");
    assert_string_equal(field_of(answer, "Content-Type"), "text/javascript; charset=utf-8");
    assert_string_equal(field_of(answer, "Vary"), "Accept-Encoding");
    const char *tag = field_of(answer, "ETag");
    answer = ask(w, "GET", "/f/p.js", "Accept-Encoding: gzip;q=0\r\n");
    assert_string_equal(body_of(answer), "plain script");
    assert_string_equal(field_of(answer, "Content-Encoding"), "-");
    assert_string_equal(field_of(answer, "Vary"), "Accept-Encoding");
    assert_string_not_equal(field_of(answer, "ETag"), tag);
    answer = ask(w, "GET", "/f/a.txt", "Accept-Encoding: gzip\r\n");
    assert_string_equal(body_of(answer), "0123456789");
    tree_close();
    return 0;
}

ROUTE_STORY(conditions_and_ranges_are_heeded, o->routes = routes) {
    char fields[300], tag[100];
    tree_open(NULL);
    if (is_sim()) /* on a machine a second may be over */
        assert_memory_equal(field_of(ask(w, "GET", "/f/a.txt", ""), "ETag"), "W/", 2);
    assert_int_equal(weir_sleep(WEIR_SECONDS(1) + MS(100)), 0); /* its tag becomes strong */
    const char *answer = ask(w, "GET", "/f/a.txt", "");
    snprintf(tag, sizeof tag, "%s", field_of(answer, "ETag"));
    assert_int_equal(tag[0], '"');
    snprintf(fields, sizeof fields, "If-None-Match: %s\r\n", tag);
    answer = ask(w, "GET", "/f/a.txt", fields);
    assert_int_equal(status_of(answer), 304);
    assert_string_equal(body_of(answer), "");
    assert_string_equal(field_of(answer, "ETag"), tag);
    snprintf(fields, sizeof fields, "If-Modified-Since: %s\r\n", field_of(answer, "Last-Modified"));
    assert_int_equal(status_of(ask(w, "HEAD", "/f/a.txt", fields)), 304);
    assert_int_equal(status_of(ask(w, "GET", "/f/a.txt", "If-Match: \"x\"\r\n")), 412);
    answer = ask(w, "GET", "/f/a.txt", "Range: bytes=2-4\r\n");
    assert_int_equal(status_of(answer), 206);
    assert_string_equal(body_of(answer), "234");
    assert_string_equal(field_of(answer, "Content-Range"), "bytes 2-4/10");
    assert_string_equal(body_of(ask(w, "GET", "/f/a.txt", "Range: bytes=-3\r\n")), "789");
    answer = ask(w, "GET", "/f/a.txt", "Range: bytes=10-\r\n");
    assert_int_equal(status_of(answer), 416);
    assert_string_equal(field_of(answer, "Content-Range"), "bytes */10");
    answer = ask(w, "HEAD", "/f/a.txt", "Range: bytes=2-4\r\n");
    assert_int_equal(status_of(answer), 200);
    snprintf(fields, sizeof fields, "Range: bytes=0-0\r\nIf-Range: %s\r\n", tag);
    assert_string_equal(body_of(ask(w, "GET", "/f/a.txt", fields)), "0");
    assert_int_equal(status_of(ask(w, "GET", "/f/a.txt",
                                   "Range: bytes=0-0\r\nIf-Range: \"x\"\r\n")), 200);
    tree_close();
    return 0;
}

ROUTE_STORY(several_ranges_come_in_parts, o->routes = routes) {
    char expected[600], boundary[100];
    tree_open(NULL);
    const char *answer = ask(w, "GET", "/f/a.txt", "Range: bytes=0-1,8-\r\n");
    assert_int_equal(status_of(answer), 206);
    const char *type = field_of(answer, "Content-Type");
    assert_int_equal(strncmp(type, "multipart/byteranges; boundary=", 31), 0);
    snprintf(boundary, sizeof boundary, "%s", type + 31);
    snprintf(expected, sizeof expected,
             "\r\n--%s\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Range: bytes 0-1/10"
             "\r\n\r\n01\r\n--%s\r\nContent-Type: text/plain; charset=utf-8\r\n"
             "Content-Range: bytes 8-9/10\r\n\r\n89\r\n--%s--\r\n", boundary, boundary, boundary);
    assert_string_equal(body_of(answer), expected);
    assert_int_equal(atoi(field_of(answer, "Content-Length")), (int)strlen(expected));
    answer = ask(w, "GET", "/f/a.txt", "Range: bytes=0-,0-,0-,0-\r\n"); /* a flood */
    assert_int_equal(status_of(answer), 200);
    assert_string_equal(body_of(answer), "0123456789");
    tree_close();
    return 0;
}

/* ---- large files, and files that change ---- */

static size_t receive(struct world *w, const char *request, size_t *ret_from) {
    static char text[sizeof large + 2000];
    ssize_t n = raw_exchange(w, request, strlen(request), 1 << 20, text, sizeof text);
    assert_true(n >= 0);
    const char *body = body_of(text);
    size_t len = (size_t)n - (size_t)(body - text);
    *ret_from = len > 0 ? (size_t)(body[0] - 'a') : 0;
    for (size_t i = 0; i < len; i++)
        assert_int_equal(body[i], 'a' + (char)((*ret_from + i) % 26));
    return len;
}

ROUTE_STORY(a_large_file_comes_whole_and_in_ranges, o->routes = routes) {
    size_t from;
    tree_open(NULL);
    assert_int_equal(receive(w, GET("/f/large.bin"), &from), sizeof large);
    assert_int_equal(receive(w, "GET /f/large.bin HTTP/1.1\r\nHost: x\r\n"
                                "Range: bytes=1000000-2999999\r\n\r\n", &from), 2000000);
    assert_int_equal(from, 1000000 % 26);
    assert_int_equal(file_rc, 0);
    const char *both = GET("/f/large.bin") GET("/f/a.txt"); /* the connection goes on */
    static char text[sizeof large + 4000];
    ssize_t n = raw_exchange(w, both, strlen(both), 1 << 20, text, sizeof text);
    assert_true(n > (ssize_t)sizeof large);
    assert_string_equal(text + n - 10, "0123456789");
    tree_close();
    return 0;
}

/* More than what the buffers between us hold. */
static size_t make_huge(void) {
    struct weir_file *f = NULL;
    size_t size = is_sim() ? sizeof large : 64 << 20;
    assert_int_equal(weir_file_open(in("root/large.bin"), O_WRONLY, 0, &f), 0);
    assert_int_equal(weir_file_truncate(f, (int64_t)size), 0);
    weir_file_close(&f);
    return size;
}

static struct weir_stream *ask_for_large(struct world *w) {
    static const char request[] = GET("/f/large.bin");
    struct weir_stream *s = raw_dial(w);
    file_rc = 0;
    assert_int_equal(weir_write(s, request, sizeof request - 1), 0);
    return s;
}

/* The kernel drops its copy of the file's bytes, but for the first page. */
static void drop_from_memory(const char *path) {
    struct weir_file *f = NULL;
    char byte;
    assert_int_equal(weir_file_open(path, O_RDWR, 0, &f), 0);
    assert_int_equal(weir_file_sync(f), 0);
    if (!is_sim()) {
        assert_int_equal(posix_fadvise(weir_file_fd(f), 0, 0, POSIX_FADV_DONTNEED), 0);
        assert_int_equal(posix_fadvise(weir_file_fd(f), 0, 0, POSIX_FADV_RANDOM), 0);
    }
    assert_int_equal(weir_file_pread(f, &byte, 1, 0), 1);
    weir_file_close(&f);
}

ROUTE_STORY(a_file_that_has_left_the_memory_is_sent_too, o->routes = routes) {
    enum { LEN = 100 << 10 };
    size_t from;
    tree_open(NULL);
    put_bytes(in("root/file"), large, LEN);
    drop_from_memory(in("root/file"));
    assert_int_equal(receive(w, GET("/f/file"), &from), LEN);
    assert_int_equal(receive(w, GET("/f/file"), &from), LEN); /* it lay in memory */
    drop_from_memory(in("root/file"));
    assert_int_equal(receive(w, GET("/f/file"), &from), LEN); /* that is believed still */
    drop_from_memory(in("root/file"));
    assert_int_equal(weir_sleep(MS(200)), 0);
    assert_int_equal(receive(w, GET("/f/file"), &from), LEN); /* not any more */
    put_bytes(in("root/new"), large, LEN / 2);
    assert_int_equal(weir_rename(in("root/new"), in("root/file")), 0);
    assert_int_equal(receive(w, GET("/f/file"), &from), LEN / 2);
    assert_int_equal(file_rc, 0);
    tree_close();
    return 0;
}

ROUTE_STORY(a_file_that_shrinks_breaks_the_connection, o->routes = routes) {
    static char piece[1 << 20];
    tree_open(NULL);
    size_t huge = make_huge(), len = 0;
    struct weir_stream *s = ask_for_large(w);
    ssize_t n = weir_read(s, piece, 1000); /* the rest waits for us to read it */
    assert_true(n > 0);
    assert_int_equal(weir_truncate(in("root/large.bin"), 2 << 20), 0);
    while ((n = weir_read(s, piece, sizeof piece)) > 0)
        len += (size_t)n;
    weir_close(&s);
    assert_true(len < huge);
    assert_int_equal(file_rc, WEIR_EEOF);
    tree_close();
    return 0;
}

ROUTE_STORY(a_file_that_grows_is_sent_as_long_as_it_was, o->routes = routes) {
    static char piece[1 << 20];
    struct weir_file *f = NULL;
    tree_open(NULL);
    struct weir_stream *s = ask_for_large(w);
    size_t len = 0, head = 0;
    ssize_t n = weir_read(s, piece, 1000);
    assert_true(n > 0);
    assert_int_equal(weir_file_open(in("root/large.bin"), O_WRONLY | O_APPEND, 0, &f), 0);
    assert_int_equal(weir_file_write(f, "more", 4), 0);
    weir_file_close(&f);
    piece[n] = '\0';
    while (head == 0) {
        const char *body = body_of(piece);
        head = *body != '\0' || strstr(piece, "\r\n\r\n") != NULL ? (size_t)(body - piece) : 0;
        if (head == 0 && (len = (size_t)weir_read(s, piece + n, 1000)) > 0)
            piece[n += (ssize_t)len] = '\0';
    }
    len = (size_t)n - head;
    assert_int_equal(weir_shutdown(s), 0);
    while ((n = weir_read(s, piece, sizeof piece)) > 0)
        len += (size_t)n;
    weir_close(&s);
    assert_int_equal(len, sizeof large);
    assert_int_equal(file_rc, 0);
    tree_close();
    return 0;
}

ROUTE_STORY(a_client_that_leaves_within_a_file_does_no_harm, o->routes = routes) {
    static char piece[1000];
    tree_open(NULL);
    make_huge();
    struct weir_stream *s = ask_for_large(w);
    assert_true(weir_read(s, piece, sizeof piece) > 0);
    weir_close(&s);
    while (file_rc == 0)
        assert_int_equal(weir_sleep(MS(1)), 0);
    assert_true(file_rc == -EPIPE || file_rc == -ECONNRESET || file_rc == -ECANCELED);
    tree_close();
    return 0;
}

static int reads_nothing(struct weir_http_request *r) {
    return file_rc = weir_http_file(r, files, "large.bin");
}

static const struct weir_http_route stuck[] = {{"GET", "/f", reads_nothing}, {0}};

ROUTE_STORY(a_client_that_takes_nothing_is_cut_off, o->routes = stuck, o->send_ns = MS(50)) {
    tree_open(NULL);
    make_huge();
    file_rc = 0;
    struct weir_stream *s = raw_dial(w);
    static const char request[] = GET("/f");
    assert_int_equal(weir_write(s, request, sizeof request - 1), 0);
    while (file_rc == 0)
        assert_int_equal(weir_sleep(MS(5)), 0);
    assert_int_equal(file_rc, -ETIMEDOUT);
    weir_close(&s);
    tree_close();
    return 0;
}

static void needs_devices(void) {
    if (is_sim())
        runner_skip("the simulated file system has no such thing");
}

ROUTE_STORY(what_is_no_regular_file_is_not_there, needs_devices(), o->routes = routes) {
    tree_open(NULL);
    assert_int_equal(mkfifo(in("root/fifo"), 0644), 0);
    assert_int_equal(symlink("/dev/zero", in("root/zero")), 0);
    assert_int_equal(status(w, "/f/fifo"), 404);
    assert_int_equal(status(w, "/f/zero"), 404);
    assert_int_equal(chmod(in("root/a.txt"), 0), 0);
    if (geteuid() != 0)
        assert_int_equal(status(w, "/f/a.txt"), 403);
    tree_close();
    return 0;
}

static int serves_own(void *arg __attribute__((unused))) {
    struct world w = {.shape = SERVES, .o = {.size = sizeof w.o}};
    static struct weir_http_route table[2];
    tree_open(NULL);
    table[0] = own[0];
    table[0].arg = files;
    w.o.routes = table;
    assert_int_equal(world_open(&w), 0);
    assert_string_equal(body_of(ask(&w, "GET", "/f/a.txt", "")), "0123456789");
    assert_int_equal(status(&w, "/f/../secret"), 400);
    world_close(&w, true);
    tree_close();
    return 0;
}

WEIR_TEST_BACKENDS(the_handler_of_the_library_serves_files) {
    struct weir_run_options o = {.size = sizeof o, .backend = test_backend};
    assert_int_equal(weir_run(serves_own, NULL, &o), 0);
}

/* ---- over a descriptor of the program's ---- */

struct serve_fd_args {
    struct weir_stream *s;
};
static int serve_fd(void *args) {
    WEIR_AUTO(weir_http_drop) struct weir_http *http = NULL;
    struct weir_http_request *r;
    assert_int_equal(weir_http_accept(&((struct serve_fd_args *)args)->s, NULL, &http), 0);
    assert_int_equal(weir_http_next(http, &r), 1);
    file_rc = weir_http_file(r, files, "large.bin");
    return weir_http_next(http, &r) < 0 ? -EIO : 0;
}

/* It blocks: a sendfile on the loop's thread would never return, since the reader is a task. */
static int serve_over_socketpair(void *arg __attribute__((unused))) {
    static char piece[1 << 16];
    static const char request[] = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    struct weir_stream *here = NULL, *there = NULL;
    struct weir_group g;
    int fds[2];
    size_t sum = 0;
    ssize_t n;
    tree_open(NULL);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    assert_int_equal(weir_stream_from_fd(fds[0], &here), 0);
    assert_int_equal(weir_stream_from_fd(fds[1], &there), 0);
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_go(&g, serve_fd, .s = here), 0);
    assert_int_equal(weir_write(there, request, sizeof request - 1), 0);
    while ((n = weir_read(there, piece, sizeof piece)) > 0)
        sum += (size_t)n;
    assert_int_equal(n, 0);
    assert_true(sum > sizeof large);
    assert_int_equal(file_rc, 0);
    assert_int_equal(weir_group_close(&g, 0), 0);
    weir_close(&there);
    tree_close();
    return 0;
}

WEIR_TEST_BACKENDS(a_file_is_sent_to_a_descriptor_that_blocks) {
    struct weir_run_options o = {.size = sizeof o, .backend = test_backend};
    if (is_sim())
        runner_skip("the simulation has no descriptors");
    assert_int_equal(weir_run(serve_over_socketpair, NULL, &o), 0);
}

/* ---- disturbed ---- */

static int serves_a_file(void *arg __attribute__((unused))) {
    struct weir_stream *here = NULL, *there = NULL;
    struct weir_http *http = NULL;
    struct weir_http_files *root = NULL;
    struct weir_http_request *r = NULL;
    static const char request[] = "GET / HTTP/1.1\r\nHost: x\r\nRange: bytes=0-1,3-4\r\n\r\n";
    int rc = weir_mkdir("/tmp/d", 0700);
    if (rc == 0)
        rc = weir_write_file("/tmp/d/a.txt", "0123456789", 10, 0);
    if (rc == 0)
        rc = weir_http_files_open("/tmp/d", NULL, &root);
    if (rc == 0)
        rc = weir_memory_pair(0, &here, &there);
    if (rc == 0)
        rc = weir_http_accept(&here, NULL, &http);
    if (rc == 0)
        rc = weir_write(there, request, sizeof request - 1);
    if (rc == 0 && (rc = weir_http_next(http, &r)) == 1)
        rc = weir_http_file(r, root, "a.txt");
    weir_http_drop(&http);
    weir_http_files_close(&root);
    weir_close(&here);
    weir_close(&there);
    return rc;
}

static const struct weir_story story = {.size = sizeof story, .name = "a file",
                                        .fn = serves_a_file};

WEIR_TEST(every_cancel_of_a_file_that_is_served_leaves_nothing) {
    assert_int_equal(weir_explore_cancels(&story, NULL), 0);
}

WEIR_TEST(every_failed_allocation_of_a_file_that_is_served_leaves_nothing) {
    assert_int_equal(weir_explore_allocations(&story, NULL), 0);
}

WEIR_TEST(every_fault_of_a_file_that_is_served_leaves_nothing) {
    struct weir_fault fault = {.size = sizeof fault, .kinds = WEIR_FAULT_FILE, .error = -EIO};
    assert_int_equal(weir_explore_faults(&story, &fault, NULL), 0);
}
