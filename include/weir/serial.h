/* SPDX-License-Identifier: MIT */
/* serial.h - serial ports: a stream of bytes with a speed and modem lines, whose device can be
 * unplugged.
 *
 * Loop thread only, except where a contract says otherwise. A simulation has no serial ports: let
 * the program take a stream as an argument, and give it one end of weir_memory_pair there. */
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
    WEIR_FLOW_RTSCTS, /* by the lines RTS and CTS */
    WEIR_FLOW_XONXOFF /* by the bytes 0x11 and 0x13, which then cannot be sent */
};

/* The settings of a port. */
struct weir_serial_options { /* zero: weir_serial_set leaves the setting as it is */
    size_t size; /* sizeof (struct weir_serial_options) */
    int baud;    /* any number that the port can make, not only the usual ones */
    int bits;    /* 5 to 8 */
    int stop;    /* stop bits: 1 or 2 */
    enum weir_parity parity;
    enum weir_flow flow;
};

/* Open a port by a URL, such as serial:///dev/ttyUSB0?baud=115200&bits=8&parity=even. The path is
 * taken as it is, up to the `?`. Behind it may stand settings, joined by `&`. The default comes
 * first:
 *   baud=9600      or any other number
 *   bits=8|7|6|5
 *   parity=none|even|odd|mark|space
 *   stop=1|2
 *   flow=none|rtscts|xonxoff
 *   exclusive=yes|no   yes: no other program can open it meanwhile
 * The port is set raw, so each byte is read as it comes. Bytes that had come before are dropped. It
 * does not become the controlling terminal, and keeps its settings when it is closed. When the
 * device is unplugged, or the other side of a pseudo-terminal is closed, reads and writes return
 * WEIR_EUNPLUGGED: a port has no end of stream. The caller must close *ret_stream.
 * Returns 0; WEIR_EURL (weir_error says which part is wrong), -ENOENT, -EACCES, -ENXIO, -EBUSY
 * (another program has it exclusively), -ENOTTY (not a serial port), -EINVAL (the port cannot do
 * one of the settings; weir_error says which), WEIR_EUNPLUGGED, -EMFILE, -ENOMEM, WEIR_ESIMREFUSED
 * (in a simulation), WEIR_ENOLOOP. On error *ret_stream is untouched. */
WEIR_API int weir_serial_open(const char *url, struct weir_stream **ret_stream);

/* Change the settings of an open port. They hold for all bytes from now on, also for written bytes
 * that have not left yet: see weir_serial_drain. weir_serial_get fills *ret with the settings that
 * hold; the caller sets ret->size before.
 * Returns 0; -ENOTTY (not a serial port), -EINVAL (no such value, or the port cannot do it),
 * WEIR_EUNPLUGGED, WEIR_EFORKED. After an error of weir_serial_set some settings may have changed.
 * After one of weir_serial_get *ret is untouched. */
WEIR_API int weir_serial_set(struct weir_stream *s, const struct weir_serial_options *options);
WEIR_API int weir_serial_get(struct weir_stream *s, struct weir_serial_options *ret);

/* The modem lines, as bits. This side sets DTR and RTS, the far side sets the others. */
enum weir_serial_line {
    WEIR_LINE_DTR = 1 << 0, /* data terminal ready: out */
    WEIR_LINE_RTS = 1 << 1, /* request to send: out; the port sets it under WEIR_FLOW_RTSCTS */
    WEIR_LINE_CTS = 1 << 2, /* clear to send: in */
    WEIR_LINE_DSR = 1 << 3, /* data set ready: in */
    WEIR_LINE_DCD = 1 << 4, /* carrier detected: in */
    WEIR_LINE_RI = 1 << 5   /* ring indicator: in */
};

/* Get the lines that are on.
 * Returns their bits of enum weir_serial_line; -ENOTTY (no such lines, as of a pseudo-terminal),
 * WEIR_EUNPLUGGED, WEIR_EFORKED. */
WEIR_API int weir_serial_lines(struct weir_stream *s);

/* Switch DTR and RTS on and off. on and off are bits of enum weir_serial_line.
 * Returns 0; -EINVAL (another line, or one in both), -ENOTTY, WEIR_EUNPLUGGED, WEIR_EFORKED. */
WEIR_API int weir_serial_set_lines(struct weir_stream *s, unsigned on, unsigned off);

/* Wait until one of these lines of the far side changes. The library looks at the port a hundred
 * times a second. If the driver counts the changes, as those of real ports do, a short pulse is
 * seen too. Changes between two calls are not seen.
 * Returns the bits of the lines that have changed; -EINVAL (DTR, RTS, or none), -ENOTTY,
 * WEIR_EUNPLUGGED, WEIR_ECLOSED (closed meanwhile), -ECANCELED, -ETIME, WEIR_ENOLOOP. */
WEIR_SUSPENDS int weir_serial_wait_lines(struct weir_stream *s, unsigned lines);

/* Send a break: hold the line at 0 for duration_ns, which should be longer than a byte takes.
 * Returns 0; -ENOTTY, WEIR_EUNPLUGGED, WEIR_ECLOSED (closed meanwhile), -ECANCELED, -ETIME,
 * WEIR_ENOLOOP. On cancel, and when the port is closed, the break ends at once. */
WEIR_SUSPENDS int weir_serial_break(struct weir_stream *s, weir_ns duration_ns);

/* Wait until all bytes that were written have left the port, as far as its driver knows.
 * Returns 0; -ENOTTY, WEIR_EUNPLUGGED, WEIR_ECLOSED (closed meanwhile), -ECANCELED, -ETIME,
 * WEIR_ENOLOOP. */
WEIR_SUSPENDS int weir_serial_drain(struct weir_stream *s);

/* Drop the bytes that were received and not read (in), and those that were written and not sent
 * (out). Never suspends. While a weir_frames reads s, close that before a flush of in.
 * Returns 0; -EBUSY (in: a task reads), -ENOTTY, WEIR_EUNPLUGGED, WEIR_EFORKED. */
WEIR_API int weir_serial_flush(struct weir_stream *s, bool in, bool out);

/* A serial port of this machine. "" or 0: not known. */
struct weir_serial_port {
    char path[64];    /* "/dev/ttyUSB0" */
    char driver[32];  /* "ftdi_sio" */
    unsigned vendor_id, product_id; /* of USB */
    char product[64]; /* of USB: "FT232R USB UART" */
    char serial[64];  /* of USB: its serial number */
};

/* List the ports of this machine that have hardware behind them, ordered by path. The list comes
 * from sysfs. ret_ports has room for max of them. The call reads a few small files and never
 * suspends.
 * Returns how many there are, possibly more than max; 0 without sysfs; -EMFILE, -ENOMEM. Any
 * thread. */
WEIR_API int weir_serial_ports(struct weir_serial_port *ret_ports, size_t max);

#ifdef __cplusplus
}
#endif
#endif
