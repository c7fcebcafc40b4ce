/* SPDX-License-Identifier: MIT */
/* inside.c - mem:NAME, a listener in this process's memory, and fd:N, a descriptor that is open
 * already. */
#include <limits.h>
#include <string.h>

#include "dial/scheme.h"
#include "stream/open.h"
#include "wire/chars.h"

static int check_name(const char *what, const char *name, const char *url) {
    size_t len = strlen(name);
    if (len > 0 && len < WEIR__HATCH_NAME)
        return 0;
    return weir__url_refused(what, url, "write mem:NAME, with 1 to 63 bytes of NAME");
}

int weir__dial_memory(const char *rest, const char *url, const struct weir_dial_options *options,
                      struct weir_stream **ret_stream) {
    int rc = check_name("dial", rest, url);
    return rc == 0 ? weir__hatch_dial(rest, ret_stream) : rc;
}

int weir__listen_memory(const char *rest, const char *url,
                        const struct weir_listen_options *options,
                        struct weir_listener **ret_listener) {
    int rc = check_name("listen", rest, url);
    return rc == 0 ? weir__hatch_listen(rest, options, ret_listener) : rc;
}

/* Returns the descriptor's number, or WEIR_EURL. */
static int number_of(const char *what, const char *rest, const char *url) {
    int64_t n = weir__chars_decimal((const uint8_t *)rest, strlen(rest), INT_MAX);
    return n >= 0 ? (int)n
                  : weir__url_refused(what, url, "write fd:N, with the descriptor's number");
}

int weir__dial_descriptor(const char *rest, const char *url,
                          const struct weir_dial_options *options,
                          struct weir_stream **ret_stream) {
    int fd = number_of("dial", rest, url);
    return fd < 0 ? fd : weir_stream_from_fd(fd, ret_stream);
}

int weir__listen_descriptor(const char *rest, const char *url,
                            const struct weir_listen_options *options,
                            struct weir_listener **ret_listener) {
    int fd = number_of("listen", rest, url);
    return fd < 0 ? fd : weir__listener_adopt(fd, ret_listener);
}
