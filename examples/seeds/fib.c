/* SPDX-License-Identifier: MIT */
/* fib - numbers come on stdin, one a line; a reader callback answers each with its Fibonacci
 * number. The end of stdin ends the program. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <weir/weir.h>

static char line[256];
static size_t len;

static unsigned long long fib(int n) {
    unsigned long long a = 0, b = 1;
    for (int i = 0; i < n; i++) {
        unsigned long long next = a + b;
        a = b;
        b = next;
    }
    return a;
}

static void answer(const char *text) {
    int n = atoi(text);
    if (n >= 0 && n <= 93)
        printf("fib(%d) = %llu\n", n, fib(n));
    else
        printf("fib: 0 to 93, not %s\n", text);
}

static void process_input(void *loop) {
    ssize_t n = read(STDIN_FILENO, line + len, sizeof line - 1 - len);
    if (n <= 0) {
        weir_remove_reader(STDIN_FILENO);
        weir_loop_stop(loop);
        return;
    }
    len += (size_t)n;
    for (char *end; (end = memchr(line, '\n', len)) != NULL;) {
        *end = '\0';
        answer(line);
        len -= (size_t)(end + 1 - line);
        memmove(line, end + 1, len);
    }
    if (len == sizeof line - 1)
        len = 0; /* no number is that long */
}

int main(void) {
    struct weir_loop *loop;
    if (weir_loop_open(NULL, &loop) < 0)
        return 1;
    int rc = weir_add_reader(STDIN_FILENO, process_input, loop);
    if (rc < 0)
        fprintf(stderr, "fib: %s\n", weir_error_message(rc));
    else
        rc = weir_run_forever(loop);
    weir_loop_close(&loop);
    return rc < 0;
}
