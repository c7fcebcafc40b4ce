/* SPDX-License-Identifier: MIT */
/* link.c - turns, the reader, and the retry.
 *
 *              owns                        gives it up
 *   asker      the turn; its item          when it leaves
 *   reader     the WebSocket               when that has closed, or at a cancel (mesh, give_up)
 *   link       the outage and its budget   at an ack, a spent budget, or when no task asks any more
 *
 * Only the reader drops the WebSocket; an asker that gives up cancels the reader. */
#include "mesh/link.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/check.h"
#include "base/log.h"
#include "mesh/link_layout.h"
#include "mesh/nodes.h"
#include "proto/ws_room.h"

/* Can something be asked over the connection that there is? */
static bool is_up(const struct weir__link *l) {
    return l->ws != NULL && !l->dropping;
}

bool weir__is_nack(enum weir_ws_type type, struct weir_view ack) {
    static const char head[] = "nack: ";
    return type == WEIR_WS_TEXT && ack.len >= sizeof head - 1
           && memcmp(ack.base, head, sizeof head - 1) == 0;
}

/* ---- life ------------------------------------------------------------------------------------ */

static struct weir__retry new_outage(const struct weir__link *l) { /* also for one attempt */
    return weir__retry_new(l->mesh->retry_ns < 0 ? WEIR__RETRY_ALL : l->mesh->retry_ns);
}

static void outage_over(struct weir__link *l) { /* or no task asks any more */
    l->outage = new_outage(l);
    l->failed = 0;
}

static void link_free(struct weir__link *l) {
    weir__list_remove(&l->in_mesh);
    l->mesh->link_count--;
    weir__free(l->target);
    weir__free(l->channel);
    weir__free(l->url);
    weir__free(l);
}

