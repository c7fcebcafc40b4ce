/* SPDX-License-Identifier: MIT */
/* launch.h - all data that is needed to run one node. plan.c makes it, keeper.c uses it. */
#ifndef WEIR_CLI_LAUNCH_H
#define WEIR_CLI_LAUNCH_H

#include <weir/base.h>

struct launch {
    const char *name;      /* of the node */
    const char *program;   /* what is executed, looked up in PATH if it has no slash */
    char **argv;           /* NULL behind the last */
    char **environment;    /* NAME=VALUE, outranking the inherited ones; NULL behind the last */
    const char *directory; /* where it runs; NULL: in the present one */
    weir_ns grace_ns;      /* from TERM to KILL */
};

#endif
