/* SPDX-License-Identifier: MIT */
/* error.c - the record of the last error: one for each task (at the top of its stack) and one for
 * each thread, for calls outside of tasks. It is written where an error begins, and copied when the
 * error goes to another task. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/check.h"
#include "base/escape.h"
#include "base/log.h"
#include "task/internal.h"
#include "wire/uri.h"

enum { TEXT_SIZE = sizeof ((struct weir_error *)0)->text };

static __thread struct weir_error outside, *of_callback;

__thread struct weir__ledger weir__ledger;

struct weir_error *weir__error_here(void) {
    struct sched *s = weir__sched;
    if (s != NULL)
        s->loop.recorded = true;
    if (s != NULL && s->current != NULL && s->current->stack != NULL)
        return &s->current->stack->error;
    return of_callback ? of_callback : &outside;
}

struct weir_error *weir__error_divert(struct weir_error *e) {
    struct weir_error *before = of_callback;
    of_callback = e;
    return before;
}

uint16_t weir__error_number(void) {
    uint16_t number = (uint16_t)++weir__ledger.raised;
    weir__ledger.raised_sum += number;
    return number;
}

void weir__error_raised(struct weir_task *t) {
    t->error_number = weir__error_number();
}

void weir__error_settled(uint16_t number) {
    weir__ledger.settled++;
    weir__ledger.settled_sum += number;
}

static void name_reason(struct weir_error *e, const struct reason *why) {
    const struct note *note = weir__note_of(why->note);
    e->scope = why->cause ? why->cause : "";
    e->budget = why->budget;
    e->by = note->by ? note->by : "";
    e->by_code = note->code;
    e->site = note->site;
}

void weir__error_because(struct reason why) {
    name_reason(weir__error_here(), &why);
}

static void name_scope(struct weir_error *e, const struct weir_task *t) {
    struct reason why = {NULL, 0, 0};
    if (t != NULL && (e->code == -ETIME || e->code == -ECANCELED))
        why = weir__scope_reason(t, t->scope, e->code);
    name_reason(e, &why);
}

/* Of the URL of a page or a WebSocket only what may be shown. Any other text, such as a path, can
 * have a question mark of its own. */
static size_t on_len(const char *on, size_t size) {
    static const char *const schemes[] = {"http://", "https://", "ws://", "wss://"};
    size_t len = strnlen(on, size);
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++)
        if (strncasecmp(on, schemes[i], strlen(schemes[i])) == 0)
            return len < weir__uri_shown_len(on) ? len : weir__uri_shown_len(on);
    return len;
}

static void on_copy(char *copy, size_t size, const char *on) {
    weir__escape(copy, size, on ? on : "", on ? on_len(on, size) : 0);
}

/* on may lie in the record that is about to be written: callers pass "on" and "text" of an earlier
 * error on. */
static struct weir_error *record_in(struct weir_error *e, const struct weir_task *t, int rc,
                                    const char *what, const char *on) {
    char copy[sizeof e->on];
    on_copy(copy, sizeof copy, on);
    e->code = rc;
    e->status = e->reason = 0;
    e->what = what ? what : "";
    e->where = t ? t->name : "";
    e->done = 0;
    memcpy(e->on, copy, sizeof copy);
    name_scope(e, t);
    return e;
}

static struct weir_error *record(int rc, const char *what, const char *on) {
    return record_in(weir__error_here(), weir_task_current(), rc, what, on);
}

/* Append to text, which holds escaped text already. Everything in a record's text is escaped here,
 * so that no part of it controls the terminal or the log that shows it. Returns false if the text
 * was cut. */
static bool text_add_v(char *text, const char *format, va_list args) {
    char raw[TEXT_SIZE];
    size_t used = strlen(text);
    memcpy(raw, text, used);
    int n = vsnprintf(raw + used, sizeof raw - used, format, args);
    size_t len = used + (n > 0 ? (size_t)n : 0);
    /* too long: pass raw's NUL too, one character more than fits, so that the cut is marked */
    return weir__escape(text, TEXT_SIZE, raw, len < sizeof raw ? len : sizeof raw);
}

