/* SPDX-License-Identifier: MIT */
/* origin.h - web origins (RFC 6454), as a browser sends them in the header Origin. */
#ifndef WEIR_WIRE_ORIGIN_H
#define WEIR_WIRE_ORIGIN_H

/* What keeps text from being a web origin, as a browser sends it: scheme://host[:port], or null.
 * NULL: nothing. Static text. */
const char *weir__origin_refused(const char *text);

#endif
