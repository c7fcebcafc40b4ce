/* SPDX-License-Identifier: MIT */
/* Compressed messages, both roles and both shapes: byte by byte from a peer that sends what no
 * client of ours would, with the examples of RFC 7692; and between a client and a server of ours.
 * A server of the story takes over its context unless a test says otherwise. */
#include <weir/ws_deflate.h>
#include <weir/ws_topic.h>

#include "proto/ws_test_util.h"
#include "wire/deflate.h"

#define PLAIN_OFFER "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n"

static struct weir_ws_deflate deflate; /* of both sides */

static void set(struct weir_ws_options *o, struct weir_ws_deflate d) {
    deflate = d;
    deflate.size = sizeof deflate;
    deflate.threshold = deflate.threshold ? deflate.threshold : 1;
    o->deflate = &deflate;
}

#define TAKEOVER .server_takeover = true, .client_takeover = true

/* ---- a peer of bytes ---- */

static struct weir_stream *zip_open(struct world *w, const char *offer) {
    char request[512];
    struct weir_stream *s = raw_dial(w);
    size_t head = strlen(plain_request) - 2;
    memcpy(request, plain_request, head);
    strcpy(request + head, offer);
    assert_int_equal(raw_ask(s, request), 101);
    return s;
}

static void bytes_send(struct weir_stream *s, unsigned first_byte, const void *bytes, size_t len,
                       size_t step) {
    uint8_t frame[256];
    size_t n = frame_make(frame, first_byte, bytes, len);
    for (size_t at = 0; at < n; at += step) {
        size_t part = n - at < step ? n - at : step;
        assert_int_equal(weir_write(s, frame + at, part), 0);
        if (step < n)
            weir_yield();
    }
}

#define ZIP_SEND(s, first_byte, text, step)                                                        \
    bytes_send((s), (first_byte), (text), sizeof(text) - 1, (step))

/* Read the frame that the bytes of want are. */
static void bytes_expect(struct weir_stream *s, const char *want, size_t len) {
    char got[256];
    assert_true(len <= sizeof got);
    assert_int_equal(weir_read_exactly(s, got, len), 0);
    assert_memory_equal(got, want, len);
}

#define ZIP_EXPECT(s, want) bytes_expect((s), (want), sizeof(want) - 1)

static struct weir__inflater *inflater(void) {
    return weir__deflate_table->inflater_new(&(struct weir__deflate_params){0});
}

/* This text in a compressed frame of at most len bytes, read with the context in. */
static void zipped_expect(struct weir_stream *s, struct weir__inflater *in, const char *text,
                          size_t len) {
    static const uint8_t tail[] = {0, 0, 0xff, 0xff};
    uint8_t head[2], bytes[64], out[64];
    assert_int_equal(weir_read_exactly(s, head, 2), 0);
    assert_int_equal(head[0], 0xc1);
    assert_in_range(head[1], 1, len);
    assert_int_equal(weir_read_exactly(s, bytes, head[1]), 0);
    memcpy(bytes + head[1], tail, 4);
    struct weir__deflate_io io = {bytes, head[1] + 4u, out, sizeof out};
    assert_int_equal(weir__deflate_table->inflate(in, &io), WEIR__INFLATE_MORE);
    assert_int_equal(sizeof out - io.out_len, strlen(text));
    assert_memory_equal(out, text, strlen(text));
}

static void hello_expect(struct weir_stream *s, struct weir__inflater *in, size_t len) {
    zipped_expect(s, in, "Hello", len);
}

#define HELLO "\xf2\x48\xcd\xc9\xc9\x07\x00" /* RFC 7692 7.2.3.1 */
#define AGAIN "\xf2\x00\x11\x00\x00"         /* the same, from the window: 7.2.3.2 */

enum { RSV1 = 0x40, ZIPPED = TEXT | RSV1, ZIPPED_PART = TEXT_PART | RSV1 };

