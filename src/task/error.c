/* SPDX-License-Identifier: MIT */
/* error.c - the one record of the last error, per task (at the top of its stack) and, outside
 * tasks, per thread. Written at the origin; copied when an error changes hands. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "task/internal.h"

static __thread struct weir_error outside;

struct weir_error *weir__error_here(void) {
    struct sched *s = weir__sched;
    return s && s->current && s->current->stack ? &s->current->stack->error : &outside;
}


/* Which scope of t raised rc? The outermost that fired so: the inner ones only pass it on. */
static void name_scope(struct weir_error *e, const struct weir_task *t) {
    e->scope = "";
    e->budget = 0;
    if (t == NULL || (e->code != -ETIME && e->code != -ECANCELED))
        return;
    if (t->own == e->code && t->cause != NULL)
        e->scope = t->cause;
    for (const struct scope *sc = t->scope; sc != NULL; sc = sc->outer) {
        if (sc->own != e->code)
            continue;
        e->scope = sc->cause ? sc->cause : "";
        e->budget = sc->kind == SCOPE_PLAIN && e->code == -ETIME ? sc->budget : 0;
    }
}

static struct weir_error *record(int rc, const char *what, const char *on) {
    struct weir_error *e = weir__error_here();
    struct weir_task *t = weir_task_current();
    e->code = rc;
    e->what = what ? what : "";
    e->where = t ? t->name : "";
    e->done = 0;
    size_t len = on ? strnlen(on, sizeof e->on - 1) : 0;
    if (len > 0)
        memcpy(e->on, on, len);
    e->on[len] = '\0';
    name_scope(e, t);
    return e;
}

/* "read 127.0.0.1:80: connection reset by peer (ECONNRESET)". Made when somebody asks: most errors
 * are only passed on. */
static void text_make(struct weir_error *e) {
    int n = snprintf(e->text, sizeof e->text, "%s%s%s: %s (%s)", e->what, *e->on ? " " : "", e->on,
                     weir_error_text(e->code), weir_error_name(e->code));
    if (n < 0 || (size_t)n >= sizeof e->text)
        return;
    if (e->budget > 0)
        snprintf(e->text + n, sizeof e->text - (size_t)n, ", budget %lld ms",
                 (long long)(e->budget / 1000000));
    else if (*e->scope)
        snprintf(e->text + n, sizeof e->text - (size_t)n, ", cause: %s", e->scope);
}

int weir__fail(int rc, const char *what, const char *on) {
    record(rc, what, on)->text[0] = '\0';
    return rc;
}

int weir__failf(int rc, const char *what, const char *on, const char *format, ...) {
    struct weir_error *e = record(rc, what, on);
    int n = snprintf(e->text, sizeof e->text, "%s%s%s: ", e->what, *e->on ? " " : "", e->on);
    if (n < 0 || (size_t)n >= sizeof e->text)
        return rc;
    va_list args;
    va_start(args, format);
    vsnprintf(e->text + n, sizeof e->text - (size_t)n, format, args);
    va_end(args);
    return rc;
}

const struct weir_error *weir_error(int rc) {
    struct weir_error *e = weir__error_here();
    if (rc >= 0 || e->code != rc)
        return NULL;
    if (e->text[0] == '\0')
        text_make(e);
    return e;
}

void weir__error_restore(const struct weir_error *e) {
    *weir__error_here() = *e;
}

void weir__fail_done(int rc, size_t done) {
    struct weir_error *e = weir__error_here();
    if (e->code == rc)
        e->done = done;
}

void weir__error_log(const char *verb, const struct weir_task *t, int rc,
                     const struct weir_error *e) {
    struct weir_error copy;
    const char *text = weir_error_text(rc);
    if (e != NULL && e->code == rc) {
        copy = *e;
        if (copy.text[0] == '\0')
            text_make(&copy);
        text = copy.text;
    }
    weir__log(WEIR_LOG_ERROR, "task '%s' (%s:%d) %s: %s%s%s", t->name, t->site->file,
              t->site->line, verb, text, text == copy.text ? "" : " ",
              text == copy.text ? "" : weir_error_name(rc));
}

/* Without memory the code alone travels on. */
struct weir_error *weir__error_copy(int rc, const struct weir_error *e) {
    if (e == NULL || e->code != rc)
        return NULL;
    struct weir_error *copy = weir__alloc(sizeof *copy);
    return copy ? memcpy(copy, e, sizeof *copy) : NULL;
}
