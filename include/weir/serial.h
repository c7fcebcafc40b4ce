/* SPDX-License-Identifier: MIT */
/* serial.h - serial ports: a stream with a speed, lines beside the bytes, and a plug.
 *
 * Loop thread only, except where a contract says otherwise. A simulation has no serial ports: let
 * the program take a stream, and give it an end of weir_memory_pair there. */
#ifndef WEIR_SERIAL_H
#define WEIR_SERIAL_H

#include <stdbool.h>
#include <weir/base.h>
#include <weir/stream.h>

#ifdef __cplusplus
extern "C" {
#endif

enum weir_parity {
    WEIR_PARITY_AS_IS, /* weir_serial_set: leave it */
    WEIR_PARITY_NONE,
    WEIR_PARITY_EVEN,
    WEIR_PARITY_ODD,
    WEIR_PARITY_MARK, /* always 1 */
    WEIR_PARITY_SPACE /* always 0 */
};

enum weir_flow {
    WEIR_FLOW_AS_IS, /* weir_serial_set: leave it */
    WEIR_FLOW_NONE,
    WEIR_FLOW_RTSCTS, /* by lines, in hardware */
    WEIR_FLOW_XONXOFF /* by the bytes 0x11 and 0x13, which then cannot be sent */
};

/* How a port speaks. */
struct weir_serial_options { /* zero: weir_serial_set leaves it as it is */
    size_t size; /* sizeof (struct weir_serial_options) */
    int baud;    /* any number that the port can make, not only the usual ones */
    int bits;    /* 5 to 8 */
    int stop;    /* stop bits: 1 or 2 */
    enum weir_parity parity;
    enum weir_flow flow;
};

/* Open a port by its URL: serial:///dev/ttyUSB0?baud=115200&bits=8&parity=even. The path is taken
 * as it is, up to the `?`. What may follow, joined by `&`, with the default first:
 *   baud=9600      or any other number
 *   bits=8|7|6|5
 *   parity=none|even|odd|mark|space
 *   stop=1|2
 *   flow=none|rtscts|xonxoff
 *   exclusive=yes|no   yes: nobody else can open it meanwhile
 * The port is set raw: each byte is read as it comes. Bytes that had come before are dropped. It
 * never becomes the controlling terminal, and keeps its settings when it is closed. One task may
 * read and one may write at a time, as of any stream. When the device is unplugged, or the other
 * side of a pseudo-terminal is closed, reads and writes return WEIR_EUNPLUGGED: a port has no end
 * of stream. The caller must close *ret_stream.
 * Returns 0; WEIR_EURL (the record says which part is wrong), -ENOENT, -EACCES, -ENXIO, -EBUSY
 * (somebody has it exclusively), -ENOTTY (no serial port), -EINVAL (the port does not do one of
 * these; the record says which), WEIR_EUNPLUGGED, -EMFILE, -ENOMEM, WEIR_ESIMREFUSED, WEIR_ENOLOOP.
 * On error *ret_stream is untouched. */
WEIR_API int weir_serial_open(const char *url, struct weir_stream **ret_stream);

/* Change how an open port speaks, for what is sent and received from now on; see also
 * weir_serial_drain. weir_serial_get fills all of *ret with what is set.
 * Returns 0; -ENOTTY (no serial port), -EINVAL (no such value, or the port does not do it),
 * WEIR_EUNPLUGGED, WEIR_EFORKED. After an error of set the port may speak in a new way in part. */
WEIR_API int weir_serial_set(struct weir_stream *s, const struct weir_serial_options *options);
WEIR_API int weir_serial_get(struct weir_stream *s, struct weir_serial_options *ret);

/* The lines beside the bytes, to be or-ed. DTR and RTS are set by this side, the others by the far
 * side. */
enum weir_serial_line {
    WEIR_LINE_DTR = 1 << 0, /* data terminal ready: out */
    WEIR_LINE_RTS = 1 << 1, /* request to send: out; the port sets it under WEIR_FLOW_RTSCTS */
    WEIR_LINE_CTS = 1 << 2, /* clear to send: in */
    WEIR_LINE_DSR = 1 << 3, /* data set ready: in */
    WEIR_LINE_DCD = 1 << 4, /* carrier detected: in */
    WEIR_LINE_RI = 1 << 5   /* the telephone rings: in */
};

/* Which lines are on.
 * Returns the bits of weir_serial_line; -ENOTTY (no such lines: a pseudo-terminal),
 * WEIR_EUNPLUGGED, WEIR_EFORKED. */
WEIR_API int weir_serial_lines(struct weir_stream *s);

/* Switch lines on and off: DTR and RTS.
 * Returns 0; -EINVAL (another line, or one in both), -ENOTTY, WEIR_EUNPLUGGED, WEIR_EFORKED. */
WEIR_API int weir_serial_set_lines(struct weir_stream *s, unsigned on, unsigned off);

/* Wait until one of these lines of the far side changes. The port is asked a hundred times a
 * second. Where the driver counts the changes, as those of real ports do, a short pulse is seen
 * too. Changes between two calls are not.
 * Returns the lines that have changed; -EINVAL (DTR, RTS, or none), -ENOTTY, WEIR_EUNPLUGGED,
 * WEIR_ECLOSED (s was closed meanwhile), -ECANCELED, -ETIME, WEIR_ENOLOOP. */
WEIR_SUSPENDS int weir_serial_wait_lines(struct weir_stream *s, unsigned lines);

/* Send a break: the line is held at 0 for so long, which is more than any byte has.
 * Returns 0; -ENOTTY, WEIR_EUNPLUGGED, WEIR_ECLOSED, -ECANCELED, -ETIME, WEIR_ENOLOOP. On cancel
 * the break was shorter. */
WEIR_SUSPENDS int weir_serial_break(struct weir_stream *s, weir_ns duration_ns);

/* Wait until all that was written has left the port, as far as its driver knows.
 * Returns 0; -ENOTTY, WEIR_EUNPLUGGED, WEIR_ECLOSED, -ECANCELED, -ETIME, WEIR_ENOLOOP. */
WEIR_SUSPENDS int weir_serial_drain(struct weir_stream *s);

/* Drop what was received and not read (in), and what was written and not sent (out).
 * Returns 0; -EBUSY (in: a task reads), -ENOTTY, WEIR_EUNPLUGGED, WEIR_EFORKED. */
WEIR_API int weir_serial_flush(struct weir_stream *s, bool in, bool out);

/* A serial port of this machine. What is not known is "" or 0. */
struct weir_serial_port {
    char path[64];    /* "/dev/ttyUSB0" */
    char driver[32];  /* "ftdi_sio" */
    unsigned vendor_id, product_id; /* of USB */
    char product[64]; /* of USB: "FT232R USB UART" */
    char serial[64];  /* of USB: its serial number */
};

/* List the ports of this machine that have hardware behind them, ordered by path, from sysfs.
 * ret_ports has room for max of them. It reads a few small files; any thread.
 * Returns how many there are, which may be more than max; 0 without sysfs; -EMFILE, -ENOMEM. */
WEIR_API int weir_serial_ports(struct weir_serial_port *ret_ports, size_t max);

#ifdef __cplusplus
}
#endif
#endif
