/* SPDX-License-Identifier: MIT */
/* params.c - see params.h. */
#include "worker/params.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/check.h"
#include "mesh/nearest.h"
#include "task/task.h"

void weir__params_fini(struct weir_params *p) {
    for (size_t i = 0; i < p->given_count; i++)
        weir__free(p->given[i].name);
    p->given_count = 0;
}

struct weir__param *weir__params_find(const struct weir_params *p, const char *name) {
    for (size_t i = 0; i < p->given_count; i++)
        if (strcmp(p->given[i].name, name) == 0)
            return (struct weir__param *)&p->given[i];
    return NULL;
}

int weir__params_give(struct weir_params *p, const char *text) {
    size_t len = strcspn(text, "=");
    if (text[len] == '\0' || len == 0)
        return weir__failf(WEIR_EPARAM, "parameter", text, "not of the form KEY=VALUE");
    char *copy = weir__strdup(text);
    if (copy == NULL)
        return weir__fail(-ENOMEM, "parameter", text);
    copy[len] = '\0';
    struct weir__param *known = weir__params_find(p, copy);
    if (known == NULL && p->given_count == WEIR__PARAMS_MAX) {
        weir__free(copy);
        return weir__failf(WEIR_EPARAM, "parameter", text, "more than %d of them",
                           WEIR__PARAMS_MAX);
    }
    if (known != NULL)
        weir__free(known->name);
    else
        known = &p->given[p->given_count++];
    *known = (struct weir__param){.name = copy, .value = copy + len + 1};
    WEIR_CHECK(p->given_count > 0 && p->given_count <= WEIR__PARAMS_MAX);
    return 0;
}

/* ---- asked for ---- */

static const char *ask(const struct weir_params *params, const char *name) {
    struct weir_params *p = (struct weir_params *)params; /* setup only reads; asking is ours */
    weir__not_null(params, "weir_param");
    struct weir__param *found = weir__params_find(p, name);
    if (p->asked_count < WEIR__PARAMS_MAX)
        p->asked[p->asked_count++] = name;
    WEIR_CHECK(p->asked_count <= WEIR__PARAMS_MAX && p->given_count <= WEIR__PARAMS_MAX);
    return found ? found->value : NULL;
}

/* Was it among the first count that were asked for? */
static bool was_asked(const struct weir_params *p, size_t count, const char *name) {
    for (size_t i = 0; i < count; i++)
        if (strcmp(p->asked[i], name) == 0)
            return true;
    return false;
}

static int refuse_name(const struct weir_params *p, const char *name) {
    struct weir__nearest near = weir__nearest_to(name);
    char known[120] = "; it takes none";
    size_t used = 0;
    for (size_t i = 0; i < p->asked_count; i++) {
        weir__nearest_feed(&near, p->asked[i]);
        if (used < sizeof known && !was_asked(p, i, p->asked[i]))
            used += (size_t)snprintf(known + used, sizeof known - used, "%s%s",
                                     i == 0 ? "; known are " : ", ", p->asked[i]);
    }
    if (near.nearest != NULL)
        snprintf(known, sizeof known, "; did you mean '%s'?", near.nearest);
    return weir__failf(WEIR_EPARAM, "parameter", name, "there is none of that name%s", known);
}

int weir__params_check(const struct weir_params *p) {
    for (size_t i = 0; i < p->given_count; i++) {
        const struct weir__param *given = &p->given[i];
        if (!given->optional && p->asked_count < WEIR__PARAMS_MAX
            && !was_asked(p, p->asked_count, given->name))
            return refuse_name(p, given->name);
    }
    return 0;
}

int weir_param_text(const struct weir_params *p, const char *name, const char *fallback,
                    const char **ret_value) {
    const char *value = ask(p, name);
    if (value == NULL && fallback == NULL)
        return weir__failf(WEIR_EPARAM, "parameter", name, "it is required: --with %s=...", name);
    *ret_value = value ? value : fallback;
    return 0;
}

static int bad(const char *name, const char *value, const char *wanted) {
    return weir__failf(WEIR_EPARAM, "parameter", name, "'%s' is not %s", value, wanted);
}

int weir_param_double(const struct weir_params *p, const char *name, double fallback,
                      double *ret_value) {
    const char *value = ask(p, name);
    char *end = NULL;
    double number = value ? strtod(value, &end) : fallback;
    if (value != NULL && (end == value || *end != '\0' || !isfinite(number)))
        return bad(name, value, "a number");
    *ret_value = number;
    return 0;
}

int weir_param_int(const struct weir_params *p, const char *name, int64_t fallback,
                   int64_t *ret_value) {
    const char *value = ask(p, name);
    char *end = NULL;
    errno = 0;
    long long number = value ? strtoll(value, &end, 10) : fallback;
    if (value != NULL && (end == value || *end != '\0' || errno != 0))
        return bad(name, value, "a whole number of 64 bits");
    *ret_value = number;
    return 0;
}
