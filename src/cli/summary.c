/* SPDX-License-Identifier: MIT */
/* summary.c - the words are those of up.c's messages. Columns are as wide as the names need;
 * numbers that a node never reported are dashes. */
#include "cli/summary.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "cli/arena.h"

const char *summary_end(const struct member *m, char *buf, size_t size) {
    WEIR_CHECK(m->exited || !m->gone);
    if (m->tending == NULL || m->failed < 0)
        return "not started";
    if (m->left > 0 || !m->gone)
        return "left";
    if (m->killed) {
        snprintf(buf, size, m->signal ? "killed" : "%d, killed", m->code);
        return buf;
    }
    if (m->lost < 0)
        return "lost";
    if (m->signal == SIGTERM && m->stopping)
        return "stopped";
    snprintf(buf, size, m->signal ? "signal %d" : "%d", m->signal ? m->signal : m->code);
    return buf;
}

static const char *duration_text(uint64_t us, char *buf, size_t size) {
    if (us < 10000)
        snprintf(buf, size, "%" PRIu64 " us", us);
    else
        snprintf(buf, size, "%" PRIu64 " ms", (us + 500) / 1000);
    return buf;
}

static char *row(struct arena *a, int width, const struct member *m) {
    char end[32], p50[32], p99[32], unasked[48] = "";
    const char *ended = summary_end(m, end, sizeof end);
    if (m->stats.unasked > 0)
        snprintf(unasked, sizeof unasked, "  (unasked: %" PRIu64 ")", m->stats.unasked);
    if (!m->counted)
        return arena_format(a, "%-*s  %8s  %8s  %6s  %9s  %9s  %s\n", width, m->node->name, "-",
                            "-", "-", "-", "-", ended);
    bool timed = m->stats.p50_us != 0 || m->stats.p99_us != 0;
    return arena_format(a, "%-*s  %8" PRIu64 "  %8" PRIu64 "  %6" PRIu64 "  %9s  %9s  %s%s\n",
                        width, m->node->name, m->stats.messages, m->stats.acks, m->stats.errors,
                        timed ? duration_text(m->stats.p50_us, p50, sizeof p50) : "-",
                        timed ? duration_text(m->stats.p99_us, p99, sizeof p99) : "-", ended,
                        unasked);
}

int summary_print(struct output *o, const struct member *members, size_t count) {
    struct arena a = {NULL};
    int width = (int)strlen("node");
    WEIR_CHECK(members != NULL && count > 0);
    for (size_t i = 0; i < count; i++)
        width = (int)strlen(members[i].node->name) > width ? (int)strlen(members[i].node->name)
                                                           : width;
    char *text = arena_format(&a, "%-*s  %8s  %8s  %6s  %9s  %9s  %s\n", width, "node",
                              "messages", "acks", "errors", "p50", "p99", "exit");
    int rc = text ? output_text(o, false, text, strlen(text)) : -ENOMEM;
    for (size_t i = 0; rc == 0 && i < count; i++) {
        text = row(&a, width, &members[i]);
        rc = text ? output_text(o, false, text, strlen(text)) : -ENOMEM;
    }
    arena_fini(&a);
    return rc;
}