WS_STORY(a_message_is_answered_as_in_the_rfc, set(o, (struct weir_ws_deflate){TAKEOVER})) {
    for (size_t step = 1; step < 100; step += 98) {
        struct weir_stream *s = zip_open(w, PLAIN_OFFER);
        struct weir__inflater *in = inflater();
        ZIP_SEND(s, ZIPPED, HELLO, step);
        hello_expect(s, in, 7);
        ZIP_SEND(s, ZIPPED, AGAIN, step);
        hello_expect(s, in, 5);
        ZIP_SEND(s, TEXT, "Hello", step); /* one that is not compressed is in no window */
        hello_expect(s, in, 5);
        weir__deflate_table->inflater_free(in);
        weir_close(&s);
    }
    wait_ended(w, 2);
    return 0;
}

WS_STORY(every_kind_of_block_is_read, set(o, (struct weir_ws_deflate){TAKEOVER})) {
    for (size_t step = 1; step < 100; step += 98) {
        struct weir_stream *s = zip_open(w, PLAIN_OFFER);
        struct weir__inflater *in = inflater();
        ZIP_SEND(s, ZIPPED, "\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00", step); /* stored */
        hello_expect(s, in, 7);
        ZIP_SEND(s, ZIPPED, "\xf3\x48\xcd\xc9\xc9\x07\x00\x00", step); /* says it is the last */
        hello_expect(s, in, 5);
        ZIP_SEND(s, ZIPPED, "\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00", step); /* two */
        hello_expect(s, in, 5);
        ZIP_SEND(s, ZIPPED, AGAIN, step);
        hello_expect(s, in, 5);
        ZIP_SEND(s, ZIPPED, "\x00", step); /* empty */
        ZIP_EXPECT(s, "\x81\x00");
        weir__deflate_table->inflater_free(in);
        weir_close(&s);
    }
    wait_ended(w, 2);
    return 0;
}

WS_STORY(fragments_may_cut_it_anywhere_and_let_pings_pass,
         set(o, (struct weir_ws_deflate){TAKEOVER})) {
    for (size_t step = 1; step < 100; step += 98) {
        struct weir_stream *s = zip_open(w, PLAIN_OFFER);
        struct weir__inflater *in = inflater();
        ZIP_SEND(s, ZIPPED_PART, "\xf2\x48\xcd", step);
        ZIP_SEND(s, PING, "now", step);
        ZIP_EXPECT(s, "\x8a\x03now");
        ZIP_SEND(s, CONTINUATION, "", step);
        ZIP_SEND(s, CONTINUATION, "\xc9\xc9\x07\x00", step);
        ZIP_SEND(s, CONTINUATION_FIN, "", step);
        hello_expect(s, in, 7);
        ZIP_SEND(s, ZIPPED_PART, "", step);
        ZIP_SEND(s, CONTINUATION_FIN, HELLO, step);
        hello_expect(s, in, 5);
        weir__deflate_table->inflater_free(in);
        weir_close(&s);
    }
    wait_ended(w, 2);
    return 0;
}

static void zipped_send(struct weir_stream *s, struct weir__deflater *d, const char *text,
                        size_t step) {
    uint8_t bytes[100];
    struct weir__deflate_io io = {(const uint8_t *)text, strlen(text), bytes, sizeof bytes};
    assert_true(weir__deflate_table->deflate(d, &io, WEIR__DEFLATE_SYNC));
    bytes_send(s, ZIPPED, bytes, sizeof bytes - io.out_len - 4, step);
}

/* A reactive server puts them aside as they came, and decompresses them in their order. */
WS_STORY(compressed_messages_wait_while_a_function_is_suspended,
         set(o, (struct weir_ws_deflate){TAKEOVER})) {
    static const char *const texts[] = {"hold this", "the next one", "and the next one"};
    for (size_t step = 1; step < 100; step += 98) {
        struct weir_stream *s = zip_open(w, PLAIN_OFFER);
        struct weir__inflater *in = inflater();
        struct weir__deflater *d =
            weir__deflate_table->deflater_new(&(struct weir__deflate_params){0});
        w->held = true;
        for (int i = 0; i < 3; i++) {
            zipped_send(s, d, texts[i], step);
            settle();
        }
        w->held = false;
        for (int i = 0; i < 3; i++)
            zipped_expect(s, in, texts[i], 60);
        weir__deflate_table->deflater_free(d);
        weir__deflate_table->inflater_free(in);
        weir_close(&s);
    }
    wait_ended(w, 2);
    return 0;
}

