/* SPDX-License-Identifier: MIT */
/* cached.h - for a server that sends files: calls that take what the kernel has in memory, at once
 * and without a helper thread. f is open, has positions, and no other task closes it. */
#ifndef WEIR_FILE_CACHED_H
#define WEIR_FILE_CACHED_H

#include <stdbool.h>
#include <weir/dir.h>
#include <weir/file.h>

/* As weir_file_open_beneath for reading, and what the file is. A file server is not asked for that:
 * what it said at the open stands. On error *ret_stat is untouched. Suspends. */
WEIR_API int weir__file_open_stat(struct weir_dir *d, const char *path,
                                  struct weir_file **ret_file, struct stat *ret_stat);

/* Do the len bytes at an offset lie in memory? Where the kernel does not count the pages, one byte
 * of each 16 KiB is looked at, so the answer can be wrong when memory is short: then
 * weir__file_send waits for the disk. Not simulated. */
WEIR_API bool weir__file_is_cached(struct weir_file *f, int64_t at, size_t len);

/* sendfile(2) from an offset to a non-blocking socket. Returns the count, 0 at the end of the file,
 * -EAGAIN (the socket is full), -EINVAL (not for these two), ... Not simulated. */
WEIR_API int64_t weir__file_send(struct weir_file *f, int64_t at, size_t len, int socket);

#endif
