/* SPDX-License-Identifier: MIT */
/* failure.c - an error that an object keeps for whoever asks (a future, a Deferred): its code, a
 * copy of its record, and its number in the ledger, which is settled once. */
#include "task/failure.h"

#include "base/alloc.h"
#include "base/check.h"
#include "base/log.h"
#include "task/internal.h"

void weir__failure_keep(struct weir__failure *f, int rc) {
    WEIR_CHECK(f->rc == 0 && rc < 0);
    f->rc = rc;
    f->error = weir__error_copy(rc, weir__error_here());
    f->number = weir__error_number();
    f->open = true;
}

int weir__failure_give(const struct weir__failure *f) {
    if (f->error != NULL)
        *weir__error_here() = *f->error;
    else if (f->rc < 0)
        weir__error_forget(f->rc);
    return f->rc;
}

void weir__failure_settle(struct weir__failure *f) {
    if (f->open)
        weir__error_settled(f->number);
    f->open = false;
}

void weir__failure_drop(struct weir__failure *f) {
    weir__failure_settle(f);
    weir__free(f->error);
    f->error = NULL;
    f->rc = 0;
}

void weir__failure_log(struct weir__failure *f, const char *whose, const struct weir_site *site) {
    if (!f->open)
        return;
    if (f->error != NULL)
        weir__error_words(f->error);
    if (weir__unhandled(whose, site, f->rc, f->error)) {
        weir__failure_settle(f);
        return;
    }
    if (f->error != NULL)
        weir__log(WEIR_LOG_ERROR, "%s made at %s:%d failed, and nobody read its error: %s", whose,
                  site->file, site->line, weir__error_words(f->error));
    else
        weir__log(WEIR_LOG_ERROR, "%s made at %s:%d failed, and nobody read its error: %s (%s)",
                  whose, site->file, site->line, weir_error_text(f->rc), weir_error_name(f->rc));
    weir__failure_settle(f);
}
