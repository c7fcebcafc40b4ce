/* SPDX-License-Identifier: MIT */
/* node.c - the public calls on the nodes of a mesh: each finds its mesh, is inside it while it
 * runs, and takes the turn on one link. link.c handles outages. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <weir/loop.h>
#include <weir/mesh.h>

#include "base/alloc.h"
#include "base/check.h"
#include "base/options.h"
#include "mesh/grid.h"
#include "mesh/link.h"
#include "mesh/nodes.h"
#include "task/task.h"

/* NULL is the mesh of the program that the running task belongs to. */
static int find_mesh(struct weir_mesh **m, const char *what) {
    if (*m == NULL && weir__mesh_own != NULL)
        *m = weir__mesh_own();
    if (*m == NULL)
        return weir__failf(WEIR_ENOLOOP, what, NULL,
                           "no worker and no source runs here: open a mesh (weir_mesh_open)");
    return weir__loop_enter((*m)->loop, *m, what);
}

/* ---- nodes ----------------------------------------------------------------------------------- */

int weir_node_add(struct weir_mesh *m, const char *nodes) {
    struct weir__grid g;
    if (nodes == NULL)
        WEIR_BUG("weir_node_add: nodes is NULL");
    int rc = find_mesh(&m, "add nodes");
    if (rc < 0)
        return rc;
    weir__grid_init_empty(&g);
    rc = weir__grid_add(&g, nodes);
    if (rc == 0)
        rc = weir__nodes_put(m, g.nodes, g.count);
    weir__grid_fini(&g);
    return rc;
}

static void lend(const struct weir__node *n, struct weir_node *ret) {
    size_t size = weir__options_known(ret->size, sizeof *ret);
    const struct weir_node known = {size, n->name, n->alias, n->host, n->port};
    memcpy(ret, &known, size);
}

int weir_node_find(struct weir_mesh *m, const char *name, struct weir_node *ret_node) {
    const struct weir__node *n = NULL;
    if (name == NULL || ret_node == NULL)
        WEIR_BUG("weir_node_find: %s is NULL", name == NULL ? "name" : "ret_node");
    int rc = find_mesh(&m, "find a node");
    if (rc == 0)
        rc = weir__mesh_find(m, name, &n);
    if (rc == 0)
        lend(n, ret_node);
    return rc;
}

int weir_node_at(struct weir_mesh *m, size_t i, struct weir_node *ret_node) {
    if (ret_node == NULL)
        WEIR_BUG("weir_node_at: ret_node is NULL");
    int rc = find_mesh(&m, "list nodes");
    if (rc < 0 || i >= m->count)
        return rc;
    lend(m->nodes[i], ret_node);
    return 1;
}

/* ---- one exchange over a link, in its turn -------------------------------------------------- */

/* The state of one call, in the frame of its function. */
struct exchange {
    struct weir_mesh *mesh;
    struct weir__call call;
    struct weir__link *link;
    const char *node, *channel;
    const char *verb; /* of the call: what follows weir_node_ */
    /* What the call was cut short in, for cut_short. */
    const char *lacked; /* static text; NULL: a function of the user's runs, or has failed */
    int failed;         /* the code of the last attempt, or 0 */
    char why[120];      /* of that */
};

static void exchange_init(struct exchange *x, struct weir_mesh *m, const char *node,
                          const char *channel, const char *verb) {
    *x = (struct exchange){.mesh = m, .node = node, .channel = channel ? channel : "",
                           .verb = verb, .lacked = "not begun"};
    if (node == NULL)
        WEIR_BUG("weir_node_%s: node is NULL", verb);
}

/* The calls below end in the waits of many others, whose records name a sleep or a read. If a scope
 * has cut the call short, say which call it was, where it went, and what it met. Called when the
 * call's own scope is left, so that the record has the cause that the caller knows. */
static int cut_short(const struct exchange *x, int rc) {
    char url[200] = "";
    if ((rc != -ETIME && rc != -ECANCELED) || x->lacked == NULL || weir_cancelled() != rc)
        return rc;
    if (x->mesh != NULL) /* a URL that is too long is cut */
        (void)weir__mesh_url(x->mesh, x->node, x->channel, url, sizeof url);
    const char *at = *url ? " at " : "";
    weir__fail(rc, x->failed < 0 ? "reach" : x->verb, x->node);
    const struct weir_error *e = weir_error(rc);
    const char *felt = strstr(e->text, weir_error_text(rc)); /* and its budget, or cause */
    if (felt == NULL)
        return rc;
    weir__fail_reason(rc, x->failed);
    return x->failed < 0
               ? weir_fail(rc, "reach %s%s%s: %s; %s", x->node, at, url, x->why, felt)
               : weir_fail(rc, "%s %s%s%s: %s: %s", x->verb, x->node, at, url, x->lacked, felt);
}

