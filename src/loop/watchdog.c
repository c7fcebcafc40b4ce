/* SPDX-License-Identifier: MIT */
/* watchdog.c - a thread that looks at the stint of a loop's thread a few times in slow_ns. If it
 * has lasted too long, it sends that thread a signal, whose handler copies the stack's addresses.
 * The watchdog finds their names and logs them, while the loop is still blocked.
 *
 * The signal is SIGURG: a process that has no handler for it ignores it, so a late one is harmless.
 * The handler answers only while the stint is the one that the watchdog asked about. Such a stint
 * is past its beginning, so no switch of stacks is interrupted. */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/auxv.h>
#include <time.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/process.h"
#include "sys/symbol.h"
#include "loop/debug.h"

enum {
    FRAMES = 64,
    SKIPPED = 3, /* weir__backtrace, the handler, the return from the signal */
    LOOKS = 4,                  /* in slow_ns */
    SIGNAL_STACK = 64 * 1024,   /* the unwinder of libgcc needs some */
    ANSWER_NS = 200 * 1000 * 1000, /* how long an answer is waited for */
};

struct weir__watchdog {
    pthread_t thread, watched;
    const char *loop_name;
    weir_ns slow_ns;
    bool uses_stack; /* signal_stack */
    pthread_mutex_t lock; /* of the next three */
    pthread_cond_t stops;
    bool stop;
    struct weir__stint stint;
    _Atomic uint64_t number; /* stint.number, for the handler */
    _Atomic uint64_t asked;  /* the number of the stint whose stack is wanted; 0: of none */
    sem_t answered;
    int frames;
    void *pcs[FRAMES];
};

static struct {
    pthread_mutex_t lock;
    int users;
    struct sigaction previous; /* of SIGURG */
} kept = {.lock = PTHREAD_MUTEX_INITIALIZER};

static __thread struct weir__watchdog *mine; /* the watchdog that watches this thread */

/* That of this thread, if we made it: for all its loops, which may close in any order. */
static __thread struct {
    void *memory;
    unsigned users;
} signal_stack;

/* ---- the handler ----------------------------------------------------------------------------- */

static void handler(int signal, siginfo_t *info, void *context) {
    struct weir__watchdog *w = mine;
    uint64_t asked = w != NULL ? atomic_exchange(&w->asked, 0) : 0;
    if (asked != 0) {
        int saved = errno;
        w->frames = asked == atomic_load(&w->number) ? weir__backtrace(w->pcs, FRAMES) : -1;
        sem_post(&w->answered);
        errno = saved;
    } else if (kept.previous.sa_flags & SA_SIGINFO && kept.previous.sa_sigaction != NULL) {
        kept.previous.sa_sigaction(signal, info, context);
    } else if (kept.previous.sa_handler != SIG_DFL && kept.previous.sa_handler != SIG_IGN) {
        kept.previous.sa_handler(signal);
    }
}

static void fork_child(void) {
    if (kept.users > 0)
        sigaction(SIGURG, &kept.previous, NULL);
    kept.users = 0;
    mine = NULL;
}

static const struct weir__part part = {
    .name = "watchdog",
    .state = &kept,
    .size = sizeof kept,
    .lock = &kept.lock,
    .fork_child = fork_child,
};

static __attribute__((constructor)) void begin(void) {
    weir__process_add(WEIR__PART_WATCHDOG, &part);
}

static void once(void) {
    void *pc;
    weir__backtrace(&pc, 1); /* loads libgcc: not in the handler */
}

static void handler_start(void) {
    static pthread_once_t registered = PTHREAD_ONCE_INIT;
    pthread_once(&registered, once);
    struct sigaction sa = {.sa_sigaction = handler,
                           .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART};
    pthread_mutex_lock(&kept.lock);
    if (kept.users++ == 0)
        sigaction(SIGURG, &sa, &kept.previous);
    pthread_mutex_unlock(&kept.lock);
}

static void handler_stop(void) {
    pthread_mutex_lock(&kept.lock);
    if (kept.users > 0 && --kept.users == 0)
        sigaction(SIGURG, &kept.previous, NULL);
    pthread_mutex_unlock(&kept.lock);
}

/* The stack of a task may be small: the handler runs on one of its own. */
static int signal_stack_start(struct weir__watchdog *w) {
    stack_t now;
    if (signal_stack.users == 0) {
        if (sigaltstack(NULL, &now) < 0 || !(now.ss_flags & SS_DISABLE))
            return 0;
        size_t size = getauxval(AT_MINSIGSTKSZ) + SIGNAL_STACK;
        signal_stack.memory = weir__alloc(size);
        if (signal_stack.memory == NULL)
            return -ENOMEM;
        sigaltstack(&(stack_t){.ss_sp = signal_stack.memory, .ss_size = size}, NULL);
    }
    signal_stack.users++;
    w->uses_stack = true;
    return 0;
}

static void signal_stack_stop(const struct weir__watchdog *w) {
    if (!w->uses_stack || --signal_stack.users > 0)
        return;
    sigaltstack(&(stack_t){.ss_flags = SS_DISABLE}, NULL);
    weir__free(signal_stack.memory);
}

