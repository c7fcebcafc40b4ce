/* SPDX-License-Identifier: MIT */
/* mime.h - the Content-Type of a file, by the extension of its name. Pure. */
#ifndef WEIR_HTTP_MIME_H
#define WEIR_HTTP_MIME_H

/* Never NULL: "application/octet-stream" where the extension is not known. Static. */
const char *weir__mime_type(const char *path);

#endif
