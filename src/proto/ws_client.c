/* SPDX-License-Identifier: MIT */
/* ws_client.c - a client that connects again. It stands on the public calls of weir/ws.h. The task
 * that receives does all the work:
 *
 *   AWAY -- the pause is over --> CONNECTING -- dialled, opened, what was kept is sent --> OPEN
 *    ^                               |                                                      |
 *    +------- the attempt failed ----+ <-------------------- the connection is lost --------+
 *
 *   each of them -- a close for good --> ENDED */
#include <weir/ws_client.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <weir/loop.h>

#include "base/alloc.h"
#include "base/check.h"
#include "base/options.h"
#include "base/time.h"
#include "loop/debug.h"
#include "proto/ws_conn.h"
#include "proto/ws_dial.h"
#include "proto/ws_out.h"

struct kept {
    struct kept *next;
    enum weir_ws_type type;
    size_t len;
    uint8_t bytes[];
};

struct weir_ws_client {
    struct weir_ws_client_options o;
    struct weir_ws_options ws_options;
    struct weir__loop *loop;
    char *url;
    struct weir_ws *ws;         /* NULL unless OPEN, or closing */
    struct weir_scope *trying;  /* of the task that connects; NULL: none does */
    struct kept *first, **last; /* messages that are kept */
    size_t kept_messages, kept_bytes;
    weir_ns pause_ns; /* before the next attempt */
    weir_ns until_ns; /* when that pause ends; 0: it has not begun */
    weir_ns retry_ns; /* the same, while a task waits for it */
    unsigned connections, failures, in_a_row;
    uint32_t inside; /* tasks in a call, which keep the memory */
    int last_error;
    uint8_t state;
    bool must_pause, receiving, dropped;
    bool is_final; /* what attempt returned is for the caller */
};

/* ---- life ---- */

static void kept_drop(struct weir_ws_client *c) {
    while (c->first != NULL) {
        struct kept *k = c->first;
        c->first = k->next;
        weir__free(k);
    }
    c->last = &c->first;
    c->kept_messages = c->kept_bytes = 0;
}

static void client_free(struct weir_ws_client *c) {
    weir_ws_drop(&c->ws);
    kept_drop(c);
    weir__free(c->url);
    weir__free(c);
}

static int client_enter(struct weir_ws_client *c, const char *what) {
    int rc = weir__suspend_enter_on(c ? c->loop : NULL, what);
    if (rc < 0)
        return rc;
    weir__not_null(c, what);
    c->inside++;
    return 0;
}

static int client_leave(struct weir_ws_client *c, int rc) {
    WEIR_CHECK(c->inside > 0);
    bool dropped = c->dropped;
    if (--c->inside == 0 && dropped)
        client_free(c);
    return dropped && rc != 0 ? weir__fail(WEIR_ECLOSED, "ws client", NULL) : rc;
}

static int options_take(struct weir_ws_client *c, const struct weir_ws_client_options *given) {
    WEIR_OPTIONS_COPY(struct weir_ws_client_options, arg, &c->o, given);
    WEIR_OPTIONS_COPY(struct weir_ws_options, tls, &c->ws_options, c->o.ws);
    c->ws_options.size = sizeof c->ws_options;
    if (c->o.first_ns < 0 || c->o.longest_ns < 0)
        return weir__failf(-EINVAL, "ws client", c->url, "a time below 0");
    c->o.first_ns = c->o.first_ns ? c->o.first_ns : WEIR_MILLISECONDS(100);
    c->o.longest_ns = c->o.longest_ns ? c->o.longest_ns : WEIR_SECONDS(30);
    return 0;
}

/* It is the program's from now on. pc: the return address of the public call. */
static void client_give(struct weir_ws_client *c, const void *pc) {
    char shown[96]; /* as much as debug mode keeps */
    c->loop->unclosed++;
    snprintf(shown, sizeof shown, "%.*s", (int)weir__uri_shown_len(c->url), c->url);
    weir__debug_made(c->loop, c, "WebSocket client of", shown, pc);
}

/* After its run only its memory is left. */
static void client_take_back(struct weir_ws_client *c, const void *pc) {
    if (weir__loop() == NULL || weir__loop() != c->loop)
        return;
    c->loop->unclosed--;
    weir__debug_closed(c->loop, c, pc);
}

