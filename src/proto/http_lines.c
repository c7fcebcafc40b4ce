/* SPDX-License-Identifier: MIT */
/* http_lines.c - header lines that say who a client is. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <weir/error.h>
#include <weir/http.h>

#include "base/alloc.h"
#include "proto/proxy.h"
#include "task/task.h"
#include "wire/chars.h"

enum { NAME_MAX_LEN = 200 }; /* of a cookie */

/* What is being written, and where. */
struct line {
    const char *what;
    char *buf;
    size_t size;
};

static int __attribute__((format(printf, 3, 4))) line_refuse(const struct line *l, int rc,
                                                             const char *format, ...) {
    char why[80];
    va_list args;
    if (l->size > 0)
        l->buf[0] = '\0';
    va_start(args, format);
    vsnprintf(why, sizeof why, format, args);
    va_end(args);
    return weir__failf(rc, l->what, NULL, "%s", why);
}

static int line_put(const struct line *l, const char *begin, const char *name, const char *value) {
    int n = snprintf(l->buf, l->size, "%s%s%s", begin, name, value);
    return n >= 0 && (size_t)n < l->size ? n
           : line_refuse(l, WEIR_ETOOBIG, "the line needs %d bytes, and buf has %zu", n + 1,
                         l->size);
}

/* Not the text that has it: it may be a password. */
static int byte_refuse(const struct line *l, const char *of, char byte) {
    return line_refuse(l, -EINVAL, "the byte 0x%02x may not stand in the %s",
                       (unsigned char)byte, of);
}

/* The first control character of text; 0: none. */
static char control_of(const char *text) {
    while ((unsigned char)*text >= 0x20 && *text != 0x7f)
        text++;
    return *text;
}

int weir_http_basic_line(char *buf, size_t size, const char *user, const char *password) {
    const struct line l = {"http basic line", buf, size};
    weir__not_null(user, "weir_http_basic_line");
    weir__not_null(password, "weir_http_basic_line");
    if (strchr(user, ':') != NULL)
        return line_refuse(&l, -EINVAL, "a user name has no colon");
    if (control_of(user) != '\0')
        return byte_refuse(&l, "user name", control_of(user));
    if (control_of(password) != '\0')
        return byte_refuse(&l, "password", control_of(password));
    char *value = weir__http_basic(user, strlen(user), password, strlen(password));
    if (value == NULL)
        return line_refuse(&l, -ENOMEM, "%s", weir_error_text(-ENOMEM));
    int n = line_put(&l, "Authorization: ", value, "");
    explicit_bzero(value, strlen(value));
    weir__free(value);
    return n;
}

/* RFC 6750 2.1: letters, digits, "-._~+/", then any number of "=". */
int weir_http_bearer_line(char *buf, size_t size, const char *token) {
    const struct line l = {"http bearer line", buf, size};
    weir__not_null(token, "weir_http_bearer_line");
    size_t n = 0;
    while (token[n] != '\0' &&
           (weir__char_is((uint8_t)token[n], WEIR__CHAR_ALPHA | WEIR__CHAR_DIGIT) ||
            strchr("-._~+/", token[n]) != NULL))
        n++;
    size_t equals = strspn(token + n, "=");
    if (n == 0 && token[equals] == '\0')
        return line_refuse(&l, -EINVAL, "the token is empty");
    if (token[n + equals] != '\0' || n == 0)
        return byte_refuse(&l, "token", n == 0 || equals > 0 ? '=' : token[n]);
    return line_put(&l, "Authorization: Bearer ", token, "");
}

/* RFC 6265 4.1.1: no controls, blanks, quotes, commas, semicolons, backslashes; ASCII only. */
int weir_http_cookie_line(char *buf, size_t size, const char *name, const char *value) {
    const struct line l = {"http cookie line", buf, size};
    char begin[NAME_MAX_LEN + sizeof "Cookie: ="];
    weir__not_null(name, "weir_http_cookie_line");
    weir__not_null(value, "weir_http_cookie_line");
    size_t token = weir__chars_span((const uint8_t *)name, strlen(name), WEIR__CHAR_TOKEN);
    if (*name == '\0')
        return line_refuse(&l, -EINVAL, "the name is empty");
    if (name[token] != '\0')
        return byte_refuse(&l, "name", name[token]);
    for (const char *c = value; *c != '\0'; c++)
        if (*c <= 0x20 || *c >= 0x7f || strchr("\",;\\", *c) != NULL)
            return byte_refuse(&l, "value", *c);
    if (token > NAME_MAX_LEN)
        return line_refuse(&l, WEIR_ETOOBIG, "the name has %zu bytes of at most %d", token,
                      NAME_MAX_LEN);
    snprintf(begin, sizeof begin, "Cookie: %s=", name);
    return line_put(&l, begin, value, "");
}
