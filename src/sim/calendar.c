/* SPDX-License-Identifier: MIT */
/* calendar.c - the wall clock of a simulated world: the virtual clock and an offset, which a test
 * steps. A timer by it is ready when its time has come, or when the clock was stepped, as a
 * timerfd with TFD_TIMER_CANCEL_ON_SET. */
#include <poll.h>
#include <stdlib.h>

#include "base/time.h"
#include "sim/door.h"

struct wall {
    struct sim_event event; /* first: the world frees what is left in its heap */
    struct weir__list link; /* in the world's walls */
    int fd;
    weir_ns until_ns; /* by the wall clock */
    bool is_over, is_stepped;
};

static struct wall *wall_at(const struct sim_world *w, int fd) {
    for (struct weir__list *i = w->walls.next; i != &w->walls; i = i->next)
        if (WEIR_CONTAINER(i, struct wall, link)->fd == fd)
            return WEIR_CONTAINER(i, struct wall, link);
    return NULL;
}

/* It is ready: the polls that wait for it complete. */
static void tell(struct sim_world *w, const struct wall *t) {
    for (struct weir__list *i = w->instances.next; i != &w->instances; i = i->next) {
        struct sim *b = WEIR_CONTAINER(i, struct sim, link);
        for (struct weir__op *op = b->polls.head, *next; op != NULL; op = next) {
            next = op->next;
            if (op->u.poll.fd != t->fd)
                continue;
            weir__sim_ops_remove(&b->polls, op);
            b->held--;
            weir__sim_complete(b, op, POLLIN);
        }
    }
}

static void wall_fired(struct sim_world *w, struct sim_event *e) {
    struct wall *t = WEIR_CONTAINER(e, struct wall, event);
    t->is_over = true;
    tell(w, t);
}

static void arm(struct sim_world *w, struct wall *t) {
    weir_ns left_ns = weir__deadline(t->until_ns, -weir__sim_wall_now(w));
    if (t->until_ns == WEIR_NEVER)
        return;
    weir__sim_event_arm(w, &t->event, weir__deadline(w->now_ns, left_ns > 0 ? left_ns : 0));
}

static int64_t open_wall(struct sim_world *w, weir_ns until_ns) {
    struct wall *t = weir__sim_alloc(sizeof *t);
    t->fd = SIM_WALL_BASE + w->walls_made++;
    t->until_ns = until_ns;
    t->event.fire = wall_fired;
    weir__list_add_tail(&w->walls, &t->link);
    t->is_over = until_ns <= weir__sim_wall_now(w);
    if (!t->is_over)
        arm(w, t);
    return t->fd;
}

static int64_t end_wall(struct sim_world *w, int fd) {
    struct wall *t = wall_at(w, fd);
    if (t == NULL)
        return -EBADF;
    int64_t rc = t->is_stepped ? 1 : t->is_over ? 0 : -EAGAIN;
    weir__sim_event_disarm(w, &t->event);
    weir__list_remove(&t->link);
    free(t);
    return rc;
}

int weir__sim_wall(struct sim *b, struct weir__op *op) {
    struct sim_world *w = b->world;
    if (op->kind == WEIR__WALL_NOW) {
        op->u.wall.offset_ns = w->wall_offset_ns;
        op->result = weir__sim_wall_now(w);
    } else if (op->kind == WEIR__WALL_OPEN) {
        op->result = open_wall(w, op->u.wall.until_ns);
    } else {
        op->result = end_wall(w, op->u.wall.fd);
    }
    return WEIR__DONE;
}

/* A timer that is ready completes the poll in the next turn. */
int weir__sim_wall_poll(struct sim *b, struct weir__op *op) {
    struct wall *t = wall_at(b->world, op->u.poll.fd);
    if (t == NULL) {
        op->result = -EBADF;
        return WEIR__DONE;
    }
    if (t->is_over || t->is_stepped) {
        weir__sim_complete(b, op, POLLIN);
        return WEIR__PENDING;
    }
    op->state = HELD;
    b->held++;
    weir__sim_ops_add(&b->polls, op);
    return WEIR__PENDING;
}

void weir__sim_wall_step(struct sim_world *w, weir_ns by_ns) {
    w->wall_offset_ns = weir__deadline(w->wall_offset_ns, by_ns);
    for (struct weir__list *i = w->walls.next; i != &w->walls; i = i->next) {
        struct wall *t = WEIR_CONTAINER(i, struct wall, link);
        t->is_stepped = true;
        weir__sim_event_disarm(w, &t->event);
        tell(w, t);
    }
}
