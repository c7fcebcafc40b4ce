/* SPDX-License-Identifier: MIT */
/* registry.c - the list of the loops of this process that have not ended. No two of them have the
 * same number or the same name. Objects pinned to a loop store its number, since the address of an
 * ended loop may be given to another. Texts show the name. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/process.h"
#include "loop/handle.h"
#include "wire/utf8.h"

static struct {
    pthread_mutex_t lock;       /* of weir__process.loops too */
    struct weir__list parents;  /* changes only when a fork child begins */
    uint16_t last_number;
} kept = {PTHREAD_MUTEX_INITIALIZER, {&kept.parents, &kept.parents}, 0};

static struct weir__list *const loops = &weir__process.loops;

static struct weir_loop *loop_at(struct weir__list *at) {
    return WEIR_CONTAINER(at, struct weir_loop, living);
}

static struct weir_loop *by_number(unsigned number) {
    for (struct weir__list *at = loops->next; at != loops; at = at->next)
        if (loop_at(at)->number == number)
            return loop_at(at);
    return NULL;
}

static bool has_name(const char *name) {
    for (struct weir__list *at = loops->next; at != loops; at = at->next)
        if (strcmp(loop_at(at)->name, name) == 0)
            return true;
    return false;
}

/* Give l the next free number, so that a number is not used again soon. */
static int number_give(struct weir_loop *l) {
    for (unsigned tries = 0; tries <= UINT16_MAX; tries++)
        if (++kept.last_number != 0 && by_number(kept.last_number) == NULL) {
            l->number = kept.last_number;
            return 0;
        }
    return -EAGAIN;
}

/* The highest count of a living loop whose name is base ("main" is 1, "main-2" is 2); 0: none. */
static unsigned count_of(const char *base, unsigned len) {
    unsigned count = 0;
    for (struct weir__list *at = loops->next; at != loops; at = at->next) {
        const struct weir_loop *l = loop_at(at);
        if (l->name_base == len && memcmp(l->name, base, len) == 0 && l->name_count > count)
            count = l->name_count;
    }
    return count;
}

static void name_give(struct weir_loop *l, const char *name) {
    enum { COUNT_MAX = 12 }; /* bytes of "-4294967295" and NUL */
    l->name_base = (unsigned)weir__utf8_cut(name, strlen(name), sizeof l->name - COUNT_MAX);
    l->name_count = count_of(name, l->name_base) + 1;
    snprintf(l->name, sizeof l->name, "%.*s", (int)l->name_base, name);
    if (l->name_count == 1 && !has_name(l->name))
        return;
    do { /* more than once only if the program itself named a loop "main-2" */
        l->name_count += l->name_count == 1;
        snprintf(l->name, sizeof l->name, "%.*s-%u", (int)l->name_base, name, l->name_count);
    } while (has_name(l->name) && ++l->name_count);
}

int weir__loop_enlist(struct weir_loop *l, const char *name) {
    pthread_mutex_lock(&kept.lock);
    int rc = number_give(l);
    if (rc == 0) {
        name_give(l, name ? name : "main");
        weir__list_add_tail(loops, &l->living);
    }
    pthread_mutex_unlock(&kept.lock);
    return rc;
}

void weir__loop_delist(struct weir_loop *l) {
    pthread_mutex_lock(&kept.lock);
    weir__list_remove(&l->living);
    pthread_mutex_unlock(&kept.lock);
}

bool weir__loop_lives(unsigned number) {
    pthread_mutex_lock(&kept.lock);
    bool lives = by_number(number) != NULL;
    pthread_mutex_unlock(&kept.lock);
    return lives;
}

static void text(const struct weir_loop *l, char buf[static WEIR__LOOP_TEXT]) {
    snprintf(buf, WEIR__LOOP_TEXT, "%s%s%s", l ? "loop '" : "a loop that has ended",
             l ? l->name : "", l ? "'" : "");
}

const char *weir__loop_text_of(unsigned number, char buf[static WEIR__LOOP_TEXT]) {
    pthread_mutex_lock(&kept.lock);
    text(by_number(number), buf);
    pthread_mutex_unlock(&kept.lock);
    return buf;
}

const char *weir__loop_text(const struct weir__loop *own, char buf[static WEIR__LOOP_TEXT]) {
    const struct weir_loop *found = NULL;
    pthread_mutex_lock(&kept.lock);
    for (struct weir__list *at = loops->next; at != loops; at = at->next)
        if (loop_at(at)->own == own)
            found = loop_at(at);
    text(found, buf);
    pthread_mutex_unlock(&kept.lock);
    return buf;
}

/* The child has one thread only, and shares the descriptors of the loops with the parent: no loop
 * of the parent can be used here. */
static void fork_child(void) {
    while (!weir__list_empty(loops)) {
        struct weir_loop *l = loop_at(loops->next);
        weir__list_remove(&l->living);
        weir__list_add_tail(&kept.parents, &l->living);
        weir__mailbox_forked(&l->mail);
    }
}

static const struct weir__part part = {
    .name = "loops",
    .state = &kept,
    .size = sizeof kept,
    .lock = &kept.lock,
    .fork_child = fork_child,
};

static __attribute__((constructor)) void begin(void) {
    weir__process_add(WEIR__PART_LOOPS, &part);
}

/* The memory of a parent's loop is never freed here, so no loop of this process has its address. */
bool weir__loop_is_parents(const struct weir__loop *own) {
    for (struct weir__list *at = kept.parents.next; at != &kept.parents; at = at->next)
        if (loop_at(at)->own == own)
            return true;
    return false;
}
