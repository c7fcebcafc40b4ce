/* SPDX-License-Identifier: MIT */
/* color.c - follows the escape sequences of ECMA-48, to know whether a line is inside one:
 *
 *   PLAIN    ESC -> ESCAPED; CSI (9b) -> CONTROL; DCS SOS OSC PM APC (90 98 9d 9e 9f) -> STRING
 *   ESCAPED  [ -> CONTROL; P X ] ^ _ -> STRING; 20..2f stays; all else ends it
 *   CONTROL  20..3f stays; 40..7e ends it: 'm' sets colours, resets them if all numbers are 0
 *   STRING   BEL, ST (9c, or ESC \) ends it
 *   any      CAN, SUB end it; ESC begins a new one (in STRING: unless \ follows)
 * The 8-bit codes come in UTF-8, behind c2: alone they are letters of some older encoding. */
#include "cli/color.h"

#include <stdbool.h>
#include <string.h>

enum state { PLAIN, ESCAPED, CONTROL, STRING };

enum { BEL = 0x07, CAN = 0x18, SUB = 0x1a, ESC = 0x1b, CSI = 0x9b, ST = 0x9c };

struct scan {
    enum state state;
    bool is_zero; /* CONTROL: nothing but 0 and ; so far */
    bool colored;
};

static void begin(struct scan *s, enum state state) {
    s->state = state;
    s->is_zero = true;
}

static bool begins_string(unsigned code) {
    return code == 0x90 || code == 0x98 || (code >= 0x9d && code <= 0x9f);
}

static void escaped(struct scan *s, unsigned code) {
    if (code == '[')
        begin(s, CONTROL);
    else if (code >= 0x40 && code < 0x60 && begins_string(code + 0x40))
        begin(s, STRING);
    else if (code < 0x20 || code > 0x2f)
        s->state = PLAIN;
}

static void control(struct scan *s, unsigned code) {
    if (code == 'm')
        s->colored = !s->is_zero;
    if (code >= 0x40 && code <= 0x7e)
        s->state = PLAIN;
    else if (code > 0x1f && code != '0' && code != ';')
        s->is_zero = false;
}

/* One code: a byte below 0x80, or an 8-bit control code. next: the byte behind it. */
static void feed(struct scan *s, unsigned code, unsigned next) {
    bool was_string = s->state == STRING;
    if (code == CAN || code == SUB)
        s->state = PLAIN;
    else if (code == ESC && !(was_string && next == '\\'))
        begin(s, ESCAPED);
    else if (was_string && (code == BEL || code == ST || code == ESC))
        s->state = code == ESC ? ESCAPED : PLAIN; /* the \ behind ESC ends that too */
    else if (was_string)
        return;
    else if (code == CSI)
        begin(s, CONTROL);
    else if (code >= 0x80 && begins_string(code))
        begin(s, STRING);
    else if (s->state == ESCAPED)
        escaped(s, code);
    else if (s->state == CONTROL)
        control(s, code);
}

/* How many bytes a character has that begins with this byte; 1 also if no character does. */
static size_t length_of(unsigned byte) {
    return byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
}

static void feed_all(struct scan *s, const unsigned char *bytes, size_t len) {
    for (size_t i = 0; i < len; i++) {
        unsigned byte = bytes[i], next = i + 1 < len ? bytes[i + 1] : 0;
        bool is_code = byte == 0xc2 && next >= 0x80 && next < 0xa0;
        if (byte < 0x80 || is_code)
            feed(s, is_code ? next : byte, is_code ? 0 : next);
        size_t more = length_of(byte);
        while (--more > 0 && i + 1 < len && (bytes[i + 1] & 0xc0) == 0x80)
            i++;
    }
}

const char *color_ending(const char *line, size_t len) {
    /* ST ends a string. In any other sequence its ESC ends the sequence, and ESC \ has no
     * effect. */
    static const char *const endings[2][2] = {{"", "\033[0m"}, {"\033\\", "\033\\\033[0m"}};
    struct scan s = {.state = PLAIN};
    if (memchr(line, ESC, len) != NULL || memchr(line, 0xc2, len) != NULL) /* few lines */
        feed_all(&s, (const unsigned char *)line, len);
    return endings[s.state != PLAIN][s.colored];
}
