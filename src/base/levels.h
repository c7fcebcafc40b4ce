/* SPDX-License-Identifier: MIT */
/* levels.h - which lines are logged: rules for the names of loggers. Any thread. */
#ifndef WEIR_BASE_LEVELS_H
#define WEIR_BASE_LEVELS_H

#include <stddef.h>
#include <weir/log.h>

enum { WEIR__LOGGER_NAME_MAX = 31, WEIR__RULES_MAX = 32 };

/* Replace the rules. NULL: none. Returns 0 or -EINVAL, with the reason in ret_why. */
int weir__levels_set(const char *text, char *ret_why, size_t size);

/* The rule for `*`; the others stay. */
void weir__levels_set_rest(enum weir_log_level level);

/* Called when the library is loaded, with the value of WEIR_LOG or NULL. */
void weir__levels_begin(const char *text);

/* What is wrong with WEIR_LOG; "" if nothing is, or weir__levels_set has been called since. */
const char *weir__levels_environment(void);

#endif
