/* SPDX-License-Identifier: MIT */
/* The validator: whole, cut in two, byte by byte. The first byte of the input places the cut. */
#include "fuzz.h"
#include "wire/utf8.h"

/* Feed [0, cut), then the rest in pieces of step. Returns the offset of the first bad byte. */
static size_t feed(struct weir__utf8 *u, const uint8_t *text, size_t len, size_t cut, size_t step) {
    for (size_t at = 0; at < len;) {
        size_t piece = at < cut ? cut : len - at < step ? len - at : step;
        uint8_t *copy = fuzz_copy(text + at, piece);
        size_t good = weir__utf8_feed(u, copy, piece);
        free(copy);
        at += good;
        if (good < piece)
            return at;
    }
    return len;
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len) {
    if (len == 0)
        return 0;
    const uint8_t *text = input + 1;
    struct weir__utf8 whole = {0}, two = {0}, bytes = {0};
    size_t text_len = len - 1, cut = input[0] < text_len ? input[0] : 0;
    size_t good = feed(&whole, text, text_len, 0, SIZE_MAX);
    FUZZ_SAME(feed(&two, text, text_len, cut, SIZE_MAX) == good);
    FUZZ_SAME(feed(&bytes, text, text_len, 0, 1) == good);
    FUZZ_SAME(two.state == whole.state && bytes.state == whole.state);
    FUZZ_SAME(weir__utf8_valid(text, text_len) == (good == text_len && weir__utf8_done(&whole)));
    if (weir__utf8_valid(text, text_len))
        FUZZ_SAME(weir__utf8_valid(text, weir__utf8_cut(text, text_len, cut)));
    return 0;
}
