/* SPDX-License-Identifier: MIT */
/* Answers in gzip: who gets them, and that they are the same answers. */
#include <weir/http_cors.h>
#include <weir/http_events.h>

#include "http/route_rig.h"
#include "wire/deflate.h"

static char long_text[100000];

static int sends_text(struct weir_http_request *r) {
    static const char *const plain[] = {"Content-Type: text/plain; charset=x", NULL};
    static const char *const json[] = {"content-type: application/problem+json", NULL};
    static const char *const image[] = {"Content-Type: image/png", NULL};
    static const char *const strong[] = {"Content-Type: text/plain", "ETag: \"a\"", NULL};
    static const char *const weak[] = {"Content-Type: text/plain", "ETag: W/\"a\"", NULL};
    static const char *const kept[] = {"Content-Type: text/plain",
                                       "Cache-Control: private, no-transform", NULL};
    static const char *const again[] = {"Content-Type: text/plain", "Cache-Control: private",
                                        "Cache-Control: max-age=1, No-Transform", NULL};
    static const char *const coded[] = {"Content-Type: text/plain", "Content-Encoding: br", NULL};
    static const struct {
        const char *path;
        const char *const *headers;
    } kinds[] = {{"/plain", plain}, {"/json", json}, {"/image", image}, {"/strong", strong},
                 {"/weak", weak}, {"/kept", kept}, {"/again", again},
                 {"/coded", coded}};
    for (size_t i = 0; i < sizeof long_text; i++)
        long_text[i] = (char)('a' + i * i % 7);
    struct weir_http_answer a = {.size = sizeof a, .status = 200, .headers = plain,
                                 .body = long_text, .len = sizeof long_text};
    if (asks_for(r, "/short"))
        a.len = 1023;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (asks_for(r, kinds[i].path))
            a.headers = kinds[i].headers;
    static const char *const lines[] = {"Cache-Control: no-transform", "ETag: \"a\"",
                                        "Content-Encoding: br", "Cache-Control: public"};
    if (asks_for(r, "/plus/"))
        assert_int_equal(weir_http_add_header(r, lines[atoi(weir_http_target(r) + 6)]), 0);
    if (!asks_for(r, "/pieces"))
        return weir_http_reply_with(r, &a);
    a.body = NULL;
    a.len = 0;
    int rc = weir_http_begin(r, &a);
    for (size_t at = 0; rc == 0 && at < sizeof long_text; at += 10000)
        rc = weir_http_write(r, long_text + at, 10000);
    return rc;
}

static int sends_events(struct weir_http_request *r) {
    struct weir_http_event e = {.size = sizeof e, .data = "a moment"};
    int rc = weir_http_events_begin(r, 0);
    while (rc == 0 && (rc = weir_http_events_send(r, &e)) == 0)
        rc = weir_sleep(WEIR_SECONDS(100));
    return rc;
}

static int turns;
static bool is_sent;

struct turn_args {
    int *turns;
};
static int turn(void *args) {
    while (!is_sent && weir_yield() == 0)
        ++*((struct turn_args *)args)->turns;
    return 0;
}

/* A MiB by one call, of which little comes out. Another task wants to run meanwhile. */
static int sends_large(struct weir_http_request *r) {
    static const char *const plain[] = {"Content-Type: text/plain", NULL};
    static char large[1 << 20];
    struct weir_group g;
    turns = 0;
    is_sent = false;
    weir_group_open(&g, WEIR_TOGETHER);
    int rc = weir_http_begin(r, &(struct weir_http_answer){
        .size = sizeof(struct weir_http_answer), .status = 200, .headers = plain});
    if (rc == 0)
        rc = weir_go(&g, turn, .turns = &turns);
    if (rc == 0)
        rc = weir_http_write(r, large, sizeof large);
    is_sent = true;
    return weir_group_close(&g, rc);
}

