/* SPDX-License-Identifier: MIT */
/* form.c - forms, part by part. Bytes of the body lie in a buffer of 16 KiB until they are used;
 * multipart.h finds parts in it. A pair of an urlencoded form is kept whole and is a part too,
 * whose value is "read" from memory. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weir/dir.h>
#include <weir/file.h>
#include <weir/http_form.h>
#include <weir/loop.h>

#include "base/alloc.h"
#include "base/check.h"
#include "base/options.h"
#include "http/http.h"
#include "http/multipart.h"
#include "http/target.h"

enum {
    BUFFER = 16 << 10,
    HEAD_MAX = 8 << 10, /* and the delimiter before it: they fit into the buffer */
    PARTS_MAX = 1000,
    FIELD_MAX = 64 << 10,
    SAVE_TRIES = 100,
};

enum where { BETWEEN, INSIDE, OVER };

struct http_bytes {
    char *bytes;
    size_t len, size;
};

struct weir_http_form {
    struct weir_http_request *r;
    struct weir_http_form_options o;
    bool is_pairs, ended; /* ended: the body has no more bytes */
    uint8_t where;        /* enum where: of the current part */
    int16_t failed;       /* it stays */
    size_t parts;
    struct weir__multipart multipart;
    struct http_bytes text;  /* the current part's names; a pair decoded */
    struct http_bytes value; /* what weir_http_part_text has read; a pair as it came */
    const char *data;     /* of the current part, in buf; of a pair: its value, in text */
    size_t data_len;
    size_t from, len;     /* of buf: used, and all */
    char buf[BUFFER];
};

/* ---- open and close ---- */

static const char *content_type(const struct weir_http_request *r) {
    const char *type = weir_http_header(r, "Content-Type");
    return type != NULL ? type : "";
}

/* "application/x-www-form-urlencoded", perhaps with parameters. */
static bool means_pairs(const char *type) {
    static const char pairs[] = "application/x-www-form-urlencoded";
    size_t len = strcspn(type, "; \t");
    return weir__chars_equal(type, len, pairs);
}

static void fill(struct weir_http_form_options *o) {
    o->parts_max = o->parts_max != 0 ? o->parts_max : PARTS_MAX;
    o->head_max = o->head_max != 0 && o->head_max < HEAD_MAX ? o->head_max : HEAD_MAX;
    o->field_max = o->field_max != 0 ? o->field_max : FIELD_MAX;
    o->file_max = o->file_max != 0 ? o->file_max : UINT64_MAX;
}

int weir_http_form_open(struct weir_http_request *r, const struct weir_http_form_options *options,
                        struct weir_http_form **ret_form) {
    struct http_request *own = weir__http_request_of(r, "weir_http_form_open");
    const char *type = content_type(r);
    if (own->was_read || own->whole_len > 0)
        return weir__failf(-EALREADY, "http form", NULL, "a part of the body was read already");
    struct weir_http_form *f = weir__alloc(sizeof *f);
    if (f == NULL)
        return weir__fail(-ENOMEM, "http form", NULL);
    memset(f, 0, offsetof(struct weir_http_form, buf));
    f->r = r;
    WEIR_OPTIONS_COPY(struct weir_http_form_options, file_max, &f->o, options);
    fill(&f->o);
    f->is_pairs = means_pairs(type);
    if (!f->is_pairs && weir__multipart_init(&f->multipart, type, strlen(type),
                                             (uint32_t)f->o.head_max) < 0) {
        int rc = weir__failf(WEIR_EPROTO, "http form", NULL, "%s", f->multipart.why);
        weir__free(f);
        return rc;
    }
    *ret_form = f;
    return 0;
}

void weir_http_form_close(struct weir_http_form **take_form) {
    struct weir_http_form *f = take_form != NULL ? *take_form : NULL;
    if (f == NULL)
        return;
    *take_form = NULL;
    weir__free(f->text.bytes);
    weir__free(f->value.bytes);
    weir__free(f);
}

/* ---- bytes of the body ---- */

