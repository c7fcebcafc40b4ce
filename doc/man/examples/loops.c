/* SPDX-License-Identifier: MIT */
/* Shows: weir_loops_run weir_loops_options weir_accept_fd weir_stream_from_socket */
/* A role for each loop: loop 0 accepts, loop 1 is the client, the others serve what loop 0 hands
 * over. */
#include <stdio.h>
#include <unistd.h>
#include <weir/weir.h>

enum { SERVERS = 2, CALLS = 6 };

struct town {                      /* all that the loops share */
    struct weir_shared_chan *port; /* int: where loop 0 listens */
    struct weir_shared_chan *fds;  /* int: connections that wait for a server */
};

static int accepts(struct town *t) {
    WEIR_AUTO(weir_unlisten) struct weir_listener *l = NULL;
    int fd, rc = weir_listen("tcp://127.0.0.1:0", NULL, &l);
    if (rc < 0)
        return rc;
    int port = weir_listener_port(l);
    rc = weir_shared_chan_send(t->port, &port);
    for (int i = 0; i < CALLS && rc == 0; i++)
        if ((rc = weir_accept_fd(l, &fd)) == 0 && (rc = weir_shared_chan_send(t->fds, &fd)) < 0)
            close(fd); /* not sent, so it is still ours */
    weir_shared_chan_close(t->fds); /* the servers end when they have served the rest */
    return rc;
}

static int calls(struct town *t) {
    int port = 0;
    if (weir_shared_chan_recv(t->port, &port) != 1)
        return -ECANCELED;
    for (int i = 0; i < CALLS; i++) {
        WEIR_AUTO(weir_close) struct weir_stream *s = NULL;
        char url[64], word[6] = "";
        snprintf(url, sizeof url, "tcp://127.0.0.1:%d", port);
        int rc = weir_dial(url, NULL, &s);
        if (rc == 0)
            rc = weir_read_exactly(s, word, 5);
        if (rc < 0)
            return rc;
        printf("%s\n", word);
    }
    return 0;
}

static int serves(struct town *t) {
    int fd, rc;
    while ((rc = weir_shared_chan_recv(t->fds, &fd)) == 1) {
        WEIR_AUTO(weir_close) struct weir_stream *s = NULL;
        if ((rc = weir_stream_from_socket(fd, &s)) < 0)
            close(fd);
        if (rc < 0 || (rc = weir_write(s, "hello", 5)) < 0)
            return rc;
    }
    return rc;
}

static int role(void *arg, int index) {
    return index == 0 ? accepts(arg) : index == 1 ? calls(arg) : serves(arg);
}

static void close_fd(void *item, void *arg) {
    (void)arg;
    close(*(int *)item);
}

int main(void) {
    struct town t = {NULL, NULL};
    int rc = weir_shared_chan_new(int, 1, &t.port);
    if (rc == 0)
        rc = weir_shared_chan_new(int, 16, &t.fds);
    if (rc == 0) {
        weir_shared_chan_on_drop(t.fds, close_fd, NULL); /* if they are stopped early */
        rc = weir_loops_run(&(struct weir_loops_options){
            .count = 2 + SERVERS, .fn = role, .arg = &t, .affinity = true, .name = "town"});
    }
    if (rc < 0)
        fprintf(stderr, "%s\n", weir_error_message(rc));
    weir_shared_chan_unref(&t.port);
    weir_shared_chan_unref(&t.fds);
    return rc < 0;
}
