/* SPDX-License-Identifier: MIT */
/* tls_table.c - the place that the library weir-tls fills. */
#include "stream/tls_table.h"

#include "task/task.h"

const struct weir__tls_table *weir__tls_table;

int weir__tls_missing(const char *what, const char *on) {
    return weir__failf(WEIR_ENOTLS, what, on,
                       "TLS is in the library weir-tls: link it (pkg-config --libs weir-tls)");
}
