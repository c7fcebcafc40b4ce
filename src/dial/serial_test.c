/* SPDX-License-Identifier: MIT */
/* Dialling a serial port: the other side of a pseudo-terminal plays the device. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <weir/loop.h>
#include <weir/serial.h>
#include <weir/stream.h>
#include <weir/tty.h>

#include "test/runner.h"

static int speaks(void *arg) {
    struct weir_pty_options o = {.size = sizeof o, .raw = true};
    struct weir_stream *device, *port;
    char url[160], got[8];
    int slave;
    assert_int_equal(weir_pty_open(&o, &device, &slave), 0);
    int n = snprintf(url, sizeof url, "serial://");
    assert_int_equal(ttyname_r(slave, url + n, 64), 0);
    strcat(url, "?baud=115200");
    assert_int_equal(weir_dial(url, NULL, &port), 0);
    close(slave);
    assert_int_equal(weir_write(port, "hello", 5), 0);
    assert_int_equal(weir_read_exactly(device, got, 5), 0);
    assert_memory_equal(got, "hello", 5);
    weir_close(&device);
    assert_int_equal(weir_read(port, got, 1), WEIR_EUNPLUGGED);
    weir_close(&port);
    assert_int_equal(weir_dial("serial:///dev/null?baud=fast", NULL, &port), WEIR_EURL);
    assert_int_equal(weir_dial("serial:///dev/null", NULL, &port), -ENOTTY);
    return 0;
}

WEIR_TEST_BACKENDS(a_serial_port_is_dialled_with_its_settings) {
    if (strcmp(test_backend, "sim") == 0)
        runner_skip("a simulation has no serial ports");
    assert_int_equal(weir_run(speaks, NULL, NULL), 0);
}
