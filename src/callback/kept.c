/* SPDX-License-Identifier: MIT */
/* kept.c - what this room keeps for a loop: made when it is first needed, ended by the loop. */
#include <errno.h>

#include "base/alloc.h"
#include "callback/call.h"

static void kept_end(struct weir__loop *l) {
    struct calls *cs = l->calls;
    if (cs->end_ready != NULL)
        cs->end_ready(cs);
    if (cs->end_calls != NULL)
        cs->end_calls(cs);
    weir__free(cs);
    l->calls = NULL;
}

int weir__calls(const char *what, struct calls **ret_calls) {
    struct weir__loop *l = weir__loop();
    if (l == NULL)
        return weir__no_loop(what);
    if (weir__run_is_ending())
        return weir__fail(WEIR_ECLOSED, what, NULL);
    if (l->calls == NULL) {
        if ((l->calls = weir__alloc_zero(sizeof(struct calls))) == NULL)
            return weir__fail(-ENOMEM, what, NULL);
        l->ending = kept_end;
    }
    *ret_calls = l->calls;
    return 0;
}
