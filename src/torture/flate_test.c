/* SPDX-License-Identifier: MIT */
/* flate_test.c - the judge's own deflate: what it packs it unpacks, the examples of the RFC, and no
 * input that breaks it. */
#include "torture/flate.h"

#include <string.h>

#include "test/runner.h"

static void fill(uint8_t *data, size_t len, unsigned letters) {
    uint32_t state = 1;
    for (size_t i = 0; i < len; i++) {
        state = state * 1103515245 + 12345;
        data[i] = (uint8_t)('a' + (state >> 16) % letters);
    }
}

static void round_trip(struct packer *p, struct unpacker *u, const uint8_t *data, size_t len,
                       enum pack_form form) {
    struct bytes packed = {0}, back = {0};
    pack(p, &packed, data, len, form);
    assert_null(unpack(u, &back, packed.base, packed.len));
    assert_int_equal(back.len, len);
    if (len > 0)
        assert_memory_equal(back.base, data, len);
    bytes_free(&packed);
    bytes_free(&back);
}

WEIR_TEST(what_is_packed_is_unpacked_in_every_form_and_size) {
    static uint8_t data[100000];
    static const size_t sizes[] = {0,   1,    2,     3,     100,   257,   258,
                                   259, 1000, 32768, 65535, 65536, 100000};
    for (unsigned letters = 1; letters <= 26; letters += 5) {
        fill(data, sizeof data, letters);
        for (int form = PACK_FIXED; form <= PACK_FINAL; form++) {
            struct packer p = {0};
            struct unpacker u = {0};
            for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
                round_trip(&p, &u, data, sizes[i], (enum pack_form)form);
            packer_fini(&p);
            unpacker_fini(&u);
        }
    }
}

static void expect(struct unpacker *u, const char *packed, size_t len, const char *want) {
    struct bytes out = {0};
    assert_null(unpack(u, &out, (const uint8_t *)packed, len));
    assert_int_equal(out.len, strlen(want));
    assert_memory_equal(out.base, want, strlen(want));
    bytes_free(&out);
}

WEIR_TEST(the_examples_of_rfc_7692_are_unpacked) {
    struct unpacker u = {0};
    expect(&u, "\xf2\x48\xcd\xc9\xc9\x07\x00", 7, "Hello");
    expect(&u, "\xf2\x00\x11\x00\x00", 5, "Hello");
    unpacker_forget(&u);
    expect(&u, "\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00", 11, "Hello");
    expect(&u, "\xf3\x48\xcd\xc9\xc9\x07\x00\x00", 8, "Hello");
    expect(&u, "\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00", 13, "Hello");
    unpacker_fini(&u);
}

WEIR_TEST(a_match_beyond_the_window_or_the_beginning_is_found) {
    static uint8_t data[1200];
    struct packer p = {0};
    struct unpacker u = {.window = 9};
    struct bytes packed = {0}, out = {0};
    fill(data, 600, 26);
    memcpy(data + 600, data, 600); /* matches 600 bytes back; a window of 2^9 has 512 */
    pack(&p, &packed, data, sizeof data, PACK_FIXED);
    assert_string_equal(unpack(&u, &out, packed.base, packed.len),
                        "a match reaches further back than the agreed window");
    unpacker_forget(&u);
    assert_string_equal(unpack(&u, &out, (const uint8_t *)"\x4a\x04\x42\x00\x00", 5),
                        "a match reaches back before the beginning of the context");
    bytes_free(&packed);
    bytes_free(&out);
    packer_fini(&p);
    unpacker_fini(&u);
}

WEIR_TEST(a_packer_with_a_window_stays_in_it) {
    static uint8_t data[4000];
    struct packer p = {.window = 9};
    struct unpacker u = {.window = 9};
    fill(data, 1000, 26);
    for (int i = 1; i < 4; i++)
        memcpy(data + i * 1000, data, 1000);
    round_trip(&p, &u, data, sizeof data, PACK_FIXED);
    assert_true(u.reach <= 512);
    packer_fini(&p);
    unpacker_fini(&u);
}

WEIR_TEST(cut_and_changed_data_is_an_error_or_another_text) {
    static uint8_t data[500];
    struct packer p = {0};
    struct bytes packed = {0};
    fill(data, sizeof data, 3);
    pack(&p, &packed, data, sizeof data, PACK_FIXED);
    for (size_t i = 0; i < packed.len; i++) {
        for (int bit = -1; bit < 8; bit++) {
            struct unpacker u = {0};
            struct bytes out = {0};
            if (bit >= 0)
                packed.base[i] ^= (uint8_t)(1 << bit);
            (void)unpack(&u, &out, packed.base, bit >= 0 ? packed.len : i);
            if (bit >= 0)
                packed.base[i] ^= (uint8_t)(1 << bit);
            bytes_free(&out);
            unpacker_fini(&u);
        }
    }
    bytes_free(&packed);
    packer_fini(&p);
}
