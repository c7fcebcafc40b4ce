/* SPDX-License-Identifier: MIT */
/* guard_test.c - real processes under guard and keepers: reported exits, the grace, and no process
 * left, whichever of them is killed. Every process of a node holds the node's stdout open, so the
 * end of that pipe proves that all are dead, and no test has to wait for a time. */
#include "cli/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test/runner.h"

enum { NODES_MAX = 2 };

/* Shell without traps: after PREPARE, BLOCK waits without a child for ever. (A child between its
 * fork and its exec would swallow a TERM in the shell's handler, and then sit out the grace.) */
#define PREPARE "f=$(mktemp -u); mkfifo $f; exec 8<>$f; rm $f; "
#define BLOCK "read x <&8"

/* Shell, behind its traps: say it, then wait for a signal. Not by BLOCK: a signal between the last
 * look at traps and the read would be looked at after the read, never. `wait` looks with signals
 * blocked; and the child that it waits for speaks only when the signal can end it. */
#define SAY_AND_WAIT(SAY, QUOTE)                                                                   \
    "sh -c " QUOTE SAY "; exec sleep 1000" QUOTE " & while :; do wait; done"

struct node {
    int channel, control, out; /* our ends */
};

static char *no_environment[] = {NULL};

static struct launch shell(const char *script, char **argv) {
    argv[0] = (char *)(intptr_t)"sh";
    argv[1] = (char *)(intptr_t)"-c";
    argv[2] = (char *)(intptr_t)script;
    argv[3] = NULL;
    return (struct launch){.name = "test",
                           .program = "sh",
                           .argv = argv,
                           .environment = no_environment,
                           .grace_ns = WEIR_SECONDS(15)};
}

/* Start launch index; out and err of the node are one pipe. */
static struct node start(struct guard *g, size_t index) {
    int channel[2], control[2], out[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control), 0);
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    struct guard_fds fds = {channel[1], out[1], out[1], control[1]};
    assert_int_equal(guard_start(g, index, &fds), 0);
    close(channel[1]);
    close(control[1]);
    close(out[1]);
    return (struct node){channel[0], control[0], out[0]};
}

/* All bytes up to the end, or up to and with a line's end. */
static const char *hear(int fd, bool line) {
    static char text[4096];
    size_t len = 0;
    for (ssize_t n = 1; n > 0 && len < sizeof text - 1; len += n > 0 ? (size_t)n : 0) {
        if (line && len > 0 && text[len - 1] == '\n')
            break;
        n = read(fd, text + len, line ? 1 : sizeof text - 1 - len);
    }
    text[len] = '\0';
    return text;
}

/* Check the lines of the channel, up to end of stream. Left out are `started`, whose number no
 * test can know, and `done`, which comes last. */
static void hears(const struct node *n, const char *told) {
    char text[1024] = "", line[256], wanted[1024];
    ssize_t len;
    while ((len = recv(n->channel, line, sizeof line - 1, 0)) > 0) {
        line[len] = '\0';
        if (strncmp(line, "started pid=", 12) != 0)
            strcat(text, line);
    }
    snprintf(wanted, sizeof wanted, "%sdone\n", told);
    assert_string_equal(text, wanted);
}

static void tell(const struct node *n, const char *word) {
    assert_int_equal(send(n->channel, word, strlen(word), MSG_NOSIGNAL), (ssize_t)strlen(word));
}

static void close_node(struct node *n) {
    close(n->channel);
    close(n->control);
    close(n->out);
}

static void close_guard(struct guard *g) {
    int status = -1;
    close(g->fd);
    assert_int_equal(waitpid(g->pid, &status, 0), g->pid);
    assert_int_equal(status, 0);
}

/* One node, run to its end: what it wrote and what the keeper told. */
static void runs(const struct launch *l, const char *wrote, const char *told) {
    struct guard g;
    assert_int_equal(guard_open(l, 1, &g), 0);
    struct node n = start(&g, 0);
    assert_string_equal(hear(n.out, false), wrote);
    hears(&n, told);
    close_node(&n);
    close_guard(&g);
}

static void script_runs(const char *script, const char *wrote, const char *told) {
    char *argv[4];
    struct launch l = shell(script, argv);
    runs(&l, wrote, told);
}

WEIR_TEST(exit_codes_and_signals_are_reported) {
    script_runs("echo hi", "hi\n", "exited code=0\n");
    script_runs("echo hi >&2; exit 3", "hi\n", "exited code=3\n");
    script_runs("kill -USR1 $$", "", "exited signal=10\n");
}

