/* SPDX-License-Identifier: MIT */
/* mesh.c - see mesh.h. */
#include "mesh/mesh.h"

#include "base/alloc.h"
#include "mesh/link.h"
#include "task/task.h"

void weir__mesh_open(struct weir__mesh *m) {
    struct weir__backend *b = weir__loop()->backend;
    *m = (struct weir__mesh){.ws = {.size = sizeof m->ws, .close_ns = WEIR__LINK_CLOSE},
                             .close_code = 1000,
                             .open = true};
    weir__list_init(&m->links);
    weir_group_open(&m->readers, WEIR_INDEPENDENT);
    b->ops->random(b, &m->random.state, sizeof m->random.state);
}

void weir__mesh_close(struct weir__mesh *m, int code) {
    if (!m->open)
        return;
    m->close_code = code;
    weir_group_cancel(&m->readers, "the program ends");
    (void)weir_group_close(&m->readers, 0);
    weir__links_free(m);
    weir__free(m->nodes);
    *m = (struct weir__mesh){.open = false};
}
