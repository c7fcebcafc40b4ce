/* SPDX-License-Identifier: MIT */
/* unhandled.c - the program's hook for errors that nobody will read. Without a hook they are
 * logged. */
#include <stdio.h>

#include "task/internal.h"
#include "task/soon.h"

bool weir__unhandled(const char *task, const struct weir_site *site, int rc,
                     const struct weir_error *e) {
    struct sched *s = weir__sched;
    if (s == NULL || s->on_unhandled == NULL)
        return false;
    struct weir_error made = {.code = rc, .what = "", .where = task, .scope = "", .by = ""};
    snprintf(made.text, sizeof made.text, "%s (%s)", weir_error_text(rc), weir_error_name(rc));
    struct weir_unhandled u = {task, site, e != NULL ? e : &made};
    struct weir__callback around;
    weir__callback_begin(&around);
    bool is_handled = s->on_unhandled(&u, s->unhandled_arg);
    weir__callback_end(&around);
    return is_handled;
}