static const struct weir_http_route routes[] = {
    {"GET", "/events", sends_events}, {"GET", "/large", sends_large},
    {NULL, "/{x...}", sends_text}, {0}};

static void needs_zlib(void) {
    if (weir__deflate_table == NULL)
        runner_skip("built without zlib");
}

/* Decompress. Returns the length, -1: it is not whole. */
static ssize_t unpack(const void *packed, size_t len, char *text, size_t size) {
    static const struct weir__deflate_params gzip = {.format = WEIR__DEFLATE_GZIP};
    struct weir__inflater *i = weir__deflate_table->inflater_new(&gzip);
    struct weir__deflate_io io = {packed, len, (uint8_t *)text, size};
    int rc = weir__deflate_table->inflate(i, &io);
    weir__deflate_table->inflater_free(i);
    return rc == WEIR__INFLATE_END && io.in_len == 0 ? (ssize_t)(size - io.out_len)
           : rc == WEIR__INFLATE_MORE               ? (ssize_t)(size - io.out_len) - 1000000
                                                     : -1;
}

static char got[300000], unpacked[200000];

/* Bytes may have NULs: not by raw_exchange. Returns the length of all that came. */
static size_t exchange(struct world *w, const char *request) {
    struct weir_stream *s = raw_dial(w);
    size_t len = 0;
    ssize_t n;
    assert_int_equal(weir_write(s, request, strlen(request)), 0);
    assert_int_equal(weir_shutdown(s), 0);
    while ((n = weir_read(s, got + len, sizeof got - 1 - len)) > 0)
        len += (size_t)n;
    weir_close(&s);
    got[len] = '\0';
    return len;
}

static void fetch(struct world *w, const char *method, const char *path, const char *fields) {
    char text[300];
    snprintf(text, sizeof text, "%s %s HTTP/1.1\r\nHost: x\r\n%s\r\n", method, path, fields);
    assert_true(exchange(w, text) > 0);
}

#define TAKES "Accept-Encoding: gzip\r\n"

static bool comes_packed(struct world *w, const char *path) {
    fetch(w, "GET", path, TAKES);
    bool is_packed = strcmp(field_of(got, "Content-Encoding"), "gzip") == 0;
    size_t len = (size_t)atoi(field_of(got, "Content-Length"));
    if (is_packed) {
        assert_int_equal(unpack(body_of(got), len, unpacked, sizeof unpacked), sizeof long_text);
        assert_memory_equal(unpacked, long_text, sizeof long_text);
        assert_string_equal(field_of(got, "Vary"), "Accept-Encoding");
        assert_true(len < sizeof long_text / 10);
    }
    return is_packed;
}

ROUTE_STORY(answers_that_gain_by_it_are_compressed, needs_zlib(), o->routes = routes,
            o->compress = true) {
    assert_true(comes_packed(w, "/plain"));
    assert_true(comes_packed(w, "/json"));
    assert_true(comes_packed(w, "/weak"));
    assert_false(comes_packed(w, "/image"));
    assert_string_equal(field_of(got, "Vary"), "-");
    assert_false(comes_packed(w, "/strong"));
    assert_false(comes_packed(w, "/kept"));
    assert_false(comes_packed(w, "/again"));
    assert_false(comes_packed(w, "/coded"));
    assert_false(comes_packed(w, "/plus/0")); /* lines that were added count too */
    assert_false(comes_packed(w, "/plus/1"));
    assert_false(comes_packed(w, "/plus/2"));
    assert_true(comes_packed(w, "/plus/3"));
    assert_false(comes_packed(w, "/short"));
    fetch(w, "GET", "/plain", "");
    assert_string_equal(field_of(got, "Content-Encoding"), "-");
    assert_string_equal(field_of(got, "Vary"), "Accept-Encoding");
    assert_int_equal(atoi(field_of(got, "Content-Length")), sizeof long_text);
    fetch(w, "GET", "/plain", TAKES);
    int len = atoi(field_of(got, "Content-Length"));
    fetch(w, "HEAD", "/plain", TAKES);
    assert_int_equal(atoi(field_of(got, "Content-Length")), len);
    assert_string_equal(body_of(got), "");
    return 0;
}

