/* SPDX-License-Identifier: MIT */
/* file.h - files: open, read, write, and whole files in one call; copies between files and streams.
 * Calls on paths and directories are in weir/dir.h.
 *
 * No call here blocks the loop. Bytes that the kernel has in memory are read and written at once.
 * For all else the task waits: on io_uring for the ring, otherwise for a helper thread of
 * WEIR_OFFLOAD_FILE (weir/offload.h).
 *
 * A cancel that comes before a call has begun ends it with nothing done. A call that the kernel has
 * begun on a disk cannot be stopped: the task waits until the kernel is done and gets the result,
 * and its next suspending call returns -ECANCELED. So a call that returns -ECANCELED or -ETIME has
 * changed nothing, except as its contract says. If a disk or a file server does not answer, a
 * cancel takes as long as the call.
 *
 * A relative path begins at the working directory of the process. In a simulation the files are
 * those of the simulated world (weir/testing.h); it has no inotify, pipes or devices. Loop thread
 * only. Several tasks may use one file at once. */
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
 * become the controlling one. A file without positions (a pipe, a terminal, some devices) is opened
 * without waiting for its other side, and is read and written like a stream. Opening a FIFO for
 * writing while nobody reads it returns -ENXIO. The caller must close *ret_file.
 * Returns 0; -ENOENT, -EACCES, -EEXIST, -EISDIR, -ENOSPC, ... (as open(2)), -EAGAIN (no helper
 * thread), -ECANCELED, -ETIME, -EMFILE, -ENOMEM, WEIR_ENOLOOP. On error or cancel nothing stays
 * open, and *ret_file is untouched. But after a cancel a new file may exist (O_CREAT), or a file
 * may be empty (O_TRUNC). */
WEIR_SUSPENDS int weir_file_open(const char *path, int flags, unsigned mode,
                                 struct weir_file **ret_file);

/* Make a file of a descriptor. From then on the file owns fd and closes it; on error fd stays the
 * caller's. fd's flags are not changed. A descriptor without positions (a pipe, a socket, a
 * terminal) is read and written as by weir_stream_from_fd. The caller must close *ret_file.
 * Returns 0; -EBADF, -ENOMEM, WEIR_ESIMREFUSED (in a simulation), WEIR_ENOLOOP. On error *ret_file
 * is untouched. */
WEIR_API int weir_file_from_fd(int fd, struct weir_file **ret_file);

/* The descriptor of a file. It is lent as long as f: do not close it.
 * Returns the descriptor; -EOPNOTSUPP (in a simulation). */
WEIR_API int weir_file_fd(const struct weir_file *f);

/* Close a file; *take_file becomes NULL. A task in a call on it gets the result of what the kernel
 * has begun, or WEIR_ECLOSED if more was to be done; the descriptor is closed when the last task
 * has left. Tasks that wait on a file without positions get WEIR_ECLOSED. Errors of the close
 * itself are dropped: weir_file_sync returns those of the disk. NULL and *NULL are fine. In a fork
 * child it only closes the child's copy of the descriptor. Never suspends, never fails. */
WEIR_API void weir_file_close(struct weir_file **take_file);

/* Read at least 1 and at most len bytes at the file's position, which moves. len 0 returns 0.
 * Several tasks may read, write and seek at the position: their calls come one after the other, so
 * each reads other bytes.
 * Returns the count; 0 at end of file; -EISDIR, -EIO, -EBADF (not open for reading), -EAGAIN (no
 * helper thread), -ECANCELED, -ETIME, -ENOMEM, WEIR_ENOLOOP; without positions as weir_read. On
 * error or cancel the position has not moved. buf is borrowed until return. */
WEIR_SUSPENDS ssize_t weir_file_read(struct weir_file *f, void *buf, size_t len);

/* Write all len bytes at the file's position, which moves; with O_APPEND at the end of the file. A
 * write of more than 256 KiB is made in parts, between which another task may write.
 * Returns 0; -ENOSPC, -EDQUOT, -EFBIG (also past RLIMIT_FSIZE; no signal is raised), -EIO, -EBADF
 * (not open for writing), WEIR_ECLOSED (closed meanwhile), -EAGAIN (no helper thread), -ECANCELED,
 * -ETIME, -ENOMEM, WEIR_ENOLOOP; without positions as weir_write. On error or cancel the first
 * bytes may be written: weir_error(rc)->done counts them. buf is borrowed until return. */
