/* SPDX-License-Identifier: MIT */
/* Shows: weir-detach weir_detach weir_attach weir_detached_unread weir_detached_end
 * weir_detached_peer weir_detached_close weir_stream_take_fd weir_detached */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <weir/weir.h>

/* On a loop of another thread: go on where the first loop has stopped reading. */
static int go_on(void *arg) {
    struct weir_detached **d = arg;
    WEIR_AUTO(weir_close) struct weir_stream *s = NULL;
    char line[32];
    printf("%zu bytes were unread, and the peer %s\n", weir_detached_unread(*d).len,
           weir_detached_end(*d) == 1 ? "may send more" : "has ended");
    int rc = weir_attach(d, &s);
    ssize_t n = rc < 0 ? rc : weir_read_until(s, '\n', line, sizeof line);
    if (n < 0)
        return (int)n;
    printf("the second loop reads: %s", line);
    rc = weir_write(s, "thanks\n", 7);
    int fd = -1;
    if (rc == 0 && (n = weir_stream_take_fd(&s, line, sizeof line, &fd)) >= 0)
        close(fd); /* a plain descriptor now: any other library could have it */
    return rc;
}

static void *other_thread(void *arg) {
    struct weir_detached **d = arg;
    weir_run(go_on, d, NULL);
    weir_detached_close(d); /* nothing, if it was attached */
    return NULL;
}

static int begin(void *arg) {
    WEIR_AUTO(weir_close) struct weir_stream *a = NULL;
    WEIR_AUTO(weir_close) struct weir_stream *b = NULL;
    struct weir_detached *d = NULL;
    struct weir_view v;
    pthread_t thread;
    int ends[2];
    char line[32];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return -errno;
    if (weir_stream_from_socket(ends[0], &a) < 0 || weir_stream_from_socket(ends[1], &b) < 0)
        return -EIO; /* a longer program would close both */
    int rc = weir_write(a, "first\nsecond\n", 13);
    ssize_t n = rc < 0 ? rc : weir_read_until(b, '\n', line, sizeof line);
    if (n < 0 || (n = weir_peek(b, 1, &v)) < 0)
        return (int)n;
    printf("the first loop reads: %s", line);
    if ((rc = weir_detach(&b, &d)) < 0)
        return rc;
    printf("detached from %s\n", weir_detached_peer(d));
    if (pthread_create(&thread, NULL, other_thread, &d) != 0)
        return -EAGAIN;
    n = weir_read_until(a, '\n', line, sizeof line);
    pthread_join(thread, NULL);
    return n < 0 ? (int)n : 0;
}

int main(void) {
    return weir_run(begin, NULL, NULL) < 0;
}
