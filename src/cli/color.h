/* SPDX-License-Identifier: MIT */
/* color.h - the colours that a node's line does not reset, and the escape sequence that it does not
 * finish. Both are ended after the line, so that they cannot change the next line, which may be
 * another node's. */
#ifndef WEIR_CLI_COLOR_H
#define WEIR_CLI_COLOR_H

#include <stddef.h>

enum { COLOR_ENDING_MAX = 8 }; /* bytes of an ending */

/* What must stand behind line so that nothing of it is left: "", or what ends the open escape
 * sequence, resets the colours, or both. Static text. */
const char *color_ending(const char *line, size_t len);

#endif
