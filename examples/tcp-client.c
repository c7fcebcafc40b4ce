/* SPDX-License-Identifier: MIT */
/* tcp-client - send one line to a server that answers by lines, print the answer:
 *
 *   tcp-client tcp://127.0.0.1:7000 hello */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <weir/loop.h>
#include <weir/stream.h>
#include <weir/task.h>

enum { LINE_MAX_LENGTH = 4096 };

/* Control characters from the server must not reach the terminal. */
static void print_answer(const char *answer, size_t len) {
    for (size_t i = 0; i < len; i++) {
        bool is_plain = answer[i] == '\n' || (answer[i] >= ' ' && answer[i] < 0x7f);
        putchar(is_plain ? answer[i] : '?');
    }
}

static int talk(const char *url, const char *line) {
    WEIR_AUTO(weir_close) struct weir_stream *s = NULL;
    char answer[LINE_MAX_LENGTH];
    int rc = weir_dial(url, NULL, &s);
    if (rc == 0)
        rc = weir_write(s, line, strlen(line));
    if (rc == 0)
        rc = weir_write(s, "\n", 1);
    if (rc < 0)
        return rc;
    ssize_t n = weir_read_until(s, '\n', answer, sizeof answer);
    if (n > 0)
        print_answer(answer, (size_t)n);
    return n < 0 ? (int)n : n == 0 ? WEIR_EEOF : 0;
}

/* All of it, name look-up and connecting included, has five seconds. */
static int client(void *arg) {
    char **argv = arg;
    struct weir_scope patience;
    weir_scope_enter(&patience, WEIR_SECONDS(5));
    int rc = talk(argv[1], argv[2]);
    if (rc < 0)
        fprintf(stderr, "tcp-client: %s\n", weir_error_message(rc));
    return weir_scope_leave(&patience, rc);
}

int main(int argc, char **argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: tcp-client URL LINE\n");
        return 2;
    }
    return weir_run(client, argv, NULL) < 0;
}
