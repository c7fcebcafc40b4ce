/* SPDX-License-Identifier: MIT */
/* Messages on sockets of any family: netlink, unix, streams; blocking ones, errors, cancels. */
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#include "datagram/datagram_rig.h"

/* Ask the kernel for its list of interfaces; returns how many times "lo" is in it. */
static int ask_for_links(int fd, unsigned *ret_parts) {
    struct {
        struct nlmsghdr head;
        struct ifinfomsg info;
    } ask = {.head = {.nlmsg_len = sizeof ask, .nlmsg_type = RTM_GETLINK,
                      .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP}};
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    struct iovec v = {&ask, sizeof ask};
    struct msghdr m = {.msg_name = &kernel, .msg_namelen = sizeof kernel, .msg_iov = &v,
                       .msg_iovlen = 1};
    static _Alignas(struct nlmsghdr) char buf[32768];
    assert_int_equal(weir_sendmsg(fd, &m, 0), sizeof ask);
    for (int found = 0;; ++*ret_parts) {
        v = (struct iovec){buf, sizeof buf};
        ssize_t n = weir_recvmsg(fd, &m, 0);
        assert_true(n > 0);
        assert_int_equal(m.msg_flags & MSG_TRUNC, 0);
        const struct nlmsghdr *h;
        for (size_t at = 0; at < (size_t)n; at += NLMSG_ALIGN(h->nlmsg_len)) {
            h = (void *)(buf + at);
            if (h->nlmsg_type == NLMSG_DONE)
                return found;
            const struct ifinfomsg *i = (const void *)(h + 1);
            char name[IF_NAMESIZE] = "";
            if_indextoname((unsigned)i->ifi_index, name);
            found += h->nlmsg_type == RTM_NEWLINK && strcmp(name, "lo") == 0;
        }
    }
}

KERNEL_STORY(netlink_lists_the_interfaces) {
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE); /* blocking */
    unsigned parts = 0;
    assert_true(fd >= 0);
    assert_int_equal(ask_for_links(fd, &parts), 1);
    assert_int_equal(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
    close(fd);
    return 0;
}

struct says_args {
    int fd;
};

static int says(void *arg) {
    struct iovec v = {"hello", 5};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};
    int rc = weir_sleep(WEIR_MILLISECONDS(2));
    return rc < 0 ? rc : weir_sendmsg(((struct says_args *)arg)->fd, &m, 0) == 5 ? 0 : -EPROTO;
}

KERNEL_STORY(a_receive_on_a_blocking_socket_does_not_hold_the_loop) {
    int fds[2];
    char buf[16];
    struct weir_group g;
    struct iovec v = {buf, sizeof buf};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
    weir_group_open(&g, WEIR_TOGETHER);
    assert_int_equal(weir_go(&g, says, .fd = fds[1]), 0);
    assert_int_equal(weir_recvmsg(fds[0], &m, MSG_DONTWAIT), -EAGAIN);
    assert_int_equal(weir_recvmsg(fds[0], &m, 0), 5);
    assert_int_equal(weir_group_close(&g, 0), 0);
    close(fds[1]);
    assert_int_equal(weir_recvmsg(fds[0], &m, 0), 0);
    assert_int_equal(weir_sendmsg(fds[0], &m, 0), -EPIPE); /* and no signal */
    close(fds[0]);
    return 0;
}

KERNEL_STORY(a_send_waits_for_room_and_a_cancel_ends_it) {
    int fds[2];
    static char piece[4096];
    struct iovec v = {piece, sizeof piece};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};
    struct weir_scope s;
    int sent = 0, got = 0;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
    weir_scope_enter(&s, WEIR_MILLISECONDS(5));
    ssize_t n;
    while ((n = weir_sendmsg(fds[0], &m, 0)) == sizeof piece)
        sent++;
    assert_int_equal(weir_scope_leave(&s, (int)n), -ETIME);
    while (weir_recvmsg(fds[1], &m, MSG_DONTWAIT) == sizeof piece)
        got++;
    assert_int_equal(got, sent);
    close(fds[0]);
    close(fds[1]);
    return 0;
}

KERNEL_STORY(what_is_cut_off_is_flagged) {
    int fds[2];
    char buf[4];
    struct iovec v = {"abcdef", 6};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};
    assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, fds), 0);
    assert_int_equal(weir_sendmsg(fds[0], &m, 0), 6);
    v = (struct iovec){buf, 4};
    assert_int_equal(weir_recvmsg(fds[1], &m, 0), 4);
    assert_int_equal(m.msg_flags, MSG_TRUNC);
    close(fds[0]);
    close(fds[1]);
    return 0;
}

/* Descriptors come close-on-exec, and never as 0, 1 or 2. */
KERNEL_STORY(a_descriptor_never_becomes_standard_input) {
    int fds[2], null = open("/dev/null", O_RDONLY | O_CLOEXEC), kept = dup(0), came;
    union {
        struct cmsghdr head;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {.head = {CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
    struct iovec v = {"x", 1};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = &control,
                       .msg_controllen = sizeof control};
    assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, fds), 0);
    memcpy(CMSG_DATA(&control.head), &null, sizeof null);
    assert_int_equal(weir_sendmsg(fds[0], &m, 0), 1);
    close(0);
    char buf[4];
    v = (struct iovec){buf, 4};
    assert_int_equal(weir_recvmsg(fds[1], &m, 0), 1);
    memcpy(&came, CMSG_DATA(&control.head), sizeof came);
    assert_true(came > 2);
    assert_int_equal(fcntl(0, F_GETFD), -1);
    assert_true((fcntl(came, F_GETFD) & FD_CLOEXEC) != 0);
    dup2(kept, 0);
    close(kept);
    close(came);
    close(null);
    close(fds[0]);
    close(fds[1]);
    return 0;
}

KERNEL_STORY(errors_are_those_of_the_system) {
    int fds[2];
    struct iovec v = {"x", 1};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};
    assert_int_equal(weir_sendmsg(-1, &m, 0), -EBADF);
    assert_int_equal(weir_recvmsg(999, &m, 0), -EBADF);
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    assert_int_equal(weir_recvmsg(fds[0], &m, 0), -ENOTSOCK);
    assert_int_equal(weir_error(-ENOTSOCK)->code, -ENOTSOCK);
    close(fds[0]);
    close(fds[1]);
    return 0;
}

static int is_refused(void *unused) {
    struct iovec v = {"x", 1};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};
    (void)unused;
    assert_int_equal(weir_sendmsg(0, &m, 0), WEIR_ESIMREFUSED);
    assert_int_equal(weir_recvmsg(0, &m, 0), WEIR_ESIMREFUSED);
    return 0;
}

WEIR_TEST(a_simulation_refuses_real_descriptors) {
    assert_int_equal(weir_sim_run(is_refused, NULL, NULL), 0);
}
