/* SPDX-License-Identifier: MIT */
/* The loop, on a backend whose completions and waits the test decides. */
#include "loop/loop.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/alloc.h"
#include "sys/latch.h"
#include "test/runner.h"

/* ---- the fake backend ----------------------------------------------------------------------- */

static struct fake {
    struct weir__backend base;
    size_t wakes, waits;    /* the latch was written; turns that had to sleep */
    weir_ns now_ns, until_ns; /* the clock; what the last turn was asked for */
    struct weir__op *done;  /* what the next turn returns */
    void (*during_turn)(void);
    int refuse;
} fake;

static void count_wakes(void) {
    uint64_t n = 0;
    if (read(fake.base.latch->fd, &n, sizeof n) == sizeof n)
        fake.wakes += n;
}

/* Time is virtual, wakes are real: a turn ends at once at its deadline, else waits for a wake. */
static struct weir__op *fake_turn(struct weir__backend *b, weir_ns until_ns) {
    struct weir__op *done = fake.done;
    struct weir__latch *latch = b->latch;
    bool may_sleep = done == NULL && until_ns > fake.now_ns && weir__latch_sleep(latch);
    fake.done = NULL;
    fake.until_ns = until_ns;
    if (fake.during_turn)
        fake.during_turn();
    if (may_sleep && until_ns == WEIR_NEVER) {
        fake.waits++;
        poll(&(struct pollfd){.fd = latch->fd, .events = POLLIN}, 1, -1);
    }
    weir__latch_awake(latch);
    bool woken = weir__latch_take(latch);
    count_wakes();
    if (done == NULL && !woken && until_ns != WEIR_NEVER && until_ns > fake.now_ns)
        fake.now_ns = until_ns;
    return done;
}

static void fake_wake(struct weir__backend *b) {
    weir__latch_ring(b->latch);
}

static weir_ns fake_now(struct weir__backend *b) {
    (void)b;
    return fake.now_ns;
}

static const char *fake_explain(struct weir__backend *b) {
    (void)b;
    return "fake: asked for by a test";
}

static void fake_close(struct weir__backend *b) {
    weir__latch_unref(b->latch);
    fake.base.ops = NULL;
}

static const struct weir__backend_ops fake_ops = {.name = "fake",
                                                  .turn = fake_turn,
                                                  .wake = fake_wake,
                                                  .now = fake_now,
                                                  .explain = fake_explain,
                                                  .close = fake_close};

static int fake_open(struct weir__backend **ret_backend, const char **ret_why) {
    if (fake.refuse < 0) {
        *ret_why = "fake: refused";
        return fake.refuse;
    }
    fake.base.ops = &fake_ops;
    assert_int_equal(weir__latch_new(true, &fake.base.latch), 0);
    *ret_backend = &fake.base;
    return 0;
}

static struct weir__loop loop;

static int init_loop(const char **ret_why) {
    weir__backend_open_sim = fake_open;
    weir__backend_decorate = NULL;
    return weir__loop_init(&loop, "sim", NULL, ret_why);
}

static void open_loop(void) {
    const char *why = NULL;
    fake.now_ns = WEIR_SECONDS(1000);
    assert_int_equal(init_loop(&why), 0);
}

static void close_loop(void) {
    weir__loop_stop(&loop);
    weir__loop_fini(&loop);
    assert_null(fake.base.ops);
}

/* ---- what happened, as letters -------------------------------------------------------------- */

static char story[64];

static void tell(char letter) {
    size_t len = strlen(story);
    assert_true(len + 1 < sizeof story);
    story[len] = letter;
}

static void wake_a(struct weir__op *op) {
    (void)op;
    tell('a');
}

static void wake_b(struct weir__op *op) {
    op->next = op; /* a woken op is its owner's */
    tell('b');
}

static void fire_t(struct weir__timer *t) {
    (void)t;
    tell('t');
}

static void posted(void *arg) {
    tell(*(char *)arg);
}

static int post(char *letter) {
    return weir__loop_post(loop.handle, posted, letter);
}

