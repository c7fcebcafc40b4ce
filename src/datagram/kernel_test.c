/* SPDX-License-Identifier: MIT */
/* Datagrams with peers outside of the loop: another thread with bare sockets, another program. And
 * what only the kernel does. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "datagram/datagram_rig.h"

static int bare_socket(struct sockaddr_in *ret_addr) {
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    socklen_t len = sizeof *ret_addr;
    *ret_addr = (struct sockaddr_in){.sin_family = AF_INET,
                                     .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(bind(fd, (struct sockaddr *)ret_addr, len), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)ret_addr, &len), 0);
    return fd;
}

static void *echo_thread(void *arg) {
    int fd = *(int *)arg;
    char buf[64];
    for (;;) {
        struct sockaddr_in from;
        socklen_t len = sizeof from;
        ssize_t n = recvfrom(fd, buf, sizeof buf, 0, (struct sockaddr *)&from, &len);
        if (n <= 0)
            return NULL;
        sendto(fd, buf, (size_t)n, 0, (struct sockaddr *)&from, len);
    }
}

/* The thread sleeps in the kernel between two datagrams, so each one wakes this loop. */
KERNEL_STORY(a_bare_socket_of_another_thread_answers) {
    struct sockaddr_in there;
    struct weir_addr to;
    int fd = bare_socket(&there);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, echo_thread, &fd), 0);
    assert_int_equal(weir_addr_from_sockaddr((void *)&there, sizeof there, &to), 0);
    struct weir_dgram *d = dialled(&to);
    for (int i = 0; i < 200; i++) {
        int back = -1;
        assert_int_equal(weir_dgram_send(d, &i, sizeof i, NULL), 0);
        assert_int_equal(weir_dgram_recv(d, &back, sizeof back, NULL), sizeof back);
        assert_int_equal(back, i);
    }
    assert_int_equal(weir_dgram_send(d, "", 0, NULL), 0);
    weir_dgram_close(&d);
    assert_int_equal(pthread_join(thread, NULL), 0);
    close(fd);
    return 0;
}

static const char program[] =
    "import socket, sys\n"
    "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
    "s.bind(('127.0.0.1', 0))\n"
    "s.sendto(b'here', ('127.0.0.1', int(sys.argv[1])))\n"
    "while True:\n"
    "    text, sender = s.recvfrom(100)\n"
    "    if not text: break\n"
    "    s.sendto(text[::-1], sender)\n";

KERNEL_STORY(another_program_answers) {
    struct weir_addr own, from;
    struct weir_dgram *d = opened(&own);
    char port[16];
    snprintf(port, sizeof port, "%d", weir_dgram_port(d));
    pid_t pid = fork();
    if (pid == 0) {
        execlp("python3", "python3", "-c", program, port, (char *)NULL);
        _exit(127);
    }
    expect_text(d, "here", &from);
    send_text(d, "stressed", &from);
    expect_text(d, "desserts", NULL);
    assert_int_equal(weir_dgram_send(d, "", 0, &from), 0);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    weir_dgram_close(&d);
    return 0;
}

/* What comes between two receives is not forgotten, however the events come. */
KERNEL_STORY(bursts_of_every_size_are_received_whole) {
    struct sockaddr_in there;
    struct weir_addr own;
    struct weir_dgram *d = opened(&own);
    socklen_t len;
    const struct sockaddr *to = weir_addr_sockaddr(&own, &len);
    int fd = bare_socket(&there), number = 0, want = 0;
    struct weir_datagram in[16];
    int got[16];
    for (int i = 0; i < 16; i++)
        in[i] = (struct weir_datagram){.data = &got[i], .size = sizeof(int)};
    for (int burst = 1; burst <= 100; burst++) {
        for (int i = 0; i < burst; i++, number++)
            assert_int_equal(sendto(fd, &number, sizeof number, 0, to, len), sizeof number);
        while (want < number) {
            ssize_t n = weir_dgram_recv_many(d, in, (size_t)burst % 16 + 1);
            assert_true(n > 0);
            for (ssize_t i = 0; i < n; i++)
                assert_int_equal(got[i], want++);
        }
        if (burst % 10 == 0) { /* read empty, by the call that shows it */
            assert_int_equal(weir_dgram_try_recv(d, got, sizeof got, NULL), -EAGAIN);
        }
    }
    close(fd);
    weir_dgram_close(&d);
    return 0;
}

/* An error between two datagrams comes once, and hides neither. */
KERNEL_STORY(an_error_does_not_hide_what_follows) {
    struct sockaddr_in there;
    struct weir_addr to;
    struct weir_datagram in[4];
    char bufs[4][8];
    int fd = bare_socket(&there);
    assert_int_equal(weir_addr_from_sockaddr((void *)&there, sizeof there, &to), 0);
    struct weir_dgram *d = dialled(&to);
    struct sockaddr_in back = {.sin_family = AF_INET,
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                               .sin_port = htons((uint16_t)weir_dgram_port(d))};
    for (int i = 0; i < 4; i++)
        in[i] = (struct weir_datagram){.data = bufs[i], .size = 8};
    for (int round = 0; round < 20; round++) {
        int errors = 0, texts = 0;
        assert_int_equal(sendto(fd, "a", 1, 0, (void *)&back, sizeof back), 1);
        close(fd);
        while (weir_dgram_try_send(d, "x", 1, NULL) != -ECONNREFUSED)
            continue; /* the first meets nobody, a later one is told */
        assert_int_equal(weir_dgram_send(d, "x", 1, NULL), 0);
        fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        assert_int_equal(bind(fd, (void *)&there, sizeof there), 0);
        assert_int_equal(sendto(fd, "b", 1, 0, (void *)&back, sizeof back), 1);
        while (texts < 2) {
            ssize_t n = weir_dgram_recv_many(d, in, 1 + (size_t)round % 4);
            assert_true(n > 0 || n == -ECONNREFUSED);
            texts += n > 0 ? (int)n : 0;
            errors += n < 0;
        }
        assert_true(errors <= 1);
    }
    close(fd);
    weir_dgram_close(&d);
    return 0;
}

