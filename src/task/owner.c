/* SPDX-License-Identifier: MIT */
/* owner.c - the messages with which a misused scope, group or task aborts: which loop owns the
 * object, where it was opened, and which loop this thread runs. The checks that find the misuse are
 * inline functions in internal.h. */
#include <stdio.h>

#include "base/check.h"
#include "task/internal.h"

const char *weir__scope_text(uint8_t kind, const struct weir_site *site,
                             char buf[static SCOPE_TEXT]) {
    static const char *const names[] = {
        [SCOPE_PLAIN] = "the scope entered",
        [SCOPE_SHIELD] = "the shield entered",
        [SCOPE_GROUP] = "the group opened",
        [SCOPE_UNDER] = "a connection's group, made",
    };
    const char *name = kind < sizeof names / sizeof *names ? names[kind] : NULL;
    if (name == NULL)
        name = "a scope or group opened";
    if (site == NULL)
        snprintf(buf, SCOPE_TEXT, "%s at a place unknown", name);
    else
        snprintf(buf, SCOPE_TEXT, "%s at %s:%d", name, site->file, site->line);
    return buf;
}

struct sched *weir__sched_for(const char *call) {
    struct sched *s = weir__sched;
    if (s == NULL)
        WEIR_BUG("%s: outside a task (call it inside weir_run)", call);
    if (s->current == NULL)
        WEIR_BUG("%s: not inside a task: posted functions and callbacks have none", call);
    return s;
}

/* Abort: the object that what names belongs to the loop of that number, and the call came from
 * another loop, thread or process. */
static _Noreturn void refuse_stranger(const char *call, const char *what, unsigned number) {
    char theirs[WEIR__LOOP_TEXT];
    if (weir__is_fork_child())
        WEIR_BUG("%s: called in a fork child: %s belongs to a loop of the parent process", call,
                 what);
    weir__loop_text_of(number, theirs);
    if (weir__sched == NULL)
        WEIR_BUG("%s: called from a thread without a loop: %s belongs to %s", call, what, theirs);
    WEIR_BUG("%s: %s belongs to %s, but this thread runs loop '%s'", call, what, theirs,
             weir__sched->loop.handle->name);
}

void weir__scope_refuse(const struct scope *sc, const char *call) {
    char text[SCOPE_TEXT];
    if (sc == NULL)
        WEIR_BUG("%s: the scope or group is NULL", call);
    if (scope_has(sc, SCOPE_LEFT))
        WEIR_BUG("%s: %s was %s already", call, weir__scope_text(sc->kind, sc->site, text),
                 sc->kind == SCOPE_GROUP ? "closed" : "left");
    if (!scope_has(sc, SCOPE_OPEN))
        WEIR_BUG("%s: not an open scope or group (never opened? moved? overwritten?)", call);
    refuse_stranger(call, weir__scope_text(sc->kind, sc->site, text), sc->loop);
}

/* If the handle was given back, only the task's own loop may read more than its loop number. */
void weir__task_refuse(const struct weir_task *t, const char *call) {
    char what[SCOPE_TEXT];
    if (t == NULL)
        WEIR_BUG("%s: the task is NULL (awaited or released already?)", call);
    if (weir__sched != NULL && t->loop == weir__sched->loop.number)
        WEIR_BUG("%s: the handle was given back already, and its task has ended", call);
    bool is_there = weir__loop_lives(t->loop) || weir__is_fork_child(); /* else its name is gone */
    snprintf(what, sizeof what, "the task%s%s%s", is_there ? " '" : "", is_there ? t->name : "",
             is_there ? "'" : "");
    refuse_stranger(call, what, t->loop);
}

void weir__group_gone(const struct weir_task *child) {
    char text[SCOPE_TEXT];
    WEIR_BUG("%s is gone, but its task '%s' is not: the group's memory was given up or overwritten "
             "before it was closed", weir__scope_text(SCOPE_GROUP, child->group_site, text),
             child->name);
}

void weir__scope_gone(const struct weir_task *t, const struct weir_site *site, uint8_t kind) {
    char text[SCOPE_TEXT];
    WEIR_BUG("%s was not %s before the function whose memory it lies in returned, or the memory "
             "was used for something else (task spawned at %s:%d)",
             weir__scope_text(kind, site, text), kind == SCOPE_GROUP ? "closed" : "left",
             t->site->file, t->site->line);
}

void weir__scope_open_already(const struct weir_site *site, uint8_t kind) {
    char text[SCOPE_TEXT];
    WEIR_BUG("%s is open already: it was not %s, or not before its function returned",
             weir__scope_text(kind, site, text), kind == SCOPE_GROUP ? "closed" : "left");
}

void weir__ended_inside(const struct weir_task *t) {
    char text[SCOPE_TEXT];
    uint8_t kind = (uint8_t)t->stack->inside_kind;
    WEIR_BUG("the task spawned at %s:%d ended inside %s: %s it", t->site->file, t->site->line,
             weir__scope_text(kind, t->stack->inside, text),
             kind == SCOPE_GROUP ? "close" : "leave");
}

void weir__returned_in_child(const struct weir_task *t) {
    WEIR_BUG("the function of task '%s' (%s:%d) returned in a fork child, whose parent runs this "
             "loop: end the child with _exit", t->name, t->site->file, t->site->line);
}

void weir__scope_not_yours(const struct scope *sc, const char *call) {
    char text[SCOPE_TEXT], inner[SCOPE_TEXT];
    const struct weir_task *t = weir__sched->current;
    weir__scope_text(sc->kind, sc->site, text);
    if (sc->task == NULL)
        WEIR_BUG("%s: %s belongs to the library, which closes it", call, text);
    if (sc->task != t)
        WEIR_BUG("%s: %s belongs to the task '%s', not to this one", call, text, sc->task->name);
    weir__scope_text((uint8_t)t->stack->inside_kind, t->stack->inside, inner);
    WEIR_BUG("%s: %s is not the innermost: that is %s", call, text, t->scope ? inner : "none");
}
