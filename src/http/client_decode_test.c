/* SPDX-License-Identifier: MIT */
/* Compressed answers: the forms that servers send, damage, and bombs. */
#include <weir/testing.h>

#include "http/client_test_util.h"
#include "wire/deflate.h"

enum { COMPRESSED_MAX = 1 << 20 };

static uint8_t compressed[COMPRESSED_MAX];

/* Compress a text; returns how many bytes of compressed it is. */
static size_t compress(enum weir__deflate_format format, const void *text, size_t len) {
    struct weir__deflate_params p = {.format = (uint8_t)format};
    struct weir__deflater *d = weir__deflate_table->deflater_new(&p);
    struct weir__deflate_io io = {text, len, compressed, sizeof compressed};
    assert_non_null(d);
    assert_true(weir__deflate_table->deflate(d, &io, WEIR__DEFLATE_FINISH));
    weir__deflate_table->deflater_free(d);
    return sizeof compressed - io.out_len;
}

/* A server that sends one answer: what is in `sent`, in pieces. */
static struct {
    const char *coding;
    size_t len, piece;
    bool in_chunks;
    int status; /* 0: 200 */
} sent;

static int send_head(struct weir_stream *s) {
    char head[256];
    char framing[64] = "Transfer-Encoding: chunked";
    if (!sent.in_chunks)
        snprintf(framing, sizeof framing, "Content-Length: %zu", sent.len);
    int n = snprintf(head, sizeof head, "HTTP/1.1 %d OK\r\nContent-Encoding: %s\r\n%s\r\n\r\n",
                     sent.status ? sent.status : 200, sent.coding, framing);
    return weir_write(s, head, (size_t)n);
}

static int send_compressed(struct world *w, struct weir_stream **s) {
    int rc = send_head(*s);
    for (size_t at = 0; at < sent.len && rc == 0;) {
        size_t n = sent.len - at < sent.piece ? sent.len - at : sent.piece;
        char size[24];
        if (sent.in_chunks) {
            snprintf(size, sizeof size, "%zx\r\n", n);
            rc = weir_write(*s, size, strlen(size));
        }
        if (rc == 0)
            rc = weir_write(*s, compressed + at, n);
        if (rc == 0 && sent.in_chunks)
            rc = weir_write(*s, "\r\n", 2);
        at += n;
    }
    return rc == 0 && sent.in_chunks ? weir_write(*s, "0\r\n\r\n", 5) : rc;
}

static void answers(struct world *w, const char *coding, size_t len, size_t piece) {
    sent.coding = coding;
    sent.len = len;
    sent.piece = piece;
    w->hook = send_compressed;
    w->asked_count = w->connections = 0;
    static const char *const script[] = {"<", "*", "<", "*", "<", "*", "<", "*", NULL};
    w->scripts[0] = script;
}

static const char text[] = "a text that is worth it: a text that is worth it, a text";

HTTP_STORY(each_form_of_compression_is_taken_off_in_pieces_of_any_size) {
    static const struct {
        const char *coding;
        enum weir__deflate_format format;
    } forms[] = {{"gzip", WEIR__DEFLATE_GZIP}, {"X-GZIP", WEIR__DEFLATE_GZIP},
                 {"deflate", WEIR__DEFLATE_ZLIB}, {"deflate", WEIR__DEFLATE_RAW}};
    for (size_t i = 0; i < 8; i++) {
        size_t len = compress(forms[i / 2].format, text, strlen(text));
        struct weir_http_client *c = NULL;
        sent.in_chunks = i % 2;
        answers(w, forms[i / 2].coding, len, 1);
        assert_int_equal(weir_http_client_new(NULL, &c), 0);
        gets_by(c, at(w, "/"), 200, text);
        gets_by(c, at(w, "/"), 200, text);
        assert_true(has_asked(w, 0, "\r\nAccept-Encoding: gzip, deflate\r\n"));
        assert_int_equal(w->connections, 1);
        weir_http_client_close(&c);
    }
    return 0;
}

