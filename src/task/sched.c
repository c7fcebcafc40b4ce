/* SPDX-License-Identifier: MIT */
/* sched.c - which task runs: the ready queue, park and unpark, and the only switches of stacks in
 * weir. Tasks switch to each other directly. The driver (drive.c) runs when no task is ready, or
 * after a budget of resumes, so that tasks which are always ready cannot keep the loop from its
 * events. */
#include <errno.h>

#include "base/check.h"
#include "base/log.h"
#include "loop/debug.h"
#include "task/internal.h"
#include "task/marks.h"
#include "task/sanitize.h"

/* Between two turns of the loop. A task that only yields costs 5 ns, so 512 resumes take 3 us. A
 * slice (64 calls that had no need to wait) may take a microsecond a call: it counts as 32 resumes,
 * so that there are at most 16 slices between two turns. */
enum { RESUMES_PER_TURN = 512, SLICE = 64, RESUMES_PER_SLICE = 32 };

__thread struct sched *weir__sched;
__thread uint64_t weir__marks, weir__cancel_at_mark;

void weir__make_ready(struct sched *s, struct weir_task *t) {
    t->state = TASK_READY;
    t->next = NULL;
    if (s->ready_head == NULL)
        s->ready_head = t;
    else
        s->ready_tail->next = t;
    s->ready_tail = t;
    s->loop.ready++;
}

/* Of more tasks than this the choice is among the first: finding the k-th takes k steps. */
enum { CHOICE_MAX = 1024 };

enum { MANY = 512 }; /* ready tasks at the beginning of a round: no cache holds them all */

/* May t run next? Those of the batch may in any order, except one that has yielded:
 * it runs after all that were ready before it. */
static bool is_choice(const struct sched *s, const struct weir_task *t) {
    return t->state != TASK_YIELDED || t == s->ready_head;
}

/* The place in the ready queue of the task that the world chooses from the batch. *ret_before is
 * the task before it. */
static struct weir_task **choose(struct sched *s, struct weir_task **ret_before) {
    size_t reach = s->batch < CHOICE_MAX ? s->batch : CHOICE_MAX, count = 0;
    struct weir_task **at = &s->ready_head;
    for (struct weir_task *t = *at; reach > 0; t = t->next, reach--)
        count += is_choice(s, t);
    size_t k = s->order->choose(s->order, count);
    for (*ret_before = NULL; k > 0 || !is_choice(s, *at); at = &(*at)->next) {
        k -= is_choice(s, *at);
        *ret_before = *at;
    }
    return at;
}

/* In a simulated world. A batch is the tasks that were ready when the batch before had been run: so
 * what becomes ready again and again does not hold up the others. Only a yield makes the running
 * task ready. */
static struct weir_task *pick_from_batch(struct sched *s) {
    struct weir_task *before = NULL, **at = &s->ready_head;
    if (s->current != NULL && s->current->state == TASK_READY)
        s->current->state = TASK_YIELDED;
    if (s->budget == 0 || s->ready_head == NULL)
        return NULL;
    if (s->batch == 0)
        s->batch = s->loop.ready;
    if (s->order->choose != NULL)
        at = choose(s, &before);
    struct weir_task *t = *at;
    *at = t->next;
    if (s->ready_tail == t)
        s->ready_tail = before;
    s->budget--;
    s->loop.ready--;
    s->batch--;
    s->order->resumes(s->order, t);
    return t;
}

/* Of very many ready tasks each is a row of cache misses, on a page that the processor has to look
 * up. Fetch the stack of the one that runs AHEAD later, and the block of the one behind it. */
static void fetch_ahead(struct sched *s) {
    enum { AHEAD = 6, LINE = 64, BELOW = 10, ABOVE = 3 };
    if (s->loop.ready < 2 * AHEAD) {
        s->fetched = NULL;
        return;
    }
    if (s->fetched == NULL || s->fetched_ahead == 0) {
        s->fetched = s->ready_head;
        s->fetched_ahead = 1;
    }
    s->fetched_ahead--;
    for (int i = 0; i < 2 && s->fetched_ahead < AHEAD; i++, s->fetched_ahead++) {
        s->fetched = s->fetched->next;
        __builtin_prefetch(s->fetched->next, 1);
        __builtin_prefetch((const char *)s->fetched->next + LINE, 1);
        __builtin_prefetch((const char *)s->fetched->next + 2 * LINE, 1);
        for (int j = -ABOVE; s->fetched->stack != NULL && j < BELOW; j++)
            __builtin_prefetch((const char *)s->fetched->stack - j * LINE, 1);
    }
}

