/* SPDX-License-Identifier: MIT */
/* Shows: weir_node_connect weir_node_ask weir_node_send weir_node_stream weir_node_stream_options
 * weir_item weir_node_ack weir_node_ack_free */
#include <stdio.h>
#include <weir/weir.h>

static int acked(void *arg, size_t index, const struct weir_node_ack *ack) {
    printf("%zu: %s\n", index, ack->data);
    return 0;
}

static int talk(struct weir_mesh *m) {
    const struct weir_item question = {.data = "level?", .len = 6};
    const struct weir_item steps[] = {{.data = "up", .len = 2}, {.data = "down", .len = 4}};
    const struct weir_node_stream_options options = {.size = sizeof options, .acked = acked};
    WEIR_AUTO(weir_node_ack_free) struct weir_node_ack ack = {0};
    int rc = weir_node_connect(m, "pump", "/"); /* or with the first message */
    if (rc == 0)
        rc = weir_node_ask(m, "pump", "/", &question, &ack);
    if (rc == 0)
        printf("%s\n", ack.data);
    if (rc == 0)
        rc = weir_node_stream(m, "pump", "/", steps, 2, &options);
    if (rc == 0)
        rc = weir_node_send(m, "pump", "/", "stop");
    return rc;
}

static int program(void *arg) {
    const struct weir_mesh_options options = {
        .size = sizeof options, .nodes = "pump=localhost:1", .retry_ns = -1};
    struct weir_mesh *m = NULL;
    int rc = weir_mesh_open(&options, &m);
    if (rc < 0)
        return rc;
    rc = talk(m);
    if (rc == WEIR_EUNREACH && weir_error(rc) != NULL) /* no pump runs here: */
        printf("%s; the reason: %s\n", weir_error_message(rc),
               weir_error_text(weir_error(rc)->reason));
    weir_mesh_close(&m);
    return rc == WEIR_EUNREACH ? 0 : rc;
}

int main(void) {
    return weir_run(program, NULL, NULL) < 0;
}