HTTP_STORY(gzip_may_have_members_and_something_behind_them) {
    size_t len = compress(WEIR__DEFLATE_GZIP, text, strlen(text));
    char twice[256];
    memcpy(compressed + len, compressed, len);
    sent.in_chunks = false;
    answers(w, "gzip", 2 * len, 7);
    snprintf(twice, sizeof twice, "%s%s", text, text);
    gets(w, "/", 200, twice);
    memset(compressed + len, 0, 100);
    sent.len = len + 100;
    gets(w, "/", 200, text);
    assert_int_equal(w->connections, 1);
    memset(compressed + len, 0x1f, 100); /* each of them looks as if it began a member */
    compressed[len] = 0;
    for (size_t piece = 1; piece < 40; piece += 6) {
        struct weir_http_client *c = NULL;
        answers(w, "gzip", len + 100, piece);
        assert_int_equal(weir_http_client_new(NULL, &c), 0);
        gets_by(c, at(w, "/"), 200, text);
        weir_http_client_close(&c);
    }
    return 0;
}

HTTP_STORY(an_empty_body_needs_no_compression) {
    struct weir_http_call call = {.size = sizeof call, .url = at(w, "/"), .method = "HEAD"};
    struct weir_http_response *r = NULL;
    struct weir_view v;
    sent.in_chunks = false;
    answers(w, "gzip", 0, 1);
    gets(w, "/", 200, "");
    assert_int_equal(weir_http_fetch(NULL, &call, &r), 0);
    assert_int_equal(weir_http_response_body(r, 0, &v), 0);
    weir_http_response_close(&r);
    return 0;
}

static int send_short(struct world *w, struct weir_stream **s) {
    size_t len = sent.len;
    sent.len += 9;
    int rc = send_head(*s);
    return rc < 0 ? rc : weir_write(*s, compressed, len);
}

static ssize_t source(void *arg, void *buf, size_t size) {
    int *left = arg;
    int rc = weir_sleep(MS(1));
    memset(buf, 'x', 1);
    return rc < 0 ? rc : (*left)-- > 0;
}

HTTP_STORY(what_came_before_a_cut_while_the_body_was_sent_is_given_byte_by_byte) {
    int left = 100;
    struct weir_http_call call = {.size = sizeof call, .url = at(w, "/"), .more = source,
                                  .arg = &left};
    struct weir_http_response *r = NULL;
    char byte;
    sent.in_chunks = false;
    answers(w, "gzip", compress(WEIR__DEFLATE_GZIP, text, strlen(text)), 0);
    w->hook = send_short;
    SCRIPT(w, 0, "?", "*", "~");
    assert_int_equal(weir_http_fetch(NULL, &call, &r), 0);
    for (size_t i = 0; i < strlen(text); i++) {
        assert_int_equal(weir_http_response_read(r, &byte, 1), 1);
        assert_int_equal(byte, text[i]);
    }
    for (int i = 0; i < 2; i++)
        assert_int_equal(weir_http_response_read(r, &byte, 1), WEIR_EEOF);
    assert_non_null(strstr(weir_error_message(WEIR_EEOF), "9 bytes before its end"));
    weir_http_response_close(&r);
    return 0;
}

HTTP_STORY(what_is_not_compressed_or_cut_short_is_an_error) {
    size_t len = compress(WEIR__DEFLATE_GZIP, text, strlen(text));
    sent.in_chunks = false;
    answers(w, "gzip", len - 5, 9);
    fails(w, "/", WEIR_EEOF, "cut short");
    answers(w, "gzip", len, 9);
    compressed[len - 6] ^= 1; /* the sum */
    fails(w, "/", WEIR_EPROTO, "no compressed data");
    memcpy(compressed, "plain text", 10);
    answers(w, "gzip", 10, 9);
    fails(w, "/", WEIR_EPROTO, "no compressed data");
    len = compress(WEIR__DEFLATE_RAW, text, strlen(text));
    answers(w, "deflate", len - 3, 9);
    fails(w, "/", WEIR_EEOF, "cut short");
    return 0;
}

