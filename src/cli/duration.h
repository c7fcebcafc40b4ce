/* SPDX-License-Identifier: MIT */
/* duration.h - times as people write them: 500ms, 5s, 1.5s, 2m. A bare number is no duration. */
#ifndef WEIR_CLI_DURATION_H
#define WEIR_CLI_DURATION_H

#include <stdbool.h>
#include <weir/base.h>

/* Read the whole of text. False: not of that form, or longer than a day. */
bool duration_parse(const char *text, weir_ns *ret_ns);

/* Write ns as people write it, in the largest unit that needs no fraction: "5s", "1500ms". */
void duration_format(weir_ns ns, char *buf, size_t size);

#endif