static inline struct weir_task *pop(struct sched *s) {
    if (s->budget == 0 || s->ready_head == NULL)
        return NULL;
    s->budget--;
    s->loop.ready--;
    struct weir_task *t = s->ready_head;
    s->ready_head = t->next;
    return t;
}

/* In a simulated world, or of very many. */
static __attribute__((noinline)) struct weir_task *pick_apart(struct sched *s) {
    if (s->order != NULL)
        return pick_from_batch(s);
    struct weir_task *t = pop(s);
    if (t != NULL)
        fetch_ahead(s);
    return t;
}

/* Take the task that runs next out of the ready queue; NULL: the driver runs next. */
static struct weir_task *pick(struct sched *s) {
    if (__builtin_expect(s->apart, 0))
        return pick_apart(s);
    return pop(s);
}

/* Not inlined: Valgrind's request needs room in the frame, and every stack has a frame of jump. */
static __attribute__((noinline)) void bury(struct sched *s) {
    sanitize_dead(s->stacks.dead);
    s->stacks.dead = NULL;
}

static inline void bury_the_dead(struct sched *s) {
    if (__builtin_expect(s->stacks.dead != NULL, 0))
        bury(s);
}

/* What an onlooker read before no longer holds: internal.h, generation. */
static inline void resumes(struct weir_task *t) {
    t->state = TASK_RUNNING;
    t->generation++;
}

/* The first run of a task: it gets its stack now. */
static __attribute__((noinline)) void jump_first(struct sched *s, struct context *from,
                                                 struct weir_task *t) {
    t->stack = weir__stack_bind(&s->stacks, t->result);
    sanitize_leave(from, &t->stack->context, false);
    weir__switch_start(&from->sp, t->stack->context.sp);
}

/* Leave the stack `from`. The switch is a tail call: it returns to where jump was called. */
static __attribute__((noinline)) void jump(struct sched *s, struct context *from,
                                           struct weir_task *to_task) {
    s->current = to_task;
    if (to_task == NULL) {
        sanitize_leave(from, &s->driver, false);
        weir__switch(&from->sp, s->driver.sp);
    } else if (resumes(to_task), to_task->stack != NULL) {
        sanitize_leave(from, &to_task->stack->context, false);
        weir__switch(&from->sp, to_task->stack->context.sp);
    } else {
        jump_first(s, from, to_task);
    }
}

/* What follows a jump, once something has jumped back. */
static inline void arrive(struct sched *s, struct context *here) {
    sanitize_arrive(here, &s->driver);
    bury_the_dead(s);
}

/* The one place where tasks suspend: so the switch returns to the same address for all, which the
 * processor predicts. It predicts a return wrong where the task that ran last had suspended in
 * another function at the same depth. So p's result is returned here: weir__park and weir_yield
 * call this last, and have no frame of their own. p: NULL for one that yields, which gets 0. */
static __attribute__((noinline)) int64_t switch_from(struct sched *s, struct weir_task *t,
                                                     const struct weir__park *p) {
    struct weir_task *next = pick(s);
    if (next == t) { /* alone and ready */
        resumes(t);
        s->loop.slice = SLICE;
        return p != NULL ? p->result : 0;
    }
    int saved = errno;
    struct mark_trail trail;
    marks_aside(&trail);
    jump(s, &t->stack->context, next);
    arrive(s, &t->stack->context);
    marks_back(&trail);
    s->loop.slice = SLICE;
    errno = saved;
    return p != NULL ? p->result : 0;
}

int64_t weir__yield_now(struct sched *s) {
    struct weir_task *t = s->current;
    marks_parks();
    weir__make_ready(s, t);
    return switch_from(s, t, NULL);
}

void weir__slice_over(struct sched *s) {
    s->budget -= s->budget < RESUMES_PER_SLICE ? s->budget : RESUMES_PER_SLICE;
    weir__yield_now(s);
}

/* Debug mode looks on as a world that leaves the order as it is. */
static void note_stint(struct weir__order *o, const void *task) {
    (void)o;
    const struct weir_task *t = task;
    weir__debug_stint(&weir__sched->loop, t->name, t->site);
}

void weir__sched_debug(struct sched *s, weir_ns slow_ns) {
    static struct weir__order watched = {.resumes = note_stint};
    int rc = weir__debug_start(&s->loop, slow_ns);
    if (rc < 0)
        weir__log(WEIR_LOG_WARNING, "loop '%s' runs without debug mode: %s",
                  s->loop.handle->name, weir_error_text(rc));
    else if (s->order == NULL)
        s->order = &watched;
}

