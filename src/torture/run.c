/* SPDX-License-Identifier: MIT */
/* run.c - runs the cases of a list, several at a time, and reports their results in order. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <weir/error.h>
#include <weir/loop.h>
#include <weir/process.h>

#include "base/alloc.h"
#include "base/time.h"
#include "torture/handshake.h"
#include "torture/http.h"
#include "torture/script.h"
#include "torture/torture.h"

enum { STACK = 256 << 10, SILENT_MAX = 32 };
static const weir_ns case_ns = WEIR_SECONDS(60);

struct run {
    const struct torture_list *list;
    const struct torture_options *options;
    struct torture_result *results;
    bool *done;
    size_t next, told;
    struct weir_mutex accepting;
    bool deserted; /* no client came in time: none will */
    size_t guests; /* clients that came by themselves, and are judged */
    weir_ns left_ns; /* when the last of them was let go */
    bool heard;    /* some case has heard the server */
    size_t silent; /* cases that had a connection, and heard nothing */
    char last_key[TALK_KEY_SIZE];
    weir_ns quickest_ns; /* for an answer of HTTP; 0: none came */
};

/* ---- one case ---- */

static enum torture_verdict run_script(struct talk *t, const struct torture_case *c) {
    enum torture_verdict v = handshake_open(t, c->edit);
    return v != TORTURE_OK ? v : script_run(t, c->script);
}

/* The client has the time for one answer to end. */
static enum torture_verdict run_answer(struct talk *t, const struct torture_case *c) {
    struct weir_scope patience;
    enum torture_verdict v = http_answer(t, c->edit, c->script);
    if (v != TORTURE_OK || t->client == NULL)
        return v;
    weir_scope_enter(&patience, t->patience_ns);
    (void)weir_scope_leave(&patience, weir_event_wait(&t->client->ended));
    return http_judge_client(t, c->script, t->client->status, t->client->printed.base,
                             t->client->printed.len);
}

static enum torture_verdict run_kind(struct talk *t, const struct torture_case *c) {
    switch (c->kind) {
    case KIND_SCRIPT:
        return run_script(t, c);
    case KIND_HANDSHAKE:
        return handshake_case(t, c->edit, c->script);
    default:
        t->piece = c->kind == KIND_HTTP_BYTES;
        return t->serving ? run_answer(t, c) : http_case(t, c->edit, c->script);
    }
}

static enum torture_verdict by_level(const struct torture_case *c, enum torture_verdict v) {
    if (c->row->level == MAY && v == TORTURE_NON_STRICT)
        return TORTURE_INFORMATIONAL;
    if (v != TORTURE_FAILED || c->row->level == MUST)
        return v;
    return c->row->level == SHOULD ? TORTURE_NON_STRICT : TORTURE_INFORMATIONAL;
}

/* What a peer does otherwise counts by the case's level, if the peer is alive; but not what no peer
 * may send, whatever it is asked. */
static enum torture_verdict run_case(struct talk *t, const struct torture_case *c) {
    enum torture_verdict v = run_kind(t, c);
    bool alive = c->kind == KIND_SCRIPT ? t->alive : t->in.len != 0;
    return v == TORTURE_FAILED && (!alive || t->wrong) ? v : by_level(c, v);
}

static void take_log(struct torture_result *r, struct talk *t) {
    snprintf(r->why, sizeof r->why, "%s", t->why);
    if (t->log.len == 0)
        return;
    r->log = (char *)t->log.base;
    r->log_len = t->log.len;
    t->log = (struct bytes){0};
}

