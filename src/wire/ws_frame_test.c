/* SPDX-License-Identifier: MIT */
/* Each story is a stream of frames and the transcript that it must give. A stream is played to
 * both roles, whole, byte by byte and cut in two at every place, always against an unmapped page,
 * with frames delivered in parts and whole; the transcripts must be the same.
 *
 * A transcript: t(..) b(..) messages, p(..) ping, q(..) pong, c1000(..) close, and at a failure
 * !1002 with the open message taken back. */
#include "wire/ws_frame.h"

#include <string.h>
#include <weir/base.h>

#include "test/runner.h"
#include "wire/wire_test_util.h"

enum { ROOM = 4096 };

struct stream {
    uint8_t bytes[ROOM];
    size_t len;
    bool masked;
};

struct player {
    struct weir__ws_decoder d;
    char log[2 * ROOM];
    size_t log_len, message_at;
    int rc;
};

static struct guard guard;

/* ---- making streams ---- */

static void add_bytes(struct stream *s, const void *bytes, size_t len) {
    assert_true(s->len + len <= ROOM);
    if (len > 0)
        memcpy(s->bytes + s->len, bytes, len);
    s->len += len;
}

static void add_n(struct stream *s, unsigned first_byte, const void *payload, size_t len) {
    static const uint8_t mask[4] = {0x37, 0xfa, 0x21, 0x3d};
    uint8_t head[WEIR__WS_HEAD_MAX], body[ROOM];
    size_t head_len = 2;
    if ((first_byte & 0x08) && len > WEIR__WS_CONTROL_MAX) { /* the encoder refuses these */
        uint8_t forged[] = {(uint8_t)first_byte, 0x7e, (uint8_t)(len >> 8), (uint8_t)len};
        forged[1] |= s->masked ? 0x80 : 0;
        memcpy(head, forged, head_len = 4);
        if (s->masked)
            memcpy(head + 4, mask, 4);
        head_len += s->masked ? 4 : 0;
    } else {
        head_len = weir__ws_head_write(head, first_byte | ((first_byte & 8) ? 0x80u : 0), len,
                                       s->masked ? mask : NULL);
        head[0] = (uint8_t)first_byte;
    }
    add_bytes(s, head, head_len);
    if (len > 0)
        memcpy(body, payload, len);
    if (s->masked)
        weir__ws_mask(body, body, len, mask, 0);
    add_bytes(s, body, len);
}

static void add(struct stream *s, unsigned first_byte, const char *payload) {
    add_n(s, first_byte, payload, strlen(payload));
}

/* ---- playing them ---- */

static void say(struct player *p, const char *text, size_t len) {
    if (len > 0)
        memcpy(p->log + p->log_len, text, len);
    p->log_len += len;
    p->log[p->log_len] = '\0';
}

static void say_event(struct player *p, const struct weir__ws_event *ev) {
    char head[16];
    if (p->rc == WEIR__WS_ON_MORE)
        return;
    if (p->rc != WEIR__WS_ON_DATA) {
        int len = p->rc == WEIR__WS_ON_CLOSE
                      ? snprintf(head, sizeof head, "c%u(", ev->code)
                      : snprintf(head, sizeof head, "%c(", p->rc == WEIR__WS_ON_PING ? 'p' : 'q');
        say(p, head, (size_t)len);
        say(p, (const char *)ev->data, ev->len);
        say(p, ")", 1);
        return;
    }
    if (ev->first) {
        p->message_at = p->log_len;
        say(p, ev->opcode == WEIR__WS_TEXT ? "t(" : "b(", 2);
    }
    say(p, (const char *)ev->data, ev->len);
    if (ev->last) {
        say(p, ")", 1);
        p->message_at = SIZE_MAX;
    }
}

static void say_failure(struct player *p) {
    if (p->message_at != SIZE_MAX)
        p->log_len = p->message_at;
    char text[16];
    say(p, text, (size_t)snprintf(text, sizeof text, "!%u", p->d.code));
    assert_non_null(p->d.why);
}

