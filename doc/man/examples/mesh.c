/* SPDX-License-Identifier: MIT */
/* Shows: weir_mesh_open weir_mesh_close weir_mesh weir_mesh_options weir_node weir_node_add
 * weir_node_find weir_node_at weir-mesh */
#include <stdio.h>
#include <weir/weir.h>

static int list(struct weir_mesh *m) {
    struct weir_node node = {.size = sizeof node};
    for (size_t i = 0; weir_node_at(m, i, &node) == 1; i++)
        printf("%s at %s, port %d\n", node.name, node.host, node.port);
    int rc = weir_node_find(m, "pimp", &node);
    if (rc == WEIR_ENONODE)
        printf("%s\n", weir_error_message(rc)); /* names the nearest */
    return rc == WEIR_ENONODE ? 0 : 1;
}

static int program(void *arg) {
    const struct weir_mesh_options options = {
        .size = sizeof options, .nodes = "pump=localhost:7001", .no_defaults = true};
    struct weir_mesh *m = NULL;
    int rc = weir_mesh_open(&options, &m); /* opens no connection yet */
    if (rc < 0)
        return rc;
    rc = weir_node_add(m, "valve=localhost:7002,meter=[::1]:7003");
    if (rc == 0)
        rc = list(m);
    int closed = weir_mesh_close(&m);
    return rc != 0 ? rc : closed;
}

int main(void) {
    return weir_run(program, NULL, NULL) != 0;
}
