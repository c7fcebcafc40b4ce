/* SPDX-License-Identifier: MIT */
/* frame.h - messages in a stream of bytes: lines, messages behind a length, before a delimiter, or
 * of one size. And writing: printf to a stream, and a writer that gathers small pieces.
 *
 * A frame is one message without what marks its end. Two objects find frames: weir_frames reads
 * them from a stream, in a task; weir_framer takes bytes from wherever they come, so it serves the
 * functions of a reactive server and callbacks. Loop thread only, except weir_framer: any thread,
 * one at a time. */
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
    WEIR_FRAME_LINE,      /* ends with "\n" or "\r\n"; the last one may end with the stream */
    WEIR_FRAME_DELIMITED, /* ends with the bytes of `delimiter` */
    WEIR_FRAME_LENGTH,    /* stands behind a number, which is the count of its bytes */
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
    size_t fixed;          /* FIXED: the size, 1 to 1 GiB; max has no effect */
    unsigned length_bytes; /* LENGTH: how many bytes the number has: 1, 2, 3, 4 or 8; 0: 4 */
    bool little_endian;    /* LENGTH: the number's first byte is its lowest */
    bool counts_itself;    /* LENGTH: the number counts its own bytes too */
};

/* ---- reading frames from a stream ---- */

/* Reads a stream frame by frame. The caller gives the memory, and must not move it while it is
 * open. */
struct weir_frames { uint64_t opaque_[16]; };

/* Begin to read frames from s, which stays the caller's and must stay open until weir_frames_close.
 * framing NULL: lines. *framing is copied. Meanwhile read from s by r only.
 * Returns 0; -EINVAL (the framing is not possible). On error r is closed. */
WEIR_API int weir_frames_open(struct weir_frames *r, struct weir_stream *s,
                              const struct weir_framing *framing);

/* Read the next frame. *ret_frame is lent until the next call on r, or one on s that reads or
 * closes; its bytes may lie in the stream's own memory, without a copy. A frame may be empty.
 * Returns 1 with a frame; 0 at end of stream; WEIR_EEOF (the stream ended inside a frame; not in a
 * LINE: that is a frame); WEIR_ETOOBIG (the frame is longer than max), WEIR_EPROTO (a length that
 * counts itself is too small): each later call returns these two again; -ENOMEM, or an error as
 * weir_read. On -ENOMEM, -ECANCELED, -ETIME nothing is lost: call again. */
WEIR_SUSPENDS int weir_frames_next(struct weir_frames *r, struct weir_view *ret_frame);

/* Stop reading frames. If the last call returned 1, s can be read on behind that frame. If not, the
 * beginning of a frame may have been read, which is dropped. A zeroed or closed r is fine. Never
 * suspends, never fails. */
WEIR_API void weir_frames_close(struct weir_frames *r);

/* ---- finding frames in any bytes ---- */

/* Finds frames in bytes that it is given, and keeps what is not yet a whole frame: at most max
 * bytes and what marks the end. The caller gives the memory. */
struct weir_framer { uint64_t opaque_[14]; };

/* framing NULL: lines. *framing is copied. The caller must call weir_framer_close.
 * Returns 0; -EINVAL (the framing is not possible). On error f is closed. */
WEIR_API int weir_framer_open(struct weir_framer *f, const struct weir_framing *framing);

/* Take bytes from the front of *in until they make a frame; *in becomes the rest. Call it again and
 * again until it returns 0. *ret_frame is lent until the next call on f, and no longer than the
 * memory of *in: it lies there, if the whole frame does, or in f.
 * Returns 1 with a frame; 0 (*in is used up, and the frame not at its end); WEIR_ETOOBIG,
 * WEIR_EPROTO (as weir_frames_next; each later call returns them again), -ENOMEM (*in and f are as
 * before; call again), WEIR_ECLOSED (f is closed). */
WEIR_API int weir_framer_next(struct weir_framer *f, struct weir_view *in,
                              struct weir_view *ret_frame);

/* The input has ended.
 * Returns 1 with the last line, which had no end; 0 (nothing is left); WEIR_EEOF (inside a frame);
 * WEIR_ETOOBIG, WEIR_EPROTO, WEIR_ECLOSED (as weir_framer_next). */
WEIR_API int weir_framer_end(struct weir_framer *f, struct weir_view *ret_frame);

/* Free what f keeps. A zeroed or closed f is fine. */
WEIR_API void weir_framer_close(struct weir_framer *f);

/* ---- writing ---- */

/* Write a frame: its bytes, and what marks its length or end. framing NULL: lines.
 * Returns 0; WEIR_ETOOBIG (longer than max), -EINVAL (the framing is not possible; a FIXED frame of
 * another size; the bytes would be read as another frame than this: they contain a delimiter), or
 * an error as weir_write: after these nothing, or a part, was written as there. buf is borrowed
 * until return. */
WEIR_SUSPENDS int weir_frame_write(struct weir_stream *s, const struct weir_framing *framing,
                                   const void *buf, size_t len);

/* Write formatted text, as printf(3) does, all in one weir_write.
 * Returns 0; -ENOMEM, -EINVAL (a format that printf refuses): nothing was written; or an error as
 * weir_write. */
WEIR_SUSPENDS int weir_printf(struct weir_stream *s, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
WEIR_SUSPENDS int weir_vprintf(struct weir_stream *s, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));

struct weir_writer; /* gathers small writes to a stream */

/* Begin to gather what is written to s, which stays the caller's and must stay open until
 * weir_writer_close. What was gathered goes to s in one piece when the loop's ready tasks have run:
 * so a hundred small writes of one turn are one system call. size is how many bytes are gathered at
 * most; 0: 16 KiB. Meanwhile write to s by w only.
 * Returns 0; -ENOMEM, -EINVAL (size is more than 1 GiB), WEIR_ENOLOOP, WEIR_EFORKED. On error
 * *ret_writer is untouched. */
WEIR_API int weir_writer_open(struct weir_stream *s, size_t size, struct weir_writer **ret_writer);

/* Write len bytes: all are gathered, or, on error or cancel, none. Waits only while there is no
 * room for them; several tasks may write, and their bytes do not mix. More bytes than w gathers
 * pass through it in parts: if a cancel cuts them short, weir_error(rc)->done counts those that
 * passed, and later calls return WEIR_ETORN. The calls named printf format as printf(3).
 * Returns 0; the error with which s refused earlier bytes, as weir_write (w then takes no more);
 * -ECANCELED, -ETIME, -ENOMEM, -EINVAL (a format that printf refuses), WEIR_ECLOSED (w was closed
 * meanwhile), WEIR_EFORKED, WEIR_ENOLOOP. buf is borrowed until return. */
WEIR_SUSPENDS int weir_writer_write(struct weir_writer *w, const void *buf, size_t len);
WEIR_SUSPENDS int weir_writer_printf(struct weir_writer *w, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
WEIR_SUSPENDS int weir_writer_vprintf(struct weir_writer *w, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));

/* Wait until s has taken all that was written to w before.
 * Returns as weir_writer_write. A cancel loses nothing. */
WEIR_SUSPENDS int weir_writer_flush(struct weir_writer *w);

/* Stop gathering; *take_writer becomes NULL. What s does not take at once is dropped, and the
 * library logs how much: call weir_writer_flush first. Tasks that wait in the calls above get
 * WEIR_ECLOSED. NULL and *NULL are fine. Never suspends, never fails. */
WEIR_API void weir_writer_close(struct weir_writer **take_writer);

#ifdef __cplusplus
}
#endif
#endif