WEIR_TEST(what_cannot_run_says_why) {
    char *argv[4];
    struct launch l = shell("", argv);
    l.program = "/nonexistent/x";
    runs(&l, "weir: cannot run '/nonexistent/x': No such file or directory\n",
         "exited code=127\n");
    l.program = "/";
    runs(&l, "weir: cannot run '/': Permission denied\n", "exited code=126\n");
    l.directory = "/nonexistent";
    runs(&l, "weir: cannot enter '/nonexistent': No such file or directory\n",
         "exited code=127\n");
}

WEIR_TEST(a_node_gets_a_clean_start) {
    script_runs("ls /proc/self/fd | tr '\\n' ' '", "0 1 2 3 4 ", /* ls itself opens one more */
                "exited code=0\n");
    /* 5: the group, its own; 6: the session, the guard's; and stdin is empty */
    script_runs("cat; set -- $(cat /proc/$$/stat); test $5 = $$ && test $6 != $$", "",
                "exited code=0\n");
}

/* As under a shell; but TERM is the keeper's word to end. */
WEIR_TEST(a_node_inherits_ignored_signals_but_no_blocked_ones) {
    char line[128], wanted[64] = "";
    sigset_t usr1, before;
    signal(SIGHUP, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    sigemptyset(&usr1);
    sigaddset(&usr1, SIGUSR1);
    sigprocmask(SIG_BLOCK, &usr1, &before);
    FILE *status = fopen("/proc/self/status", "r");
    assert_non_null(status);
    while (fgets(line, sizeof line, status) != NULL) {
        unsigned long long ignored;
        unsigned long long not_inherited = 1ull << (SIGTERM - 1) | 3ull << 31; /* and 32, 33 */
        if (sscanf(line, "SigIgn: %llx", &ignored) == 1)
            snprintf(wanted, sizeof wanted, "SigBlk:%016xSigIgn:%016llx", 0,
                     ignored & ~not_inherited);
    }
    fclose(status);
    script_runs("grep -E 'Sig(Blk|Ign)' /proc/self/status | tr -d '\\n\\t'", wanted,
                "exited code=0\n");
    sigprocmask(SIG_SETMASK, &before, NULL);
    signal(SIGHUP, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
}

WEIR_TEST(the_last_of_equal_names_is_the_one_in_the_environment) {
    char *argv[4], first[] = "WEIR_TEST_A=1", last[] = "WEIR_TEST_A=2", other[] = "HOME=/x";
    char *environment[] = {first, other, last, NULL};
    struct launch l = shell("env | grep -E '^(WEIR_TEST_A|HOME|WEIR_CONTROL_FD)=' | sort", argv);
    l.environment = environment;
    runs(&l, "HOME=/x\nWEIR_CONTROL_FD=3\nWEIR_TEST_A=2\n", "exited code=0\n");
}

WEIR_TEST(environment_and_directory_are_set) {
    char *argv[4], variables[] = "A=b c";
    char *environment[] = {variables, NULL};
    struct launch l = shell("echo \"$A\"; pwd", argv);
    l.environment = environment;
    l.directory = "/usr";
    runs(&l, "b c\n/usr\n", "exited code=0\n");
}

WEIR_TEST(a_node_speaks_on_the_control_socket) {
    char *argv[4];
    struct launch l = shell("echo ready port=7 >&$WEIR_CONTROL_FD", argv);
    struct guard g;
    assert_int_equal(guard_open(&l, 1, &g), 0);
    struct node n = start(&g, 0);
    assert_string_equal(hear(n.out, false), "");
    char line[64] = "";
    assert_int_equal(recv(n.control, line, sizeof line, 0), 13);
    assert_string_equal(line, "ready port=7\n");
    assert_int_equal(recv(n.control, line, sizeof line, 0), 0);
    hears(&n, "exited code=0\n");
    close_node(&n);
    close_guard(&g);
}

/* Start a script, wait for its first line, tell the keeper a word, see what comes of it. */
static void word_ends(const char *script, weir_ns grace_ns, const char *word, const char *wrote,
                      const char *told) {
    char *argv[4];
    struct launch l = shell(script, argv);
    struct guard g;
    l.grace_ns = grace_ns;
    assert_int_equal(guard_open(&l, 1, &g), 0);
    struct node n = start(&g, 0);
    assert_string_equal(hear(n.out, true), "up\n");
    tell(&n, word);
    assert_string_equal(hear(n.out, false), wrote);
    hears(&n, told);
    close_node(&n);
    close_guard(&g);
}

WEIR_TEST(stop_is_a_term_to_the_group) {
    word_ends("trap 'echo bye; exit 4' TERM; " SAY_AND_WAIT("echo up", "'"),
              WEIR_SECONDS(15), "stop\n", "bye\n", "exited code=4\n");
    word_ends("echo up; sleep 100; exit 5", WEIR_SECONDS(15), "stop\n", "",
              "exited signal=15\n");
    /* Between the keeper's CONT and its TERM it runs: it must neither stop then nor end. */
    word_ends("(until grep -q ^State:.T /proc/$$/status; do :; done; echo up) & kill -STOP $$; "
              "sleep 100",
              WEIR_SECONDS(15), "stop\n", "", "exited signal=15\n");
}

WEIR_TEST(a_node_that_ignores_term_is_killed_after_the_grace) {
    word_ends("trap '' TERM; echo up; sleep 100", WEIR_MILLISECONDS(30), "stop\n", "",
              "killed\nexited signal=9\n");
    word_ends("trap '' TERM; (setsid sleep 100 &) & echo up; sleep 100", WEIR_MILLISECONDS(30),
              "stop\n", "", "killed\nexited signal=9\n");
    word_ends("trap '' TERM; echo up; sleep 100", 0, "stop\n", "",
              "killed\nexited signal=9\n");
}

WEIR_TEST(kill_does_not_wait_for_the_grace) {
    word_ends("trap '' TERM; (setsid sleep 100 &) & echo up; sleep 100", WEIR_SECONDS(3600),
              "kill\n", "", "killed\nexited signal=9\n");
}

WEIR_TEST(descendants_end_with_their_node) {
    script_runs("(setsid sh -c '(sleep 100 & exec sleep 101) &' &) & echo done", "done\n",
                "exited code=0\n");
    /* Who left the group gets its TERM too, so that it can end well. */
    script_runs(PREPARE "(setsid sh -c \"trap 'echo bye; exit' TERM; "
                        SAY_AND_WAIT("echo >&8", "'") "\" &) & read x <&8; echo done",
                "done\nbye\n", "exited code=0\n");
}

/* ---- a fleet whose members are killed ------------------------------------------------------- */

/* A node that double-forks a process into a session of its own which ignores TERM. It tells its
 * own number and its keeper's once all stand. */
static const char stubborn[] =
    "trap '' TERM; fifo=$(mktemp -u); mkfifo $fifo; "
    "(setsid sh -c \"(echo > $fifo; exec sleep 1000) & exec sleep 1001\" &) & "
    "cat $fifo > /dev/null; rm $fifo; echo $$ $PPID; sleep 1002; sleep 1003";

struct victims {
    pid_t up, guard, node[NODES_MAX], keeper[NODES_MAX];
    int out[NODES_MAX]; /* the nodes' stdout */
};

static _Noreturn void pretend_to_be_up(const struct launch *launches, int count, int out[][2],
                                       int report) {
    struct guard g;
    if (guard_open(launches, (size_t)count, &g) < 0)
        _exit(1);
    for (int i = 0; i < count; i++) {
        int channel[2], control[2];
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel) < 0 ||
            socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control) < 0)
            _exit(1);
        struct guard_fds fds = {channel[1], out[i][1], out[i][1], control[1]};
        guard_start(&g, (size_t)i, &fds);
        close(channel[1]);
        close(out[i][1]);
    }
    if (write(report, &g.pid, sizeof g.pid) != sizeof g.pid)
        _exit(1);
    for (;;)
        pause();
}

