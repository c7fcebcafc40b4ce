/* SPDX-License-Identifier: MIT */
/* list.h - intrusive doubly linked ring. A head is a node that points to itself when empty; a
 * node outside any list points to itself too, so removing twice is harmless. */
#ifndef WEIR_BASE_LIST_H
#define WEIR_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct weir__list {
    struct weir__list *next, *prev;
};

#define WEIR_CONTAINER(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

static inline void weir__list_init(struct weir__list *l) {
    l->next = l->prev = l;
}

static inline bool weir__list_empty(const struct weir__list *l) {
    return l->next == l;
}

static inline void weir__list_add_tail(struct weir__list *head, struct weir__list *node) {
    node->prev = head->prev;
    node->next = head;
    head->prev->next = node;
    head->prev = node;
}

static inline void weir__list_remove(struct weir__list *node) {
    node->prev->next = node->next;
    node->next->prev = node->prev;
    node->next = node->prev = node;
}

/* Move all nodes of source, in order, to target, which need not be initialized. */
static inline void weir__list_take(struct weir__list *target, struct weir__list *source) {
    weir__list_init(target);
    weir__list_add_tail(source, target); /* target now stands in the ring beside source */
    weir__list_remove(source);
}

#endif