static int failed(struct weir_http_form *f, int rc, const char *why) {
    f->failed = WEIR_SMALL_CODE(rc);
    return weir__failf(rc, "http form", weir_http_peer(f->r), "%s", why);
}

static bool passes(int rc) { /* trouble of the caller's: the form can be read on */
    return rc == -ECANCELED || rc == -ETIME || rc == -ENOMEM || rc == WEIR_ESTOPPED;
}

/* Bring more bytes behind what is unused. Returns the count; 0 at the end of the body. */
static int refill(struct weir_http_form *f) {
    memmove(f->buf, f->buf + f->from, f->len - f->from);
    f->len -= f->from;
    f->from = 0;
    WEIR_CHECK(f->len < sizeof f->buf);
    ssize_t n = weir_http_read(f->r, f->buf + f->len, sizeof f->buf - f->len);
    if (n < 0 && !passes((int)n))
        f->failed = WEIR_SMALL_CODE(n);
    f->len += n > 0 ? (size_t)n : 0;
    f->ended = n == 0;
    return (int)n;
}

static bool reserve(struct http_bytes *b, size_t size) {
    size_t next = b->size * 2 > size ? b->size * 2 : size;
    char *bytes = size <= b->size ? b->bytes : weir__realloc(b->bytes, next);
    if (bytes == NULL)
        return false;
    b->size = size <= b->size ? b->size : next;
    b->bytes = bytes;
    return true;
}

/* Append, with a NUL that len does not count. Returns 0; -ENOMEM: as before; WEIR_ETOOBIG. */
static int append(struct weir_http_form *f, struct http_bytes *b, const char *bytes, size_t len) {
    if (b->len + len > f->o.field_max)
        return failed(f, WEIR_ETOOBIG, "a field of the form is too large");
    if (!reserve(b, b->len + len + 1))
        return weir__fail(-ENOMEM, "http form", NULL);
    memcpy(b->bytes + b->len, bytes, len);
    b->len += len;
    b->bytes[b->len] = '\0';
    return 0;
}

/* ---- multipart ---- */

/* The texts of a part lie in the buffer, which moves: keep them. */
static int keep_names(struct weir_http_form *f, const struct weir__multipart_event *e,
                      struct weir_http_part *ret) {
    const char *source[] = {e->name, e->filename, e->type};
    const char **target[] = {&ret->name, &ret->filename, &ret->type};
    size_t size = 0, at = 0;
    for (int i = 0; i < 3; i++)
        size += source[i] != NULL ? strlen(source[i]) + 1 : 0;
    if (!reserve(&f->text, size))
        return failed(f, -ENOMEM, "out of memory"); /* the head is used: it cannot come again */
    for (int i = 0; i < 3; i++) {
        *target[i] = source[i] != NULL ? f->text.bytes + at : NULL;
        if (source[i] != NULL)
            at += strlen(strcpy(f->text.bytes + at, source[i])) + 1;
    }
    return 0;
}

/* The next event of a multipart form. Returns its kind, END too when the form is over, or an
 * error. */
static int event(struct weir_http_form *f, struct weir__multipart_event *ret) {
    for (;;) {
        int kind = weir__multipart_next(&f->multipart, f->buf + f->from, f->len - f->from, ret);
        f->from += ret->used;
        if (kind < 0)
            return failed(f, kind, f->multipart.why);
        if (kind != WEIR__MULTIPART_MORE)
            return kind;
        int n = f->ended ? 0 : refill(f);
        if (n <= 0)
            return n < 0 ? n : failed(f, WEIR_EEOF, "the body ended within the form");
    }
}

/* Throw away what follows the form, so that the connection can go on. */
static int finish(struct weir_http_form *f) {
    int n = 1;
    while (!f->ended && n > 0) {
        f->from = f->len = 0;
        n = refill(f);
    }
    f->where = n < 0 ? f->where : OVER;
    return n < 0 ? n : 0;
}

