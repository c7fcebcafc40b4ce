/* SPDX-License-Identifier: MIT */
/* signals.c - see signals.h.
 *
 * The handler walks the list of loops, which changes only under the lock. A loop that is taken out
 * of the list waits until no handler runs on any thread (handlers are short and never wait).
 *
 * A fork child inherits the handler, and shares the latches with its parent. While a thread forks,
 * it receives no signal (base/process.c); the child restores the dispositions that were there
 * before, so that a signal to it has its old effect. In a child that was made without fork hooks
 * (_Fork, vfork, clone), the handler finds by the process id that it is not the parent, and does
 * the same for that signal. */
#include "sys/signals.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>
#include <stdio.h>

#include "base/process.h"

static struct {
    pthread_mutex_t lock;
    _Atomic(struct weir__signals *) loops;
    _Atomic unsigned handlers_at_work;
    _Atomic pid_t owner; /* the process that installed the handlers */
    struct {
        unsigned waiters;
        struct sigaction before;
    } dispositions[WEIR__SIGNALS_MAX + 1];
} kept = {.lock = PTHREAD_MUTEX_INITIALIZER};

static uint64_t bit(int signo) {
    return (uint64_t)1 << (signo - 1);
}

static void on_signal(int signo);

static bool is_ours(const struct sigaction *a) {
    return (a->sa_flags & SA_SIGINFO) == 0 && a->sa_handler == on_signal;
}

/* The handler runs in a fork child, which has no waits: restore the old disposition and raise the
 * signal again. It is delivered when the handler has returned, since all signals are blocked while
 * it runs. */
static void old_way(int signo) {
    int saved = errno;
    sigaction(signo, &kept.dispositions[signo].before, NULL);
    raise(signo);
    errno = saved;
}

static void on_signal(int signo) {
    if (getpid() != atomic_load(&kept.owner)) {
        old_way(signo);
        return;
    }
    atomic_fetch_add(&kept.handlers_at_work, 1);
    for (struct weir__signals *s = atomic_load(&kept.loops); s != NULL; s = atomic_load(&s->next)) {
        if ((atomic_load(&s->wanted) & bit(signo)) == 0)
            continue;
        atomic_fetch_add(&s->counts[signo - 1], 1);
        atomic_fetch_or(&s->got, bit(signo));
        weir__latch_ring(s->latch);
    }
    atomic_fetch_sub(&kept.handlers_at_work, 1);
}

/* ---- fork ----------------------------------------------------------------------------------- */

static void fork_child(void) {
    for (int signo = 1; signo <= WEIR__SIGNALS_MAX; signo++) {
        struct sigaction now;
        if (kept.dispositions[signo].waiters > 0 && sigaction(signo, NULL, &now) == 0
            && is_ours(&now))
            sigaction(signo, &kept.dispositions[signo].before, NULL);
        kept.dispositions[signo].waiters = 0;
    }
    atomic_store(&kept.loops, NULL);
    atomic_store(&kept.handlers_at_work, 0); /* it counts threads that the child does not have */
}

static const struct weir__part part = {
    .name = "signals",
    .state = &kept,
    .size = sizeof kept,
    .lock = &kept.lock,
    .fork_child = fork_child,
};

static __attribute__((constructor)) void begin(void) {
    weir__process_add(WEIR__PART_SIGNALS, &part);
}

/* ---- waits ---------------------------------------------------------------------------------- */

void weir__signals_init(struct weir__signals *s, struct weir__latch *latch) {
    atomic_init(&s->next, NULL);
    atomic_init(&s->wanted, 0);
    atomic_init(&s->got, 0);
    for (int i = 0; i < WEIR__SIGNALS_MAX; i++)
        atomic_init(&s->counts[i], 0);
    s->latch = latch;
    s->ops = NULL;
    s->lingers = s->spent = 0;
    s->listed = false;
}

/* Forget that signo came. Returns whether it did. */
static bool forget(struct weir__signals *s, int signo) {
    bool came = (atomic_fetch_and(&s->got, ~bit(signo)) & bit(signo)) != 0;
    atomic_store(&s->counts[signo - 1], 0);
    return came;
}