static struct victims raise_fleet(const char *script, weir_ns grace_ns, int count) {
    char *argv[4];
    struct launch launches[NODES_MAX];
    struct victims v = {.up = 0};
    int out[NODES_MAX][2], report[2];
    prctl(PR_SET_CHILD_SUBREAPER, 1); /* so that even what init would get can be counted here */
    assert_int_equal(pipe2(report, O_CLOEXEC), 0);
    for (int i = 0; i < count; i++) {
        launches[i] = shell(script, argv);
        launches[i].grace_ns = grace_ns;
        assert_int_equal(pipe2(out[i], O_CLOEXEC), 0);
    }
    v.up = fork();
    if (v.up == 0)
        pretend_to_be_up(launches, count, out, report[1]);
    assert_int_equal(read(report[0], &v.guard, sizeof v.guard), sizeof v.guard);
    close(report[0]);
    close(report[1]);
    for (int i = 0; i < count; i++) {
        close(out[i][1]);
        v.out[i] = out[i][0];
        assert_int_equal(sscanf(hear(v.out[i], true), "%d %d", &v.node[i], &v.keeper[i]), 2);
    }
    return v;
}

/* The processes of the fleet that are left exit by themselves, and all are reaped. */
static void all_are_gone(struct victims *v, int count) {
    for (int i = 0; i < count; i++) {
        assert_string_equal(hear(v->out[i], false), "");
        close(v->out[i]);
    }
    while (waitpid(-1, NULL, 0) > 0)
        continue;
    assert_int_equal(kill(v->up, 0), -1);
    assert_int_equal(kill(v->guard, 0), -1);
    for (int i = 0; i < count; i++) {
        assert_int_equal(kill(v->keeper[i], 0), -1);
        assert_int_equal(kill(v->node[i], 0), -1);
    }
}

