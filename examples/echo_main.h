/* SPDX-License-Identifier: MIT */
/* echo_main.h - the frame of an echo server: --port N --backend uring|epoll --threads N
 * --shape serve|react --connections-max N (of a reactive WebSocket server). Each shape serves until
 * its scope fires; connections hang below clients. */
#ifndef ECHO_MAIN_H
#define ECHO_MAIN_H

#include <weir/weir.h>

struct echo_shapes {
    int (*serve)(struct weir_listener *l, struct weir_group *clients);
    int (*react)(struct weir_listener *l, struct weir_group *clients);
};

/* --connections-max; 0: not given. */
int echo_connections_max(void);

/* Returns the exit status: 0, 1 failed, 2 usage. */
int echo_main(const char *name, int argc, char **argv, const struct echo_shapes *given);

#endif
