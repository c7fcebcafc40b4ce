/* SPDX-License-Identifier: MIT */
/* Shows: weir_sendmsg weir_recvmsg */
/* Ask the kernel over netlink how many interfaces this machine has. The loop goes on meanwhile. */
#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>
#include <weir/weir.h>

struct question {
    struct nlmsghdr head;
    struct ifinfomsg info;
};

static int ask(int fd) {
    struct question q = {.head = {.nlmsg_len = sizeof q, .nlmsg_type = RTM_GETLINK,
                                  .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP}};
    struct iovec v = {&q, sizeof q};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};
    ssize_t n = weir_sendmsg(fd, &m, 0);
    return n < 0 ? (int)n : 0;
}

/* Returns 1 when the answer has ended. */
static int count_links(const char *at, size_t len, int *count) {
    const struct nlmsghdr *h;
    for (; len >= sizeof *h; at += NLMSG_ALIGN(h->nlmsg_len)) {
        h = (const void *)at;
        if (h->nlmsg_type == NLMSG_DONE || h->nlmsg_len > len)
            return 1;
        *count += h->nlmsg_type == RTM_NEWLINK;
        len -= NLMSG_ALIGN(h->nlmsg_len);
    }
    return 0;
}

static int listen_for_answer(int fd) {
    static _Alignas(struct nlmsghdr) char buf[32768];
    for (int count = 0;;) {
        struct iovec v = {buf, sizeof buf};
        struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};
        ssize_t n = weir_recvmsg(fd, &m, 0);
        if (n < 0)
            return (int)n;
        if (m.msg_flags & MSG_TRUNC)
            return -EMSGSIZE;
        if (count_links(buf, (size_t)n, &count) == 1) {
            printf("%d interfaces\n", count);
            return 0;
        }
    }
}

static int program(void *arg) {
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (fd < 0)
        return -errno;
    int rc = ask(fd);
    if (rc == 0)
        rc = listen_for_answer(fd);
    close(fd);
    return rc;
}

int main(void) {
    return weir_run(program, NULL, NULL) < 0;
}
