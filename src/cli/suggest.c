/* SPDX-License-Identifier: MIT */
/* suggest.c - Damerau-Levenshtein in its restricted form (no edit between swapped letters), three
 * rows at a time: names are short, so a table on the stack is the whole memory. */
#include "cli/suggest.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { NAME_MAX_LEN = 64 };

static size_t least(size_t a, size_t b, size_t c) {
    size_t ab = a < b ? a : b;
    return ab < c ? ab : c;
}

static char folded(char c) {
    return (char)tolower((unsigned char)c);
}

size_t suggest_distance(const char *a, const char *b) {
    size_t rows = strlen(a), columns = strlen(b);
    if (rows > NAME_MAX_LEN || columns > NAME_MAX_LEN)
        return SIZE_MAX;
    size_t table[3][NAME_MAX_LEN + 1]; /* the row being made and the two above it, in turn */
    for (size_t j = 0; j <= columns; j++)
        table[0][j] = j;
    for (size_t i = 1; i <= rows; i++) {
        size_t *row = table[i % 3], *above = table[(i - 1) % 3], *above2 = table[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= columns; j++) {
            char x = folded(a[i - 1]), y = folded(b[j - 1]);
            row[j] = least(above[j] + 1, row[j - 1] + 1, above[j - 1] + (x != y));
            if (i > 1 && j > 1 && x == folded(b[j - 2]) && folded(a[i - 2]) == y)
                row[j] = least(row[j], above2[j - 2] + 1, SIZE_MAX);
        }
    }
    return table[rows % 3][columns];
}

/* A third of the longer may be wrong, and one slip always. A name that shares no letter with the
 * word is never meant: 'x' is not 'y'. */
static bool is_near(const char *word, const char *name, size_t distance) {
    size_t len = strlen(word), name_len = strlen(name);
    size_t longer = len > name_len ? len : name_len;
    return distance < longer && distance <= (longer < 6 ? 1 : longer / 3);
}

const char *suggest_nearest(const char *word, const char *const *known, size_t count) {
    const char *nearest = NULL;
    size_t best = SIZE_MAX;
    for (size_t i = 0; i < count; i++) {
        size_t distance = known[i] ? suggest_distance(word, known[i]) : SIZE_MAX;
        if (distance < best && is_near(word, known[i], distance)) {
            best = distance;
            nearest = known[i];
        }
    }
    return nearest;
}
