/* SPDX-License-Identifier: MIT */
/* files.c - static files: which file a path means, and with which status and fields it is answered.
 * The bytes are sent by files_send.c. What keeps a client inside of the root is
 * weir_file_open_beneath; the names that are refused here only hide what nobody wants to show. */
#include "http/files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <weir/dir.h>
#include <weir/http_values.h>
#include <weir/wall.h>

#include "base/alloc.h"
#include "base/check.h"
#include "base/options.h"
#include "file/cached.h"
#include "http/accept.h"
#include "http/etag.h"
#include "http/http.h"
#include "http/mime.h"
#include "wire/http1_write.h"

struct weir_http_files {
    struct weir_dir *dir;
    struct weir_http_files_options o;
    unsigned refs; /* the program's, and one for each call that is inside */
    struct http_seen seen[HTTP_SEEN];
    struct weir_http_type types[]; /* the options', ends with {0}; then the texts of all options */
};

/* ---- the root ---- */

static bool is_field(const char *name, const char *value) {
    char line[512];
    int n = snprintf(line, sizeof line, "%s: %s", name, value);
    return n < (int)sizeof line && weir__http1_line_fault(line) == NULL;
}

static int options_check(const struct weir_http_files_options *o) {
    if (o->cache_control != NULL && !is_field("Cache-Control", o->cache_control))
        return weir__failf(-EINVAL, "http files", NULL, "cache_control is no header value");
    for (const struct weir_http_type *t = o->types; t != NULL && t->extension != NULL; t++)
        if (t->type == NULL || !is_field("Content-Type", t->type) || strlen(t->type) > 128)
            return weir__failf(-EINVAL, "http files", t->extension, "the type is no header value");
    return 0;
}

static size_t text_size(const char *text) {
    return text != NULL ? strlen(text) + 1 : 0;
}

static const char *text_keep(char **at, const char *text) {
    size_t size = text_size(text);
    char *kept = *at;
    if (size > 0)
        memcpy(kept, text, size);
    *at += size;
    return size > 0 ? kept : NULL;
}

/* With copies of all that the options point to: an answer that is being sent when the root is
 * closed needs them still. NULL: no memory. */
static struct weir_http_files *files_new(const struct weir_http_files_options *o) {
    const char *index = o->index != NULL ? o->index : "index.html";
    size_t count = 0, size = text_size(index) + text_size(o->cache_control);
    for (; o->types != NULL && o->types[count].extension != NULL; count++)
        size += text_size(o->types[count].extension) + text_size(o->types[count].type);
    struct weir_http_files *files = weir__alloc_zero(
        sizeof *files + (count + 1) * sizeof files->types[0] + size);
    if (files == NULL)
        return NULL;
    char *at = (char *)(files->types + count + 1);
    files->o = *o;
    files->o.index = text_keep(&at, index);
    files->o.cache_control = text_keep(&at, o->cache_control);
    files->o.types = files->types;
    for (size_t i = 0; i < count; i++)
        files->types[i] = (struct weir_http_type){text_keep(&at, o->types[i].extension),
                                                  text_keep(&at, o->types[i].type)};
    files->refs = 1;
    return files;
}

int weir_http_files_open(const char *directory, const struct weir_http_files_options *options,
                         struct weir_http_files **ret_files) {
    struct weir_http_files_options o;
    int rc = weir__suspend_enter("http files");
    if (rc < 0)
        return rc;
    weir__argument_not_null(directory, "weir_http_files_open", "directory");
    WEIR_OPTIONS_COPY(struct weir_http_files_options, as_they_are, &o, options);
    rc = options_check(&o);
    if (rc < 0)
        return rc;
    struct weir_http_files *files = files_new(&o);
    if (files == NULL)
        return weir__fail(-ENOMEM, "http files", directory);
    rc = weir_dir_open(directory, &files->dir);
    if (rc < 0) {
        weir__free(files);
        return rc;
    }
    *ret_files = files;
    return 0;
}

static void unref(struct weir_http_files *files) {
    if (--files->refs > 0)
        return;
    weir_dir_close(&files->dir);
    weir__free(files);
}

void weir_http_files_close(struct weir_http_files **take_files) {
    struct weir_http_files *files = take_files != NULL ? *take_files : NULL;
    if (files == NULL)
        return;
    *take_files = NULL;
    unref(files);
}

/* ---- names ---- */

