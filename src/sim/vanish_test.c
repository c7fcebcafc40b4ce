/* SPDX-License-Identifier: MIT */
/* vanish_test.c - a peer that vanishes without a packet, on every backend: the same error numbers.
 * On the kernel the peer is in a network namespace of its own, behind a veth pair, and vanishes by
 * losing its address: packets to it are dropped. The kernel's limits are set low in our own
 * namespace, so that it gives up after seconds. */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sim/world_rig.h"

struct far { /* the far end */
    int near_fd, far_fd; /* namespaces */
    pid_t holder;        /* keeps the far one */
};

static void set(const char *name, const char *value) {
    char path[128];
    snprintf(path, sizeof path, "/proc/sys/net/ipv4/%s", name);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd >= 0 && write(fd, value, strlen(value)) < 0)
        runner_skip("a limit of the kernel's TCP cannot be set");
    if (fd >= 0)
        close(fd);
}

static void stand(struct far *f, bool far) {
    if (world == NULL)
        assert_int_equal(setns(far ? f->far_fd : f->near_fd, CLONE_NEWNET), 0);
}

/* A child that only keeps a namespace alive, until it is killed. */
static pid_t hold_namespace(int *ret_fd) {
    int ready[2];
    char path[64], byte;
    assert_int_equal(pipe(ready), 0);
    pid_t pid = fork();
    if (pid == 0) {
        if (unshare(CLONE_NEWNET) == 0 && write(ready[1], "x", 1) == 1)
            pause();
        _exit(1);
    }
    close(ready[1]);
    ssize_t n = read(ready[0], &byte, 1);
    close(ready[0]);
    snprintf(path, sizeof path, "/proc/%d/ns/net", (int)pid);
    *ret_fd = n == 1 ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    return pid;
}

static bool shell(const char *command) {
    return system(command) == 0;
}

static void build_link(struct far *f) {
    char command[256];
    if (geteuid() != 0 || unshare(CLONE_NEWNET) != 0)
        runner_skip("needs root, for a network namespace");
    f->near_fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    f->holder = hold_namespace(&f->far_fd);
    snprintf(command, sizeof command,
             "ip link add near type veth peer name far netns %d && ip addr add 10.98.0.1/24 dev "
             "near && ip link set near address 02:00:00:00:00:01 up", (int)f->holder);
    bool built = f->far_fd >= 0 && shell(command) &&
                 shell("ip neigh add 10.98.0.2 lladdr 02:00:00:00:00:02 dev near nud permanent");
    if (built) {
        stand(f, true);
        built = shell("ip link set far address 02:00:00:00:00:02 up && "
                      "ip addr add 10.98.0.2/24 dev far");
        stand(f, false);
    }
    if (!built) {
        kill(f->holder, SIGKILL);
        waitpid(f->holder, NULL, 0);
        runner_skip("no veth pair: iproute2 is missing, or the kernel has none");
    }
    set("tcp_syn_retries", "1");
    set("tcp_syn_linear_timeouts", "0");
    set("tcp_retries2", "1");
    set("tcp_keepalive_intvl", "1");
    set("tcp_keepalive_probes", "1");
}

static struct weir__addr far_open(struct far *f) {
    memset(f, 0, sizeof *f);
    world_open(NULL);
    if (world != NULL) {
        weir__sim_host_add(world, "far");
        return rig_addr("10.0.0.2", 0);
    }
    build_link(f);
    return rig_addr("10.98.0.2", 0);
}

static void vanish(struct far *f) {
    if (world != NULL) {
        weir__sim_host_cut(world, 1, true);
        return;
    }
    stand(f, true);
    assert_true(shell("ip addr del 10.98.0.2/24 dev far"));
    stand(f, false);
}

static void far_close(struct far *f) {
    world_close();
    if (f->holder == 0)
        return;
    kill(f->holder, SIGKILL);
    waitpid(f->holder, NULL, 0);
    close(f->near_fd);
    close(f->far_fd);
}

/* The listener and the accepted end live at the far end. */
static void far_pair(struct far *f, struct rig_pair *p, struct weir__addr addr) {
    p->addr = addr;
    stand(f, true);
    rig_listen(&p->listener, &p->addr, 16);
    stand(f, false);
    assert_int_equal(rig_connect(&p->here, &p->addr), 0);
    assert_int_equal(rig_accept(&p->listener, &p->there), 0);
}

/* Virtual time is cheap: the simulation gives up when Linux does by default. */
static weir_ns patience(const struct far *f) {
    return world != NULL ? WEIR_SECONDS(2000) : WEIR_SECONDS(15);
}

WEIR_TEST_BACKENDS(a_peer_that_vanished_ends_in_etimedout) {
    enum { LEN = 32 << 20 };
    struct far f;
    struct rig_pair silent, busy;
    struct weir__file c;
    struct rig_op reader, writer, connecting;
    char *source = calloc(1, LEN);
    struct weir__addr addr = far_open(&f);
    far_pair(&f, &silent, addr);
    far_pair(&f, &busy, addr);
    assert_int_equal(rig_option(&silent.here, WEIR__KEEPALIVE, 1), 0);
    rig_recv_begin(&reader, &silent.here);
    vanish(&f);
    rig_send_begin(&writer, &busy.here, source, LEN);
    rig_connect_begin(&connecting, &c, &silent.addr);
    assert_int_equal(rig_wait_until(&writer, WEIR_MILLISECONDS(100)), -EINPROGRESS);
    assert_int_equal(rig_wait_until(&connecting, patience(&f)), -ETIMEDOUT);
    assert_int_equal(rig_wait_until(&reader, patience(&f)), -ETIMEDOUT);
    assert_int_equal(rig_wait_until(&writer, patience(&f)), -ETIMEDOUT);
    assert_true(writer.op.u.bytes.done < LEN);
    assert_int_equal(rig_send(&busy.here, "x", 1), -EPIPE);
    free(source);
    rig_close_file(&c);
    rig_pair_close(&silent);
    rig_pair_close(&busy);
    far_close(&f);
}
