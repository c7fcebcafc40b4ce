/* SPDX-License-Identifier: MIT */
/* routes.c - patterns are parsed once and kept in an order in which the first that matches wins. */
#include "http/routes.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/check.h"
#include "task/task.h"

enum { FAULT_MAX = 128 }; /* bytes of what is wrong with a route */

enum part_kind { LITERAL, PARAM, REST };

struct part {
    const char *text; /* of a parameter: its name */
    uint32_t len;
    enum part_kind kind;
};

struct weir__route {
    const char *method, *pattern;
    uint32_t host_len, number, count;
    struct part parts[];
};

struct weir__routes {
    size_t count, room;
    struct weir__route *routes[]; /* the winner of two that match stands first */
};

struct weir__routes *weir__routes_new(size_t count) {
    struct weir__routes *t = weir__alloc(sizeof *t + count * sizeof t->routes[0]);
    if (t != NULL)
        *t = (struct weir__routes){.room = count};
    return t;
}

void weir__routes_free(struct weir__routes *t) {
    for (size_t i = 0; t != NULL && i < t->count; i++)
        weir__free(t->routes[i]);
    weir__free(t);
}

/* ---- patterns ---- */

static const char *name_fault(const struct weir__route *r, const char *name, size_t len) {
    uint32_t params = 0;
    if (!weir__chars_all((const uint8_t *)name, len, WEIR__CHAR_ALPHA | WEIR__CHAR_DIGIT |
                                                         WEIR__CHAR_HOST) ||
        memchr(name, '.', len) != NULL)
        return "a name in braces has letters, digits, _ and - only";
    for (uint32_t i = 0; i < r->count; i++) {
        if (r->parts[i].kind == LITERAL)
            continue;
        params++;
        if (r->parts[i].len == len && memcmp(r->parts[i].text, name, len) == 0)
            return "two parameters have one name";
    }
    return params == WEIR__ROUTE_PARAMS ? "it has more than 16 parameters" : NULL;
}

/* How other libraries write parameters. A literal of that form would silently match nothing. */
static const char *foreign_fault(const char *text, size_t len, char *why) {
    static const char rest[] = "path";
    const char *end = text + len - 1, *name = text + 1;
    if (text[0] == ':' || (text[0] == '<' && *end == '>')) {
        end += text[0] == ':';
        for (const char *at = name; at < end; at++) /* <int:id> */
            name = *at == ':' ? at + 1 : name;
        if (name == end) {
            name = "id";
            end = name + 2;
        }
        snprintf(why, FAULT_MAX, "a parameter is written {%.*s}, not %.*s", (int)(end - name),
                 name, (int)len, text);
        return why;
    }
    if (text[0] != '*' && *end != '*')
        return NULL;
    bool is_named = text[0] == '*' && len > 1 && *end != '*';
    snprintf(why, FAULT_MAX, "all that follows is written {%.*s...}, not %.*s",
             is_named ? (int)len - 1 : (int)sizeof rest - 1, is_named ? name : rest, (int)len,
             text);
    return why;
}

static const char *literal_fault(const char *text, size_t len, bool is_last, char *why) {
    if (len == 0 && !is_last)
        return "it has an empty segment";
    if (memchr(text, '{', len) != NULL || memchr(text, '}', len) != NULL)
        return "a parameter in braces is a whole segment";
    if (memchr(text, '%', len) != NULL)
        return "a pattern has no escapes: write the character itself";
    if (memchr(text, '?', len) != NULL || memchr(text, '#', len) != NULL)
        return "a pattern is a path, without a query";
    bool is_dots = (len == 1 || len == 2) && text[0] == '.' && text[len - 1] == '.';
    if (is_dots)
        return "it has a segment . or .., which no request has";
    return len > 0 ? foreign_fault(text, len, why) : NULL;
}

/* Add the segment of len bytes at text. Returns what is wrong with it, which may lie in why, or
 * NULL. */
