/* SPDX-License-Identifier: MIT */
/* path.c - file:PATH, and pipe:PATH, a FIFO. Behind the path may stand ?mode=. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <weir/file.h>

#include "base/alloc.h"
#include "dial/scheme.h"

enum { NEW_FILE_MODE = 0666 }; /* less the umask */

struct mode {
    const char *name;
    int flags;
};

/* The first is the default. A FIFO that is open both ways has always a reader and a writer: so the
 * open does not fail, and the reads do not end, when the other program is not there. */
static const struct mode file_modes[] = {
    {"read", O_RDONLY},
    {"write", O_WRONLY | O_CREAT | O_TRUNC},
    {"append", O_WRONLY | O_CREAT | O_APPEND},
    {"update", O_RDWR | O_CREAT},
    {NULL, 0},
};
static const struct mode pipe_modes[] = {
    {"both", O_RDWR},
    {"read", O_RDONLY},
    {"write", O_WRONLY},
    {NULL, 0},
};

/* Returns the flags, or less than 0: it has another query. */
static int flags_of(const char *query, const struct mode *modes) {
    static const char key[] = "?mode=";
    if (*query == '\0')
        return modes->flags;
    if (strncmp(query, key, sizeof key - 1) != 0)
        return -1;
    for (const struct mode *m = modes; m->name != NULL; m++)
        if (strcmp(query + sizeof key - 1, m->name) == 0)
            return m->flags;
    return -1;
}

static int open_path(const char *path, int flags, struct weir_stream **ret_stream) {
    struct weir_file *f;
    int rc = weir_file_open(path, flags, NEW_FILE_MODE, &f);
    if (rc < 0)
        return rc;
    rc = weir_file_stream(&f, ret_stream);
    weir_file_close(&f);
    return rc;
}

static int dial_path(const char *rest, const char *url, const struct mode *modes, const char *form,
                     struct weir_stream **ret_stream) {
    size_t len = strcspn(rest, "?");
    int flags = flags_of(rest + len, modes);
    if (len == 0 || flags < 0)
        return weir__url_refused("dial", url, form);
    char *path = weir__alloc(len + 1);
    if (path == NULL)
        return weir__fail(-ENOMEM, "dial", url);
    memcpy(path, rest, len);
    path[len] = '\0';
    int rc = open_path(path, flags, ret_stream);
    weir__free(path);
    return rc;
}

int weir__dial_file(const char *rest, const char *url, const struct weir_dial_options *options,
                    struct weir_stream **ret_stream) {
    return dial_path(rest, url, file_modes, "write file:PATH?mode=read, write, append or update",
                     ret_stream);
}

int weir__dial_pipe(const char *rest, const char *url, const struct weir_dial_options *options,
                    struct weir_stream **ret_stream) {
    return dial_path(rest, url, pipe_modes, "write pipe:PATH?mode=both, read or write",
                     ret_stream);
}
