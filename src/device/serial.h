/* SPDX-License-Identifier: MIT */
/* serial.h - what the files of serial ports share.
 *   serial.c -> serial_url.c (text), serial_mode.c (settings)
 *   serial_lines.c: modem lines, break, drain, flush
 *   all but the text -> serial_control.c (ioctl) */
#ifndef WEIR_DEVICE_SERIAL_H
#define WEIR_DEVICE_SERIAL_H

#include <weir/serial.h>

#include "stream/fd.h"

enum { WEIR__SERIAL_PATH_MAX = 280 }; /* /dev/serial/by-id/ and a name as long as names may be */

struct weir__serial_url {
    char path[WEIR__SERIAL_PATH_MAX];
    struct weir_serial_options mode; /* all set */
    bool shared;
};

/* Read a URL. Returns 0; WEIR_EURL, with *ret_why set to a static text. */
int weir__serial_url(const char *url, struct weir__serial_url *ret, const char **ret_why);

/* An open port. Calls that wait hold a reference, since the stream may be closed meanwhile. */
struct weir__port {
    unsigned refs;
    int fd; /* -1: closed */
    bool claimed;
    unsigned breaks; /* calls that hold a break now */
    char path[WEIR__SERIAL_PATH_MAX];
};

/* The port of a stream. Returns 0; -ENOTTY, WEIR_EFORKED: an error is recorded. */
int weir__serial_port(struct weir_stream *s, const char *call, struct weir__port **ret_port);
void weir__serial_port_unref(struct weir__port *p);

static inline bool weir__serial_is_unplugged(int64_t rc) {
    return rc == -EIO || rc == -ENXIO || rc == -ENODEV;
}

/* ioctl(2). Returns 0; a negative errno; WEIR_EUNPLUGGED. */
int weir__serial_control(int fd, unsigned long request, void *arg);

/* What it calls; a test plays a port with lines and parity, which pseudo-terminals have not. */
extern int (*weir__serial_ioctl)(int fd, unsigned long request, void *arg);

/* Record an error of a port. Returns rc. */
int weir__serial_fail(int rc, const char *call, const struct weir__port *p);

/* Change what is set in o, and look whether the port does it. raw: make it raw first. Returns 0;
 * -EINVAL, with *ret_why set to a static text; an error of weir__serial_control. */
int weir__serial_mode_set(int fd, const struct weir_serial_options *o, bool raw,
                          const char **ret_why);
int weir__serial_mode_get(int fd, struct weir_serial_options *ret);

/* Where weir_serial_ports looks: "/sys/class/tty", or what a test has put there. */
extern const char *weir__serial_sysfs;

#endif
