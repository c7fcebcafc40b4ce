/* SPDX-License-Identifier: MIT */
/* Shows: weir-log weir_log weir_log_wants weir_log_rules weir_log_add weir_log_add_fd
 * weir_log_remove weir_log_out WEIR_LOGGER */
#include <stdio.h>
#include <unistd.h>
#include <weir/weir.h>

static struct weir_logger net = WEIR_LOGGER("net", WEIR_LOG_WARNING);
static struct weir_logger workers = WEIR_LOGGER("workers", WEIR_LOG_INFO);

static void count(const struct weir_log_line *line, void *arg) {
    if (line->level == WEIR_LOG_ERROR)
        ++*(int *)arg;
}

static int program(void *arg) {
    (void)arg;
    weir_log(&net, WEIR_LOG_ERROR, "lost %s after %d s", "meter-3", 12);
    if (weir_log_wants(&net, WEIR_LOG_DEBUG)) /* before what is costly */
        weir_log(&net, WEIR_LOG_DEBUG, "%s", "all that is known of meter-3");
    return 0;
}

int main(void) {
    int errors = 0, counts = weir_log_add(count, &errors);
    int json = weir_log_add_fd(STDERR_FILENO, WEIR_LOG_JSON);
    weir_log_remove(0);                   /* no plain lines as well */
    weir_out_to(weir_log_out, &workers);  /* stdout is for this program's protocol */
    if (weir_log_rules("net=debug,*=warning") < 0)
        return 1;
    int rc = weir_run(program, NULL, NULL);
    if (weir_log_remove(json) > 0)
        printf("standard error was too slow for some lines\n");
    weir_log_remove(counts);
    weir_out_to(NULL, NULL);
    return rc < 0 || errors != 1;
}
