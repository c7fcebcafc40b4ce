/* SPDX-License-Identifier: MIT */
/* duration.c - digits, at most three decimals, a unit. Integer arithmetic, so that 0.1s is
 * exact. */
#include "cli/duration.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/limits.h"

static const struct {
    const char *name;
    weir_ns ns;
} units[] = {{"m", WEIR_SECONDS(60)}, {"s", WEIR_SECONDS(1)}, {"ms", WEIR_MILLISECONDS(1)}};

enum { UNITS = sizeof units / sizeof units[0], DIGITS_MAX = 9 };

/* Digits from *at on, scaled so that "25" of at most three decimals means 250 thousandths. */
static bool read_digits(const char **at, int digits_max, int64_t *ret_value) {
    int64_t value = 0;
    int digits = 0;
    for (; isdigit((unsigned char)**at); (*at)++, digits++) {
        if (digits == digits_max)
            return false;
        value = value * 10 + (**at - '0');
    }
    *ret_value = value;
    return digits > 0;
}

bool duration_parse(const char *text, weir_ns *ret_ns) {
    const char *at = text;
    int64_t whole = 0, thousandths = 0;
    if (!read_digits(&at, DIGITS_MAX, &whole))
        return false;
    if (*at == '.') {
        const char *decimals = ++at;
        if (!read_digits(&at, 3, &thousandths))
            return false;
        for (ptrdiff_t n = at - decimals; n < 3; n++)
            thousandths *= 10;
    }
    for (size_t i = 0; i < UNITS; i++) {
        if (strcmp(at, units[i].name) != 0)
            continue;
        if (whole > LIMIT_DURATION / units[i].ns)
            return false;
        weir_ns ns = whole * units[i].ns + thousandths * (units[i].ns / 1000);
        if (ns > LIMIT_DURATION)
            return false;
        *ret_ns = ns;
        return true;
    }
    return false;
}

void duration_format(weir_ns ns, char *buf, size_t size) {
    for (size_t i = 0; i < UNITS; i++) {
        if (ns == 0 || ns % units[i].ns != 0)
            continue;
        snprintf(buf, size, "%" PRId64 "%s", ns / units[i].ns, units[i].name);
        return;
    }
    snprintf(buf, size, "%" PRId64 "ms", ns / units[UNITS - 1].ns);
}
