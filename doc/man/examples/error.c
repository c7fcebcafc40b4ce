/* SPDX-License-Identifier: MIT */
/* Shows: weir_error weir_error_message weir_fail */
#include <stdio.h>
#include <weir/weir.h>

static int reading(double *ret_value) {
    struct weir_stream *meter = NULL;
    int rc = weir_dial("tcp://localhost:1", NULL, &meter);
    if (rc < 0) /* say what it means here; the reason stays in the text */
        return weir_fail(rc, "no reading: %s", weir_error_message(rc));
    *ret_value = 0;
    weir_close(&meter);
    return 0;
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
