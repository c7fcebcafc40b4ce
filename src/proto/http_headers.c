/* SPDX-License-Identifier: MIT */
/* http_headers.c - the names that are the library's, and the form of a line. Nothing else: what a
 * header means is its sender's business. */
#include "proto/http_headers.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "task/task.h"
#include "wire/http1_write.h"

/* They say where a message ends, or who is asked for what. */
static bool is_ours(const char *line, enum http_side side) {
    static const char *const names[] = {"Content-Length", "Connection", "Transfer-Encoding",
                                        "Upgrade", /* a client's also: */ "Host", "Origin"};
    static const char prefix[] = "Sec-WebSocket-";
    size_t count = side == HTTP_ASKS ? 6 : 4;
    for (size_t i = 0; i < count; i++)
        if (weir__http1_line_is(line, names[i]))
            return true;
    return side == HTTP_ASKS && strncasecmp(line, prefix, sizeof prefix - 1) == 0;
}

int weir__http_headers_check(const char *what, const char *const *headers, enum http_side side) {
    for (; headers != NULL && *headers != NULL; headers++) {
        const char *fault = weir__http1_line_fault(*headers);
        if (fault == NULL && is_ours(*headers, side))
            fault = "that one is the library's";
        if (fault != NULL)
            return weir__failf(-EINVAL, what, NULL, "the header \"%.60s\": %s", *headers, fault);
    }
    return 0;
}