/* The call was refused at its entry. The mesh may have been closed before: it is not looked at. */
static int not_begun(struct exchange *x, int rc) {
    x->mesh = NULL;
    return cut_short(x, rc);
}

static void tell(const struct exchange *x, enum weir__mesh_event event, int rc, weir_ns took_ns) {
    weir__mesh_tell(x->mesh, (struct weir__mesh_news){event, x->link, rc, took_ns});
}

/* Keep what the link knows, before others have their turn on it. */
static void keep_lack(struct exchange *x) {
    const struct weir__link *l = x->link;
    x->lacked = weir__link_has_left(l, &x->failed) ? "no ack" : "no connection";
    snprintf(x->why, sizeof x->why, "%s", weir__link_why(l));
}

/* After a failed ask or connect. The record of an HTTP refusal names an address: name the node. */
static void keep_failure(struct exchange *x, enum weir__mesh_event event, int rc) {
    const struct weir_error *e = weir_error(rc);
    keep_lack(x);
    if (rc == WEIR_EHTTP && e != NULL) {
        int status = e->status;
        weir__fail(rc, "reach", x->node);
        rc = weir_fail(rc, "reach %s at %s: %s", x->node, weir__link_url(x->link), x->why);
        weir__fail_status(rc, status);
    }
    tell(x, event, rc, 0);
}

/* Returns 0: exchange_end must follow. */
static int exchange_begin(struct exchange *x) {
    int rc = find_mesh(&x->mesh, x->verb);
    if (rc == 0)
        rc = weir__call_enter(x->mesh, &x->call);
    if (rc < 0)
        return rc;
    rc = weir__link_take(x->mesh, x->node, x->channel, &x->link);
    x->lacked = "no turn yet";
    return rc < 0 ? cut_short(x, weir__call_leave(x->mesh, &x->call, rc)) : 0;
}

static int exchange_end(struct exchange *x, int rc) {
    weir__link_leave(x->link);
    return cut_short(x, weir__call_leave(x->mesh, &x->call, rc));
}

static int refused(const struct exchange *x, const struct weir_ws_message *ack) {
    static const char head[] = "nack: ";
    const char *reason = (const char *)ack->data.base + sizeof head - 1;
    size_t len = ack->data.len - (sizeof head - 1);
    return weir__failf(WEIR_ENACK, "stream", x->node, "%.*s", (int)len, reason);
}

/* Send one item. Returns 0: *ret_ack is lent until the next ask or the exchange's end. */
static int exchange_ask(struct exchange *x, const struct weir_item *item,
                        struct weir_node_ack *ret_ack) {
    struct weir_ws_message in;
    weir_ns begun = weir_now();
    tell(x, WEIR__ITEM_SENT, 0, 0);
    int rc = weir__link_ask(x->link, item->binary ? WEIR_WS_BINARY : WEIR_WS_TEXT, item->data,
                            item->len, &in);
    if (rc < 0) {
        keep_failure(x, WEIR__ITEM_FAILED, rc);
        return rc;
    }
    *ret_ack = (struct weir_node_ack){.data = (char *)(uintptr_t)in.data.base,
                                      .len = in.data.len,
                                      .binary = in.type == WEIR_WS_BINARY,
                                      .nack = weir__is_nack(in.type, in.data)};
    tell(x, ret_ack->nack ? WEIR__ITEM_REFUSED : WEIR__ITEM_ACKED, 0, weir_now() - begun);
    return ret_ack->nack ? refused(x, &in) : 0;
}

/* ---- public ---------------------------------------------------------------------------------- */

int weir_node_connect(struct weir_mesh *m, const char *node, const char *channel) {
    struct exchange x;
    int rc = weir__suspend_enter("connect to a node");
    exchange_init(&x, m, node, channel, "connect");
    if (rc < 0)
        return not_begun(&x, rc);
    if ((rc = exchange_begin(&x)) < 0)
        return rc;
    rc = weir__link_connect(x.link);
    if (rc < 0)
        keep_failure(&x, WEIR__NOT_CONNECTED, rc);
    return exchange_end(&x, rc);
}