/* Decode what is in *pending until more is needed. */
static void drain(struct player *p, uint8_t *pending, size_t *pending_len, size_t *need) {
    struct weir__ws_event ev;
    do {
        uint8_t *buf = guard_at_end(&guard, pending, *pending_len);
        p->rc = weir__ws_decode(&p->d, buf, *pending_len, &ev);
        if (p->rc < 0) {
            say_failure(p);
            return;
        }
        assert_true(ev.used <= *pending_len);
        assert_true(p->rc != WEIR__WS_ON_MORE || ev.used + ev.need > *pending_len);
        say_event(p, &ev);
        *pending_len -= ev.used;
        memmove(pending, pending + ev.used, *pending_len);
        *need = ev.need;
    } while (p->rc != WEIR__WS_ON_MORE);
}

/* Bring the bytes in pieces of `step`, the first one of `cut`. */
static void play(struct player *p, const struct stream *s, const struct weir__ws_limits *limits,
                 size_t cut, size_t step) {
    uint8_t pending[ROOM];
    size_t pending_len = 0, need = 0;
    *p = (struct player){.message_at = SIZE_MAX};
    weir__ws_decoder_init(&p->d, s->masked ? WEIR__WS_SERVER : WEIR__WS_CLIENT, limits);
    for (size_t at = 0; at < s->len && p->rc >= 0;) {
        size_t piece = at == 0 && cut > 0 ? cut : s->len - at < step ? s->len - at : step;
        memcpy(pending + pending_len, s->bytes + at, piece);
        at += piece;
        pending_len += piece;
        size_t log_before = p->log_len;
        bool enough = pending_len >= need;
        drain(p, pending, &pending_len, &need);
        /* `need` never asks for too much: with less nothing happens, but for a failure */
        if (!enough && p->rc >= 0)
            assert_int_equal(p->log_len, log_before);
    }
}

static const struct weir__ws_limits small = {.frame_max = 1000, .message_max = 2000};

static void play_all_ways(struct player *first, const struct stream *s) {
    static struct player p;
    struct weir__ws_limits limits = small;
    guard_open(&guard, ROOM);
    play(first, s, &limits, 0, ROOM);
    for (int whole = 0; whole < 3; whole++) {
        limits.whole_max = whole == 0 ? 0 : whole == 1 ? 10 : 1 << 20;
        for (size_t cut = 0; cut < s->len; cut += s->len > 600 ? 37 : 1) {
            play(&p, s, &limits, cut, cut == 0 ? 1 : ROOM);
            if (p.rc != first->rc || p.d.why != first->d.why || strcmp(p.log, first->log) != 0)
                fail_msg("cut %zu whole %d: %s against %s", cut, whole, p.log, first->log);
        }
    }
    guard_close(&guard);
}

/* Play to a server, then to a client. */
#define STORY(s, expected, ...)                                                                    \
    for (int role_ = 0; role_ < 2; role_++) {                                                      \
        static struct player player_;                                                              \
        static struct stream s##_made;                                                             \
        struct stream *s = &s##_made;                                                              \
        s->len = 0;                                                                                \
        s->masked = role_ == 0;                                                                    \
        __VA_ARGS__;                                                                               \
        play_all_ways(&player_, s);                                                                \
        assert_string_equal(player_.log, expected);                                                \
    }

/* First bytes of frames; the ones with _ are not final. */
enum { T = 0x81, B = 0x82, C = 0x80, T_ = 0x01, B_ = 0x02, C_ = 0x00 };
enum { CLOSE = 0x88, P = 0x89, Q = 0x8a };

WEIR_TEST(samples_of_rfc_6455_section_5_7_come_out) {
    static const struct {
        bool masked;
        size_t len;
        const char *bytes, *expected;
    } cases[] = {
        {0, 7, "\x81\x05Hello", "t(Hello)"},
        {1, 11, "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", "t(Hello)"},
        {0, 9, "\x01\x03Hel\x80\x02lo", "t(Hello)"},
        {0, 7, "\x89\x05Hello", "p(Hello)"},
        {1, 11, "\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", "q(Hello)"},
    };
    static struct player p;
    static struct stream s;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        s.len = 0;
        s.masked = cases[i].masked;
        add_bytes(&s, cases[i].bytes, cases[i].len);
        play_all_ways(&p, &s);
        assert_string_equal(p.log, cases[i].expected);
    }
}