static void judge_stream(struct run *run, struct weir_stream *stream, struct talk_client *client,
                         struct torture_result *r) {
    const struct torture_options *o = run->options;
    struct talk t = {.stream = stream,
                     .serving = o->side == OF_CLIENTS,
                     .host = o->host,
                     .target = o->target,
                     .scheme = o->url != NULL && strncmp(o->url, "tls:", 4) == 0 ? "https" : "http",
                     .client = client,
                     .last_key = run->last_key,
                     .quickest_ns = &run->quickest_ns,
                     .patience_ns = o->patience_ns};
    struct weir_group g;
    struct weir_scope whole;
    r->ran = true;
    weir_group_open(&g, WEIR_TOGETHER);
    weir_scope_enter(&whole, case_ns);
    int rc = talk_begin(&t, &g);
    r->verdict =
        rc == 0 ? run_case(&t, r->c) : talk_judge(&t, TORTURE_FAILED, "%s", weir_error_message(rc));
    r->heard = t.in.len != 0;
    r->lost = !talk_is_whole(&t);
    if (r->lost)
        r->verdict = talk_judge(&t, TORTURE_FAILED, "the suite has no memory");
    (void)weir_scope_leave(&whole, 0);
    weir_group_cancel(&g, "the case is over");
    (void)weir_group_close(&g, 0);
    take_log(r, &t);
    talk_end(&t);
}

static void fail(struct torture_result *r, const char *what, int rc) {
    r->verdict = TORTURE_FAILED;
    snprintf(r->why, sizeof r->why, "%s: %s", what, weir_error_message(rc));
}

static int dial_within(const struct torture_options *o, struct weir_stream **ret) {
    const struct weir_dial_options dial = {.size = sizeof dial, .tls = o->tls};
    struct weir_scope patience;
    weir_scope_enter(&patience, o->patience_ns);
    int rc = weir_scope_leave(&patience, weir_dial(o->url, &dial, ret));
    return rc < 0 && o->explain != NULL ? o->explain(rc) : rc;
}

/* Where silence is an answer, another connection shows that the server lives. */
static const struct torture_row alive_row = {"alive", "9112 3", MUST,     OF_SERVERS,
                                             "alive", "",       "accept", NULL};
static const struct torture_case alive_case = {.kind = KIND_HTTP,
                                               .row = &alive_row,
                                               .edit =
                                                   "GET $T HTTP/1.1|Host: $H|Connection: close||",
                                               .script = "accept"};
static const struct torture_row alive_ws_row = {"alive", "6455 4.2.2", MUST,       OF_SERVERS,
                                                "alive", "",           "accepted", NULL};
static const struct torture_case alive_ws_case = {
    .kind = KIND_HANDSHAKE, .row = &alive_ws_row, .edit = "", .script = "accepted"};

static void check_alive(struct run *run, struct torture_result *r) {
    struct weir_stream *s;
    struct torture_result alive = {
        .c = r->c->kind == KIND_HANDSHAKE ? &alive_ws_case : &alive_case};
    int rc = dial_within(run->options, &s);
    if (rc < 0)
        fail(r, "no second connection", rc);
    else
        judge_stream(run, s, NULL, &alive);
    run->heard = run->heard || alive.heard;
    if (rc == 0 && alive.lost) {
        fail(r, "no second connection", -ENOMEM);
    } else if (rc == 0 && alive.verdict == TORTURE_FAILED) {
        r->verdict = TORTURE_FAILED;
        snprintf(r->why, sizeof r->why, "the server answers nothing: %.200s", alive.why);
    } else if (rc == 0) {
        r->verdict = by_level(r->c, r->verdict);
    }
    weir__free(alive.log);
}

static void judge_server(struct run *run, struct torture_result *r) {
    struct weir_stream *s;
    if (!run->heard && run->silent >= SILENT_MAX) {
        r->verdict = TORTURE_FAILED;
        snprintf(r->why, sizeof r->why, "not tried, since the server has not said a byte so far");
        return;
    }
    int rc = dial_within(run->options, &s);
    if (rc < 0) {
        fail(r, "no connection", rc);
        return;
    }
    judge_stream(run, s, NULL, r);
    run->heard = run->heard || r->heard;
    run->silent += !r->heard;
    bool has_failed = r->verdict == TORTURE_FAILED && r->c->row->level == MUST;
    if (r->c->kind != KIND_SCRIPT && !r->heard && !r->lost && !has_failed)
        check_alive(run, r);
}

