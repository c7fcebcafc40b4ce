/* SPDX-License-Identifier: MIT */
/* mesh-ask - a mesh without a worker: asks a node by its name, and prints its answer.
 *
 *   mesh-ask NAME=HOST:PORT,... NODE/CHANNEL TEXT
 *   mesh-ask buzzer=localhost:8766 buzzer/ 1
 *
 * Exits 1 if there is no answer, 2 if the node refused. */
#include <stdio.h>
#include <string.h>
#include <weir/weir.h>

static int ask(struct weir_mesh *mesh, const char *node, const char *channel, const char *text) {
    const struct weir_item item = {.data = text, .len = strlen(text)};
    struct weir_node_ack ack;
    int rc = weir_node_ask(mesh, node, channel, &item, &ack);
    if (ack.data != NULL)
        printf("%s\n", ack.data);
    weir_node_ack_free(&ack);
    return rc;
}

static int program(void *arg) {
    char **words = arg, node[64];
    struct weir_mesh *mesh = NULL;
    const struct weir_mesh_options options = {
        .size = sizeof options, .nodes = words[1], .retry_ns = WEIR_SECONDS(1)};
    snprintf(node, sizeof node, "%.*s", (int)strcspn(words[2], "/"), words[2]);
    int rc = weir_mesh_open(&options, &mesh);
    if (rc == 0)
        rc = ask(mesh, node, words[2] + strcspn(words[2], "/"), words[3]);
    if (rc < 0)
        fprintf(stderr, "mesh-ask: %s\n", weir_error_message(rc));
    int closed = weir_mesh_close(&mesh);
    return rc < 0 ? rc : closed;
}

int main(int argc, char **argv) {
    if (argc != 4) {
        fprintf(stderr, "usage: mesh-ask NAME=HOST:PORT,... NODE/CHANNEL TEXT\n");
        return 1;
    }
    int rc = weir_run(program, argv, NULL);
    return rc == WEIR_ENACK ? 2 : rc < 0;
}
