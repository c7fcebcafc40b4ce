/* SPDX-License-Identifier: MIT */
/* load.c - see load.h. The object's calls into the library are resolved to the copy that runs. */
#include "worker/load.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "task/task.h"

enum { PATH_BYTES = 2048 };

int weir__load(const char *path, const struct weir_worker **ret_worker,
               const struct weir_source **ret_source) {
    char here[PATH_BYTES];
    WEIR_CHECK(path != NULL);
    int len = snprintf(here, sizeof here, "%s%s", strchr(path, '/') ? "" : "./", path);
    if (len < 0 || (size_t)len >= sizeof here || access(here, F_OK) != 0)
        return weir__fail(-ENOENT, "load", path);
    void *object = dlopen(here, RTLD_NOW | RTLD_LOCAL);
    if (object == NULL)
        return weir__failf(WEIR_EWORKER, "load", path, "%s", dlerror());
    const struct weir_worker *const *worker = dlsym(object, "weir_worker");
    const struct weir_source *const *source = dlsym(object, "weir_source");
    bool has_worker = worker != NULL && *worker != NULL;
    if (!has_worker && (source == NULL || *source == NULL)) {
        dlclose(object);
        return weir__failf(WEIR_EWORKER, "load", path,
                           "it has no `weir_worker` and no `weir_source`: was it made with "
                           "WEIR_WORKER_MAIN or WEIR_SOURCE_MAIN?");
    }
    *ret_worker = has_worker ? *worker : NULL;
    *ret_source = has_worker ? NULL : *source;
    WEIR_CHECK((*ret_worker == NULL) != (*ret_source == NULL));
    return 0;
}
