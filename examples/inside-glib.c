/* SPDX-License-Identifier: MIT */
/* inside-glib - weir tasks in the main loop of GLib, by a GSource: the loop's descriptor is polled
 * by GLib, and the source's three functions are prepare, check and step. */
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <weir/drive.h>

#include "guest.h"

const char host_name[] = "glib";
static GMainLoop *main_loop;

struct source {
    GSource base;
    struct weir_loop *loop;
    gpointer tag; /* of the descriptor */
};

static gboolean source_prepare(GSource *base, gint *timeout_ms) {
    struct weir_loop *l = ((struct source *)(void *)base)->loop;
    weir_ns wait = weir_loop_prepare(l);
    *timeout_ms = wait == WEIR_NEVER ? -1 : (gint)MIN((wait + 999999) / 1000000, G_MAXINT);
    return wait == 0;
}

/* A timer of weir's may be due although no descriptor is ready: prepare knows. */
static gboolean source_check(GSource *base) {
    struct source *s = (struct source *)(void *)base;
    return g_source_query_unix_fd(base, s->tag) != 0 || weir_loop_prepare(s->loop) == 0;
}

static gboolean source_dispatch(GSource *base, GSourceFunc fn, gpointer arg) {
    (void)fn, (void)arg;
    weir_loop_step(((struct source *)(void *)base)->loop, 0);
    return G_SOURCE_CONTINUE;
}

static GSourceFuncs source_functions = {
    .prepare = source_prepare, .check = source_check, .dispatch = source_dispatch};

struct later {
    void (*fn)(int turn);
    int turn;
};

static gboolean later_fires(gpointer arg) {
    struct later l = *(struct later *)arg;
    g_free(arg);
    l.fn(l.turn);
    return G_SOURCE_REMOVE;
}

void host_later(void (*fn)(int turn), int turn) {
    struct later *l = g_new(struct later, 1);
    *l = (struct later){fn, turn};
    g_timeout_add(1, later_fires, l);
}

void host_stop(void) {
    g_main_loop_quit(main_loop);
}

int main(void) {
    struct weir_loop *loop = NULL;
    if (weir_loop_open(NULL, &loop) < 0)
        return EXIT_FAILURE;
    int fd = weir_loop_fd(loop);
    if (fd < 0)
        return EXIT_FAILURE;
    GSource *base = g_source_new(&source_functions, sizeof(struct source));
    struct source *s = (struct source *)(void *)base;
    s->loop = loop;
    s->tag = g_source_add_unix_fd(base, fd, G_IO_IN);
    g_source_attach(base, NULL);
    main_loop = g_main_loop_new(NULL, FALSE);
    guest_begin();
    g_main_loop_run(main_loop);
    g_source_destroy(base);
    g_source_unref(base);
    g_main_loop_unref(main_loop);
    weir_loop_close(&loop);
    return EXIT_SUCCESS;
}