WEIR_TEST(no_orphan_survives_a_kill_of_up) {
    struct victims v = raise_fleet(stubborn, WEIR_MILLISECONDS(50), 2);
    kill(v.up, SIGKILL);
    all_are_gone(&v, 2);
}

WEIR_TEST(no_orphan_survives_a_kill_of_the_guard) {
    struct victims v = raise_fleet(stubborn, WEIR_MILLISECONDS(50), 2);
    kill(v.guard, SIGKILL);
    assert_string_equal(hear(v.out[0], false), "");
    assert_string_equal(hear(v.out[1], false), "");
    kill(v.up, SIGKILL);
    all_are_gone(&v, 2);
}

WEIR_TEST(no_orphan_survives_a_kill_of_a_keeper_and_the_others_stay) {
    struct victims v = raise_fleet(stubborn, WEIR_MILLISECONDS(50), 2);
    kill(v.keeper[0], SIGKILL);
    assert_string_equal(hear(v.out[0], false), "");
    assert_int_equal(kill(v.node[1], 0), 0);
    kill(v.up, SIGKILL);
    all_are_gone(&v, 2);
}

WEIR_TEST(no_orphan_survives_a_kill_of_up_and_a_keeper) {
    struct victims v = raise_fleet(stubborn, WEIR_MILLISECONDS(50), 2);
    kill(v.up, SIGKILL);
    kill(v.keeper[0], SIGKILL);
    all_are_gone(&v, 2);
}

WEIR_TEST(no_orphan_survives_a_kill_of_a_keeper_and_up) {
    struct victims v = raise_fleet(stubborn, WEIR_MILLISECONDS(50), 2);
    kill(v.keeper[1], SIGKILL);
    kill(v.up, SIGKILL);
    all_are_gone(&v, 2);
}

WEIR_TEST(no_orphan_survives_a_kill_of_up_and_the_guard) {
    struct victims v = raise_fleet(stubborn, WEIR_MILLISECONDS(50), 2);
    kill(v.up, SIGKILL);
    kill(v.guard, SIGKILL);
    all_are_gone(&v, 2);
}

WEIR_TEST(a_long_grace_is_kept_when_up_is_killed) {
    struct victims v = raise_fleet("trap 'exit 0' TERM; "
                                   SAY_AND_WAIT("echo $$ $PPID", "\""),
                                   WEIR_SECONDS(3600), 2);
    kill(v.up, SIGKILL);
    all_are_gone(&v, 2);
}

WEIR_TEST(nodes_die_even_when_all_three_above_are_killed_at_once) {
    struct victims v = raise_fleet("trap '' TERM; echo $$ $PPID; exec sleep 1000",
                                   WEIR_SECONDS(3600), 2);
    kill(v.guard, SIGSTOP); /* so that it cannot act between the blows */
    kill(v.keeper[0], SIGKILL);
    kill(v.keeper[1], SIGKILL);
    kill(v.up, SIGKILL);
    kill(v.guard, SIGKILL);
    all_are_gone(&v, 2);
}

WEIR_TEST(a_stopped_keeper_is_continued) {
    struct victims v = raise_fleet(stubborn, 0, 1);
    kill(v.keeper[0], SIGSTOP);
    kill(v.up, SIGKILL);
    all_are_gone(&v, 1);
}

/* The kernel continues the guard when `up` dies, and the guard its keepers. */
WEIR_TEST(no_orphan_is_left_if_all_are_stopped_when_up_dies) {
    struct victims v = raise_fleet(stubborn, WEIR_MILLISECONDS(50), 2);
    kill(v.guard, SIGSTOP);
    for (int i = 0; i < 2; i++) {
        kill(v.keeper[i], SIGSTOP);
        kill(v.node[i], SIGSTOP);
    }
    kill(v.up, SIGKILL);
    all_are_gone(&v, 2);
}