/* Run tasks until none is ready or the budget is used up. */
static void run_ready(struct sched *s) {
    s->apart = s->order != NULL || s->loop.ready >= MANY;
    s->fetched = NULL;
    struct weir_task *next = pick(s);
    struct mark_trail trail;
    marks_aside(&trail);
    if (next != NULL) {
        jump(s, &s->driver, next);
        arrive(s, &s->driver);
    }
    marks_back(&trail);
    WEIR_CHECK(s->current == NULL && (s->ready_head == NULL) == (s->loop.ready == 0));
}

/* The first flush may make tasks ready, and those may queue flushes: both belong to this turn.
 * After the second flush nothing is left that would keep the loop from waiting. */
void weir__run_round(struct sched *s) {
    s->budget = RESUMES_PER_TURN;
    run_ready(s);
    weir__loop_flush(&s->loop);
    run_ready(s);
    weir__loop_flush(&s->loop);
}

int64_t weir__park(struct weir__park *p) {
    struct sched *s = weir__sched;
    struct weir_task *t = s->current;
    marks_parks();
    p->task = t;
    t->park = p;
    t->state = TASK_PARKED;
    __atomic_signal_fence(__ATOMIC_RELEASE); /* since is written last: task.md, onlookers */
    t->since = s->loop.turn_ns;
    return switch_from(s, t, p);
}

void weir__unpark_task(struct weir_task *t) {
    WEIR_CHECK(t->state == TASK_PARKED && t->park != NULL);
    t->park = NULL;
    weir__make_ready(weir__sched, t);
}

void weir__unpark(struct weir__park *p, int64_t result) {
    WEIR_CHECK(p->task->park == p);
    p->result = result;
    weir__unpark_task(p->task);
}

static void cut_short(struct weir_task *t, int rc) {
    if (t->state != TASK_PARKED)
        return;
    struct weir__park *p = t->park;
    int (*abort)(struct weir__park *) = p->abort;
    if (abort == NULL)
        return;
    p->abort = NULL;
    if (abort(p) == WEIR__DONE)
        weir__unpark(p, rc);
}

void weir__interrupt(struct sched *s, struct weir_task *t) {
    (void)s;
    cut_short(t, t->felt);
}

void weir__wait_cut(struct weir_task *t) {
    cut_short(t, -ECANCELED);
}

void weir__wait_refuse(struct weir_task *t, int rc) {
    cut_short(t, rc);
}

/* Switch from the stack of an ended task to a fresh task whose stack has another size. Rare. */
static _Noreturn void start_and_leave(struct sched *s, struct stack *dead,
                                      struct weir_task *next) {
    void *unused;
    s->stacks.dead = dead;
    sanitize_leave(&dead->context, &next->stack->context, true);
    weir__switch_start(&unused, next->stack->context.sp);
    __builtin_unreachable();
}

/* End t, on its own stack, and choose the next task. A fresh task whose stack has the same size
 * takes over this stack, so a burst of short tasks costs one stack and no switch. */
static struct weir_task *end_and_pick(struct sched *s, struct weir_task *t, int rc) {
    struct stack *stack = t->stack;
    int class = (int)stack->class;
    weir__task_ended(s, t, rc);
    struct weir_task *next = pick(s);
    if (next != NULL)
        resumes(next);
    s->current = next;
    if (next == NULL || next->stack != NULL) {
        weir__stack_release(&s->stacks, stack);
    } else if (next->result == class) {
        weir__stack_unpromise(&s->stacks, class);
        next->stack = stack;
    } else {
        weir__stack_release(&s->stacks, stack);
        next->stack = weir__stack_bind(&s->stacks, next->result);
        start_and_leave(s, stack, next);
    }
    return next;
}

_Noreturn void weir__task_first_run(void) {
    struct sched *s = weir__sched;
    struct weir_task *t = s->current;
    struct stack *stack = t->stack;
    sanitize_arrive(NULL, &s->driver);
    bury_the_dead(s);
    while (t != NULL && t->stack == stack) {
        stack->error.code = 0;
        stack->locals = t->inherited;
        s->loop.slice = SLICE;
        marks_fresh();
        depth_begins(&s->depths, t->site, stack);
        int rc = t->fn(weir__task_args(t));
        if (__builtin_expect(weir__sched != s, 0))
            weir__returned_in_child(t);
        if (__builtin_expect(stack->measured != NULL, 0))
            weir__depth_ends(&s->depths, stack);
        t = end_and_pick(s, t, rc);
    }
    struct context *to = t ? &t->stack->context : &s->driver;
    s->stacks.dead = stack;
    sanitize_leave(&stack->context, to, true);
    weir__switch_leave(to->sp);
}
