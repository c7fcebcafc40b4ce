/* SPDX-License-Identifier: MIT */
/* color.h - what a line of a node leaves behind in a terminal: colours that it has not reset, an
 * escape sequence that it has not ended. The next line, of another node, must show none of it. */
#ifndef WEIR_CLI_COLOR_H
#define WEIR_CLI_COLOR_H

#include <stddef.h>

enum { COLOR_ENDING_MAX = 8 }; /* bytes of an ending */

/* What must stand behind line so that nothing of it is left: "", or what ends the open escape
 * sequence, resets the colours, or both. Static text. */
const char *color_ending(const char *line, size_t len);

#endif
