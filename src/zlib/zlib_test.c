/* SPDX-License-Identifier: MIT */
/* The table of wire/deflate.h as libweir-zlib fills it: there and back whole and byte by byte, the
 * ends of a flush, windows of every size, bad data, and each allocation that fails. */
#include <string.h>

#include "base/alloc.h"
#include "test/runner.h"
#include "wire/deflate.h"

#define T weir__deflate_table

enum { PLAIN = 20000 };

static const uint8_t tail[4] = {0, 0, 0xff, 0xff};
static uint8_t plain[PLAIN], packed[PLAIN + 100], back[2 * PLAIN + 100];

/* Text-like: words from a small set, in an order that does not repeat soon. */
static void fill_plain(void) {
    static const char *const words[] = {"ring ", "buzzer ", "counter ", "\"state\": ", "{} "};
    uint32_t x = 7;
    for (size_t at = 0; at < PLAIN;) {
        x = x * 1103515245u + 12345u;
        const char *word = words[(x >> 16) % 5];
        size_t n = strlen(word) < PLAIN - at ? strlen(word) : PLAIN - at;
        memcpy(plain + at, word, n);
        at += n;
        plain[at - 1] = (uint8_t)(x >> 24);
    }
}

static size_t pack(struct weir__deflater *d, const void *in, size_t len, size_t room,
                   enum weir__deflate_flush flush) {
    struct weir__deflate_io io = {in, len, packed, 0};
    bool done = false;
    while (!done) {
        io.out_len = room;
        done = T->deflate(d, &io, flush);
    }
    assert_int_equal(io.in_len, 0);
    return (size_t)(io.out - packed);
}

/* Feed step bytes, with room for step bytes. Returns what the last call returned. */
static int unpack(struct weir__inflater *i, const uint8_t *in, size_t len, size_t step,
                  size_t *ret_len) {
    struct weir__deflate_io io = {in, 0, back, 0};
    int rc = WEIR__INFLATE_MORE;
    while (rc >= 0 && rc != WEIR__INFLATE_END) {
        if (rc == WEIR__INFLATE_MORE) {
            if (io.in == in + len)
                break;
            size_t left = (size_t)(in + len - io.in);
            io.in_len = left < step ? left : step;
        }
        io.out_len = step;
        assert_true(io.out + step <= back + sizeof back);
        rc = T->inflate(i, &io);
    }
    *ret_len = (size_t)(io.out - back);
    return rc;
}

WEIR_TEST(compressed_bytes_come_back_in_every_format_in_steps_of_any_size) {
    static const size_t steps[] = {1, 7, PLAIN};
    fill_plain();
    for (uint8_t format = WEIR__DEFLATE_RAW; format <= WEIR__DEFLATE_ZLIB; format++)
        for (size_t s = 0; s < 3; s++) {
            struct weir__deflate_params p = {.format = format};
            struct weir__deflater *d = T->deflater_new(&p);
            struct weir__inflater *i = T->inflater_new(&p);
            size_t len, n = pack(d, plain, PLAIN, steps[s] < 7 ? 7 : steps[s],
                                 WEIR__DEFLATE_FINISH);
            assert_in_range(n, 1, PLAIN - 1);
            assert_int_equal(unpack(i, packed, n, steps[s], &len),
                             format == WEIR__DEFLATE_RAW ? WEIR__INFLATE_MORE : WEIR__INFLATE_END);
            assert_int_equal(len, PLAIN);
            assert_memory_equal(back, plain, PLAIN);
            T->deflater_free(d);
            T->inflater_free(i);
        }
}

WEIR_TEST(an_inflater_reads_what_a_deflater_with_its_window_wrote) {
    fill_plain();
    for (uint8_t format = WEIR__DEFLATE_RAW; format <= WEIR__DEFLATE_ZLIB; format++)
        for (uint8_t bits = 8; bits <= 15; bits++) {
            struct weir__deflate_params p = {.format = format, .window_bits = bits};
            struct weir__deflater *d = T->deflater_new(&p);
            struct weir__inflater *i = T->inflater_new(&p);
            size_t len, n = pack(d, plain, PLAIN, PLAIN, WEIR__DEFLATE_FINISH);
            assert_int_equal(unpack(i, packed, n, 100, &len),
                             format == WEIR__DEFLATE_RAW ? WEIR__INFLATE_MORE : WEIR__INFLATE_END);
            assert_int_equal(len, PLAIN);
            assert_memory_equal(back, plain, PLAIN);
            T->deflater_free(d);
            T->inflater_free(i);
        }
}

