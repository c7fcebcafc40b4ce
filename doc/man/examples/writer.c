/* SPDX-License-Identifier: MIT */
/* Shows: weir_writer weir_writer_open weir_writer_write weir_writer_printf weir_writer_vprintf
 * weir_writer_flush weir_writer_close */
/* Ten small writes of one turn, one write to the stream. */
#include <stdarg.h>
#include <stdio.h>
#include <weir/weir.h>

/* A function of the program's own that formats. */
static __attribute__((format(printf, 2, 3))) int tell(struct weir_writer *w, const char *format,
                                                      ...) {
    va_list args;
    va_start(args, format);
    int rc = weir_writer_vprintf(w, format, args);
    va_end(args);
    return rc;
}

static int report(struct weir_stream *s) {
    struct weir_writer *w;
    int rc = weir_writer_open(s, 0, &w);
    if (rc < 0)
        return rc;
    for (int i = 0; i < 10 && rc == 0; i++)
        rc = weir_writer_printf(w, "%d ", i);
    if (rc == 0)
        rc = tell(w, "%s of them, ", "ten");
    if (rc == 0)
        rc = weir_writer_write(w, "end\n", 4);
    if (rc == 0)
        rc = weir_writer_flush(w); /* or the close drops what the stream has no room for */
    weir_writer_close(&w);
    return rc;
}

static int program(void *arg) {
    struct weir_stream *a, *b;
    char line[80];
    int rc = weir_memory_pair(0, &a, &b);
    if (rc < 0)
        return rc;
    rc = report(a);
    if (rc == 0 && weir_read_until(b, '\n', line, sizeof line) > 0)
        fputs(line, stdout);
    weir_close(&a);
    weir_close(&b);
    return rc;
}

int main(void) {
    return weir_run(program, NULL, NULL) < 0;
}