WEIR_TEST(encoder_writes_the_sample_headers_of_rfc_6455) {
    uint8_t h[WEIR__WS_HEAD_MAX];
    static const uint8_t mask[4] = {0x37, 0xfa, 0x21, 0x3d};
    assert_int_equal(weir__ws_head_write(h, B, 256, NULL), 4);
    assert_memory_equal(h, "\x82\x7e\x01\x00", 4);
    assert_int_equal(weir__ws_head_write(h, B, 65536, NULL), 10);
    assert_memory_equal(h, "\x82\x7f\0\0\0\0\0\1\0\0", 10);
    assert_int_equal(weir__ws_head_write(h, T, 5, mask), 6);
    assert_memory_equal(h, "\x81\x85\x37\xfa\x21\x3d", 6);
    static const uint64_t lens[] = {0, 125, 126, 65535, 65536, INT64_MAX};
    static const size_t head_lens[] = {2, 2, 4, 4, 10, 10};
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(weir__ws_head_len(lens[i], false), head_lens[i]);
        assert_int_equal(weir__ws_head_len(lens[i], true), head_lens[i] + 4);
        assert_int_equal(weir__ws_head_write(h, B, lens[i], mask), head_lens[i] + 4);
    }
}

WEIR_TEST(a_header_is_looked_at_once_it_is_whole) {
    static const uint8_t mask[4] = {1, 2, 3, 4};
    static const uint64_t lens[] = {0, 125, 126, 65535, 65536, INT64_MAX};
    uint8_t h[WEIR__WS_HEAD_MAX];
    for (size_t i = 0; i < 12; i++) {
        uint64_t seen = 1;
        size_t len = weir__ws_head_write(h, B, lens[i / 2], i % 2 ? mask : NULL);
        for (size_t n = 0; n < len; n++)
            assert_int_equal(weir__ws_head_look(h, n, &seen), 0);
        assert_int_equal(seen, 1);
        assert_int_equal(weir__ws_head_look(h, len, &seen), len);
        assert_int_equal(seen, lens[i / 2]);
    }
}

/* Autobahn 1: messages of 0, 125, 126, 127, 128 bytes and more. */
WEIR_TEST(messages_of_every_length_class_come_out) {
    static const size_t lens[] = {0, 1, 125, 126, 127, 128, 1000};
    static char text[1001], expected[1010];
    for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
        memset(text, '*', lens[i]);
        text[lens[i]] = '\0';
        snprintf(expected, sizeof expected, "t(%s)", text);
        STORY(s, expected, add(s, T, text));
        expected[0] = 'b';
        STORY(s, expected, add(s, B, text));
    }
}

WEIR_TEST(lengths_in_64_bits_come_out) {
    enum { LEN = 70000 };
    static uint8_t bytes[LEN + WEIR__WS_HEAD_MAX], plain[LEN];
    static const uint8_t mask[4] = {1, 2, 3, 4};
    static const struct weir__ws_limits limits = {.frame_max = LEN, .message_max = LEN};
    struct weir__ws_decoder d;
    struct weir__ws_event ev;
    for (size_t i = 0; i < LEN; i++)
        plain[i] = (uint8_t)(i * 7);
    size_t head = weir__ws_head_write(bytes, B, LEN, mask);
    weir__ws_mask(bytes + head, plain, LEN, mask, 0);
    weir__ws_decoder_init(&d, WEIR__WS_SERVER, &limits);
    assert_int_equal(weir__ws_decode(&d, bytes, head + 5, &ev), WEIR__WS_ON_DATA);
    assert_int_equal(ev.len, 5);
    assert_int_equal(ev.frame_left, LEN - 5);
    assert_true(ev.first && !ev.last);
    assert_int_equal(weir__ws_decode(&d, bytes + ev.used, LEN - 5, &ev), WEIR__WS_ON_DATA);
    assert_true(!ev.first && ev.last);
    assert_memory_equal(bytes + head, plain, LEN);
    assert_true(weir__ws_decoder_idle(&d));
}