static void list_loop(struct weir__signals *s) {
    if (s->listed)
        return;
    atomic_store(&s->next, atomic_load(&kept.loops));
    atomic_store(&kept.loops, s);
    s->listed = true;
}

/* Count one more wait for signo, and install the handler with the first. With the lock held. */
static int install(int signo) {
    struct sigaction ours = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigfillset(&ours.sa_mask); /* no other handler interrupts ours */
    if (kept.dispositions[signo].waiters == 0
        && sigaction(signo, &ours, &kept.dispositions[signo].before) != 0)
        return -errno;
    kept.dispositions[signo].waiters++;
    return 0;
}

/* Count one wait less, and restore the old disposition with the last. With the lock held. Returns
 * whether it was restored. */
static bool uninstall(int signo) {
    struct sigaction current;
    WEIR_CHECK(kept.dispositions[signo].waiters > 0);
    if (--kept.dispositions[signo].waiters > 0 || sigaction(signo, NULL, &current) != 0)
        return false;
    return is_ours(&current) && sigaction(signo, &kept.dispositions[signo].before, NULL) == 0;
}

static bool waits_for(const struct weir__signals *s, int signo) {
    for (struct weir__op *op = s->ops; op != NULL; op = op->next)
        if (op->u.number == signo)
            return true;
    return false;
}

/* A turn has begun: drop the hold that an ended wait left on the handler. The old disposition is
 * restored before the bit in wanted is cleared, so that our handler never finds its signal unwanted
 * (unless another thread has just entered it). If a signal came that no wait got, it is raised
 * again and has its old effect. Not so if the program has installed a handler in front of ours:
 * that one has had the signal. */
static void release(struct weir__signals *s, int signo) {
    bool missed = false;
    s->lingers &= ~bit(signo);
    pthread_mutex_lock(&kept.lock);
    bool restored = uninstall(signo);
    if (!waits_for(s, signo)) {
        atomic_fetch_and(&s->wanted, ~bit(signo));
        missed = forget(s, signo);
    }
    pthread_mutex_unlock(&kept.lock);
    missed = missed && restored && (s->spent & bit(signo)) == 0;
    s->spent &= ~bit(signo);
    if (missed)
        kill(getpid(), signo); /* this thread may block it, and another not */
}

static void release_lingering(struct weir__signals *s) {
    for (int signo = 1; s->lingers != 0; signo++)
        if ((s->lingers & bit(signo)) != 0)
            release(s, signo);
}

void weir__signals_fini(struct weir__signals *s) {
    if (s->ops != NULL)
        WEIR_BUG("the loop has ended while signal %d was still taken: weir_signals_close was not "
                 "called", s->ops->u.number);
    if (!s->listed)
        return;
    release_lingering(s);
    pthread_mutex_lock(&kept.lock);
    _Atomic(struct weir__signals *) *from = &kept.loops;
    while (atomic_load(from) != s)
        from = &atomic_load(from)->next;
    atomic_store(from, atomic_load(&s->next));
    pthread_mutex_unlock(&kept.lock);
    while (atomic_load(&kept.handlers_at_work) != 0)
        sched_yield();
    s->listed = false;
}

/* Does that thread block signo? From the line "SigBlk:\t0000000000004000" of its status; if it
 * cannot be read: yes. */
static bool blocks(const char *thread, int signo) {
    char path[64], line[128];
    unsigned long long mask = 0;
    bool found = false;
    snprintf(path, sizeof path, "/proc/self/task/%.20s/status", thread);
    FILE *f = fopen(path, "re");
    while (f != NULL && !found && fgets(line, sizeof line, f) != NULL)
        found = sscanf(line, "SigBlk: %llx", &mask) == 1;
    if (f != NULL)
        fclose(f);
    return !found || (mask & bit(signo)) != 0;
}

