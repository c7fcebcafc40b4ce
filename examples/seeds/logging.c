/* SPDX-License-Identifier: MIT */
/* logging - the library's log goes where the program wants it, and so do the program's own lines:
 * into memory here, away from standard output and error, which may belong to somebody else. */
#include <stdio.h>
#include <string.h>
#include <weir/weir.h>

static struct weir_logger robot = WEIR_LOGGER("robot", WEIR_LOG_INFO);
static int lines, of_weir;

static void collects(const struct weir_log_line *line, void *arg) {
    static const char *const levels[] = {"error", "warning", "info", "debug"};
    (void)arg;
    lines++;
    if (strcmp(line->logger, "weir") == 0)
        of_weir++;
    else
        printf("collected: %s %s: %s\n", levels[line->level], line->logger, line->text);
}

struct fails_args { int code; };
static int fails(void *args) {
    (void)args;
    return weir_fail(WEIR_EUSER, "the arm is stuck");
}

static int program(void *arg) {
    (void)arg;
    weir_log(&robot, WEIR_LOG_INFO, "arm %d goes up", 1);
    weir_log(&robot, WEIR_LOG_DEBUG, "below the level of its logger");
    return weir_go(NULL, fails, .code = 1); /* nobody awaits it: the library logs its error */
}

int main(void) {
    int sink = weir_log_add(collects, NULL);
    if (sink < 0)
        return 1;
    weir_log_remove(0); /* the sink that writes to standard error */
    int rc = weir_run(program, NULL, NULL);
    weir_log_remove(sink);
    printf("%d lines, %d of the library\n", lines, of_weir);
    return rc < 0;
}
