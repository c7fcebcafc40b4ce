/* SPDX-License-Identifier: MIT */
/* loops.c - a loop on each of several threads, one function for all of them. The first error stops
 * them all: each loop has a post node in the crew, so that stopping cannot fail.
 *
 * Under the lock: stopping, rc, failure, and each member's loop, which is NULL before its loop has
 * begun and after its function has returned. A member that begins later sees stopping. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <weir/loop.h>
#include <weir/offload.h>
#include <weir/thread.h>

#include "base/alloc.h"
#include "base/check.h"
#include "base/log.h"
#include "base/options.h"
#include "task/task.h"

#undef weir_run
#undef weir_stop

enum {
    LOOPS_MAX = 1024,                                       /* threads; a slip of the pen is more */
    MASK_WORDS = 8192 / (8 * (int)sizeof(unsigned long)),   /* the most processors of Linux */
    NAME_SIZE = 36,                                         /* of a loop: weir_run_options */
    THREAD_NAME_SIZE = 16                                   /* of a thread: the kernel's limit */
};

struct member {
    struct crew *crew;
    int index;
    pthread_t thread;
    struct weir_loop *loop; /* a reference */
    struct weir__post stop;
};

struct crew {
    struct weir_loops_options o;
    struct weir_run_options run;
    unsigned long allowed[MASK_WORDS]; /* the processors that the caller may use */
    int words;                         /* of allowed that the kernel has filled */
    pthread_mutex_t lock;
    bool stopping;
    int rc; /* the first error, and its record if the code is rc */
    struct weir_error failure;
    struct member members[];
};

/* ---- the end --------------------------------------------------------------------------------- */

static void stop(struct weir__post *p, bool dropped) {
    (void)p;
    if (!dropped)
        weir_stop("a loop beside this one has failed, or could not be made");
}

/* The thread of member m, or the caller (NULL), has met an error: keep the first, and stop all. */
static void fails(struct crew *c, const struct member *m, int rc) {
    const struct weir_error *e = weir_error(rc);
    pthread_mutex_lock(&c->lock);
    bool first = !c->stopping;
    if (first) {
        c->rc = rc;
        if (e != NULL)
            c->failure = *e;
        c->stopping = true;
        for (int i = 0; i < c->o.count; i++)
            if (c->members[i].loop != NULL)
                weir__loop_push(c->members[i].loop, &c->members[i].stop);
    }
    pthread_mutex_unlock(&c->lock);
    if (!first && rc != -ECANCELED && m != NULL)
        weir__log(WEIR_LOG_ERROR, "loop %d of weir_loops_run failed after another: %s", m->index,
                  weir_error_message(rc));
}

/* ---- a thread -------------------------------------------------------------------------------- */

/* Enter the loop into the crew. Returns false if it shall not begin any more. */
static bool enters(struct member *m) {
    pthread_mutex_lock(&m->crew->lock);
    bool begins = !m->crew->stopping;
    if (begins)
        m->loop = weir_loop_ref(weir_loop_current());
    pthread_mutex_unlock(&m->crew->lock);
    return begins;
}

static int main_task(void *arg) {
    struct member *m = arg;
    int rc = enters(m) ? m->crew->o.fn(m->crew->o.arg, m->index) : 0;
    if (rc < 0)
        fails(m->crew, m, rc);
    return 0; /* the error is read in weir_loops_run */
}

/* Pin this thread to the index-th of the allowed processors. */
static int pin(const struct crew *c, int index) {
    unsigned long one[MASK_WORDS] = {0};
    const int bits = 8 * (int)sizeof(unsigned long);
    int count = 0;
    for (int i = 0; i < c->words; i++)
        count += __builtin_popcountl(c->allowed[i]);
    int left = count > 0 ? index % count : 0;
    for (int cpu = 0; cpu < c->words * bits; cpu++) {
        unsigned long bit = 1ul << (cpu % bits);
        if ((c->allowed[cpu / bits] & bit) != 0 && left-- == 0)
            one[cpu / bits] = bit;
    }
    if (syscall(SYS_sched_setaffinity, 0, (size_t)c->words * sizeof *one, one) < 0)
        return weir__failf(-errno, "loops run", NULL, "thread %d could not be pinned", index);
    return 0;
}

