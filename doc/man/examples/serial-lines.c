/* SPDX-License-Identifier: MIT */
/* Shows: weir_serial_ports weir_serial_lines weir_serial_set_lines weir_serial_wait_lines
 * weir_serial_port weir_serial_line */
#include <stdio.h>
#include <weir/weir.h>

/* Resets the board behind a port, as many are wired, and waits until it is there again. */
static int reset_board(const char *path) {
    WEIR_AUTO(weir_close) struct weir_stream *port = NULL;
    char url[96];
    snprintf(url, sizeof url, "serial://%.63s?baud=115200", path);
    int rc = weir_serial_open(url, &port);
    if (rc == 0)
        rc = weir_serial_set_lines(port, 0, WEIR_LINE_DTR);
    if (rc == 0)
        rc = weir_sleep(WEIR_MILLISECONDS(100));
    if (rc == 0)
        rc = weir_serial_set_lines(port, WEIR_LINE_DTR, 0);
    while (rc >= 0 && ((rc = weir_serial_lines(port)) & WEIR_LINE_DSR) == 0)
        rc = rc < 0 ? rc : weir_serial_wait_lines(port, WEIR_LINE_DSR);
    return rc < 0 ? rc : 0;
}

static int program(void *arg) {
    struct weir_serial_port ports[16];
    int n = weir_serial_ports(ports, 16);
    for (int i = 0; i < n && i < 16; i++) {
        printf("%s %s %s\n", ports[i].path, ports[i].driver, ports[i].product);
        if (ports[i].vendor_id == 0x2341) /* the maker of a well-known board */
            n = reset_board(ports[i].path);
    }
    return n < 0 ? n : 0;
}

int main(void) {
    return weir_run(program, NULL, NULL) < 0;
}
