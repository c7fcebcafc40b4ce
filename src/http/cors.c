/* SPDX-License-Identifier: MIT */
/* cors.c - header lines that are added to an answer before it is given, and the policy for pages of
 * other origins, which is made of such lines. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <weir/http_cors.h>

#include "base/check.h"
#include "base/options.h"
#include "http/http.h"

enum { LINE_MAX_LEN = 2048 };

int weir_http_add_header(struct weir_http_request *pub, const char *line) {
    struct http_request *r = weir__http_request_of(pub, "weir_http_add_header");
    weir__argument_not_null(line, "weir_http_add_header", "line");
    if (pub->reply != HTTP_UNANSWERED || r->answering)
        return weir__failf(-EALREADY, "http header", NULL, "the answer has begun");
    return weir__http_add_line(r, line);
}

/* ---- the policy ---- */

static bool listed(const char *const *list, const char *text, size_t len, bool by_case) {
    for (; list != NULL && *list != NULL; list++)
        if (strlen(*list) == len && (by_case ? memcmp(*list, text, len) == 0
                                             : strncasecmp(*list, text, len) == 0))
            return true;
    return false;
}

__attribute__((format(printf, 2, 3))) static int add(struct weir_http_request *r,
                                                     const char *format, ...) {
    char line[LINE_MAX_LEN];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (n < 0 || (size_t)n >= sizeof line)
        return weir__failf(-EINVAL, "http cors", NULL, "a line of the policy is too long");
    return weir_http_add_header(r, line);
}

static int add_list(struct weir_http_request *r, const char *name, const char *first,
                    const char *const *list) {
    char line[LINE_MAX_LEN];
    size_t n = (size_t)snprintf(line, sizeof line, "%s: %s", name, first);
    bool is_first = first[0] == '\0';
    if (is_first && (list == NULL || list[0] == NULL))
        return 0;
    for (; list != NULL && *list != NULL; list++, is_first = false) {
        n += (size_t)snprintf(line + n, sizeof line - n, "%s%s", is_first ? "" : ", ", *list);
        if (n >= sizeof line)
            return weir__failf(-EINVAL, "http cors", NULL, "a list of the policy is too long");
    }
    return weir_http_add_header(r, line);
}

/* The header names that a preflight asks for are all granted. */
static bool headers_granted(const struct weir_http_cors *p, const char *asked) {
    struct weir__slice item;
    size_t at = 0, len = asked != NULL ? strlen(asked) : 0;
    while (weir__chars_list_next((const uint8_t *)asked, len, &at, &item))
        if (!listed(p->headers, asked + item.offset, item.len, false))
            return false;
    return true;
}

static bool method_granted(const struct weir_http_cors *p, const char *method) {
    static const char *const simple[] = {"GET", "HEAD", "POST", NULL};
    return listed(simple, method, strlen(method), true) ||
           listed(p->methods, method, strlen(method), true);
}

static int preflight(struct weir_http_request *r, const struct weir_http_cors *p, bool granted) {
    const char *method = weir_http_header(r, "Access-Control-Request-Method");
    int rc = add(r, "Vary: Access-Control-Request-Method, Access-Control-Request-Headers");
    granted = granted && method_granted(p, method) &&
              headers_granted(p, weir_http_header(r, "Access-Control-Request-Headers"));
    if (rc == 0 && granted)
        rc = add_list(r, "Access-Control-Allow-Methods", "GET, HEAD, POST", p->methods);
    if (rc == 0 && granted)
        rc = add_list(r, "Access-Control-Allow-Headers", "", p->headers);
    if (rc == 0 && granted && p->max_age_s > 0)
        rc = add(r, "Access-Control-Max-Age: %d", p->max_age_s);
    if (rc == 0)
        rc = weir_http_reply(r, granted ? 204 : 403, NULL);
    return rc < 0 ? rc : 1;
}

/* The origin itself is sent back only if it is on the list, byte for byte. */
static int grant(struct weir_http_request *r, const struct weir_http_cors *p, const char *origin,
                 bool any) {
    int rc = add(r, "Access-Control-Allow-Origin: %s", any ? "*" : origin);
    if (rc == 0 && p->credentials)
        rc = add(r, "Access-Control-Allow-Credentials: true");
    if (rc == 0)
        rc = add_list(r, "Access-Control-Expose-Headers", "", p->exposed);
    return rc;
}

int weir_http_cors(struct weir_http_request *r, const struct weir_http_cors *policy) {
    struct weir_http_cors p;
    int rc = weir__suspend_enter("http cors");
    if (rc < 0)
        return rc;
    weir__argument_not_null(policy, "weir_http_cors", "policy");
    WEIR_OPTIONS_COPY(struct weir_http_cors, credentials, &p, policy);
    const char *origin = weir_http_header(r, "Origin");
    bool any = listed(p.origins, "*", 1, true);
    if (any && p.credentials)
        return weir__failf(-EINVAL, "http cors", NULL,
                           "credentials cannot be granted to any origin: name them");
    bool granted = origin != NULL && (any || listed(p.origins, origin, strlen(origin), true));
    if (!any)
        rc = add(r, "Vary: Origin");
    if (rc == 0 && granted)
        rc = grant(r, &p, origin, any);
    bool asks = origin != NULL && strcmp(weir_http_method(r), "OPTIONS") == 0 &&
                weir_http_header(r, "Access-Control-Request-Method") != NULL;
    return rc < 0 || !asks ? rc : preflight(r, &p, granted);
}
