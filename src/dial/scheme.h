/* SPDX-License-Identifier: MIT */
/* scheme.h - the schemes of URLs, and the function that opens each. */
#ifndef WEIR_DIAL_SCHEME_H
#define WEIR_DIAL_SCHEME_H

#include <weir/stream.h>

#include "task/task.h"

/* Each function has passed a cancel point before, and gets options with all their fields. `rest` is
 * what stands behind the colon; url is the whole, for errors. */
struct weir__scheme {
    const char *name;
    int (*dial)(const char *rest, const char *url, const struct weir_dial_options *options,
                struct weir_stream **ret_stream);
    /* NULL: what cannot_listen says. */
    int (*listen)(const char *rest, const char *url, const struct weir_listen_options *options,
                  struct weir_listener **ret_listener);
    const char *cannot_listen;
};

/* Return WEIR_EURL with a record that says why. what: "dial", "listen". */
static inline int weir__url_refused(const char *what, const char *url, const char *why) {
    return weir__failf(WEIR_EURL, what, url, "not a URL: %s", why);
}

/* The ways of scheme.c's table. */
int weir__dial_memory(const char *rest, const char *url, const struct weir_dial_options *options,
                      struct weir_stream **ret_stream);
int weir__listen_memory(const char *rest, const char *url,
                        const struct weir_listen_options *options,
                        struct weir_listener **ret_listener);
int weir__dial_descriptor(const char *rest, const char *url,
                          const struct weir_dial_options *options,
                          struct weir_stream **ret_stream);
int weir__dial_file(const char *rest, const char *url, const struct weir_dial_options *options,
                    struct weir_stream **ret_stream);
int weir__dial_pipe(const char *rest, const char *url, const struct weir_dial_options *options,
                    struct weir_stream **ret_stream);
int weir__dial_udp(const char *rest, const char *url, const struct weir_dial_options *options,
                   struct weir_stream **ret_stream);
int weir__dial_command(const char *rest, const char *url, const struct weir_dial_options *options,
                       struct weir_stream **ret_stream);
int weir__dial_pty(const char *rest, const char *url, const struct weir_dial_options *options,
                   struct weir_stream **ret_stream);
int weir__listen_descriptor(const char *rest, const char *url,
                            const struct weir_listen_options *options,
                            struct weir_listener **ret_listener);

#endif