WEIR_TEST(a_flush_ends_at_a_whole_byte_and_an_inflater_knows_it) {
    struct weir__deflater *d = T->deflater_new(&(struct weir__deflate_params){0});
    struct weir__inflater *i = T->inflater_new(&(struct weir__deflate_params){0});
    size_t len;
    for (int round = 0; round < 3; round++) {
        size_t n = pack(d, "hello, hello, hello", 19, 64, WEIR__DEFLATE_SYNC);
        assert_memory_equal(packed + n - 4, tail, 4);
        assert_int_equal(unpack(i, packed, n - 4, 3, &len), WEIR__INFLATE_MORE);
        assert_false(T->inflater_is_between(i));
        assert_int_equal(unpack(i, tail, 4, 1, &len), WEIR__INFLATE_MORE);
        assert_true(T->inflater_is_between(i));
    }
    assert_int_equal(pack(d, NULL, 0, 64, WEIR__DEFLATE_SYNC), 0); /* nothing new */
    T->deflater_free(d);
    T->inflater_free(i);
}

/* RFC 7692 7.2.3.4: "Hello" in a block that says it is the last, and what must follow it. */
WEIR_TEST(a_raw_block_that_says_it_is_the_last_is_followed_by_more_in_the_same_window) {
    static const uint8_t hello[] = {0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00};
    static const uint8_t again[] = {0xf2, 0x00, 0x11, 0x00, 0x00}; /* 7.2.3.2: from the window */
    struct weir__inflater *i = T->inflater_new(&(struct weir__deflate_params){0});
    size_t len;
    for (size_t step = 1; step < 20; step += 18) {
        assert_int_equal(unpack(i, hello, sizeof hello, step, &len), WEIR__INFLATE_MORE);
        assert_int_equal(len, 5);
        assert_int_equal(unpack(i, tail, 4, step, &len), WEIR__INFLATE_MORE);
        assert_true(T->inflater_is_between(i));
        assert_int_equal(unpack(i, again, sizeof again, step, &len), WEIR__INFLATE_MORE);
        assert_int_equal(unpack(i, tail, 4, step, &len), WEIR__INFLATE_MORE);
        assert_true(T->inflater_is_between(i));
    }
    T->inflater_free(i);
}

/* Each byte comes out alone, so it can only have come from the inflater's window. That of 8 bits
 * rests on how far zlib goes back with 9. */
WEIR_TEST(no_deflater_refers_further_back_than_its_window) {
    fill_plain();
    for (uint8_t bits = 8; bits <= 15; bits++)
        for (uint8_t level = 1; level <= 9; level++) {
            struct weir__deflate_params p = {.window_bits = bits, .level = level};
            struct weir__deflater *d = T->deflater_new(&p);
            struct weir__inflater *i = T->inflater_new(&p);
            size_t len, n = pack(d, plain, PLAIN, 4096, WEIR__DEFLATE_SYNC);
            assert_int_equal(unpack(i, packed, n, 1, &len), WEIR__INFLATE_MORE);
            assert_int_equal(len, PLAIN);
            assert_memory_equal(back, plain, PLAIN);
            assert_in_range(T->window_get(i, NULL), 1, 1 << bits);
            T->deflater_free(d);
            T->inflater_free(i);
        }
}

