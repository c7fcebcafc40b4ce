/* SPDX-License-Identifier: MIT */
/* http_file.h - static files for an HTTP server, in the library weir-http.
 *
 * A struct weir_http_files is a directory, the root, that was opened once. Whatever a client asks
 * for, no file outside of it is opened: not by "..", however it is escaped, not by a symbolic link,
 * and not if another process changes the tree meanwhile (see weir_file_open_beneath). Loop thread
 * only. */
#ifndef WEIR_HTTP_FILE_H
#define WEIR_HTTP_FILE_H

#include <weir/http_server.h>

#ifdef __cplusplus
extern "C" {
#endif

struct weir_http_files; /* a directory whose files are served, of one loop */

/* The Content-Type of files with an extension; it is written without the dot: "wasm". */
struct weir_http_type {
    const char *extension, *type;
};

struct weir_http_files_options {
    size_t size;               /* sizeof (struct weir_http_files_options) */
    const char *index;         /* the file in a directory that is sent for it; NULL: "index.html";
                                * "": none, a directory is 404 */
    const char *cache_control; /* the value of Cache-Control; NULL: no such header */
    const struct weir_http_type *types; /* looked up before the library's own; ends with {0}; NULL:
                                         * none */
    bool dotfiles;             /* serve also names that begin with a dot (".well-known", ".git") */
    bool as_they_are;          /* do not send the file "x.js.gz" for "x.js" */
};

/* Open the directory whose files are served. options may be NULL; they are copied, with all that
 * they point to. The caller must close *ret_files.
 * Returns 0; -ENOENT, -ENOTDIR, -EACCES, -EINVAL (cache_control or a type is no header value),
 * -EMFILE, -EAGAIN (no helper thread), -ENOMEM, -ECANCELED, -ETIME, WEIR_ENOLOOP. On error or
 * cancel *ret_files is untouched. */
WEIR_SUSPENDS int weir_http_files_open(const char *directory,
                                       const struct weir_http_files_options *options,
                                       struct weir_http_files **ret_files);

/* Close it; *take_files becomes NULL. Answers that are being sent go on. NULL and *NULL are fine.
 * Never suspends, never fails. */
WEIR_API void weir_http_files_close(struct weir_http_files **take_files);

/* Answer a request with a file below the root. path is relative to the root and decoded, as the
 * value of {path...} in a route; a directory is "" or ends with "/".
 * GET and HEAD only. The answer has Content-Type, Last-Modified and an ETag. It heeds conditional
 * requests, Range and If-Range (one range, or up to 16 in multipart/byteranges). If the client
 * accepts gzip and there is a file "PATH.gz", that is sent. A name that is refused, and anything
 * but a regular file, is 404; a directory without the "/" at its end is redirected (301). If the
 * file shrinks while it is sent, the connection is broken, so that the client sees that it is not
 * whole; what is appended meanwhile is not sent.
 * Returns 0: the request is answered, perhaps by 304, 403, 404, 405, 412 or 416; -EALREADY,
 * WEIR_EEOF (the file has shrunk), -EIO, -ENOMEM, -EMFILE, -EAGAIN (no helper thread), -EPIPE,
 * -ECONNRESET, -ETIMEDOUT (the client takes nothing), -ECANCELED, -ETIME, WEIR_ENOLOOP: return it
 * from the handler. */
WEIR_SUSPENDS int weir_http_file(struct weir_http_request *r, struct weir_http_files *files,
                                 const char *path);

/* A handler for a route such as {"GET", "/static/{path...}", weir_http_files_handler, files}: the
 * route's arg is a struct weir_http_files, and its pattern has a parameter `path`.
 * Returns as weir_http_file. */
WEIR_SUSPENDS int weir_http_files_handler(struct weir_http_request *r);

#ifdef __cplusplus
}
#endif
#endif