/* ---- the turn ------------------------------------------------------------------------------- */

WEIR_TEST(a_turn_wakes_ops_then_posts_then_timers) {
    struct weir__op a = {.wake = wake_a}, b = {.wake = wake_b, .next = &a};
    struct weir__timer t;
    open_loop();
    weir__timer_init(&t, fire_t);
    weir__timer_arm(loop.timers, &t, fake.now_ns);
    post("1"), post("2");
    fake.done = &b;
    weir__loop_turn(&loop, WEIR_NEVER);
    assert_string_equal(story, "ba12t");
    assert_int_equal(loop.turns, 1);
    close_loop();
}

WEIR_TEST(a_turn_waits_until_the_nearest_timer) {
    struct weir__timer t;
    open_loop();
    weir_ns start_ns = fake.now_ns;
    weir__timer_init(&t, fire_t);
    weir__timer_arm(loop.timers, &t, start_ns + 70);
    weir__loop_turn(&loop, start_ns + 50);
    assert_int_equal(fake.until_ns, start_ns + 50);
    assert_string_equal(story, "");
    weir__loop_turn(&loop, WEIR_NEVER);
    assert_int_equal(fake.until_ns, start_ns + 70);
    assert_int_equal(loop.turn_ns, start_ns + 70);
    assert_string_equal(story, "t");
    close_loop();
}

WEIR_TEST(a_turn_with_work_at_hand_does_not_wait) {
    open_loop();
    weir__loop_turn(&loop, 0);
    assert_int_equal(fake.until_ns, 0);
    post("1");
    weir__loop_turn(&loop, WEIR_NEVER);
    assert_int_equal(fake.until_ns, 0);
    assert_string_equal(story, "1");
    close_loop();
}

WEIR_TEST(a_loop_that_cannot_open_says_why_and_leaves_nothing) {
    const char *why = NULL;
    fake.refuse = WEIR_EBACKEND;
    assert_int_equal(init_loop(&why), WEIR_EBACKEND);
    assert_string_equal(why, "fake: refused");
    fake.refuse = 0;
    for (size_t n = 2; n <= 3; n++) { /* the handle, the timers: behind the fake's latch */
        weir__alloc_fail_at(n);
        assert_int_equal(init_loop(&why), -ENOMEM);
        assert_null(fake.base.ops);
    }
    weir__alloc_fail_at(0);
}

/* ---- flushes -------------------------------------------------------------------------------- */

static struct weir__flush flush_one, flush_two;

static void flush_1(struct weir__flush *f) {
    tell('1');
    weir__loop_flush_later(&loop, &flush_two);
    (void)f;
}

static void flush_2(struct weir__flush *f) {
    (void)f;
    tell('2');
}

WEIR_TEST(a_flush_queued_twice_runs_once_and_may_queue_another_for_the_next_call) {
    open_loop();
    flush_one = (struct weir__flush){.flush = flush_1};
    flush_two = (struct weir__flush){.flush = flush_2};
    weir__list_init(&flush_one.link);
    weir__list_init(&flush_two.link);
    weir__loop_flush_later(&loop, &flush_one);
    weir__loop_flush_later(&loop, &flush_one);
    weir__loop_flush(&loop);
    assert_string_equal(story, "1");
    weir__loop_flush(&loop);
    assert_string_equal(story, "12");
    weir__loop_flush(&loop);
    assert_string_equal(story, "12");
    close_loop();
}

static void queue_flush(void *arg) {
    (void)arg;
    weir__loop_flush_later(&loop, &flush_two);
}

static void wake_queues(struct weir__op *op) {
    queue_flush(op);
}

static void fire_queues(struct weir__timer *t) {
    queue_flush(t);
}

static void turn_without_wait(void) {
    weir__loop_turn(&loop, WEIR_NEVER);
    assert_int_equal(fake.until_ns, 0);
    weir__loop_flush(&loop);
}

