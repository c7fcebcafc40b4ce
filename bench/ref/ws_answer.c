/* SPDX-License-Identifier: MIT */
/* See ws_answer.h. */
#include "ws_answer.h"

#include "wire/base64.h"
#include "wire/sha1.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { REQUEST_MAX = 4096, KEY_LEN = 24, PING = 0x9, PONG = 0xa };

static const char key_name[] = "\r\nSec-WebSocket-Key:";
static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
static const char response_format[] = "HTTP/1.1 101 Switching Protocols\r\n"
                                      "Upgrade: websocket\r\n"
                                      "Connection: Upgrade\r\n"
                                      "Sec-WebSocket-Accept: %.28s\r\n"
                                      "\r\n";

static int respond(const char *request, char *ret_response) {
    char text[KEY_LEN + sizeof guid], accept[WEIR__BASE64_LEN(WEIR__SHA1_LEN)];
    uint8_t digest[WEIR__SHA1_LEN];
    const char *key = strcasestr(request, key_name);

    if (!key)
        return -1;
    key += sizeof key_name - 1;
    key += strspn(key, " \t");
    if (strcspn(key, " \t\r\n") != KEY_LEN)
        return -1;
    memcpy(text, key, KEY_LEN);
    memcpy(text + KEY_LEN, guid, sizeof guid);
    weir__sha1(text, KEY_LEN + sizeof guid - 1, digest);
    weir__base64_encode(accept, digest, sizeof digest);
    return snprintf(ret_response, WS_RESPONSE_MAX, response_format, accept);
}

int ws_shake(struct ws_peer *p, const uint8_t *bytes, size_t len, char *ret_response) {
    int n;

    if (!p->request)
        p->request = malloc(REQUEST_MAX + 1);
    if (!p->request || p->request_len + len > REQUEST_MAX)
        return -1;
    memcpy(p->request + p->request_len, bytes, len);
    p->request_len = (uint16_t)(p->request_len + len);
    p->request[p->request_len] = 0;
    if (p->request_len < 4 || strcmp(p->request + p->request_len - 4, "\r\n\r\n") != 0)
        return 0;
    n = respond(p->request, ret_response);
    free(p->request);
    p->request = NULL;
    p->open = 1;
    return n;
}

void ws_reset(struct ws_peer *p) {
    free(p->request);
    *p = (struct ws_peer){.left = 0};
}

/* Unmask len bytes that begin at phase 0 of mask. Target may lie before source and overlap it. */
static void unmask(uint8_t *target, const uint8_t *source, size_t len, const uint8_t *mask) {
    uint64_t word, key;

    memcpy(&key, mask, 4);
    memcpy((uint8_t *)&key + 4, mask, 4);
    for (; len >= 8; target += 8, source += 8, len -= 8) {
        memcpy(&word, source, 8);
        word ^= key;
        memcpy(target, &word, 8);
    }
    for (size_t i = 0; i < len; i++)
        target[i] = source[i] ^ mask[i & 3];
}

/* Payload of the frame under way. Returns how much of in it is. */
static size_t pass_payload(struct ws_peer *p, const uint8_t *in, size_t len, uint8_t *out) {
    size_t n = p->left < len ? (size_t)p->left : len;
    uint8_t mask[4];

    for (unsigned i = 0; i < 4; i++)
        mask[i] = p->mask[(p->phase + i) & 3];
    if (!p->dropped)
        unmask(out, in, n, mask);
    p->phase = (uint8_t)((p->phase + n) & 3);
    p->left -= n;
    return n;
}

static uint8_t first_byte(struct ws_peer *p, uint8_t byte) {
    unsigned opcode = byte & 0xf;

    p->dropped = opcode == PONG;
    return opcode == PING ? (uint8_t)((byte & 0xf0) | PONG) : byte;
}

/* One byte of a header. Returns how many bytes it adds to the answer, or -1 to hang up. */
static int pass_head_byte(struct ws_peer *p, uint8_t byte, uint8_t *out) {
    unsigned at = p->head++;

    if (at == 0) {
        *out = first_byte(p, byte);
    } else if (at == 1) {
        if (!(byte & 0x80))
            return -1;
        *out = byte &= 0x7f;
        p->head_len = byte == 127 ? 14 : byte == 126 ? 8 : 6;
        p->left = byte < 126 ? byte : 0;
    } else if (at < p->head_len - 4U) {
        *out = byte;
        p->left = p->left << 8 | byte;
    } else {
        p->mask[at - (p->head_len - 4U)] = byte;
        if (p->head == p->head_len)
            p->head = p->head_len = p->phase = 0;
        return 0;
    }
    return !p->dropped;
}

/* A small frame that lies whole in in: what almost all are. Returns its length; 0: it is none. */
static size_t pass_small(struct ws_peer *p, const uint8_t *in, size_t len, uint8_t *out) {
    size_t size;
    uint8_t mask[4];

    if (len < 6 || p->head != 0 || (in[1] & 0x7f) >= 126 || !(in[1] & 0x80))
        return 0;
    size = in[1] & 0x7f;
    if (len < 6 + size || (in[0] & 0xf) >= PING)
        return 0;
    memcpy(mask, in + 2, 4);
    out[0] = in[0];
    out[1] = (uint8_t)size;
    unmask(out + 2, in + 6, size, mask);
    return 6 + size;
}

ssize_t ws_answer(struct ws_peer *p, const uint8_t *in, size_t len, uint8_t *out) {
    const uint8_t *end = in + len;
    uint8_t *begin = out;

    while (in < end) {
        size_t n;
        int added;
        if (p->left > 0 && p->head == 0) {
            n = pass_payload(p, in, (size_t)(end - in), out);
            out += p->dropped ? 0 : n;
            in += n;
        } else if ((n = pass_small(p, in, (size_t)(end - in), out)) > 0) {
            out += n - 4;
            in += n;
        } else {
            added = pass_head_byte(p, *in++, out);
            if (added < 0)
                return -1;
            out += added;
        }
    }
    return out - begin;
}