/* HTTP/1.0, so that no chunks stand between: the body ends with the connection. */
ROUTE_STORY(an_answer_in_pieces_is_compressed_too, needs_zlib(), o->routes = routes,
            o->compress = true) {
    size_t len = exchange(w, "GET /pieces HTTP/1.0\r\nHost: x\r\n" TAKES "\r\n");
    assert_string_equal(field_of(got, "Content-Encoding"), "gzip");
    size_t head = (size_t)(body_of(got) - got);
    assert_int_equal(unpack(got + head, len - head, unpacked, sizeof unpacked), sizeof long_text);
    assert_memory_equal(unpacked, long_text, sizeof long_text);
    fetch(w, "HEAD", "/pieces", TAKES);
    assert_string_equal(field_of(got, "Content-Encoding"), "gzip");
    return 0;
}

ROUTE_STORY(other_tasks_run_while_a_large_piece_is_compressed, needs_zlib(), o->routes = routes,
            o->compress = true) {
    fetch(w, "GET", "/large", TAKES);
    assert_string_equal(field_of(got, "Content-Encoding"), "gzip");
    assert_true(turns > 4);
    return 0;
}

ROUTE_STORY(a_compressed_event_leaves_at_once, needs_zlib(), o->routes = routes,
            o->compress = true) {
    static const char request[] = "GET /events HTTP/1.0\r\nHost: x\r\n" TAKES "\r\n";
    static const char expected[] = ":\n\ndata: a moment\n\n";
    struct weir_stream *s = raw_dial(w);
    size_t len = 0;
    ssize_t n = 0;
    assert_int_equal(weir_write(s, request, sizeof request - 1), 0);
    do { /* until the whole event is there, though no more follows for long */
        assert_true((n = weir_read(s, got + len, sizeof got - 1 - len)) > 0);
        len += (size_t)n;
        got[len] = '\0';
        size_t head = (size_t)(body_of(got) - got);
        n = head > 0 && head < len ? unpack(got + head, len - head, unpacked, sizeof unpacked)
                                   : 0;
    } while (n != (ssize_t)sizeof expected - 1 - 1000000);
    assert_memory_equal(unpacked, expected, sizeof expected - 1);
    weir_close(&s);
    return 0;
}

/* ---- bodies of requests ---- */

static size_t body_len;

static int counts(struct weir_http_request *r) {
    char piece[7001];
    ssize_t n;
    for (body_len = 0; (n = weir_http_read(r, piece, sizeof piece)) > 0; body_len += (size_t)n)
        assert_memory_equal(piece, long_text + body_len % sizeof long_text, 1);
    return n < 0 ? (int)n : weir_http_reply(r, 200, "counted");
}

static int gathers(struct weir_http_request *r) {
    struct weir_view v;
    int rc = weir_http_body(r, 0, &v);
    body_len = rc == 0 ? v.len : 0;
    return rc < 0 ? rc : weir_http_reply(r, 200, "gathered");
}

/* Another task wants to run meanwhile. */
static int gathers_with_other(struct weir_http_request *r) {
    struct weir_group g;
    turns = 0;
    is_sent = false;
    weir_group_open(&g, WEIR_TOGETHER);
    int rc = weir_go(&g, turn, .turns = &turns);
    if (rc == 0)
        rc = gathers(r);
    is_sent = true;
    return weir_group_close(&g, rc);
}

static const struct weir_http_route takers[] = {
    {"POST", "/count", counts}, {"POST", "/gather", gathers},
    {"POST", "/turns", gathers_with_other},
    {"POST", "/bounded", counts, .body_max = 1000}, {0}};

