/* SPDX-License-Identifier: MIT */
/* text.h - UTF-8 text that was cut at a byte, perhaps within a character. */
#ifndef WEIR_WORKER_TEXT_H
#define WEIR_WORKER_TEXT_H

#include <stddef.h>

/* The length of text without a last character that is not whole. */
static inline size_t weir__text_whole(const char *text, size_t len) {
    size_t back = 0;
    while (back < 3 && back < len && ((unsigned char)text[len - 1 - back] & 0xc0) == 0x80)
        back++;
    if (back == len)
        return len;
    unsigned char lead = (unsigned char)text[len - 1 - back];
    size_t wanted = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : lead >= 0xc0 ? 1 : 0;
    return back < wanted ? len - 1 - back : len;
}

#endif
