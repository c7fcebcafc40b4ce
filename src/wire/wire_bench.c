/* SPDX-License-Identifier: MIT */
/* wire_bench.c - the cost of the codecs alone: medians of 9 rounds, cache-warm, one core. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "wire/handshake.h"
#include "wire/ws_frame.h"

enum { ROUNDS = 9, ROOM = 1 << 20 };

static uint8_t bytes[ROOM + 64], plain[ROOM + 64];
static const uint8_t mask[4] = {0x37, 0xfa, 0x21, 0x3d};
static volatile uint64_t sink;

static double now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Run work(len) so often that a round lasts some 20 ms; print ns each, and GB/s of len bytes. */
static void measure(const char *name, void (*work)(size_t len), size_t len) {
    double each[ROUNDS];
    long count = 1;
    for (double took = 0; took < 2e7; count *= 2) {
        double start = now_ns();
        for (long i = 0; i < count; i++)
            work(len);
        took = now_ns() - start;
    }
    for (int round = 0; round < ROUNDS; round++) {
        double start = now_ns();
        for (long i = 0; i < count; i++)
            work(len);
        each[round] = (now_ns() - start) / (double)count;
    }
    qsort(each, ROUNDS, sizeof each[0], by_value);
    double median = each[ROUNDS / 2];
    printf("%-34s %8zu B %10.1f ns %8.2f GB/s   (%.1f .. %.1f)\n", name, len, median,
           (double)len / median, each[0], each[ROUNDS - 1]);
}

static void mask_aligned(size_t len) {
    weir__ws_mask(bytes, bytes, len, mask, 0);
    sink += bytes[0];
}

static void mask_odd(size_t len) {
    weir__ws_mask(bytes + 3, bytes + 3, len, mask, 1);
    sink += bytes[3];
}

static void mask_copy(size_t len) {
    weir__ws_mask(bytes + 14, plain, len, mask, 0);
    sink += bytes[14];
}

static void utf8(size_t len) {
    sink += weir__utf8_valid(plain, len);
}

static size_t head_len;

/* Decode the frame in bytes. Every pass turns its payload over, masked or plain; both are ASCII,
 * because the mask of frame() has no high bits. */
static void decode(size_t len) {
    static const struct weir__ws_limits limits = {.frame_max = ROOM, .message_max = ROOM};
    struct weir__ws_decoder d;
    struct weir__ws_event ev;
    weir__ws_decoder_init(&d, WEIR__WS_SERVER, &limits);
    int rc = weir__ws_decode(&d, bytes, len + head_len, &ev);
    if (rc != WEIR__WS_ON_DATA || !ev.last)
        abort();
    sink += ev.len;
}

static void frame(unsigned opcode, size_t len) {
    static const uint8_t ascii_mask[4] = {0x37, 0x7a, 0x21, 0x3d};
    head_len = weir__ws_head_write(bytes, opcode | WEIR__WS_FIN, len, ascii_mask);
    weir__ws_mask(bytes + head_len, plain, len, ascii_mask, 0);
}

static void encode(size_t len) {
    sink += weir__ws_head_write(bytes, WEIR__WS_TEXT | WEIR__WS_FIN, len, NULL);
}

static const char request[] =
    "GET /datafeed HTTP/1.1\r\nHost: localhost:8765\r\nUpgrade: websocket\r\n"
    "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Extensions: permessage-deflate; "
    "client_max_window_bits\r\nUser-Agent: Python/3.11 websockets/10.4\r\n\r\n";

static void head(size_t len) {
    struct weir__http1_header headers[WEIR__HTTP1_HEADERS_MAX];
    struct weir__http1 h;
    weir__http1_init(&h, WEIR__HTTP1_REQUEST, headers, &weir__http1_limits_default);
    sink += (uint64_t)weir__http1_parse(&h, request, len);
}

static void handshake(size_t len) {
    struct weir__http1_header headers[WEIR__HTTP1_HEADERS_MAX];
    struct weir__http1 h;
    struct weir__ws_request r;
    char answer[256];
    weir__http1_init(&h, WEIR__HTTP1_REQUEST, headers, &weir__http1_limits_default);
    weir__http1_parse(&h, request, len);
    if (weir__ws_request_check(&h, request, &r) < 0)
        abort();
    sink += (uint64_t)weir__ws_response_write(answer, sizeof answer, request + r.key.offset, NULL,
                                                NULL);
}

static void fill(const char *text) {
    size_t len = strlen(text);
    for (size_t i = 0; i + len <= sizeof plain; i += len)
        memcpy(plain + i, text, len);
}

static void measure_frames(const char *name, unsigned opcode) {
    static const size_t lens[] = {20, 125, 1024, 16384, 65536, ROOM / 2};
    for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
        frame(opcode, lens[i]);
        measure(name, decode, lens[i]);
    }
}

int main(void) {
    fill("The quick brown fox jumps over the lazy dog. ");
    measure("unmask", mask_aligned, 20);
    measure("unmask", mask_aligned, 16384);
    measure("unmask", mask_aligned, ROOM / 2);
    measure("unmask, odd address and phase", mask_odd, 16384);
    measure("mask while copying", mask_copy, 16384);
    measure("utf-8, ascii", utf8, 16384);
    fill("\xd0\xb2\xd0\xb5\xd1\x80\xd1\x88\xd0\xb0 "); /* two bytes a letter */
    measure("utf-8, cyrillic", utf8, 16384 / 11 * 11);
    fill("\xe5\xa0\xb0\xe6\xb0\xb4\xe6\xb5\x81"); /* three bytes a letter */
    measure("utf-8, chinese", utf8, 16384 / 9 * 9);
    fill("The quick brown fox jumps over the lazy dog. ");
    measure_frames("frame: header, unmask", WEIR__WS_BINARY);
    measure_frames("frame: header, unmask, utf-8", WEIR__WS_TEXT);
    measure("frame header, write", encode, 20);
    measure("request head, 8 fields", head, sizeof request - 1);
    measure("server handshake, all of it", handshake, sizeof request - 1);
    return 0;
}