/* Compress len bytes of long_text, again and again. Returns the length. */
static size_t pack(size_t len, uint8_t *packed, size_t size) {
    static const struct weir__deflate_params gzip = {.format = WEIR__DEFLATE_GZIP};
    struct weir__deflater *d = weir__deflate_table->deflater_new(&gzip);
    struct weir__deflate_io io = {NULL, 0, packed, size};
    for (size_t at = 0; at < len; at += io.in_len == 0 ? sizeof long_text : 0) {
        io.in = (uint8_t *)long_text;
        io.in_len = len - at < sizeof long_text ? len - at : sizeof long_text;
        assert_true(weir__deflate_table->deflate(d, &io, WEIR__DEFLATE_NONE));
    }
    assert_true(weir__deflate_table->deflate(d, &io, WEIR__DEFLATE_FINISH));
    weir__deflate_table->deflater_free(d);
    return size - io.out_len;
}

static int post(struct world *w, const char *path, const char *coding, const void *body,
                size_t len) {
    static char text[100000];
    int n = snprintf(text, sizeof text, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Encoding: %s\r\n"
                     "Content-Length: %zu\r\n\r\n", path, coding, len);
    memcpy(text + n, body, len);
    struct weir_stream *s = raw_dial(w);
    assert_int_equal(weir_write(s, text, (size_t)n + len), 0);
    assert_int_equal(weir_shutdown(s), 0);
    assert_true(raw_read_all(s, got, sizeof got) > 0);
    weir_close(&s);
    return status_of(got);
}

ROUTE_STORY(a_body_in_gzip_is_read_as_what_is_in_it, needs_zlib(), o->routes = takers,
            o->decompress = true, o->body_max = 3 << 20) {
    static uint8_t packed[60000];
    static const char *const paths[] = {"/count", "/gather"};
    memset(long_text, 'a', sizeof long_text);
    for (int i = 0; i < 2; i++) {
        size_t n = pack(300000, packed, sizeof packed);
        assert_int_equal(post(w, paths[i], "gzip", packed, n), 200);
        assert_int_equal(body_len, 300000);
        assert_int_equal(post(w, paths[i], "gzip", packed, n - 1), 400); /* cut */
        packed[n] = 0;
        assert_int_equal(post(w, paths[i], "gzip", packed, n + 1), 400); /* something follows */
        packed[n - 1] ^= 1;
        assert_int_equal(post(w, paths[i], "gzip", packed, n), 400); /* a wrong sum */
        assert_int_equal(post(w, paths[i], "gzip", "abc", 3), 400);
        assert_int_equal(post(w, paths[i], "identity", "aaa", 3), 200);
        assert_int_equal(body_len, 3);
        assert_int_equal(post(w, paths[i], "br", "abc", 3), 415);
        assert_int_equal(post(w, paths[i], "gzip, gzip", "abc", 3), 415);
        n = pack(3 << 20, packed, sizeof packed); /* a bomb is cut where its bound is */
        assert_int_equal(post(w, paths[i], "gzip", packed, n), 200);
        n = pack((3 << 20) + 1, packed, sizeof packed);
        assert_int_equal(post(w, paths[i], "gzip", packed, n), 413);
    }
    assert_int_equal(post(w, "/bounded", "gzip", packed, pack(1000, packed, sizeof packed)), 200);
    assert_int_equal(post(w, "/bounded", "gzip", packed, pack(1001, packed, sizeof packed)), 413);
    return 0;
}

ROUTE_STORY(other_tasks_run_while_a_body_is_decompressed, needs_zlib(), o->routes = takers,
            o->decompress = true, o->body_max = 3 << 20) {
    static uint8_t packed[60000];
    memset(long_text, 'a', sizeof long_text);
    size_t n = pack(3 << 20, packed, sizeof packed);
    assert_int_equal(post(w, "/turns", "gzip", packed, n), 200);
    assert_int_equal(body_len, 3 << 20);
    assert_true(turns > 20);
    return 0;
}
