/* SPDX-License-Identifier: MIT */
/* chars.c - the table of character classes, written as ranges. Where ranges overlap, the classes
 * are combined by hand. */
#include "wire/chars.h"

#include <string.h>

#define TOKEN WEIR__CHAR_TOKEN
#define TARGET WEIR__CHAR_TARGET
#define PATH WEIR__CHAR_PATH
#define HOST WEIR__CHAR_HOST
#define LETTER (TOKEN | TARGET | PATH | HOST | WEIR__CHAR_ALPHA)

const uint8_t weir__char_classes[256] = {
    ['0' ... '9'] = TOKEN | TARGET | PATH | HOST | WEIR__CHAR_DIGIT | WEIR__CHAR_HEX,
    ['A' ... 'F'] = LETTER | WEIR__CHAR_HEX,
    ['G' ... 'Z'] = LETTER,
    ['a' ... 'f'] = LETTER | WEIR__CHAR_HEX,
    ['g' ... 'z'] = LETTER,
    ['-'] = TOKEN | TARGET | PATH | HOST,
    ['.'] = TOKEN | TARGET | PATH | HOST,
    ['_'] = TOKEN | TARGET | PATH | HOST,
    ['~'] = TOKEN | TARGET | PATH,
    ['!'] = TOKEN | TARGET | PATH,
    ['$'] = TOKEN | TARGET | PATH,
    ['&'] = TOKEN | TARGET | PATH,
    ['\''] = TOKEN | TARGET | PATH,
    ['*'] = TOKEN | TARGET | PATH,
    ['+'] = TOKEN | TARGET | PATH,
    ['%'] = TOKEN | TARGET,
    ['^'] = TOKEN | TARGET,
    ['`'] = TOKEN | TARGET,
    ['|'] = TOKEN | TARGET,
    ['#'] = TOKEN,
    ['('] = TARGET | PATH,
    [')'] = TARGET | PATH,
    [','] = TARGET | PATH,
    [';'] = TARGET | PATH,
    ['='] = TARGET | PATH,
    [':'] = TARGET | PATH,
    ['@'] = TARGET | PATH,
    ['/'] = TARGET | PATH,
    ['?'] = TARGET | PATH,
    ['['] = TARGET,
    [']'] = TARGET,
    ['\\'] = TARGET,
    ['{'] = TARGET,
    ['}'] = TARGET,
};

/* ---- 16 bytes at a time ---- */

/* Each function below says which of 16 bytes something holds for, a bit for each, the first lowest.
 * Elsewhere bytes are looked at one by one. */
#ifdef __SSE2__

enum { WIDE_LEN = 16 };
typedef uint8_t wide __attribute__((vector_size(WIDE_LEN)));
typedef char wide_chars __attribute__((vector_size(WIDE_LEN)));

#define WIDE(c) ((wide){c, c, c, c, c, c, c, c, c, c, c, c, c, c, c, c})

static inline wide wide_load(const uint8_t *bytes) {
    wide v;
    memcpy(&v, bytes, sizeof v);
    return v;
}

static inline unsigned wide_bits(wide is) { /* each byte 0 or 255 */
    return (unsigned)__builtin_ia32_pmovmskb128((wide_chars)is);
}

/* Control characters other than HTAB, and DEL. */
static inline unsigned wide_controls(const uint8_t *bytes) {
    wide v = wide_load(bytes);
    return wide_bits((wide)(((v < WIDE(0x20)) & (v != WIDE('\t'))) | (v == WIDE(0x7f))));
}

/* Bytes that are surely no token's. Few tokens have others than letters, digits and "-". */
static inline unsigned wide_no_token(const uint8_t *bytes) {
    wide v = wide_load(bytes), letter = (v | WIDE(0x20)) - WIDE('a'), digit = v - WIDE('0');
    return wide_bits((wide)((letter > WIDE(25)) & (digit > WIDE(9)) & (v != WIDE('-'))));
}