int weir_ws_client_new(const char *url, const struct weir_ws_client_options *options,
                       struct weir_ws_client **ret_client) {
    struct weir__uri u;
    weir__not_null(url, "weir_ws_client_new");
    struct weir__loop *l = weir__loop_here();
    if (l == NULL)
        return weir__fail(WEIR_ENOLOOP, "ws client", url);
    int rc = weir__loop_enter(l, NULL, "weir_ws_client_new");
    if (rc < 0 || (rc = weir__ws_url_check(url, &u)) < 0)
        return rc;
    struct weir_ws_client *c = weir__alloc_zero(sizeof *c);
    if (c == NULL)
        return weir__fail(-ENOMEM, "ws client", url);
    c->loop = l;
    c->last = &c->first;
    c->url = weir__strdup(url);
    rc = c->url == NULL ? weir__fail(-ENOMEM, "ws client", url) : options_take(c, options);
    if (rc < 0) {
        client_free(c);
        return rc;
    }
    client_give(c, __builtin_return_address(0));
    *ret_client = c;
    return 0;
}

void weir_ws_client_drop(struct weir_ws_client **take_client) {
    if (take_client == NULL || *take_client == NULL)
        return;
    struct weir_ws_client *c = *take_client;
    weir__debug_not_closed(weir__loop(), c, "weir_ws_client_drop", __builtin_return_address(0));
    *take_client = NULL;
    client_take_back(c, __builtin_return_address(0));
    c->dropped = true;
    c->state = WEIR_WS_CLIENT_ENDED;
    weir_ws_drop(&c->ws);
    if (weir__loop_is_parents(c->loop))
        return;
    if (c->trying != NULL)
        weir_scope_cancel(c->trying, "the client was dropped");
    if (c->inside == 0)
        client_free(c);
}

/* ---- what follows from an error ---- */

/* What ws was lost with; 0: it was not. */
static int loss_of(const struct weir_ws *ws) {
    int failed = ws->failed ? ws->failed : ws->out.failed;
    return ws->state == WS_CLOSED ? WEIR_EWSCLOSED : failed;
}

/* A server that closes with one of these wants its clients back, or could not say what it wants. */
static bool comes_back(int code) {
    return code == 1001 || code == 1005 || code == 1006 || (code >= 1011 && code <= 1014);
}

static bool status_may_change(int status) {
    return status == 408 || status == 425 || status == 429 || status == 500 ||
           (status >= 502 && status <= 504);
}

/* Can another attempt help? */
static bool may_help(int rc) {
    const struct weir_error *e = weir_error(rc);
    if (rc == WEIR_EHTTP)
        return e != NULL && status_may_change(e->status);
    return rc != -EINVAL && rc != WEIR_EURL && rc != WEIR_ENOTLS && rc != WEIR_ENOZLIB &&
           rc != WEIR_ECERT && rc != WEIR_EPROTO && rc != WEIR_ETOOBIG && rc != -ENOMEM &&
           rc != -EACCES && rc != -EPERM && rc != WEIR_ENOLOOP && rc > WEIR_EUSER;
}

static void pause_longer(struct weir_ws_client *c) {
    weir_ns most = c->o.longest_ns;
    weir_ns next = c->pause_ns == 0       ? c->o.first_ns
                   : c->pause_ns > most / 2 ? most
                                            : 2 * c->pause_ns;
    c->pause_ns = next < most ? next : most;
    c->must_pause = true;
}

static void pause_ends(struct weir_ws_client *c) {
    c->must_pause = false;
    c->until_ns = 0;
}

/* The connection ws was lost with rc. Its record stays. A client that was closed meanwhile stays
 * so. */
static void lost(struct weir_ws_client *c, struct weir_ws *ws, int rc) {
    bool is_over = rc == WEIR_EWSCLOSED && !comes_back(weir_ws_close_code(ws));
    c->last_error = rc;
    if (c->state == WEIR_WS_CLIENT_ENDED)
        return;
    c->state = is_over ? WEIR_WS_CLIENT_ENDED : WEIR_WS_CLIENT_AWAY;
    if (is_over)
        kept_drop(c);
    else
        pause_longer(c);
}

static int has_ended(struct weir_ws_client *c) {
    return weir__failf(WEIR_EWSCLOSED, "ws client", c->url, "the client has ended");
}

/* ---- connect ---- */

/* One that was cancelled before goes on. */
static int pause_before(struct weir_ws_client *c) {
    weir_ns now = weir_now();
    if (!c->must_pause)
        return 0;
    if (c->until_ns == 0) {
        weir_ns pause = c->pause_ns - (weir_ns)(weir_random() % ((uint64_t)c->pause_ns / 2 + 1));
        c->until_ns = c->retry_ns = weir__deadline(now, pause);
        if (c->o.away != NULL)
            c->o.away(c->last_error, pause, c->o.arg);
    }
    c->retry_ns = c->until_ns;
    int rc = c->until_ns > now ? weir_sleep(c->until_ns - now) : 0;
    c->retry_ns = 0;
    if (rc == 0)
        pause_ends(c);
    return rc;
}

