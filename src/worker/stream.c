/* SPDX-License-Identifier: MIT */
/* stream.c - what a worker may call while it runs: out, and streaming to others by name. */
#include <stdarg.h>
#include <string.h>
#include <weir/worker.h>

#include "mesh/link.h"
#include "task/task.h"
#include "worker/line.h"
#include "worker/program.h"

void weir_out(const char *format, ...) {
    va_list args;
    va_start(args, format);
    weir__line_v(weir__program_here ? weir__program_here->title : "weir", format, args);
    va_end(args);
}

static int refused(const char *target, const struct weir_ws_message *ack) {
    static const char head[] = "nack: ";
    const char *reason = (const char *)ack->data.base + sizeof head - 1;
    size_t len = ack->data.len - (sizeof head - 1);
    return weir__failf(WEIR_ENACK, "stream", target, "%.*s", (int)len, reason);
}

static int stream_one(struct weir__link *l, const struct weir_item *item, const char *target,
                      size_t index, weir_on_ack on_ack, void *arg) {
    const char *title = weir__program_here->title;
    struct weir_ws_message ack;
    weir__line_view(title, "> sending payload: ", (struct weir_view){item->data, item->len},
                    item->binary);
    int rc = weir__link_ask(l, item->binary ? WEIR_WS_BINARY : WEIR_WS_TEXT, item->data,
                            item->len, &ack);
    if (rc < 0)
        return rc;
    bool binary = ack.type == WEIR_WS_BINARY;
    weir__line_view(title, "< ", ack.data, binary);
    if (weir__is_nack(ack.type, ack.data))
        return refused(target, &ack);
    rc = on_ack ? on_ack(arg, index, ack.data, binary) : 0;
    return rc < 0 ? rc : 0;
}

int weir_stream_items(const char *target, const char *channel, const struct weir_item *items,
                      size_t count, weir_on_ack on_ack, void *arg) {
    struct weir__program *p = weir__program_here;
    struct weir__link *l = NULL;
    int rc = weir__suspend_enter("stream");
    if (rc < 0)
        return rc;
    if (p == NULL)
        return weir__failf(WEIR_ENOLOOP, "stream", target, "no worker runs on this thread");
    weir__line(p->title, "starting to stream message to %s", target);
    if ((rc = weir__link_take(&p->mesh, target, channel ? channel : "", &l)) < 0)
        return rc;
    size_t done = 0;
    while (rc == 0 && done < count)
        if ((rc = stream_one(l, &items[done], target, done, on_ack, arg)) == 0)
            done++;
    weir__link_leave(l);
    weir__fail_done(rc, done);
    return rc;
}

int weir_stream_text(const char *target, const char *channel, const char *text) {
    const struct weir_item item = {.data = text, .len = strlen(text)};
    return weir_stream_items(target, channel, &item, 1, NULL, NULL);
}
