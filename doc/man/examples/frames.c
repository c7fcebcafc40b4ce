/* SPDX-License-Identifier: MIT */
/* Shows: weir-frame weir_frames weir_framer weir_framing weir_frames_open weir_frames_next
 * weir_frames_close weir_framer_open weir_framer_next weir_framer_end weir_framer_close
 * weir_frame_write weir_printf weir_vprintf weir_frame_kind */
/* A client asks by lines, and the server answers by frames behind a length. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <weir/weir.h>

static const struct weir_framing answers = {.size = sizeof answers, .kind = WEIR_FRAME_LENGTH,
                                            .length_bytes = 2, .max = 1000};

static int serve(struct weir_stream *s) {
    struct weir_frames lines;
    struct weir_view line;
    int rc = weir_frames_open(&lines, s, NULL);
    if (rc < 0)
        return rc;
    while ((rc = weir_frames_next(&lines, &line)) == 1) {
        rc = weir_frame_write(s, &answers, line.base, line.len);
        if (rc < 0)
            break;
    }
    weir_frames_close(&lines);
    return rc;
}

struct serve_task_args {
    struct weir_stream *s;
};

static int serve_task(void *args) {
    const struct serve_task_args *a = args;
    return serve(a->s);
}

/* A reactive server, or a callback, is given its bytes: a framer finds the frames in them. */
static int find_frames(const void *bytes, size_t len) {
    struct weir_framer f;
    struct weir_view in = {bytes, len}, frame;
    int rc = weir_framer_open(&f, &answers);
    if (rc < 0)
        return rc;
    while ((rc = weir_framer_next(&f, &in, &frame)) == 1)
        printf("found %.*s\n", (int)frame.len, (const char *)frame.base);
    if (rc == 0)
        rc = weir_framer_end(&f, &frame); /* WEIR_EEOF, if the last one has not come whole */
    weir_framer_close(&f);
    return rc;
}

/* A function of the program's own that formats. */
static __attribute__((format(printf, 2, 3))) int tell(struct weir_stream *s, const char *format,
                                                      ...) {
    va_list args;
    va_start(args, format);
    int rc = weir_vprintf(s, format, args);
    va_end(args);
    return rc == 0 ? weir_printf(s, "%s", "\n") : rc;
}

static int ask(struct weir_stream *s) {
    struct weir_frames frames;
    struct weir_view frame;
    int rc = tell(s, "%s, %s", "hello", "world");
    if (rc < 0 || (rc = weir_frames_open(&frames, s, &answers)) < 0)
        return rc;
    rc = weir_frames_next(&frames, &frame);
    if (rc == 1)
        printf("answer %.*s\n", (int)frame.len, (const char *)frame.base);
    weir_frames_close(&frames);
    return rc == 1 ? 0 : -EPROTO;
}

static int program(void *arg) {
    struct weir_stream *a, *b;
    struct weir_group g;
    int rc = weir_memory_pair(0, &a, &b);
    if (rc < 0)
        return rc;
    weir_group_open(&g, WEIR_TOGETHER);
    rc = weir_go(&g, serve_task, .s = b);
    if (rc == 0)
        rc = ask(a);
    weir_close(&a);
    rc = weir_group_close(&g, rc);
    weir_close(&b);
    return rc < 0 ? rc : find_frames("\0\3one\0\3two", 10);
}

int main(void) {
    return weir_run(program, NULL, NULL) < 0;
}
