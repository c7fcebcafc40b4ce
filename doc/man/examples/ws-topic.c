/* SPDX-License-Identifier: MIT */
/* Shows: weir-ws_topic weir_ws_topic weir_ws_slow weir_ws_topic_options weir_ws_topic_new
 * weir_ws_topic_free weir_ws_topic_subscribe weir_ws_topic_unsubscribe weir_ws_topic_publish
 * weir_ws_topic_try_publish weir_ws_topic_stats */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <weir/weir.h>

/* A chat: what one client says, all others hear, until it says "bye". */
static int opened(struct weir_ws *ws, void *state) {
    return weir_ws_topic_subscribe(weir_ws_arg(ws), ws);
}

static int message(struct weir_ws *ws, void *state, const struct weir_ws_message *m) {
    struct weir_ws_topic *chat = weir_ws_arg(ws);
    if (m->data.len == 3 && memcmp(m->data.base, "bye", 3) == 0)
        return weir_ws_topic_unsubscribe(chat, ws);
    ssize_t n = weir_ws_topic_publish(chat, m->type, m->data.base, m->data.len);
    return n < 0 ? (int)n : 0;
}

/* A posted function is no task: it cannot wait. */
static void announce(void *chat) {
    (void)weir_ws_topic_try_publish(chat, WEIR_WS_TEXT, "welcome", 7);
}

static const struct weir_ws_topic_options options = {
    .size = sizeof options,
    .slow = WEIR_WS_SLOW_CLOSE, /* a client that takes nothing must not cost memory */
    .queue_max = 64 << 10,
    .close_code = 1008,
    .close_reason = "you read too slowly",
};

struct client_args { int port; };

static int client(void *args) {
    WEIR_AUTO(weir_ws_drop) struct weir_ws *ws = NULL;
    struct weir_ws_message m;
    char url[60];
    snprintf(url, sizeof url, "ws://localhost:%d/", ((struct client_args *)args)->port);
    int rc = weir_ws_dial(url, NULL, &ws);
    if (rc == 0 && (rc = weir_ws_send(ws, WEIR_WS_TEXT, "hello", 5)) == 0)
        rc = weir_ws_receive(ws, &m); /* its own, or that of the other */
    if (rc == 0 && (rc = weir_ws_send(ws, WEIR_WS_TEXT, "bye", 3)) == 0)
        rc = weir_ws_close(ws, 1000, NULL);
    return rc == WEIR_EWSCLOSED ? 0 : rc;
}

struct talk_args {
    struct weir_listener *l;
};

static int talk(void *args) {
    struct weir_listener *l = ((struct talk_args *)args)->l;
    struct weir_group clients;
    weir_group_open(&clients, WEIR_TOGETHER);
    int rc = 0;
    for (int i = 0; i < 2 && rc == 0; i++)
        rc = weir_go(&clients, client, .port = weir_listener_port(l));
    rc = weir_group_close(&clients, rc);
    weir_unlisten(&l);
    return rc;
}

static int program(void *arg) {
    WEIR_AUTO(weir_ws_topic_free) struct weir_ws_topic *chat = NULL;
    struct weir_ws_topic_stats s;
    struct weir_listener *l = NULL;
    struct weir_group g;
    int rc = weir_ws_topic_new(&options, &chat);
    if (rc < 0 || (rc = weir_listen("tcp://localhost:0", NULL, &l)) < 0)
        return rc;
    struct weir_ws_reactive server = {
        .size = sizeof server, .opened = opened, .message = message, .arg = chat};
    weir_group_open(&g, WEIR_INDEPENDENT);
    rc = weir_go(&g, talk, .l = l);
    if (rc == 0)
        rc = weir_post(weir_loop_current(), announce, chat);
    if (rc == 0)
        rc = weir_ws_react(l, &g, &server, NULL);
    rc = weir_group_close(&g, rc);
    weir_ws_topic_stats(chat, &s);
    printf("%" PRIu64 " published, %" PRIu64 " queued, %" PRIu64 " skipped\n", s.published,
           s.queued, s.skipped);
    return rc;
}

int main(void) {
    return weir_run(program, NULL, NULL) < 0;
}
