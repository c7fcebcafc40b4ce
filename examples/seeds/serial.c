/* SPDX-License-Identifier: MIT */
/* serial - how a device with a descriptor gets a call that tasks can await: a reader callback
 * resolves a future. The device is a pipe here. */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>
#include <weir/weir.h>

static int ends[2];
static struct weir_future *reading; /* a reference while the descriptor is watched */

static void read_ready(void *arg) {
    char text[16] = "";
    struct weir_future *f = reading;
    (void)arg;
    weir_remove_reader(ends[0]);
    reading = NULL;
    if (read(ends[0], text, sizeof text - 1) > 0)
        weir_future_resolve(f, text);
    else
        weir_future_fail(f, -EIO);
    weir_future_unref(&f);
}

static int serial_read(struct weir_future **ret_f) {
    int rc = weir_future_new(16, ret_f);
    if (rc < 0)
        return rc;
    if ((rc = weir_add_reader(ends[0], read_ready, NULL)) < 0)
        weir_future_unref(ret_f);
    else
        reading = weir_future_ref(*ret_f);
    return rc;
}

static int writes(void *args) {
    (void)args;
    int rc = weir_sleep(WEIR_MILLISECONDS(5));
    return rc < 0 || write(ends[1], "ready", 5) == 5 ? rc : -EIO;
}

static int program(void *arg) {
    struct weir_future *f = NULL;
    char text[16];
    (void)arg;
    int rc = serial_read(&f);
    if (rc == 0)
        rc = weir_go0(NULL, writes);
    if (rc == 0 && (rc = weir_future_await(f, text)) == 0)
        printf("read %s\n", text);
    weir_future_unref(&f);
    return rc;
}

int main(void) {
    return pipe(ends) < 0 || weir_run(program, NULL, NULL) < 0;
}
