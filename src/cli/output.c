/* SPDX-License-Identifier: MIT */
/* output.c - a file has one writer at a time, so the tasks that print take turns, in the order in
 * which they asked: turn_take, turn_give. A pipe or terminal takes a line in pieces. */
#include "cli/output.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "cli/color.h"
#include "sys/fds.h"

static const struct weir__what prints = {.text = "print", .kind = WEIR__ON_SYNC};

static int turn_take(struct turn *t) {
    int rc = weir__suspend_enter("print");
    if (rc < 0)
        return rc;
    if (t->taken)
        return (int)weir__waitq_wait(&t->waiting, NULL, &prints, t);
    t->taken = true;
    return 0;
}

/* The task that has waited longest gets the turn: none that comes later gets it before. */
static void turn_give(struct turn *t) {
    WEIR_CHECK(t->taken);
    if (weir__waitq_grant(&t->waiting) == NULL)
        t->taken = false;
}

/* As under `2>&1`, and on a terminal. */
static bool is_one_file(int a, int b) {
    struct stat one, other;
    return fstat(a, &one) == 0 && fstat(b, &other) == 0 && one.st_dev == other.st_dev &&
           one.st_ino == other.st_ino;
}

static bool wants_color(enum output_color color, int fd) {
    const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
    if (color != OUTPUT_AUTO)
        return color == OUTPUT_ALWAYS;
    return isatty(fd) && (no == NULL || no[0] == '\0') &&
           (term == NULL || strcmp(term, "dumb") != 0);
}

static int stream_of_copy(int fd, struct weir_stream **ret_stream) {
    int copy = weir__fd_lift(fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
    if (copy < 0)
        return copy;
    int rc = weir_stream_from_fd(copy, ret_stream);
    if (rc < 0)
        close(copy);
    return rc;
}

int output_init(struct output *o, enum output_color color) {
    int rc = 0;
    *o = (struct output){.width = 0};
    o->outlets[0].turn = &o->turns[0];
    o->outlets[1].turn = &o->turns[!is_one_file(STDOUT_FILENO, STDERR_FILENO)];
    for (int i = 0; i < 2; i++) {
        o->outlets[i].colored = wants_color(color, STDOUT_FILENO + i);
        if (rc == 0)
            rc = stream_of_copy(STDOUT_FILENO + i, &o->outlets[i].stream);
    }
    if (rc < 0)
        output_fini(o);
    return rc;
}

void output_fini(struct output *o) {
    WEIR_CHECK(!o->turns[0].taken && !o->turns[1].taken);
    weir_close(&o->outlets[0].stream);
    weir_close(&o->outlets[1].stream);
}

int output_line(struct output *o, bool to_err, const char *name, size_t number, const char *line,
                size_t len) {
    static const char *const colors[] = {"\033[36m", "\033[33m", "\033[32m",
                                         "\033[35m", "\033[34m", "\033[91m"};
    struct outlet *out = &o->outlets[to_err];
    int rc = turn_take(out->turn);
    if (rc < 0)
        return rc;
    int used = snprintf(out->line, sizeof out->line, "%s%-*s |%s ",
                        out->colored ? colors[number % (sizeof colors / sizeof colors[0])] : "",
                        o->width, name, out->colored ? "\033[0m" : "");
    WEIR_CHECK(used > 0 && (size_t)used + COLOR_ENDING_MAX + 1 < sizeof out->line);
    size_t at = (size_t)used, room = sizeof out->line - at - COLOR_ENDING_MAX - 1;
    len = len < room ? len : room;
    memcpy(out->line + at, line, len);
    char *end = stpcpy(out->line + at + len, color_ending(line, len));
    *end++ = '\n';
    rc = weir_write(out->stream, out->line, (size_t)(end - out->line));
    turn_give(out->turn);
    return rc;
}

int output_text(struct output *o, bool to_err, const char *text, size_t len) {
    struct outlet *out = &o->outlets[to_err];
    int rc = turn_take(out->turn);
    if (rc < 0)
        return rc;
    WEIR_CHECK(out->turn->taken && out->stream != NULL);
    rc = weir_write(out->stream, text, len);
    turn_give(out->turn);
    return rc;
}