static int next_multipart(struct weir_http_form *f, struct weir_http_part *ret) {
    struct weir__multipart_event e;
    int kind;
    while ((kind = event(f, &e)) > 0 && kind != WEIR__MULTIPART_END) {
        if (kind == WEIR__MULTIPART_PART_END)
            f->where = BETWEEN; /* a cancel may end this call before the next part begins */
        if (kind != WEIR__MULTIPART_PART)
            continue;
        if (++f->parts > f->o.parts_max)
            return failed(f, WEIR_ETOOBIG, "the form has too many parts");
        f->data_len = 0;
        f->where = INSIDE;
        int rc = keep_names(f, &e, ret);
        return rc < 0 ? rc : 1;
    }
    return kind < 0 ? kind : finish(f);
}

/* Bytes of the current part. Returns 1 with data, 0 at its end, or an error. */
static int data_multipart(struct weir_http_form *f) {
    struct weir__multipart_event e;
    int kind = event(f, &e);
    if (kind == WEIR__MULTIPART_PART_END)
        f->where = BETWEEN;
    if (kind != WEIR__MULTIPART_DATA)
        return kind < 0 ? kind : 0;
    f->data = e.data;
    f->data_len = e.len;
    return 1;
}

/* ---- pairs ---- */

/* Gather the next pair that is not empty. Returns 1; 0: there is none. */
static int gather_pair(struct weir_http_form *f) {
    for (;;) {
        const char *from = f->buf + f->from;
        size_t left = f->len - f->from;
        const char *separator = memchr(from, '&', left);
        size_t n = separator != NULL ? (size_t)(separator - from) : left;
        int rc = append(f, &f->value, from, n);
        if (rc < 0)
            return rc;
        f->from += n + (separator != NULL);
        if (separator == NULL && !f->ended) {
            if ((rc = refill(f)) < 0)
                return rc;
        } else if (separator == NULL || f->value.len > 0) {
            return f->value.len > 0;
        }
    }
}

static int next_pair(struct weir_http_form *f, struct weir_http_part *ret) {
    struct weir__pair pair;
    size_t at = 0, used = 0, room;
    int rc = gather_pair(f);
    if (rc <= 0) {
        f->where = rc == 0 ? OVER : f->where;
        return rc;
    }
    room = WEIR__PAIRS_ROOM(f->value.len);
    if (!reserve(&f->text, room))
        return failed(f, -ENOMEM, "out of memory");
    if (++f->parts > f->o.parts_max)
        return failed(f, WEIR_ETOOBIG, "the form has too many parts");
    (void)weir__pair_next(f->value.bytes, f->value.len, &at, f->text.bytes, &used, &pair);
    f->value.len = 0; /* the next one is gathered there */
    if (memchr(pair.name, '\0', pair.name_len) != NULL)
        return failed(f, WEIR_EPROTO, "a name in the form has a NUL");
    *ret = (struct weir_http_part){.name = pair.name};
    f->data = pair.value;
    f->data_len = pair.value_len;
    f->where = INSIDE;
    return 1;
}

/* ---- the calls ---- */

static int enter(struct weir_http_form *f, const char *call) {
    int rc = weir__suspend_enter("http form");
    if (rc < 0)
        return rc;
    weir__argument_not_null(f, call, "form");
    if (f->failed != 0)
        return weir__failf(f->failed, "http form", NULL, "the form could not be read before");
    return 0;
}

int weir_http_form_next(struct weir_http_form *f, struct weir_http_part *ret_part) {
    int rc = enter(f, "weir_http_form_next");
    if (rc < 0 || f->where == OVER)
        return rc;
    f->data_len = 0;
    f->value.len = f->is_pairs ? f->value.len : 0;
    return f->is_pairs ? next_pair(f, ret_part) : next_multipart(f, ret_part);
}

/* Make sure that there is data of the current part. Returns 1, 0 at its end, or an error. */
static int data_next(struct weir_http_form *f) {
    if (f->data_len > 0)
        return 1;
    if (f->is_pairs)
        f->where = f->where == INSIDE ? BETWEEN : f->where;
    return f->where == INSIDE ? data_multipart(f) : 0;
}