static const char *part_add(struct weir__route *r, const char *text, size_t len, bool is_last,
                            char *why) {
    struct part *part = &r->parts[r->count];
    bool is_braced = len >= 2 && text[0] == '{' && text[len - 1] == '}';
    bool is_rest = is_braced && len > 5 && memcmp(text + len - 4, "...}", 4) == 0;
    if (is_rest && !is_last)
        return "{name...} stands last";
    const char *name = text + is_braced;
    size_t name_len = len - (is_braced ? 2 : 0) - (is_rest ? 3 : 0);
    const char *fault = is_braced ? name_fault(r, name, name_len)
                                  : literal_fault(text, len, is_last, why);
    *part = (struct part){name, (uint32_t)name_len, is_rest ? REST : is_braced ? PARAM : LITERAL};
    r->count += fault == NULL;
    return fault;
}

static const char *host_fault(const char *host, size_t len) {
    bool is_bracketed = len > 2 && host[0] == '[' && host[len - 1] == ']';
    if (len == 0 || is_bracketed)
        return NULL;
    if (memchr(host, ' ', len) != NULL)
        return "a space stands before its path (the method is a member of its own)";
    return weir__chars_all((const uint8_t *)host, len, WEIR__CHAR_HOST)
               ? NULL
               : "what stands before the first slash is no host name (nor is a port taken)";
}

static const char *pattern_parse(struct weir__route *r, char *why) {
    const char *path = strchr(r->pattern, '/');
    if (path == NULL)
        return "it has no path: a path begins with /";
    r->host_len = (uint32_t)(path - r->pattern);
    const char *fault = host_fault(r->pattern, r->host_len);
    for (const char *from = path; fault == NULL && from != NULL;) {
        const char *end = strchr(from + 1, '/');
        size_t len = end != NULL ? (size_t)(end - from - 1) : strlen(from + 1);
        if (r->count == WEIR__TARGET_SEGMENTS)
            return "it has more than 64 segments";
        fault = part_add(r, from + 1, len, end == NULL, why);
        from = end;
    }
    return fault;
}

/* Method names are case-sensitive, and no client sends one with small letters. */
static const char *method_fault(const char *method, char *why) {
    char upper[24];
    size_t len = 0;
    bool is_small = false;
    if (!weir__chars_all((const uint8_t *)method, strlen(method), WEIR__CHAR_TOKEN))
        return "its method is not a token";
    for (; method[len] != '\0' && len < sizeof upper - 1; len++) {
        bool is_lower = method[len] >= 'a' && method[len] <= 'z';
        upper[len] = is_lower ? (char)(method[len] - 'a' + 'A') : method[len];
        is_small |= is_lower;
    }
    upper[len] = '\0';
    if (!is_small)
        return NULL;
    snprintf(why, FAULT_MAX, "the method is written \"%s\", not \"%.23s\"", upper, method);
    return why;
}

/* ---- which of two wins ---- */

/* How what a matches lies to what b matches. */
enum relation { EQUAL = 0, NARROWER = 1, WIDER = 2, OVERLAPS = NARROWER | WIDER, DISJOINT = 4 };

static enum relation part_relation(const struct part *a, const struct part *b) {
    if (a->kind == LITERAL && b->kind == LITERAL)
        return a->len == b->len && memcmp(a->text, b->text, a->len) == 0 ? EQUAL : DISJOINT;
    if (a->kind == b->kind)
        return EQUAL;
    const struct part *literal = a->kind == LITERAL ? a : b->kind == LITERAL ? b : NULL;
    if (literal != NULL && literal->len == 0 && (a->kind == PARAM || b->kind == PARAM))
        return DISJOINT; /* {name} is not empty */
    return a->kind < b->kind ? NARROWER : WIDER;
}

static enum relation path_relation(const struct weir__route *a, const struct weir__route *b) {
    enum relation rel = EQUAL;
    for (uint32_t i = 0; i < a->count || i < b->count; i++) {
        if (i == a->count || i == b->count)
            return DISJOINT;
        enum relation here = part_relation(&a->parts[i], &b->parts[i]);
        if (here == DISJOINT)
            return DISJOINT;
        rel |= here;
        if (a->parts[i].kind == REST || b->parts[i].kind == REST)
            return rel;
    }
    return rel;
}

