/* SPDX-License-Identifier: MIT */
/* date.h - the dates of HTTP (RFC 9110 5.6.7): three formats are read, one is written. Pure. */
#ifndef WEIR_HTTP_DATE_H
#define WEIR_HTTP_DATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { WEIR__DATE_LEN = 29 }; /* "Sun, 06 Nov 1994 08:49:37 GMT" */

/* Read a date, in seconds since 1970. now decides the century of a year of two digits: the date
 * lies at most 50 years ahead. A wrong day of the week makes no difference. Returns false, *ret
 * untouched, if it is none. */
bool weir__date_parse(const char *text, size_t len, int64_t now, int64_t *ret);

/* Write a date of the years 0 .. 9999 and a NUL; others become the first or the last of these.
 * Returns text. */
const char *weir__date_write(int64_t seconds, char text[static WEIR__DATE_LEN + 1]);

/* The year, month and so on of a time in UTC. */
struct weir__civil {
    int year, month, day, hour, minute, second, weekday; /* month from 1; weekday from Sunday, 0 */
};
struct weir__civil weir__civil(int64_t seconds);

extern const char weir__months[12][4], weir__weekdays[7][4];

#endif
