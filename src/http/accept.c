/* SPDX-License-Identifier: MIT */
/* accept.c - reads the weights ("gzip;q=0.5") in lists of what a client accepts. */
#include "http/accept.h"

#include <string.h>

static size_t blanks_skip(const char *text, size_t len, size_t at) {
    while (at < len && (text[at] == ' ' || text[at] == '\t'))
        at++;
    return at;
}

/* "0", "0.123", "1", "1.000" */
static int weight_parse(const char *text, size_t len) {
    int weight = 0, unit = 1000;
    if (len == 0 || len > 5 || (text[0] != '0' && text[0] != '1') || (len > 1 && text[1] != '.'))
        return -1;
    for (size_t i = 0; i < len; i += i == 0 ? 2 : 1, unit /= 10) {
        if (!weir__char_is((uint8_t)text[i], WEIR__CHAR_DIGIT))
            return -1;
        weight += (text[i] - '0') * unit;
    }
    return weight <= 1000 ? weight : -1;
}

int weir__accept_weight(const char *item, size_t len, size_t *ret_len) {
    const char *semicolon = memchr(item, ';', len);
    size_t at = semicolon != NULL ? (size_t)(semicolon - item) : len, end = at;
    while (end > 0 && (item[end - 1] == ' ' || item[end - 1] == '\t'))
        end--;
    *ret_len = end;
    if (end == 0)
        return -1;
    while (at < len) {
        size_t from = blanks_skip(item, len, at + 1);
        semicolon = memchr(item + from, ';', len - from);
        at = semicolon != NULL ? (size_t)(semicolon - item) : len;
        for (end = at; end > from && (item[end - 1] == ' ' || item[end - 1] == '\t');)
            end--;
        if (end - from >= 2 && (item[from] == 'q' || item[from] == 'Q') && item[from + 1] == '=')
            return weight_parse(item + from + 2, end - from - 2);
    }
    return 1000;
}

bool weir__accept_gzip(const struct weir__http1 *head, const void *buf) {
    int gzip = -1, identity = -1, others = -1;
    for (int i = -1; (i = weir__http1_find(head, buf, "Accept-Encoding", i + 1)) >= 0;) {
        struct weir__slice value = head->headers[i].value, item;
        const char *list = (const char *)buf + value.offset;
        size_t at = 0, n;
        while (weir__chars_list_next((const uint8_t *)list, value.len, &at, &item)) {
            const char *name = list + item.offset;
            int weight = weir__accept_weight(name, item.len, &n);
            if (weir__chars_equal(name, n, "gzip") || weir__chars_equal(name, n, "x-gzip"))
                gzip = weight;
            else if (weir__chars_equal(name, n, "identity"))
                identity = weight;
            else if (n == 1 && name[0] == '*')
                others = weight;
        }
    }
    gzip = gzip >= 0 ? gzip : others;
    return gzip > 0 && gzip >= identity;
}
