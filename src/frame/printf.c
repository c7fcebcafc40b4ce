/* SPDX-License-Identifier: MIT */
/* printf.c - formatted text, written in one piece. */
#include "frame/text.h"

#include <errno.h>
#include <stdio.h>

#include "base/alloc.h"
#include "task/task.h"

int weir__text_format(struct weir__text *t, const char *format, va_list args) {
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(t->small, sizeof t->small, format, args);
    t->bytes = t->small;
    t->len = n > 0 ? (size_t)n : 0;
    if (n >= (int)sizeof t->small) {
        t->bytes = weir__alloc(t->len + 1);
        if (t->bytes != NULL)
            n = vsnprintf(t->bytes, t->len + 1, format, again);
    }
    va_end(again);
    if (t->bytes == NULL)
        return weir__fail(-ENOMEM, "printf", NULL);
    if (n >= 0)
        return 0;
    weir__text_free(t);
    return weir__failf(-EINVAL, "printf", NULL, "printf refused the format \"%s\"", format);
}

void weir__text_free(struct weir__text *t) {
    if (t->bytes != t->small)
        weir__free(t->bytes);
}

int weir_vprintf(struct weir_stream *s, const char *format, va_list args) {
    struct weir__text t;
    weir__not_null(s, "weir_vprintf");
    int rc = weir__suspend_enter("printf");
    if (rc == 0)
        rc = weir__text_format(&t, format, args);
    if (rc < 0)
        return rc;
    rc = weir_write(s, t.bytes, t.len);
    weir__text_free(&t);
    return rc;
}

int weir_printf(struct weir_stream *s, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int rc = weir_vprintf(s, format, args);
    va_end(args);
    return rc;
}
