/* SPDX-License-Identifier: MIT */
/* escape.c - see escape.h. It has a UTF-8 decoder of its own: that of the room wire is above. */
#include "base/escape.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* The length and the number of the UTF-8 character at at; 0 if there is none. */
static size_t decode(const uint8_t *at, size_t len, uint32_t *ret_number) {
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000}; /* by length: no overlong forms */
    size_t want = at[0] < 0x80 ? 1 : at[0] < 0xc0 ? 0 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;
    uint32_t number = want < 2 ? at[0] : at[0] & (0x7fu >> want);
    if (want == 0 || want > len || at[0] > 0xf4)
        return 0;
    for (size_t i = 1; i < want; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0;
        number = number << 6 | (at[i] & 0x3f);
    }
    *ret_number = number;
    bool is_surrogate = number >= 0xd800 && number < 0xe000;
    return number < least[want] || number > 0x10ffff || is_surrogate ? 0 : want;
}

static bool steers(uint32_t number) {
    return number < 0x20 || (number >= 0x7f && number < 0xa0)
           || (number >= 0x2028 && number <= 0x202e) || (number >= 0x2066 && number <= 0x2069);
}

static size_t put_hex(char *out, char kind, uint32_t number, size_t digits) {
    out[0] = '\\';
    out[1] = kind;
    for (size_t i = 0; i < digits; i++)
        out[2 + i] = "0123456789abcdef"[number >> 4 * (digits - 1 - i) & 15];
    return 2 + digits;
}

size_t weir__escape_one(const char *text, size_t len, char *out, size_t *ret_len) {
    const uint8_t *at = (const uint8_t *)text;
    uint32_t number = 0;
    size_t taken = decode(at, len, &number);
    if (taken == 0) {
        *ret_len = put_hex(out, 'x', at[0], 2);
        return 1;
    }
    if (!steers(number)) {
        memcpy(out, text, taken);
        *ret_len = taken;
    } else if (number == '\n' || number == '\t') {
        memcpy(out, number == '\n' ? "\\n" : "\\t", 2);
        *ret_len = 2;
    } else {
        *ret_len = put_hex(out, number < 0x100 ? 'x' : 'u', number, number < 0x100 ? 2 : 4);
    }
    return taken;
}

bool weir__escape(char *out, size_t size, const char *text, size_t len) {
    static const char mark[] = "...";
    size_t used = 0, fits = 0; /* fits: the longest text behind which "..." has room */
    if (size < sizeof mark + 4)
        abort(); /* not WEIR_CHECK: its message would be escaped here too */
    for (size_t i = 0, n; i < len; used += n) {
        char one[WEIR__ESCAPE_MAX];
        i += weir__escape_one(text + i, len - i, one, &n);
        if (used + n >= size) {
            memcpy(out + fits, mark, sizeof mark);
            return false;
        }
        memcpy(out + used, one, n);
        fits = used + n + sizeof mark <= size ? used + n : fits;
    }
    out[used] = '\0';
    return true;
}
