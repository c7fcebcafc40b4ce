/* SPDX-License-Identifier: MIT */
/* report.c - see report.h. */
#include "torture/report.h"

#include <string.h>

#include "base/escape.h"

enum { MISSED_SHOWN = 3 };

static void add_escaped(struct bytes *out, const char *text, size_t len) {
    char one[WEIR__ESCAPE_MAX];
    for (size_t at = 0, n; at < len; bytes_add(out, one, n))
        at += weir__escape_one(text + at, len - at, one, &n);
}

static void add_text(struct bytes *out, const char *text) {
    add_escaped(out, text, strlen(text));
}

static void add_json(struct bytes *out, const char *name, const char *text, const char *behind) {
    bytes_print(out, "\"%s\": \"", name);
    struct bytes plain = {0};
    add_text(&plain, text);
    for (size_t i = 0; i < plain.len; i++) {
        if (plain.base[i] == '"' || plain.base[i] == '\\')
            bytes_put(out, '\\');
        bytes_put(out, plain.base[i]);
    }
    bytes_free(&plain);
    bytes_print(out, "\"%s", behind);
}

/* The lines of what went over the wire: each is escaped by itself. */
static void add_log(struct bytes *out, const struct torture_result *r) {
    for (size_t at = 0; r->log != NULL && at < r->log_len;) {
        const char *line = r->log + at, *end = memchr(line, '\n', r->log_len - at);
        size_t len = end != NULL ? (size_t)(end - line) : r->log_len - at;
        bytes_print(out, "    ");
        add_escaped(out, line, len);
        bytes_put(out, '\n');
        at += len + 1;
    }
}

static void add_result_json(struct torture_tally *t, const struct torture_result *r) {
    bytes_print(&t->out, "%s\n  {",
                t->counts[0] + t->counts[1] + t->counts[2] + t->counts[3] > 1 ? "," : "");
    add_json(&t->out, "id", r->c->id, ", ");
    add_json(&t->out, "clause", r->c->row->clause, ", ");
    add_json(&t->out, "level", torture_level_name(r->c->row->level), ", ");
    add_json(&t->out, "title", r->c->title, ", ");
    add_json(&t->out, "verdict", torture_verdict_name(r->verdict), ", ");
    add_json(&t->out, "why", r->why, ", ");
    bytes_print(&t->out, "\"ms\": %lld}", (long long)(r->took_ns / WEIR_MILLISECONDS(1)));
}

static void add_result(struct torture_tally *t, const struct torture_result *r) {
    bytes_print(&t->out, "%-13s ", torture_verdict_name(r->verdict));
    add_text(&t->out, r->c->id);
    bytes_print(&t->out, "  [RFC %s] ", r->c->row->clause);
    add_text(&t->out, r->c->title);
    if (r->why[0] != '\0')
        bytes_print(&t->out, ": ");
    add_text(&t->out, r->why);
    bytes_put(&t->out, '\n');
    if (t->verbose && r->verdict != TORTURE_OK)
        add_log(&t->out, r);
}

void torture_report(struct torture_tally *t, const struct torture_result *r) {
    t->counts[r->verdict]++;
    t->ran += r->ran;
    if (!r->ran && ++t->missed > MISSED_SHOWN && !t->json && !t->verbose)
        return; /* the peer is gone: a few lines say so */
    if (t->json)
        add_result_json(t, r);
    else if (t->verbose || r->verdict == TORTURE_FAILED ||
             (r->verdict == TORTURE_NON_STRICT && !t->quiet))
        add_result(t, r);
}

void torture_report_list(struct torture_tally *t, const struct torture_list *list) {
    if (t->json)
        bytes_put(&t->out, '[');
    for (size_t i = 0; i < list->count; i++) {
        const struct torture_case *c = &list->cases[i];
        if (t->json) {
            bytes_print(&t->out, "%s\n  {", i > 0 ? "," : "");
            add_json(&t->out, "id", c->id, ", ");
            add_json(&t->out, "clause", c->row->clause, ", ");
            add_json(&t->out, "level", torture_level_name(c->row->level), ", ");
            add_json(&t->out, "title", c->title, "}");
            continue;
        }
        add_text(&t->out, c->id);
        bytes_print(&t->out, "  [RFC %s, %s] ", c->row->clause, torture_level_name(c->row->level));
        add_text(&t->out, c->title);
        bytes_put(&t->out, '\n');
    }
    bytes_print(&t->out, t->json ? "\n]\n" : "%zu cases\n", list->count);
}

void torture_report_begin(struct torture_tally *t, const char *peer) {
    if (!t->json)
        return;
    bytes_put(&t->out, '{');
    add_json(&t->out, "peer", peer, ", ");
    bytes_print(&t->out, "\"cases\": [");
}

void torture_report_end(struct torture_tally *t, weir_ns took_ns) {
    const size_t *n = t->counts;
    if (t->json) {
        bytes_print(&t->out,
                    "\n], \"ok\": %zu, \"non_strict\": %zu, \"informational\": %zu, "
                    "\"failed\": %zu, \"ran\": %zu, \"ms\": %lld}\n",
                    n[0], n[1], n[2], n[3], t->ran, (long long)(took_ns / WEIR_MILLISECONDS(1)));
        return;
    }
    bytes_print(&t->out,
                "%zu cases: %zu OK, %zu non-strict, %zu informational, %zu FAILED, "
                "in %.1f s\n",
                n[0] + n[1] + n[2] + n[3], n[0], n[1], n[2], n[3], (double)took_ns / 1e9);
}
