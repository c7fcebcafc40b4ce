/* SPDX-License-Identifier: MIT */
/* file.h - files: open, read, write, and whole files in one call; copies between files and streams.
 * Paths and folders are in weir/dir.h.
 *
 * No call here blocks the loop. Bytes that the kernel has in memory are read and written at once;
 * for all else the task waits, on io_uring for the ring, else for a helper thread of the class for
 * files (weir/offload.h).
 *
 * A cancel. A call that has not yet begun does nothing. One that the kernel has begun on a disk
 * cannot be stopped: the task waits until it has ended, and the call returns its result as if there
 * had been no cancel; the next suspending call returns -ECANCELED. So a call that returns
 * -ECANCELED or -ETIME has left nothing behind, except as its contract says. On a disk or a server
 * that does not answer a cancel takes as long as the call.
 *
 * A relative path is resolved from the current folder of the process. In a simulation the files are
 * those of the simulated world (weir/testing.h), without inotify, pipes and devices.
 * Loop thread only. Several tasks may use one file at once. */
#ifndef WEIR_FILE_H
#define WEIR_FILE_H

#include <sys/stat.h>
#include <weir/base.h>

#ifdef __cplusplus
extern "C" {
#endif

struct weir_file; /* an open file, of one loop */
struct weir_stream;

/* Open a file. flags and mode are those of open(2); O_CLOEXEC is added, and a terminal does not
 * become the controlling one. A pipe, a terminal or a device that has no positions is opened
 * without a wait for its other side, and reads and writes of it wait as those of a stream: opening
 * a FIFO for writing while nobody reads it returns -ENXIO. The caller must close *ret_file.
 * Returns 0; -ENOENT, -EACCES, -EEXIST, -EISDIR, -ENOSPC, ... (as open(2)); -EAGAIN (no helper
 * thread), -EMFILE, -ENOMEM, -ECANCELED, -ETIME, WEIR_ENOLOOP. On error or cancel no descriptor
 * stays open, and *ret_file is untouched; after a cancel a file may have been made, or cut by
 * O_TRUNC. */
WEIR_SUSPENDS int weir_file_open(const char *path, int flags, unsigned mode,
                                 struct weir_file **ret_file);

/* Make a file of a descriptor. From then on the file owns fd and closes it; on error fd stays the
 * caller's. Its flags are not changed. A descriptor without positions (a pipe, a socket, a
 * terminal) is read and written as weir_stream_from_fd does it.
 * Returns 0; -EBADF, -ENOMEM, WEIR_ESIMREFUSED (a descriptor of the system, in a simulation),
 * WEIR_ENOLOOP. */
WEIR_API int weir_file_from_fd(int fd, struct weir_file **ret_file);

/* The descriptor of a file. It is lent as long as f: do not close it.
 * Returns the descriptor; -EOPNOTSUPP (in a simulation). */
WEIR_API int weir_file_fd(const struct weir_file *f);

/* Close a file; *take_file becomes NULL. Tasks that are in a call on it get the call's result; the
 * descriptor is closed when the last has. Errors of the close are dropped: weir_file_sync finds
 * those of the disk. NULL and *NULL are fine. Never suspends, never fails. */
WEIR_API void weir_file_close(struct weir_file **take_file);

/* Read at least 1 and at most len bytes at the file's position, which moves. len 0 returns 0.
 * Returns the count; 0 at the end; -EISDIR, -EIO, -EBADF (not open for reading), -EAGAIN (no helper
 * thread), -ENOMEM, -ECANCELED, -ETIME, WEIR_ENOLOOP. On error or cancel the position has not
 * moved. buf is borrowed until return. Of tasks that read at once each gets another part: reads,
 * writes and seeks at the position come one after the other. */
WEIR_SUSPENDS ssize_t weir_file_read(struct weir_file *f, void *buf, size_t len);

/* Write all len bytes at the file's position, which moves; with O_APPEND at the end.
 * Returns 0; -ENOSPC, -EDQUOT, -EFBIG (also past RLIMIT_FSIZE; no signal is raised), -EIO, -EBADF
 * (not open for writing), -EPIPE, -EAGAIN (no helper thread), -ENOMEM, -ECANCELED, -ETIME,
 * WEIR_ENOLOOP. On error or cancel a first part may be written: weir_error(rc)->done counts it. buf
 * is borrowed until return. */
WEIR_SUSPENDS int weir_file_write(struct weir_file *f, const void *buf, size_t len);

/* Read len bytes at an offset, or as many as there are before the end. The position stays.
 * Returns the count, less than len only at the end; 0 at or behind it; -EINVAL (offset < 0),
 * -ESPIPE (it has no positions), or an error as weir_file_read. On error or cancel the bytes read
 * so far are in buf: weir_error(rc)->done is their count. */
WEIR_SUSPENDS ssize_t weir_file_pread(struct weir_file *f, void *buf, size_t len, int64_t offset);

/* Write all len bytes at an offset. The position stays. (To a file with O_APPEND, Linux appends.)
 * Returns 0; -EINVAL (offset < 0), -ESPIPE, or an error as weir_file_write, also as to done. */
WEIR_SUSPENDS int weir_file_pwrite(struct weir_file *f, const void *buf, size_t len,
                                   int64_t offset);

/* Wait until what was written is on the disk, with what is known of the file; weir_file_sync_data:
 * but not its times.
 * Returns 0; -EIO, -ENOSPC, -EDQUOT (a write that was successful before could not be stored; Linux
 * reports it once), -EINVAL (a pipe and the like), -EAGAIN, -ENOMEM, -ECANCELED, -ETIME,
 * WEIR_ENOLOOP. After a cancel the bytes may be on the disk or not. */
WEIR_SUSPENDS int weir_file_sync(struct weir_file *f);
WEIR_SUSPENDS int weir_file_sync_data(struct weir_file *f);

/* Set the size of a file: cut it, or add a hole.
 * Returns 0; -EINVAL (size < 0, or not open for writing), -EFBIG, -EPERM, ...; -EAGAIN, -ENOMEM,
 * -ECANCELED, -ETIME, WEIR_ENOLOOP. */
WEIR_SUSPENDS int weir_file_truncate(struct weir_file *f, int64_t size);

/* Reserve disk space for len bytes at an offset, so that writes there cannot fail for want of it.
 * The file grows if it is shorter.
 * Returns 0; -ENOSPC, -EINVAL, -EOPNOTSUPP (by this file system), -EBADF, -ESPIPE, ...; -EAGAIN,
 * -ENOMEM, -ECANCELED, -ETIME, WEIR_ENOLOOP. */
WEIR_SUSPENDS int weir_file_allocate(struct weir_file *f, int64_t offset, int64_t len);

/* What stat(2) tells of an open file.
 * Returns 0; -EIO, -EAGAIN, -ENOMEM, -ECANCELED, -ETIME, WEIR_ENOLOOP; then *ret_stat is
 * untouched. */
WEIR_SUSPENDS int weir_file_stat(struct weir_file *f, struct stat *ret_stat);

/* Move the position, as lseek(2): whence is SEEK_SET, SEEK_CUR or SEEK_END.
 * Returns the new position; -EINVAL (before the start), -ESPIPE (it has no positions), -EOVERFLOW,
 * -ENXIO, -ECANCELED, -ETIME, WEIR_ENOLOOP. On error or cancel the position has not moved. */
WEIR_SUSPENDS int64_t weir_file_seek(struct weir_file *f, int64_t offset, int whence);

/* Read a file as a stream, from its position on: for weir_read_until, weir_peek and all else that
 * takes a stream. Writes go to the position too. From then on the stream owns the file, and
 * *take_file is NULL; weir_close of the stream closes it. A cancel of a read loses no byte.
 * Returns 0; -EBUSY (it has no positions, and a task is in a call on it), -ENOMEM; then *take_file
 * stays the caller's. */
WEIR_API int weir_file_stream(struct weir_file **take_file, struct weir_stream **ret_stream);

/* ---- whole files ----------------------------------------------------------------------------- */

/* Read a whole file, of any kind, also one whose size says 0 (/proc). max: the most bytes to take;
 * 0: 64 MiB. The caller must free *ret_bytes by free(3); behind the last byte there is a NUL, which
 * *ret_len does not count.
 * Returns 0; WEIR_ETOOBIG (more than max bytes), or an error as weir_file_open and
 * weir_file_read. On error or cancel the outputs are untouched. */
WEIR_SUSPENDS int weir_read_file(const char *path, size_t max, void **ret_bytes, size_t *ret_len);

/* Replace a file, or make it, so that other programs see the old bytes or the new ones, and never a
 * part, also after a crash of the machine: the bytes are written to a new file beside it, that is
 * synced and renamed over path, and then the folder is synced. mode: the permissions of a new file,
 * cut by the umask, 0 is 0666; a file that exists keeps its own, without the set-user-ID and
 * set-group-ID bits, and becomes this process's user's. If path is a symbolic link, what it leads
 * to is replaced. Other hard links keep the old bytes.
 * Returns 0; -EINVAL (path is a device, a FIFO or a socket: it is not replaced), -ENOSPC, -EACCES,
 * -EISDIR, ... as weir_file_open, weir_file_write, weir_file_sync and weir_rename. On error or
 * cancel path has the old bytes and no other file is left behind, but for two cases: an error or a
 * cancel during the last step, the sync of the folder, leaves the new bytes (weir_error(rc)->done
 * is then len, else 0); and if the new file cannot be removed after an error, it stays, as a hidden
 * file whose name begins with ".weir-". */
WEIR_SUSPENDS int weir_write_file(const char *path, const void *bytes, size_t len, unsigned mode);

/* Open a new file for reading and writing that has no name and is gone when it is closed. folder:
 * on whose disk; NULL: that of $TMPDIR, else /tmp. Where the file system cannot do that, the file
 * has a name for a moment. Its permissions are 0600.
 * Returns 0, or an error as weir_file_open. */
WEIR_SUSPENDS int weir_temp_file(const char *folder, struct weir_file **ret_file);

/* Copy a file, replacing what lies at to_path, which may be read half written meanwhile. The copy
 * gets the permissions of the original, without the set-user-ID and set-group-ID bits. Blocks are
 * shared where the file system can (reflink).
 * Returns 0; -EINVAL (both are the same file), or an error as weir_file_open and weir_copy. On
 * error or cancel to_path may have a part of the bytes. */
WEIR_SUSPENDS int weir_copy_file(const char *to_path, const char *from_path);

/* ---- copies ---------------------------------------------------------------------------------- */

/* Copy bytes from a file or stream to another, until `from` ends or max bytes were copied
 * (max < 0: no limit): weir_copy(to, from, max), where `to` and `from` are each a pointer to struct
 * weir_file or struct weir_stream. Files are read and written at their positions, which no other
 * task may use meanwhile. Nothing is closed or shut down, and nothing is synced.
 *   file to file:    by the kernel (copy_file_range), which may share blocks;
 *   file to stream:  by the kernel (sendfile), if the stream has a descriptor;
 *   stream to file, stream to stream:  by the kernel (splice), if `from` is a pipe whose bytes were
 *                    not yet read into the stream, and the other has a descriptor. Otherwise the
 *                    bytes are written from the piece that the backend lends, without another copy:
 *                    the backend of a socket receives ahead, so the kernel must not move its bytes.
 * Where the kernel refuses, they go through memory.
 * Returns how many bytes were copied; an error of reading or of writing. After an error or a cancel
 * weir_error(rc)->done counts the bytes that were copied: `to` has exactly these, and `from` has
 * been read so far and no further. But a stream whose write was cut short has a part of a piece
 * more, and is torn (see weir_write). Keep a stream that is read from open until the call
 * returns. */
WEIR_SUSPENDS int64_t weir_copy_file_to_file(struct weir_file *to, struct weir_file *from,
                                             int64_t max);
WEIR_SUSPENDS int64_t weir_copy_file_to_stream(struct weir_stream *to, struct weir_file *from,
                                               int64_t max);
WEIR_SUSPENDS int64_t weir_copy_stream_to_file(struct weir_file *to, struct weir_stream *from,
                                               int64_t max);
WEIR_SUSPENDS int64_t weir_copy_stream_to_stream(struct weir_stream *to, struct weir_stream *from,
                                                 int64_t max);
#ifndef __cplusplus
#define weir_copy(to, from, max)                                                                   \
    _Generic((to),                                                                                 \
        struct weir_file *: _Generic((from), struct weir_stream *: weir_copy_stream_to_file,       \
                                     default: weir_copy_file_to_file),                             \
        default: _Generic((from), struct weir_stream *: weir_copy_stream_to_stream,                \
                          default: weir_copy_file_to_stream))((to), (from), (max))
#endif

#ifdef __cplusplus
}
#endif
#endif
