/* SPDX-License-Identifier: MIT */
/* escape.h - make untrusted text (from peers, files, variables) safe to print as one line on a
 * terminal or in a log. Shown as escapes are: control characters of ASCII and Latin-1 and DEL, as
 * \n, \t, \x1b; line separators and characters that change the direction of text (U+202A..202E,
 * U+2066..2069), as \u202e; bytes that are not UTF-8, as \xff. All else stays as it is, backslashes
 * too, so escaping a text a second time changes nothing. All code that prints calls this;
 * tools/doors.py checks it. Any thread; signal-safe. */
#ifndef WEIR_BASE_ESCAPE_H
#define WEIR_BASE_ESCAPE_H

#include <stdbool.h>
#include <stddef.h>

enum { WEIR__ESCAPE_MAX = 6 }; /* bytes that one character becomes at most */

/* Write to out what stands for the character at text, len >= 1 bytes long at most. No NUL is
 * added. Returns how many bytes of text that were, 1 to 4; *ret_len is 1 to WEIR__ESCAPE_MAX. */
size_t weir__escape_one(const char *text, size_t len, char *out, size_t *ret_len);

/* Write the whole text to out, which has size bytes with the NUL, at least 8. If it does not fit,
 * it is cut, never within a character or an escape, ends with "...", and false is returned. */
bool weir__escape(char *out, size_t size, const char *text, size_t len);

#endif
