/* SPDX-License-Identifier: MIT */
/* The yardstick for TLS: an echo server on bare epoll and OpenSSL, frozen. One thread; it prints
 * its port. What was received goes through two BIOs in memory, and each record is answered by one.
 * Tickets, and no cache of sessions. Edge-triggered, as epoll_echo.c, but it keeps nothing aside:
 * its load never sends more than a socket takes, and it ends if a send is cut short. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { DESCRIPTORS = 65536, EVENTS_MAX = 64 };

static SSL *sessions[DESCRIPTORS]; /* by descriptor */
static char wire[64 << 10], plain[16 << 10];

static void die(const char *what) {
    fprintf(stderr, "ref-tls-echo: %s: %s\n", what, strerror(errno));
    exit(1);
}

static SSL_CTX *context(const char *cert, const char *key) {
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    if (ctx == NULL || SSL_CTX_use_certificate_chain_file(ctx, cert) != 1 ||
        SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1)
        die("certificate");
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    return ctx;
}

static int listens(void) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    int l = socket(AF_INET, SOCK_STREAM, 0);
    if (l < 0 || bind(l, (struct sockaddr *)&a, sizeof a) < 0 || listen(l, 4096) < 0 ||
        getsockname(l, (struct sockaddr *)&a, &len) < 0)
        die("listen");
    printf("%d\n", ntohs(a.sin_port));
    fflush(stdout);
    return l;
}

static void begin(int epoll, int listener, SSL_CTX *ctx) {
    int one = 1, fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
    struct epoll_event e = {.events = EPOLLIN | EPOLLET | EPOLLRDHUP, .data.fd = fd};
    if (fd < 0 || fd >= DESCRIPTORS)
        die("accept");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if ((sessions[fd] = SSL_new(ctx)) == NULL)
        die("SSL_new");
    SSL_set_bio(sessions[fd], BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_accept_state(sessions[fd]);
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e) < 0)
        die("epoll_ctl");
}

static void end(int fd) {
    SSL_free(sessions[fd]);
    sessions[fd] = NULL;
    close(fd);
}

static void flush(int fd) {
    int n;
    while ((n = BIO_read(SSL_get_wbio(sessions[fd]), wire, sizeof wire)) > 0)
        if (send(fd, wire, (size_t)n, MSG_NOSIGNAL) != n && errno == EAGAIN)
            die("send");
}

static void serve(int fd, uint32_t events) {
    SSL *s = sessions[fd];
    ssize_t len = recv(fd, wire, sizeof wire, 0);
    int n;
    if (len <= 0) {
        if (len == 0 || errno != EAGAIN)
            end(fd);
        return;
    }
    BIO_write(SSL_get_rbio(s), wire, (int)len);
    if (!SSL_is_init_finished(s)) {
        SSL_do_handshake(s);
        flush(fd);
    }
    if (SSL_is_init_finished(s))
        while ((n = SSL_read(s, plain, sizeof plain)) > 0)
            SSL_write(s, plain, n);
    int closes = SSL_get_shutdown(s) & SSL_RECEIVED_SHUTDOWN;
    if (closes)
        SSL_shutdown(s); /* close_notify is answered by one */
    flush(fd);
    if (closes || (events & EPOLLRDHUP))
        end(fd);
}

int main(int argc, char **argv) {
    struct epoll_event e = {.events = EPOLLIN}, came[EVENTS_MAX];
    int epoll = epoll_create1(0), listener;
    if (argc != 3) {
        fprintf(stderr, "usage: ref-tls-echo CERT KEY\n");
        return 2;
    }
    SSL_CTX *ctx = context(argv[1], argv[2]);
    e.data.fd = listener = listens();
    if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &e) < 0)
        die("epoll");
    for (;;) {
        int n = epoll_wait(epoll, came, EVENTS_MAX, -1);
        for (int i = 0; i < n; i++)
            if (came[i].data.fd == listener)
                begin(epoll, listener, ctx);
            else
                serve(came[i].data.fd, came[i].events);
    }
}
