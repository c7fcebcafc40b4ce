/* SPDX-License-Identifier: MIT */
/* crash.c - reports of stack overflows, crashes and aborts that name the task: an option of the
 * run. The program's own handlers are called after ours, and are restored when the run is over. The
 * handler makes only async-signal-safe calls. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/check.h"
#include "base/log.h"
#include "base/process.h"
#include "task/internal.h"

static const int signals[] = {SIGSEGV, SIGBUS, SIGABRT};
enum {
    SIGNALS = sizeof signals / sizeof signals[0],
    STACK_MIN = 64 * 1024 /* the watchdog's handler needs as much: it may run on this stack too */
};

static struct {
    pthread_mutex_t lock;
    int users;
    struct sigaction previous[SIGNALS];
} kept = {.lock = PTHREAD_MUTEX_INITIALIZER};

static __thread void *alternate; /* this thread's signal stack, if we made it */
static __thread unsigned alternate_users; /* loops of this thread that asked for it */
static __thread const char *helper_low; /* of a helper thread: the lowest address of its stack */

static void put(const char *text) {
    weir__stderr(text, strlen(text));
}

static void put_number(unsigned long n) {
    char digits[24], *at = digits + sizeof digits - 1;
    *at = '\0';
    do
        *--at = (char)('0' + n % 10);
    while ((n /= 10) != 0);
    put(at);
}

static void put_task(const struct weir_task *t) {
    put("'");
    put(t->name);
    put("' (");
    put(t->site->file);
    put(":");
    put_number((unsigned long)t->site->line);
    put(")");
}

static bool near_helper_guard(const void *address) {
    const char *a = address;
    return a < helper_low && a >= helper_low - STACK_GUARD;
}

static void report(int signal, const siginfo_t *info) {
    struct sched *s = weir__sched;
    struct weir_task *t = s ? s->current : NULL;
    bool overflow = t != NULL && t->stack != NULL && signal != SIGABRT &&
                    weir__stack_guards(t->stack, info->si_addr);
    if (overflow)
        put("weir: stack overflow in task ");
    else if (signal == SIGABRT)
        put("weir: aborted in ");
    else
        put("weir: crashed in ");
    if (t != NULL) {
        put(overflow ? "" : "task ");
        put_task(t);
    } else {
        put(s ? "the loop" : helper_low ? "an offloaded function" : "a thread without a loop");
        if (helper_low != NULL && signal != SIGABRT && near_helper_guard(info->si_addr))
            put(": stack overflow");
    }
    if (overflow) {
        put(": its stack has ");
        put_number((unsigned long)((uint8_t *)t->stack - t->stack->low) / 1024);
        put(" KiB; give it more (stack_size)");
    }
    put("\n");
}

static void handler(int signal, siginfo_t *info, void *context) {
    int i = 0;
    while (i < SIGNALS - 1 && signals[i] != signal)
        i++;
    report(signal, info);
    struct sigaction *old = &kept.previous[i];
    if (old->sa_flags & SA_SIGINFO && old->sa_sigaction != NULL) {
        old->sa_sigaction(signal, info, context);
    } else if (old->sa_handler != SIG_DFL && old->sa_handler != SIG_IGN) {
        old->sa_handler(signal);
    } else {
        sigaction(signal, &(struct sigaction){.sa_handler = SIG_DFL}, NULL);
        raise(signal); /* delivered when this handler returns, if not before */
    }
}

/* Crashes of a fork child are not reported: its loops and tasks belong to the parent. */
static void fork_child(void) {
    for (int i = 0; kept.users > 0 && i < SIGNALS; i++)
        sigaction(signals[i], &kept.previous[i], NULL);
    kept.users = 0;
}

static const struct weir__part part = {
    .name = "crash reports",
    .state = &kept,
    .size = sizeof kept,
    .lock = &kept.lock,
    .fork_child = fork_child,
};

static __attribute__((constructor)) void begin(void) {
    weir__process_add(WEIR__PART_CRASHES, &part);
}

static int handlers_start(void) {
    struct sigaction sa = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    int rc = 0;
    pthread_mutex_lock(&kept.lock);
    if (kept.users++ == 0)
        for (int i = 0; i < SIGNALS; i++)
            rc |= sigaction(signals[i], &sa, &kept.previous[i]);
    pthread_mutex_unlock(&kept.lock);
    return rc < 0 ? -errno : 0;
}

/* Returns 0, also if the thread has a signal stack already; -ENOMEM. */
static int signal_stack_start(void) {
    stack_t now;
    if (alternate != NULL) {
        alternate_users++;
        return 0;
    }
    pthread_mutex_lock(&kept.lock); /* a loop of another thread may begin or end */
    bool wanted = kept.users > 0;
    pthread_mutex_unlock(&kept.lock);
    if (!wanted || sigaltstack(NULL, &now) < 0 || !(now.ss_flags & SS_DISABLE))
        return 0;
    size_t size = getauxval(AT_MINSIGSTKSZ) + STACK_MIN;
    alternate = weir__alloc(size);
    if (alternate == NULL)
        return -ENOMEM;
    alternate_users = 1;
    return sigaltstack(&(stack_t){.ss_sp = alternate, .ss_size = size}, NULL);
}

static void signal_stack_stop(void) {
    if (alternate == NULL || --alternate_users > 0)
        return;
    sigaltstack(&(stack_t){.ss_flags = SS_DISABLE}, NULL);
    weir__free(alternate);
    alternate = NULL;
}

static void helper_begins(void) {
    pthread_attr_t attr;
    void *low;
    size_t size;
    signal_stack_start();
    if (pthread_getattr_np(pthread_self(), &attr) != 0)
        return;
    if (pthread_attr_getstack(&attr, &low, &size) == 0)
        helper_low = low;
    pthread_attr_destroy(&attr);
}

bool weir__crash_reports_welcome(void) {
    struct sigaction now;
    pthread_mutex_lock(&kept.lock);
    bool welcome = kept.users > 0 ||
                   (sigaction(SIGSEGV, NULL, &now) == 0 && !(now.sa_flags & SA_SIGINFO) &&
                    now.sa_handler == SIG_DFL);
    pthread_mutex_unlock(&kept.lock);
    return welcome;
}

int weir__crash_reports_start(struct sched *s) {
    (void)s;
    int rc = handlers_start();
    weir__thread_begins = helper_begins;
    weir__thread_ends = signal_stack_stop;
    return rc < 0 ? rc : signal_stack_start();
}

void weir__crash_reports_stop(struct sched *s) {
    (void)s;
    signal_stack_stop();
    pthread_mutex_lock(&kept.lock);
    if (--kept.users == 0)
        for (int i = 0; i < SIGNALS; i++)
            sigaction(signals[i], &kept.previous[i], NULL);
    pthread_mutex_unlock(&kept.lock);
}
