/* SPDX-License-Identifier: MIT */
/* sketches.c - the table of the circuit's three. */
#include "cli/sketches.h"

#include <string.h>

static const struct sketch sketches[SKETCHES_MAX] = {
    {"clock", NULL, true, 8765, {"tacks", "delay"}, 2},
    {"iopin", "blink", false, 8765, {"chance", "sequence", "seed"}, 3},
    {"buzzer", NULL, false, 8766, {"sound"}, 1},
};

const struct sketch *sketches_find(const char *name) {
    for (size_t i = 0; i < SKETCHES_MAX; i++)
        if (strcmp(sketches[i].name, name) == 0)
            return &sketches[i];
    return NULL;
}

size_t sketches_names(bool sources, const char *ret_names[SKETCHES_MAX]) {
    size_t count = 0;
    for (size_t i = 0; i < SKETCHES_MAX; i++)
        if (sketches[i].is_source == sources)
            ret_names[count++] = sketches[i].name;
    return count;
}

bool sketches_takes(const struct sketch *s, const char *parameter) {
    for (size_t i = 0; i < s->parameter_count; i++)
        if (strcmp(s->parameters[i], parameter) == 0)
            return true;
    return false;
}
