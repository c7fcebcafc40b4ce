/* SPDX-License-Identifier: MIT */
/* http_form.h - the forms of a browser (application/x-www-form-urlencoded, multipart/form-data) as
 * the body of a request to an HTTP server, in the library weir-http.
 *
 * A form is read part by part: one field or file after the other. Its memory is a buffer of 16 KiB,
 * and what weir_http_part_text keeps. A file name that the client sends is only text: it never
 * becomes a part of a path. Loop thread only. */
#ifndef WEIR_HTTP_FORM_H
#define WEIR_HTTP_FORM_H

#include <weir/http_server.h>

#ifdef __cplusplus
extern "C" {
#endif

struct weir_http_form; /* the form of one request, while it is read */

/* The bounds of a form; 0 means the default, which stands first below. The whole body is bounded by
 * body_max of the server. */
struct weir_http_form_options {
    size_t size;         /* sizeof (struct weir_http_form_options) */
    size_t parts_max;    /* 1000 */
    size_t head_max;     /* 8 KiB, which is also the most. Bytes of the head of one part */
    uint64_t field_max;  /* 64 KiB. Bytes of a part that weir_http_part_text shows; and of a name
                          * and value in application/x-www-form-urlencoded */
    uint64_t file_max;   /* only body_max. Bytes of a part that weir_http_part_save writes */
};

/* One part. Its texts are lent until the next call of weir_http_form_next, or the close. */
struct weir_http_part {
    const char *name;
    const char *filename; /* the file's name on the client; NULL: the part is no file */
    const char *type;     /* its Content-Type as the client sent it; NULL: none */
};

/* Begin to read the form that is a request's body. options may be NULL. The caller must close
 * *ret_form before the handler returns.
 * Returns 0; WEIR_EPROTO (the body is no form: weir_http_form_refuse answers 415), -EALREADY (a
 * part of the body was read), -ENOMEM. On error *ret_form is untouched. */
WEIR_API int weir_http_form_open(struct weir_http_request *r,
                                 const struct weir_http_form_options *options,
                                 struct weir_http_form **ret_form);

/* Go to the next part; what is unread of the current one is skipped.
 * Returns 1 with a part; 0 at the end of the form; WEIR_EPROTO (the form breaks a rule),
 * WEIR_ETOOBIG (a bound of the options, or body_max), WEIR_EEOF (the body or the connection ended
 * within the form), or an error as weir_http_read. After -ECANCELED, -ETIME and -ENOMEM the call
 * can be made again; after any other error there is no next part. A cancel loses nothing. */
WEIR_SUSPENDS int weir_http_form_next(struct weir_http_form *f, struct weir_http_part *ret_part);

/* Read at least 1 and at most len bytes of the current part; 0 at its end.
 * Returns the count; an error as weir_http_form_next. */
WEIR_SUSPENDS ssize_t weir_http_part_read(struct weir_http_form *f, void *buf, size_t len);

/* Read the rest of the current part and show it, with a NUL behind it. It is lent until the next
 * call of weir_http_form_next, or the close.
 * Returns 0; WEIR_ETOOBIG (more than field_max), or an error as weir_http_form_next. */
WEIR_SUSPENDS int weir_http_part_text(struct weir_http_form *f, struct weir_view *ret_view);

/* Write the rest of the current part to a new file in directory, whose name the library chooses
 * (".weir-form-" and 16 hexadecimal digits), for this user only (0600). *ret_path is its path,
 * which the caller must free by free(3); the file is the caller's to rename or remove.
 * Returns 0; WEIR_ETOOBIG (more than file_max), -ENOENT, -EACCES, -ENOSPC, ... (as weir_file_open,
 * weir_file_write), or an error as weir_http_form_next. On error or cancel no file is left, and
 * *ret_path is untouched; the bytes that were read of the part are lost. */
WEIR_SUSPENDS int weir_http_part_save(struct weir_http_form *f, const char *directory,
                                      char **ret_path);

/* Answer a request whose form could not be read. rc is the error of one of these calls. If it is
 * the client's fault, the client gets 400, 408, 413 or 415; else nothing is sent, and rc is
 * returned.
 * Returns as weir_http_reply, or rc. */
WEIR_SUSPENDS int weir_http_form_refuse(struct weir_http_request *r, int rc);

/* Close a form; *take_form becomes NULL. Files that were saved stay. NULL and *NULL are fine. Never
 * suspends, never fails. */
WEIR_API void weir_http_form_close(struct weir_http_form **take_form);

#ifdef __cplusplus
}
#endif
#endif
