/* SPDX-License-Identifier: MIT */
/* files.h - a file that was found, between files.c, which says how it is answered, and
 * files_send.c, which sends it. Not for other files. */
#ifndef WEIR_HTTP_FILES_H
#define WEIR_HTTP_FILES_H

#include <sys/stat.h>
#include <weir/file.h>
#include <weir/http_file.h>

#include "http/range.h"

enum { HTTP_ETAG = 64, HTTP_SEEN = 64 };

/* A file that lay in memory, and until when that is believed. */
struct http_seen {
    dev_t device;
    ino_t inode;
    weir_ns until;
};

struct http_found {
    struct weir_file *file;
    struct stat stat;
    char *name;
    const char *type, *etag, *cache_control; /* cache_control may be NULL */
    int64_t modified;
    struct http_seen *seen; /* HTTP_SEEN of them, the root's */
    bool is_packed; /* it is the sibling in gzip */
    bool varies;    /* another client might get the other one */
};

/* Answer with the fields of the file and, for 200 and 206, its bytes. ranges: of 206; else may be
 * NULL. Suspends. */
int weir__files_answer(struct weir_http_request *r, struct http_found *f, int status,
                       const struct weir__ranges *ranges);

#endif
