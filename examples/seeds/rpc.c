/* SPDX-License-Identifier: MIT */
/* rpc - calls of another program's functions, as messages behind their length. The client asks for
 * a value, starts an action that makes it grow, and stops the action again. It is also a test of
 * them: of a server on another host, and in virtual time, so that 44 seconds pass at once. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weir/testing.h>
#include <weir/weir.h>

static const struct weir_framing behind_length = {
    .size = sizeof behind_length, .kind = WEIR_FRAME_LENGTH, .length_bytes = 2, .max = 256};

/* ---- the client ---- */

struct rpc {
    struct weir_stream *s;
    struct weir_frames in;
};

/* Call a function; its result, or the error that the server answers, comes back. */
static int call(struct rpc *r, const char *name, int argument, int *ret_value) {
    char text[64], kind;
    struct weir_view v;
    int len = snprintf(text, sizeof text, "%s %d", name, argument);
    int rc = weir_frame_write(r->s, &behind_length, text, (size_t)len);
    if (rc < 0)
        return rc;
    if ((rc = weir_frames_next(&r->in, &v)) != 1)
        return rc < 0 ? rc : WEIR_EEOF;
    snprintf(text, sizeof text, "%.*s", (int)v.len, (const char *)v.base);
    if (sscanf(text, "%c%d", &kind, ret_value) == 2 && kind == '=')
        return 0;
    return weir_fail(WEIR_EUSER, "%s: the server says '%s'", name, text);
}

static int test_remote_action(struct rpc *r) {
    int before, now = 0, ignored;
    int rc = call(r, "value", 0, &before);
    if (rc == 0)
        rc = call(r, "start", before + 1, &ignored);
    for (int i = 0; i < 5 && rc == 0; i++) {
        int last = now;
        if ((rc = weir_sleep(WEIR_SECONDS(0.5))) == 0)
            rc = call(r, "value", 0, &now);
        printf("value %d: %s\n", now, now > last ? "it has grown" : "it has not grown");
    }
    if (rc == 0)
        rc = weir_sleep(WEIR_SECONDS(42));
    if (rc == 0)
        rc = call(r, "stop", 0, &now);
    if (rc == 0)
        printf("stopped at %d\n", now);
    if (rc == 0 && (rc = call(r, "dance", 0, &now)) == WEIR_EUSER) {
        printf("%s\n", weir_error_message(rc));
        rc = 0;
    }
    return rc;
}

static int client(void) {
    struct rpc r = {0};
    int rc = weir_dial("tcp://machine:5555", NULL, &r.s);
    if (rc == 0)
        rc = weir_frames_open(&r.in, r.s, &behind_length);
    if (rc == 0)
        rc = test_remote_action(&r);
    weir_frames_close(&r.in);
    weir_close(&r.s);
    return rc;
}

/* ---- the server ---- */

static int value = 7;
static struct weir_task *action;

struct grow_args { int step; };
static int grow(void *args) {
    int rc;
    while ((rc = weir_sleep(WEIR_SECONDS(0.25))) == 0)
        value += ((struct grow_args *)args)->step;
    return rc;
}

static int stop_action(void) {
    if (action == NULL)
        return 0;
    weir_task_cancel(action, "stop was called");
    int rc = weir_await(&action, NULL, 0);
    weir_task_release(&action);
    return rc == -ECANCELED ? weir_cancelled() : rc;
}

/* Run the function of that name; the answer is a number, or a text that begins otherwise. */
static int answer(struct weir_group *g, const char *request, char *text, size_t size) {
    char name[16] = "";
    int argument = 0, rc = 0;
    sscanf(request, "%15s %d", name, &argument);
    if (strcmp(name, "start") == 0 || strcmp(name, "stop") == 0)
        rc = stop_action();
    else if (strcmp(name, "value") != 0)
        return snprintf(text, size, "no such function");
    if (rc == 0 && strcmp(name, "start") == 0)
        rc = weir_go_task(g, grow, &action, .step = argument);
    return rc < 0 ? rc : snprintf(text, size, "=%d", value);
}

static int serve(struct weir_stream *s, struct weir_frames *in) {
    char request[64], text[64];
    struct weir_group g;
    struct weir_view v;
    int rc;
    weir_group_open(&g, WEIR_TOGETHER);
    while ((rc = weir_frames_next(in, &v)) == 1) {
        snprintf(request, sizeof request, "%.*s", (int)v.len, (const char *)v.base);
        int len = answer(&g, request, text, sizeof text);
        rc = len < 0 ? len : weir_frame_write(s, &behind_length, text, (size_t)len);
        if (rc < 0)
            break;
    }
    int stopped = stop_action();
    return weir_group_close(&g, rc < 0 ? rc : stopped);
}

struct server_args { struct weir_listener *l; };
static int server(void *args) {
    WEIR_AUTO(weir_close) struct weir_stream *s = NULL;
    struct weir_frames in;
    int rc = weir_accept(((struct server_args *)args)->l, &s);
    if (rc == 0 && (rc = weir_frames_open(&in, s, &behind_length)) == 0) {
        rc = serve(s, &in);
        weir_frames_close(&in);
    }
    return rc;
}

static int program(void *arg) {
    struct weir_listener *l = NULL;
    struct weir_group g;
    (void)arg;
    int rc = weir_sim_host("machine");
    if (rc == 0)
        rc = weir_listen("tcp://machine:5555", NULL, &l);
    if (rc < 0)
        return rc;
    weir_group_open(&g, WEIR_TOGETHER);
    if ((rc = weir_go(&g, server, .l = l)) == 0)
        rc = client();
    rc = weir_group_close(&g, rc);
    weir_unlisten(&l);
    return rc;
}

int main(void) {
    const struct weir_sim_options world = {.size = sizeof world, .seed = 1};
    int rc = weir_sim_run(program, NULL, &world);
    if (rc < 0)
        fprintf(stderr, "rpc: %s\n", weir_error_message(rc));
    return rc < 0;
}
