/* SPDX-License-Identifier: MIT */
/* A fork child closes what it inherited, and neither its parent nor the peer notices; and it uses
 * the contexts of its parent in a loop of its own. A child reports by its exit status. */
#include <sys/socket.h>
#include <sys/wait.h>

#include "tls/tls_rig.h"

static struct rig rig;
static struct weir_tls *client, *server;

static int sockets(struct rig_ends *e) {
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
        return -1;
    int rc = weir_stream_from_fd(fds[0], &e->client);
    if (rc == 0)
        rc = weir_stream_from_fd(fds[1], &e->server);
    e->of_client = client;
    e->of_server = server;
    return rc;
}

/* Each way once. Returns 0 if it arrived. */
static int talks(struct rig_ends *e) {
    char byte = 0;
    int rc = weir_write(e->client, "a", 1);
    if (rc == 0 && weir_read(e->server, &byte, 1) == 1 && byte == 'a')
        rc = weir_write(e->server, "b", 1);
    return rc == 0 && weir_read(e->client, &byte, 1) == 1 && byte == 'b' ? 0 : -1;
}

static int afresh(void *arg) {
    struct rig_ends e = {0};
    int rc = sockets(&e);
    if (rc == 0)
        rc = rig_shake(&e);
    if (rc == 0)
        rc = weir_tls_resumed(e.server) ? talks(&e) : -1; /* by a ticket of its parent */
    rig_part(&e);
    return rc;
}

static void child(struct rig_ends *e) {
    rig_part(e);
    int rc = weir_run(afresh, NULL, NULL);
    weir_tls_unref(&client);
    weir_tls_unref(&server);
    _exit(rc == 0 ? 0 : 1);
}

static int forks(void *arg) {
    struct rig_ends e = {0};
    int status = -1;
    assert_int_equal(sockets(&e), 0);
    assert_int_equal(rig_shake(&e), 0);
    assert_int_equal(talks(&e), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        child(&e);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_int_equal(talks(&e), 0); /* no close_notify of the child has come */
    rig_part(&e);
    return 0;
}

WEIR_TEST_BACKENDS(a_fork_child_leaves_streams_alone_and_uses_contexts) {
    struct weir_run_options o = {.size = sizeof o, .backend = test_backend};
    if (strcmp(test_backend, "sim") == 0)
        runner_skip("a simulated world is one process");
    rig_open(&rig);
    client = rig_client(&rig);
    server = rig_server(&rig);
    assert_int_equal(weir_run(forks, NULL, &o), 0);
    weir_tls_unref(&client);
    weir_tls_unref(&server);
    rig_close(&rig);
}
