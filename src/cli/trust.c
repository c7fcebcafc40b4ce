/* SPDX-License-Identifier: MIT */
/* trust.c - the commands do not link weir-tls: they find it in its table, if it is there. */
#include "cli/trust.h"

#include <stddef.h>

#include "stream/tls_table.h"

int trust_make(const struct trust *t, const char *what, const char *on, struct weir_tls **ret_tls) {
    struct weir_tls_options o = {.size = sizeof o, .ca_file = t->ca_file, .insecure = t->insecure};
    *ret_tls = NULL;
    if (!t->insecure && t->ca_file == NULL)
        return 0;
    return weir__tls_table != NULL ? weir__tls_table->make(&o, ret_tls)
                                   : weir__tls_missing(what, on);
}

void trust_free(struct weir_tls **take_tls) {
    if (*take_tls != NULL)
        weir__tls_table->unref(take_tls);
}