static int ask(struct exchange *x, const struct weir_item *item, struct weir_node_ack *ret_ack) {
    struct weir_node_ack ack = {.data = NULL};
    int rc = exchange_begin(x);
    if (rc < 0)
        return rc;
    rc = exchange_ask(x, item, &ack);
    if (ack.data != NULL && ret_ack != NULL) {
        *ret_ack = ack;
        ret_ack->data = weir__link_ack_take(x->link);
    }
    return exchange_end(x, rc);
}

int weir_node_ask(struct weir_mesh *m, const char *node, const char *channel,
                  const struct weir_item *item, struct weir_node_ack *ret_ack) {
    struct exchange x;
    if (ret_ack != NULL)
        *ret_ack = (struct weir_node_ack){.data = NULL};
    int rc = weir__suspend_enter("ask a node");
    exchange_init(&x, m, node, channel, "ask");
    if (item == NULL)
        WEIR_BUG("weir_node_ask: item is NULL");
    return rc < 0 ? not_begun(&x, rc) : ask(&x, item, ret_ack);
}

void weir_node_ack_free(struct weir_node_ack *ack) {
    if (ack == NULL)
        return;
    weir__free(ack->data);
    *ack = (struct weir_node_ack){.data = NULL};
}

int weir__node_ack_copy(const struct weir_ws_message *m, struct weir_node_ack *ret_ack) {
    char *copy = weir__alloc(m->data.len + 1);
    if (copy == NULL)
        return weir__fail(-ENOMEM, "ack", NULL);
    if (m->data.len > 0)
        memcpy(copy, m->data.base, m->data.len);
    copy[m->data.len] = '\0';
    *ret_ack = (struct weir_node_ack){.data = copy,
                                      .len = m->data.len,
                                      .binary = m->type == WEIR_WS_BINARY,
                                      .nack = weir__is_nack(m->type, m->data)};
    return 0;
}

int weir_node_send(struct weir_mesh *m, const char *node, const char *channel, const char *text) {
    struct exchange x;
    int rc = weir__suspend_enter("send to a node");
    exchange_init(&x, m, node, channel, "send");
    if (text == NULL)
        WEIR_BUG("weir_node_send: text is NULL");
    const struct weir_item item = {.data = text, .len = strlen(text)};
    return rc < 0 ? not_begun(&x, rc) : ask(&x, &item, NULL);
}

static int stream_one(struct exchange *x, const struct weir_item *item, size_t index,
                      const struct weir_node_stream_options *o) {
    struct weir_node_ack ack = {.data = NULL};
    x->lacked = NULL;
    int rc = o->sending ? o->sending(o->arg, index, item) : 0;
    if (rc < 0)
        return rc;
    rc = exchange_ask(x, item, &ack);
    if (ack.data == NULL || o->acked == NULL)
        return rc;
    x->lacked = NULL;
    struct weir_error kept; /* of a nack: the hook may make calls that fail */
    weir__error_keep(&kept);
    int answer = o->acked(o->arg, index, &ack);
    if (answer < 0)
        return answer;
    if (rc < 0)
        weir__error_restore(&kept);
    return rc;
}

int weir_node_stream(struct weir_mesh *m, const char *node, const char *channel,
                     const struct weir_item *items, size_t count,
                     const struct weir_node_stream_options *options) {
    struct weir_node_stream_options o;
    struct exchange x;
    size_t done = 0;
    WEIR_OPTIONS_COPY(struct weir_node_stream_options, arg, &o, options);
    int rc = weir__suspend_enter("stream to a node");
    exchange_init(&x, m, node, channel, "stream");
    if (items == NULL && count > 0)
        WEIR_BUG("weir_node_stream: items is NULL, and count is %zu", count);
    if (rc < 0)
        return not_begun(&x, rc);
    if ((rc = exchange_begin(&x)) < 0)
        return rc;
    while (rc == 0 && done < count)
        if ((rc = stream_one(&x, &items[done], done, &o)) == 0)
            done++;
    rc = exchange_end(&x, rc);
    weir__fail_done(rc, done);
    return rc;
}
