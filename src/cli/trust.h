/* SPDX-License-Identifier: MIT */
/* trust.h - whose certificate a command accepts: its options --cacert and --insecure. */
#ifndef WEIR_CLI_TRUST_H
#define WEIR_CLI_TRUST_H

#include <stdbool.h>
#include <weir/tls.h>

struct trust {
    const char *ca_file; /* NULL: the system's roots */
    bool insecure;
};

/* Make what a client needs for t; *ret_tls is NULL if the default will do. The caller must give it
 * to trust_free. what, on: the call that needs it and its URL, for the text of an error. Returns 0,
 * or as weir_tls_new. */
int trust_make(const struct trust *t, const char *what, const char *on, struct weir_tls **ret_tls);
void trust_free(struct weir_tls **take_tls);

#endif