WEIR_TEST(a_turn_does_not_wait_while_a_flush_is_queued_wherever_it_was_queued) {
    struct weir__op op = {.wake = wake_queues};
    struct weir__timer t;
    open_loop();
    flush_two = (struct weir__flush){.flush = flush_2};
    weir__list_init(&flush_two.link);
    queue_flush(NULL);
    turn_without_wait();
    fake.done = &op;
    weir__loop_turn(&loop, WEIR_NEVER);
    turn_without_wait();
    assert_int_equal(weir__loop_post(loop.handle, queue_flush, NULL), 0);
    weir__loop_turn(&loop, WEIR_NEVER);
    turn_without_wait();
    weir__timer_init(&t, fire_queues);
    weir__timer_arm(loop.timers, &t, fake.now_ns + 10);
    weir__loop_turn(&loop, WEIR_NEVER);
    turn_without_wait();
    assert_string_equal(story, "2222");
    close_loop();
}

WEIR_TEST(a_turn_does_not_wait_while_a_task_is_ready) {
    open_loop();
    loop.ready = 1;
    turn_without_wait();
    loop.ready = 0;
    close_loop();
}

/* ---- posts ---------------------------------------------------------------------------------- */

static void post_again(void *arg) {
    tell('x');
    assert_int_equal(post(arg), 0);
}

WEIR_TEST(a_post_made_by_a_post_runs_in_the_next_turn) {
    open_loop();
    assert_int_equal(weir__loop_post(loop.handle, post_again, "1"), 0);
    weir__loop_turn(&loop, 0);
    assert_string_equal(story, "x");
    weir__loop_turn(&loop, WEIR_NEVER);
    assert_string_equal(story, "x1");
    close_loop();
}

static void post_while_waiting(void) {
    post("1"), post("2"), post("3");
}

WEIR_TEST(only_the_first_post_to_a_waiting_loop_wakes_it) {
    open_loop();
    post("0");
    assert_int_equal(fake.wakes, 0); /* busy: it will look */
    weir__loop_turn(&loop, WEIR_NEVER);
    fake.during_turn = post_while_waiting;
    weir__loop_turn(&loop, WEIR_NEVER);
    assert_int_equal(fake.wakes, 1);
    fake.during_turn = NULL;
    post("4");
    assert_int_equal(fake.wakes, 1);
    weir__loop_turn(&loop, 0);
    assert_string_equal(story, "01234");
    close_loop();
}

WEIR_TEST(a_post_without_memory_is_refused) {
    open_loop();
    weir__alloc_fail_at(1);
    assert_int_equal(post("1"), -ENOMEM);
    weir__alloc_fail_at(0);
    weir__loop_turn(&loop, 0);
    assert_string_equal(story, "");
    close_loop();
}

static size_t lines_logged;

static void count_lines(enum weir_log_level level, const char *line, void *arg) {
    (void)arg;
    assert_int_equal(level, WEIR_LOG_WARNING);
    assert_non_null(strstr(line, "2 posts"));
    lines_logged++;
}

WEIR_TEST(posts_not_run_are_dropped_and_logged_at_the_end) {
    open_loop();
    weir_log_to(count_lines, NULL);
    post("1"), post("2");
    close_loop();
    assert_int_equal(lines_logged, 1);
    assert_string_equal(story, "");
}

/* ---- posts from threads --------------------------------------------------------------------- */

enum { POSTERS = 4, POSTS = 20000 };

static struct poster {
    struct letter {
        struct poster *poster;
        size_t number;
    } letters[POSTS];
    size_t seen;
} posters[POSTERS];

static size_t seen;

static void letter_arrives(void *arg) {
    struct letter *l = arg;
    assert_int_equal(l->number, l->poster->seen);
    l->poster->seen++;
    seen++;
}

static void *post_all(void *arg) {
    struct poster *p = arg;
    for (size_t i = 0; i < POSTS; i++) {
        p->letters[i] = (struct letter){p, i};
        assert_int_equal(weir__loop_post(loop.handle, letter_arrives, &p->letters[i]), 0);
    }
    return NULL;
}