/* The sender fills the receiver's buffer: nothing stalls. */
KERNEL_STORY(a_flood_is_sent_by_batches) {
    enum { MANY = 2000 };
    struct weir_addr to;
    struct weir_dgram *b = opened(&to), *a = dialled(&to);
    static struct weir_datagram out[MANY];
    static char piece[1400];
    for (int i = 0; i < MANY; i++)
        out[i] = (struct weir_datagram){.data = piece, .len = sizeof piece};
    assert_int_equal(weir_dgram_send_many(a, out, MANY), MANY);
    assert_int_equal(weir_dgram_recv(b, piece, sizeof piece, NULL), sizeof piece);
    weir_dgram_close(&a);
    weir_dgram_close(&b);
    return 0;
}

KERNEL_STORY(options_reach_the_socket) {
    struct weir_dgram_options o = {.size = sizeof o, .broadcast = true, .ttl = 9, .no_loop = true,
                                   .reuse_addr = true, .reuse_port = true,
                                   .receive_buffer = 100000, .send_buffer = 50000, .v6only = true};
    static const struct {
        int level, name, value;
    } want[] = {{SOL_SOCKET, SO_BROADCAST, 1}, {SOL_SOCKET, SO_REUSEADDR, 1},
                {SOL_SOCKET, SO_REUSEPORT, 1}, {SOL_SOCKET, SO_RCVBUF, 200000},
                {SOL_SOCKET, SO_SNDBUF, 100000}, {IPPROTO_IPV6, IPV6_UNICAST_HOPS, 9},
                {IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 0}, {IPPROTO_IPV6, IPV6_V6ONLY, 1},
                {IPPROTO_IPV6, IPV6_MULTICAST_HOPS, 9}};
    struct weir_dgram *d = NULL;
    assert_int_equal(weir_dgram_open("udp://*:0", &o, &d), 0);
    for (size_t i = 0; i < sizeof want / sizeof want[0]; i++) {
        int value = -1;
        socklen_t len = sizeof value;
        assert_int_equal(getsockopt(weir_dgram_fd(d), want[i].level, want[i].name, &value, &len),
                         0);
        assert_int_equal(value, want[i].value);
    }
    weir_dgram_close(&d);
    return 0;
}

KERNEL_STORY(a_fork_child_closes_only_its_copy) {
    struct weir_addr to;
    struct weir_dgram *b = opened(&to), *a = dialled(&to);
    pid_t pid = fork();
    if (pid == 0) {
        assert_int_equal(weir_dgram_send(a, "x", 1, NULL), WEIR_EFORKED);
        int fd = weir_dgram_fd(a);
        weir_dgram_close(&a);
        _exit(fd == WEIR_EFORKED ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    send_text(a, "alive", NULL);
    expect_text(b, "alive", NULL);
    weir_dgram_close(&a);
    weir_dgram_close(&b);
    return 0;
}

/* A path, as programs of other languages use them; it stays in the file system. */
KERNEL_STORY(a_unix_socket_has_a_path) {
    char url[80], path[64];
    struct weir_dgram *b, *a = NULL, *c = NULL;
    snprintf(path, sizeof path, "/tmp/weir-datagram-test-%d", (int)getpid());
    snprintf(url, sizeof url, "unixgram:%s", path);
    b = bound(url);
    assert_int_equal(weir_dgram_open(url, NULL, &c), -EADDRINUSE);
    assert_int_equal(weir_dgram_dial(url, NULL, &a), 0);
    send_text(a, "hello", NULL);
    expect_text(b, "hello", NULL);
    weir_dgram_close(&a);
    weir_dgram_close(&b);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(weir_dgram_dial(url, NULL, &a), -ENOENT);
    return 0;
}

/* The kernel writes no address then: what stood in its place is no sender. */
KERNEL_STORY(a_sender_without_a_name_is_no_address) {
    struct weir_addr to, from;
    char url[64], text[WEIR_ADDR_TEXT];
    snprintf(url, sizeof url, "unixgram:@weir-datagram-test-%d", (int)getpid());
    struct weir_dgram *d = bound(url);
    socklen_t len;
    weir_dgram_local(d, &to);
    const struct sockaddr *sa = weir_addr_sockaddr(&to, &len);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(weir_addr_parse("[::ffff:1.2.3.4]:5", &from), 0);
    assert_int_equal(sendto(fd, "x", 1, 0, sa, len), 1);
    expect_text(d, "x", &from);
    assert_string_equal(weir_addr_text(&from, text, sizeof text), "?");
    close(fd);
    weir_dgram_close(&d);
    return 0;
}
