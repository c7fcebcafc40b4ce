/* SPDX-License-Identifier: MIT */
/* serial.c - round trips over a pseudo-terminal: bench-micro-serial BYTES ROUNDS. The far side is a
 * child process that echoes with blocking calls. Prints the time of one round trip by weir's serial
 * port, and by blocking calls on the same terminal, which is the floor. bench/peers/micro_serial.py
 * does the same with Python's serial_asyncio. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>
#include <weir/weir.h>

enum { BYTES_MAX = 1024 };

static size_t len = 64;
static int rounds = 20000;
static char out[BYTES_MAX], in[BYTES_MAX];

static void echo(int fd) {
    char bytes[BYTES_MAX];
    for (ssize_t n; (n = read(fd, bytes, sizeof bytes)) > 0;)
        if (write(fd, bytes, (size_t)n) != n)
            break;
    _exit(0);
}

static void print(const char *what, weir_ns took_ns) {
    printf("%s: %.2f us a round trip of %zu bytes\n", what, (double)took_ns / rounds / 1000, len);
}

static int by_weir(const char *path) {
    WEIR_AUTO(weir_close) struct weir_stream *port = NULL;
    char url[96];
    snprintf(url, sizeof url, "serial://%s?baud=115200", path);
    int rc = weir_serial_open(url, &port);
    weir_ns begin_ns = weir_now();
    for (int i = 0; i < rounds && rc == 0; i++)
        if ((rc = weir_write(port, out, len)) == 0)
            rc = weir_read_exactly(port, in, len);
    print("weir", weir_now() - begin_ns);
    return rc;
}

static int by_blocking_calls(int fd) {
    weir_ns begin_ns = weir_now();
    for (int i = 0; i < rounds; i++) {
        if (write(fd, out, len) != (ssize_t)len)
            return -EIO;
        for (size_t got = 0; got < len;) {
            ssize_t n = read(fd, in + got, len - got);
            if (n <= 0)
                return -EIO;
            got += (size_t)n;
        }
    }
    print("blocking calls", weir_now() - begin_ns);
    return 0;
}

static int program(void *arg) {
    const int *fds = arg;
    int rc = by_weir(ttyname(fds[1]));
    return rc == 0 ? by_blocking_calls(fds[1]) : rc;
}

int main(int argc, char **argv) {
    struct termios mode;
    int fds[2] = {posix_openpt(O_RDWR | O_NOCTTY), -1};
    if (argc > 1)
        len = (size_t)atoi(argv[1]);
    if (argc > 2)
        rounds = atoi(argv[2]);
    if (len < 1 || len > BYTES_MAX || rounds < 1 || fds[0] < 0 || unlockpt(fds[0]) < 0)
        return 2;
    fds[1] = open(ptsname(fds[0]), O_RDWR | O_NOCTTY);
    if (fds[1] < 0 || tcgetattr(fds[1], &mode) < 0)
        return 2;
    cfmakeraw(&mode);
    tcsetattr(fds[1], TCSANOW, &mode);
    pid_t child = fork();
    if (child == 0)
        echo(fds[0]);
    close(fds[0]);
    int rc = weir_run(program, fds, NULL);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    return rc < 0;
}
