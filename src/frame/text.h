/* SPDX-License-Identifier: MIT */
/* text.h - a formatted text, in the frame of its caller if it is short. */
#ifndef WEIR_FRAME_TEXT_H
#define WEIR_FRAME_TEXT_H

#include <stdarg.h>
#include <weir/frame.h>
#include <weir/stream.h>

struct weir__text {
    char *bytes;
    size_t len;
    char small[512];
};

/* Returns 0: t must be freed; -ENOMEM, -EINVAL: it need not. */
int weir__text_format(struct weir__text *t, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));
void weir__text_free(struct weir__text *t);

#endif
