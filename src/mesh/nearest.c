/* SPDX-License-Identifier: MIT */
/* nearest.c - Damerau-Levenshtein, restricted (no edit between swapped letters), case ignored,
 * three rows of a table at a time. */
#include "mesh/nearest.h"

#include <stdint.h>
#include <string.h>

enum { LENGTH_MAX = 63, SHORT = 6 };

static char folded(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static size_t smaller(size_t a, size_t b) {
    return a < b ? a : b;
}

static size_t slips(const char *a, size_t a_len, const char *b, size_t b_len) {
    size_t table[3][LENGTH_MAX + 1];
    for (size_t j = 0; j <= b_len; j++)
        table[0][j] = j;
    for (size_t i = 1; i <= a_len; i++) {
        size_t *row = table[i % 3], *above = table[(i - 1) % 3], *above2 = table[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            char x = folded(a[i - 1]), y = folded(b[j - 1]);
            row[j] = smaller(smaller(above[j], row[j - 1]) + 1, above[j - 1] + (x != y));
            if (i > 1 && j > 1 && x == folded(b[j - 2]) && folded(a[i - 2]) == y)
                row[j] = smaller(row[j], above2[j - 2] + 1);
        }
    }
    return table[a_len % 3][b_len];
}

void weir__nearest_feed(struct weir__nearest *n, const char *name) {
    size_t len = strlen(n->word), name_len = strlen(name);
    size_t longer = len > name_len ? len : name_len;
    if (longer > LENGTH_MAX)
        return;
    size_t distance = slips(n->word, len, name, name_len);
    if (distance >= n->distance || distance >= longer
        || distance > (longer < SHORT ? 1 : longer / 3))
        return;
    n->distance = distance;
    n->nearest = name;
}
