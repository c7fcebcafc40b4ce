/* SPDX-License-Identifier: MIT */
/* dir.h - calls on paths, and the names in directories. What weir/file.h says of blocking, cancels,
 * simulations and threads holds here too. A call that returns -ECANCELED or -ETIME has changed
 * nothing, unless its contract says otherwise.
 *
 * Each call can also return -ENOENT, -ENOTDIR, -EACCES, -EPERM, -ELOOP, -ENAMETOOLONG, -EROFS,
 * -EIO, -EAGAIN (no helper thread), -ECANCELED, -ETIME, -ENOMEM and WEIR_ENOLOOP. The text of the
 * error (weir_error) names the path. */
#ifndef WEIR_DIR_H
#define WEIR_DIR_H

#include <stdbool.h>
#include <sys/stat.h>
#include <weir/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Give a file or directory another name, as rename(2): what had that name is replaced in one step.
 * Returns 0; -EXDEV (another file system), -ENOTEMPTY, -EEXIST, -EISDIR, -EINVAL (a directory into
 * itself), -EBUSY, ... */
WEIR_SUSPENDS int weir_rename(const char *from, const char *to);

/* Remove a name that is not a directory's. The file itself is removed when it has no other name and
 * nobody has it open.
 * Returns 0; -EISDIR, -EBUSY, ... */
WEIR_SUSPENDS int weir_unlink(const char *path);

/* Make a directory; mode is cut by the umask.
 * Returns 0; -EEXIST, -ENOSPC, ... */
WEIR_SUSPENDS int weir_mkdir(const char *path, unsigned mode);

/* Remove an empty directory.
 * Returns 0; -ENOTEMPTY, -EBUSY, ... */
WEIR_SUSPENDS int weir_rmdir(const char *path);

/* Fill *ret_stat as stat(2) does. If path is a symbolic link, weir_stat follows it, and weir_lstat
 * describes the link itself.
 * Returns 0; an error. On error or cancel *ret_stat is untouched. */
WEIR_SUSPENDS int weir_stat(const char *path, struct stat *ret_stat);
WEIR_SUSPENDS int weir_lstat(const char *path, struct stat *ret_stat);

/* Give a file one more name, a hard link.
 * Returns 0; -EEXIST, -EXDEV, -EMLINK, ... */
WEIR_SUSPENDS int weir_link(const char *path, const char *new_path);

/* Make a symbolic link at new_path that contains target.
 * Returns 0; -EEXIST, ... */
WEIR_SUSPENDS int weir_symlink(const char *target, const char *new_path);

/* Read what a symbolic link contains, and put a NUL behind it.
 * Returns the length without the NUL; -EINVAL (not a symbolic link), WEIR_ETOOBIG (it does not fit
 * into size bytes), ... On error or cancel the bytes of buf are undefined. buf is borrowed until
 * return. */
WEIR_SUSPENDS ssize_t weir_readlink(const char *path, char *buf, size_t size);

/* Set the size of a file: cut it, or add a hole.
 * Returns 0; -EISDIR, -EINVAL (size < 0), -EFBIG, -ETXTBSY, ... */
WEIR_SUSPENDS int weir_truncate(const char *path, int64_t size);

/* Set the permissions of a file or directory.
 * Returns 0; an error. */
WEIR_SUSPENDS int weir_chmod(const char *path, unsigned mode);

/* Ask what the real user of the process may do, as access(2). mode is F_OK, or R_OK, W_OK and X_OK
 * or-ed.
 * Returns 0; -EACCES, ... */
WEIR_SUSPENDS int weir_access(const char *path, int mode);

/* Make a new directory with a name that no other has, for this user only (0700). directory: where
 * to make it; NULL: in $TMPDIR, or in /tmp if that is not set. *ret_path is its path, which the
 * caller must free by free(3). The caller must also remove the directory.
 * Returns 0; -EEXIST (a hundred names were taken), -ENOSPC, ... On error or cancel *ret_path is
 * untouched. */
WEIR_SUSPENDS int weir_temp_dir(const char *directory, char **ret_path);

/* ---- the names in a directory ---------------------------------------------------------------- */

struct weir_dir; /* an open directory, of one loop */
struct weir_file;

/* One name in a directory. */
struct weir_dir_entry {
    const char *name;    /* lent until the next call on the directory */
    unsigned char type;  /* DT_REG, DT_DIR, DT_LNK, ... of <dirent.h>; DT_UNKNOWN: the file system
                          * does not say, use weir_lstat */
    uint64_t inode;
};

/* Open a directory, to read the names in it. The caller must close *ret_dir.
 * Returns 0; -ENOTDIR, -EMFILE, ... On error or cancel nothing stays open, and *ret_dir is
 * untouched. */
WEIR_SUSPENDS int weir_dir_open(const char *path, struct weir_dir **ret_dir);

/* Read the next name; "." and ".." are left out. Names come in no order. The library reads many at
 * once, so most calls do not wait. Names that are made or removed meanwhile may appear or not. Only
 * one task at a time may be in the call.
 * Returns 1 with a name; 0 (no more names); an error. On error or cancel no name is lost: the next
 * call goes on. */
WEIR_SUSPENDS int weir_dir_next(struct weir_dir *d, struct weir_dir_entry *ret_entry);

/* Open a file beneath a directory; all else is as in weir_file_open. path is relative to d. A path
 * that leads out of d is refused: by "..", by a symbolic link, or by a link that another process
 * puts there meanwhile. Symbolic links that stay beneath d are followed if the kernel has openat2
 * (Linux 5.6); without it no link is followed. Several tasks may be in the call at once.
 * Returns 0; -EXDEV (the path is absolute, or leads out of d); else as weir_file_open. On error or
 * cancel nothing stays open, and *ret_file is untouched. */
WEIR_SUSPENDS int weir_file_open_beneath(struct weir_dir *d, const char *path, int flags,
                                         unsigned mode, struct weir_file **ret_file);

/* Close a directory; *take_dir becomes NULL. No task may be in a call on it. NULL and *NULL are
 * fine. In a fork child it only closes the child's copy of the descriptor. Never suspends, never
 * fails. */
WEIR_API void weir_dir_close(struct weir_dir **take_dir);

#ifdef __cplusplus
}
#endif
#endif