HTTP_STORY(a_coding_that_nobody_asked_for_is_handed_out_as_it_is) {
    static const char *const headers[] = {"Accept-Encoding: br", NULL};
    struct weir_http_call call = {.size = sizeof call, .url = at(w, "/"), .headers = headers};
    struct weir_http_response *r = NULL;
    struct weir_view v;
    memcpy(compressed, "whatever", 8);
    sent.in_chunks = false;
    answers(w, "br", 8, 9);
    gets(w, "/", 200, "whatever");
    answers(w, "gzip", 8, 9);
    w->connections = 1;
    assert_int_equal(weir_http_fetch(NULL, &call, &r), 0);
    assert_int_equal(weir_http_response_body(r, 0, &v), 8);
    weir_http_response_close(&r);
    assert_false(has_asked(w, 0, "gzip"));
    return 0;
}

HTTP_STORY(nothing_follows_a_compressed_body_that_was_too_big) {
    struct weir_http_call call = {.size = sizeof call, .url = at(w, "/")};
    struct weir_http_response *r = NULL;
    struct weir_view v;
    char piece[100];
    sent.in_chunks = false;
    answers(w, "gzip", compress(WEIR__DEFLATE_GZIP, text, strlen(text)), 1000);
    assert_int_equal(weir_http_fetch(NULL, &call, &r), 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(weir_http_response_body(r, 10, &v), WEIR_ETOOBIG);
        assert_int_equal(weir_http_response_read(r, piece, sizeof piece), WEIR_ETOOBIG);
    }
    weir_http_response_close(&r);
    return 0;
}

static void brings_bytes(struct weir_http_call *call, const void *bytes, size_t len) {
    struct weir_http_response *r = NULL;
    struct weir_view v;
    assert_int_equal(weir_http_fetch(NULL, call, &r), 0);
    assert_int_equal(weir_http_response_body(r, 0, &v), len);
    assert_memory_equal(v.base, bytes, len);
    weir_http_response_close(&r);
}

/* The part is one of the compressed bytes. */
HTTP_STORY(a_part_is_not_asked_for_compressed_and_is_handed_out_as_it_is) {
    static const char *const headers[] = {"Range: bytes=10-19", NULL};
    struct weir_http_call call = {.size = sizeof call, .url = at(w, "/"), .headers = headers};
    uint8_t part[10];
    compress(WEIR__DEFLATE_GZIP, text, strlen(text));
    memcpy(part, compressed + 10, sizeof part);
    memcpy(compressed, part, sizeof part);
    sent.in_chunks = false;
    sent.status = 206;
    answers(w, "gzip", sizeof part, 3);
    brings_bytes(&call, part, sizeof part);
    assert_true(has_asked(w, 0, "\r\nRange: bytes=10-19\r\n"));
    assert_false(has_asked(w, 0, "gzip"));
    call.headers = NULL; /* and one that comes unasked */
    brings_bytes(&call, part, sizeof part);
    assert_true(has_asked(w, 1, "\r\nAccept-Encoding: gzip, deflate\r\n"));
    return 0;
}

/* 50 MB of zeros in 50 KB. */
HTTP_STORY(a_bomb_costs_what_its_reader_asks_for) {
    static char zeros[1 << 20];
    struct weir_http_call call = {.size = sizeof call, .url = at(w, "/")};
    struct weir_http_response *r = NULL;
    struct weir__deflate_params p = {.format = WEIR__DEFLATE_GZIP};
    struct weir__deflater *d = weir__deflate_table->deflater_new(&p);
    struct weir__deflate_io io = {.out = compressed, .out_len = sizeof compressed};
    char piece[1000];
    struct weir_view v;
    for (int i = 0; i < 50; i++) {
        io.in = (const uint8_t *)zeros;
        io.in_len = sizeof zeros;
        weir__deflate_table->deflate(d, &io, i < 49 ? WEIR__DEFLATE_NONE : WEIR__DEFLATE_FINISH);
    }
    weir__deflate_table->deflater_free(d);
    sent.in_chunks = false;
    answers(w, "gzip", sizeof compressed - io.out_len, 4096);
    assert_int_equal(weir_http_fetch(NULL, &call, &r), 0);
    for (int i = 0; i < 100; i++)
        assert_int_equal(weir_http_response_read(r, piece, sizeof piece), sizeof piece);
    weir_http_response_close(&r);
    w->connections = w->asked_count = 0;
    assert_int_equal(weir_http_fetch(NULL, &call, &r), 0);
    assert_int_equal(weir_http_response_body(r, 1 << 20, &v), WEIR_ETOOBIG);
    weir_http_response_close(&r);
    return 0;
}
