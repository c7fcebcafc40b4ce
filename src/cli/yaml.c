/* SPDX-License-Identifier: MIT */
/* yaml.c - one recursive walk over libyaml's events, within the limit of depth. libyaml counts
 * lines and columns from 0, and gives only the byte offset of encoding errors. */
#include "cli/yaml.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <weir/base.h>
#include <yaml.h>

#include "base/check.h"
#include "base/escape.h"
#include "cli/limits.h"
#include "cli/names.h"

struct reader {
    struct arena *arena;
    yaml_parser_t parser;
    yaml_event_t event; /* the current event; owned while `held` */
    bool held;
    size_t items;
    const char *bytes;
    size_t len;
    struct yaml_problem *problem;
};

int yaml_refuse(struct yaml_problem *p, struct yaml_place place, const char *format, ...) {
    char raw[sizeof p->text];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(raw, sizeof raw, format, args);
    va_end(args);
    WEIR_CHECK(len >= 0);
    /* raw's NUL is one character too many, so that a cut is marked */
    weir__escape(p->text, sizeof p->text, raw, len < (int)sizeof raw ? (size_t)len : sizeof raw);
    p->place = place;
    return WEIR_ECONFIG;
}

const char *yaml_kind_name(enum yaml_kind kind) {
    static const char *const names[] = {"a text", "a list", "a map"};
    WEIR_CHECK((size_t)kind < sizeof names / sizeof names[0]);
    return names[kind];
}

const struct yaml_item *yaml_child(const struct yaml_item *map, const char *key) {
    for (const struct yaml_item *i = map->first; i != NULL; i = i->next) {
        names_compared++;
        if (i->key != NULL && strcmp(i->key, key) == 0)
            return i;
    }
    return NULL;
}

static struct yaml_place place_of(yaml_mark_t mark) {
    return (struct yaml_place){(int)mark.line + 1, (int)mark.column + 1};
}

static bool continues_character(char c) {
    return ((unsigned char)c & 0xc0) == 0x80;
}

static struct yaml_place place_of_offset(const struct reader *r, size_t offset) {
    struct yaml_place place = {1, 1};
    for (size_t i = 0; i < offset && i < r->len; i++) {
        if (r->bytes[i] == '\n')
            place = (struct yaml_place){place.line + 1, 1};
        else if (!continues_character(r->bytes[i]))
            place.column++;
    }
    return place;
}

/* The byte at a mark; NUL behind the last byte. */
static char byte_at(const struct reader *r, yaml_mark_t mark) {
    size_t at = 0;
    for (size_t line = 0; line < mark.line && at < r->len; line++) {
        const char *end = memchr(r->bytes + at, '\n', r->len - at);
        at = end ? (size_t)(end - r->bytes) + 1 : r->len;
    }
    for (size_t column = 0; column < mark.column && at < r->len; column++)
        for (at++; at < r->len && continues_character(r->bytes[at]); at++)
            continue;
    return at < r->len ? r->bytes[at] : '\0';
}

static int refuse_as_libyaml(struct reader *r) {
    const yaml_parser_t *p = &r->parser;
    if (p->error == YAML_MEMORY_ERROR)
        return -ENOMEM;
    if (p->error == YAML_READER_ERROR)
        return yaml_refuse(r->problem, place_of_offset(r, p->problem_offset), "%s", p->problem);
    struct yaml_place place = place_of(p->problem_mark);
    if (byte_at(r, p->problem_mark) == '\t')
        return yaml_refuse(r->problem, place, "a tab cannot indent: use spaces");
    if (p->context == NULL)
        return yaml_refuse(r->problem, place, "%s", p->problem);
    return yaml_refuse(r->problem, place, "%s, %s that began on line %d", p->problem, p->context,
                       place_of(p->context_mark).line);
}

static void drop(struct reader *r) {
    if (r->held)
        yaml_event_delete(&r->event);
    r->held = false;
}

/* Have the next event in r->event. */
static int advance(struct reader *r) {
    drop(r);
    if (!yaml_parser_parse(&r->parser, &r->event))
        return refuse_as_libyaml(r);
    r->held = true;
    return 0;
}

