/* SPDX-License-Identifier: MIT */
/* The vectors of RFC 4648, and every kind of malformed text. */
#include "wire/base64.h"

#include <string.h>
#include <weir/base.h>

#include "test/runner.h"

WEIR_TEST(base64_gives_the_vectors_of_rfc_4648) {
    static const char *const texts[] = {"",         "Zg==",     "Zm8=",    "Zm9v",
                                        "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"};
    for (size_t len = 0; len <= 6; len++) {
        char text[9] = {0}, bytes[6];
        assert_int_equal(weir__base64_encode(text, "foobar", len), WEIR__BASE64_LEN(len));
        assert_string_equal(text, texts[len]);
        assert_int_equal(weir__base64_decode(bytes, 6, text, strlen(text)), len);
        assert_memory_equal(bytes, "foobar", len);
    }
}

WEIR_TEST(base64_looks_past_the_bits_that_stand_for_nothing) {
    static const char *const texts[] = {"Zh==", "Zv==", "Zm9=", "Zm/="};
    uint8_t bytes[3];
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(weir__base64_decode(bytes, 3, texts[i], 4), i < 2 ? 1 : 2);
        assert_int_equal(bytes[0], 'f');
    }
}

WEIR_TEST(base64_decodes_no_other_misspelling) {
    static const char *const bad[] = {"Zg=",  "Zg",   "Z===", "====", "=Zg=",
                                      "Zm 9", "Zm-_", "Zg==Zg==", "Zm9v\n"};
    uint8_t bytes[16];
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(weir__base64_decode(bytes, 16, bad[i], strlen(bad[i])), WEIR_EPROTO);
    assert_int_equal(weir__base64_decode(bytes, 2, "Zm9v", 4), WEIR_EPROTO);
}