WS_STORY(without_takeover_each_message_stands_alone, set(o, (struct weir_ws_deflate){0})) {
    struct weir_stream *s = zip_open(w, PLAIN_OFFER);
    for (int i = 0; i < 3; i++) {
        ZIP_SEND(s, ZIPPED, HELLO, 100);
        ZIP_EXPECT(s, "\x81\x05Hello"); /* which is shorter */
    }
    ZIP_SEND(s, ZIPPED, AGAIN, 100); /* refers to what is no more */
    expect_close(s, 1002, "bad compressed data");
    weir_close(&s);
    wait_ended(w, 1);
    return 0;
}

/* What is refused, with which code. */
static const struct bad {
    const char *name;
    unsigned first_byte;
    const char *bytes;
    size_t len;
    int code;
} bads[] = {
#define BAD(name, first, bytes, code) {name, first, bytes, sizeof(bytes) - 1, code}
    BAD("block type 3", ZIPPED, "\x06", 1002),
    BAD("nothing at all", ZIPPED, "", 1002),
    BAD("cut inside a block", ZIPPED, "\xf2\x48\xcd", 1002),
    BAD("cut inside a stored block", 0xc2, "\x00\xff\xff\x00\x00", 1002),
    BAD("a distance beyond the window", ZIPPED, AGAIN, 1002),
    BAD("no UTF-8", ZIPPED, "\x00\x02\x00\xfd\xff\xc3\x28\x00", 1007),
    BAD("half a character", ZIPPED, "\x00\x01\x00\xfe\xff\xc3\x00", 1007),
    BAD("a continuation that says it is compressed", CONTINUATION_FIN | RSV1, HELLO, 1002),
    BAD("a compressed ping", PING | RSV1, "x", 1002),
    BAD("RSV2", TEXT | 0x20, "x", 1002),
    BAD("RSV1 and RSV3", ZIPPED | 0x10, HELLO, 1002),
};

WS_STORY(bad_data_and_reserved_bits_end_the_connection,
         set(o, (struct weir_ws_deflate){TAKEOVER})) {
    for (size_t i = 0; i < sizeof bads / sizeof bads[0]; i++)
        for (size_t step = 1; step < 100; step += 98) {
            char text[256] = "";
            struct weir_stream *s = zip_open(w, PLAIN_OFFER);
            bytes_send(s, bads[i].first_byte, bads[i].bytes, bads[i].len, step);
            fprintf(stderr, "# %s\n", bads[i].name);
            assert_int_equal(frame_read(s, text, sizeof text), 0x88);
            assert_int_equal((uint8_t)text[0] << 8 | (uint8_t)text[1], bads[i].code);
            weir_close(&s);
        }
    return 0;
}

WS_STORY(a_bit_that_was_not_agreed_on_is_refused, set(o, (struct weir_ws_deflate){TAKEOVER})) {
    struct weir_stream *s = raw_open(w); /* offers nothing */
    ZIP_SEND(s, ZIPPED, HELLO, 100);
    expect_close(s, 1002, "reserved bit set");
    weir_close(&s);
    s = raw_dial(w);
    char request[512];
    snprintf(request, sizeof request, "%.*sSec-WebSocket-Extensions: permessage-deflate; =\r\n\r\n",
             (int)strlen(plain_request) - 2, plain_request);
    assert_int_equal(raw_ask(s, request), 400);
    weir_close(&s);
    return 0;
}

/* ---- bounds ---- */

/* count bytes of one value: about a thousandth of it when compressed. */
static size_t bomb_make(uint8_t *to, size_t size, size_t count) {
    static const uint8_t zeros[4096];
    struct weir__deflater *d =
        weir__deflate_table->deflater_new(&(struct weir__deflate_params){.level = 9});
    struct weir__deflate_io io = {.out = to, .out_len = size};
    for (size_t at = 0; at < count;) {
        size_t n = count - at < sizeof zeros ? count - at : sizeof zeros;
        io.in = zeros;
        io.in_len = n;
        at += n;
        assert_true(weir__deflate_table->deflate(
            d, &io, at == count ? WEIR__DEFLATE_SYNC : WEIR__DEFLATE_NONE));
    }
    weir__deflate_table->deflater_free(d);
    return (size_t)(io.out - to) - 4;
}