static enum relation method_relation(const char *a, const char *b) {
    if (a == NULL || b == NULL)
        return a == b ? EQUAL : a == NULL ? WIDER : NARROWER;
    if (strcmp(a, b) == 0)
        return EQUAL;
    if (strcmp(a, "GET") == 0 && strcmp(b, "HEAD") == 0)
        return WIDER;
    return strcmp(a, "HEAD") == 0 && strcmp(b, "GET") == 0 ? NARROWER : DISJOINT;
}

static bool hosts_same(const struct weir__route *a, const struct weir__route *b) {
    return a->host_len == b->host_len && strncasecmp(a->pattern, b->pattern, a->host_len) == 0;
}

/* NARROWER: a wins over b. OVERLAPS: they conflict. */
static enum relation order(const struct weir__route *a, const struct weir__route *b) {
    if (!hosts_same(a, b))
        return a->host_len != 0 && b->host_len != 0 ? DISJOINT
               : a->host_len != 0                   ? NARROWER
                                                    : WIDER;
    enum relation path = path_relation(a, b), method = method_relation(a->method, b->method);
    if (path == DISJOINT)
        return DISJOINT;
    if (path == EQUAL)
        return method == EQUAL ? OVERLAPS : method;
    return path == OVERLAPS && method == DISJOINT ? DISJOINT : path;
}

/* ---- the table ---- */

static int bad(const char *pattern, const char *why) {
    return weir__failf(-EINVAL, "http route", pattern, "%s", why);
}

/* Behind all that win over it, before all over which it wins. */
static int insert(struct weir__routes *t, struct weir__route *r) {
    size_t at = t->count;
    for (size_t i = t->count; i > 0; i--) {
        const struct weir__route *other = t->routes[i - 1];
        enum relation rel = order(r, other);
        if (rel == OVERLAPS)
            return weir__failf(-EEXIST, "http route", r->pattern,
                               "\"%s %s\" and \"%s %s\" match the same request, and neither is "
                               "narrower", other->method ? other->method : "any", other->pattern,
                               r->method ? r->method : "any", r->pattern);
        if (rel == NARROWER)
            at = i - 1;
    }
    memmove(t->routes + at + 1, t->routes + at, (t->count - at) * sizeof t->routes[0]);
    t->routes[at] = r;
    t->count++;
    return 0;
}

int weir__routes_add(struct weir__routes *t, const char *method, const char *pattern) {
    WEIR_CHECK(t->count < t->room);
    size_t slashes = 0;
    for (const char *p = pattern; *p != '\0'; p++)
        slashes += *p == '/';
    struct weir__route *r = weir__alloc(sizeof *r + slashes * sizeof r->parts[0]);
    if (r == NULL)
        return weir__fail(-ENOMEM, "http route", pattern);
    *r = (struct weir__route){.method = method, .pattern = pattern, .number = (uint32_t)t->count};
    char why[FAULT_MAX];
    const char *fault = pattern_parse(r, why);
    if (fault == NULL && method != NULL)
        fault = method_fault(method, why);
    int rc = fault != NULL ? bad(pattern, fault) : insert(t, r);
    if (rc < 0)
        weir__free(r);
    return rc;
}

/* ---- a request ---- */

static bool host_matches(const struct weir__route *r, const char *host, size_t len) {
    return r->host_len == 0 ||
           (r->host_len == len && strncasecmp(r->pattern, host, len) == 0);
}

static bool path_matches(const struct weir__route *r, const struct weir__target *t) {
    uint32_t i = 0;
    for (; i < r->count; i++) {
        const struct part *part = &r->parts[i];
        if (i == t->count)
            return false;
        if (part->kind == REST)
            return true;
        struct weir__slice s = t->segments[i];
        bool fits = part->kind == PARAM ? s.len > 0
                                        : s.len == part->len &&
                                              memcmp(t->text + s.offset, part->text, s.len) == 0;
        if (!fits)
            return false;
    }
    return i == t->count;
}

