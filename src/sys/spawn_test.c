/* SPDX-License-Identifier: MIT */
/* The system calls of a start, without a loop: closing without close_range, signals by number. */
#include "sys/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "test/runner.h"

/* Run a script with its output in a pipe; fills said, and returns how it ended. */
static struct weir__spawn_end spawn(const char *script, bool no_close_range, char *said,
                                    size_t size) {
    char *const argv[] = {"/bin/sh", "-c", (char *)(uintptr_t)script, NULL};
    const char *const paths[] = {"/bin/sh", NULL};
    struct weir__spawn_map maps[] = {{.source = WEIR__SPAWN_NULL, .target = 0},
                                     {.source = WEIR__SPAWN_PIPE, .target = 1},
                                     {.source = WEIR__SPAWN_OUT, .target = 2},
                                     {.source = 1, .target = 9}};
    struct weir__spawn s = {.argv = argv, .envp = environ, .paths = paths, .maps = maps,
                            .map_count = 4, .own_group = true, .terminal = -1,
                            .no_close_range = no_close_range};
    struct weir__spawn_end end = {.code = -2};
    size_t len = 0;
    ssize_t n;
    assert_int_equal(weir__spawn_run(&s), 0);
    fcntl(maps[1].pipe_end, F_SETFL, 0);
    while ((n = read(maps[1].pipe_end, said + len, size - 1 - len)) > 0)
        len += (size_t)n;
    said[len] = '\0';
    close(maps[1].pipe_end);
    while (weir__spawn_ended(s.pidfd, false, &end) == -EAGAIN)
        usleep(100);
    assert_int_equal(weir__spawn_signal(s.pidfd, s.pid, 0, true), 0); /* a zombie keeps it */
    assert_int_equal(weir__spawn_signal_number(s.pidfd, s.pid, 0), 0);
    assert_int_equal(weir__spawn_ended(s.pidfd, true, &end), 0);
    assert_int_equal(weir__spawn_signal_number(s.pidfd, s.pid, SIGKILL), -ESRCH);
    assert_int_equal(weir__spawn_signal(s.pidfd, s.pid, SIGKILL, true), -ESRCH);
    close(s.pidfd);
    return end;
}

static const char lists[] = "i=0; while [ $i -lt 70 ]; do [ -e /proc/self/fd/$i ] && "
                            "printf '%d ' $i; i=$((i+1)); done; exit 3";

WEIR_TEST(what_is_not_passed_is_closed_with_and_without_close_range) {
    char said[200];
    int fds[30];
    for (int i = 0; i < 30; i++)
        fds[i] = open("/dev/zero", O_RDONLY);
    for (int no = 0; no < 2; no++) {
        struct weir__spawn_end end = spawn(lists, no == 1, said, sizeof said);
        assert_string_equal(said, "0 1 2 9 ");
        assert_int_equal(end.code, 3);
        assert_int_equal(end.signal, 0);
        assert_true(end.user_ns >= 0 && end.memory_peak > 0);
    }
    for (int i = 0; i < 30; i++)
        close(fds[i]);
}

WEIR_TEST(the_signal_that_ended_a_child_is_reported) {
    char said[8];
    struct weir__spawn_end end = spawn("kill -USR1 $$", false, said, sizeof said);
    assert_int_equal(end.signal, SIGUSR1);
    assert_int_equal(end.code, -1);
    assert_false(end.core);
}

/* The kernel reaps them itself. It tells of the end a moment before it tells how: one in a thousand
 * of these looks falls in between. */
WEIR_TEST(an_end_of_which_nobody_takes_the_status_is_told_at_each_moment) {
    struct sigaction ignored = {.sa_handler = SIG_IGN}, before;
    time_t begin = time(NULL);
    sigaction(SIGCHLD, &ignored, &before);
    for (int i = 0, told = 0; i < 3000 && time(NULL) - begin < 2; i++) {
        struct weir__spawn_end end;
        int rc = -EAGAIN;
        pid_t pid = fork();
        if (pid == 0)
            _exit(7);
        int fd = weir__spawn_adopt(pid);
        if (fd < 0) /* it was reaped before we had its pidfd */
            continue;
        while (rc == -EAGAIN)
            rc = weir__spawn_ended(fd, false, &end);
        close(fd);
        if (rc == -ECHILD && told == 0) /* before Linux 6.15 */
            break;
        assert_int_equal(rc, 0);
        assert_int_equal(end.code, 7);
        told++;
    }
    sigaction(SIGCHLD, &before, NULL);
}

WEIR_TEST(a_start_that_fails_leaves_no_descriptor_and_no_child) {
    char *const argv[] = {"/no/such", NULL};
    const char *const paths[] = {"/no/such", NULL};
    for (int user = 0; user < (getuid() == 0 ? 2 : 1); user++) {
        struct weir__spawn_map maps[] = {{.source = WEIR__SPAWN_PIPE, .target = 0},
                                         {.source = WEIR__SPAWN_PIPE, .target = 1},
                                         {.source = WEIR__SPAWN_OUT, .target = 2}};
        struct weir__spawn s = {.argv = argv, .envp = environ, .paths = paths, .maps = maps,
                                .map_count = 3, .terminal = -1, .has_user = user == 1};
        assert_int_equal(weir__spawn_run(&s), -ENOENT);
        assert_int_equal(s.failed, WEIR__SPAWN_EXEC);
        s.cwd = "/dev/null";
        maps[0].source = maps[1].source = WEIR__SPAWN_PIPE;
        maps[2].source = WEIR__SPAWN_OUT;
        assert_int_equal(weir__spawn_run(&s), -ENOTDIR);
        assert_int_equal(s.failed, WEIR__SPAWN_CWD);
        assert_true(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD);
    }
}
