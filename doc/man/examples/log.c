/* SPDX-License-Identifier: MIT */
/* Shows: weir_log_to weir_log_level_set weir_log_sink weir_log_level */
#include <stdio.h>
#include <weir/weir.h>

static void to_file(enum weir_log_level level, const char *line, void *arg) {
    fprintf(arg, "%s%s\n", level == WEIR_LOG_ERROR ? "error: " : "", line);
}

static int failing(void *arg) {
    return weir_fail(WEIR_EPROTO, "the meter sent no reading");
}

static int program(void *arg) {
    return weir_go0(NULL, failing); /* its error is logged: nobody awaits it */
}

int main(void) {
    FILE *log = tmpfile();
    if (log == NULL)
        return 1;
    weir_log_level_set(WEIR_LOG_INFO); /* the default hides what is less than a warning */
    weir_log_to(to_file, log);
    int rc = weir_run(program, NULL, NULL);
    weir_log_to(NULL, NULL); /* standard error again, before the file goes */
    long bytes = ftell(log);
    fclose(log);
    return rc < 0 || bytes <= 0;
}
