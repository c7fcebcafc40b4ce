/* SPDX-License-Identifier: MIT */
/* frame.h - frames: the messages in a stream of bytes, cut at line ends or delimiters, by a length
 * before each, or by a fixed size. For writing there are printf to a stream and a writer that
 * gathers small writes.
 *
 * A frame is one message without the bytes that mark its length or end. Two objects find frames.
 * struct weir_frames reads them from a stream, in a task. struct weir_framer takes bytes from any
 * source, so it also serves callbacks and the functions of a reactive server. Loop thread only,
 * except weir_framer: any thread, one at a time. */
#ifndef WEIR_FRAME_H
#define WEIR_FRAME_H

#include <stdarg.h>
#include <stdbool.h>
#include <weir/base.h>

#ifdef __cplusplus
extern "C" {
#endif

struct weir_stream;

enum weir_frame_kind {
    WEIR_FRAME_LINE,      /* ends with "\n" or "\r\n"; the last line of a stream may lack it */
    WEIR_FRAME_DELIMITED, /* ends with the bytes of `delimiter` */
    WEIR_FRAME_LENGTH,    /* has a number before it: the count of its bytes */
    WEIR_FRAME_FIXED      /* has `fixed` bytes */
};

/* How a stream is cut into frames. */
struct weir_framing {      /* zero: lines of at most 64 KiB */
    size_t size;           /* sizeof (struct weir_framing) */
    enum weir_frame_kind kind;
    size_t max;            /* the longest frame, in bytes; 0: 64 KiB; at most 1 GiB */
    bool crlf;             /* LINE: weir_frame_write ends a line with "\r\n" */
    const void *delimiter; /* DELIMITED: its bytes, which are copied ... */
    size_t delimiter_len;  /* ... 1 to 16 of them */
    size_t fixed;          /* FIXED: the size of each frame, 1 to 1 GiB; max is ignored */
    unsigned length_bytes; /* LENGTH: how many bytes the number has: 1, 2, 3, 4 or 8; 0: 4 */
    bool little_endian;    /* LENGTH: the lowest byte of the number comes first */
    bool counts_itself;    /* LENGTH: the number also counts its own bytes */
};

/* ---- reading frames from a stream ---- */

/* Reads a stream frame by frame. The caller provides the memory, and must not move it while it is
 * open. */
struct weir_frames { uint64_t opaque_[16]; };

/* Begin to read frames from s, which stays the caller's and must stay open until weir_frames_close.
 * Until then only r may read from s. *framing is copied; NULL: lines.
 * Returns 0; -EINVAL (the framing is not possible). On error r is closed. */
WEIR_API int weir_frames_open(struct weir_frames *r, struct weir_stream *s,
                              const struct weir_framing *framing);

/* Read the next frame. A frame may be empty. *ret_frame is lent until the next call on r, or the
 * next call on s that reads or closes. Its bytes may lie in the stream's own memory, without a
 * copy.
 * Returns 1 with a frame; 0 at end of stream; WEIR_EEOF (the stream ended inside a frame; a last
 * line without its line end is a frame, not an error); WEIR_ETOOBIG (the frame is longer than max)
 * or WEIR_EPROTO (a length that counts itself is less than its own size): each later call returns
 * the same again; -ENOMEM, or an error as weir_read. On -ENOMEM, -ECANCELED and -ETIME no byte is
 * lost: call again. */
WEIR_SUSPENDS int weir_frames_next(struct weir_frames *r, struct weir_view *ret_frame);

/* Stop reading frames. If the last call returned 1, the next read from s returns the bytes behind
 * that frame. Otherwise r may have read the beginning of a frame, which is lost. A zeroed or closed
 * r is fine. Never suspends, never fails. */
WEIR_API void weir_frames_close(struct weir_frames *r);

/* ---- finding frames in any bytes ---- */

/* Finds frames in the bytes that it is given. It keeps the beginning of a frame that is not yet
 * whole: at most max bytes and what marks the length or end. The caller provides the memory. */
struct weir_framer { uint64_t opaque_[14]; };

/* Begin to find frames. *framing is copied; NULL: lines. The caller must call weir_framer_close.
 * Returns 0; -EINVAL (the framing is not possible). On error f is closed. */
WEIR_API int weir_framer_open(struct weir_framer *f, const struct weir_framing *framing);

/* Take bytes from the front of *in until they complete a frame; *in becomes the rest. Call it again
 * until it returns 0. *ret_frame is lent until the next call on f. If the whole frame lies in the
 * memory of *in, *ret_frame shows it there, and is lent no longer than that memory; otherwise it
 * shows memory of f.
 * Returns 1 with a frame; 0 (all of *in was taken, and no frame is complete); WEIR_ETOOBIG,
 * WEIR_EPROTO (as weir_frames_next), -ENOMEM (no byte is lost: call again with *in as it is now),
 * WEIR_ECLOSED (f is closed). */
WEIR_API int weir_framer_next(struct weir_framer *f, struct weir_view *in,
                              struct weir_view *ret_frame);

/* Tell f that its input has ended. *ret_frame is lent until the next call on f.
 * Returns 1 with the last line, if it lacked its line end; 0 (nothing is left); WEIR_EEOF (the
 * input ended inside a frame); WEIR_ETOOBIG, WEIR_EPROTO, WEIR_ECLOSED (as weir_framer_next). */
WEIR_API int weir_framer_end(struct weir_framer *f, struct weir_view *ret_frame);

/* Free what f keeps. A zeroed or closed f is fine. Never fails. */
WEIR_API void weir_framer_close(struct weir_framer *f);

/* ---- writing ---- */

/* Write a frame: its bytes, with what marks its length or end. framing NULL: lines.
 * Returns 0; WEIR_ETOOBIG (longer than max, or than its length can say), -EINVAL (the framing is
 * not possible; the size of a FIXED frame is wrong; or the bytes contain a delimiter, so a reader
 * would see another frame): nothing was written; or an error as weir_write, also for what was
 * written. buf is borrowed until return. */
WEIR_SUSPENDS int weir_frame_write(struct weir_stream *s, const struct weir_framing *framing,
                                   const void *buf, size_t len);

/* Write formatted text, as printf(3) does, by one weir_write.
 * Returns 0; -ENOMEM, -EINVAL (printf refuses the format): nothing was written; or an error as
 * weir_write, also for what was written. */
WEIR_SUSPENDS int weir_printf(struct weir_stream *s, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
WEIR_SUSPENDS int weir_vprintf(struct weir_stream *s, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));

struct weir_writer; /* gathers small writes to a stream */

/* Begin to gather writes to s, which stays the caller's and must stay open until weir_writer_close.
 * Until then only w may write to s. The gathered bytes go to s in one piece when the ready tasks of
 * this turn of the loop have run: a hundred small writes in one turn are one system call. size: how
 * many bytes are gathered at most; 0: 16 KiB. The caller must close *ret_writer.
 * Returns 0; -EINVAL (size is more than 1 GiB), -ENOMEM, WEIR_EFORKED. On error *ret_writer is
 * untouched. */
WEIR_API int weir_writer_open(struct weir_stream *s, size_t size, struct weir_writer **ret_writer);

/* Write len bytes. They are gathered all or, on error or cancel, not at all. Waits only while there
 * is no room for them. Several tasks may write: their bytes do not mix. Only a write that is larger
 * than the writer's size passes through it in parts. If a cancel cuts such a write short,
 * weir_error(rc)->done counts the bytes that passed, and later calls return WEIR_ETORN. The calls
 * named printf format as printf(3).
 * Returns 0; the error with which s refused earlier bytes, as weir_write (each later call returns
 * it again; -EBUSY only after a second in which another write held s); -EINVAL (printf refuses the
 * format), WEIR_ETORN, WEIR_ECLOSED (w was closed meanwhile), -ECANCELED, -ETIME, -ENOMEM,
 * -EAGAIN (no stack for w's task), WEIR_ENOLOOP, WEIR_EFORKED. buf is borrowed until return. */
WEIR_SUSPENDS int weir_writer_write(struct weir_writer *w, const void *buf, size_t len);
WEIR_SUSPENDS int weir_writer_printf(struct weir_writer *w, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
WEIR_SUSPENDS int weir_writer_vprintf(struct weir_writer *w, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));

/* Wait until s has taken all that was written to w before the call.
 * Returns 0; an error as weir_writer_write. On cancel nothing is lost: w goes on writing. After
 * weir_stop w keeps what s does not take at once, and writes on only while a task waits here or in
 * weir_writer_write. A cancelled task waits only in a shield (weir_shield_enter). */
WEIR_SUSPENDS int weir_writer_flush(struct weir_writer *w);

/* Stop gathering; *take_writer becomes NULL. The bytes that s does not take at once are dropped,
 * and the library logs how many: call weir_writer_flush first. Tasks in the calls above get
 * WEIR_ECLOSED. s stays open; if it was full, writes to it and weir_shutdown return -EBUSY until
 * the loop has had a turn (weir_sleep(1)). A new writer on s waits for that by itself. NULL and
 * *NULL are fine. Never suspends, never fails. */
WEIR_API void weir_writer_close(struct weir_writer **take_writer);

#ifdef __cplusplus
}
#endif
#endif
