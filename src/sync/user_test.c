/* SPDX-License-Identifier: MIT */
/* A program as a user would write it, who knows asyncio: it fetches pages with what weir/sync.h and
 * weir/limit.h give, and knows nothing of the inside. */
#include <errno.h>
#include <string.h>
#include <weir/limit.h>
#include <weir/loop.h>
#include <weir/testing.h>

#include "test/runner.h"

enum { PAGES = 12, HOSTS = 3, FETCHERS = 4 };

struct site {
    struct weir_event stop;       /* asyncio.Event */
    struct weir_mutex mutex;      /* asyncio.Lock */
    struct weir_cond found;       /* asyncio.Condition */
    struct weir_barrier begin;    /* asyncio.Barrier */
    struct weir_sem sockets;      /* asyncio.BoundedSemaphore */
    struct weir_limiter cores;    /* trio.CapacityLimiter */
    struct weir_rate polite;
    struct weir_once cache;       /* Go: sync.Once */
    struct weir_flight names;     /* Go: singleflight */
    struct weir_rwlock index;
    int queue[PAGES], queued, cached, resolved, fetched, indexed[PAGES];
};

static struct site site;

static int open_cache(void *arg) {
    struct site *s = arg;
    int rc = weir_sleep(WEIR_MILLISECONDS(2));
    s->cached += rc == 0;
    return rc;
}

static int resolve(void *arg, const void *key, size_t key_size, void *ret_value) {
    struct site *s = arg;
    (void)key_size;
    int rc = weir_sleep(WEIR_MILLISECONDS(5));
    s->resolved += rc == 0;
    *(int *)ret_value = 10 + *(const int *)key;
    return rc;
}

/* Takes a page from the queue; 0: there will be no more. */
static int take(struct site *s, int *ret_page) {
    int rc = weir_mutex_lock(&s->mutex);
    if (rc < 0)
        return rc;
    while (rc == 0 && s->queued == 0 && !weir_event_is_set(&s->stop))
        rc = weir_cond_wait(&s->found, &s->mutex);
    if (rc == 0 && s->queued > 0) {
        *ret_page = s->queue[--s->queued];
        rc = 1;
    }
    weir_mutex_unlock(&s->mutex);
    return rc;
}

static int digest(struct site *s, int page) {
    struct weir_borrow core = {0};
    int rc = weir_limiter_acquire(&s->cores, &core);
    if (rc < 0)
        return rc;
    rc = weir_sleep(WEIR_MILLISECONDS(1));
    weir_limiter_release(&s->cores, &core);
    if (rc == 0 && (rc = weir_rwlock_write_lock(&s->index)) == 0) {
        s->indexed[page]++;
        weir_rwlock_write_unlock(&s->index);
    }
    return rc;
}

static int fetch(struct site *s, int page) {
    int host = page % HOSTS, address = 0;
    int rc = weir_once(&s->cache, open_cache, s);
    if (rc == 0)
        rc = weir_flight_get(&s->names, &host, sizeof host, &address);
    if (rc == 0)
        rc = weir_rate_acquire(&s->polite, 1);
    if (rc < 0 || (rc = weir_sem_acquire(&s->sockets, 1)) < 0)
        return rc;
    assert_int_equal(address, 10 + host);
    rc = weir_sleep(WEIR_MILLISECONDS(20));
    weir_sem_release(&s->sockets, 1);
    s->fetched += rc == 0;
    return rc == 0 ? digest(s, page) : rc;
}

static int fetcher(void *args) {
    int page = 0, rc = weir_barrier_wait(&site.begin);
    (void)args;
    if (rc == -ECANCELED)
        weir_barrier_close(&site.begin);
    while (rc >= 0 && (rc = take(&site, &page)) > 0)
        rc = fetch(&site, page);
    return rc == WEIR_ECLOSED ? 0 : rc;
}

static int finds(struct site *s) {
    int rc = 0;
    for (int page = 0; page < PAGES && rc == 0; page++) {
        if ((rc = weir_mutex_lock(&s->mutex)) < 0)
            return rc;
        s->queue[s->queued++] = page;
        weir_cond_notify(&s->found, 1);
        weir_mutex_unlock(&s->mutex);
        rc = weir_sleep(WEIR_MILLISECONDS(1));
    }
    return rc;
}

static int program(void *arg) {
    struct weir_group names, fetchers;
    (void)arg;
    memset(&site, 0, sizeof site); /* event, locks, condition, once: zero is good */
    weir_barrier_init(&site.begin, FETCHERS);
    weir_sem_init_bounded(&site.sockets, 2, 2);
    weir_limiter_init(&site.cores, 1);
    weir_rate_init(&site.polite, 100, WEIR_SECONDS(1), 4);
    weir_group_open(&names, WEIR_INDEPENDENT);
    weir_flight_init(&site.names, &names, resolve, &site, sizeof(int));
    weir_group_open(&fetchers, WEIR_TOGETHER);
    int rc = 0;
    for (int i = 0; i < FETCHERS && rc == 0; i++)
        rc = weir_go0(&fetchers, fetcher);
    if (rc == 0)
        rc = finds(&site);
    weir_event_set(&site.stop);
    weir_cond_notify_all(&site.found);
    if (rc < 0)
        weir_barrier_close(&site.begin);
    rc = weir_group_close(&fetchers, rc);
    rc = weir_group_close(&names, rc);
    weir_event_fini(&site.stop);
    weir_mutex_fini(&site.mutex);
    weir_cond_fini(&site.found);
    weir_barrier_fini(&site.begin);
    weir_sem_fini(&site.sockets);
    weir_limiter_fini(&site.cores);
    weir_rate_fini(&site.polite);
    weir_once_fini(&site.cache);
    weir_flight_fini(&site.names);
    weir_rwlock_fini(&site.index);
    return rc;
}

WEIR_TEST_BACKENDS(a_program_fetches_every_page_once) {
    assert_int_equal(weir_run(program, NULL, NULL), 0);
    assert_int_equal(site.fetched, PAGES);
    assert_int_equal(site.cached, 1);
    assert_true(site.resolved >= HOSTS);
    for (int i = 0; i < PAGES; i++)
        assert_int_equal(site.indexed[i], 1);
}

static const struct weir_story story = {.size = sizeof story, .name = "pages", .fn = program};

WEIR_TEST(the_program_ends_cleanly_under_each_seed_cancel_and_failed_allocation) {
    struct weir_explored e;
    assert_int_equal(weir_explore_seeds(&story, &e), 0);
    assert_int_equal(weir_explore_cancels(&story, &e), 0);
    assert_true(e.points > 30);
    assert_int_equal(weir_explore_allocations(&story, &e), 0);
}
