/* SPDX-License-Identifier: MIT */
/* child.h - run a function in a child process, for code that cannot be trusted to return. A helper
 * thread forks, waits, and brings the result back through shared memory. No pipe and no descriptor
 * is involved, so neither the function nor a process that it leaves behind can hold one open or
 * write too much into it. */
#ifndef WEIR_SYS_CHILD_H
#define WEIR_SYS_CHILD_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum weir__child_end {
    WEIR__CHILD_NOT_MADE, /* detail: the negative errno */
    WEIR__CHILD_RESULT,   /* fn has returned. detail: what */
    WEIR__CHILD_KILLED,   /* detail: the signal */
    WEIR__CHILD_EXITED,   /* it called exit. detail: the status */
    WEIR__CHILD_UNKNOWN   /* its status went to another wait of the program's */
};

struct weir__child { /* in the memory of who waits */
    int (*fn)(const void *args, void *result);
    const void *args;
    void *result; /* result_size bytes, written only if fn has returned >= 0 */
    size_t result_size;
    enum weir__child_end end;
    int detail;
    pthread_mutex_t lock; /* guards the rest */
    pid_t pid;            /* 0: not made yet, or reaped */
    bool kill_asked;
};

void weir__child_init(struct weir__child *c, int (*fn)(const void *args, void *result),
                      const void *args, void *result, size_t result_size);
void weir__child_fini(struct weir__child *c);

/* On a helper thread: make the child, wait until it has ended, reap it, and fill end and detail.
 * The child, what it leaves in its process group, and the shared memory are gone then. */
void weir__child_run(struct weir__child *c);

/* Any thread, while c exists: let weir__child_run end soon. */
void weir__child_kill(struct weir__child *c);

#endif