ssize_t weir_http_part_read(struct weir_http_form *f, void *buf, size_t len) {
    int rc = enter(f, "weir_http_part_read");
    if (rc < 0 || len == 0 || (rc = data_next(f)) <= 0)
        return rc;
    size_t n = f->data_len < len ? f->data_len : len;
    memcpy(buf, f->data, n);
    f->data += n;
    f->data_len -= n;
    return (ssize_t)n;
}

int weir_http_part_text(struct weir_http_form *f, struct weir_view *ret_view) {
    int rc = enter(f, "weir_http_part_text");
    if (rc < 0)
        return rc;
    if (f->is_pairs) { /* it lies there whole, a NUL behind it */
        *ret_view = (struct weir_view){f->data != NULL ? f->data : "", f->data_len};
        return 0;
    }
    while ((rc = data_next(f)) > 0 && (rc = append(f, &f->value, f->data, f->data_len)) == 0)
        f->data_len = 0;
    if (rc == 0)
        rc = append(f, &f->value, "", 0); /* the NUL, also of nothing */
    if (rc == 0)
        *ret_view = (struct weir_view){f->value.bytes, f->value.len};
    return rc;
}

/* ---- files ---- */

/* A new file with a name of ours; *ret_path is its path. */
static int save_open(const char *directory, struct weir_file **ret_file, char **ret_path) {
    size_t size = strlen(directory) + sizeof "/.weir-form-0123456789abcdef";
    char *path = weir__alloc(size);
    int rc = path != NULL ? -EEXIST : weir__fail(-ENOMEM, "http form", NULL);
    for (int tries = 0; rc == -EEXIST && tries < SAVE_TRIES; tries++) {
        snprintf(path, size, "%s/.weir-form-%016llx", directory,
                 (unsigned long long)weir_random());
        rc = weir_file_open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600, ret_file);
    }
    if (rc == 0)
        *ret_path = path;
    else
        weir__free(path);
    return rc;
}

static int save_bytes(struct weir_http_form *f, struct weir_file *file) {
    uint64_t sum = 0;
    int rc;
    while ((rc = data_next(f)) > 0) {
        sum += f->data_len;
        if (sum > f->o.file_max)
            return failed(f, WEIR_ETOOBIG, "a file of the form is too large");
        rc = weir_file_write(file, f->data, f->data_len);
        if (rc < 0)
            return rc;
        f->data_len = 0;
    }
    return rc;
}

static void remove_uncut(const char *path) {
    struct weir_scope shield;
    struct weir_error why;
    weir__error_keep(&why);
    weir_shield_enter(&shield, WEIR_SECONDS(10));
    (void)weir_unlink(path);
    weir_scope_leave(&shield, 0);
    weir__error_restore(&why);
}

int weir_http_part_save(struct weir_http_form *f, const char *directory, char **ret_path) {
    struct weir_file *file = NULL;
    char *path = NULL;
    int rc = enter(f, "weir_http_part_save");
    if (rc < 0)
        return rc;
    weir__argument_not_null(directory, "weir_http_part_save", "directory");
    rc = save_open(directory, &file, &path);
    if (rc < 0)
        return rc;
    rc = save_bytes(f, file);
    weir_file_close(&file);
    if (rc < 0) {
        remove_uncut(path);
        weir__free(path);
        return rc;
    }
    *ret_path = weir__alloc_given(path);
    return 0;
}

/* ---- refusals ---- */

int weir_http_form_refuse(struct weir_http_request *r, int rc) {
    struct http_request *own = weir__http_request_of(r, "weir_http_form_refuse");
    bool is_form = means_pairs(content_type(r)) ||
                   strncasecmp(content_type(r), "multipart/form-data", 19) == 0;
    int status = own->refusal != 0      ? own->refusal
                 : rc == WEIR_ETOOBIG   ? 413
                 : rc == WEIR_EEOF      ? 400
                 : rc != WEIR_EPROTO    ? 0
                 : is_form              ? 400
                                        : 415;
    return status != 0 ? weir_http_reply(r, status, NULL) : rc;
}