WEIR_TEST(posts_of_four_threads_all_come_each_thread_in_order) {
    pthread_t threads[POSTERS];
    open_loop();
    for (size_t i = 0; i < POSTERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, post_all, &posters[i]), 0);
    while (seen < (size_t)POSTERS * POSTS)
        weir__loop_turn(&loop, WEIR_NEVER);
    for (size_t i = 0; i < POSTERS; i++)
        pthread_join(threads[i], NULL);
    assert_true(fake.wakes >= fake.waits);
    close_loop();
}

/* ---- posts whose node is the caller's -------------------------------------------------------- */

struct ticket {
    struct weir__post post;
    char letter;
    int again;
};

static void ticket_comes(struct weir__post *p, bool was_dropped) {
    struct ticket *t = WEIR_CONTAINER(p, struct ticket, post);
    tell(was_dropped ? '!' : t->letter);
    if (t->again-- > 0)
        assert_int_equal(weir__loop_push(loop.handle, p), was_dropped ? WEIR_ECLOSED : 0);
}

WEIR_TEST(a_push_of_a_node_needs_no_memory_and_keeps_its_place_among_posts) {
    struct ticket a = {{NULL, ticket_comes}, 'a', 0}, b = {{NULL, ticket_comes}, 'b', 0};
    open_loop();
    post("1");
    weir__alloc_fail_at(1);
    assert_int_equal(weir__loop_push(loop.handle, &a.post), 0);
    weir__alloc_fail_at(0);
    post("2");
    assert_int_equal(weir__loop_push(loop.handle, &b.post), 0);
    weir__loop_turn(&loop, WEIR_NEVER);
    assert_string_equal(story, "1a2b");
    close_loop();
}

WEIR_TEST(a_node_is_its_owners_again_when_its_function_is_called) {
    struct ticket a = {{NULL, ticket_comes}, 'a', 2};
    open_loop();
    assert_int_equal(weir__loop_push(loop.handle, &a.post), 0);
    for (int turn = 0; turn < 3; turn++)
        weir__loop_turn(&loop, WEIR_NEVER);
    assert_string_equal(story, "aaa");
    close_loop();
}

WEIR_TEST(a_node_that_the_closing_loop_did_not_deliver_is_given_back) {
    struct ticket a = {{NULL, ticket_comes}, 'a', 1}, b = {{NULL, ticket_comes}, 'b', 0};
    open_loop();
    struct weir_loop *held = weir__loop_ref(loop.handle);
    assert_int_equal(weir__loop_push(held, &a.post), 0);
    assert_int_equal(weir__loop_push(held, &b.post), 0);
    close_loop();
    assert_string_equal(story, "!!"); /* and a is refused when it is pushed again */
    assert_int_equal(weir__loop_push(held, &b.post), WEIR_ECLOSED);
    weir__loop_unref(held);
}

/* ---- posts to a loop that ends -------------------------------------------------------------- */

WEIR_TEST(a_post_to_a_loop_that_has_ended_is_refused) {
    open_loop();
    struct weir_loop *held = weir__loop_ref(loop.handle);
    close_loop();
    assert_int_equal(weir__loop_post(held, posted, "1"), WEIR_ECLOSED);
    assert_string_equal(held->name, "main");
    assert_string_equal(held->why, "fake: asked for by a test");
    weir__loop_unref(held);
    assert_string_equal(story, "");
}

/* Whoever took the mark away rings, however late. */
WEIR_TEST(the_descriptor_that_a_late_post_rings_stays_until_the_last_reference_goes) {
    open_loop();
    struct weir_loop *held = weir__loop_ref(loop.handle);
    int fd = held->mail.latch->fd;
    close_loop();
    atomic_store(&held->mail.latch->sleeping, true);
    weir__latch_ring(held->mail.latch);
    uint64_t n = 0;
    assert_int_equal(read(fd, &n, sizeof n), sizeof n);
    weir__loop_unref(held);
    assert_int_equal(fcntl(fd, F_GETFD), -1);
}

static _Atomic size_t accepted;
static size_t ran, dropped;

static void runs(void *arg) {
    (void)arg;
    ran++;
}