WEIR_TEST(no_orphan_is_left_if_keepers_are_stopped_when_the_guard_dies) {
    struct victims v = raise_fleet(stubborn, WEIR_MILLISECONDS(50), 2);
    kill(v.guard, SIGSTOP); /* so that it cannot continue them */
    kill(v.keeper[0], SIGSTOP);
    kill(v.keeper[1], SIGSTOP);
    kill(v.guard, SIGKILL);
    assert_string_equal(hear(v.out[0], false), "");
    assert_string_equal(hear(v.out[1], false), "");
    kill(v.up, SIGKILL);
    all_are_gone(&v, 2);
}

WEIR_TEST(the_guard_ends_if_it_is_stopped_after_up_has_died) {
    struct victims v = raise_fleet("trap 'sleep 0.2; exit' TERM; "
                                   SAY_AND_WAIT("echo $$ $PPID", "\""),
                                   WEIR_SECONDS(15), 1);
    kill(v.up, SIGKILL);
    for (int i = 0; i < 5; i++)
        kill(v.guard, SIGSTOP);
    all_are_gone(&v, 1);
}

WEIR_TEST(a_keeper_that_does_not_answer_is_killed_with_all_that_it_keeps) {
    char *argv[4];
    struct launch l = shell(stubborn, argv);
    struct guard g;
    pid_t node, keeper;
    char line[64] = "";
    l.grace_ns = WEIR_SECONDS(3600);
    assert_int_equal(guard_open(&l, 1, &g), 0);
    struct node n = start(&g, 0);
    assert_int_equal(sscanf(hear(n.out, true), "%d %d", &node, &keeper), 2);
    assert_int_equal(guard_overrule(&g, 0), 0);
    assert_string_equal(hear(n.out, false), "");
    assert_true(recv(n.channel, line, sizeof line, 0) > 0);
    assert_memory_equal(line, "started", 7);
    memset(line, 0, sizeof line);
    assert_true(recv(n.channel, line, sizeof line, 0) > 0);
    assert_string_equal(line, "lost signal=9\n");
    assert_int_equal(recv(n.channel, line, sizeof line, 0), 0);
    assert_int_equal(kill(keeper, 0), -1);
    close_node(&n);
    close_guard(&g);
}

/* A copy of the keeper's end keeps the channel open, as a guard does that has not looked yet. */
WEIR_TEST(nothing_is_sent_to_a_keeper_that_is_done) {
    char *argv[4], line[64] = "";
    struct launch l = shell("exit 3", argv);
    struct guard g;
    int channel[2], out[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel), 0);
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    assert_int_equal(guard_open(&l, 1, &g), 0);
    struct guard_fds fds = {channel[1], out[1], out[1], out[1]};
    assert_int_equal(guard_start(&g, 0, &fds), 0);
    while (strcmp(line, "done\n") != 0) {
        memset(line, 0, sizeof line);
        assert_true(recv(channel[0], line, sizeof line - 1, 0) > 0);
    }
    assert_int_equal(send(channel[0], "stop\n", 5, MSG_NOSIGNAL), -1);
    assert_int_equal(errno, EPIPE);
    for (int i = 0; i < 2; i++)
        close(channel[i]), close(out[i]);
    close_guard(&g);
}

WEIR_TEST(what_a_killed_keeper_has_not_read_hides_nothing_that_was_told) {
    char *argv[4], told[256] = "", line[64];
    struct launch l = shell("echo $$ $PPID; exec sleep 1000", argv);
    struct guard g;
    pid_t node, keeper;
    assert_int_equal(guard_open(&l, 1, &g), 0);
    struct node n = start(&g, 0);
    assert_int_equal(sscanf(hear(n.out, true), "%d %d", &node, &keeper), 2);
    kill(g.pid, SIGSTOP); /* so that it does not continue the keeper */
    kill(keeper, SIGSTOP);
    tell(&n, "stop\n");
    kill(keeper, SIGKILL);
    kill(g.pid, SIGCONT);
    assert_string_equal(hear(n.out, false), "");
    ssize_t len;
    while ((len = recv(n.channel, line, sizeof line, 0)) > 0)
        strncat(told, line, (size_t)len);
    assert_int_equal(len, 0);
    assert_non_null(strstr(told, "lost signal=9\n"));
    close_node(&n);
    close_guard(&g);
}

WEIR_TEST(supervisors_ignore_what_ends_programs) {
    struct victims v = raise_fleet("echo $$ $PPID; read x; exec sleep 1000", WEIR_SECONDS(15), 1);
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT};
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        kill(v.guard, signals[i]);
        kill(v.keeper[0], signals[i]);
    }
    assert_int_equal(kill(v.node[0], 0), 0);
    kill(v.up, SIGKILL);
    all_are_gone(&v, 1);
}
