/* SPDX-License-Identifier: MIT */
/* c10k - very many connections to one server on one thread, nearly all of them idle: a connection
 * that is silent costs the server no thread, no task and no stack. The clients are a program of
 * their own, this one started again, so that each process has its own limit of descriptors.
 *
 *   c10k [COUNT]      default 10,000 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <weir/weir.h>

/* ---- the server ---- */

static long open_now, open_most, messages;

static int opened(struct weir_conn *c, void *state) {
    (void)c, (void)state;
    if (++open_now > open_most)
        open_most = open_now;
    return 0;
}

static int message(struct weir_conn *c, void *state, struct weir_view v) {
    (void)state;
    messages++;
    return weir_write(weir_conn_stream(c), v.base, v.len);
}

static void closed(struct weir_conn *c, void *state, int rc) {
    (void)c, (void)state, (void)rc;
    open_now--;
}

struct server_args { struct weir_listener *l; };
static int server(void *args) {
    const struct weir_reactive r = {
        .size = sizeof r, .opened = opened, .message = message, .closed = closed};
    struct weir_group peers;
    weir_group_open(&peers, WEIR_INDEPENDENT);
    return weir_group_close(&peers, weir_react(((struct server_args *)args)->l, &peers, &r));
}

static int run_clients(const char *port, const char *const *words) {
    const char *const argv[] = {words[0], port, words[1], NULL};
    WEIR_AUTO(weir_process_close) struct weir_process *p = NULL;
    struct weir_exit end;
    int rc = weir_process_start(argv, NULL, &p);
    if (rc == 0)
        rc = weir_process_wait(p, &end);
    return rc == 0 && end.code != 0 ? weir_fail(WEIR_EUSER, "the clients have failed") : rc;
}

static int program(void *words) { /* this program's name, and the count */
    struct weir_listener *l;
    struct weir_group g;
    char port[16];
    int rc = weir_listen("tcp://127.0.0.1:0", NULL, &l);
    if (rc < 0)
        return rc;
    snprintf(port, sizeof port, "%d", weir_listener_port(l));
    weir_group_open(&g, WEIR_TOGETHER);
    if ((rc = weir_go(&g, server, .l = l)) == 0)
        rc = run_clients(port, words);
    weir_unlisten(&l); /* weir_react returns */
    rc = weir_group_close(&g, rc);
    printf("%ld connections at once, %ld messages\n", open_most, messages);
    printf("afterwards %ld\n", open_now);
    return rc;
}

/* ---- the clients ---- */

struct clients {
    int port;
    long count;
};

static int ping(struct weir_stream *s) {
    char data[4];
    int rc = weir_write(s, "ping", 4);
    return rc < 0 ? rc : weir_read_exactly(s, data, 4);
}

/* Every 500th asks something: its answer says that the server has accepted those before it, so the
 * queue of the kernel never overflows. */
static int connect_all(const struct clients *c, struct weir_stream **streams) {
    char url[64];
    int rc = 0;
    snprintf(url, sizeof url, "tcp://127.0.0.1:%d", c->port);
    for (long i = 0; i < c->count && rc == 0; i++) {
        rc = weir_dial(url, NULL, &streams[i]);
        if (rc == 0 && (i % 500 == 499 || i == c->count - 1))
            rc = ping(streams[i]);
    }
    return rc;
}

static int clients(void *arg) {
    const struct clients *c = arg;
    struct weir_stream **streams = calloc((size_t)c->count, sizeof(struct weir_stream *));
    int rc = streams == NULL ? -ENOMEM : connect_all(c, streams);
    for (long i = 0; i < c->count && streams != NULL; i++)
        weir_close(&streams[i]);
    free(streams);
    return rc;
}

int main(int argc, char **argv) {
    const char *const words[] = {argv[0], argc > 1 ? argv[argc - 1] : "10000"};
    struct clients c = {argc > 2 ? atoi(argv[1]) : 0, atol(words[1])};
    struct rlimit limit;
    if (c.count < 1 || getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return 2;
    limit.rlim_cur = limit.rlim_max; /* as many descriptors as we may have */
    int rc = setrlimit(RLIMIT_NOFILE, &limit) < 0 ? -errno : 0;
    if (rc == 0)
        rc = argc > 2 ? weir_run(clients, &c, NULL) : weir_run(program, (void *)words, NULL);
    if (rc < 0)
        fprintf(stderr, "c10k: %s\n", weir_error_message(rc));
    return rc < 0;
}
