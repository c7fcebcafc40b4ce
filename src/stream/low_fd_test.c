/* SPDX-License-Identifier: MIT */
/* low_fd_test.c - a program that was started with descriptors 0, 1 and 2 closed: the kernel gives
 * these numbers to the files that are opened first. The library must not keep them. Each test
 * executes this program again, so that they are closed from the first instruction on, and looks at
 * its exit status. */
#include "stream/stream_test_util.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "base/log.h"

static const char *const mark = "WEIR_TEST_LOW_FDS";

enum { EXIT_NO_EXEC = 126 };

/* By its own name: in an emulator /proc/self/exe may be that. */
static void exec_closed(const char *name) {
    char self[4096] = "";
    setenv(mark, "1", 1);
    assert_true(readlink("/proc/self/exe", self, sizeof self - 1) > 0);
    for (int fd = 0; fd <= STDERR_FILENO; fd++)
        close(fd);
    execl(self, "low_fd_test", "--no-fork", name, (char *)NULL);
    _exit(errno == ENOEXEC ? EXIT_NO_EXEC : 1);
}

static bool runs_closed(const char *sentence) {
    char name[128];
    int status = -1;
    if (getenv(mark) != NULL)
        return true;
    if (strcmp(test_backend, "sim") == 0)
        runner_skip("a simulation has no descriptors");
    snprintf(name, sizeof name, "%s [%s]", sentence, test_backend);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        exec_closed(name);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_NO_EXEC)
        runner_skip("the emulator cannot start this program");
    assert_int_equal(status, 0);
    return false;
}

#define CLOSED_STORY(sentence)                                                                     \
    static int sentence##_run(void *arg);                                                          \
    WEIR_TEST_BACKENDS(sentence) {                                                                 \
        struct weir_run_options o = {.size = sizeof o, .backend = test_backend};                   \
        if (runs_closed(#sentence))                                                                \
            assert_int_equal(weir_run(sentence##_run, NULL, &o), 0);                               \
    }                                                                                              \
    static int sentence##_run(void *arg __attribute__((unused)))

static void none_is_low(void) {
    for (int fd = 0; fd <= STDERR_FILENO; fd++)
        assert_int_equal(fcntl(fd, F_GETFD), -1);
}

static atomic_bool over;

static void *keep_logging(void *arg) {
    while (!atomic_load(&over))
        weir__log(WEIR_LOG_ERROR, "a line for stderr");
    return arg;
}

struct dialing_args {
    const char *url;
};

static int dialing(void *args) {
    struct weir_stream *s = NULL;
    int rc = weir_dial(((struct dialing_args *)args)->url, NULL, &s);
    none_is_low();
    if (rc == 0)
        rc = weir_write(s, "hello", 5);
    char end;
    if (rc == 0 && weir_read(s, &end, 1) != 0) /* not a byte came the other way */
        rc = -EBADMSG;
    weir_close(&s);
    return rc;
}

/* Whoever accepts gets the lowest number that is free. */
static void meet(const char *listen_url) {
    struct weir_listener *l = NULL;
    struct weir_group g;
    char url[128], text[6] = "";
    assert_int_equal(weir_listen(listen_url, NULL, &l), 0);
    none_is_low();
    snprintf(url, sizeof url, "tcp://127.0.0.1:%d", weir_listener_port(l));
    weir_group_open(&g, WEIR_TOGETHER);
    for (int i = 0; i < 20; i++) {
        WEIR_AUTO(weir_close) struct weir_stream *s = NULL;
        assert_int_equal(weir_go(&g, dialing, .url = weir_listener_port(l) ? url : listen_url), 0);
        assert_int_equal(weir_accept(l, &s), 0);
        none_is_low();
        weir__log(WEIR_LOG_ERROR, "a line for stderr");
        assert_int_equal(weir_read_exactly(s, text, 5), 0);
        assert_string_equal(text, "hello");
    }
    assert_int_equal(weir_group_close(&g, 0), 0);
    weir_unlisten(&l);
}

CLOSED_STORY(no_connection_is_a_standard_descriptor_and_gets_no_log_line) {
    char path[64];
    pthread_t logger;
    none_is_low(); /* the loop's own */
    assert_int_equal(pthread_create(&logger, NULL, keep_logging, NULL), 0);
    snprintf(path, sizeof path, "unix:/tmp/weir-low-fd-test-%d", (int)getpid());
    meet("tcp://127.0.0.1:0");
    meet(path);
    unlink(path + 5);
    atomic_store(&over, true);
    pthread_join(logger, NULL);
    return 0;
}

static int dial_raw(int port) {
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons((uint16_t)port),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int low = socket(AF_INET, SOCK_STREAM, 0), fd = fcntl(low, F_DUPFD_CLOEXEC, 10);
    close(low);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(write(fd, "hello", 5), 5);
    return fd;
}

static int accept_within(struct weir_listener *l, weir_ns budget_ns, struct weir_stream **ret) {
    struct weir_scope s;
    weir_scope_enter(&s, budget_ns);
    int rc = weir_accept(l, ret);
    return weir_scope_leave(&s, rc);
}

/* accept gets one of the low numbers, and there is none to lift it to. */
CLOSED_STORY(a_connection_waits_while_only_low_numbers_are_free) {
    enum { LIMIT = 64 };
    const struct rlimit limit = {LIMIT, LIMIT};
    struct weir_listener *l = NULL;
    struct weir_stream *s = NULL;
    char text[6] = "";
    int filled[LIMIT], count = 0, fd;
    assert_int_equal(weir_listen("tcp://127.0.0.1:0", NULL, &l), 0);
    int peer = dial_raw(weir_listener_port(l));
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    while ((fd = fcntl(peer, F_DUPFD_CLOEXEC, 3)) >= 0)
        filled[count++] = fd;
    assert_int_equal(accept_within(l, WEIR_MILLISECONDS(60), &s), -ETIME);
    close(filled[--count]);
    assert_int_equal(accept_within(l, WEIR_SECONDS(20), &s), 0);
    none_is_low();
    assert_int_equal(weir_read_exactly(s, text, 5), 0);
    assert_string_equal(text, "hello");
    weir_close(&s);
    while (count > 0)
        close(filled[--count]);
    close(peer);
    weir_unlisten(&l);
    return 0;
}

struct waiting_args {
    int fd;
};

static int waiting(void *args) {
    int rc = weir_wait_fd(((struct waiting_args *)args)->fd, POLLIN);
    return rc < 0 ? rc : 0;
}

static int nothing(void *arg) {
    (void)arg;
    return 0;
}

/* Several waits for one descriptor watch duplicates of it. */
CLOSED_STORY(waits_and_helpers_take_no_standard_descriptor) {
    struct weir_group g;
    int pair[2];
    assert_int_equal(pipe2(pair, O_CLOEXEC), 0);
    int in = fcntl(pair[0], F_DUPFD_CLOEXEC, 10), out = fcntl(pair[1], F_DUPFD_CLOEXEC, 10);
    close(pair[0]);
    close(pair[1]);
    weir_group_open(&g, WEIR_TOGETHER);
    for (int i = 0; i < 3; i++)
        assert_int_equal(weir_go(&g, waiting, .fd = in), 0);
    settle();
    assert_int_equal(weir_offload(nothing, NULL), 0);
    none_is_low();
    assert_int_equal(write(out, "x", 1), 1);
    assert_int_equal(weir_group_close(&g, 0), 0);
    close(in);
    close(out);
    return 0;
}