/* Does a segment name something that may be shown? */
static bool segment_shown(const struct weir_http_files *files, const char *name, size_t len) {
    bool is_dots = (len == 1 || len == 2) && name[0] == '.' && name[len - 1] == '.';
    return len > 0 && len <= NAME_MAX && !is_dots && (name[0] != '.' || files->o.dotfiles) &&
           memchr(name, '\\', len) == NULL &&
           weir__chars_line_end((const uint8_t *)name, 0, len) == len;
}

static bool is_folder(const char *path) {
    size_t len = strlen(path);
    return len == 0 || path[len - 1] == '/';
}

static bool path_shown(const struct weir_http_files *files, const char *path) {
    size_t len = strlen(path);
    for (size_t at = 0; at < len;) {
        size_t n = strcspn(path + at, "/");
        if (!segment_shown(files, path + at, n))
            return false;
        at += n + 1;
    }
    return len < PATH_MAX && !(is_folder(path) && files->o.index[0] == '\0');
}

/* The name of the file that path means, with room for ".gz" behind it. NULL: no memory. */
static char *name_of(const struct weir_http_files *files, const char *path) {
    const char *index = is_folder(path) ? files->o.index : "";
    size_t size = strlen(path) + strlen(index) + sizeof ".gz";
    char *name = weir__alloc(size);
    if (name != NULL)
        snprintf(name, size, "%s%s", path, index);
    return name;
}

static const char *type_of(const struct weir_http_files *files, const char *name) {
    const char *dot = strrchr(name, '.');
    const struct weir_http_type *t = files->o.types;
    for (; dot != NULL && t->extension != NULL; t++)
        if (strcasecmp(dot + 1, t->extension) == 0)
            return t->type;
    return weir__mime_type(name);
}

/* ---- finding ---- */

/* Open a regular file. Returns 0; -EISDIR; -ENOENT also for what is neither. */
static int regular_open(struct weir_http_files *files, const char *name,
                        struct weir_file **ret_file, struct stat *ret_stat) {
    int rc = weir__file_open_stat(files->dir, name, ret_file, ret_stat);
    if (rc < 0 || S_ISREG(ret_stat->st_mode))
        return rc;
    weir_file_close(ret_file);
    return S_ISDIR(ret_stat->st_mode) ? -EISDIR : -ENOENT;
}

static bool means_missing(int rc) {
    return rc == -ENOENT || rc == -ENOTDIR || rc == -ENAMETOOLONG || rc == -ELOOP ||
           rc == -EXDEV || rc == -ENXIO || rc == -ENODEV;
}

/* The file itself, or its sibling in gzip where the client takes that. */
static int find(struct weir_http_files *files, const struct weir_http_request *r,
                struct http_found *f) {
    int rc = -ENOENT;
    f->type = type_of(files, f->name);
    if (!files->o.as_they_are && weir__accept_gzip(&r->head, r->text)) {
        size_t len = strlen(f->name);
        memcpy(f->name + len, ".gz", sizeof ".gz");
        rc = regular_open(files, f->name, &f->file, &f->stat);
        f->name[len] = '\0';
        if (rc == -EISDIR || rc == -EACCES || means_missing(rc))
            rc = -ENOENT;
        f->is_packed = rc == 0;
    }
    return rc == -ENOENT ? regular_open(files, f->name, &f->file, &f->stat) : rc;
}

/* ---- answers without the file ---- */

/* The last segment and a slash, relative to the request's own: no path of a client's can make it
 * lead to another host. */
static int redirect(struct weir_http_request *r) {
    const char *target = r->text + r->head.path.offset;
    size_t path_len = strcspn(target, "?"), from = path_len;
    while (from > 0 && target[from - 1] != '/')
        from--;
    size_t size = strlen(target) + 32;
    char *line = weir__alloc(size);
    if (line == NULL)
        return weir__fail(-ENOMEM, "http file", NULL);
    snprintf(line, size, "Location: ./%.*s/%s", (int)(path_len - from), target + from,
             target + path_len);
    const char *const headers[] = {line, NULL};
    int rc = weir_http_reply_with(r, &(struct weir_http_answer){
        .size = sizeof(struct weir_http_answer), .status = 301, .headers = headers});
    weir__free(line);
    return rc;
}

