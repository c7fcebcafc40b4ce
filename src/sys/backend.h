/* SPDX-License-Identifier: MIT */
/* backend.h - the one door to the world, seen from inside the library: the contract between the
 * loop and io_uring, epoll, the simulation, decorators of them (room sim) and backends of others is
 * weir/backend.h; here is how one is opened. No other room makes a system call that can block or
 * that a simulation would have to know. */
#ifndef WEIR_SYS_BACKEND_H
#define WEIR_SYS_BACKEND_H

#include <weir/backend.h>

/* Open one. choice: "uring", "epoll", "sim", a registered name, or NULL: the variable WEIR_BACKEND,
 * else the best that a probe finds. Returns 0; WEIR_EBACKEND with *ret_why set to a static or
 * thread-local text that says which and why ("sim" without libweir-test names the package);
 * -ENOMEM; -EMFILE. */
int weir__backend_open(const char *choice, struct weir__backend **ret_backend,
                       const char **ret_why);

/* The open function that weir_backend_register was given for the name; NULL: none was. */
int (*weir__backend_registered(const char *name))(struct weir__backend **ret_backend,
                                                  const char **ret_why);

/* May a command line ask for the backend name? The kernel may still lack it. */
bool weir__backend_known(const char *name);

int weir__uring_open(struct weir__backend **ret_backend, const char **ret_why);
int weir__epoll_open(struct weir__backend **ret_backend, const char **ret_why);

/* libweir-test registers itself here when it is loaded: how "sim" is opened, and a decorator that
 * may replace any backend just opened. NULL otherwise. */
extern int (*weir__backend_open_sim)(struct weir__backend **ret_backend, const char **ret_why);
extern struct weir__backend *(*weir__backend_decorate)(struct weir__backend *b);

static inline int weir__submit(struct weir__backend *b, struct weir__op *op) {
    return b->ops->submit(b, op);
}

static inline int weir__cancel(struct weir__backend *b, struct weir__op *op) {
    return b->ops->cancel(b, op);
}

static inline void weir__release(struct weir__backend *b, struct weir__lent *lent) {
    if (lent->token != 0)
        b->ops->release(b, lent);
}

#endif
