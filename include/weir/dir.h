/* SPDX-License-Identifier: MIT */
/* dir.h - calls on paths, and the names in folders. What weir/file.h says of blocking, cancels,
 * simulations and threads holds here too: a call that returns -ECANCELED or -ETIME has changed
 * nothing, except as its contract says.
 *
 * Each call can also return -ENOENT, -ENOTDIR, -EACCES, -EPERM, -ELOOP, -ENAMETOOLONG, -EROFS,
 * -EIO, -EAGAIN (no helper thread), -ENOMEM, -ECANCELED, -ETIME and WEIR_ENOLOOP. The text of the
 * error (weir_error) names the path. */
#ifndef WEIR_DIR_H
#define WEIR_DIR_H

#include <stdbool.h>
#include <sys/stat.h>
#include <weir/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Give a file or folder another name, as rename(2): what had that name is replaced in one step.
 * Returns 0; -EXDEV (another file system), -ENOTEMPTY, -EEXIST, -EISDIR, -EINVAL (a folder into
 * itself), -EBUSY, ... */
WEIR_SUSPENDS int weir_rename(const char *from, const char *to);

/* Remove a name that is no folder's. The file goes with its last name and descriptor.
 * Returns 0; -EISDIR, -EBUSY, ... */
WEIR_SUSPENDS int weir_unlink(const char *path);

/* Make a folder; mode is cut by the umask.
 * Returns 0; -EEXIST, -ENOSPC, ... */
WEIR_SUSPENDS int weir_mkdir(const char *path, unsigned mode);

/* Remove an empty folder.
 * Returns 0; -ENOTEMPTY, -EBUSY, ... */
WEIR_SUSPENDS int weir_rmdir(const char *path);

/* What stat(2) tells of a path; weir_lstat: of a symbolic link itself.
 * Returns 0; an error leaves *ret_stat untouched. */
WEIR_SUSPENDS int weir_stat(const char *path, struct stat *ret_stat);
WEIR_SUSPENDS int weir_lstat(const char *path, struct stat *ret_stat);

/* Give a file one more name, a hard link.
 * Returns 0; -EEXIST, -EXDEV, -EMLINK, ... */
WEIR_SUSPENDS int weir_link(const char *path, const char *new_path);

/* Make a symbolic link at new_path that contains target.
 * Returns 0; -EEXIST, ... */
WEIR_SUSPENDS int weir_symlink(const char *target, const char *new_path);

/* Read what a symbolic link contains, and put a NUL behind it.
 * Returns the length without the NUL; -EINVAL (it is no symbolic link), WEIR_ETOOBIG (it does not
 * fit into size bytes), ... On error buf has no meaning. buf is borrowed until return. */
WEIR_SUSPENDS ssize_t weir_readlink(const char *path, char *buf, size_t size);

/* Set the size of a file: cut it, or add a hole.
 * Returns 0; -EISDIR, -EINVAL (size < 0), -EFBIG, -ETXTBSY, ... */
WEIR_SUSPENDS int weir_truncate(const char *path, int64_t size);

/* Set the permissions of a file or folder.
 * Returns 0; ... */
WEIR_SUSPENDS int weir_chmod(const char *path, unsigned mode);

/* Ask what the real user of the process may do, as access(2): mode is F_OK, or R_OK, W_OK and X_OK.
 * Returns 0; -EACCES, ... */
WEIR_SUSPENDS int weir_access(const char *path, int mode);

/* Make a new folder with a name that no other has, for this user only (0700). folder: where; NULL:
 * in $TMPDIR, else /tmp. The caller must free *ret_path by free(3), and remove the folder.
 * Returns 0; -EEXIST (a hundred names were taken), -ENOSPC, ... On error *ret_path is untouched. */
WEIR_SUSPENDS int weir_temp_dir(const char *folder, char **ret_path);

/* ---- the names in a folder ------------------------------------------------------------------- */

struct weir_dir; /* an open folder, of one loop */

/* One name in a folder. */
struct weir_dir_entry {
    const char *name;    /* lent until the next call on the folder */
    unsigned char type;  /* DT_REG, DT_DIR, DT_LNK, ... of <dirent.h>; DT_UNKNOWN: ask weir_lstat */
    uint64_t inode;
};

/* Open a folder, to read the names in it. The caller must close *ret_dir.
 * Returns 0; -ENOTDIR, -EMFILE, ... On error nothing stays open, and *ret_dir is untouched. */
WEIR_SUSPENDS int weir_dir_open(const char *path, struct weir_dir **ret_dir);

/* Read the next name; "." and ".." are left out. The kernel gives names in no order, and many at
 * once: most calls do not wait. Names that are made or removed meanwhile may appear or not.
 * Returns 1; 0 (no more names); an error. On error or cancel no name is lost: the next call goes
 * on. One task at a time. */
WEIR_SUSPENDS int weir_dir_next(struct weir_dir *d, struct weir_dir_entry *ret_entry);

/* Close a folder; *take_dir becomes NULL. No task may be in weir_dir_next. NULL and *NULL are fine.
 * Never suspends, never fails. */
WEIR_API void weir_dir_close(struct weir_dir **take_dir);

#ifdef __cplusplus
}
#endif
#endif