static bool same(const char *a, const char *b) {
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static struct weir__link *link_find(struct weir_mesh *m, const char *target,
                                    const char *channel) {
    for (struct weir__list *at = m->links.next; at != &m->links; at = at->next) {
        struct weir__link *l = WEIR_CONTAINER(at, struct weir__link, in_mesh);
        if (!l->doomed && same(l->target, target) && same(l->channel, channel))
            return l;
    }
    return NULL;
}

/* Make room: close the link that was unused for longest. Its reader, if it has one, frees it. */
static int evict_one(struct weir_mesh *m) {
    for (struct weir__list *at = m->links.next; at != &m->links; at = at->next) {
        struct weir__link *l = WEIR_CONTAINER(at, struct weir__link, in_mesh);
        if (l->taken || l->doomed)
            continue;
        l->doomed = true;
        if (l->reader != NULL)
            weir_task_cancel(l->reader, "the link makes room");
        else
            link_free(l);
        return 0;
    }
    return weir__failf(WEIR_ETOOBIG, "link", NULL, "more than %d are streamed to at once",
                       WEIR__LINKS_MAX);
}

static int link_new(struct weir_mesh *m, const char *target, const char *channel,
                    struct weir__link **ret_link) {
    int rc = m->link_count >= WEIR__LINKS_MAX ? evict_one(m) : 0;
    if (rc < 0)
        return rc;
    struct weir__link *l = weir__alloc_zero(sizeof *l);
    if (l == NULL)
        return weir__fail(-ENOMEM, "link", target);
    l->mesh = m;
    l->outage = new_outage(l);
    weir__list_init(&l->in_mesh);
    weir__list_add_tail(&m->links, &l->in_mesh);
    m->link_count++;
    l->target = target ? weir__strdup(target) : NULL;
    l->channel = weir__strdup(channel);
    *ret_link = l;
    if (l->channel != NULL && (target == NULL || l->target != NULL))
        return 0;
    link_free(l);
    return weir__fail(-ENOMEM, "link", target);
}

void weir__links_free(struct weir_mesh *m) {
    while (!weir__list_empty(&m->links)) {
        struct weir__link *l = WEIR_CONTAINER(m->links.next, struct weir__link, in_mesh);
        WEIR_CHECK(!l->taken && l->reader == NULL);
        link_free(l);
    }
}

/* ---- turns ----------------------------------------------------------------------------------- */

static int turn_wait(struct weir__link *l) {
    struct weir_error told; /* why the outage ended the wait: the link may be gone by then */
    int rc = (int)weir__waitq_wait(&l->turns, &told, &takes_turn, l);
    if (rc == WEIR_EUNREACH)
        weir__error_restore(&told);
    return rc;
}

/* All tasks that wait for their turn get the asker's error: they waited for the same outage. */
static void tell_queued(struct weir__link *l, int rc) {
    const struct weir_error *e = weir_error(rc);
    struct weir__waiter *w;
    WEIR_CHECK(e != NULL);
    while ((w = weir__waitq_first(&l->turns)) != NULL) {
        *(struct weir_error *)w->slot = *e;
        weir__waiter_grant(w, rc);
    }
}

void weir__link_done(struct weir__link *l) {
    l->has_left = false;
    if (l->state != ANSWERED)
        return;
    l->state = QUIET;
    weir__free((void *)(uintptr_t)l->ack.data.base);
}

void weir__link_leave(struct weir__link *l) {
    weir__link_done(l);
    WEIR_CHECK(l->taken && l->state == QUIET);
    if (weir__waitq_grant(&l->turns) != NULL)
        return; /* taken now by that task */
    l->taken = false;
    outage_over(l);
}

static const char *without_slash(const char *channel) {
    return channel + (channel[0] == '/');
}

WEIR_NOINLINE int weir__link_take(struct weir_mesh *m, const char *target,
                                  const char *channel, struct weir__link **ret_link) {
    const struct weir__node *n = NULL;
    int rc = weir__suspend_enter("link");
    if (rc == 0 && target != NULL && strlen(channel) > WEIR__CHANNEL_MAX)
        rc = weir__failf(WEIR_ETOOBIG, "link", target, "the channel is longer than %d bytes",
                         WEIR__CHANNEL_MAX);
    if (rc == 0 && target != NULL && (rc = weir__mesh_find(m, target, &n)) == 0 && n->port == 0)
        rc = weir__node_is_deaf(target);
    if (rc < 0)
        return rc;
    target = n ? n->name : NULL; /* both names of a node mean one link */
    channel = n ? without_slash(channel) : channel;
    struct weir__link *l = link_find(m, target, channel);
    if (l == NULL && (rc = link_new(m, target, channel, &l)) < 0)
        return rc;
    if (l->taken && (rc = turn_wait(l)) < 0)
        return rc;
    l->taken = true;
    weir__list_remove(&l->in_mesh);
    weir__list_add_tail(&m->links, &l->in_mesh);
    *ret_link = l;
    return 0;
}

/* ---- the reader ------------------------------------------------------------------------------ */

/* Did the receiver send what no WebSocket peer may? That is a fault of its program, so another try
 * would fail too. */
static bool is_breach(int rc) {
    return rc == WEIR_EPROTO || rc == WEIR_EUTF8 || rc == WEIR_ETOOBIG;
}

/* What rc says, without the URL that its text may begin with: ours names it. */
static const char *text_without_url(int rc) {
    const struct weir_error *e = weir_error(rc);
    const char *text = weir_error_message(rc);
    bool is_dials = e != NULL && strcmp(e->what, "ws dial") != 0;
    const char *end = is_dials && strncmp(text, "ws dial ", 8) == 0 ? strstr(text, ": ") : NULL;
    return end != NULL ? end + 2 : text;
}

/* Keep what rc says, by its name too. */
static void note(struct weir__link *l, int rc) {
    l->failed = rc;
    const char *text = text_without_url(rc), *name = weir_error_name(rc);
    bool named = strstr(text, name) != NULL;
    snprintf(l->why, sizeof l->why, "%s%s%s%s", text, named ? "" : " (", named ? "" : name,
             named ? "" : ")");
}

static void note_close(struct weir__link *l, int rc) {
    const char *reason = weir_ws_close_reason(l->ws);
    int code = l->close_code = weir_ws_close_code(l->ws);
    l->ended = l->failed = rc;
    if (is_breach(rc))
        note(l, rc);
    else if (rc == WEIR_EWSCLOSED)
        snprintf(l->why, sizeof l->why, "it closed the connection: %d (%s)%s%s", code,
                 weir_ws_code_text(code), reason[0] ? " " : "", reason);
    else
        snprintf(l->why, sizeof l->why, "the connection broke: %s (%s)", weir_error_text(rc),
                 weir_error_name(rc));
}

static void say_goodbye(struct weir__link *l) {
    struct weir_scope shield;
    int code = l->mesh->close_code;
    weir_shield_enter(&shield, 2 * WEIR__LINK_CLOSE);
    int rc = weir_ws_close(l->ws, code ? code : 1000, "");
    weir_scope_leave(&shield, rc);
}

/* Send our close frame, which says why. Shielded, since the program may be ending. */
static void say_why(struct weir__link *l, int rc) {
    struct weir_scope shield, bound;
    weir_shield_enter(&shield, 2 * WEIR__LINK_CLOSE);
    weir_scope_enter(&bound, 2 * WEIR__LINK_CLOSE);
    weir__ws_receive_end(l->ws, rc);
    weir_scope_leave(&bound, 0);
    weir_scope_leave(&shield, 0);
}

/* Count each message that answers nothing; log only some of them. */
static void note_unasked(struct weir__link *l) {
    uint64_t n = ++l->unasked;
    weir__mesh_tell(l->mesh, (struct weir__mesh_news){.event = WEIR__UNASKED});
    if ((n & (n - 1)) == 0)
        weir__log(WEIR_LOG_WARNING, "%s: dropped what nobody asked for: %llu messages so far",
                  l->url, (unsigned long long)n);
}

static int hand_over(struct weir__link *l, const struct weir_ws_message *m) {
    bool is_late = l->late;
    l->heard++;
    l->late = false;
    if (l->state != ASKED || is_late) {
        note_unasked(l);
        return 0;
    }
    size_t len = m->data.len;
    char *copy = weir__alloc(len + 1);
    if (copy == NULL)
        return weir__fail(-ENOMEM, "link", l->url);
    memcpy(copy, len > 0 ? m->data.base : "", len);
    copy[len] = '\0'; /* as an ack that is handed out ends */
    l->ack = (struct weir_ws_message){m->type, {copy, len}};
    l->state = ANSWERED;
    weir__waitq_grant(&l->asker);
    return 0;
}

struct read_acks_args {
    struct weir__link *link;
};

static int read_acks(void *args) {
    struct weir__link *l = ((struct read_acks_args *)args)->link;
    struct weir_ws_message m;
    bool ends = false;
    int rc;
    while ((rc = weir__ws_receive(l->ws, &m, &ends)) == 0)
        if ((rc = hand_over(l, &m)) < 0)
            break;
    if (rc == -ECANCELED && !l->dropping && (l->doomed || l->mesh->close_code != 0))
        say_goodbye(l);
    if (!l->dropping)
        note_close(l, rc);
    l->dropping = true;
    weir__waitq_grant(&l->asker); /* before the peer has ended: that may take WEIR__LINK_CLOSE */
    if (ends)
        say_why(l, rc);
    weir_ws_drop(&l->ws);
    weir_task_release(&l->reader);
    l->dropping = false;
    if (l->doomed)
        link_free(l);
    else
        weir__waitq_grant(&l->asker);
    return 0;
}

/* ---- dialling -------------------------------------------------------------------------------- */

static int make_url(struct weir__link *l) {
    enum { SIZE = WEIR__NODE_HOST_MAX + WEIR__CHANNEL_MAX + 32 };
    size_t size = l->target ? SIZE : strlen(l->channel) + 1;
    weir__free(l->url);
    l->url = weir__alloc(size);
    if (l->url == NULL)
        return weir__fail(-ENOMEM, "dial", l->target);
    if (l->target == NULL)
        return memcpy(l->url, l->channel, size), 0;
    return weir__mesh_url(l->mesh, l->target, l->channel, l->url, size);
}

/* One attempt. Returns 0; or why not. */
static int dial_once(struct weir__link *l) {
    int rc = make_url(l);
    l->status = 0;
    l->late = false;
    if (rc == 0)
        rc = weir_ws_dial(l->url, &l->mesh->ws, &l->ws);
    if (rc == WEIR_EHTTP)
        l->status = weir_error(rc)->status;
    if (rc == 0) {
        struct read_acks_args a = {l};
        rc = weir_spawn(&l->mesh->readers, WEIR_SITE(read_acks), read_acks, &a, sizeof a, NULL,
                        &l->reader);
    }
    if (rc < 0)
        weir_ws_drop(&l->ws);
    return rc;
}

/* Would the next dial get the same refusal (RFC 9110 15.4, 15.5: moved, not found, not allowed)?
 * 408, 425 and 429 ask for another try, as does every 5xx. */
static bool is_final(int status) {
    return status >= 300 && status < 500 && status != 408 && status != 425 && status != 429;
}

/* Has a scope around the mesh fired? Then the asker, perhaps outside of it, can get no reader. */
static bool is_mesh_over(const struct weir_mesh *m) {
    return weir__group_cancelled(&m->readers) != 0;
}

static int mesh_is_over(void) {
    return weir__failf(WEIR_ECLOSED, "mesh", NULL, "a scope around it has fired");
}

static int closed_if_over(const struct weir__link *l, int rc) {
    return rc >= 0 || weir_cancelled() != 0 || !is_mesh_over(l->mesh) ? rc : mesh_is_over();
}

/* Is rc a failure after which another try may succeed? */
static bool is_outage(const struct weir__link *l, int rc) {
    if (is_mesh_over(l->mesh))
        return false;
    switch (rc) {
    case WEIR_EHTTP:
        return !is_final(l->status);
    case WEIR_EURL:
    case WEIR_ENOTLS:
    case WEIR_ENONODE:
    case WEIR_ENOLISTEN:
    case WEIR_EPROTO: /* these three: the item is at fault, or the receiver broke the protocol */
    case WEIR_EUTF8:
    case WEIR_ETOOBIG:
    case WEIR_ENOLOOP:
    case -ENOMEM:
        return false;
    case WEIR_EWSCLOSED: /* close codes that are about the item, or about handling it */
        return !(l->close_code == 1003 || (l->close_code >= 1007 && l->close_code <= 1011));
    default:
        return weir_cancelled() == 0;
    }
}

const char *weir__link_url(const struct weir__link *l) {
    return l->url ? l->url : l->channel;
}

const char *weir__link_why(const struct weir__link *l) {
    return l->why;
}

bool weir__link_has_left(const struct weir__link *l, int *ret_failed) {
    *ret_failed = l->has_left ? 0 : l->failed;
    return l->has_left;
}

static int unreached(struct weir__link *l, const char *on, const char *tried) {
    int rc = weir__failf(WEIR_EUNREACH, "reach", on, "%s%s", l->why, tried);
    weir__fail_reason(rc, l->failed);
    tell_queued(l, rc);
    return rc;
}

/* Wait before the next attempt. Returns 0; WEIR_EUNREACH (the outage is over, and all tasks in line
 * have got this error), -ECANCELED, -ETIME. */
static int pause_before_next(struct weir__link *l) {
    const char *url = weir__link_url(l), *target = l->target ? l->target : "";
    char on[128]; /* more than a record has room for, so that the record marks the cut */
    snprintf(on, sizeof on, "%s%s%s", target, *target ? " at " : "", url);
    if (l->mesh->retry_ns < 0)
        return unreached(l, on, "");
    char all[WEIR__RETRY_TEXT], tried[WEIR__RETRY_TEXT + 16];
    weir__retry_text(l->mesh->retry_ns, all);
    if (l->outage.pause == WEIR__RETRY_FIRST)
        weir__log(WEIR_LOG_WARNING, "%s%s%s: %s; trying again%s", target,
                  *target ? " at " : "", url, l->why, all);
    weir_ns pause = weir__retry_next(&l->outage, &l->mesh->random), begun = weir_now();
    int rc = pause > 0 ? weir_sleep(pause) : 0;
    l->outage.left += pause - (weir_now() - begun); /* a cancel may have cut it short */
    if (rc < 0 || l->outage.left > 0)
        return rc;
    snprintf(tried, sizeof tried, ", tried%s", all);
    rc = unreached(l, on, tried);
    outage_over(l);
    return rc;
}

/* Wait for the reader of the old connection to end. */
static int await_end(struct weir__link *l) {
    int rc = 0;
    while (l->reader != NULL && !is_up(l) && rc == 0)
        rc = (int)weir__waitq_wait(&l->asker, NULL, &awaits_end, l);
    return rc;
}

/* Connect within the time that is left of the outage. All time spent here counts, since there is no
 * connection meanwhile, even if the dial succeeds. */
static int connect_now(struct weir__link *l) {
    struct weir_scope s;
    if (is_up(l))
        return 0;
    weir_ns begun = weir_now();
    weir_scope_enter(&s, l->outage.left);
    int rc = await_end(l), dialled = 0;
    if (rc == 0 && !is_up(l))
        rc = is_mesh_over(l->mesh) ? mesh_is_over() : (dialled = dial_once(l));
    rc = weir_scope_leave(&s, rc);
    l->outage.left -= weir_now() - begun;
    if (dialled < 0 && weir_cancelled() == 0) /* else the attempt has failed at nothing */
        note(l, rc);
    return rc;
}

WEIR_NOINLINE int weir__link_connect(struct weir__link *l) {
    struct weir_error kept;
    int rc = weir__suspend_enter("link");
    weir__error_keep(&kept);
    while (rc == 0 && (rc = connect_now(l)) < 0 && is_outage(l, rc))
        if ((rc = pause_before_next(l)) == 0)
            weir__error_restore(&kept);
    if (rc == 0)
        outage_over(l);
    return closed_if_over(l, rc);
}

/* ---- asking ---------------------------------------------------------------------------------- */

/* End the connection, if there is one: the ack of its item would be taken for another item's. */
static void give_up(struct weir__link *l) {
    WEIR_CHECK(l->state != ANSWERED);
    l->state = QUIET;
    if (l->reader == NULL || l->dropping)
        return;
    l->dropping = true;
    weir_task_cancel(l->reader, "its asker gave up");
}

/* Returns the error of a connection that is over. */
static int over(struct weir__link *l) {
    WEIR_CHECK(l->state != ANSWERED);
    l->state = QUIET;
    return weir__failf(is_breach(l->ended) ? l->ended : WEIR_EWSCLOSED, "send",
                       l->target ? l->target : l->url, "%s", l->why);
}

static int await_ack(struct weir__link *l) {
    int rc = 0;
    while (l->state == ASKED && is_up(l) && rc == 0)
        rc = (int)weir__waitq_wait(&l->asker, NULL, &awaits_ack, l);
    if (l->state == ANSWERED)
        return 0;
    if (rc == 0)
        return over(l);
    give_up(l);
    return rc;
}

/* What has come by now cannot answer an item that is sent later: let the reader discard all of it.
 * If a message has begun and is not whole yet, `late` makes the reader discard that one too. */
static int take_unasked(struct weir__link *l) {
    for (int i = 0; is_up(l); i++) {
        uint64_t before = l->heard;
        int rc = weir__look_around(&looks);
        if (rc < 0)
            return rc;
        if (is_up(l) && l->heard == before) {
            l->late = weir__ws_is_inside(l->ws);
            return 0;
        }
        if (i == WEIR__UNASKED_TURNS) {
            give_up(l);
            return weir__failf(WEIR_EPROTO, "send", l->target ? l->target : l->url,
                               "it sends without being asked, and does not stop");
        }
    }
    return over(l);
}

/* A kept connection may have broken unnoticed. Nothing was sent over it, so it is dialled again
 * without a pause. */
static int make_ready(struct weir__link *l) {
    bool was_up = is_up(l);
    int rc = connect_now(l);
    if (rc == 0)
        rc = take_unasked(l);
    if (rc == 0 || !was_up || is_up(l) || weir_cancelled() != 0)
        return rc;
    rc = connect_now(l);
    return rc == 0 ? take_unasked(l) : rc;
}

/* The reader runs in no moment between the last look at what has come, the queueing and ASKED: what
 * it reads while the item waits for room is no ack. */
static int ask_once(struct weir__link *l, enum weir_ws_type type, const void *data, size_t len) {
    l->has_left = false;
    int rc = make_ready(l);
    if (rc < 0)
        return rc;
    int sent = weir_ws_try_send(l->ws, type, data, len);
    while (sent == -EAGAIN && (sent = weir__ws_await_room(l->ws, len)) == 0) {
        if ((rc = take_unasked(l)) < 0)
            return rc;
        sent = weir_ws_try_send(l->ws, type, data, len);
    }
    l->has_left = sent == 0;
    l->state = sent == 0 ? ASKED : QUIET;
    if (sent == 0 || (!is_up(l) && weir_cancelled() == 0))
        return await_ack(l); /* the reader knows how the connection ended */
    if (is_up(l)) {
        note(l, sent);
        l->close_code = weir_ws_close_code(l->ws);
    }
    if (is_outage(l, sent))
        give_up(l);
    return sent;
}

WEIR_NOINLINE int weir__link_ask(struct weir__link *l, enum weir_ws_type type, const void *data,
                                 size_t len, struct weir_ws_message *ret_ack) {
    struct weir_error kept; /* data may lie in the record that failed attempts write */
    int rc = weir__suspend_enter("link");
    weir__link_done(l);
    weir__error_keep(&kept);
    while (rc == 0 && (rc = ask_once(l, type, data, len)) < 0 && is_outage(l, rc))
        if ((rc = pause_before_next(l)) == 0)
            weir__error_restore(&kept);
    if (rc < 0)
        return closed_if_over(l, rc);
    outage_over(l);
    *ret_ack = l->ack;
    return 0;
}

char *weir__link_ack_take(struct weir__link *l) {
    WEIR_CHECK(l->state == ANSWERED);
    l->state = QUIET;
    return (char *)(uintptr_t)l->ack.data.base;
}