static void *thread_main(void *arg) {
    struct member *m = arg;
    struct crew *c = m->crew;
    struct weir_run_options run = c->run;
    char name[NAME_SIZE], thread_name[THREAD_NAME_SIZE];
    snprintf(name, sizeof name, "%.24s-%d", c->o.name != NULL ? c->o.name : "loop", m->index);
    snprintf(thread_name, sizeof thread_name, "%.15s", name);
    pthread_setname_np(pthread_self(), thread_name);
    run.name = name;
    int rc = c->o.affinity ? pin(c, m->index) : 0;
    if (rc == 0)
        rc = weir_run(main_task, m, &run);
    if (rc < 0)
        fails(c, m, rc);
    pthread_mutex_lock(&c->lock);
    struct weir_loop *l = m->loop;
    m->loop = NULL; /* closed: no later stop is pushed */
    pthread_mutex_unlock(&c->lock);
    weir_loop_unref(&l);
    return NULL;
}

/* ---- the caller ------------------------------------------------------------------------------ */

static struct crew *crew_new(const struct weir_loops_options *o) {
    struct crew *c = weir__alloc_zero(sizeof *c + (size_t)o->count * sizeof c->members[0]);
    if (c == NULL)
        return NULL;
    c->o = *o;
    WEIR_OPTIONS_COPY(struct weir_run_options, unhandled_arg, &c->run, o->run);
    c->run.size = sizeof c->run;
    pthread_mutex_init(&c->lock, NULL);
    for (int i = 0; i < o->count; i++) {
        c->members[i].crew = c;
        c->members[i].index = i;
        c->members[i].stop.fn = stop;
    }
    return c;
}

/* The kernel says how many bytes of the mask it has filled. */
static int look_at_processors(struct crew *c) {
    long bytes = syscall(SYS_sched_getaffinity, 0, sizeof c->allowed, c->allowed);
    c->words = bytes > 0 ? (int)(bytes / (long)sizeof c->allowed[0]) : 0;
    return bytes > 0 ? 0 : weir__fail(-errno, "loops run", NULL);
}

/* Returns how many threads were made. */
static int start_all(struct crew *c) {
    for (int i = 0; i < c->o.count; i++) {
        int rc = -pthread_create(&c->members[i].thread, NULL, thread_main, &c->members[i]);
        if (rc < 0) {
            rc = weir__failf(rc, "loops run", NULL, "thread %d of %d could not be made: %s", i + 1,
                             c->o.count, weir_error_text(rc));
            fails(c, NULL, rc);
            return i;
        }
    }
    return c->o.count;
}

static int run_all(struct crew *c) {
    int rc = c->o.affinity ? look_at_processors(c) : 0;
    if (rc < 0)
        return rc;
    for (int made = start_all(c); made > 0; made--)
        pthread_join(c->members[made - 1].thread, NULL);
    if (c->rc < 0 && c->failure.code == c->rc)
        weir__error_restore(&c->failure);
    else if (c->rc < 0)
        weir__error_forget(c->rc);
    return c->rc;
}

int weir_loops_run(const struct weir_loops_options *options) {
    struct weir_loops_options o;
    WEIR_OPTIONS_COPY(struct weir_loops_options, run, &o, options);
    if (o.fn == NULL)
        WEIR_BUG("weir_loops_run: the function is NULL");
    if (weir__is_stepping())
        return weir__failf(-EBUSY, "loops run", NULL,
                           "it would block this thread's loop until the others have ended");
    if (o.count < 0 || o.count > LOOPS_MAX)
        return weir__failf(-EINVAL, "loops run", NULL, "%d loops, and at most %d may be", o.count,
                           (int)LOOPS_MAX);
    if (o.count == 0)
        o.count = weir_cpus() < LOOPS_MAX ? weir_cpus() : LOOPS_MAX;
    struct crew *c = crew_new(&o);
    if (c == NULL)
        return weir__fail(-ENOMEM, "loops run", NULL);
    int rc = run_all(c);
    pthread_mutex_destroy(&c->lock);
    weir__free(c);
    return rc;
}
