/* SPDX-License-Identifier: MIT */
/* Shows: weir_serial_open weir_serial_set weir_serial_get weir_serial_drain weir_serial_flush
 * weir_serial_break weir_serial_options weir_parity weir_flow weir-serial */
#include <stdio.h>
#include <unistd.h>
#include <weir/weir.h>

static int talk(struct weir_stream *port) {
    struct weir_serial_options faster = {.size = sizeof faster, .baud = 250000};
    struct weir_serial_options now = {.size = sizeof now};
    int rc = weir_serial_flush(port, true, false); /* what came before is not for us */
    if (rc == 0)
        rc = weir_write(port, "AT\r", 3);
    if (rc == 0)
        rc = weir_serial_drain(port); /* the last byte goes at the old speed */
    if (rc == 0)
        rc = weir_serial_set(port, &faster);
    if (rc == 0)
        rc = weir_serial_break(port, WEIR_MILLISECONDS(1));
    if (rc == 0 && (rc = weir_serial_get(port, &now)) == 0)
        printf("%d baud, %d bits, parity %s, flow control %s\n", now.baud, now.bits,
               now.parity == WEIR_PARITY_NONE ? "none" : "some",
               now.flow == WEIR_FLOW_NONE ? "none" : "some");
    return rc;
}

/* The device is the other side of a pseudo-terminal: else "serial:///dev/ttyUSB0?baud=...". */
static int program(void *arg) {
    WEIR_AUTO(weir_close) struct weir_stream *device = NULL;
    WEIR_AUTO(weir_close) struct weir_stream *port = NULL;
    char url[96];
    int slave, rc = weir_pty_open(NULL, &device, &slave);
    if (rc < 0)
        return rc;
    snprintf(url, sizeof url, "serial://%s?baud=9600&stop=2", ttyname(slave));
    rc = weir_serial_open(url, &port);
    close(slave);
    return rc == 0 ? talk(port) : rc;
}

int main(void) {
    return weir_run(program, NULL, NULL) < 0;
}
