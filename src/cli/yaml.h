/* SPDX-License-Identifier: MIT */
/* yaml.h - a YAML file as a tree in which each item knows its line and column, from libyaml's
 * events.
 *
 * Only what a fleet file needs: maps, lists and texts; one document. Anchors, aliases, merge keys
 * and tags are refused, not resolved: the meaning of a line must not depend on another line. All
 * values are text here, so that `no` stays "no"; the schema above decides what a text must look
 * like. */
#ifndef WEIR_CLI_YAML_H
#define WEIR_CLI_YAML_H

#include <stddef.h>

#include "cli/arena.h"

enum yaml_kind { YAML_TEXT, YAML_LIST, YAML_MAP };

struct yaml_place { /* from 1, as editors count; columns are characters */
    int line, column;
};

struct yaml_item {
    enum yaml_kind kind;
    struct yaml_place place;
    const char *text; /* YAML_TEXT */
    const char *key;  /* in a map: its key, and where that stood */
    struct yaml_place key_place;
    struct yaml_item *first, *last, *next; /* children; the next of the same parent */
    size_t count;                          /* children */
};

struct yaml_problem {
    struct yaml_place place;
    char text[512];
};

/* Note a problem. Returns WEIR_ECONFIG. */
int yaml_refuse(struct yaml_problem *p, struct yaml_place place, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Read one document from bytes, behind a byte order mark or not; the tree lives in a.
 * Returns 0; WEIR_ECONFIG (ret_problem says what and where), -ENOMEM. */
int yaml_read(struct arena *a, const char *bytes, size_t len, struct yaml_item **ret_root,
              struct yaml_problem *ret_problem);

/* The child of a map by its key; NULL if there is none. */
const struct yaml_item *yaml_child(const struct yaml_item *map, const char *key);

/* "a text", "a list", "a map". */
const char *yaml_kind_name(enum yaml_kind kind);

#endif
