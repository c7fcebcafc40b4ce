/* SPDX-License-Identifier: MIT */
/* Messages of 4 GiB and more: one that we send is refused before its first byte leaves, and a
 * length that a peer announces is not cut to 32 bits. */
#include <sys/mman.h>

#include "proto/ws_test_util.h"

static const uint64_t gib = (uint64_t)1 << 30;

WS_STORY(a_message_beyond_the_queue_is_refused_whole, o->queue_max = SIZE_MAX) {
    const size_t sizes[] = {gib + 1, 2 * gib, 4 * gib, 4 * gib + 5};
    WEIR_AUTO(weir_ws_drop) struct weir_ws *ws = ws_open(w);
    void *memory = mmap(NULL, 4 * gib + 5, PROT_READ,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert_true(memory != MAP_FAILED);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        const size_t len = sizes[i];
        assert_int_equal(weir_ws_send(ws, WEIR_WS_BINARY, memory, len), WEIR_ETOOBIG);
        assert_int_equal(weir_ws_send(ws, WEIR_WS_TEXT, memory, len), WEIR_ETOOBIG);
        assert_int_equal(weir_ws_try_send(ws, WEIR_WS_BINARY, memory, len), WEIR_ETOOBIG);
        assert_int_equal(weir_ws_send_part(ws, WEIR_WS_BINARY, memory, len, true), WEIR_ETOOBIG);
        assert_int_equal(weir_ws_queued(ws), 0);
    }
    assert_int_equal(ws_say(ws, "still here"), 0);
    expect_message(ws, "still here");
    munmap(memory, 4 * gib + 5);
    return 0;
}

/* The header of a masked binary frame, and a few of its bytes. */
static void announce(struct weir_stream *s, uint64_t len, unsigned first_byte) {
    static const uint8_t mask[4] = {1, 2, 3, 4};
    uint8_t head[WEIR__WS_HEAD_MAX];
    size_t n = weir__ws_head_write(head, first_byte, len, mask);
    assert_int_equal(weir_write(s, head, n), 0);
    assert_int_equal(weir_write(s, "hello", 5), 0);
}

WS_STORY(an_announced_message_is_too_big_at_its_full_length) {
    const uint64_t sizes[] = {gib * 4, gib * 4 + 5, (uint64_t)1 << 40, INT64_MAX};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct weir_stream *s = raw_open(w);
        announce(s, sizes[i], 0x82);
        char text[512];
        assert_int_equal(frame_read(s, text, sizeof text), CLOSE);
        assert_int_equal((uint8_t)text[0] << 8 | (uint8_t)text[1], 1009);
        weir_close(&s);
        wait_ended(w, (int)i + 1);
        assert_int_equal(w->rc, WEIR_ETOOBIG);
    }
    return 0;
}

/* Allowed, it is waited for; no memory is taken for what has not come. */
WS_STORY(an_announced_message_is_no_message_at_its_length_cut_to_32_bits,
         o->message_max = SIZE_MAX) {
    const uint64_t sizes[] = {gib * 4, gib * 4 + 5, (uint64_t)1 << 40};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct weir_stream *s = raw_open(w);
        announce(s, sizes[i], 0x82);
        settle();
        assert_int_equal(w->messages, 0);
        weir_close(&s);
        wait_ended(w, (int)i + 1);
        assert_int_equal(w->messages, 0);
    }
    return 0;
}