/* The other threads are looked at only if this one blocks it. */
bool weir__signal_is_blocked(int signo) {
    sigset_t mine;
    if (pthread_sigmask(SIG_BLOCK, NULL, &mine) != 0 || sigismember(&mine, signo) != 1)
        return false;
    bool blocked = true;
    DIR *threads = opendir("/proc/self/task");
    for (struct dirent *e; threads != NULL && blocked && (e = readdir(threads)) != NULL;)
        blocked = e->d_name[0] == '.' || blocks(e->d_name, signo);
    if (threads != NULL)
        closedir(threads);
    return blocked;
}

int weir__signals_submit(struct weir__signals *s, struct weir__op *op) {
    int signo = op->u.number;
    if (signo < 1 || signo > WEIR__SIGNALS_MAX)
        return weir__op_now_done(op, -EINVAL);
    /* An op that its wake submits again keeps the handler: a signal that is blocked for a while
     * must not find the old disposition when it is unblocked. */
    bool again = op->u.signal.taken && (s->lingers & bit(signo)) != 0;
    op->u.signal.taken = false;
    if (!again && weir__signal_is_blocked(signo))
        return weir__op_now_done(op, -EPERM);
    pthread_mutex_lock(&kept.lock);
    atomic_store(&kept.owner, getpid()); /* which may be a fork child */
    list_loop(s);
    if (!waits_for(s, signo)) { /* a signal that came before this wait does not count */
        if ((s->lingers & bit(signo)) == 0)
            forget(s, signo);
        atomic_fetch_or(&s->wanted, bit(signo));
    }
    int rc = install(signo);
    if (rc != 0 && !waits_for(s, signo))
        atomic_fetch_and(&s->wanted, ~bit(signo));
    pthread_mutex_unlock(&kept.lock);
    if (rc != 0)
        return weir__op_now_done(op, rc);
    op->u.signal.before = op->u.signal.since ? atomic_load(&s->counts[signo - 1]) : 0;
    op->u.signal.since = false;
    struct weir__op **end = &s->ops;
    while (*end != NULL)
        end = &(*end)->next;
    op->next = NULL;
    *end = op;
    return weir__op_hold(op);
}

/* A wait has ended, by its signal or by a cancel. Its hold on the handler stays until the next turn
 * (one hold for each signal), so that no signal is missed if the program waits again before. To
 * restore the disposition at once would miss two kinds: a signal before the next wait begins, and
 * one that arrives while the handler is being removed. */
static void end_wait(struct weir__signals *s, struct weir__op **at) {
    int signo = (*at)->u.number;
    *at = (*at)->next;
    if ((s->lingers & bit(signo)) == 0) {
        s->lingers |= bit(signo);
        return;
    }
    pthread_mutex_lock(&kept.lock);
    uninstall(signo); /* another hold for this signal is kept already */
    pthread_mutex_unlock(&kept.lock);
}

int weir__signals_cancel(struct weir__signals *s, struct weir__op *op) {
    struct weir__op **at = &s->ops;
    while (*at != NULL && *at != op)
        at = &(*at)->next;
    WEIR_CHECK(*at == op);
    if ((atomic_load(&s->got) & bit(op->u.number)) != 0) /* it has come: the next wait may get it */
        s->spent |= bit(op->u.number);
    end_wait(s, at);
    return weir__op_now_done(op, -ECANCELED);
}

void weir__signals_collect(struct weir__signals *s, struct weir__fifo *done) {
    if (s->lingers != 0)
        release_lingering(s);
    if (atomic_load_explicit(&s->got, memory_order_relaxed) == 0)
        return;
    uint64_t got = atomic_exchange(&s->got, 0);
    uint32_t counts[WEIR__SIGNALS_MAX];
    for (int i = 0; i < WEIR__SIGNALS_MAX; i++)
        counts[i] = (got & bit(i + 1)) != 0 ? atomic_exchange(&s->counts[i], 0) : 0;
    for (struct weir__op **at = &s->ops; *at != NULL;) {
        struct weir__op *op = *at;
        if ((got & bit(op->u.number)) == 0) {
            at = &op->next;
            continue;
        }
        end_wait(s, at);
        op->u.signal.count = counts[op->u.number - 1] - op->u.signal.before;
        op->u.signal.taken = true;
        weir__op_complete(done, op, op->u.number);
    }
}