/* Autobahn 2: pings and pongs. */
WEIR_TEST(pings_and_pongs_come_out_between_and_inside_messages) {
    static char full[126];
    memset(full, '\xfe', 125);
    STORY(s, "p()", add(s, P, ""));
    STORY(s, "q(x)", add(s, Q, "x"));
    STORY(s, "p(a)p(b)p(c)", add(s, P, "a"), add(s, P, "b"), add(s, P, "c"));
    char expected[140];
    snprintf(expected, sizeof expected, "p(%s)t(x)", full);
    STORY(s, expected, add(s, P, full), add(s, T, "x"));
    STORY(s, "!1002", add_n(s, P, (const char[126]){0}, 126));
    STORY(s, "t(ap(1)bq()c)", add(s, T_, "a"), add(s, P, "1"), add(s, C_, "b"), add(s, Q, ""),
          add(s, C, "c"));
}

/* Autobahn 3: reserved bits. */
WEIR_TEST(reserved_bits_are_refused) {
    for (unsigned rsv = 1; rsv < 8; rsv++) {
        STORY(s, "!1002", add(s, T | rsv << 4, "x"));
        STORY(s, "t(a)!1002", add(s, T, "a"), add(s, B | rsv << 4, ""));
        STORY(s, "p()!1002", add(s, P, ""), add(s, CLOSE | rsv << 4, ""));
        STORY(s, "!1002", add(s, T_, "a"), add(s, C | rsv << 4, "b"));
        STORY(s, "!1002", add(s, P | rsv << 4, "x"));
    }
}

WEIR_TEST(allowed_reserved_bit_stands_on_first_frames_only) {
    static const struct weir__ws_limits limits = {
        .frame_max = 10, .message_max = 10, .rsv_allowed = WEIR__WS_RSV1};
    struct weir__ws_decoder d;
    struct weir__ws_event ev;
    uint8_t bytes[] = {0xc1, 1, 0xff, 0xc0, 0}; /* compressed text is not UTF-8 yet */
    weir__ws_decoder_init(&d, WEIR__WS_CLIENT, &limits);
    bytes[0] = 0x41;
    assert_int_equal(weir__ws_decode(&d, bytes, 5, &ev), WEIR__WS_ON_DATA);
    assert_int_equal(ev.rsv, WEIR__WS_RSV1);
    assert_int_equal(weir__ws_decode(&d, bytes + 3, 2, &ev), WEIR_EPROTO);
    assert_string_equal(d.why, "reserved bit set");
}

/* Autobahn 4: reserved opcodes. */
WEIR_TEST(reserved_opcodes_are_refused) {
    static const unsigned opcodes[] = {3, 4, 5, 6, 7, 11, 12, 13, 14, 15};
    for (size_t i = 0; i < sizeof opcodes / sizeof opcodes[0]; i++) {
        STORY(s, "!1002", add(s, 0x80 | opcodes[i], ""));
        STORY(s, "!1002", add(s, 0x80 | opcodes[i], "x"));
        STORY(s, "t(a)!1002", add(s, T, "a"), add(s, 0x80 | opcodes[i], ""), add(s, P, ""));
        STORY(s, "!1002", add(s, T_, "a"), add(s, opcodes[i], ""));
    }
}

/* Autobahn 5: fragmentation. */
WEIR_TEST(fragmented_messages_follow_the_rules) {
    STORY(s, "!1002", add(s, P & 0x7f, "x"), add(s, C, "y"));
    STORY(s, "!1002", add(s, Q & 0x7f, "x"));
    STORY(s, "!1002", add(s, CLOSE & 0x7f, ""));
    STORY(s, "t(ab)", add(s, T_, "a"), add(s, C, "b"));
    STORY(s, "b(ab)", add(s, B_, "a"), add(s, C, "b"));
    STORY(s, "t(p(x)ab)", add(s, T_, ""), add(s, P, "x"), add(s, C_, "ab"), add(s, C, ""));
    STORY(s, "t()", add(s, T_, ""), add(s, C_, ""), add(s, C, ""));
    STORY(s, "t(a)t(b)", add(s, T_, "a"), add(s, C, ""), add(s, T, "b"));
    STORY(s, "!1002", add(s, C, "x"), add(s, T, "y"));
    STORY(s, "!1002", add(s, C_, "x"));
    STORY(s, "t(ab)!1002", add(s, T_, "a"), add(s, C, "b"), add(s, C, "c"));
    STORY(s, "!1002", add(s, T_, "a"), add(s, T, "b"));
    STORY(s, "!1002", add(s, T_, "a"), add(s, B_, "b"));
    STORY(s, "t(abcd)b(e)", add(s, T_, "a"), add(s, C_, "b"), add(s, C_, "c"), add(s, C, "d"),
          add(s, B, "e"));
    STORY(s, "t(ac1000()", add(s, T_, "a"), add(s, CLOSE, "\x03\xe8"), add(s, C, "b"));
}