static bool __attribute__((format(printf, 2, 3))) text_add(char *text, const char *format, ...) {
    va_list args;
    va_start(args, format);
    bool whole = text_add_v(text, format, args);
    va_end(args);
    return whole;
}

static const char *file_of(const struct weir_site *site) { /* without its folder */
    const char *slash = strrchr(site->file, '/');
    return slash ? slash + 1 : site->file;
}

/* "cancelled because task 'feed' (main.c:20) failed: connection refused (ECONNREFUSED)" */
static void add_failure(struct weir_error *e) {
    char place[64] = "";
    if (e->site != NULL)
        snprintf(place, sizeof place, "%s:%d", file_of(e->site), e->site->line);
    if (*e->by)
        text_add(e->text, " because task '%s' (%s) failed: ", e->by, place);
    else
        text_add(e->text, " because the body of the group%s%s failed: ",
                 *place ? " opened at " : "", place);
    text_add(e->text, "%s (%s)", weir_error_text(e->by_code), weir_error_name(e->by_code));
}

/* "cancelled by task 'operator' at main.c:33: the operator stops it" */
static void add_canceller(struct weir_error *e) {
    text_add(e->text, "cancelled");
    if (e->by_code < 0) {
        add_failure(e);
        return;
    }
    if (e->by_code > 0)
        text_add(e->text, " by signal %d%s", e->by_code, e->site ? ", scope entered" : "");
    else if (*e->by)
        text_add(e->text, " by task '%s'", e->by);
    if (e->site != NULL)
        text_add(e->text, " at %s:%d", file_of(e->site), e->site->line);
    if (e->by_code == 0 && *e->scope)
        text_add(e->text, ": %s", e->scope);
}

static bool is_cancel(const struct weir_error *e) {
    return (e->code == -ECANCELED || e->code == WEIR_ESTOPPED) && e->by != NULL &&
           (e->site != NULL || e->by_code != 0 || *e->by != '\0' || *e->scope != '\0');
}

/* Make a text such as "read 127.0.0.1:80: connection reset by peer (ECONNRESET)". Only when
 * somebody asks for it: most errors are passed on without being shown. */
static void text_make(struct weir_error *e) {
    const char *space = *e->what && *e->on ? " " : "", *colon = *e->what || *e->on ? ": " : "";
    text_add(e->text, "%s%s%s%s", e->what, space, e->on, colon);
    if (is_cancel(e)) {
        add_canceller(e);
        return;
    }
    text_add(e->text, "%s (%s)", weir_error_text(e->code), weir_error_name(e->code));
    if (e->budget > 0)
        text_add(e->text, ", budget %lld ms", (long long)(e->budget / 1000000));
    if (e->code == -ETIME && e->site != NULL)
        text_add(e->text, ", entered at %s:%d", file_of(e->site), e->site->line);
}

int weir__fail(int rc, const char *what, const char *on) {
    record(rc, what, on)->text[0] = '\0';
    return rc;
}

/* The whole text is made before the record is changed: an argument may lie in the record. */
int weir__failf(int rc, const char *what, const char *on, const char *format, ...) {
    char text[TEXT_SIZE] = "", copy[sizeof ((struct weir_error *)0)->on];
    on_copy(copy, sizeof copy, on);
    if (text_add(text, "%s%s%s: ", what ? what : "", *copy ? " " : "", copy)) {
        va_list args;
        va_start(args, format);
        text_add_v(text, format, args);
        va_end(args);
    }
    memcpy(record(rc, what, copy)->text, text, sizeof text);
    return rc;
}

int weir__failf_in(struct weir_task *t, int rc, const char *what, const char *format, ...) {
    struct weir_error *e = record_in(&t->stack->error, t, rc, what, NULL);
    weir__sched->loop.recorded = true;
    va_list args;
    va_start(args, format);
    snprintf(e->text, sizeof e->text, "%s: ", what);
    text_add_v(e->text, format, args);
    va_end(args);
    return rc;
}

int weir__fail_wait(int rc, const char *what, const char *on) {
    return rc == -EDEADLK ? rc : weir__fail(rc, what, on);
}

