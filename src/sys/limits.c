/* SPDX-License-Identifier: MIT */
/* limits.c - the bounds of this room as they are by default; limits.h has the reasons. */
#include "sys/limits.h"

struct weir__sys_limits weir__sys_limits = {
    .bulk_size = 128 << 10,
    .bulk_count = 32,
    .turn_bytes = 128 << 10,
    .turn_sent = 512 << 10,
    .sent_piece = 512 << 10,
    .small_send = 16 << 10,
    .spill_size = 16 << 10,
    .turn_accepts = 64,
    .ring_entries = 1024,
    .ring_tries = 2,
    .ring_send_max = 1 << 30,
    .ring_slots = 16384,
    .ring_slot_sends = 32,
    .ring_buffer_size = 16 << 10,
    .ring_buffers = 256,
    .ring_hot_bytes = 512 << 10,
    .inbox_pinned = 2,
    .resolve_threads = 8,
    .work_threads = 16,
    .file_threads = 16,
    .helper_idle = WEIR_SECONDS(10),
};