WEIR_TEST(an_inflater_goes_on_with_the_window_of_another) {
    static uint8_t window[32768];
    struct weir__deflate_params p = {.window_bits = 15};
    struct weir__deflater *d = T->deflater_new(&p);
    struct weir__inflater *one = T->inflater_new(&p), *other = T->inflater_new(&p);
    size_t len;
    fill_plain();
    size_t n = pack(d, plain, PLAIN, 4096, WEIR__DEFLATE_SYNC);
    assert_int_equal(unpack(one, packed, n, 999, &len), WEIR__INFLATE_MORE);
    size_t kept = T->window_get(one, window);
    assert_int_equal(kept, PLAIN);
    assert_int_equal(T->window_set(other, window, kept), 0);
    n = pack(d, plain, PLAIN, 4096, WEIR__DEFLATE_SYNC);
    assert_in_range(n, 1, 400); /* nearly all of it lies in the window */
    assert_int_equal(unpack(other, packed, n, 999, &len), WEIR__INFLATE_MORE);
    assert_memory_equal(back, plain, PLAIN);
    T->deflater_reset(d);
    T->inflater_reset(other);
    n = pack(d, plain, PLAIN, 4096, WEIR__DEFLATE_SYNC);
    assert_in_range(n, 400, PLAIN);
    assert_int_equal(unpack(other, packed, n, 999, &len), WEIR__INFLATE_MORE);
    T->deflater_free(d);
    T->inflater_free(one);
    T->inflater_free(other);
}

WEIR_TEST(bad_data_is_refused_and_what_follows_a_member_is_left) {
    struct weir__deflate_params p = {.format = WEIR__DEFLATE_GZIP};
    struct weir__inflater *i = T->inflater_new(&p);
    struct weir__deflater *d = T->deflater_new(&p);
    size_t len, n = pack(d, "abc", 3, 100, WEIR__DEFLATE_FINISH);
    memcpy(packed + n, "rest", 4);
    struct weir__deflate_io io = {packed, n + 4, back, 100};
    assert_int_equal(T->inflate(i, &io), WEIR__INFLATE_END);
    assert_int_equal(io.in_len, 4);
    packed[n - 6] ^= 1; /* its sum */
    T->inflater_reset(i);
    assert_int_equal(unpack(i, packed, n, 1, &len), WEIR_EPROTO);
    T->inflater_reset(i);
    assert_int_equal(unpack(i, (const uint8_t *)"plain", 5, 1, &len), WEIR_EPROTO);
    T->inflater_free(i);
    T->deflater_free(d);
    i = T->inflater_new(&(struct weir__deflate_params){0});
    assert_int_equal(unpack(i, (const uint8_t *)"\x07", 1, 1, &len), WEIR_EPROTO); /* block type */
    T->inflater_free(i);
}

WEIR_TEST(parameters_that_do_not_exist_give_nothing) {
    static const struct weir__deflate_params bad[] = {
        {.window_bits = 7}, {.window_bits = 16}, {.level = 10}, {.memory_level = 10}};
    for (size_t n = 0; n < 4; n++)
        assert_null(T->deflater_new(&bad[n]));
    assert_null(T->inflater_new(&bad[0]));
    assert_null(T->inflater_new(&bad[1]));
    T->deflater_free(NULL);
    T->inflater_free(NULL);
}

/* One round trip, in steps that make an inflater take its window. */
static int there_and_back(void) {
    size_t len = 0, n = 0;
    int rc = -ENOMEM;
    struct weir__deflater *d = T->deflater_new(&(struct weir__deflate_params){0});
    struct weir__inflater *i = T->inflater_new(&(struct weir__deflate_params){0});
    if (d != NULL)
        n = pack(d, plain, PLAIN, 4096, WEIR__DEFLATE_SYNC);
    if (d != NULL && i != NULL)
        rc = unpack(i, packed, n, 1000, &len);
    assert_true(rc == -ENOMEM || len == PLAIN);
    T->deflater_free(d);
    T->inflater_free(i);
    return rc;
}

WEIR_TEST(each_allocation_of_zlib_may_fail) {
    size_t n = 1;
    fill_plain();
    for (; n < 100; n++) {
        weir__alloc_fail_at(n);
        int rc = there_and_back();
        weir__alloc_fail_at(0);
        if (rc == WEIR__INFLATE_MORE)
            break;
        assert_int_equal(rc, -ENOMEM);
    }
    assert_in_range(n, 8, 20); /* two of ours, five of deflate, two of inflate */
}
