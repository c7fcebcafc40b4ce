/* SPDX-License-Identifier: MIT */
/* echo-deferred - a client whose steps are a chain of Deferreds: connect, send, receive. An errback
 * at its end gets the error of any step. The program asks an echo server, and then an address at
 * which nobody listens. */
#include <stdio.h>
#include <string.h>
#include <weir/weir.h>

struct client {
    const char *url, *message;
    char answer[101];
    struct weir_stream *s;
};

/* A step that waits is a task. What the caller gets at once is a Deferred, which the task fires. */
struct step_args {
    struct client *c;
    struct weir_deferred *d; /* a reference */
};

static int start(int (*step)(void *args), struct client *c, struct weir_deferred **ret_d) {
    struct step_args a = {c, NULL};
    int rc = weir_deferred_new(NULL, NULL, ret_d);
    if (rc < 0)
        return rc;
    a.d = weir_deferred_ref(*ret_d);
    if ((rc = weir_spawn(NULL, WEIR_SITE(step), step, &a, sizeof a, NULL, NULL)) < 0) {
        weir_deferred_unref(&a.d);
        weir_deferred_unref(ret_d);
    }
    return rc;
}

static void settle(struct step_args *a, int rc) {
    if (rc < 0)
        weir_deferred_fail(a->d, rc);
    else
        weir_deferred_fire(a->d, a->c);
    weir_deferred_unref(&a->d);
}

static int connects(void *args) {
    struct step_args *a = args;
    settle(a, weir_dial(a->c->url, NULL, &a->c->s));
    return 0;
}

static int receives(void *args) {
    struct step_args *a = args;
    struct client *c = a->c;
    ssize_t n = weir_read(c->s, c->answer, sizeof c->answer - 1);
    settle(a, n == 0 ? WEIR_EEOF : (int)n);
    return 0;
}

static struct weir_result sends(struct weir_result r, void *arg) {
    struct client *c = r.value;
    struct weir_deferred *received;
    (void)arg;
    ssize_t n = weir_try_write(c->s, c->message, strlen(c->message));
    if (n < 0 || (n = start(receives, c, &received)) < 0)
        return (struct weir_result){.rc = (int)n};
    printf("sent: %s\n", c->message);
    return weir_wait_for(received); /* the chain goes on when that one fires */
}

static struct weir_result shows(struct weir_result r, void *arg) {
    (void)arg;
    printf("received: %s\n", ((struct client *)r.value)->answer);
    return r;
}

static struct weir_result failed(struct weir_result r, void *arg) {
    (void)arg;
    printf("failed: %s\n", weir_error_name(r.rc));
    return (struct weir_result){0}; /* the error is handled */
}

static int ask(const char *url) {
    static struct client c; /* a step may still run when this function has failed */
    struct weir_deferred *d;
    c = (struct client){.url = url, .message = "hello"};
    int rc = start(connects, &c, &d);
    if (rc < 0)
        return rc;
    rc = weir_deferred_add_callback(d, sends, NULL);
    if (rc == 0)
        rc = weir_deferred_add_callbacks(d, shows, NULL, failed, NULL);
    if (rc == 0)
        rc = weir_deferred_await(d, NULL);
    weir_deferred_unref(&d);
    weir_close(&c.s);
    return rc;
}

static int echoes(struct weir_conn *conn, void *state, struct weir_view v) {
    (void)state;
    return weir_write(weir_conn_stream(conn), v.base, v.len);
}

struct server_args { struct weir_listener *l; };
static int server(void *args) {
    const struct weir_reactive r = {.size = sizeof r, .message = echoes};
    struct weir_group peers;
    weir_group_open(&peers, WEIR_INDEPENDENT);
    return weir_group_close(&peers, weir_react(((struct server_args *)args)->l, &peers, &r));
}

static int program(void *arg) {
    struct weir_listener *l;
    struct weir_group g;
    char url[64];
    (void)arg;
    int rc = weir_listen("tcp://127.0.0.1:0", NULL, &l);
    if (rc < 0)
        return rc;
    snprintf(url, sizeof url, "tcp://127.0.0.1:%d", weir_listener_port(l));
    weir_group_open(&g, WEIR_TOGETHER);
    if ((rc = weir_go(&g, server, .l = l)) == 0)
        rc = ask(url);
    weir_unlisten(&l);
    rc = weir_group_close(&g, rc);
    return rc == 0 ? ask("mem:nobody") : rc;
}

int main(void) {
    return weir_run(program, NULL, NULL) < 0;
}
