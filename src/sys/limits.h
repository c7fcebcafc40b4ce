/* SPDX-License-Identifier: MIT */
/* limits.h - every bound of this room, with its reason. A backend reads them when it opens, so a
 * test may shrink them before. */
#ifndef WEIR_SYS_LIMITS_H
#define WEIR_SYS_LIMITS_H

#include <stdint.h>
#include <weir/base.h>

struct weir__sys_limits {
    /* Large receive buffers (epoll: all; io_uring: files with bulk traffic), used last in first
     * out. A kernel call per 128 KiB costs 1 % of the copy; larger ones leave the L2 of today's
     * cores (1-2 MiB). Count: as many as are lent in one turn; further
     * files wait for the next turn. */
    uint32_t bulk_size;
    uint32_t bulk_count;
    /* Bytes received by system calls in one turn: few enough to be still in L2 when the tasks read
     * them. */
    uint32_t turn_bytes;
    /* Bytes sent in one turn, small sends apart (writers.h): 0.1 ms of loopback at full speed,
     * where a turn costs a microsecond. And the piece that one writer sends before the next has
     * its turn: a quarter of this costs a lone one a quarter of its speed. */
    uint32_t turn_sent;
    uint32_t sent_piece;
    /* A send below this is small: the system call weighs more than the copy. */
    uint32_t small_send;
    /* A piece on the heap, when all buffers are pinned by slow users: small, since every file may
     * come to hold one. */
    uint32_t spill_size;
    /* accept4 calls answered at once per turn: a burst drains fast, a flood does not keep the loop
     * from its other files. */
    uint32_t turn_accepts;
    /* Submission entries; the completion ring has 4 times as many. A turn with more than this is
     * submitted in several calls. */
    uint32_t ring_entries;
    /* A turn that brought no more completions than this tries as many small sends at once, by a
     * call each: so few are cheaper that way (uring_send.c). */
    uint32_t ring_tries;
    /* Bytes that one send asks of the ring: an entry's length has 32 bits, and a result 31. */
    uint32_t ring_send_max;
    /* Files in the ring's own table (8 bytes each in the kernel), and the sends after which a file
     * gets its place: two system calls must pay off. */
    uint32_t ring_slots, ring_slot_sends;
    /* Buffers of the provided-buffer ring. 16 KiB holds a TLS record or a 10 KiB message whole; a
     * file that fills one is served by bulk buffers. 256 is what one turn of a busy server uses;
     * a power of two, at most 32768. */
    uint32_t ring_buffer_size;
    uint32_t ring_buffers;
    /* Bytes that circulate through the ring: half of a small L2. */
    uint32_t ring_hot_bytes;
    /* Ring buffers that wait in one file's inbox; further pieces are copied to the heap and the
     * receive is stopped. */
    uint32_t inbox_pinned;
    /* A dead name server holds a thread for up to 30 s: some must be left for the others. */
    uint32_t resolve_threads;
    /* Blocking calls (files, databases), not computation: so by default four more than the
     * processors that the process may use, and at most so many. */
    uint32_t work_threads;
    /* Reads and writes of terminals and the like, each of which may wait for its user. */
    uint32_t file_threads;
    /* Threads that have nothing to do for so long end. Long beside the making of one (30 us), so
     * that jobs which come every second find one; short beside the life of a server. */
    weir_ns helper_idle;
};

extern struct weir__sys_limits weir__sys_limits;

#endif