static const struct {
    yaml_event_type_t start, end;
} spans[] = {[YAML_TEXT] = {YAML_SCALAR_EVENT, YAML_NO_EVENT},
             [YAML_LIST] = {YAML_SEQUENCE_START_EVENT, YAML_SEQUENCE_END_EVENT},
             [YAML_MAP] = {YAML_MAPPING_START_EVENT, YAML_MAPPING_END_EVENT}};

static int refuse_extras(struct reader *r) {
    const yaml_event_t *e = &r->event;
    struct yaml_place place = place_of(e->start_mark);
    const yaml_char_t *anchor = NULL, *tag = NULL;
    if (e->type == YAML_ALIAS_EVENT)
        return yaml_refuse(r->problem, place, "aliases are refused: write '*%s' out",
                           (const char *)e->data.alias.anchor);
    if (e->type == YAML_SCALAR_EVENT)
        anchor = e->data.scalar.anchor, tag = e->data.scalar.tag;
    else if (e->type == YAML_SEQUENCE_START_EVENT)
        anchor = e->data.sequence_start.anchor, tag = e->data.sequence_start.tag;
    else if (e->type == YAML_MAPPING_START_EVENT)
        anchor = e->data.mapping_start.anchor, tag = e->data.mapping_start.tag;
    if (anchor != NULL)
        return yaml_refuse(r->problem, place, "anchors are refused: '&%s'", (const char *)anchor);
    if (tag != NULL)
        return yaml_refuse(r->problem, place, "tags are refused: '%s'", (const char *)tag);
    return 0;
}

/* A copy of the current event's scalar. */
static int read_text(struct reader *r, const char **ret_text) {
    WEIR_CHECK(r->held && r->event.type == YAML_SCALAR_EVENT);
    const char *bytes = (const char *)r->event.data.scalar.value;
    size_t len = r->event.data.scalar.length;
    struct yaml_place place = place_of(r->event.start_mark);
    if (len > LIMIT_TEXT_BYTES)
        return yaml_refuse(r->problem, place, "longer than %d bytes", LIMIT_TEXT_BYTES);
    if (memchr(bytes, '\0', len) != NULL)
        return yaml_refuse(r->problem, place, "a text cannot hold a NUL");
    *ret_text = arena_text(r->arena, bytes, len);
    return *ret_text ? 0 : -ENOMEM;
}

/* Read the current event as a key into item; the value's event becomes the current one. */
static int read_key(struct reader *r, struct yaml_item *item) {
    WEIR_CHECK(r->held && item->key == NULL);
    struct yaml_place place = place_of(r->event.start_mark);
    int rc = refuse_extras(r);
    if (rc < 0)
        return rc;
    if (r->event.type != YAML_SCALAR_EVENT)
        return yaml_refuse(r->problem, place, "a key must be a text");
    rc = read_text(r, &item->key);
    if (rc < 0)
        return rc;
    if (strcmp(item->key, "<<") == 0 && r->event.data.scalar.plain_implicit)
        return yaml_refuse(r->problem, place, "merge keys are refused: write '<<' out");
    item->key_place = place;
    return advance(r);
}

static void append(struct yaml_item *parent, struct yaml_item *item) {
    WEIR_CHECK(item->next == NULL && (parent->count == 0) == (parent->last == NULL));
    if (parent->last == NULL)
        parent->first = item;
    else
        parent->last->next = item;
    parent->last = item;
    parent->count++;
}

/* Once all keys of a map are there: one look at each. */
static int refuse_twins(struct reader *r, const struct yaml_item *map) {
    struct names seen;
    int rc = names_init(&seen, r->arena, map->count);
    for (const struct yaml_item *i = map->first; rc == 0 && i != NULL; i = i->next) {
        size_t line = names_put(&seen, i->key, strlen(i->key), (size_t)i->key_place.line);
        if (line != NAMES_NONE)
            rc = yaml_refuse(r->problem, i->key_place, "key '%s' is here twice: first on line %zu",
                             i->key, line);
    }
    return rc;
}

static int read_item(struct reader *r, struct yaml_item *item, int depth);

