/* SPDX-License-Identifier: MIT */
/* choose.c - which backend to open: the one that the caller names, else that of the variable
 * WEIR_BACKEND, else io_uring if a probe finds that it works, else epoll. The reason is kept as a
 * text. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "sys/epoll_backend.h"
#include "weir-features.h"

/* Exported: libweir-test sets them. */
WEIR_API int (*weir__backend_open_sim)(struct weir__backend **ret_backend, const char **ret_why);
WEIR_API struct weir__backend *(*weir__backend_decorate)(struct weir__backend *b);

#if !WEIR_HAVE_URING
int weir__uring_open(struct weir__backend **ret_backend, const char **ret_why) {
    (void)ret_backend;
    *ret_why = "this build is without io_uring";
    return WEIR_EBACKEND;
}
#endif

static int open_sim(struct weir__backend **ret_backend, const char **ret_why) {
    if (weir__backend_open_sim != NULL)
        return weir__backend_open_sim(ret_backend, ret_why);
    *ret_why = "the simulated backend is in libweir-test: link the program with it";
    return WEIR_EBACKEND;
}

/* epoll always works. explain() then says why io_uring was not chosen. */
static int open_best(struct weir__backend **ret_backend, const char **ret_why) {
    const char *why_not = "";
    int rc = weir__uring_open(ret_backend, &why_not);
    if (rc != WEIR_EBACKEND)
        return rc;
    return weir__epoll_open_because(why_not, ret_backend, ret_why);
}

bool weir__backend_known(const char *name) {
    return strcmp(name, "uring") == 0 || strcmp(name, "epoll") == 0
           || (strcmp(name, "sim") == 0 && weir__backend_open_sim != NULL)
           || weir__backend_registered(name) != NULL;
}

/* A backend of the program's own: what it lacks would crash much later. */
static int open_registered(const char *name, struct weir__backend **ret_backend,
                           const char **ret_why) {
    *ret_why = "its open function does not say why";
    int rc = weir__backend_registered(name)(ret_backend, ret_why);
    if (rc != 0)
        return rc;
    const struct weir__backend_ops *o = (*ret_backend)->ops;
    if (o == NULL || o->name == NULL || strcmp(o->name, name) != 0)
        WEIR_BUG("backend '%s': ops->name is another", name);
    if (o->submit == NULL || o->cancel == NULL || o->turn == NULL || o->release == NULL
        || o->wake == NULL || o->now == NULL || o->random == NULL || o->explain == NULL
        || o->close == NULL || (o->descriptor == NULL) != (o->arm == NULL))
        WEIR_BUG("backend '%s': ops lacks a function; only descriptor and arm may be NULL, and "
                 "only both", name);
    if ((*ret_backend)->latch == NULL)
        WEIR_BUG("backend '%s': it has no latch", name);
    return 0;
}

static int open_named(const char *choice, struct weir__backend **ret_backend,
                      const char **ret_why) {
    static _Thread_local char text[96];
    if (strcmp(choice, "uring") == 0)
        return weir__uring_open(ret_backend, ret_why);
    if (strcmp(choice, "sim") == 0)
        return open_sim(ret_backend, ret_why);
    if (strcmp(choice, "epoll") == 0)
        return weir__epoll_open(ret_backend, ret_why);
    if (weir__backend_registered(choice) != NULL)
        return open_registered(choice, ret_backend, ret_why);
    snprintf(text, sizeof text, "no backend '%.32s': there are uring%s", choice,
             weir__backend_open_sim != NULL ? ", epoll and sim" : " and epoll");
    *ret_why = text;
    return WEIR_EBACKEND;
}

int weir__backend_open(const char *choice, struct weir__backend **ret_backend,
                       const char **ret_why) {
    struct weir__backend *b = NULL;
    if (choice == NULL || *choice == '\0')
        choice = getenv("WEIR_BACKEND");
    int rc = choice != NULL && *choice != '\0' ? open_named(choice, &b, ret_why)
                                               : open_best(&b, ret_why);
    if (rc != 0)
        return rc;
    *ret_why = b->ops->explain(b);
    *ret_backend = weir__backend_decorate != NULL ? weir__backend_decorate(b) : b;
    WEIR_CHECK(*ret_backend != NULL);
    return 0;
}
