/* SPDX-License-Identifier: MIT */
/* line-receiver - Twisted's LineReceiver over a protocol: lines, and raw bytes in between. The
 * server keeps texts: "PUT name 5", then five bytes; "GET name". weir_framer finds the lines, and
 * takes no byte behind one, so what follows can be raw. In a task weir_frames_next and weir_read do
 * the same. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weir/weir.h>

/* ---- LineReceiver ---- */

struct line_receiver;

struct line_receiver_calls {
    int (*line_received)(struct line_receiver *r, struct weir_view line);
    int (*raw_data_received)(struct line_receiver *r, struct weir_view data);
    void (*connection_lost)(struct line_receiver *r, int rc); /* frees r */
};

struct line_receiver {
    struct weir_protocol protocol; /* first */
    const struct line_receiver_calls *calls;
    struct weir_transport *transport;
    struct weir_framer framer;
    struct weir_view rest; /* of the bytes that have come: what was not looked at yet */
    bool is_raw;           /* setRawMode */
};

static void made(struct weir_protocol *p, struct weir_transport *t) {
    ((struct line_receiver *)p)->transport = t;
}

/* Returns 1 if more may be looked at, 0, or an error. */
static int look_at_rest(struct line_receiver *r) {
    struct weir_view line;
    if (r->is_raw) {
        struct weir_view raw = r->rest;
        r->rest.len = 0; /* set_line_mode puts back what is not raw any more */
        int rc = r->calls->raw_data_received(r, raw);
        return rc < 0 ? rc : r->rest.len > 0;
    }
    int rc = weir_framer_next(&r->framer, &r->rest, &line); /* WEIR_ETOOBIG: lineLengthExceeded */
    if (rc == 1 && (rc = r->calls->line_received(r, line)) == 0)
        return 1;
    return rc;
}

static int data_received(struct weir_protocol *p, struct weir_view data) {
    struct line_receiver *r = (struct line_receiver *)p;
    int rc = 1;
    r->rest = data;
    while (rc == 1 && (r->rest.len > 0 || !r->is_raw) && !weir_transport_is_closing(r->transport))
        rc = look_at_rest(r);
    return rc;
}

static void lost(struct weir_protocol *p, int rc) {
    struct line_receiver *r = (struct line_receiver *)p;
    weir_framer_close(&r->framer);
    r->calls->connection_lost(r, rc);
}

static const struct weir_protocol_calls protocol_calls = {.size = sizeof protocol_calls,
                                                          .connection_made = made,
                                                          .data_received = data_received,
                                                          .connection_lost = lost};

static int line_receiver_init(struct line_receiver *r, const struct line_receiver_calls *calls,
                              size_t max) {
    const struct weir_framing lines = {.size = sizeof lines, .max = max};
    r->protocol.calls = &protocol_calls;
    r->calls = calls;
    return weir_framer_open(&r->framer, &lines);
}

static void set_line_mode(struct line_receiver *r, struct weir_view rest) {
    r->is_raw = false;
    r->rest = rest;
}

static void send_line(struct line_receiver *r, const char *text) {
    const struct weir_view pieces[] = {{text, strlen(text)}, {"\r\n", 2}};
    weir_transport_writelines(r->transport, pieces, 2);
}

/* ---- the server ---- */

static char kept_name[16], kept[64]; /* one text, for all connections */

struct keeper {
    struct line_receiver lines; /* first */
    size_t wanted, have;        /* bytes of the text */
};

static int line_received(struct line_receiver *r, struct weir_view line) {
    struct keeper *k = (struct keeper *)r;
    char text[40], name[16] = "";
    snprintf(text, sizeof text, "%.*s", (int)line.len, (const char *)line.base);
    printf("server: %s\n", text);
    if (sscanf(text, "PUT %15s %zu", name, &k->wanted) == 2 && k->wanted < sizeof kept) {
        strcpy(kept_name, name);
        k->have = 0;
        r->is_raw = k->wanted > 0;
    } else if (sscanf(text, "GET %15s", name) == 1 && strcmp(name, kept_name) == 0) {
        send_line(r, kept);
    } else {
        send_line(r, "what?");
        weir_transport_close(r->transport);
    }
    return 0;
}

static int raw_data_received(struct line_receiver *r, struct weir_view v) {
    struct keeper *k = (struct keeper *)r;
    size_t left = k->wanted - k->have, n = v.len < left ? v.len : left;
    memcpy(kept + k->have, v.base, n);
    k->have += n;
    kept[k->have] = '\0';
    if (k->have == k->wanted) {
        set_line_mode(r, (struct weir_view){(const char *)v.base + n, v.len - n});
        send_line(r, "kept");
    }
    return 0;
}

static void connection_lost(struct line_receiver *r, int rc) {
    printf("server: lost%s%s\n", rc < 0 ? ", " : "", rc < 0 ? weir_error_name(rc) : "");
    free(r);
}

static const struct line_receiver_calls keeper_calls = {line_received, raw_data_received,
                                                        connection_lost};

static int new_keeper(void *arg, struct weir_protocol **ret_protocol) {
    struct keeper *k = calloc(1, sizeof *k);
    int rc = k == NULL ? -ENOMEM : line_receiver_init(&k->lines, &keeper_calls, 40);
    if (rc < 0)
        free(k);
    else
        *ret_protocol = &k->lines.protocol;
    return rc;
}

/* ---- the client, a task ---- */

static int expect_lines(struct weir_stream *s) {
    struct weir_frames lines;
    struct weir_view line;
    int rc = weir_frames_open(&lines, s, NULL);
    while (rc >= 0 && (rc = weir_frames_next(&lines, &line)) == 1)
        printf("client: %.*s\n", (int)line.len, (const char *)line.base);
    weir_frames_close(&lines);
    return rc;
}

/* The bytes come as the network likes: `piece` of them at a time. */
static int ask(const char *text, size_t piece) {
    struct weir_stream *s;
    int rc = weir_dial("mem:keeper", NULL, &s);
    if (rc < 0)
        return rc;
    for (size_t at = 0, len = strlen(text); at < len && rc == 0; at += piece) {
        rc = weir_write(s, text + at, len - at < piece ? len - at : piece);
        if (rc == 0)
            rc = weir_yield();
    }
    if (rc == 0)
        rc = weir_shutdown(s);
    if (rc == 0 || rc == -EPIPE)
        rc = expect_lines(s);
    weir_close(&s);
    return rc;
}

static int program(void *arg) {
    struct weir_server *server;
    int rc = weir_create_server("mem:keeper", NULL, new_keeper, NULL, NULL, &server);
    if (rc < 0)
        return rc;
    rc = ask("PUT poem 14\r\nline 1\r\nline 2GET poem\r\n", 100); /* all in one piece */
    if (rc >= 0)
        rc = ask("PUT song 2\nlaGET song\nGET poem\nGET song\n", 3);
    if (rc >= 0)
        (void)ask("a line that is longer than forty bytes, which is too long\n", 100);
    weir_server_close(&server);
    return rc < 0 ? rc : weir_sleep(WEIR_MILLISECONDS(1)); /* the last connection is lost */
}

int main(void) {
    int rc = weir_run(program, NULL, NULL);
    if (rc < 0)
        fprintf(stderr, "%s\n", weir_error_message(rc));
    return rc < 0;
}