/* ---- the thread ------------------------------------------------------------------------------ */

static weir_ns clock_now(clockid_t clock) {
    struct timespec ts;
    clock_gettime(clock, &ts);
    return (weir_ns)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static struct timespec timespec_of(weir_ns when) {
    return (struct timespec){when / 1000000000, when % 1000000000};
}

/* Returns the frames of the stack that stint s has now; -1: they are not to be had. */
static int ask(struct weir__watchdog *w, const struct weir__stint *s) {
    while (sem_trywait(&w->answered) == 0) /* a late answer to an earlier question */
        continue;
    atomic_store(&w->asked, s->number);
    if (pthread_kill(w->watched, SIGURG) != 0)
        return -1;
    struct timespec until = timespec_of(clock_now(CLOCK_REALTIME) + ANSWER_NS);
    int rc;
    while ((rc = sem_timedwait(&w->answered, &until)) < 0 && errno == EINTR)
        continue;
    return rc == 0 ? w->frames : -1;
}

const char *weir__stint_text(const struct weir__stint *s, char buf[static WEIR__STINT_TEXT]) {
    if (s->site == NULL)
        return "a callback of the loop";
    snprintf(buf, WEIR__STINT_TEXT, "task '%s' (%.60s:%d)", s->name, s->site->file, s->site->line);
    return buf;
}

static void report(struct weir__watchdog *w, const struct weir__stint *s, weir_ns lasted) {
    int frames = ask(w, s);
    char who[WEIR__STINT_TEXT];
    weir__log(WEIR_LOG_WARNING, "loop '%s' is blocked: %s lets nobody else run for %lld ms now%s",
              w->loop_name, weir__stint_text(s, who), (long long)(lasted / 1000000),
              frames > 0 ? "; its stack:" : "");
    for (int i = SKIPPED; i < frames; i++) {
        char text[WEIR__SYMBOL_TEXT];
        weir__log(WEIR_LOG_WARNING, "  #%d %s", i - SKIPPED, weir__symbol_text(w->pcs[i], text));
    }
}

static void *watch(void *arg) {
    struct weir__watchdog *w = arg;
    uint64_t reported = 0;
    weir_ns next_ns = 0;
    pthread_mutex_lock(&w->lock);
    while (!w->stop) {
        struct timespec look = timespec_of(clock_now(CLOCK_MONOTONIC) + w->slow_ns / LOOKS);
        pthread_cond_timedwait(&w->stops, &w->lock, &look);
        struct weir__stint s = w->stint;
        weir_ns lasted = s.since != 0 ? clock_now(CLOCK_MONOTONIC) - s.since : 0;
        if (s.number != reported)
            next_ns = w->slow_ns;
        if (w->stop || lasted < next_ns || s.since == 0)
            continue;
        reported = s.number;
        next_ns = next_ns < WEIR_NEVER / 10 ? next_ns * 10 : WEIR_NEVER;
        pthread_mutex_unlock(&w->lock);
        report(w, &s, lasted);
        pthread_mutex_lock(&w->lock);
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

static int thread_start(struct weir__watchdog *w) {
    sigset_t all, before;
    sigfillset(&all); /* the program's signals are not for this thread */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&w->thread, NULL, watch, w);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return -rc;
}

static void sync_init(struct weir__watchdog *w) {
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&w->stops, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&w->lock, NULL);
    sem_init(&w->answered, 0, 0);
}

static void watchdog_free(struct weir__watchdog *w) {
    signal_stack_stop(w);
    pthread_cond_destroy(&w->stops);
    pthread_mutex_destroy(&w->lock);
    sem_destroy(&w->answered);
    weir__free(w);
}

int weir__watchdog_start(const char *loop_name, weir_ns slow_ns, struct weir__watchdog **ret_w) {
    struct weir__watchdog *w = weir__alloc_zero(sizeof *w);
    if (w == NULL)
        return -ENOMEM;
    w->watched = pthread_self();
    w->loop_name = loop_name;
    w->slow_ns = slow_ns;
    sync_init(w);
    int rc = signal_stack_start(w);
    if (rc == 0)
        rc = thread_start(w);
    if (rc < 0) {
        watchdog_free(w);
        return rc;
    }
    handler_start();
    mine = w;
    *ret_w = w;
    return 0;
}

void weir__watchdog_stop(struct weir__watchdog *w) {
    if (w == NULL)
        return;
    pthread_mutex_lock(&w->lock);
    w->stop = true;
    pthread_cond_signal(&w->stops);
    pthread_mutex_unlock(&w->lock);
    pthread_join(w->thread, NULL);
    mine = NULL;
    handler_stop();
    watchdog_free(w);
}

void weir__watchdog_stint(struct weir__watchdog *w, const struct weir__stint *s) {
    mine = w; /* a thread may have several loops */
    atomic_store(&w->number, s->number);
    pthread_mutex_lock(&w->lock);
    w->stint = *s;
    pthread_mutex_unlock(&w->lock);
}