static struct kept *kept_take(struct weir_ws_client *c) {
    struct kept *k = c->first;
    c->first = k->next;
    if (c->first == NULL)
        c->last = &c->first;
    c->kept_messages--;
    c->kept_bytes -= k->len;
    return k;
}

static void kept_give_back(struct weir_ws_client *c, struct kept *k) {
    k->next = c->first;
    if (c->first == NULL)
        c->last = &k->next;
    c->first = k;
    c->kept_messages++;
    c->kept_bytes += k->len;
}

/* What is being sent is in no list: a close may drop what is kept meanwhile. */
static int send_kept(struct weir_ws_client *c, struct weir_ws *ws) {
    while (c->first != NULL) {
        struct kept *k = kept_take(c);
        int rc = weir_ws_send(ws, k->type, k->bytes, k->len);
        if (rc < 0 && c->state != WEIR_WS_CLIENT_ENDED)
            kept_give_back(c, k);
        else
            weir__free(k);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* The user's function, then what was kept. What the function returns may be a code of its own, or
 * of another connection, so it does not say whether this one was lost. */
static int welcome(struct weir_ws_client *c, struct weir_ws *ws) {
    int rc = c->o.opened != NULL ? c->o.opened(ws, c->o.arg) : 0;
    if (rc >= 0 && (rc = send_kept(c, ws)) == 0)
        return 0;
    int loss = rc != weir_cancelled() ? loss_of(ws) : 0;
    c->is_final = loss == 0 && rc != weir_cancelled();
    if (loss != 0 && loss != rc)
        rc = weir__fail(loss, "ws client", weir_ws_peer(ws));
    if (loss != 0)
        lost(c, ws, rc);
    return rc;
}

/* The error record stays. */
static void drop_quietly(struct weir_ws **take_ws) {
    struct weir_error why = {0};
    weir__error_keep(&why);
    weir_ws_drop(take_ws);
    weir__error_restore(&why);
}

static int connect_once(struct weir_ws_client *c) {
    struct weir_ws *ws = NULL;
    c->state = WEIR_WS_CLIENT_CONNECTING;
    c->is_final = false;
    int rc = weir_ws_dial(c->url, &c->ws_options, &ws);
    if (rc == 0) {
        c->connections++;
        rc = welcome(c, ws);
        if (rc == 0 && c->state == WEIR_WS_CLIENT_ENDED) /* meanwhile, and opened did not mind */
            rc = has_ended(c);
    } else if (rc != weir_cancelled()) {
        c->is_final = !may_help(rc);
        c->failures++;
        pause_longer(c);
    }
    if (c->state == WEIR_WS_CLIENT_CONNECTING)
        c->state = rc == 0 ? WEIR_WS_CLIENT_OPEN : WEIR_WS_CLIENT_AWAY;
    if (rc == 0) {
        c->ws = ws;
        c->failures = c->in_a_row = 0;
        return 0;
    }
    drop_quietly(&ws);
    return rc;
}

static int try_until_open(struct weir_ws_client *c) {
    for (;;) {
        int rc = pause_before(c);
        if (rc == 0 && c->state == WEIR_WS_CLIENT_ENDED) /* when the pause was just over */
            return has_ended(c);
        if (rc == 0)
            rc = connect_once(c);
        if (rc == 0 || rc == weir_cancelled())
            return rc;
        c->last_error = rc;
        bool is_enough = ++c->in_a_row == c->o.attempts;
        if (!is_enough && !c->is_final && c->state != WEIR_WS_CLIENT_ENDED)
            continue;
        c->in_a_row = 0;
        c->pause_ns = 0;
        pause_ends(c);
        return rc;
    }
}

static int connect_again(struct weir_ws_client *c) {
    struct weir_scope s;
    weir_scope_enter(&s, WEIR_NEVER);
    c->trying = &s;
    int rc = try_until_open(c);
    c->trying = NULL;
    rc = weir_scope_leave(&s, rc);
    return rc == WEIR_ESTOPPED || (rc == 0 && c->state == WEIR_WS_CLIENT_ENDED) ? has_ended(c) : rc;
}

/* ---- receive ---- */

static int receive_over_all(struct weir_ws_client *c, struct weir_ws_message *ret) {
    for (;;) {
        if (c->state == WEIR_WS_CLIENT_ENDED)
            return has_ended(c);
        int rc = c->ws == NULL ? connect_again(c) : 0;
        if (rc < 0)
            return rc;
        rc = weir_ws_receive(c->ws, ret);
        if (rc == 0)
            c->pause_ns = 0;
        if (rc == 0 || c->dropped)
            return rc;
        if (rc == weir_cancelled() || rc == -EBUSY || (rc == -ENOMEM && loss_of(c->ws) == 0))
            return rc;
        if (c->state == WEIR_WS_CLIENT_ENDED) /* by a close that the server did not answer */
            return rc == WEIR_EWSCLOSED ? rc : has_ended(c);
        lost(c, c->ws, rc);
        if (c->state == WEIR_WS_CLIENT_ENDED)
            return rc;
        drop_quietly(&c->ws);
        if (rc == -ENOMEM) /* the next call connects again */
            return rc;
    }
}

int weir_ws_client_receive(struct weir_ws_client *c, struct weir_ws_message *ret_message) {
    int rc = client_enter(c, "ws client receive");
    if (rc < 0)
        return rc;
    if (c->receiving)
        return client_leave(c, weir__failf(-EBUSY, "ws client receive", c->url,
                                           "another task receives (EBUSY)"));
    c->receiving = true;
    rc = receive_over_all(c, ret_message);
    c->receiving = false;
    return client_leave(c, rc);
}

/* ---- send ---- */

static int keep(struct weir_ws_client *c, enum weir_ws_type type, const void *data, size_t len) {
    if (c->o.away_max == 0)
        return weir__failf(-ENOTCONN, "ws client send", c->url, "not connected now (ENOTCONN)");
    if (len > c->o.away_max || c->kept_bytes > c->o.away_max - len ||
        c->kept_messages >= WS_KEPT_MAX)
        return weir__failf(WEIR_EBUSYPEER, "ws client send", c->url,
                           "not connected now, and %zu bytes in %zu messages are kept already",
                           c->kept_bytes, c->kept_messages);
    struct kept *k = weir__alloc(sizeof *k + len);
    if (k == NULL)
        return weir__fail(-ENOMEM, "ws client send", c->url);
    *k = (struct kept){.type = type, .len = len};
    if (len > 0)
        memcpy(k->bytes, data, len);
    *c->last = k;
    c->last = &k->next;
    c->kept_messages++;
    c->kept_bytes += len;
    return 0;
}

static int send_or_keep(struct weir_ws_client *c, enum weir_ws_type type, const void *data,
                        size_t len) {
    size_t max = weir__ws_queue_max(&c->ws_options);
    if (type == WEIR_WS_TEXT && !weir__utf8_valid(data, len))
        return weir__fail(WEIR_EUTF8, "ws client send", c->url);
    if (len > max) /* no connection will take it */
        return weir__failf(WEIR_ETOOBIG, "ws client send", c->url, "%zu bytes; the queue holds %zu",
                           len, max);
    while (c->state == WEIR_WS_CLIENT_OPEN) {
        struct weir_ws *ws = c->ws;
        int rc = weir_ws_send(ws, type, data, len);
        bool is_lost = rc < 0 && (c->ws != ws || loss_of(ws) != 0 || rc == WEIR_EWSCLOSED);
        if (!is_lost || rc == weir_cancelled() || c->dropped)
            return rc;
        if (c->ws == ws)
            break; /* the task that receives has not seen it yet */
    }
    return c->state == WEIR_WS_CLIENT_ENDED ? has_ended(c) : keep(c, type, data, len);
}

int weir_ws_client_send(struct weir_ws_client *c, enum weir_ws_type type, const void *data,
                        size_t len) {
    int rc = client_enter(c, "ws client send");
    return rc < 0 ? rc : client_leave(c, send_or_keep(c, type, data, len));
}

/* ---- the rest ---- */

int weir_ws_client_close(struct weir_ws_client *c, int code, const char *reason) {
    int rc = client_enter(c, "ws client close");
    if (rc < 0)
        return rc;
    rc = weir__ws_close_check("ws client close", code, reason);
    if (rc < 0)
        return client_leave(c, rc);
    c->state = WEIR_WS_CLIENT_ENDED;
    kept_drop(c);
    if (c->trying != NULL)
        weir_scope_cancel(c->trying, "the client was closed");
    return client_leave(c, c->ws != NULL ? weir_ws_close(c->ws, code, reason) : 0);
}

void weir_ws_client_look(const struct weir_ws_client *c,
                         struct weir_ws_client_facts *ret_facts) {
    weir__not_null(c, "weir_ws_client_look");
    *ret_facts = (struct weir_ws_client_facts){.state = (enum weir_ws_client_state)c->state,
                                               .connections = c->connections,
                                               .failures = c->failures,
                                               .last_error = c->last_error,
                                               .retry_ns = c->retry_ns,
                                               .kept_messages = c->kept_messages,
                                               .kept_bytes = c->kept_bytes};
}

struct weir_ws *weir_ws_client_ws(const struct weir_ws_client *c) {
    weir__not_null(c, "weir_ws_client_ws");
    return c->state == WEIR_WS_CLIENT_OPEN ? c->ws : NULL;
}
