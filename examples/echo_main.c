/* SPDX-License-Identifier: MIT */
/* echo_main.c - what the echo servers share: the command line, a loop and a listener per thread
 * (SO_REUSEPORT), and a clean end on SIGINT or SIGTERM. With --port 0 the system picks a port; it
 * is printed. */
#include "echo_main.h"

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weir/shared.h>
#include <weir/thread.h>

enum { THREADS_MAX = 64 };

static const char *program;
static struct echo_shapes shapes;
static struct {
    int port, threads;
    const char *backend;
    bool react;
    int connections_max; /* 0: the default */
} options = {.port = 7000, .threads = 1};

/* ---- one thread ---- */

static struct weir_shared_event *is_bound; /* the port is known */

static int open_listener(struct weir_listener **ret_listener) {
    char url[64];
    struct weir_listen_options o = {.size = sizeof o, .reuse_port = options.threads > 1};
    snprintf(url, sizeof url, "tcp://127.0.0.1:%d", options.port);
    return weir_listen(url, &o, ret_listener);
}

/* The other threads can listen on the port now. */
static void announce(struct weir_listener *l) {
    options.port = weir_listener_port(l);
    printf("listening on 127.0.0.1:%d\n", options.port);
    fflush(stdout);
    weir_shared_event_set(is_bound);
}

/* A signal ends the accepting of the first thread, whose error then stops the others: if each took
 * the signal, one that begins a moment later would miss it. The clients, outside that scope, are
 * cancelled after it. */
static int server(void *arg, int index) {
    struct weir_group clients;
    struct weir_scope serving;
    WEIR_AUTO(weir_unlisten) struct weir_listener *l = NULL;
    int rc = index > 0 ? weir_shared_event_wait(is_bound) : 0;
    (void)arg;
    if (rc == 0)
        rc = open_listener(&l);
    if (rc < 0)
        return rc;
    weir_group_open(&clients, WEIR_INDEPENDENT);
    weir_scope_enter(&serving, WEIR_NEVER);
    if (index == 0 && (rc = weir_scope_on_signal(&serving, SIGINT, SIGTERM)) == 0)
        announce(l);
    if (rc == 0)
        rc = options.react ? shapes.react(l, &clients) : shapes.serve(l, &clients);
    rc = weir_scope_leave(&serving, rc);
    weir_group_cancel(&clients, "the server ends");
    weir_group_close(&clients, 0);
    return rc;
}

static int run(void) {
    struct weir_run_options run = {.size = sizeof run, .backend = options.backend};
    struct weir_loops_options o = {.size = sizeof o, .count = options.threads, .fn = server,
                                   .name = program, .run = &run};
    int rc = weir_shared_event_new(&is_bound);
    if (rc == 0)
        rc = weir_loops_run(&o);
    weir_shared_event_unref(&is_bound);
    if (rc == WEIR_ESTOPPED)
        return 0;
    fprintf(stderr, "%s: %s\n", program, weir_error_message(rc));
    return 1;
}

/* ---- the command line ---- */

static int usage(const char *why, const char *word) {
    fprintf(stderr,
            "%s: %s%s%s\n"
            "usage: %s [--port N] [--backend uring|epoll] [--threads N] "
            "[--shape serve|react] [--connections-max N]\n",
            program, why, word != NULL ? ": " : "", word != NULL ? word : "", program);
    return 2;
}

/* 0 .. max; -1: not a number of that kind. */
static int number(const char *text, long max) {
    char *end;
    long n = strtol(text, &end, 10);
    return *text >= '0' && *text <= '9' && *end == '\0' && n <= max ? (int)n : -1;
}

static int take_option(const char *name, const char *value) {
    if (strcmp(name, "--port") == 0) {
        if ((options.port = number(value, 65535)) < 0)
            return usage("a port is 0 .. 65535, not", value);
    } else if (strcmp(name, "--threads") == 0) {
        if ((options.threads = number(value, THREADS_MAX)) < 1)
            return usage("threads are 1 .. 64, not", value);
    } else if (strcmp(name, "--backend") == 0) {
        if (strcmp(value, "uring") != 0 && strcmp(value, "epoll") != 0)
            return usage("a backend is uring or epoll, not", value);
        options.backend = value;
    } else if (strcmp(name, "--connections-max") == 0) {
        if ((options.connections_max = number(value, 1 << 20)) < 1)
            return usage("connections are 1 .. 1048576, not", value);
    } else if (strcmp(name, "--shape") == 0) {
        options.react = strcmp(value, "react") == 0;
        if (!options.react && strcmp(value, "serve") != 0)
            return usage("a shape is serve or react, not", value);
    } else {
        return usage("no such option", name);
    }
    return 0;
}

int echo_connections_max(void) {
    return options.connections_max;
}

int echo_main(const char *name, int argc, char **argv, const struct echo_shapes *given) {
    sigset_t stops;
    program = name;
    shapes = *given;
    sigemptyset(&stops);
    sigaddset(&stops, SIGINT);
    sigaddset(&stops, SIGTERM);
    sigprocmask(SIG_UNBLOCK, &stops, NULL); /* the parent process may have blocked them */
    for (int i = 1; i < argc; i += 2) {
        if (strncmp(argv[i], "--", 2) == 0 && i + 1 == argc)
            return usage("a value is missing after", argv[i]);
        int rc = take_option(argv[i], argv[i + 1]);
        if (rc != 0)
            return rc;
    }
    return run();
}
