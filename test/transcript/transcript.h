/* SPDX-License-Identifier: MIT */
/* transcript.h - what the files of the program weir-side share. */
#ifndef WEIR_TEST_TRANSCRIPT_H
#define WEIR_TEST_TRANSCRIPT_H

#include <stdbool.h>

struct scenario {
    const char *name;
    void (*fn)(void);
};

extern const struct scenario others[]; /* of datagrams and programs; name NULL: the end */

void note(const char *format, ...) __attribute__((format(printf, 1, 2)));

void note_text(void *text); /* a callback that notes */

/* Wait until the last line begins with text. */
void until(const char *text);

/* End the program if a call of the scenario itself failed. */
void must_at(int rc, const char *what);
#define must(call) must_at((call), #call)

/* As asyncio_side.py says it. */
const char *error_name(int rc);
const char *true_or_false(bool is);

#endif