/* Autobahn 6: UTF-8, in one frame, in fragments between and inside characters. */
WEIR_TEST(text_must_be_utf8_in_whatever_fragments) {
    static const struct {
        const char *text;
        bool good;
    } cases[] = {
        {"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5", 1},
        {"\xce\xba\xe1\xbd\xb9\xcf\x83\xed\xa0\x80" "edited", 0}, /* surrogate */
        {"\xf4\x90\x80\x80", 0},                                  /* above U+10FFFF */
        {"\xf4\x8f\xbf\xbf", 1},
        {"\xef\xbf\xbe\xef\xbf\xbf", 1}, /* U+FFFE, U+FFFF are characters */
        {"\xc0\xaf", 0},
        {"\xe0\x80\xaf", 0},
        {"\xf0\x80\x80\xaf", 0},
        {"\xf8\x88\x80\x80\x80", 0},
        {"\x80", 0},
        {"\xfe", 0},
        {"a\xe2\x82", 0}, /* ends inside a character */
        {"\xed\x9f\xbf\xee\x80\x80", 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *text = cases[i].text;
        size_t len = strlen(text);
        char expected[40] = "!1007";
        if (cases[i].good)
            snprintf(expected, sizeof expected, "t(%s)", text);
        STORY(s, expected, add(s, T, text));
        STORY(s, expected, add_n(s, T_, text, len / 2), add_n(s, C, text + len / 2, len - len / 2));
        STORY(s, expected, for (size_t n = 0; n < len; n++) add_n(s, n ? C_ : T_, text + n, 1);
              add(s, C, ""));
    }
}

WEIR_TEST(bad_utf8_fails_at_its_byte_and_binary_never) {
    struct weir__ws_decoder d;
    struct weir__ws_event ev;
    uint8_t bytes[] = "\x01\x7e\x03\xe8" "abc\xed\xa0";
    weir__ws_decoder_init(&d, WEIR__WS_CLIENT, &small);
    assert_int_equal(weir__ws_decode(&d, bytes, 8, &ev), WEIR__WS_ON_DATA);
    assert_int_equal(weir__ws_decode(&d, bytes + 8, 1, &ev), WEIR_EUTF8);
    STORY(s, "b(\xed\xa0\x80\xff)", add(s, B, "\xed\xa0\x80\xff"));
    STORY(s, "b(\xff)t(a)", add(s, B_, "\xff"), add(s, C, ""), add(s, T, "a"));
}

/* Autobahn 7: close frames. */
WEIR_TEST(close_frames_give_code_and_reason) {
    STORY(s, "c1005()", add(s, CLOSE, ""));
    STORY(s, "c1000()", add(s, CLOSE, "\x03\xe8"));
    STORY(s, "c1001(bye \xc3\xa9)", add(s, CLOSE, "\x03\xe9" "bye \xc3\xa9"));
    STORY(s, "t(a)c1005()", add(s, T, "a"), add(s, CLOSE, ""), add(s, P, "x"), add(s, T, "y"));
    STORY(s, "c1005()", add(s, CLOSE, ""), add(s, CLOSE, ""), add(s, 0x83, "garbage"));
    STORY(s, "!1002", add(s, CLOSE, "\x03"));
    STORY(s, "!1007", add(s, CLOSE, "\x03\xe8\xed\xa0\x80"));
    STORY(s, "!1007", add(s, CLOSE, "\x03\xe8\xe2\x82"));
    STORY(s, "!1002", add_n(s, CLOSE, (const char[126]){3, (char)0xe8}, 126));
}

WEIR_TEST(close_codes_are_those_that_may_travel) {
    static const struct {
        unsigned from, to;
    } good[] = {{1000, 1003}, {1007, 1014}, {3000, 4999}};
    for (unsigned code = 0; code <= 65535; code++) {
        bool expected = false;
        for (int i = 0; i < 3; i++)
            expected |= code >= good[i].from && code <= good[i].to;
        assert_int_equal(weir__ws_code_valid(code), expected);
    }
    static const unsigned refused[] = {0,    999,  1004, 1005, 1006, 1015,
                                       1100, 2000, 2999, 5000, 65535};
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        uint8_t payload[2] = {(uint8_t)(refused[i] >> 8), (uint8_t)refused[i]};
        STORY(s, "!1002", add_n(s, CLOSE, payload, 2));
    }
}

