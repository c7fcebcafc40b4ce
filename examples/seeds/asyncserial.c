/* SPDX-License-Identifier: MIT */
/* asyncserial - write to a serial port, read five bytes, handle them. The device behind the port is
 * the other side of a pseudo-terminal, played by a task; with a URL as argument it is a real
 * one. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <weir/weir.h>

struct device_args {
    struct weir_stream *far;
};

/* The device answers what it is asked. */
static int device(void *args) {
    struct weir_stream *far = ((struct device_args *)args)->far;
    char question[16];
    ssize_t n = weir_read_until(far, '\n', question, sizeof question);
    if (n > 0)
        printf("device: asked %s", question);
    return n < 0 ? (int)n : weir_write(far, "23.5C", 5);
}

static int foo(const char *url) {
    WEIR_AUTO(weir_close) struct weir_stream *port = NULL;
    char response[6] = "";
    int rc = weir_serial_open(url, &port);
    if (rc == 0)
        rc = weir_write(port, "TEMP?\n", 6);
    if (rc == 0)
        rc = weir_read_exactly(port, response, 5);
    if (rc == 0)
        printf("response: %s\n", response);
    return rc;
}

static int with_played_device(void) {
    WEIR_AUTO(weir_close) struct weir_stream *far = NULL;
    char url[96];
    int slave, rc = weir_pty_open(NULL, &far, &slave);
    if (rc < 0)
        return rc;
    snprintf(url, sizeof url, "serial://%s?baud=115200", ttyname(slave));
    rc = weir_go(NULL, device, .far = far);
    if (rc == 0)
        rc = foo(url);
    close(slave);
    return rc;
}

static int program(void *arg) {
    int rc = arg != NULL ? foo(arg) : with_played_device();
    if (rc < 0)
        fprintf(stderr, "asyncserial: %s\n", weir_error(rc)->text);
    return rc;
}

int main(int argc, char **argv) {
    return weir_run(program, argc > 1 ? argv[1] : NULL, NULL) < 0;
}
