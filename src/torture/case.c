/* SPDX-License-Identifier: MIT */
/* case.c - rows become cases: each value takes the place of "{}". */
#include "torture/case.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "torture/bytes.h"

/* In a value 01 stands for a blank and 02 for a tab: blanks separate values. */
static void add_value(struct bytes *b, const char *value, size_t len) {
    for (size_t i = 0; i < len; i++)
        bytes_put(b, value[i] == 1 ? ' ' : value[i] == 2 ? '\t' : (uint8_t)value[i]);
}

static char *with_value(const char *text, const char *value, size_t len) {
    struct bytes b = {0};
    for (const char *c = text != NULL ? text : ""; *c != '\0'; c++) {
        if (c[0] == '{' && c[1] == '}') {
            add_value(&b, value, len);
            c++;
        } else {
            bytes_put(&b, (uint8_t)*c);
        }
    }
    bytes_put(&b, 0);
    if (b.lost)
        bytes_free(&b);
    return (char *)b.base;
}

/* only: patterns with "|" between them. An id may itself have what means something in a pattern. */
static bool wanted(const char *id, const char *only) {
    char one[192], plain[192];
    for (const char *at = only; at != NULL && *at != '\0';) {
        size_t len = strcspn(at, "|");
        snprintf(one, sizeof one, "*%.*s*", (int)(len < 180 ? len : 180), at);
        snprintf(plain, sizeof plain, "%.*s", (int)(len < 180 ? len : 180), at);
        if (fnmatch(one, id, 0) == 0 || strstr(id, plain) != NULL)
            return true;
        at += len + (at[len] == '|');
    }
    return only == NULL;
}

enum { ID_SIZE = 160, VALUE_ID_SIZE = 64 };

/* Of odd values only the plain characters; number: 0, or which one it is of those that have the
 * same ones. */
static void make_id(char ret[static ID_SIZE], enum torture_kind kind, const struct torture_row *row,
                    const char *value, size_t len, size_t number) {
    char value_id[VALUE_ID_SIZE], behind[24] = "";
    size_t n = 0;
    for (size_t i = 0; i < len && n < sizeof value_id - 1; i++)
        if (value[i] > ' ' && value[i] < 127 && strchr("<>=#\\\"|", value[i]) == NULL)
            value_id[n++] = value[i];
    value_id[n] = '\0';
    if (number > 0)
        snprintf(behind, sizeof behind, "-%zu", number);
    snprintf(ret, ID_SIZE, "%s%s%s%s%s", row->id, kind == KIND_HTTP_BYTES ? ".bytes" : "",
             row->values != NULL ? "." : "", value_id, behind);
}

/* How many values before this one, from the first row of that id, have the same id. All are
 * counted, whether they are wanted or not, so that an id stays what it is. */
static size_t namesakes(const struct torture_row *first, const struct torture_row *row,
                        enum torture_kind kind, const char *value, const char *id) {
    char other[ID_SIZE];
    size_t count = 0;
    for (; first <= row; first++) {
        for (const char *v = first->values; v != NULL && *v != '\0' && v != value;) {
            size_t len = strcspn(v, " ");
            make_id(other, kind, first, v, len, 0);
            count += strcmp(other, id) == 0;
            v += len + (v[len] == ' ');
        }
    }
    return count;
}

/* first: of the rows with this id. */
static int add(struct torture_list *list, enum torture_kind kind, const struct torture_row *first,
               const struct torture_row *row, const char *value, size_t len, const char *only) {
    char id[ID_SIZE];
    make_id(id, kind, row, value, len, 0);
    size_t before = namesakes(first, row, kind, value, id);
    if (before > 0)
        make_id(id, kind, row, value, len, before + 1);
    if (!wanted(id, only))
        return 0;
    struct torture_case *cases =
        weir__realloc(list->cases, (list->count + 1) * sizeof *list->cases);
    if (cases == NULL)
        return -ENOMEM;
    list->cases = cases;
    struct torture_case *c = &cases[list->count++];
    *c = (struct torture_case){.kind = kind,
                               .row = row,
                               .id = weir__strdup(id),
                               .title = with_value(row->title, value, len),
                               .edit = with_value(row->edit, value, len),
                               .script = with_value(row->script, value, len)};
    bool whole = c->id != NULL && c->title != NULL && c->edit != NULL && c->script != NULL;
    return whole ? 0 : -ENOMEM;
}

static int add_row(struct torture_list *list, enum torture_kind kind,
                   const struct torture_row *first, const struct torture_row *row,
                   const char *only) {
    if (row->values == NULL)
        return add(list, kind, row, row, "", 0, only);
    int rc = 0;
    for (const char *v = row->values; rc == 0 && *v != '\0';) {
        size_t len = strcspn(v, " ");
        rc = add(list, kind, first, row, v, len, only);
        v += len + (v[len] == ' ');
    }
    return rc;
}

int torture_list_make(struct torture_list *ret, const struct torture_table *tables, size_t count,
                      enum torture_side side, const char *only) {
    *ret = (struct torture_list){0};
    for (size_t t = 0; t < count; t++) {
        const struct torture_row *rows = tables[t].rows, *first = rows;
        for (size_t i = 0; i < tables[t].count; i++) {
            first = strcmp(rows[i].id, first->id) == 0 ? first : &rows[i];
            int rc = rows[i].side == BOTH_SIDES || rows[i].side == side
                         ? add_row(ret, tables[t].kind, first, &rows[i], only)
                         : 0;
            if (rc < 0)
                return rc;
        }
    }
    return 0;
}

void torture_list_free(struct torture_list *list) {
    for (size_t i = 0; i < list->count; i++) {
        weir__free(list->cases[i].id);
        weir__free(list->cases[i].title);
        weir__free(list->cases[i].edit);
        weir__free(list->cases[i].script);
    }
    weir__free(list->cases);
    *list = (struct torture_list){0};
}

const char *torture_verdict_name(enum torture_verdict v) {
    static const char *const names[] = {"OK", "non-strict", "informational", "FAILED"};
    return names[v];
}

const char *torture_level_name(enum torture_level level) {
    static const char *const names[] = {"must", "should", "informational"};
    return names[level];
}