WEIR_TEST(close_payload_keeps_whole_characters_of_the_reason) {
    uint8_t payload[WEIR__WS_CONTROL_MAX];
    char reason[130];
    memset(reason, 'r', sizeof reason);
    memcpy(reason + 122, "\xe2\x82\xac", 3);
    assert_int_equal(weir__ws_close_write(payload, 1005, "ignored", 7), 0);
    assert_int_equal(weir__ws_close_write(payload, 1000, NULL, 0), 2);
    assert_memory_equal(payload, "\x03\xe8", 2);
    assert_int_equal(weir__ws_close_write(payload, 1011, reason, 123), 125);
    assert_int_equal(weir__ws_close_write(payload, 1011, reason, 130), 124);
}

WEIR_TEST(masks_must_be_there_from_clients_and_not_from_servers) {
    struct weir__ws_decoder d;
    struct weir__ws_event ev;
    weir__ws_decoder_init(&d, WEIR__WS_SERVER, &small);
    assert_int_equal(weir__ws_decode(&d, (uint8_t[]){0x81, 0x00}, 2, &ev), WEIR_EPROTO);
    assert_string_equal(d.why, "unmasked frame from a client");
    assert_int_equal(d.code, 1002);
    assert_int_equal(weir__ws_decode(&d, (uint8_t[]){0x81, 0x80}, 2, &ev), WEIR_EPROTO);
    weir__ws_decoder_init(&d, WEIR__WS_CLIENT, &small);
    assert_int_equal(weir__ws_decode(&d, (uint8_t[]){0x81, 0x80}, 2, &ev), WEIR_EPROTO);
}

WEIR_TEST(lengths_must_be_in_their_shortest_form) {
    static const struct {
        size_t len;
        const char *bytes, *why;
        int rc;
    } cases[] = {
        {4, "\x82\x7e\x00\x7d", "length not in its shortest form", WEIR_EPROTO},
        {4, "\x82\x7e\x00\x7e", NULL, 0},
        {10, "\x82\x7f\0\0\0\0\0\0\xff\xff", "length not in its shortest form", WEIR_EPROTO},
        {10, "\x82\x7f\0\0\0\0\0\1\0\0", "frame too big", WEIR_ETOOBIG},
        {10, "\x82\x7f\x80\0\0\0\0\0\0\0", "length above 63 bits", WEIR_EPROTO},
        {10, "\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff", "frame too big", WEIR_ETOOBIG},
        {2, "\x89\x7e", "control frame above 125 bytes", WEIR_EPROTO},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct weir__ws_decoder d;
        struct weir__ws_event ev;
        uint8_t bytes[10];
        memcpy(bytes, cases[i].bytes, cases[i].len);
        weir__ws_decoder_init(&d, WEIR__WS_CLIENT, &small);
        assert_int_equal(weir__ws_decode(&d, bytes, cases[i].len, &ev), cases[i].rc);
        if (cases[i].why)
            assert_string_equal(d.why, cases[i].why);
    }
}

