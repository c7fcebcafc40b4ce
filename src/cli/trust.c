/* SPDX-License-Identifier: MIT */
/* trust.c - the commands do not link weir-tls: they find it in its table, if it is there. */
#include "cli/trust.h"

#include <stdio.h>
#include <string.h>
#include <weir/error.h>

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

int trust_explain(int rc) {
    static const struct {
        const char *programs, *ours; /* what a program can do; what a user can do instead */
    } ways[] = {
        {" give it as ca_file", ": --cacert FILE"},
        {"dial such a name, or set tls_name", "ask for such a name"},
    };
    const char *text = weir_error_message(rc);
    for (size_t i = 0; rc == WEIR_ECERT && i < sizeof ways / sizeof ways[0]; i++) {
        const char *at = strstr(text, ways[i].programs);
        if (at != NULL)
            return weir_fail(rc, "%.*s%s (--insecure checks nothing)", (int)(at - text), text,
                             ways[i].ours);
    }
    return rc;
}
