/* SPDX-License-Identifier: MIT */
/* Shows: weir_react_stream */
#include <stdio.h>
#include <sys/socket.h>
#include <weir/weir.h>

/* A client without a task: between two answers it is one block of memory. */
static int message(struct weir_conn *c, void *state, struct weir_view v) {
    int *count = weir_conn_arg(c);
    printf("%.*s\n", (int)v.len, (const char *)v.base);
    return ++*count < 2 ? weir_write(weir_conn_stream(c), "again", 5) : -ECANCELED;
}

static void closed(struct weir_conn *c, void *state, int rc) {
    printf("closed\n");
}

static int program(void *arg) {
    WEIR_AUTO(weir_close) struct weir_stream *server = NULL;
    WEIR_AUTO(weir_close) struct weir_stream *client = NULL;
    struct weir_group g;
    int ends[2], count = 0;
    char word[5];
    const struct weir_reactive r = {
        .size = sizeof r, .message = message, .closed = closed, .arg = &count};
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return -errno;
    if (weir_stream_from_socket(ends[0], &server) < 0
        || weir_stream_from_socket(ends[1], &client) < 0) /* as weir_dial would make it */
        return -EIO;
    weir_group_open(&g, WEIR_INDEPENDENT);
    int rc = weir_react_stream(&client, &g, &r);
    if (rc == 0)
        rc = weir_write(server, "first answer", 12);
    if (rc == 0)
        rc = weir_read_exactly(server, word, 5);
    if (rc == 0)
        rc = weir_write(server, "second answer", 13);
    return weir_group_close(&g, rc);
}

int main(void) {
    return weir_run(program, NULL, NULL) < 0;
}