enum { BOMB = 10 << 20 };

WS_STORY(a_message_that_would_exceed_the_limit_is_refused_as_soon_as_it_does,
         (set(o, (struct weir_ws_deflate){0}), o->message_max = 1000)) {
    static uint8_t bomb[BOMB / 900], frame[BOMB / 900 + 14];
    static const size_t counts[] = {1000, 1001, BOMB};
    for (size_t i = 0; i < 3; i++) {
        struct weir_stream *s = zip_open(w, PLAIN_OFFER);
        size_t n = bomb_make(bomb, sizeof bomb, counts[i]);
        n = frame_make(frame, 0xc2, bomb, n < 1000 ? n : 1000);
        assert_int_equal(weir_write(s, frame, n), 0);
        if (counts[i] > 1000) {
            expect_close(s, 1009, "message too big");
        } else {
            char text[256];
            assert_int_equal(frame_read(s, text, sizeof text), 0xc2);
        }
        weir_close(&s);
    }
    return 0;
}

static int noise(uint8_t *to, size_t len) {
    uint32_t x = 99;
    for (size_t i = 0; i < len; i++) {
        x = x * 1664525u + 1013904223u;
        to[i] = (uint8_t)(x >> 24);
    }
    return 0;
}

/* Bytes that do not compress become a little longer: that must not make them too long. */
WS_STORY(a_message_of_the_greatest_length_passes_plain_and_compressed,
         (set(o, (struct weir_ws_deflate){TAKEOVER, .memory_level = 1}),
          o->message_max = 100000)) {
    static uint8_t bytes[100001];
    struct weir_ws *ws = ws_open(w);
    struct weir_ws_message m;
    noise(bytes, sizeof bytes);
    for (int zero = 0; zero < 2; zero++) {
        assert_int_equal(weir_ws_send(ws, WEIR_WS_BINARY, bytes, 100000), 0);
        assert_int_equal(weir_ws_receive(ws, &m), 0);
        assert_int_equal(m.data.len, 100000);
        assert_memory_equal(m.data.base, bytes, 100000);
    }
    assert_int_equal(weir_ws_send(ws, WEIR_WS_BINARY, bytes, 100001), 0);
    assert_int_equal(weir_ws_receive(ws, &m), WEIR_EWSCLOSED);
    assert_int_equal(weir_ws_close_code(ws), 1009);
    weir_ws_drop(&ws);
    return 0;
}

WS_STORY(a_plain_message_above_the_limit_is_refused_too,
         (set(o, (struct weir_ws_deflate){.threshold = 1 << 20}), o->message_max = 1000)) {
    static uint8_t bytes[1001];
    struct weir_ws_message m;
    struct weir_ws *ws = ws_open(w);
    assert_int_equal(weir_ws_send(ws, WEIR_WS_BINARY, bytes, 1000), 0);
    assert_int_equal(weir_ws_receive(ws, &m), 0);
    assert_int_equal(weir_ws_send(ws, WEIR_WS_BINARY, bytes, 1001), 0);
    assert_int_equal(weir_ws_receive(ws, &m), WEIR_EWSCLOSED);
    assert_int_equal(weir_ws_close_code(ws), 1009);
    weir_ws_drop(&ws);
    return 0;
}

/* ---- a client of ours ---- */

static void echo_sizes(struct weir_ws *ws) {
    static const size_t sizes[] = {0, 1, 2, 125, 126, 5000, 65535, 70000, 300000, 3};
    static char text[300000];
    struct weir_ws_message m;
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (char)('a' + (i * i / 7) % 26);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        assert_int_equal(weir_ws_send(ws, WEIR_WS_TEXT, text, sizes[i]), 0);
        assert_int_equal(weir_ws_receive(ws, &m), 0);
        assert_int_equal(m.type, WEIR_WS_TEXT);
        assert_int_equal(m.data.len, sizes[i]);
        assert_memory_equal(m.data.base, text, sizes[i]);
    }
}

