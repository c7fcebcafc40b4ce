/* SPDX-License-Identifier: MIT */
/* http_lines.c - header lines that say who a client is. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <weir/http.h>

#include "base/alloc.h"
#include "proto/proxy.h"
#include "task/task.h"
#include "wire/chars.h"

static int line_put(char *buf, size_t size, const char *begin, const char *middle,
                    const char *end) {
    int n = snprintf(buf, size, "%s%s%s", begin, middle, end);
    if (n >= 0 && (size_t)n < size)
        return n;
    if (size > 0)
        buf[0] = '\0';
    return WEIR_ETOOBIG;
}

static int line_bad(char *buf, size_t size) {
    if (size > 0)
        buf[0] = '\0';
    return -EINVAL;
}

static bool has_controls(const char *text) {
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return true;
    return false;
}

int weir_http_basic_line(char *buf, size_t size, const char *user, const char *password) {
    weir__not_null(user, "weir_http_basic_line");
    weir__not_null(password, "weir_http_basic_line");
    if (strchr(user, ':') != NULL || has_controls(user) || has_controls(password))
        return line_bad(buf, size);
    char *value = weir__http_basic(user, strlen(user), password, strlen(password));
    if (value == NULL) {
        line_bad(buf, size);
        return -ENOMEM;
    }
    int n = line_put(buf, size, "Authorization: ", value, "");
    explicit_bzero(value, strlen(value));
    weir__free(value);
    return n;
}

/* RFC 6750 2.1: letters, digits, "-._~+/", then any number of "=". */
int weir_http_bearer_line(char *buf, size_t size, const char *token) {
    weir__not_null(token, "weir_http_bearer_line");
    size_t n = 0;
    while (token[n] != '\0' &&
           (weir__char_is((uint8_t)token[n], WEIR__CHAR_ALPHA | WEIR__CHAR_DIGIT) ||
            strchr("-._~+/", token[n]) != NULL))
        n++;
    if (n == 0 || token[n + strspn(token + n, "=")] != '\0')
        return line_bad(buf, size);
    return line_put(buf, size, "Authorization: Bearer ", token, "");
}

/* RFC 6265 4.1.1: no controls, blanks, quotes, commas, semicolons, backslashes; ASCII only. */
int weir_http_cookie_line(char *buf, size_t size, const char *name, const char *value) {
    char begin[256];
    weir__not_null(name, "weir_http_cookie_line");
    weir__not_null(value, "weir_http_cookie_line");
    bool is_good = weir__chars_all((const uint8_t *)name, strlen(name), WEIR__CHAR_TOKEN);
    for (const char *c = value; *c != '\0' && is_good; c++)
        is_good = *c > 0x20 && *c < 0x7f && strchr("\",;\\", *c) == NULL;
    if (!is_good)
        return line_bad(buf, size);
    int n = snprintf(begin, sizeof begin, "Cookie: %s=", name);
    if (n < 0 || (size_t)n >= sizeof begin) {
        line_bad(buf, size);
        return WEIR_ETOOBIG;
    }
    return line_put(buf, size, begin, value, "");
}
