/* SPDX-License-Identifier: MIT */
/* disk.h - the file system of a simulated world: folders, files, symbolic and hard links, in
 * memory. disk.c has names, contents and permissions; verb.c makes the calls on them. There is one
 * user, who owns every node: of a mode only the owner's bits count. The current folder is "/", in
 * which there is an empty "tmp" at first. Files have holes; what is stored counts by whole pages
 * against disk_size. */
#ifndef WEIR_SIM_DISK_H
#define WEIR_SIM_DISK_H

#include <sys/stat.h>

#include "sim/sim.h"
#include "sys/verb.h"

enum { SIM_PAGE = 4096, SIM_FILE_BASE = 1 << 29 /* descriptors of files start here */ };

/* No file is larger: the limit of ext4. Offsets up to it can be added without overflow. */
#define SIM_SIZE_MAX (INT64_C(1) << 44)

struct sim_page {
    int64_t index; /* of the page in its file */
    uint8_t *bytes;
};

struct sim_entry { /* in the order of making */
    char *name;
    struct sim_node *node;
    uint64_t number; /* counts all that were made in the folder: a list goes on behind one */
};

struct sim_node {
    mode_t mode; /* S_IFREG, S_IFDIR or S_IFLNK, and the permissions */
    unsigned links, opens;
    uint64_t inode, numbers;
    weir_ns changed_ns, written_ns; /* by the wall clock */
    int64_t size;
    struct sim_page *pages; /* sorted by index; what is missing is zero */
    size_t page_count, page_cap;
    struct sim_entry *names; /* of a folder */
    size_t name_count, name_cap;
    struct sim_node *parent; /* of a folder; the root's is the root */
    char *target;            /* of a symbolic link */
};

struct sim_open {
    struct sim_node *node; /* NULL: a free descriptor */
    int flags;
    int64_t at;
    uint64_t listed; /* a folder: the number of the last name that was listed */
};

struct sim_disk {
    struct sim_node *root;
    struct sim_open *opens;
    size_t open_cap;
    uint64_t inodes;
    size_t pages; /* stored, of all files */
};

/* A name: where it is, or would be. */
struct sim_spot {
    struct sim_node *folder; /* NULL: the path ends in "/", "." or "..": a folder itself */
    struct sim_node *node;   /* NULL: there is none of this name */
    bool slash;              /* the path ends with a slash: it must be a folder */
    char name[256];
};

struct sim_disk *weir__sim_disk(struct sim_world *w); /* made when first asked for */
void weir__sim_disk_free(struct sim_world *w);

/* Find a path. follow: the last part too, if it is a symbolic link. Returns 0, also if only the
 * last part is missing, or -ENOENT, -ENOTDIR, -EACCES, -ELOOP, -ENAMETOOLONG. */
int weir__sim_find(struct sim_world *w, const char *path, bool follow, struct sim_spot *ret_spot);
/* The same from the folder floor, which the path must not leave (-EXDEV); NULL: none. */
int weir__sim_find_beneath(struct sim_world *w, struct sim_node *floor, const char *path,
                           bool follow, struct sim_spot *ret_spot);
/* Add a name to a folder, or take it away; the links of node are counted. Returns 0, or -EACCES. */
int weir__sim_name_add(struct sim_world *w, const struct sim_spot *spot, struct sim_node *node);
int weir__sim_name_remove(struct sim_world *w, const struct sim_spot *spot);

struct sim_node *weir__sim_node_new(struct sim_world *w, mode_t mode);
/* Free it if it has neither a name nor a descriptor. */
void weir__sim_node_drop(struct sim_world *w, struct sim_node *node);

/* Bytes of a file. put stores as much as the disk has room for, and a file may have; -ENOSPC,
 * -EFBIG: nothing; -EINVAL: at and len are no place at all. */
int64_t weir__sim_bytes_get(const struct sim_node *n, int64_t at, void *to, size_t len);
int64_t weir__sim_bytes_put(struct sim_world *w, struct sim_node *n, int64_t at, const void *from,
                            size_t len);
/* Store len bytes, which need not be written yet. Returns 0; -ENOSPC, -EFBIG: nothing is stored. */
int weir__sim_bytes_reserve(struct sim_world *w, struct sim_node *n, int64_t at, int64_t len);
/* size is at most SIM_SIZE_MAX. */
void weir__sim_bytes_cut(struct sim_world *w, struct sim_node *n, int64_t size);

/* The open file of a descriptor; NULL: it is none. */
struct sim_open *weir__sim_open_file(const struct sim_world *w, int fd);

/* verb.c: is the call done when it is submitted? Of reads and writes that is chosen, as their bytes
 * may be in the kernel's memory. */
bool weir__sim_call_is_instant(struct sim_world *w, const struct weir__call *c);
/* Make the call. */
int64_t weir__sim_call(struct sim_world *w, struct weir__call *c);

#endif
