/* SPDX-License-Identifier: MIT */
/* ack.h - the one answer to a message, while the worker's loop makes it. */
#ifndef WEIR_WORKER_ACK_H
#define WEIR_WORKER_ACK_H

#include <stdbool.h>
#include <weir/worker.h>

struct weir_ack {
    char *base; /* heap; NULL: empty */
    size_t len;
    bool binary;
};

void weir__ack_fini(struct weir_ack *ack);

/* What is sent after loop returned rc: the ack, "n/a" for an empty one, or for WEIR_ENACK the
 * nack with the reason from the task's error record. Returns 0; -ENOMEM; any other rc < 0 as it
 * is. */
int weir__ack_finish(struct weir_ack *ack, int rc);

#endif
