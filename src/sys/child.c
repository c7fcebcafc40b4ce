/* SPDX-License-Identifier: MIT */
/* child.c - see child.h. The shared memory is one mapping:
 *
 *   | outcome ... | unused | result | guard page |
 *
 * A function that writes behind the result meets the guard page, and is killed by SIGSEGV.
 *
 * pid stays valid from fork until the child is reaped, also when it has ended. So the reaping and
 * each kill are done under the lock. */
#include "sys/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { RETURNED = 0x77656972 }; /* not a value that memory has by chance */

struct outcome {
    _Atomic int state; /* RETURNED once code and result are complete */
    int code;
};

struct shared {
    struct outcome *outcome;
    void *result;
    size_t size; /* of the mapping */
};

void weir__child_init(struct weir__child *c, int (*fn)(const void *args, void *result),
                      const void *args, void *result, size_t result_size) {
    *c = (struct weir__child){.fn = fn, .args = args, .result = result, .result_size = result_size};
    pthread_mutex_init(&c->lock, NULL);
}

void weir__child_fini(struct weir__child *c) {
    pthread_mutex_destroy(&c->lock);
}

static int share(struct shared *s, size_t result_size) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE), align = _Alignof(max_align_t);
    if (result_size > SIZE_MAX / 2)
        return -ENOMEM;
    size_t room = (sizeof *s->outcome + result_size + 2 * align + page - 1) / page * page;
    s->size = room + page;
    char *at = mmap(NULL, s->size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED)
        return -errno;
    if (mprotect(at + room, page, PROT_NONE) != 0) {
        int rc = -errno;
        munmap(at, s->size);
        return rc;
    }
    s->outcome = (struct outcome *)(void *)at;
    s->result = at + (room - result_size) / align * align;
    return 0;
}

/* ---- in the child: only what is safe after a fork of a process with threads ----------------- */

static void restore_signals(void) {
    struct sigaction by_default = {.sa_handler = SIG_DFL};
    sigset_t none;
    for (int n = 1; n <= SIGRTMAX; n++)
        sigaction(n, &by_default, NULL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Standard input is empty; standard output is standard error; nothing else is open. */
static void leave_descriptors(void) {
    int fd = open("/dev/null", O_RDWR); /* in the child any number will do */
    if (fd > 0)
        dup2(fd, STDIN_FILENO);
    if (dup2(STDERR_FILENO, STDOUT_FILENO) < 0 && fd != STDOUT_FILENO)
        dup2(fd, STDOUT_FILENO);
    if (syscall(SYS_close_range, 3, ~0U, 0) == 0)
        return;
    for (long n = sysconf(_SC_OPEN_MAX) - 1; n > STDERR_FILENO; n--) /* before Linux 5.9 */
        close((int)n);
}

static _Noreturn void be_child(const struct weir__child *c, const struct shared *s, pid_t parent) {
    restore_signals();
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* when the thread that waits ends, thus with its process */
    if (getppid() != parent)
        _exit(0);
    setsid(); /* no Ctrl-C from the terminal; and a group, which is killed as one */
    leave_descriptors();
    s->outcome->code = c->fn(c->args, s->result);
    atomic_store(&s->outcome->state, RETURNED);
    _exit(0);
}

/* ---- in the parent -------------------------------------------------------------------------- */

/* With the lock held. The child may not have made its group yet. */
static void kill_all(pid_t pid) {
    kill(pid, SIGKILL);
    kill(-pid, SIGKILL);
}

void weir__child_kill(struct weir__child *c) {
    pthread_mutex_lock(&c->lock);
    c->kill_asked = true;
    if (c->pid > 0)
        kill_all(c->pid);
    pthread_mutex_unlock(&c->lock);
}

static int wait_for(pid_t pid, siginfo_t *ret_info, int flags) {
    int rc;
    do
        rc = waitid(P_PID, (id_t)pid, ret_info, WEXITED | flags);
    while (rc != 0 && errno == EINTR);
    return rc;
}

/* Returns false if the child's status could not be had. Its group, if something of it is left, is
 * killed while the number still belongs to the child. */
static bool reap(struct weir__child *c, pid_t pid, siginfo_t *ret_info) {
    bool known = wait_for(pid, ret_info, WNOWAIT) == 0;
    pthread_mutex_lock(&c->lock);
    if (known) {
        kill(-pid, SIGKILL);
        known = wait_for(pid, ret_info, 0) == 0;
    }
    c->pid = 0;
    pthread_mutex_unlock(&c->lock);
    return known;
}

static void ended(struct weir__child *c, enum weir__child_end end, int detail) {
    c->end = end;
    c->detail = detail;
}

static void take_outcome(struct weir__child *c, const struct shared *s) {
    int code = s->outcome->code;
    if (code >= 0 && c->result_size > 0)
        memcpy(c->result, s->result, c->result_size);
    ended(c, WEIR__CHILD_RESULT, code);
}

/* The new child may have been asked for too late: then it is killed at once. */
static void made(struct weir__child *c, pid_t pid) {
    pthread_mutex_lock(&c->lock);
    c->pid = pid;
    if (c->kill_asked)
        kill_all(pid);
    pthread_mutex_unlock(&c->lock);
}

static void run_shared(struct weir__child *c, const struct shared *s) {
    siginfo_t info = {.si_signo = 0};
    pid_t parent = getpid(), pid = fork();
    if (pid == 0)
        be_child(c, s, parent);
    if (pid < 0) {
        ended(c, WEIR__CHILD_NOT_MADE, -errno);
        return;
    }
    made(c, pid);
    bool known = reap(c, pid, &info);
    if (atomic_load(&s->outcome->state) == RETURNED)
        take_outcome(c, s);
    else if (!known)
        ended(c, WEIR__CHILD_UNKNOWN, 0);
    else if (info.si_code == CLD_EXITED)
        ended(c, WEIR__CHILD_EXITED, info.si_status);
    else
        ended(c, WEIR__CHILD_KILLED, info.si_status);
}

void weir__child_run(struct weir__child *c) {
    struct shared s = {.size = 0};
    int rc = share(&s, c->result_size);
    if (rc < 0) {
        ended(c, WEIR__CHILD_NOT_MADE, rc);
        return;
    }
    run_shared(c, &s);
    munmap(s.outcome, s.size);
}