WS_STORY(messages_of_all_sizes_come_back_with_all_parameters) {
    static const struct weir_ws_deflate all[] = {
        {0},
        {TAKEOVER},
        {.server_takeover = true, .server_window_bits = 9},
        {.client_takeover = true, .client_window_bits = 8, .server_window_bits = 8},
        {TAKEOVER, .client_window_bits = 10, .level = 1, .memory_level = 1},
        {TAKEOVER, .level = 9, .memory_level = 9, .threshold = 3},
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        struct weir_ws_options o = w->o;
        struct weir_ws_deflated agreed;
        struct world other = {.reacts = w->reacts, .o = o};
        set(&other.o, all[i]);
        world_open(&other);
        struct weir_ws *ws = ws_open(&other);
        assert_true(weir_ws_is_deflated(ws, &agreed));
        assert_int_equal(agreed.server_takeover, all[i].server_takeover);
        assert_int_equal(agreed.client_takeover, all[i].client_takeover);
        assert_int_equal(agreed.server_window_bits,
                         all[i].server_window_bits ? all[i].server_window_bits : 15);
        assert_int_equal(agreed.client_window_bits,
                         all[i].client_window_bits ? all[i].client_window_bits : 15);
        echo_sizes(ws);
        assert_int_equal(ws_say(ws, "part"), 0);
        expect_message(ws, "part");
        assert_int_equal(weir_ws_send_part(ws, WEIR_WS_TEXT, "", 0, false), 0);
        assert_int_equal(weir_ws_send_part(ws, WEIR_WS_TEXT, "one ", 4, false), 0);
        assert_int_equal(weir_ws_send_part(ws, WEIR_WS_TEXT, "two", 3, false), 0);
        assert_int_equal(weir_ws_send_part(ws, WEIR_WS_TEXT, NULL, 0, true), 0);
        expect_message(ws, "one two");
        echo_sizes(ws);
        assert_int_equal(weir_ws_close(ws, 1000, NULL), 0);
        weir_ws_drop(&ws);
        world_close(&other);
    }
    the_world = w;
    return 0;
}

/* A part that was sent can be read before the next is. */
WS_STORY(each_part_can_be_read_when_it_has_come, set(o, (struct weir_ws_deflate){TAKEOVER})) {
    struct weir_stream *s = zip_open(w, PLAIN_OFFER);
    struct weir__inflater *in = inflater();
    static const char *const parts[] = {"p", "ar", "t"};
    ZIP_SEND(s, TEXT, "part", 100);
    for (int i = 0; i < 3; i++) {
        char bytes[64], out[64];
        struct weir__deflate_io io = {.out = (uint8_t *)out, .out_len = sizeof out};
        static const int firsts[] = {ZIPPED_PART, CONTINUATION, CONTINUATION_FIN};
        uint8_t head[2];
        assert_int_equal(weir_read_exactly(s, head, 2), 0);
        assert_int_equal(head[0], firsts[i]);
        assert_int_equal(weir_read_exactly(s, bytes, head[1]), 0);
        io.in = (uint8_t *)bytes;
        io.in_len = head[1];
        assert_int_equal(weir__deflate_table->inflate(in, &io), WEIR__INFLATE_MORE);
        assert_int_equal((char *)io.out - out, strlen(parts[i]));
        assert_memory_equal(out, parts[i], strlen(parts[i]));
    }
    weir__deflate_table->inflater_free(in);
    weir_close(&s);
    return 0;
}

WS_STORY(a_short_message_is_sent_as_it_is, set(o, (struct weir_ws_deflate){.threshold = 6})) {
    struct weir_stream *s = zip_open(w, PLAIN_OFFER);
    ZIP_SEND(s, ZIPPED, HELLO, 100);
    ZIP_EXPECT(s, "\x81\x05Hello");
    ZIP_SEND(s, TEXT, "aaaaaaaaaaaaaaaa", 100);
    char text[64];
    assert_int_equal(frame_read(s, text, sizeof text), ZIPPED);
    ZIP_SEND(s, TEXT, "qwertz", 100); /* long enough, but would not become shorter */
    ZIP_EXPECT(s, "\x81\x06qwertz");
    weir_close(&s);
    return 0;
}

/* ---- memory ---- */

