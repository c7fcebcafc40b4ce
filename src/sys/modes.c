/* SPDX-License-Identifier: MIT */
/* modes.c - see modes.h. A handler reads the table without a lock: a slot is filled before its
 * `holds` becomes 1, and its descriptor is closed when no handler runs any more. */
#include "sys/modes.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "base/process.h"
#include "sys/fds.h"
#include "sys/foreign.h"

struct slot {
    _Atomic int holds; /* 0: free */
    int fd;            /* a duplicate: the stream may close its own */
    unsigned device;
    struct termios before, raw;
};

struct catch {
    int signal;
    bool crashes; /* an earlier handler is called, else the signal must have had its default */
};

static const struct catch catches[] = {
    {.signal = SIGTERM}, {.signal = SIGINT}, {.signal = SIGHUP}, {.signal = SIGQUIT},
    {.signal = SIGPIPE}, {.signal = SIGALRM}, {.signal = SIGTSTP}, {.signal = SIGCONT},
    {.signal = SIGABRT, .crashes = true}, {.signal = SIGSEGV, .crashes = true},
    {.signal = SIGBUS, .crashes = true}, {.signal = SIGFPE, .crashes = true},
    {.signal = SIGILL, .crashes = true}, {.signal = SIGSYS, .crashes = true},
};
enum { CATCHES = sizeof catches / sizeof catches[0] };

static struct {
    pthread_mutex_t lock;
    struct slot slots[WEIR__TTYS_MAX];
    struct sigaction earlier[CATCHES];
    bool at_exit;        /* the hooks are there */
    _Atomic pid_t owner; /* the process that has set the terminals; a fork child is another */
    _Atomic unsigned handlers_at_work;
    _Atomic int ending; /* the signal whose handler runs; 0: none */
} kept = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void on_end(int signal, siginfo_t *info, void *context);
static void on_stop(int signal, siginfo_t *info, void *context);
static void on_continue(int signal, siginfo_t *info, void *context);

/* ---- modes: async-signal-safe --------------------------------------------------------------- */

/* SIGTTOU is blocked, or a program that was moved to the background just now would be stopped. */
static void set_mode(const struct slot *s, const struct termios *mode) {
    sigset_t stop, old;
    if (weir__foreign_in_background(s->fd))
        return;
    sigemptyset(&stop);
    sigaddset(&stop, SIGTTOU);
    pthread_sigmask(SIG_BLOCK, &stop, &old);
    while (tcsetattr(s->fd, TCSANOW, mode) < 0 && errno == EINTR)
        continue;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
}

static void all_modes(bool raw) {
    int saved = errno;
    for (int i = 0; i < WEIR__TTYS_MAX && getpid() == atomic_load(&kept.owner); i++)
        if (atomic_load(&kept.slots[i].holds) > 0)
            set_mode(&kept.slots[i], raw ? &kept.slots[i].raw : &kept.slots[i].before);
    errno = saved;
}

static void restore_all(void) { /* at exit */
    all_modes(false);
}

/* ---- signals -------------------------------------------------------------------------------- */

static int place_of(int signal) {
    int i = 0;
    while (i < CATCHES - 1 && catches[i].signal != signal)
        i++;
    return i;
}

static bool has_default(const struct sigaction *a) {
    return (a->sa_flags & SA_SIGINFO) == 0 && a->sa_handler == SIG_DFL;
}

/* Let the signal have its default effect when this handler returns. */
static void by_default(int signal) {
    sigaction(signal, &(struct sigaction){.sa_handler = SIG_DFL}, NULL);
    raise(signal);
}

/* A crash in an earlier handler, or one that handlers hand to each other, ends it. */
static void on_end(int signal, siginfo_t *info, void *context) {
    struct sigaction *a = &kept.earlier[place_of(signal)];
    atomic_fetch_add(&kept.handlers_at_work, 1);
    all_modes(false);
    atomic_fetch_sub(&kept.handlers_at_work, 1);
    if (atomic_exchange(&kept.ending, signal) == signal || has_default(a))
        by_default(signal);
    else if ((a->sa_flags & SA_SIGINFO) != 0)
        a->sa_sigaction(signal, info, context);
    else if (a->sa_handler != SIG_IGN)
        a->sa_handler(signal);
    atomic_store(&kept.ending, 0);
}

/* Stop here, inside the handler, and go on from here: so the terminal has its old mode for all the
 * time that others use it. */
static void on_stop(int signal, siginfo_t *info, void *context) {
    struct sigaction ours;
    sigset_t stop, old;
    atomic_fetch_add(&kept.handlers_at_work, 1);
    all_modes(false);
    sigaction(signal, &(struct sigaction){.sa_handler = SIG_DFL}, &ours);
    sigemptyset(&stop);
    sigaddset(&stop, signal);
    raise(signal);
    pthread_sigmask(SIG_UNBLOCK, &stop, &old); /* the process stops here */
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    sigaction(signal, &ours, NULL);
    all_modes(true);
    atomic_fetch_sub(&kept.handlers_at_work, 1);
}

