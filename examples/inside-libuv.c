/* SPDX-License-Identifier: MIT */
/* inside-libuv - weir tasks in the loop of libuv: uv_prepare asks how long the wait may last and
 * sets a timer, uv_poll watches the descriptor, and uv_check steps after each wait. */
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>
#include <weir/drive.h>

#include "guest.h"

const char host_name[] = "libuv";
static struct weir_loop *loop;
static uv_prepare_t before_wait;
static uv_check_t after_wait;
static uv_poll_t descriptor;
static uv_timer_t deadline;

static void nothing(uv_timer_t *t) { /* it only ends the wait */
    (void)t;
}

static void ready(uv_poll_t *p, int status, int events) {
    (void)p, (void)status, (void)events; /* after_wait steps, whatever ended the wait */
}

static void on_prepare(uv_prepare_t *p) {
    (void)p;
    weir_ns wait = weir_loop_prepare(loop);
    if (wait == WEIR_NEVER)
        uv_timer_stop(&deadline);
    else
        uv_timer_start(&deadline, nothing, (uint64_t)((wait + 999999) / 1000000), 0);
}

static void on_check(uv_check_t *c) {
    (void)c;
    weir_loop_step(loop, 0);
}

struct later {
    uv_timer_t timer;
    void (*fn)(int turn);
    int turn;
};

static void later_closed(uv_handle_t *h) {
    free(h->data);
}

static void later_fires(uv_timer_t *t) {
    struct later *l = t->data;
    l->fn(l->turn);
    uv_close((uv_handle_t *)t, later_closed);
}

void host_later(void (*fn)(int turn), int turn) {
    struct later *l = malloc(sizeof *l);
    if (l == NULL)
        abort();
    l->fn = fn;
    l->turn = turn;
    uv_timer_init(uv_default_loop(), &l->timer);
    l->timer.data = l;
    uv_timer_start(&l->timer, later_fires, 1, 0);
}

/* With these closed nothing keeps uv_run. */
void host_stop(void) {
    uv_close((uv_handle_t *)&before_wait, NULL);
    uv_close((uv_handle_t *)&after_wait, NULL);
    uv_close((uv_handle_t *)&descriptor, NULL);
    uv_close((uv_handle_t *)&deadline, NULL);
}

int main(void) {
    uv_loop_t *uv = uv_default_loop();
    if (weir_loop_open(NULL, &loop) < 0)
        return EXIT_FAILURE;
    int fd = weir_loop_fd(loop);
    if (fd < 0)
        return EXIT_FAILURE;
    uv_prepare_init(uv, &before_wait);
    uv_prepare_start(&before_wait, on_prepare);
    uv_check_init(uv, &after_wait);
    uv_check_start(&after_wait, on_check);
    uv_poll_init(uv, &descriptor, fd);
    uv_poll_start(&descriptor, UV_READABLE, ready);
    uv_timer_init(uv, &deadline);
    guest_begin();
    uv_run(uv, UV_RUN_DEFAULT);
    weir_loop_close(&loop);
    uv_loop_close(uv);
    return EXIT_SUCCESS;
}