/* One compressor and one decompressor, however many connections there are; and none of an idle
 * connection's own. */
WS_STORY(connections_without_takeover_share_their_contexts, set(o, (struct weir_ws_deflate){0})) {
    struct weir_ws *ws[20];
    for (int i = 0; i < 20; i++) {
        ws[i] = ws_open(w);
        expect_message((ws_say(ws[i], "hello, hello, hello"), ws[i]), "hello, hello, hello");
    }
    assert_int_equal(ws_say(ws[0], "x"), 0); /* gives back what was lent */
    expect_message(ws[0], "x");
    settle();
    size_t live = weir__alloc_live();
    for (int i = 0; i < 20; i++) {
        assert_int_equal(ws_say(ws[i], "hello, hello, hello"), 0);
        expect_message(ws[i], "hello, hello, hello");
        assert_int_equal(ws_say(ws[i], "x"), 0);
        expect_message(ws[i], "x");
    }
    settle();
    assert_in_range(weir__alloc_live(), live - 40, live);
    for (int i = 0; i < 20; i++)
        weir_ws_drop(&ws[i]);
    return 0;
}

WS_STORY(an_idle_connection_releases_its_contexts_and_goes_on,
         set(o, (struct weir_ws_deflate){TAKEOVER, .idle_ns = MS(30)})) {
    struct weir_ws *ws = ws_open(w);
    assert_int_equal(ws_say(ws, "x"), 0);
    expect_message(ws, "x");
    settle();
    size_t before = weir__alloc_live();
    for (int i = 0; i < 3; i++) {
        assert_int_equal(ws_say(ws, "hello, hello, hello"), 0);
        expect_message(ws, "hello, hello, hello");
        size_t busy = weir__alloc_live();
        assert_int_equal(weir_sleep(MS(100)), 0);
        assert_true(weir__alloc_live() < busy - 8);       /* two compressors, at least */
        assert_true(weir__alloc_live() <= before + 2 + 4); /* two windows; a lent message */
    }
    weir_ws_drop(&ws);
    return 0;
}

/* The peer's compressor does not know that we have released something. */
WS_STORY(what_the_peer_may_refer_to_survives_the_release,
         set(o, (struct weir_ws_deflate){TAKEOVER, .idle_ns = MS(10)})) {
    struct weir_stream *s = zip_open(w, PLAIN_OFFER);
    for (int i = 0; i < 3; i++) {
        struct weir__inflater *in = inflater(); /* our compressor has begun anew */
        bytes_send(s, ZIPPED, i == 0 ? HELLO : AGAIN, i == 0 ? 7 : 5, 100);
        hello_expect(s, in, 7);
        weir__deflate_table->inflater_free(in);
        assert_int_equal(weir_sleep(MS(50)), 0);
    }
    weir_close(&s);
    return 0;
}

/* ---- options ---- */

static int try_all(void *url) {
    struct weir_ws_options o = {.size = sizeof o, .deflate = &deflate};
    struct weir_listener *l = NULL;
    struct weir_stream *a = NULL, *b = NULL;
    struct weir_ws *ws = NULL;
    struct weir_group g;
    struct weir_ws_reactive r = test_reactive;
    int *want = url;
    assert_int_equal(weir_ws_dial("ws://127.0.0.1:1/", &o, &ws), *want);
    assert_int_equal(weir_memory_pair(0, &a, &b), 0);
    assert_int_equal(weir_ws_accept(&a, &o, &ws), *want);
    assert_null(a);
    weir_close(&b);
    assert_int_equal(weir_listen("tcp://127.0.0.1:0", NULL, &l), 0);
    weir_group_open(&g, WEIR_INDEPENDENT);
    assert_int_equal(weir_ws_react(l, &g, &r, &o), *want);
    assert_int_equal(weir_group_close(&g, 0), 0);
    weir_unlisten(&l);
    assert_non_null(strstr(weir_error(*want)->text,
                           *want == -EINVAL ? "deflate: " : "pkg-config --libs weir-zlib"));
    return 0;
}