/* After SIGSTOP nothing was restored, but a shell has set its own mode meanwhile. */
static void on_continue(int signal, siginfo_t *info, void *context) {
    atomic_fetch_add(&kept.handlers_at_work, 1);
    all_modes(true);
    atomic_fetch_sub(&kept.handlers_at_work, 1);
}

static bool is_ours(const struct sigaction *a) {
    return (a->sa_flags & SA_SIGINFO) != 0
           && (a->sa_sigaction == on_end || a->sa_sigaction == on_stop
               || a->sa_sigaction == on_continue);
}

static void catch_signal(const struct catch *c) {
    struct sigaction now, ours = {.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK};
    ours.sa_sigaction = c->signal == SIGTSTP   ? on_stop
                        : c->signal == SIGCONT ? on_continue
                                               : on_end;
    if (sigaction(c->signal, NULL, &now) < 0 || is_ours(&now))
        return;
    if (!c->crashes && !has_default(&now))
        return;
    kept.earlier[c - catches] = now;
    sigaction(c->signal, &ours, NULL);
}

/* ---- slots ---------------------------------------------------------------------------------- */

static void empty(struct slot *s) {
    (void)atomic_exchange(&s->holds, 0); /* as in weir__latch_sleep */
    while (atomic_load(&kept.handlers_at_work) != 0)
        sched_yield();
    close(s->fd);
}

/* The duplicates are closed with the child's first terminal, if it ever sets one raw. */
static void fork_child(void) {
    atomic_store(&kept.handlers_at_work, 0); /* it counts threads that the child does not have */
}

static const struct weir__part part = {
    .name = "raw terminals",
    .state = &kept,
    .size = sizeof kept,
    .lock = &kept.lock,
    .fork_child = fork_child,
};

static __attribute__((constructor)) void begin(void) {
    weir__process_add(WEIR__PART_MODES, &part);
}

/* What a fork child has inherited is its parent's. With the lock held. */
static void own(void) {
    if (!kept.at_exit) {
        atexit(restore_all);
        at_quick_exit(restore_all);
    }
    kept.at_exit = true;
    if (atomic_load(&kept.owner) != 0 && atomic_load(&kept.owner) != getpid())
        for (int i = 0; i < WEIR__TTYS_MAX; i++)
            if (atomic_load(&kept.slots[i].holds) > 0)
                empty(&kept.slots[i]);
    atomic_store(&kept.owner, getpid());
}

/* The slot of the terminal, or a free one; NULL: none is free. */
static struct slot *slot_for(unsigned device) {
    struct slot *unused = NULL;
    for (int i = WEIR__TTYS_MAX - 1; i >= 0; i--) {
        if (atomic_load(&kept.slots[i].holds) == 0)
            unused = &kept.slots[i];
        else if (kept.slots[i].device == device)
            return &kept.slots[i];
    }
    return unused;
}

static int fill(struct slot *s, int fd, unsigned device, const struct termios *now) {
    s->fd = weir__fd_lift(fcntl(fd, F_DUPFD_CLOEXEC, 0));
    if (s->fd < 0)
        return s->fd;
    s->device = device;
    s->before = s->raw = *now;
    cfmakeraw(&s->raw);
    if (tcsetattr(s->fd, TCSANOW, &s->raw) < 0) {
        int rc = -errno;
        close(s->fd);
        return rc;
    }
    return 0;
}

static int take(int fd, unsigned device, const struct termios *now) {
    own();
    struct slot *s = slot_for(device);
    if (s == NULL)
        return -ENOSPC;
    for (int i = 0; i < CATCHES; i++)
        catch_signal(&catches[i]);
    int rc = atomic_load(&s->holds) > 0 ? 0 : fill(s, fd, device, now);
    if (rc == 0)
        atomic_fetch_add(&s->holds, 1);
    return rc == 0 ? (int)(s - kept.slots) + 1 : rc;
}

int weir__tty_raw(int fd) {
    struct termios now;
    unsigned device; /* also of /dev/tty */
    if (tcgetattr(fd, &now) < 0 || ioctl(fd, TIOCGDEV, &device) < 0)
        return -errno;
    if (weir__foreign_in_background(fd))
        return -EAGAIN;
    pthread_mutex_lock(&kept.lock);
    int slot = take(fd, device, &now);
    pthread_mutex_unlock(&kept.lock);
    return slot;
}

void weir__tty_restore(int slot) {
    struct slot *s = &kept.slots[slot - 1];
    pthread_mutex_lock(&kept.lock);
    if (getpid() == atomic_load(&kept.owner) && atomic_load(&s->holds) > 0) {
        if (atomic_load(&s->holds) == 1)
            set_mode(s, &s->before);
        if (atomic_load(&s->holds) > 1)
            atomic_fetch_sub(&s->holds, 1);
        else
            empty(s);
    }
    pthread_mutex_unlock(&kept.lock);
}