static bool method_matches(const struct weir__route *r, const char *method) {
    return r->method == NULL || strcmp(r->method, method) == 0 ||
           (strcmp(r->method, "GET") == 0 && strcmp(method, "HEAD") == 0);
}

/* Without the port and the dot of the root. */
static size_t host_bare(const char *host, size_t len) {
    size_t end = len;
    while (end > 0 && weir__char_is((uint8_t)host[end - 1], WEIR__CHAR_DIGIT))
        end--;
    len = end > 0 && host[end - 1] == ':' ? end - 1 : len;
    return len > 1 && host[len - 1] == '.' ? len - 1 : len;
}

static int params_take(struct weir__target *t, struct weir__route_match *ret) {
    const struct weir__route *r = ret->route;
    uint32_t n = 0;
    for (uint32_t i = 0; i < r->count; i++) {
        if (r->parts[i].kind == REST && weir__target_join(t, i) < 0)
            return 400;
        if (r->parts[i].kind != LITERAL)
            ret->params[n++] = t->segments[i].offset;
    }
    return 200;
}

int weir__routes_find(const struct weir__routes *t, const char *method, const char *host,
                      size_t host_len, struct weir__target *target,
                      struct weir__route_match *ret) {
    bool known = false;
    host_len = host_bare(host, host_len);
    for (size_t i = 0; i < t->count; i++) {
        const struct weir__route *r = t->routes[i];
        if (!path_matches(r, target) || !host_matches(r, host, host_len))
            continue;
        known = true;
        if (!method_matches(r, method))
            continue;
        ret->route = r;
        ret->number = r->number;
        return params_take(target, ret);
    }
    return known ? 405 : 404;
}

enum { NO_PARAM = -1 };

/* Which of the route's parameters has that name. */
static int param_find(const struct weir__route *r, const char *name) {
    size_t len = strlen(name);
    int n = 0;
    for (uint32_t i = 0; i < r->count; i++) {
        const struct part *part = &r->parts[i];
        if (part->kind == LITERAL)
            continue;
        if (part->len == len && memcmp(part->text, name, len) == 0)
            return n;
        n++;
    }
    return NO_PARAM;
}

const char *weir__route_param(const struct weir__route_match *m, const char *text,
                              const char *name) {
    int n = param_find(m->route, name);
    return n != NO_PARAM ? text + m->params[n] : NULL;
}

bool weir__routes_have_param(const struct weir__routes *t, const char *name) {
    for (size_t i = 0; i < t->count; i++)
        if (param_find(t->routes[i], name) != NO_PARAM)
            return true;
    return false;
}

/* ---- Allow ---- */

static bool listed(const char *text, const char *method) {
    size_t len = strlen(method);
    for (const char *at = text; (at = strstr(at, method)) != NULL; at += len)
        if ((at == text || at[-1] == ' ') && (at[len] == '\0' || at[len] == ','))
            return true;
    return false;
}

static void list_add(char *text, const char *method) {
    size_t len = strlen(text), more = strlen(method);
    if (listed(text, method) || len + 2 + more >= WEIR__ROUTES_ALLOW_MAX)
        return;
    if (len > 0) {
        memcpy(text + len, ", ", 2);
        len += 2;
    }
    memcpy(text + len, method, more + 1);
}

const char *weir__routes_allow(const struct weir__routes *t, const char *host, size_t host_len,
                               const struct weir__target *target,
                               char text[static WEIR__ROUTES_ALLOW_MAX]) {
    text[0] = '\0';
    host_len = host_bare(host, host_len);
    for (size_t i = 0; i < t->count; i++) {
        const struct weir__route *r = t->routes[i];
        if (target != NULL && (!path_matches(r, target) || !host_matches(r, host, host_len)))
            continue;
        list_add(text, r->method != NULL ? r->method : "GET");
        if (r->method == NULL || strcmp(r->method, "GET") == 0)
            list_add(text, "HEAD");
    }
    list_add(text, "OPTIONS");
    return text;
}
