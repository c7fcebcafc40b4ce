/* SPDX-License-Identifier: MIT */
/* chunked.c - lines are decoded byte by byte, data in whole runs.
 *
 *   SIZE      hex digits, at least one      ";" -> EXTENSION, CR -> SIZE_LF
 *   EXTENSION text up to CR                 CR -> SIZE_LF
 *   SIZE_LF   LF                            -> DATA, or LINE if the size is 0
 *   DATA      chunk_left bytes              -> DATA_CR -> DATA_LF -> SIZE
 *   LINE      start of a trailer line       CR -> END_LF, token -> NAME
 *   NAME      token characters              ":" -> VALUE
 *   VALUE     text up to CR                 CR -> VALUE_LF -> LINE
 *   END_LF    LF                            -> END
 * A blank after the size is legal in RFC 9112 (BWS) but refused: parsers that skip it have been
 * used to smuggle requests, and no sender of today writes it. */
#include "wire/chunked.h"

#include <weir/base.h>

#include "wire/chars.h"

enum state {
    SIZE_FIRST, SIZE, EXTENSION, SIZE_LF, DATA, DATA_CR, DATA_LF,
    LINE, NAME, VALUE, VALUE_LF, END_LF, END,
};

static int fail(struct weir__chunked *c, int rc, uint16_t status, const char *why) {
    c->failed = rc;
    c->answer = status;
    c->why = why;
    return rc;
}

static int go(struct weir__chunked *c, enum state next) {
    c->state = (uint8_t)next;
    return 0;
}

/* Go to the next state if the byte is the expected one. */
static int expect(struct weir__chunked *c, uint8_t byte, uint8_t due, enum state next,
                  const char *why) {
    return byte == due ? go(c, next) : fail(c, WEIR_EPROTO, 400, why);
}

void weir__chunked_init(struct weir__chunked *c, uint64_t body_len_max) {
    *c = (struct weir__chunked){.body_left = body_len_max, .state = SIZE_FIRST};
}

static int size_byte(struct weir__chunked *c, uint8_t byte) {
    if (weir__char_is(byte, WEIR__CHAR_HEX)) {
        if (c->chunk_left > (uint64_t)INT64_MAX >> 4)
            return fail(c, WEIR_ETOOBIG, 413, "chunk size above 63 bits");
        c->chunk_left = c->chunk_left << 4 | weir__char_hex(byte);
        return go(c, SIZE);
    }
    if (c->state == SIZE && byte == ';')
        return go(c, EXTENSION);
    return c->state == SIZE ? expect(c, byte, '\r', SIZE_LF, "bad character in a chunk size")
                            : fail(c, WEIR_EPROTO, 400, "no chunk size");
}

/* In a body of one-byte chunks, each with a long extension, most bytes would escape the limit of
 * the body. */
static int excess_limit(struct weir__chunked *c) {
    uint64_t data = c->chunk_left < WEIR__CHUNKED_EXCESS_MAX ? c->chunk_left
                                                              : WEIR__CHUNKED_EXCESS_MAX;
    uint64_t sum = c->excess + c->line_len, allowed = WEIR__CHUNKED_LINE_FREE + 2 * data;
    c->excess = sum > allowed ? (uint32_t)(sum - allowed) : 0;
    c->line_len = 0;
    return c->excess <= WEIR__CHUNKED_EXCESS_MAX
               ? 0 : fail(c, WEIR_ETOOBIG, 400, "too much in chunk extensions");
}

static int size_end(struct weir__chunked *c, uint8_t byte) {
    int rc = excess_limit(c);
    if (rc < 0)
        return rc;
    if (c->chunk_left > c->body_left)
        return fail(c, WEIR_ETOOBIG, 413, "body above the limit");
    c->body_left -= c->chunk_left;
    return expect(c, byte, '\n', c->chunk_left > 0 ? DATA : LINE, "bare CR in a chunk size");
}

/* Text up to CR: VALUE and EXTENSION. */
static int text_byte(struct weir__chunked *c, uint8_t byte, enum state next) {
    if ((byte >= 0x20 && byte != 0x7f) || byte == '\t')
        return 0;
    return expect(c, byte, '\r', next, "control character in a chunk extension or trailer");
}

static int name_byte(struct weir__chunked *c, uint8_t byte) {
    if (weir__char_is(byte, WEIR__CHAR_TOKEN))
        return go(c, NAME);
    if (c->state == LINE)
        return expect(c, byte, '\r', END_LF, "bad trailer line");
    return expect(c, byte, ':', VALUE, "bad character in a trailer name");
}

static int line_limit(struct weir__chunked *c) {
    bool size = c->state <= SIZE_LF;
    if (c->state >= DATA && c->state <= DATA_LF)
        return 0;
    if (++c->line_len <= (size ? WEIR__CHUNKED_LINE_MAX : WEIR__CHUNKED_TRAILER_MAX))
        return 0;
    return fail(c, WEIR_ETOOBIG, size ? 400 : 431,
                size ? "chunk extension too long" : "trailers too long");
}

static int one_byte(struct weir__chunked *c, uint8_t byte) {
    int rc = line_limit(c);
    if (rc < 0)
        return rc;
    switch ((enum state)c->state) {
    case SIZE_FIRST:
    case SIZE:
        return size_byte(c, byte);
    case EXTENSION:
        return text_byte(c, byte, SIZE_LF);
    case SIZE_LF:
        return size_end(c, byte);
    case DATA_CR:
        return expect(c, byte, '\r', DATA_LF, "no CRLF after chunk data");
    case DATA_LF:
        return expect(c, byte, '\n', SIZE_FIRST, "no CRLF after chunk data");
    case LINE:
    case NAME:
        return name_byte(c, byte);
    case VALUE:
        return text_byte(c, byte, VALUE_LF);
    case VALUE_LF:
        return expect(c, byte, '\n', LINE, "bare CR in a trailer");
    case END_LF:
        return expect(c, byte, '\n', END, "bare CR in a trailer");
    case DATA:
    case END:
        break;
    }
    return 0;
}

/* Was the byte behind which the state is c->state one of a trailer line? before: the state before
 * it. The CR of the empty line at the end is none. */
static bool is_trailer(const struct weir__chunked *c, uint8_t before) {
    return before >= LINE && before <= VALUE_LF && c->state != END_LF;
}

int weir__chunked_feed(struct weir__chunked *c, const void *buf, size_t len,
                       struct weir__chunked_data *ret) {
    const uint8_t *bytes = buf;
    size_t at = 0;
    *ret = (struct weir__chunked_data){0};
    while (c->failed == 0 && c->state != END && c->state != DATA && at < len) {
        uint8_t before = c->state;
        one_byte(c, bytes[at++]);
        if (is_trailer(c, before) && ret->len++ == 0)
            ret->data = bytes + at - 1;
        if (c->state == END_LF && ret->len > 0)
            break; /* the LF is fed again, and returns END */
    }
    ret->used = at;
    if (c->failed < 0)
        return c->failed;
    if (ret->len > 0)
        return WEIR__CHUNKED_TRAILER;
    if (c->state == END)
        return WEIR__CHUNKED_END;
    if (c->state != DATA || at == len)
        return WEIR__CHUNKED_MORE;
    ret->data = bytes + at;
    ret->len = c->chunk_left < len - at ? (size_t)c->chunk_left : len - at;
    ret->used = at + ret->len;
    c->chunk_left -= ret->len;
    if (c->chunk_left == 0)
        go(c, DATA_CR);
    return WEIR__CHUNKED_DATA;
}