/* ---- clients ---- */

/* Returns -ETIME if nobody came, WEIR_ESTOPPED if the scope was cancelled. */
static int accept_within(struct weir_scope *s, struct weir_listener *l, weir_ns budget_ns,
                         struct weir_stream **ret) {
    weir_scope_enter(s, budget_ns);
    return weir_scope_leave(s, weir_accept(l, ret));
}

/* A client may come again only when its case is over: none is missing while one is judged, nor
 * before the time for one to come has gone by since then. */
static int accept_guest(struct run *run, struct weir_stream **ret) {
    const struct torture_options *o = run->options;
    struct weir_scope patience;
    for (weir_ns budget = o->wait_ns;;) {
        int rc = accept_within(&patience, o->listener, budget, ret);
        if (rc != -ETIME || weir_cancelled() < 0)
            return rc;
        budget = run->guests > 0 ? o->wait_ns
                                 : weir__deadline(run->left_ns, o->wait_ns) - weir_now();
        if (budget <= 0)
            return rc;
    }
}

/* A client that comes by itself. */
static void judge_guest(struct run *run, struct torture_result *r) {
    struct weir_stream *s;
    int rc = weir_mutex_lock(&run->accepting);
    if (rc == 0) {
        rc = run->deserted ? -ETIME : accept_guest(run, &s);
        run->deserted = run->deserted || rc == -ETIME;
        weir_mutex_unlock(&run->accepting);
    }
    if (rc < 0) {
        fail(r, "no client came", rc);
        return;
    }
    run->guests++;
    judge_stream(run, s, NULL, r);
    run->guests--;
    run->left_ns = weir_now();
}

struct client {
    struct talk_client end;
    struct bytes words[TORTURE_WORDS_MAX];
    const char *argv[TORTURE_WORDS_MAX + 1];
    struct weir_output output;
    struct weir_scope *accepting; /* not NULL: its connection is awaited */
    int rc;
};

/* The URL takes the place of each {} in a word. */
static void fill_word(struct bytes *out, const char *word, const char *scheme, int port) {
    for (const char *hole; (hole = strstr(word, "{}")) != NULL; word = hole + 2) {
        bytes_add(out, word, (size_t)(hole - word));
        bytes_print(out, "%s://127.0.0.1:%d/", scheme, port);
    }
    bytes_add(out, word, strlen(word) + 1);
}

static int fill_command(struct client *c, const struct torture_options *o, int port) {
    size_t n = 0;
    for (; o->command[n] != NULL && n < TORTURE_WORDS_MAX; n++) {
        fill_word(&c->words[n], o->command[n], o->scheme, port);
        if (c->words[n].lost)
            return -ENOMEM;
        c->argv[n] = (const char *)c->words[n].base;
    }
    return 0;
}

struct run_client_args {
    struct client *c;
};

static int run_client(void *args) {
    struct client *c = ((struct run_client_args *)args)->c;
    struct weir_process_options o = {.size = sizeof o, .grace_ns = -1};
    c->rc = weir_process_run(c->argv, &o, &c->output);
    c->end.status = c->rc == 0 && c->output.exit.code >= 0 ? c->output.exit.code : -1;
    c->end.printed = (struct weir_view){c->output.out, c->output.out_len};
    weir_event_set(&c->end.ended);
    if (c->accepting != NULL)
        weir_scope_cancel(c->accepting, "the command ended");
    return 0;
}

struct turn_away_args {
    struct weir_listener *l;
};

/* A client that tries again meets an end at once. */
static int turn_away(void *args) {
    struct weir_listener *l = ((struct turn_away_args *)args)->l;
    struct weir_stream *s;
    while (weir_accept(l, &s) == 0)
        weir_close(&s);
    return 0;
}

