/* SPDX-License-Identifier: MIT */
/* gate_test_util.h - a job that says that it has begun, and waits until a test opens its gate. */
#ifndef WEIR_SYS_GATE_TEST_UTIL_H
#define WEIR_SYS_GATE_TEST_UTIL_H

#include <semaphore.h>
#include <stdint.h>

static sem_t gate, begun_sem;

static inline void sem_take(sem_t *s) {
    while (sem_wait(s) != 0)
        continue;
}

/* Returns arg, a number. */
static inline int wait_at_gate(void *arg) {
    sem_post(&begun_sem);
    sem_take(&gate);
    return (int)(intptr_t)arg;
}

#endif
