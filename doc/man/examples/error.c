/* SPDX-License-Identifier: MIT */
/* Shows: weir_error weir_error_message weir_fail WEIR_EUSER WEIR_MUST_USE weir-error */
#include <stdio.h>
#include <weir/weir.h>

enum { METER_SILENT = WEIR_EUSER - 1 }; /* a code of the program's own */

static WEIR_MUST_USE int reading(double *ret_value) {
    struct weir_stream *meter = NULL;
    int rc = weir_dial("tcp://localhost:1", NULL, &meter);
    if (rc < 0) /* say what it means here; the reason stays in the text */
        return weir_fail(rc, "no reading: %s", weir_error_message(rc));
    *ret_value = 0;
    rc = weir_read_exactly(meter, ret_value, sizeof *ret_value);
    weir_close(&meter);
    return rc == WEIR_EEOF ? weir_fail(METER_SILENT, "the meter sent nothing") : rc;
}

static int program(void *arg) {
    double value;
    int rc = reading(&value);
    if (rc < 0) {
        const struct weir_error *e = weir_error(rc);
        printf("%s\n", weir_error_message(rc));
        if (e != NULL && e->code == -ECONNREFUSED)
            printf("task %s, on %s\n", e->where, e->on);
    }
    return 0;
}

int main(void) {
    return weir_run(program, NULL, NULL);
}