/* Bytes that are no target's. */
static inline unsigned wide_no_target(const uint8_t *bytes) {
    wide v = wide_load(bytes);
    return wide_bits((wide)((v - WIDE('!') > WIDE('~' - '!')) | (v == WIDE('"')) |
                            (v == WIDE('#')) | (v == WIDE('<')) | (v == WIDE('>'))));
}

/* The first control character of those at or after from. */
static inline size_t wide_line_end(const uint8_t *bytes, size_t from, size_t end) {
    unsigned bits = 0;
    size_t i = from;
    while (end - i >= WIDE_LEN && (bits = wide_controls(bytes + i)) == 0)
        i += WIDE_LEN;
    if (bits == 0 && i < end && end >= WIDE_LEN) { /* the last ones, with some before them */
        bits = wide_controls(bytes + end - WIDE_LEN) >> (WIDE_LEN - (end - i));
        i = bits != 0 ? i : end;
    }
    return bits != 0 ? i + (unsigned)__builtin_ctz(bits) : i;
}

/* How many bytes from the start surely belong to the class. */
static inline size_t wide_span(const uint8_t *bytes, size_t len, int class) {
    unsigned bits = 0;
    size_t i = 0;
    while (len - i >= WIDE_LEN && bits == 0) {
        bits = class == WEIR__CHAR_TOKEN ? wide_no_token(bytes + i) : wide_no_target(bytes + i);
        i += bits != 0 ? (unsigned)__builtin_ctz(bits) : WIDE_LEN;
    }
    return i;
}

#else

static inline size_t wide_line_end(const uint8_t *bytes, size_t from, size_t end) {
    return from;
}

static inline size_t wide_span(const uint8_t *bytes, size_t len, int class) {
    return 0;
}

#endif

size_t weir__chars_line_end(const uint8_t *bytes, size_t from, size_t end) {
    size_t i = wide_line_end(bytes, from, end);
    while (i < end && (bytes[i] >= 0x20 || bytes[i] == '\t') && bytes[i] != 0x7f)
        i++;
    return i;
}

size_t weir__chars_span(const uint8_t *bytes, size_t len, int classes) {
    bool is_wide = classes == WEIR__CHAR_TOKEN || classes == WEIR__CHAR_TARGET;
    size_t i = is_wide ? wide_span(bytes, len, classes) : 0;
    while (i < len && weir__char_is(bytes[i], classes))
        i++;
    return i;
}

bool weir__chars_all(const uint8_t *bytes, size_t len, int classes) {
    return len > 0 && weir__chars_span(bytes, len, classes) == len;
}

/* Bit 5 alone may differ, in a letter. */
bool weir__chars_equal(const void *bytes, size_t len, const char *text) {
    const uint8_t *source = bytes;
    for (size_t i = 0; i < len; i++) {
        uint8_t byte = source[i], differs = byte ^ (uint8_t)text[i];
        bool is_other = differs != 0 && (differs != 0x20 || !weir__char_is(byte, WEIR__CHAR_ALPHA));
        if (is_other || text[i] == '\0')
            return false;
    }
    return text[len] == '\0';
}

int64_t weir__chars_decimal(const uint8_t *bytes, size_t len, int64_t value_max) {
    int64_t value = 0;
    for (size_t i = 0; i < len; i++) {
        int digit = bytes[i] - '0';
        if (!weir__char_is(bytes[i], WEIR__CHAR_DIGIT) || digit > value_max ||
            value > (value_max - digit) / 10)
            return -1;
        value = value * 10 + digit;
    }
    return len > 0 ? value : -1;
}

static bool is_blank(uint8_t c) {
    return c == ' ' || c == '\t';
}

bool weir__chars_list_next(const uint8_t *bytes, size_t len, size_t *at, struct weir__slice *ret) {
    size_t from = *at;
    while (from < len && (is_blank(bytes[from]) || bytes[from] == ','))
        from++;
    size_t end = from;
    while (end < len && bytes[end] != ',')
        end++;
    *at = end;
    while (end > from && is_blank(bytes[end - 1]))
        end--;
    if (end == from)
        return false;
    *ret = (struct weir__slice){(uint32_t)from, (uint32_t)(end - from)};
    return true;
}