WEIR_SUSPENDS int weir_file_write(struct weir_file *f, const void *buf, size_t len);

/* Read len bytes at an offset, or as many as there are before the end of file. The position stays.
 * Returns the count, less than len only at end of file; 0 at or behind it; -EINVAL (offset < 0),
 * -ESPIPE (no positions), WEIR_ECLOSED (closed meanwhile), or an error as weir_file_read. On error
 * or cancel the bytes that were read so far are in buf: weir_error(rc)->done is their count. buf is
 * borrowed until return. */
WEIR_SUSPENDS ssize_t weir_file_pread(struct weir_file *f, void *buf, size_t len, int64_t offset);

/* Write all len bytes at an offset. The position stays. (With O_APPEND Linux writes at the end of
 * the file all the same.)
 * Returns 0; -EINVAL (offset < 0), -ESPIPE (no positions), or an error as weir_file_write, also as
 * to done. buf is borrowed until return. */
WEIR_SUSPENDS int weir_file_pwrite(struct weir_file *f, const void *buf, size_t len,
                                   int64_t offset);

/* Wait until all that was written is on the disk, with the file's size, times and permissions;
 * weir_file_sync_data leaves out what is not needed to read the bytes again, such as the times.
 * Returns 0; -EIO, -ENOSPC, -EDQUOT (an earlier write that returned 0 could not be stored; Linux
 * reports it once), -EINVAL (a pipe and the like), -EAGAIN (no helper thread), -ECANCELED, -ETIME,
 * -ENOMEM, WEIR_ENOLOOP. After a cancel the bytes may be on the disk or not. */
WEIR_SUSPENDS int weir_file_sync(struct weir_file *f);
WEIR_SUSPENDS int weir_file_sync_data(struct weir_file *f);

/* Set the size of a file: cut it, or add a hole.
 * Returns 0; -EINVAL (size < 0, or not open for writing), -EFBIG, -EPERM, ...; -EAGAIN (no helper
 * thread), -ECANCELED, -ETIME, -ENOMEM, WEIR_ENOLOOP. */
WEIR_SUSPENDS int weir_file_truncate(struct weir_file *f, int64_t size);

/* Reserve disk space for len bytes at an offset, so that writes there do not fail with -ENOSPC. The
 * file grows if it is shorter.
 * Returns 0; -ENOSPC, -EINVAL, -EOPNOTSUPP (by this file system), -EBADF, -ESPIPE, ...; -EAGAIN (no
 * helper thread), -ECANCELED, -ETIME, -ENOMEM, WEIR_ENOLOOP. */
WEIR_SUSPENDS int weir_file_allocate(struct weir_file *f, int64_t offset, int64_t len);

/* Fill *ret_stat as fstat(2) does.
 * Returns 0; -EIO, -EAGAIN (no helper thread), -ECANCELED, -ETIME, -ENOMEM, WEIR_ENOLOOP. On error
 * or cancel *ret_stat is untouched. */
WEIR_SUSPENDS int weir_file_stat(struct weir_file *f, struct stat *ret_stat);

/* Move the position, as lseek(2): whence is SEEK_SET, SEEK_CUR or SEEK_END.
 * Returns the new position; -EINVAL (before the start), -ESPIPE (no positions), -EOVERFLOW, -ENXIO,
 * -ECANCELED, -ETIME, WEIR_ENOLOOP. On error or cancel the position has not moved. */
WEIR_SUSPENDS int64_t weir_file_seek(struct weir_file *f, int64_t offset, int whence);

/* Make a stream of a file, which begins at the file's position: for weir_read_until, weir_peek and
 * all else that takes a stream. Writes go to the position too. The stream owns the file and closes
 * it; *take_file becomes NULL. The caller must close *ret_stream. On cancel a read loses no byte.
 * Once a read has met the end of the file, the stream has ended, though the file may grow. To
 * follow a file use weir_file_read, weir_framer (weir/frame.h) and weir_inotify_next.
 * Returns 0; -EBUSY (it has no positions, and a task is in a call on it), -ENOMEM. On error
 * *take_file is still the caller's, and *ret_stream is untouched. */