/* "loop 'main' ended: 12 posts to it were dropped" */
static void count_dropped(enum weir_log_level level, const char *line, void *arg) {
    (void)arg;
    assert_int_equal(level, WEIR_LOG_WARNING);
    dropped += strtoul(strstr(line, "ended: ") + 7, NULL, 10);
}

static void *post_until_refused(void *arg) {
    struct weir_loop *l = arg;
    while (weir__loop_post(l, runs, NULL) == 0)
        accepted++;
    assert_int_equal(weir__loop_post(l, runs, NULL), WEIR_ECLOSED);
    weir__loop_unref(l);
    return NULL;
}

WEIR_TEST(each_post_made_while_the_loop_ends_runs_is_counted_as_dropped_or_is_refused) {
    pthread_t threads[POSTERS];
    weir_log_to(count_dropped, NULL);
    for (int round = 0; round < 50; round++) {
        open_loop();
        accepted = ran = dropped = 0;
        for (size_t i = 0; i < POSTERS; i++)
            pthread_create(&threads[i], NULL, post_until_refused, weir__loop_ref(loop.handle));
        while (ran < (size_t)round * 10)
            weir__loop_turn(&loop, WEIR_NEVER);
        close_loop();
        for (size_t i = 0; i < POSTERS; i++)
            pthread_join(threads[i], NULL);
        assert_int_equal(accepted, ran + dropped);
    }
}

WEIR_TEST(a_fork_child_cannot_post_to_its_parents_loop) {
    open_loop();
    pid_t child = fork();
    if (child == 0)
        _exit(weir__loop_post(loop.handle, posted, "1") == WEIR_EFORKED ? 0 : 1);
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    close_loop();
    assert_string_equal(story, "");
}

/* ---- names ---------------------------------------------------------------------------------- */

static struct weir_loop *enlisted(const char *name) {
    struct weir_loop *l = weir__alloc_zero(sizeof *l);
    assert_int_equal(weir__loop_enlist(l, name), 0);
    return l;
}

static void delist(struct weir_loop *l) {
    weir__loop_delist(l);
    weir__free(l);
}

WEIR_TEST(no_two_living_loops_have_one_name_or_number) {
    struct weir_loop *l[] = {enlisted(NULL), enlisted("main-2"), enlisted(NULL), enlisted("main"),
                             enlisted("main-2")};
    const char *names[] = {"main", "main-2", "main-3", "main-4", "main-2-2"};
    for (size_t i = 0; i < 5; i++) {
        assert_string_equal(l[i]->name, names[i]);
        for (size_t k = 0; k < i; k++)
            assert_int_not_equal(l[i]->number, l[k]->number);
    }
    delist(l[0]);
    l[0] = enlisted("x");
    assert_string_equal(l[0]->name, "x");
    for (size_t i = 0; i < 5; i++)
        delist(l[i]);
    l[0] = enlisted("main");
    assert_string_equal(l[0]->name, "main"); /* free again */
    delist(l[0]);
}

WEIR_TEST(a_long_name_is_cut_at_a_whole_character_and_stays_distinct) {
    const char *name = "an ever longer name of a loop, 35 b\xc3\xa4, and more";
    struct weir_loop *a = enlisted(name), *b = enlisted(name);
    assert_string_equal(a->name, "an ever longer name of a loop, 35 b");
    assert_string_equal(b->name, "an ever longer name of a loop, 35 b-2");
    delist(a);
    delist(b);
}

WEIR_TEST(a_text_names_a_loop_by_number_or_address_while_it_lives) {
    char text[WEIR__LOOP_TEXT];
    struct weir_loop *l = enlisted("gate");
    unsigned number = l->number;
    l->own = &loop;
    assert_string_equal(weir__loop_text_of(number, text), "loop 'gate'");
    assert_string_equal(weir__loop_text(&loop, text), "loop 'gate'");
    weir__loop_delist(l);
    assert_string_equal(weir__loop_text_of(number, text), "a loop that has ended");
    assert_string_equal(weir__loop_text(&loop, text), "a loop that has ended");
    weir__free(l);
}
