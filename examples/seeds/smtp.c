/* SPDX-License-Identifier: MIT */
/* smtp - send a mail by hand: lines to and fro, replies of several lines, and a body in which a
 * line that begins with a dot gets another one. The server is a small fake in memory. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weir/weir.h>

static const struct weir_framing lines = {.size = sizeof lines, .max = 512};

/* ---- the client ---- */

struct mail {
    const char *from, *to;
    const char *const *body; /* lines; NULL behind the last */
};

struct session {
    struct weir_stream *s;
    struct weir_frames in;
};

/* Read a reply, of which each line but the last has a minus sign behind its code. */
static int expect(struct session *c, int code) {
    struct weir_view v;
    int rc;
    do {
        if ((rc = weir_frames_next(&c->in, &v)) != 1)
            return rc < 0 ? rc : WEIR_EEOF;
        printf("S: %.*s\n", (int)v.len, (const char *)v.base);
    } while (v.len > 3 && ((const char *)v.base)[3] == '-');
    char digits[4] = "";
    memcpy(digits, v.base, v.len < 3 ? v.len : 3);
    return atoi(digits) == code ? 0 : weir_fail(WEIR_EUSER, "not %d, but %s", code, digits);
}

static int say(struct session *c, const char *verb, const char *rest, int code) {
    printf("C: %s%s\n", verb, rest);
    int rc = weir_printf(c->s, "%s%s\r\n", verb, rest);
    return rc < 0 ? rc : expect(c, code);
}

static int send_body(struct session *c, const char *const *body) {
    int rc = 0;
    for (; *body != NULL && rc == 0; body++)
        rc = weir_printf(c->s, "%s%s\r\n", (*body)[0] == '.' ? "." : "", *body);
    return rc < 0 ? rc : say(c, ".", "", 250);
}

static int send_mail(struct session *c, const struct mail *m) {
    int rc = expect(c, 220);
    if (rc == 0)
        rc = say(c, "EHLO ", "client.example", 250);
    if (rc == 0)
        rc = say(c, "MAIL FROM:", m->from, 250);
    if (rc == 0)
        rc = say(c, "RCPT TO:", m->to, 250);
    if (rc == 0)
        rc = say(c, "DATA", "", 354);
    if (rc == 0)
        rc = send_body(c, m->body);
    return rc == 0 ? say(c, "QUIT", "", 221) : rc;
}

static int client(void) {
    static const char *const body[] = {"Subject: dinner", "", "At eight.", ".. or at nine?", NULL};
    const struct mail m = {"<ann@client.example>", "<bob@server.example>", body};
    struct session c = {0};
    int rc = weir_dial("mem:smtp", NULL, &c.s);
    if (rc == 0)
        rc = weir_frames_open(&c.in, c.s, &lines);
    if (rc == 0)
        rc = send_mail(&c, &m);
    weir_frames_close(&c.in);
    weir_close(&c.s);
    return rc;
}

/* ---- the fake server ---- */

static bool starts(struct weir_view v, const char *word) {
    return v.len >= strlen(word) && memcmp(v.base, word, strlen(word)) == 0;
}

/* Take the body, which ends with a line of one dot, and show it. */
static int take_body(struct weir_frames *in) {
    struct weir_view v;
    int rc;
    while ((rc = weir_frames_next(in, &v)) == 1) {
        const char *text = v.base;
        size_t dot = v.len > 0 && text[0] == '.';
        if (dot == 1 && v.len == 1)
            return 0;
        printf("   | %.*s\n", (int)(v.len - dot), text + dot);
    }
    return rc < 0 ? rc : WEIR_EEOF;
}

static int answer(struct weir_stream *s, struct weir_frames *in, struct weir_view line) {
    if (starts(line, "EHLO "))
        return weir_printf(s, "250-server.example\r\n250-8BITMIME\r\n250 SIZE 1000000\r\n");
    if (starts(line, "MAIL FROM:<") || starts(line, "RCPT TO:<"))
        return weir_printf(s, "250 OK\r\n");
    if (!starts(line, "DATA"))
        return weir_printf(s, "500 what?\r\n");
    int rc = weir_printf(s, "354 end with a dot\r\n");
    if (rc == 0)
        rc = take_body(in);
    return rc < 0 ? rc : weir_printf(s, "250 taken\r\n");
}

static int serve(struct weir_stream *s, struct weir_frames *in) {
    struct weir_view line;
    int rc = weir_printf(s, "220 server.example\r\n");
    while (rc == 0 && (rc = weir_frames_next(in, &line)) == 1) {
        if (starts(line, "QUIT"))
            return weir_printf(s, "221 goodbye\r\n");
        rc = answer(s, in, line);
    }
    return rc;
}

struct fake_args { struct weir_listener *l; };
static int fake(void *args) {
    WEIR_AUTO(weir_close) struct weir_stream *s = NULL;
    struct weir_frames in;
    int rc = weir_accept(((struct fake_args *)args)->l, &s);
    if (rc == 0 && (rc = weir_frames_open(&in, s, &lines)) == 0) {
        rc = serve(s, &in);
        weir_frames_close(&in);
    }
    return rc;
}

static int program(void *arg) {
    struct weir_listener *l = NULL;
    struct weir_group g;
    (void)arg;
    int rc = weir_listen("mem:smtp", NULL, &l);
    if (rc < 0)
        return rc;
    weir_group_open(&g, WEIR_TOGETHER);
    if ((rc = weir_go(&g, fake, .l = l)) == 0)
        rc = client();
    rc = weir_group_close(&g, rc);
    weir_unlisten(&l);
    return rc;
}

int main(void) {
    int rc = weir_run(program, NULL, NULL);
    if (rc < 0)
        fprintf(stderr, "smtp: %s\n", weir_error_message(rc));
    return rc < 0;
}
