/* SPDX-License-Identifier: MIT */
/* duration.h - durations as text: 500ms, 5s, 1.5s, 2m. A number without a unit is no duration. */
#ifndef WEIR_CLI_DURATION_H
#define WEIR_CLI_DURATION_H

#include <stdbool.h>
#include <weir/base.h>

/* Parse text, which must be a duration and nothing else. Returns false if it is none, or longer
 * than a day. */
bool duration_parse(const char *text, weir_ns *ret_ns);

/* Write ns in the largest unit that needs no fraction: "5s", "1500ms". */
void duration_format(weir_ns ns, char *buf, size_t size);

#endif
