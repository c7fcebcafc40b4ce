/* SPDX-License-Identifier: MIT */
/* A dial to a local port of the ephemeral range may be given that same port for its own side; it
 * would then connect to itself, although nobody listens. Such a dial must fail with -ECONNREFUSED.
 * The tests run in a network namespace whose ephemeral range has four ports, where this happens at
 * once. */
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <weir/loop.h>
#include <weir/stream.h>

#include "test/runner.h"

enum { FIRST = 40000, PORTS = 4 };

static bool write_file(const char *path, const char *text) {
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool done = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    close(fd);
    return done;
}

static bool loopback_up(void) {
    struct ifreq r = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool done = fd >= 0 && ioctl(fd, SIOCSIFFLAGS, &r) == 0;
    close(fd);
    return done;
}

static void enter_small_world(void) {
    char range[32];
    snprintf(range, sizeof range, "%d %d", FIRST, FIRST + PORTS - 1);
    if (unshare(CLONE_NEWNET) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0)
        runner_skip("no network namespace can be had");
    if (!loopback_up() || !write_file("/proc/sys/net/ipv4/ip_local_port_range", range))
        runner_skip("the network namespace cannot be set up");
}

static int dials(void *arg) {
    static const char *const hosts[] = {"127.0.0.1", "127.0.0.7", "localhost", "[::1]", "0.0.0.0"};
    struct weir_stream *s = NULL;
    char url[64];
    for (int i = 0; i < 400; i++) {
        const char *host = hosts[i % 5];
        snprintf(url, sizeof url, "tcp://%s:%d", host, FIRST + i / 5 % PORTS);
        int rc = weir_dial(url, NULL, &s);
        if (rc == -EADDRNOTAVAIL && host[0] == '[')
            continue; /* no IPv6 here */
        if (rc != -ECONNREFUSED)
            fail_msg("%s, dial %d: %s", url, i, weir_error_name(rc));
        assert_null(s);
    }
    return 0;
}

/* What was refused has left its port free, and a server there is reached. */
static int serves(void *arg) {
    struct weir_listener *l = NULL;
    struct weir_stream *s = NULL, *peer = NULL;
    char url[64];
    int rc = dials(arg);
    snprintf(url, sizeof url, "tcp://127.0.0.1:%d", FIRST);
    assert_int_equal(weir_listen(url, NULL, &l), 0);
    assert_int_equal(weir_dial(url, NULL, &s), 0);
    assert_int_equal(weir_accept(l, &peer), 0);
    weir_close(&s);
    weir_close(&peer);
    weir_unlisten(&l);
    return rc;
}

static void in_small_world(int (*story)(void *)) {
    struct weir_run_options o = {.size = sizeof o, .backend = test_backend};
    if (strcmp(test_backend, "sim") == 0)
        runner_skip("a simulated socket does not meet itself");
    enter_small_world();
    assert_int_equal(weir_run(story, NULL, &o), 0);
}

WEIR_TEST_BACKENDS(a_dial_that_meets_itself_is_refused) {
    in_small_world(dials);
}

WEIR_TEST_BACKENDS(a_server_in_the_ephemeral_range_is_reached) {
    in_small_world(serves);
}
