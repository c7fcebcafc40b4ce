/* SPDX-License-Identifier: MIT */
/* many_sim - COUNT idle WebSocket connections in the simulation: each is opened, all are idle for a
 * minute of virtual time, then each is asked one message and must answer right.
 *
 *   bench-many-sim COUNT
 *
 * Prints the real and the virtual time of each step, and the bytes of the heap that one more
 * connection takes, at both of its ends and in the simulated kernel. To tell the server's part, the
 * same is done with bare connections first (a reactive TCP echo). Exits with 1 if one is missing or
 * answers wrong. */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <weir/testing.h>
#include <weir/weir.h>

enum { HOSTS = 8, DIALERS = 100, SIZE = 64, HEAD = 2, MASK = 4, IDLE_S = 60 };

static const char request[] =
    "GET / HTTP/1.1\r\nHost: server\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

struct world {
    bool websocket;
    size_t count, opened, right, heap_of_each;
    struct weir_stream **clients;
};

/* ---- the server ---- */

static int ws_message(struct weir_ws *ws, void *state, const struct weir_ws_message *m) {
    (void)state;
    return weir_ws_send(ws, m->type, m->data.base, m->data.len);
}

static int bare_message(struct weir_conn *c, void *state, struct weir_view v) {
    (void)state;
    return weir_write(weir_conn_stream(c), v.base, v.len);
}

struct server_args {
    struct world *w;
    struct weir_listener *l;
};

static int server(void *args) {
    static const struct weir_ws_reactive ws = {.size = sizeof ws, .message = ws_message};
    static const struct weir_reactive bare = {.size = sizeof bare, .message = bare_message};
    struct server_args *a = args;
    struct weir_ws_options o = {
        .size = sizeof o, .ping_ns = WEIR_NEVER, .connections_max = a->w->count,
        .hosts = (const char *const[]){"server", NULL}};
    struct weir_group g;
    weir_group_open(&g, WEIR_INDEPENDENT);
    int rc = a->w->websocket ? weir_ws_react(a->l, &g, &ws, &o) : weir_react(a->l, &g, &bare);
    weir_group_cancel(&g, "the clients are done");
    weir_group_close(&g, 0);
    return rc;
}

/* ---- the clients ---- */

struct part_args { /* every DIALERS-th connection, from `first` on */
    struct world *w;
    size_t first;
};

static int dial_one(struct world *w, size_t i) {
    char local[32], byte;
    struct weir_dial_options o = {.size = sizeof o, .local = local};
    /* the hosts of the world are 10.0.0.1 (main), 10.0.0.2 (server), ... */
    snprintf(local, sizeof local, "10.0.0.%zu", 3 + i % HOSTS);
    int rc = weir_dial("tcp://server:80", &o, &w->clients[i]);
    if (rc < 0 || !w->websocket)
        return rc;
    rc = weir_write(w->clients[i], request, sizeof request - 1);
    for (int ends = 0; rc >= 0 && ends < 4;) { /* until the empty line */
        rc = weir_read_exactly(w->clients[i], &byte, 1);
        ends = byte == "\r\n\r\n"[ends] ? ends + 1 : byte == '\r';
    }
    return rc;
}

static int dial_part(void *args) {
    struct part_args *a = args;
    int rc = 0;
    for (size_t i = a->first; i < a->w->count && rc >= 0; i += DIALERS)
        if ((rc = dial_one(a->w, i)) >= 0)
            a->w->opened++;
    return rc;
}

static int ask_one(struct world *w, size_t i) {
    char sent[HEAD + MASK + SIZE + 1] = {(char)0x82, (char)(0x80 | SIZE)}, back[HEAD + SIZE];
    size_t head = w->websocket ? HEAD : 0, mask = w->websocket ? MASK : 0;
    char *payload = sent + HEAD + MASK;
    snprintf(payload, SIZE + 1, "%0*zu", SIZE, i);
    int rc = weir_write(w->clients[i], payload - head - mask, head + mask + SIZE);
    if (rc == 0)
        rc = weir_read_exactly(w->clients[i], back, head + SIZE);
    if (rc >= 0 && memcmp(back + head, payload, SIZE) == 0)
        w->right++;
    return rc;
}

