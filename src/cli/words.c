/* SPDX-License-Identifier: MIT */
/* words.c - one cursor over the text; a word is never longer than its source. */
#include "cli/words.h"

#include <string.h>
#include <weir/base.h>

#include "base/check.h"
#include "cli/limits.h"

static const char blanks[] = " \t\r\n";

/* Copy the text between the quotes at *at, and move *at to the closing quote. Returns the place
 * behind the copy; NULL if the quote is not closed. */
static char *copy_quoted(const char **at, char *to) {
    char quote = *(*at)++;
    WEIR_CHECK(quote == '\'' || quote == '"');
    for (; **at != quote; (*at)++) {
        if (quote == '"' && **at == '\\' && ((*at)[1] == '"' || (*at)[1] == '\\'))
            (*at)++;
        if (**at == '\0')
            return NULL;
        *to++ = **at;
    }
    return to;
}

/* Read one word at *at. NULL with *ret_why if its quote is not closed. */
static char *copy_word(const char **at, char *word, const char **ret_why) {
    char *to = word;
    for (; **at != '\0' && strchr(blanks, **at) == NULL; (*at)++) {
        if (**at == '\'' || **at == '"') {
            to = copy_quoted(at, to);
            *ret_why = "a quote is not closed";
            if (to == NULL)
                return NULL;
            continue;
        }
        *ret_why = "nothing follows the last backslash";
        if (**at == '\\' && *++*at == '\0')
            return NULL;
        *to++ = **at;
    }
    *to = '\0';
    return to;
}

int words_split(struct arena *a, const char *text, char ***ret_words, const char **ret_why) {
    char **words = arena_take(a, (LIMIT_WORDS + 1) * sizeof *words);
    size_t size = strlen(text) + 1;
    char *begin = arena_take(a, size), *room = begin;
    int count = 0;
    if (words == NULL || room == NULL)
        return -ENOMEM;
    for (const char *at = text + strspn(text, blanks); *at != '\0'; at += strspn(at, blanks)) {
        *ret_why = "too many words";
        if (count == LIMIT_WORDS)
            return WEIR_ECONFIG;
        words[count++] = room;
        room = copy_word(&at, room, ret_why);
        if (room == NULL)
            return WEIR_ECONFIG;
        room++;
        WEIR_CHECK(room <= begin + size);
    }
    WEIR_CHECK(words[count] == NULL);
    *ret_words = words;
    return count;
}