WEIR_TEST(limits_hold_at_the_header_and_over_fragments) {
    static char text[1002];
    memset(text, 'x', 1001);
    STORY(s, "!1009", add(s, B, text));
    STORY(s, "!1009", add_n(s, T_, text, 1000), add_n(s, C_, text, 1000), add(s, C, "x"));
    text[500] = '\0';
    static char expected[3 * (2 + 1000 + 1) + 1];
    snprintf(expected, sizeof expected, "b(%1$s%1$s)b(%1$s%1$s)b(%1$s%1$s)", text);
    STORY(s, expected, for (int i = 0; i < 3; i++) add(s, B_, text), add(s, C, text));
    struct weir__ws_decoder d;
    struct weir__ws_event ev;
    weir__ws_decoder_init(&d, WEIR__WS_SERVER, &small);
    assert_int_equal(weir__ws_decode(&d, (uint8_t[]){0x82, 0xfe, 0x03, 0xe9}, 4, &ev),
                     WEIR_ETOOBIG); /* before mask and payload have come */
    assert_int_equal(d.code, 1009);
}

WEIR_TEST(a_whole_message_is_lent_in_place_by_one_call) {
    static const uint8_t mask[4] = {9, 8, 7, 6};
    struct weir__ws_decoder d;
    struct weir__ws_event ev;
    uint8_t bytes[40];
    size_t head = weir__ws_head_write(bytes, T, 20, mask);
    weir__ws_mask(bytes + head, (const uint8_t *)"twenty bytes of text", 20, mask, 0);
    weir__ws_decoder_init(&d, WEIR__WS_SERVER, &small);
    assert_int_equal(weir__ws_decode(&d, bytes, sizeof bytes, &ev), WEIR__WS_ON_DATA);
    assert_ptr_equal(ev.data, bytes + 6);
    assert_int_equal(ev.len, 20);
    assert_int_equal(ev.used, 26);
    assert_true(ev.first && ev.last);
    assert_memory_equal(ev.data, "twenty bytes of text", 20);
}

WEIR_TEST(need_says_what_must_come_next) {
    static const struct weir__ws_limits whole = {
        .frame_max = 1000, .message_max = 1000, .whole_max = 1000};
    struct weir__ws_decoder d;
    struct weir__ws_event ev;
    uint8_t bytes[] = {0x82, 0xfe, 0x01, 0x00, 1, 2, 3, 4};
    weir__ws_decoder_init(&d, WEIR__WS_SERVER, &whole);
    assert_int_equal(weir__ws_decode(&d, NULL, 0, &ev), WEIR__WS_ON_MORE);
    assert_int_equal(ev.need, 2);
    assert_int_equal(weir__ws_decode(&d, bytes, 2, &ev), WEIR__WS_ON_MORE);
    assert_int_equal(ev.need, 8);
    assert_int_equal(weir__ws_decode(&d, bytes, 8, &ev), WEIR__WS_ON_MORE);
    assert_int_equal(ev.need, 8 + 256);
    assert_int_equal(ev.frame_left, 256);
    assert_int_equal(ev.used, 0);
    weir__ws_decoder_init(&d, WEIR__WS_SERVER, &small);
    assert_int_equal(weir__ws_decode(&d, bytes, 8, &ev), WEIR__WS_ON_MORE);
    assert_int_equal(ev.used, 8);
    assert_int_equal(ev.need, 1);
    assert_int_equal(ev.frame_left, 256);
    assert_false(weir__ws_decoder_idle(&d));
}

WEIR_TEST(a_decoder_is_small_enough_for_idle_connections) {
    assert_true(sizeof(struct weir__ws_decoder) <= 80);
}

WEIR_TEST(mask_is_right_at_every_length_alignment_and_phase) {
    static const uint8_t mask[4] = {0x12, 0x34, 0x56, 0x78};
    static uint8_t plain[300], expected[300];
    struct guard g;
    guard_open(&g, sizeof plain);
    for (size_t i = 0; i < sizeof plain; i++)
        plain[i] = (uint8_t)(i * 31);
    for (size_t len = 0; len < 200; len++)
        for (uint64_t phase = 0; phase < 5; phase++) {
            for (size_t i = 0; i < len; i++)
                expected[i] = plain[i] ^ mask[(i + phase) % 4];
            uint8_t *end = guard_at_end(&g, plain, len);
            weir__ws_mask(end, end, len, mask, phase);
            assert_memory_equal(end, expected, len);
            uint8_t *start = guard_at_start(&g, plain, sizeof plain);
            weir__ws_mask(start + 1, plain, len, mask, phase);
            assert_memory_equal(start + 1, expected, len);
        }
    guard_close(&g);
}