/* Read entries until the current list or map ends. */
static int read_children(struct reader *r, struct yaml_item *parent, int depth) {
    WEIR_CHECK(parent->kind != YAML_TEXT && parent->count == 0);
    for (;;) {
        int rc = advance(r);
        if (rc < 0)
            return rc;
        if (r->event.type == spans[parent->kind].end)
            return parent->kind == YAML_MAP ? refuse_twins(r, parent) : 0;
        struct yaml_item *item = arena_take(r->arena, sizeof *item);
        if (item == NULL)
            return -ENOMEM;
        if (parent->kind == YAML_MAP)
            rc = read_key(r, item);
        if (rc == 0)
            rc = read_item(r, item, depth + 1);
        if (rc < 0)
            return rc;
        append(parent, item);
    }
}

/* Read the item that begins with the current event; its last event is the current one then. */
static int read_item(struct reader *r, struct yaml_item *item, int depth) {
    int rc = refuse_extras(r);
    if (rc < 0)
        return rc;
    item->place = place_of(r->event.start_mark);
    if (depth > LIMIT_FILE_DEPTH)
        return yaml_refuse(r->problem, item->place, "nested deeper than %d", LIMIT_FILE_DEPTH);
    if (++r->items > LIMIT_FILE_ITEMS)
        return yaml_refuse(r->problem, item->place, "more than %d items", LIMIT_FILE_ITEMS);
    if (r->event.type == YAML_SCALAR_EVENT)
        return read_text(r, &item->text);
    WEIR_CHECK(r->event.type == spans[YAML_LIST].start || r->event.type == spans[YAML_MAP].start);
    item->kind = r->event.type == spans[YAML_LIST].start ? YAML_LIST : YAML_MAP;
    return read_children(r, item, depth);
}

/* Stream start, the one document, stream end. */
static int read_stream(struct reader *r, struct yaml_item *root) {
    int rc = advance(r);
    if (rc == 0)
        rc = advance(r);
    if (rc < 0)
        return rc;
    if (r->event.type == YAML_STREAM_END_EVENT)
        return yaml_refuse(r->problem, (struct yaml_place){1, 1}, "the file is empty");
    rc = advance(r);
    if (rc == 0)
        rc = read_item(r, root, 0);
    if (rc == 0)
        rc = advance(r); /* the document's end */
    if (rc == 0)
        rc = advance(r);
    if (rc < 0)
        return rc;
    if (r->event.type != YAML_STREAM_END_EVENT)
        return yaml_refuse(r->problem, place_of(r->event.start_mark),
                           "a second document begins: one file is one fleet");
    if (root->kind == YAML_TEXT && root->text[0] == '\0')
        return yaml_refuse(r->problem, (struct yaml_place){1, 1}, "the file is empty");
    return 0;
}

/* Editors elsewhere begin a file with the mark U+FEFF: as UTF-8 it means nothing. Returns how many
 * bytes it has; WEIR_ECONFIG: the file is in another encoding. */
static int skip_mark(const char *bytes, size_t len, struct yaml_problem *ret_problem) {
    if (len >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0)
        return 3;
    if (len >= 2 && (memcmp(bytes, "\xff\xfe", 2) == 0 || memcmp(bytes, "\xfe\xff", 2) == 0))
        return yaml_refuse(ret_problem, (struct yaml_place){1, 1},
                           "the file is UTF-16 or UTF-32: save it as UTF-8");
    return 0;
}

int yaml_read(struct arena *a, const char *bytes, size_t len, struct yaml_item **ret_root,
              struct yaml_problem *ret_problem) {
    int mark = skip_mark(bytes, len, ret_problem);
    if (mark < 0)
        return mark;
    bytes += mark;
    len -= (size_t)mark;
    struct reader r = {.arena = a, .bytes = bytes, .len = len, .problem = ret_problem};
    struct yaml_item *root = arena_take(a, sizeof *root);
    if (len > LIMIT_FILE_BYTES)
        return yaml_refuse(ret_problem, (struct yaml_place){1, 1}, "larger than %d KiB",
                           LIMIT_FILE_BYTES / 1024);
    if (root == NULL || !yaml_parser_initialize(&r.parser))
        return -ENOMEM;
    yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)bytes, len);
    int rc = read_stream(&r, root);
    drop(&r);
    yaml_parser_delete(&r.parser);
    if (rc == 0)
        *ret_root = root;
    return rc;
}
