/* SPDX-License-Identifier: MIT */
/* Shows: weir_detached_send weir_detached_recv */
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <weir/weir.h>

/* The process that takes over: each connection that comes gets its answer. */
static int take_over(void *arg) {
    WEIR_AUTO(weir_close) struct weir_stream *way = NULL;
    struct weir_detached *d;
    int rc = weir_stream_from_socket(*(int *)arg, &way);
    while (rc >= 0 && (rc = weir_detached_recv(way, &d)) > 0) {
        WEIR_AUTO(weir_close) struct weir_stream *s = NULL;
        char name[32];
        if ((rc = weir_attach(&d, &s)) < 0) {
            weir_detached_close(&d);
            break;
        }
        ssize_t n = weir_read_until(s, '\n', name, sizeof name);
        rc = n < 0 ? (int)n : weir_write(s, name, (size_t)n);
    }
    return rc;
}

/* The process that ends: its connections live on, also what they have sent already. */
static int give_away(void *arg) {
    WEIR_AUTO(weir_close) struct weir_stream *way = NULL;
    WEIR_AUTO(weir_close) struct weir_stream *client = NULL;
    struct weir_stream *s = NULL;
    struct weir_detached *d = NULL;
    struct weir_view v;
    char answer[32];
    int ends[2];
    int rc = weir_stream_from_socket(*(int *)arg, &way);
    if (rc < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return rc < 0 ? rc : -errno;
    if ((rc = weir_stream_from_socket(ends[0], &client)) < 0
        || (rc = weir_stream_from_socket(ends[1], &s)) < 0
        || (rc = weir_write(client, "half a ", 7)) < 0)
        return rc;
    ssize_t n = weir_peek(s, 7, &v);
    rc = n < 0 ? (int)n : weir_detach(&s, &d);
    if (rc == 0)
        rc = weir_detached_send(way, &d);
    weir_detached_close(&d); /* nothing, if it was sent */
    weir_close(&s);
    if (rc == 0)
        rc = weir_write(client, "line\n", 5);
    n = rc < 0 ? rc : weir_read_until(client, '\n', answer, sizeof answer);
    if (n > 0)
        printf("the other process answers: %s", answer);
    return n < 0 ? (int)n : 0;
}

int main(void) {
    int way[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, way) < 0)
        return 1;
    pid_t child = fork();
    if (child == 0) {
        close(way[0]);
        return weir_run(take_over, &way[1], NULL) < 0;
    }
    close(way[1]);
    int rc = child < 0 ? -1 : weir_run(give_away, &way[0], NULL);
    return rc < 0 || waitpid(child, NULL, 0) != child;
}
