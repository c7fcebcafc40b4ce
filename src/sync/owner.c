/* SPDX-License-Identifier: MIT */
/* owner.c - the rare paths of what one task holds. */
#include "sync/owner.h"

#include <stdio.h>

void weir__owner_ended(struct weir__at_end *held) {
    struct weir__owned *o = WEIR_CONTAINER(held, struct weir__owned, held);
    char task[WEIR__TASK_TEXT], text[WEIR__SYNC_TEXT];
    WEIR_BUG("%s ended while it held %s", weir__task_text(weir__task_here(), task),
             weir__sync_text(&o->sync, text));
}

struct weir_task *weir__owner_of(const void *owned) {
    return ((const struct weir__owned *)owned)->held.task;
}

void weir__owner_refuse(struct weir__owned *o, const char *kind, const char *call) {
    char text[WEIR__SYNC_TEXT], task[WEIR__TASK_TEXT] = "nobody";
    o->sync.kind = kind;
    if (o->held.task != NULL)
        weir__task_text(o->held.task, task);
    WEIR_BUG("%s: the running task does not hold %s; %s does", call,
             weir__sync_text(&o->sync, text), task);
}

void weir__owned_fini(struct weir__owned *o, const char *kind, const char *call) {
    char text[WEIR__SYNC_TEXT], task[WEIR__TASK_TEXT];
    weir__sync_fini(&o->sync, kind, call);
    o->sync.kind = kind;
    if (o->held.task != NULL)
        WEIR_BUG("%s: %s holds %s", call, weir__task_text(o->held.task, task),
                 weir__sync_text(&o->sync, text));
}

struct weir_task *weir__owner_here(const char *call) {
    struct weir_task *t = weir__task_here();
    if (t == NULL)
        WEIR_BUG("%s: called outside a task, so nobody would hold it", call);
    return t;
}
