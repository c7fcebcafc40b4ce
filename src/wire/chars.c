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

/* 16 bytes at a time; the compiler translates this to SSE2, NEON or plain words. */
typedef uint8_t wide __attribute__((vector_size(16)));

#define WIDE(c) ((wide){c, c, c, c, c, c, c, c, c, c, c, c, c, c, c, c})

/* Which of 8 bytes is the first that is not 0? One is. */
static inline unsigned first_byte(uint64_t word) {
    bool is_little = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__;
    return (unsigned)(is_little ? __builtin_ctzll(word) : __builtin_clzll(word)) / 8;
}

/* The first control character among 16 bytes; 16: there is none. */
static inline unsigned wide_control(const uint8_t *bytes) {
    wide v;
    uint64_t half[2];
    memcpy(&v, bytes, sizeof v);
    wide bad = (wide)(((v < WIDE(0x20)) & (v != WIDE('\t'))) | (v == WIDE(0x7f)));
    memcpy(half, &bad, sizeof half);
    if ((half[0] | half[1]) == 0)
        return 16;
    return half[0] != 0 ? first_byte(half[0]) : 8 + first_byte(half[1]);
}

size_t weir__chars_line_end(const uint8_t *bytes, size_t from, size_t end) {
    size_t i = from;
    unsigned n = 16;
    while (end - i >= 16 && n == 16)
        i += n = wide_control(bytes + i);
    if (n < 16)
        return i;
    while (i < end && (bytes[i] >= 0x20 || bytes[i] == '\t') && bytes[i] != 0x7f)
        i++;
    return i;
}

size_t weir__chars_span(const uint8_t *bytes, size_t len, int classes) {
    size_t i = 0;
    while (i < len && weir__char_is(bytes[i], classes))
        i++;
    return i;
}

bool weir__chars_all(const uint8_t *bytes, size_t len, int classes) {
    return len > 0 && weir__chars_span(bytes, len, classes) == len;
}

bool weir__chars_equal(const void *bytes, size_t len, const char *text) {
    const uint8_t *source = bytes;
    for (size_t i = 0; i < len; i++)
        if (!text[i] || weir__char_lower(source[i]) != weir__char_lower((uint8_t)text[i]))
            return false;
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