static void judge_with(struct run *run, struct weir_listener *l, struct client *c,
                       struct torture_result *r) {
    struct weir_group g;
    struct weir_stream *s;
    struct weir_scope patience;
    weir_group_open(&g, WEIR_TOGETHER);
    int rc = weir_go(&g, run_client, .c = c);
    if (rc == 0) {
        c->accepting = &patience;
        rc = accept_within(&patience, l, run->options->wait_ns, &s);
        c->accepting = NULL;
    }
    if (rc == 0 && (rc = weir_go(&g, turn_away, .l = l)) < 0)
        weir_close(&s);
    if (rc == 0)
        judge_stream(run, s, &c->end, r);
    if (rc < 0)
        fail(r, "the command did not connect", c->rc < 0 ? c->rc : rc);
    weir_group_cancel(&g, "the case is over");
    (void)weir_group_close(&g, 0);
    weir_output_free(&c->output);
}

/* A client that is started for this case. */
static void judge_command(struct run *run, struct torture_result *r) {
    struct weir_listener *l = NULL;
    struct client *c = weir__alloc_zero(sizeof *c);
    if (c == NULL) {
        fail(r, "no client", -ENOMEM);
        return;
    }
    c->end.status = -1;
    weir_event_init(&c->end.ended);
    int rc = weir_listen("tcp://127.0.0.1:0", NULL, &l);
    if (rc == 0) {
        snprintf(c->end.host, sizeof c->end.host, "127.0.0.1:%d", weir_listener_port(l));
        rc = fill_command(c, run->options, weir_listener_port(l));
    }
    if (rc < 0)
        fail(r, "no listener", rc);
    else
        judge_with(run, l, c, r);
    weir_unlisten(&l);
    weir_event_fini(&c->end.ended);
    for (size_t i = 0; i < TORTURE_WORDS_MAX; i++)
        bytes_free(&c->words[i]);
    weir__free(c);
}

/* ---- all ---- */

static void tell(struct run *run) {
    for (; run->told < run->list->count && run->done[run->told]; run->told++) {
        struct torture_result *r = &run->results[run->told];
        run->options->told(r, run->options->arg);
        weir__free(r->log);
        r->log = NULL;
    }
}

struct worker_args {
    struct run *run;
};

static int worker(void *args) {
    struct run *run = ((struct worker_args *)args)->run;
    while (run->next < run->list->count && weir_cancelled() == 0) {
        size_t i = run->next++;
        struct torture_result *r = &run->results[i];
        weir_ns begun = weir_now();
        r->c = &run->list->cases[i];
        if (run->options->side == OF_SERVERS)
            judge_server(run, r);
        else if (run->options->listener != NULL)
            judge_guest(run, r);
        else
            judge_command(run, r);
        r->took_ns = weir_now() - begun;
        if (weir_cancelled() < 0)
            break;
        run->done[i] = true;
        tell(run);
    }
    return weir_cancelled();
}

static int run_workers(struct run *run) {
    const struct weir_spawn_options o = {.size = sizeof o, .stack_size = STACK};
    struct weir_group g;
    int rc = 0;
    weir_group_open(&g, WEIR_TOGETHER);
    for (size_t i = 0; rc == 0 && (i == 0 || i < run->options->jobs); i++)
        rc = weir_go_with(&g, &o, worker, .run = run);
    return weir_group_close(&g, rc);
}

int torture_run(const struct torture_list *list, const struct torture_options *options) {
    struct run run = {.list = list, .options = options};
    run.results = weir__alloc_zero((list->count + 1) * sizeof *run.results);
    run.done = weir__alloc_zero(list->count + 1);
    weir_mutex_init(&run.accepting);
    int rc = run.results == NULL || run.done == NULL ? -ENOMEM : run_workers(&run);
    for (size_t i = run.told; run.results != NULL && i < list->count; i++)
        weir__free(run.results[i].log);
    weir_mutex_fini(&run.accepting);
    weir__free(run.results);
    weir__free(run.done);
    return rc;
}