WEIR_TEST(bad_options_are_refused_and_a_missing_library_is_named) {
    struct weir_run_options o = {.size = sizeof o, .backend = "sim"};
    static const struct weir_ws_deflate bad[] = {
        {.level = 10}, {.level = -1}, {.memory_level = 10}, {.memory_level = -1},
        {.server_window_bits = 7}, {.client_window_bits = 16}, {.client_window_bits = -1}};
    const struct weir__deflate_table *table = weir__deflate_table;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        int want = -EINVAL;
        deflate = bad[i];
        assert_int_equal(weir_run(try_all, &want, &o), 0);
    }
    int want = WEIR_ENOZLIB;
    deflate = (struct weir_ws_deflate){.size = sizeof deflate};
    weir__deflate_table = NULL;
    assert_int_equal(weir_run(try_all, &want, &o), 0);
    weir__deflate_table = table;
}

WS_STORY(a_side_that_does_not_compress_is_served_as_before,
         set(o, (struct weir_ws_deflate){TAKEOVER})) {
    struct weir_ws *ws = NULL;
    assert_int_equal(weir_ws_dial(w->ws_url, NULL, &ws), 0);
    assert_false(weir_ws_is_deflated(ws, NULL));
    echo_sizes(ws);
    weir_ws_drop(&ws);
    return 0;
}

/* ---- one compressed frame for many ---- */

/* The first two share a window of 15 bits, the third has one of 9, the last no compression: all
 * read the same, and those that can share a frame get the same bytes. */
WS_STORY(a_broadcast_is_compressed_once_for_all_that_can_share_it,
         set(o, (struct weir_ws_deflate){0})) {
    static const char *const offers[] = {
        "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n",
        "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n",
        "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=9\r\n\r\n", "\r\n"};
    static const char text[] = "the same again, the same again, the same again, the same again";
    struct weir_ws_topic *t = NULL;
    struct weir_stream *s[4];
    uint8_t got[4][100];
    assert_int_equal(weir_ws_topic_new(NULL, &t), 0);
    for (int i = 0; i < 4; i++) {
        s[i] = zip_open(w, offers[i]);
        frame_send(s[i], TEXT, "lend");
        assert_int_equal(weir_read_exactly(s[i], got[i], 2), 0);
        assert_int_equal(weir_read_exactly(s[i], got[i] + 2, got[i][1]), 0);
        assert_int_equal(weir_ws_topic_subscribe(t, w->lent), 0);
    }
    for (int k = 0; k < 2; k++) {
        assert_int_equal(weir_ws_topic_publish(t, WEIR_WS_TEXT, text, sizeof text - 1), 4);
        for (int i = 0; i < 4; i++) {
            assert_int_equal(weir_read_exactly(s[i], got[i], 2), 0);
            assert_int_equal(weir_read_exactly(s[i], got[i] + 2, got[i][1]), 0);
            assert_int_equal(got[i][0], i < 3 ? 0xc1 : 0x81);
        }
        assert_memory_equal(got[0], got[1], 2 + got[0][1]);
        assert_true(got[0][1] < sizeof text / 2 && got[2][1] < sizeof text / 2);
        assert_memory_equal(got[3] + 2, text, sizeof text - 1);
    }
    for (int i = 0; i < 4; i++)
        weir_close(&s[i]);
    weir_ws_topic_free(&t);
    return 0;
}

WS_STORY(a_broadcast_keeps_the_order_of_a_context_that_is_taken_over,
         set(o, (struct weir_ws_deflate){TAKEOVER})) {
    struct weir_ws_topic *t = NULL;
    struct weir_ws *ws = ws_open(w);
    assert_int_equal(weir_ws_topic_new(NULL, &t), 0);
    assert_int_equal(ws_say(ws, "lend"), 0);
    expect_message(ws, "lend");
    assert_int_equal(weir_ws_topic_subscribe(t, w->lent), 0);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(weir_ws_topic_publish(t, WEIR_WS_TEXT, "published", 9), 1);
        assert_int_equal(weir_ws_try_send(w->lent, WEIR_WS_TEXT, "sent to one", 11), 0);
    }
    for (int i = 0; i < 5; i++) {
        expect_message(ws, "published");
        expect_message(ws, "sent to one");
    }
    weir_ws_drop(&ws);
    weir_ws_topic_free(&t);
    return 0;
}
