/* SPDX-License-Identifier: MIT */
/* file.h - what the files of this room share: an open file, and how a task waits for a call on
 * files. Not for other rooms. */
#ifndef WEIR_FILE_FILE_H
#define WEIR_FILE_FILE_H

#include <weir/dir.h>
#include <weir/file.h>
#include <weir/inotify.h>
#include <weir/stream.h>

#include "base/check.h"
#include "sys/verb.h"
#include "task/task.h"
#include "task/waitq.h"

/* What one call moves: a cancel waits for no more than this, and the loop copies no more at
 * once. */
enum { WEIR__FILE_PIECE = 256 << 10 };

/* Of a descriptor without positions the stream owns the descriptor and does the reads and writes;
 * the calls that are no reads and writes use fd. */
struct weir_file {
    struct weir__loop *loop;
    struct weir_stream *stream; /* NULL: it has positions */
    int fd;
    unsigned users; /* tasks inside a call: the descriptor is closed when the last has left */
    bool closed, never_waits, syncs, writes;
    bool moves;                 /* a call that uses the position is under way */
    struct weir__waitq moving;  /* tasks that want the position */
    struct weir__op op; /* the close */
    struct weir__call call;
    char path[]; /* "fd 7" if it was made of a descriptor */
};

/* f is in use until weir__file_leave. call has passed the cancel point. */
void weir__file_enter(struct weir_file *f, const char *call);
/* The call has the result rc: write the error's record, which counts `done`, and let go of f.
 * Returns rc. */
int64_t weir__file_leave(struct weir_file *f, int64_t rc, const char *what, size_t done);

/* Make a call and wait for it. on: the object of what. No cancel point. */
int64_t weir__file_call(struct weir__call *c, const struct weir__what *what, const void *on);
/* The same, for clean-up: no cancel cuts it short. */
int64_t weir__file_call_uncut(struct weir__call *c, const struct weir__what *what,
                              const void *on);

/* Read or write a piece, at an offset or WEIR__AT_POSITION. f is in use. Returns the call's
 * result. */
int64_t weir__file_move(struct weir_file *f, enum weir__verb verb, void *base, size_t len,
                        int64_t at);
/* The call that does so. */
struct weir__call weir__file_piece(const struct weir_file *f, enum weir__verb verb, void *base,
                                   size_t len, int64_t at);
/* Without a task: true if w has the position of f; else it is granted later. It is given back by
 * weir__file_position_give. */
bool weir__file_position_try(struct weir_file *f, struct weir__waiter *w);
void weir__file_position_give(struct weir_file *f);

/* Read or write until all is done, or the end. *ret_done counts. Returns 0 or an error. */
int weir__file_move_all(struct weir_file *f, enum weir__verb verb, void *base, size_t len,
                        int64_t at, size_t *ret_done);
/* May a call on f go on with its next piece? Returns 0 or the error. */
int weir__file_goes_on(const struct weir_file *f);

/* As weir_file_open, but no cancel point, and an error has no record. */
int weir__file_open(const char *path, int flags, unsigned mode, struct weir_file **ret_file);

/* The same with a call OPEN of the caller's. */
int weir__file_open_by(struct weir__call *c, struct weir_file **ret_file);

/* Close a file that was not given to the user, or is the user's no more; NULL is fine. */
void weir__file_drop(struct weir_file **take_file);
/* *ret_file is the user's from now on. pc: the return address of the public call. */
void weir__file_give(struct weir_file *f, const void *pc, struct weir_file **ret_file);

/* Remove a name for clean-up. */
int weir__file_remove(const char *path);

/* path.c: as statx tells it, as stat tells it. */
void weir__stat_from(const struct statx *x, struct stat *ret_stat);

extern const struct weir__what weir__opens, weir__file_reads, weir__file_writes;

#endif