static int refuse_method(struct weir_http_request *r) {
    static const char *const headers[] = {"Allow: GET, HEAD, OPTIONS", NULL};
    bool asks = strcmp(weir_http_method(r), "OPTIONS") == 0;
    return weir_http_reply_with(r, &(struct weir_http_answer){
        .size = sizeof(struct weir_http_answer), .status = asks ? 204 : 405, .headers = headers});
}

/* What the error of opening means to the client; what is our own trouble is returned. */
static int answer_error(struct weir_http_request *r, int rc) {
    if (rc == -EISDIR)
        return redirect(r);
    if (means_missing(rc))
        return weir_http_reply(r, 404, NULL);
    return rc == -EACCES || rc == -EPERM ? weir_http_reply(r, 403, NULL) : rc;
}

/* ---- the file's answer ---- */

static int64_t modified_of(const struct http_found *f) {
    int64_t now = weir_wall_now() / WEIR_SECONDS(1), at = f->stat.st_mtim.tv_sec;
    return at < now ? at : now; /* RFC 9110 8.8.2.1: never later than Date */
}

/* Of a file that was written within the last second the tag is weak: another write may leave time
 * and size as they are. */
static void etag_write(const struct http_found *f, char tag[static HTTP_ETAG]) {
    int64_t written = (int64_t)f->stat.st_mtim.tv_sec * WEIR_SECONDS(1) + f->stat.st_mtim.tv_nsec;
    bool is_fresh = weir_wall_now() - written < WEIR_SECONDS(1);
    snprintf(tag, HTTP_ETAG, "%s\"%llx-%llx%s\"", is_fresh ? "W/" : "", (unsigned long long)written,
             (unsigned long long)f->stat.st_size, f->is_packed ? "-gz" : "");
}

static int answer_file(struct weir_http_files *files, struct weir_http_request *r,
                  struct http_found *f) {
    char tag[HTTP_ETAG];
    int64_t now = weir_wall_now() / WEIR_SECONDS(1);
    etag_write(f, tag);
    struct weir__validators is = {.etag = tag, .modified = modified_of(f), .has_modified = true};
    int status = weir__condition(&r->head, r->text, weir_http_method(r), &is, now);
    f->cache_control = files->o.cache_control;
    f->varies = !files->o.as_they_are;
    f->etag = tag;
    f->modified = is.modified;
    if (status != 0)
        return weir__files_answer(r, f, status, NULL);
    struct weir__ranges ranges = {0};
    int i = weir__http1_find(&r->head, r->text, "Range", 0);
    status = 200;
    if (i >= 0 && strcmp(weir_http_method(r), "GET") == 0 &&
        weir__http1_find(&r->head, r->text, "Range", i + 1) < 0 &&
        weir__condition_range(&r->head, r->text, &is, now)) {
        struct weir__slice value = r->head.headers[i].value;
        status = weir__ranges_parse(r->text + value.offset, value.len, f->stat.st_size, &ranges);
    }
    return weir__files_answer(r, f, status, &ranges);
}

static int serve(struct weir_http_request *r, struct weir_http_files *files, const char *path) {
    struct http_found f = {.seen = files->seen};
    const char *method = weir_http_method(r);
    if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
        return refuse_method(r);
    if (!path_shown(files, path))
        return weir_http_reply(r, 404, NULL);
    f.name = name_of(files, path);
    if (f.name == NULL)
        return weir__fail(-ENOMEM, "http file", NULL);
    int rc = find(files, r, &f);
    rc = rc < 0 ? answer_error(r, rc) : answer_file(files, r, &f);
    weir_file_close(&f.file);
    weir__free(f.name);
    return rc;
}

int weir_http_file(struct weir_http_request *r, struct weir_http_files *files, const char *path) {
    int rc = weir__suspend_enter("http file");
    if (rc < 0)
        return rc;
    (void)weir__http_request_of(r, "weir_http_file");
    weir__argument_not_null(files, "weir_http_file", "files");
    weir__argument_not_null(path, "weir_http_file", "path");
    files->refs++;
    rc = serve(r, files, path);
    unref(files);
    return rc;
}

int weir_http_files_handler(struct weir_http_request *r) {
    int rc = weir__suspend_enter("http file");
    if (rc < 0)
        return rc;
    const char *path = weir_http_param(r, "path");
    if (path == NULL || weir_http_arg(r) == NULL)
        WEIR_BUG("weir_http_files_handler: its route has no parameter path, or no files as arg");
    return weir_http_file(r, weir_http_arg(r), path);
}