static int ask_part(void *args) {
    struct part_args *a = args;
    int rc = 0;
    for (size_t i = a->first; i < a->w->count && rc >= 0; i += DIALERS)
        rc = ask_one(a->w, i);
    return rc;
}

static int all(struct world *w, int (*part)(void *)) {
    struct weir_group g;
    int rc = 0;
    weir_group_open(&g, WEIR_TOGETHER);
    for (size_t i = 0; i < DIALERS && rc >= 0; i++)
        rc = weir_go(&g, part, .w = w, .first = i);
    return weir_group_close(&g, rc);
}

/* ---- one world ---- */

static size_t heap(void) {
    struct mallinfo2 m = mallinfo2();
    return m.uordblks + m.hblkhd;
}

static double real_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Do a step; say how long it took by both clocks. */
static int step(const char *what, struct world *w, int (*part)(void *)) {
    double real = real_now();
    weir_ns virtual = weir_now();
    int rc = part != NULL ? all(w, part) : weir_sleep(WEIR_SECONDS(IDLE_S));
    printf("  %-6s %6.2f s, virtual %8.3f s\n", what, real_now() - real,
           (double)(weir_now() - virtual) / 1e9);
    return rc;
}

static int clients(struct world *w) {
    size_t before = heap();
    int rc = step("open", w, dial_part);
    if (rc >= 0)
        rc = step("idle", w, NULL);
    w->heap_of_each = (heap() - before) / w->count;
    if (rc >= 0)
        rc = step("ask", w, ask_part);
    for (size_t i = 0; i < w->count; i++)
        weir_close(&w->clients[i]);
    return rc;
}

static int run(void *arg) {
    struct world *w = arg;
    struct weir_listener *l = NULL;
    struct weir_group g;
    char name[16];
    weir_sim_host("server");
    for (int i = 0; i < HOSTS; i++) {
        snprintf(name, sizeof name, "client%d", i);
        weir_sim_host(name);
    }
    int rc = weir_listen("tcp://server:80", NULL, &l);
    if (rc < 0)
        return rc;
    weir_group_open(&g, WEIR_INDEPENDENT);
    rc = weir_go(&g, server, .w = w, .l = l);
    if (rc == 0)
        rc = clients(w);
    weir_unlisten(&l);
    weir_group_close(&g, 0);
    return rc;
}

static size_t world(bool websocket, size_t count) {
    struct world w = {.websocket = websocket, .count = count};
    struct weir_sim_options o = {.size = sizeof o, .descriptors_max = 2 * count + 100};
    struct rusage u;
    w.clients = calloc(count, sizeof(struct weir_stream *));
    printf("%zu %s connections\n", count, websocket ? "WebSocket" : "bare");
    int rc = w.clients != NULL ? weir_sim_run(run, &w, &o) : -ENOMEM;
    getrusage(RUSAGE_SELF, &u);
    printf("  %zu opened, %zu right, %zu bytes each, %ld MiB at most\n", w.opened, w.right,
           w.heap_of_each, u.ru_maxrss >> 10);
    free(w.clients);
    if (rc < 0)
        fprintf(stderr, "bench-many-sim: %s\n", weir_error_message(rc));
    if (rc < 0 || w.right != count)
        exit(1);
    return w.heap_of_each;
}

int main(int argc, char **argv) {
    if (argc != 2 || atoi(argv[1]) < 1)
        return fprintf(stderr, "usage: bench-many-sim COUNT\n"), 2;
    size_t count = (size_t)atoi(argv[1]), bare = world(false, count), ws = world(true, count);
    printf("of a WebSocket connection beyond a bare one: %zd bytes\n", (ssize_t)(ws - bare));
    return 0;
}
