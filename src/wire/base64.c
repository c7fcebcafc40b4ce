/* SPDX-License-Identifier: MIT */
/* base64.c - see base64.h. Three bytes make four characters. */
#include "wire/base64.h"

#include <weir/base.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

size_t weir__base64_encode(char *ret_text, const void *bytes, size_t len) {
    const uint8_t *source = bytes;
    size_t out = 0;
    for (size_t at = 0; at < len; at += 3) {
        size_t count = len - at < 3 ? len - at : 3;
        uint32_t group = (uint32_t)source[at] << 16;
        group |= count > 1 ? (uint32_t)source[at + 1] << 8 : 0;
        group |= count > 2 ? source[at + 2] : 0;
        for (size_t i = 0; i < 4; i++)
            ret_text[out++] = i <= count ? alphabet[group >> (18 - 6 * i) & 63] : '=';
    }
    return out;
}

static int value(char c) {
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

ssize_t weir__base64_decode(void *ret_bytes, size_t size_max, const char *text, size_t len) {
    uint8_t *target = ret_bytes;
    size_t pad = 0, count = 0;
    while (pad < 2 && pad < len && text[len - 1 - pad] == '=')
        pad++;
    if (len % 4 != 0 || len / 4 * 3 - pad > size_max)
        return WEIR_EPROTO;
    uint32_t bits = 0;
    for (size_t i = 0; i < len - pad; i++) {
        int six = value(text[i]);
        if (six < 0)
            return WEIR_EPROTO;
        bits = bits << 6 | (uint32_t)six;
        if (i % 4 > 0)
            target[count++] = (uint8_t)(bits >> (6 - 2 * (i % 4)));
    }
    return (ssize_t)count;
}
