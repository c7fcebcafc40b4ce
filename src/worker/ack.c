/* SPDX-License-Identifier: MIT */
/* ack.c - see ack.h. */
#include "worker/ack.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/check.h"
#include "task/task.h"
#include "wire/utf8.h"
#include "worker/limits.h"
#include "worker/text.h"

void weir__ack_fini(struct weir_ack *ack) {
    weir__free(ack->base);
    *ack = (struct weir_ack){.base = NULL};
}

static int too_big(void) {
    return weir__failf(WEIR_ETOOBIG, "ack", NULL, "larger than %d bytes", WEIR__ACK_MAX);
}

static void replace(struct weir_ack *ack, char *take_base, size_t len, bool binary) {
    WEIR_CHECK(take_base != NULL && take_base != ack->base && len <= WEIR__ACK_MAX);
    weir__ack_fini(ack);
    *ack = (struct weir_ack){take_base, len, binary};
}

int weir_ack_bytes(struct weir_ack *ack, const void *data, size_t len) {
    weir__not_null(ack, "weir_ack_bytes");
    if (len > WEIR__ACK_MAX)
        return too_big();
    char *copy = weir__alloc(len + 1);
    if (copy == NULL)
        return weir__fail(-ENOMEM, "ack", NULL);
    if (len > 0)
        memcpy(copy, data, len);
    replace(ack, copy, len, true);
    return 0;
}

int weir_ack_text(struct weir_ack *ack, const char *format, ...) {
    va_list args, again;
    weir__not_null(ack, "weir_ack_text");
    va_start(args, format);
    va_copy(again, args);
    int wanted = vsnprintf(NULL, 0, format, args);
    size_t len = wanted < 0 ? 0 : (size_t)wanted;
    char *text = len <= WEIR__ACK_MAX ? weir__alloc(len + 1) : NULL;
    if (text != NULL)
        vsnprintf(text, len + 1, format, again);
    va_end(again);
    va_end(args);
    if (len > WEIR__ACK_MAX)
        return too_big();
    if (text == NULL)
        return weir__fail(-ENOMEM, "ack", NULL);
    if (!weir__utf8_valid(text, len)) {
        weir__free(text);
        return weir__fail(WEIR_EUTF8, "ack", NULL);
    }
    replace(ack, text, len, false);
    return 0;
}

/* The record's text is what is sent: "nack: REASON". */
int weir_nack(const char *reason) {
    return weir__failf(WEIR_ENACK, "nack", NULL, "%s", reason ? reason : "no reason given");
}

int weir__ack_finish(struct weir_ack *ack, int rc) {
    static const char head[] = "nack: ";
    if (rc == WEIR_ENACK) {
        const char *text = weir_error_message(rc);
        bool has_head = strncmp(text, head, sizeof head - 1) == 0;
        int len = (int)weir__text_whole(text, strlen(text));
        return weir_ack_text(ack, "%s%.*s", has_head ? "" : head, len, text);
    }
    if (rc < 0)
        return rc;
    return ack->len > 0 ? 0 : weir_ack_text(ack, "n/a");
}
