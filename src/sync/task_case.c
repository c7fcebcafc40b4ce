/* SPDX-License-Identifier: MIT */
/* task_case.c - a task as a case of weir_select: it has ended. The select stands in the queue of
 * those that await the task. */
#include <weir/select.h>

#include <errno.h>

#include "sync/sync.h"

static void check(void *object, size_t item_size) {
    (void)item_size;
    weir__task_has_ended(object, "weir_select");
}

static int attempt(void *object, void *item) {
    (void)item;
    if (object == weir__task_here())
        return -EDEADLK;
    return weir__task_has_ended(object, "weir_select") ? 0 : -EAGAIN;
}

static void enlist(void *object, void *item, struct weir__wait *wait, struct weir__waiter *w) {
    weir__wait_add(wait, w, weir__task_awaiters(object), item);
}

const struct weir__select_ops weir__case_task = {
    .text = "task", .check = check, .attempt = attempt, .enlist = enlist};
