/* SPDX-License-Identifier: MIT */
/* etag.c - tags are compared as RFC 9110 8.8.3.2 says; commas may stand inside of them, so their
 * lists are parsed here. */
#include "http/etag.h"

#include <string.h>

#include "http/date.h"

struct tag {
    const char *opaque; /* with its quotes */
    size_t len;
    bool is_weak;
};

/* Take the tag at text. Returns its length, 0: it is none. */
static size_t tag_take(const char *text, size_t len, struct tag *ret) {
    size_t at = len >= 2 && text[0] == 'W' && text[1] == '/' ? 2 : 0, from = at;
    if (at == len || text[at] != '"')
        return 0;
    for (at++; at < len && text[at] != '"'; at++)
        if ((uint8_t)text[at] < 0x21 || text[at] == 0x7f)
            return 0;
    if (at == len)
        return 0;
    *ret = (struct tag){text + from, at + 1 - from, from > 0};
    return at + 1;
}

bool weir__etag_valid(const char *text, size_t len) {
    struct tag tag;
    return len > 0 && tag_take(text, len, &tag) == len;
}

static bool tags_match(const struct tag *a, const struct tag *b, bool strong) {
    return a->len == b->len && memcmp(a->opaque, b->opaque, a->len) == 0 &&
           !(strong && (a->is_weak || b->is_weak));
}

/* A list that has a fault matches up to there and no further. */
static bool list_has(const char *list, size_t len, const struct tag *wanted, bool strong) {
    size_t at = 0, n;
    struct tag tag;
    for (;;) {
        while (at < len && (list[at] == ' ' || list[at] == '\t' || list[at] == ','))
            at++;
        n = tag_take(list + at, len - at, &tag);
        if (n == 0)
            return false;
        if (tags_match(&tag, wanted, strong))
            return true;
        at += n;
    }
}

static bool field_matches(const char *value, size_t len, const struct weir__validators *now_is,
                          bool strong) {
    struct tag own;
    if (len == 1 && value[0] == '*')
        return !now_is->missing;
    if (now_is->etag == NULL || tag_take(now_is->etag, strlen(now_is->etag), &own) == 0)
        return false;
    return list_has(value, len, &own, strong);
}

/* Does one of the fields of this name match? *ret_there: there is one. */
static bool fields_match(const struct weir__http1 *h, const void *buf, const char *name,
                         const struct weir__validators *now_is, bool strong, bool *ret_there) {
    bool matches = false;
    *ret_there = false;
    for (int i = -1; (i = weir__http1_find(h, buf, name, i + 1)) >= 0; *ret_there = true) {
        struct weir__slice value = h->headers[i].value;
        matches |= field_matches((const char *)buf + value.offset, value.len, now_is, strong);
    }
    return matches;
}

/* The date of the only field of this name. */
static bool field_date(const struct weir__http1 *h, const void *buf, const char *name, int64_t now,
                       int64_t *ret) {
    int i = weir__http1_find(h, buf, name, 0);
    if (i < 0 || weir__http1_find(h, buf, name, i + 1) >= 0)
        return false;
    struct weir__slice value = h->headers[i].value;
    return weir__date_parse((const char *)buf + value.offset, value.len, now, ret);
}

int weir__condition(const struct weir__http1 *head, const void *buf, const char *method,
                    const struct weir__validators *now_is, int64_t now) {
    bool is_get = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0, there;
    int64_t date;
    bool matches = fields_match(head, buf, "If-Match", now_is, true, &there);
    if (there && !matches)
        return 412;
    if (!there && now_is->has_modified &&
        field_date(head, buf, "If-Unmodified-Since", now, &date) && now_is->modified > date)
        return 412;
    matches = fields_match(head, buf, "If-None-Match", now_is, false, &there);
    if (there)
        return !matches ? 0 : is_get ? 304 : 412;
    bool is_old = is_get && now_is->has_modified &&
                  field_date(head, buf, "If-Modified-Since", now, &date) &&
                  now_is->modified <= date;
    return is_old ? 304 : 0;
}

bool weir__condition_range(const struct weir__http1 *head, const void *buf,
                           const struct weir__validators *now_is, int64_t now) {
    struct tag own, asked;
    int64_t date;
    int i = weir__http1_find(head, buf, "If-Range", 0);
    if (i < 0)
        return true;
    if (weir__http1_find(head, buf, "If-Range", i + 1) >= 0)
        return false;
    struct weir__slice value = head->headers[i].value;
    const char *text = (const char *)buf + value.offset;
    if (tag_take(text, value.len, &asked) == value.len && value.len > 0)
        return now_is->etag != NULL && tag_take(now_is->etag, strlen(now_is->etag), &own) > 0 &&
               tags_match(&asked, &own, true);
    return now_is->has_modified && weir__date_parse(text, value.len, now, &date) &&
           date == now_is->modified;
}
