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

/* only: patterns with "|" between them. */
static bool wanted(const char *id, const char *only) {
    char one[192];
    for (const char *at = only; at != NULL && *at != '\0';) {
        size_t len = strcspn(at, "|");
        snprintf(one, sizeof one, "*%.*s*", (int)(len < 180 ? len : 180), at);
        if (fnmatch(one, id, 0) == 0)
            return true;
        at += len + (at[len] == '|');
    }
    return only == NULL;
}

static int add(struct torture_list *list, enum torture_kind kind, const struct torture_row *row,
               const char *value, size_t len, const char *only) {
    char id[160], value_id[64];
    size_t n = 0;
    for (size_t i = 0; i < len && n < sizeof value_id - 1; i++) /* of odd values only the plain */
        if (value[i] > ' ' && value[i] < 127 && strchr("<>=#\\\"|", value[i]) == NULL)
            value_id[n++] = value[i];
    value_id[n] = '\0';
    snprintf(id, sizeof id, "%s%s%s%s", row->id, kind == KIND_HTTP_BYTES ? ".bytes" : "",
             row->values != NULL ? "." : "", value_id);
    for (size_t i = list->count, same = 2;
         i > 0 && strcmp(list->cases[i - 1].row->id, row->id) == 0; i--)
        if (strcmp(list->cases[i - 1].id, id) == 0) /* values that differ in odd characters only */
            snprintf(id, sizeof id, "%s%s.%s-%zu", row->id, kind == KIND_HTTP_BYTES ? ".bytes" : "",
                     value_id, same++),
                i = list->count + 1;
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

static int add_row(struct torture_list *list, enum torture_kind kind, const struct torture_row *row,
                   const char *only) {
    if (row->values == NULL)
        return add(list, kind, row, "", 0, only);
    int rc = 0;
    for (const char *v = row->values; rc == 0 && *v != '\0';) {
        size_t len = strcspn(v, " ");
        rc = add(list, kind, row, v, len, only);
        v += len + (v[len] == ' ');
    }
    return rc;
}

int torture_list_make(struct torture_list *ret, const struct torture_table *tables, size_t count,
                      enum torture_side side, const char *only) {
    *ret = (struct torture_list){0};
    for (size_t t = 0; t < count; t++) {
        for (size_t i = 0; i < tables[t].count; i++) {
            const struct torture_row *row = &tables[t].rows[i];
            int rc = row->side == BOTH_SIDES || row->side == side
                         ? add_row(ret, tables[t].kind, row, only)
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
