/* SPDX-License-Identifier: MIT */
/* error.c - names and texts of error codes: ours from the one table, errno's from libc. */
#include <string.h>
#include <weir/base.h>

static const struct entry {
    int code;
    const char *name, *text;
} entries[] = {
#define WEIR_ERROR_ENTRY(name, number, text) {name, #name, text},
    WEIR_ERRORS(WEIR_ERROR_ENTRY)
#undef WEIR_ERROR_ENTRY
};

static const struct entry *find(int rc) {
    for (size_t i = 0; i < sizeof entries / sizeof entries[0]; i++)
        if (entries[i].code == rc)
            return &entries[i];
    return NULL;
}

static int is_errno(int rc) {
    return rc < 0 && rc > -4096;
}

const char *weir_error_name(int rc) {
    const struct entry *e = find(rc);
    const char *name = e ? e->name : is_errno(rc) ? strerrorname_np(-rc) : NULL;
    return name ? name : "?";
}

const char *weir_error_text(int rc) {
    const struct entry *e = find(rc);
    const char *text = e ? e->text : is_errno(rc) ? strerrordesc_np(-rc) : NULL;
    return text ? text : "unknown error";
}
