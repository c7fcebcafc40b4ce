/* SPDX-License-Identifier: MIT */
/* redis - the protocol of Redis by hand: a command is an array of strings, and each string stands
 * behind its length. The server here is a small fake in memory; with a URL as its argument, such as
 * tcp://localhost:6379, the program asks a real one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weir/weir.h>

enum { WORDS = 3, SIZE = 64 };

/* Read a line without its end. */
static int read_line(struct weir_stream *s, char *line, size_t size) {
    ssize_t n = weir_read_until(s, '\n', line, size);
    if (n < 2)
        return n < 0 ? (int)n : WEIR_EEOF;
    line[n - 2] = '\0';
    return 0;
}

/* Read the bytes of a string of len bytes, and the end of line behind it. */
static int read_bulk(struct weir_stream *s, char *text, int len) {
    if (len < 0 || len > SIZE - 3)
        return WEIR_ETOOBIG;
    int rc = weir_read_exactly(s, text, (size_t)len + 2);
    text[rc < 0 ? 0 : len] = '\0';
    return rc;
}

/* ---- the client ---- */

/* Ask in small writes; the writer sends them in one piece. */
static int ask(struct weir_writer *w, int count, const char *const words[]) {
    int rc = weir_writer_printf(w, "*%d\r\n", count);
    for (int i = 0; i < count && rc == 0; i++)
        rc = weir_writer_printf(w, "$%zu\r\n%s\r\n", strlen(words[i]), words[i]);
    return rc;
}

/* The first byte of a reply is its kind. */
static int show_reply(struct weir_stream *s) {
    char line[SIZE], text[SIZE];
    int rc = read_line(s, line, sizeof line);
    if (rc < 0)
        return rc;
    int number = atoi(line + 1);
    if (line[0] == '$' && number >= 0 && (rc = read_bulk(s, text, number)) < 0)
        return rc;
    switch (line[0]) {
    case '+': printf("%s\n", line + 1); return 0;
    case '-': printf("error: %s\n", line + 1); return 0;
    case ':': printf("(integer) %d\n", number); return 0;
    case '$': printf("%s\n", number < 0 ? "(nil)" : text); return 0;
    default: return weir_fail(WEIR_EPROTO, "no reply of Redis: %s", line);
    }
}

static int client(const char *url) {
    static const struct command {
        int count;
        const char *words[WORDS];
    } commands[] = {{3, {"SET", "greeting", "hello"}},
                    {2, {"GET", "greeting"}},
                    {2, {"GET", "nothing"}},
                    {2, {"INCR", "visits"}},
                    {2, {"INCR", "visits"}},
                    {2, {"INCR", "greeting"}}};
    enum { COUNT = sizeof commands / sizeof commands[0] };
    WEIR_AUTO(weir_close) struct weir_stream *s = NULL;
    WEIR_AUTO(weir_writer_close) struct weir_writer *w = NULL;
    int rc = weir_dial(url, NULL, &s);
    if (rc == 0)
        rc = weir_writer_open(s, 0, &w);
    for (int i = 0; i < COUNT && rc == 0; i++) /* all questions, then all answers: a pipeline */
        rc = ask(w, commands[i].count, commands[i].words);
    for (int i = 0; i < COUNT && rc == 0; i++)
        rc = show_reply(s);
    return rc;
}

/* ---- the fake server ---- */

struct entry {
    char key[SIZE], value[SIZE];
};

static struct entry entries[8];

/* The entry of a key, or a free one. When all are used, the last one is forgotten. */
static struct entry *find(const char *key) {
    struct entry *e = entries;
    for (; e < &entries[8]; e++)
        if (e->key[0] == '\0' || strcmp(e->key, key) == 0)
            return e;
    entries[7] = (struct entry){0};
    return &entries[7];
}

static int reply(struct weir_stream *s, int count, char words[WORDS][SIZE]) {
    struct entry *e = find(words[1]);
    char *end;
    if (count == 3 && strcmp(words[0], "SET") == 0) {
        snprintf(e->key, SIZE, "%s", words[1]);
        snprintf(e->value, SIZE, "%s", words[2]);
        return weir_printf(s, "+OK\r\n");
    }
    if (count == 2 && strcmp(words[0], "GET") == 0)
        return e->key[0] == '\0' ? weir_printf(s, "$-1\r\n")
                                 : weir_printf(s, "$%zu\r\n%s\r\n", strlen(e->value), e->value);
    if (count != 2 || strcmp(words[0], "INCR") != 0)
        return weir_printf(s, "-ERR unknown command '%s'\r\n", words[0]);
    long number = strtol(e->value, &end, 10) + 1;
    if (*end != '\0')
        return weir_printf(s, "-ERR value is not an integer or out of range\r\n");
    snprintf(e->key, SIZE, "%s", words[1]);
    snprintf(e->value, SIZE, "%ld", number);
    return weir_printf(s, ":%ld\r\n", number);
}

static int serve(struct weir_stream *s) {
    char line[SIZE], words[WORDS][SIZE] = {0};
    int rc;
    while ((rc = read_line(s, line, sizeof line)) == 0) {
        int count = atoi(line + 1);
        if (line[0] != '*' || count < 1 || count > WORDS)
            return weir_fail(WEIR_EPROTO, "no command: %s", line);
        for (int i = 0; i < count && rc == 0; i++)
            if ((rc = read_line(s, line, sizeof line)) == 0)
                rc = read_bulk(s, words[i], atoi(line + 1));
        if (rc < 0 || (rc = reply(s, count, words)) < 0)
            return rc;
    }
    return rc == WEIR_EEOF ? 0 : rc;
}

struct fake_args { struct weir_listener *l; };
static int fake(void *args) {
    WEIR_AUTO(weir_close) struct weir_stream *s = NULL;
    int rc = weir_accept(((struct fake_args *)args)->l, &s);
    return rc < 0 ? rc : serve(s);
}

static int program(void *arg) {
    struct weir_listener *l = NULL;
    struct weir_group g;
    if (arg != NULL)
        return client(arg);
    int rc = weir_listen("mem:redis", NULL, &l);
    if (rc < 0)
        return rc;
    weir_group_open(&g, WEIR_TOGETHER);
    if ((rc = weir_go(&g, fake, .l = l)) == 0)
        rc = client("mem:redis");
    rc = weir_group_close(&g, rc);
    weir_unlisten(&l);
    return rc;
}

int main(int argc, char **argv) {
    int rc = weir_run(program, argc > 1 ? argv[1] : NULL, NULL);
    if (rc < 0)
        fprintf(stderr, "redis: %s\n", weir_error_message(rc));
    return rc < 0;
}
