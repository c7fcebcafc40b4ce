/* SPDX-License-Identifier: MIT */
/* asyncify-serial - how an existing blocking API gets calls that tasks can await: reuse the API for
 * what does not block (open, settings), "everything is a file" for what does, and a future that a
 * reader callback resolves. The serial API here is termios; weir/serial.h has a port ready made. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>
#include <weir/weir.h>

enum { MOST = 64 };

struct port {
    int fd;
    struct weir_future *reading; /* a reference while the descriptor is watched */
};

struct bytes {
    ssize_t len;
    char at[MOST];
};

/* The existing, blocking API. */
static int serial_open(const char *path) {
    struct termios mode;
    int fd = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (fd < 0 || tcgetattr(fd, &mode) < 0)
        return -errno;
    cfmakeraw(&mode);
    cfsetspeed(&mode, B115200);
    return tcsetattr(fd, TCSANOW, &mode) < 0 ? -errno : fd;
}

static void read_ready(void *arg) {
    struct port *p = arg;
    struct bytes got = {0};
    struct weir_future *f = p->reading;
    weir_remove_reader(p->fd);
    p->reading = NULL;
    got.len = read(p->fd, got.at, sizeof got.at);
    if (got.len < 0)
        weir_future_fail(f, -errno);
    else
        weir_future_resolve(f, &got);
    weir_future_unref(&f);
}

/* A regular function that returns a future: one reader at a time. */
static int port_read(struct port *p, struct weir_future **ret_f) {
    if (p->reading != NULL)
        return -EBUSY;
    int rc = weir_future_new(sizeof(struct bytes), ret_f);
    if (rc == 0 && (rc = weir_add_reader(p->fd, read_ready, p)) < 0)
        weir_future_unref(ret_f);
    if (rc == 0)
        p->reading = weir_future_ref(*ret_f);
    return rc;
}

/* Cleanup: a read that is pending is given up. */
static void port_close(struct port *p) {
    if (p->reading != NULL) {
        weir_remove_reader(p->fd);
        weir_future_fail(p->reading, WEIR_ECLOSED);
        weir_future_unref(&p->reading);
    }
    close(p->fd);
}

static int read_and_print(struct port *p) {
    struct weir_future *f = NULL, *second = NULL;
    struct bytes got;
    int rc = port_read(p, &f);
    if (rc < 0)
        return rc;
    printf("a second read: %s\n", weir_error_name(port_read(p, &second)));
    if ((rc = weir_future_await(f, &got)) == 0)
        printf("read %.*s\n", (int)got.len, got.at);
    weir_future_unref(&f);
    return rc;
}

static int read_and_close(struct port *p) {
    struct weir_future *f = NULL;
    struct bytes got;
    int rc = port_read(p, &f);
    port_close(p);
    if (rc < 0)
        return rc;
    printf("a read of a closed port: %s\n", weir_error_name(weir_future_await(f, &got)));
    weir_future_unref(&f);
    return 0;
}

struct device_args {
    struct weir_stream *far;
};

static int device(void *args) {
    return weir_write(((struct device_args *)args)->far, "ready", 5);
}

static int program(void *arg) {
    WEIR_AUTO(weir_close) struct weir_stream *far = NULL;
    struct port p = {0};
    int slave, rc = weir_pty_open(NULL, &far, &slave);
    if (rc < 0)
        return rc;
    p.fd = serial_open(ttyname(slave));
    close(slave);
    if (p.fd < 0)
        return p.fd;
    rc = weir_go(NULL, device, .far = far);
    if (rc == 0)
        rc = read_and_print(&p);
    return rc == 0 ? read_and_close(&p) : rc;
}

int main(void) {
    return weir_run(program, NULL, NULL) < 0;
}
