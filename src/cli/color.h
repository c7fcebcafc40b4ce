/* SPDX-License-Identifier: MIT */
/* color.h - a line may set colours without resetting them, and may begin an escape sequence without
 * completing it. What to print behind the line, so that the next line, which may be another node's,
 * does not change. */
#ifndef WEIR_CLI_COLOR_H
#define WEIR_CLI_COLOR_H

#include <stddef.h>

enum { COLOR_ENDING_MAX = 8 }; /* bytes of an ending */

/* The text to print behind line: "", or the bytes that end an open escape sequence, reset the
 * colours, or both. Static text. */
const char *color_ending(const char *line, size_t len);

#endif