WEIR_API int weir_file_stream(struct weir_file **take_file, struct weir_stream **ret_stream);

/* ---- whole files ----------------------------------------------------------------------------- */

/* Read a whole file of any kind, also one whose size says 0 (/proc). max: the most bytes to take;
 * 0: 64 MiB. The caller must free *ret_bytes by free(3). A NUL stands behind the last byte, and
 * *ret_len does not count it.
 * Returns 0; WEIR_ETOOBIG (more than max bytes), or an error as weir_file_open and weir_file_read.
 * On error or cancel *ret_bytes and *ret_len are untouched. */
WEIR_SUSPENDS int weir_read_file(const char *path, size_t max, void **ret_bytes, size_t *ret_len);

/* Replace a file in one step, or make it. Other programs see the old bytes or the new ones and
 * never a part, even after a crash of the machine. The call writes the bytes to a new file in the
 * same directory, syncs that, renames it to path, and syncs the directory. mode: the permissions of
 * a new file, cut by the umask; 0: 0666. A file that is replaced keeps its permissions but for the
 * set-user-ID and set-group-ID bits, and belongs to this process's user afterwards. If path is a
 * symbolic link, its target is replaced. Other hard links keep the old bytes. bytes is borrowed
 * until return.
 * Returns 0; -EINVAL (path is a device, a FIFO or a socket), -ENOSPC, -EACCES, -EISDIR, ... as
 * weir_file_open, weir_file_write, weir_file_sync and weir_rename. On error or cancel path has the
 * old bytes and no other file is left behind, with two exceptions. If the last step fails or is
 * cancelled, the sync of the directory, path has the new bytes: weir_error(rc)->done is then len,
 * otherwise 0. If the new file cannot be removed after an error, it stays, hidden under a name that
 * begins with ".weir-". */
WEIR_SUSPENDS int weir_write_file(const char *path, const void *bytes, size_t len, unsigned mode);

/* Open a new file for reading and writing that has no name and is gone when it is closed. Its
 * permissions are 0600. directory: which file system it lies on; NULL: that of $TMPDIR, or of /tmp.
 * Where the file system has no files without names, the file has a name for a moment. The caller
 * must close *ret_file.
 * Returns 0; an error as weir_file_open. On error or cancel *ret_file is untouched. */
WEIR_SUSPENDS int weir_temp_file(const char *directory, struct weir_file **ret_file);

/* Copy a file to to_path. A file that is there is overwritten: other programs may see it half
 * written. The copy gets the permissions of the original but for the set-user-ID and set-group-ID
 * bits. It shares disk blocks where the file system can (reflink).
 * Returns 0; -EINVAL (both are the same file), or an error as weir_file_open and weir_copy. On
 * error or cancel to_path may have a part of the bytes. */
WEIR_SUSPENDS int weir_copy_file(const char *to_path, const char *from_path);

/* ---- copies ---------------------------------------------------------------------------------- */

/* Copy bytes from a file or stream to another, until `from` ends or max bytes were copied (max < 0:
 * no limit). weir_copy(to, from, max) chooses the function by the types of `to` and `from`, which
 * are each a pointer to struct weir_file or struct weir_stream. Files are read and written at their
 * positions, which no other task may use meanwhile. Nothing is closed, shut down or synced.
 *   file to file:    by the kernel (copy_file_range), which may share blocks;
 *   file to stream:  by the kernel (sendfile), if the stream has a non-blocking descriptor;
 *   stream to file:  by the kernel (splice), if the stream is a pipe and holds no bytes; otherwise
 *                    from the piece that the backend lends, without another copy;
 *   stream to stream:  from the piece that the backend lends.
 * Where the kernel refuses, the bytes go through memory. The kernel does not move the bytes of
 * sockets, because the backend has received some of them ahead.
 * Returns how many bytes were copied; an error of reading or of writing. After an error or a cancel
 * weir_error(rc)->done counts the bytes that were copied: `to` has exactly these, and `from` was
 * read so far and no further. But if the write to a stream is cut short, the peer has a part of one
 * more piece, and the stream is torn (see weir_write). Both stay open, and must stay so until
 * return. */
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