static __attribute__((cold)) void fail_refused(const struct weir_task *t, int rc) {
    WEIR_BUG("weir_fail: %d is no error, which is less than 0 (task '%s', spawned at %s:%d)", rc,
             t ? t->name : "none", t ? t->site->file : "", t ? t->site->line : 0);
}

int weir_fail(int rc, const char *format, ...) {
    struct weir_task *t = weir_task_current();
    char text[TEXT_SIZE] = "";
    va_list args;
    if (rc >= 0)
        fail_refused(t, rc);
    if (t == NULL && of_callback == NULL)
        return rc;
    va_start(args, format);
    text_add_v(text, format, args);
    va_end(args);
    struct weir_error *e = weir__error_here();
    memcpy((e->code == rc ? e : record(rc, NULL, NULL))->text, text, sizeof text);
    return rc;
}

const char *weir__error_words(struct weir_error *e) {
    if (e->text[0] == '\0')
        text_make(e);
    return e->text;
}

const struct weir_error *weir_error(int rc) {
    struct weir_error *e = weir__error_here();
    if (rc >= 0 || e->code != rc)
        return NULL;
    weir__error_words(e);
    return e;
}

const char *weir_error_message(int rc) {
    const struct weir_error *e = weir_error(rc);
    return e != NULL ? e->text : weir_error_text(rc);
}

int weir__error_felt(int rc, const char *what) {
    struct weir_error *e = weir__error_here(), now = {.code = rc};
    name_scope(&now, weir_task_current());
    bool known = e->code == rc && e->scope == now.scope && e->budget == now.budget &&
                 e->by == now.by && e->by_code == now.by_code && e->site == now.site;
    return known ? rc : weir__fail(rc, what, NULL);
}

void weir__error_forget(int rc) {
    struct weir_error *e = weir__error_here();
    if (e->code == rc)
        e->code = 0;
}

void weir__error_begin(void) {
    weir__error_here()->code = 0;
}

void weir__error_keep(struct weir_error *ret_e) {
    *ret_e = *weir__error_here();
}

void weir__error_restore(const struct weir_error *e) {
    *weir__error_here() = *e;
}

void weir__fail_done(int rc, size_t done) {
    struct weir_error *e = weir__error_here();
    if (e->code == rc)
        e->done = done;
}

void weir__fail_status(int rc, int status) {
    struct weir_error *e = weir__error_here();
    if (e->code == rc)
        e->status = status;
}

void weir__fail_reason(int rc, int reason) {
    struct weir_error *e = weir__error_here();
    if (e->code == rc)
        e->reason = reason;
}

void weir__error_log(const char *verb, const struct weir_task *t, int rc,
                     const struct weir_error *e) {
    struct weir_error copy;
    const char *text = weir_error_text(rc);
    if (e != NULL && e->code == rc) {
        copy = *e;
        text = weir__error_words(&copy);
    }
    bool bare = text != copy.text;
    if (weir__unhandled(t->name, t->site, rc, bare ? NULL : &copy)) {
        weir__error_settled(t->error_number);
        return;
    }
    weir__log(WEIR_LOG_ERROR, "task '%s' (%s:%d) %s: %s%s%s%s", t->name, t->site->file,
              t->site->line, verb, text, bare ? " (" : "", bare ? weir_error_name(rc) : "",
              bare ? ")" : "");
    weir__error_settled(t->error_number);
}

struct weir_error *weir__error_of_child(const struct weir_task *t, int rc,
                                        const struct weir_error *e) {
    if (e != NULL && e->code == rc)
        return weir__error_copy(rc, e);
    struct weir_error *made = weir__alloc_zero(sizeof *made);
    if (made == NULL)
        return NULL;
    made->code = rc;
    made->what = made->where = t->name;
    made->scope = made->by = "";
    text_add(made->text, "task '%s' (%s:%d) failed: %s (%s)", t->name, t->site->file,
             t->site->line, weir_error_text(rc), weir_error_name(rc));
    return made;
}

/* Without memory for a copy, the code is handed on without a record. */
struct weir_error *weir__error_copy(int rc, const struct weir_error *e) {
    if (e == NULL || e->code != rc)
        return NULL;
    struct weir_error *copy = weir__alloc(sizeof *copy);
    return copy ? memcpy(copy, e, sizeof *copy) : NULL;
}
