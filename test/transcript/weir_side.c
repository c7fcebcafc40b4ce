/* SPDX-License-Identifier: MIT */
/* What weir calls, and in which order: the scenarios of asyncio_side.py, word for word.
 *
 *   weir-side [NAME...]     prints these scenarios; without a name all */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <weir/callback.h>
#include <weir/group.h>
#include <weir/stream.h>
#include <weir/transport.h>

#include "transcript.h"

enum { MUCH = 8 << 20, MANY = 64 };

static char lines[MANY][64];
static size_t count;
static char much[MUCH], got[MUCH + 4];

void note(const char *format, ...) {
    va_list args;
    va_start(args, format);
    if (count < MANY)
        vsnprintf(lines[count++], sizeof lines[0], format, args);
    va_end(args);
}

void until(const char *text) {
    while (count == 0 || strncmp(lines[count - 1], text, strlen(text)) != 0)
        must(weir_sleep(WEIR_MILLISECONDS(1)));
}

void must_at(int rc, const char *what) {
    if (rc >= 0)
        return;
    fprintf(stderr, "%s: %s\n", what, weir_error_message(rc));
    exit(1);
}

const char *true_or_false(bool is) {
    return is ? "True" : "False";
}

const char *error_name(int rc) {
    return rc == 0 ? "None" : rc == WEIR_EUSER ? "its own" : weir_error_name(rc);
}

/* Writes down what is called. Scenarios replace single functions. */
struct noted {
    struct weir_protocol protocol;
    struct weir_transport *transport;
};

static struct noted p; /* of the scenario that runs */

static void connection_made(struct weir_protocol *self, struct weir_transport *t) {
    ((struct noted *)self)->transport = t;
    note("connection_made");
}

static int data_received(struct weir_protocol *self, struct weir_view data) {
    (void)self;
    if (data.len < 32)
        note("data_received %.*s", (int)data.len, (const char *)data.base);
    else
        note("data_received much");
    return 0;
}

static int eof_received(struct weir_protocol *self) {
    (void)self;
    note("eof_received");
    return 0;
}

static void connection_lost(struct weir_protocol *self, int rc) {
    (void)self;
    note("connection_lost %s", error_name(rc));
}

static void pause_writing(struct weir_protocol *self) {
    (void)self;
    note("pause_writing");
}

static void resume_writing(struct weir_protocol *self) {
    (void)self;
    note("resume_writing");
}

static const struct weir_protocol_calls noted = {
    .size = sizeof noted,
    .connection_made = connection_made,
    .data_received = data_received,
    .eof_received = eof_received,
    .connection_lost = connection_lost,
    .pause_writing = pause_writing,
    .resume_writing = resume_writing,
};

static struct weir_protocol_calls calls; /* those of the scenario */

static int factory(void *arg, struct weir_protocol **ret_protocol) {
    (void)arg;
    p.protocol.calls = &calls;
    *ret_protocol = &p.protocol;
    return 0;
}

/* A server with the protocol, and a peer that has connected to it. */
static struct weir_stream *connected_to(const char *last) {
    struct weir_server *server;
    struct weir_stream *peer;
    char url[64];
    must(weir_create_server("tcp://127.0.0.1:0", NULL, factory, NULL, NULL, &server));
    snprintf(url, sizeof url, "tcp://127.0.0.1:%d", weir_server_port(server));
    must(weir_dial(url, NULL, &peer));
    until(last);
    weir_server_close(&server);
    return peer;
}

static struct weir_stream *connected(void) {
    return connected_to("connection_made");
}

static void peer_reads(struct weir_stream *peer, size_t len) {
    must(weir_read_exactly(peer, got, len));
}

static size_t peer_reads_all(struct weir_stream *peer) {
    size_t len = 0;
    ssize_t n = 0;
    while (len < sizeof got && (n = weir_read(peer, got + len, sizeof got - len)) > 0)
        len += (size_t)n;
    must((int)n);
    return len;
}

static void writes_much(void) {
    must(weir_transport_write(p.transport, much, sizeof much));
}

/* ---- the scenarios --------------------------------------------------------------------------- */

static int echo(struct weir_protocol *self, struct weir_view data) {
    data_received(self, data);
    return weir_transport_write(p.transport, data.base, data.len);
}

static void echo_until_the_peer_closes(void) {
    calls.data_received = echo;
    struct weir_stream *peer = connected();
    must(weir_write(peer, "hello", 5));
    peer_reads(peer, 5);
    note("peer got %.5s", got);
    weir_close(&peer);
    until("connection_lost");
}

static void eof_received_returns_false(void) {
    struct weir_stream *peer = connected();
    must(weir_write(peer, "last", 4));
    must(weir_shutdown(peer));
    until("connection_lost");
    note("peer got %zu bytes and the end", peer_reads_all(peer));
    weir_close(&peer);
}

static int stays_open(struct weir_protocol *self) {
    eof_received(self);
    return 1;
}

static void eof_received_returns_true(void) {
    calls.eof_received = stays_open;
    struct weir_stream *peer = connected();
    must(weir_shutdown(peer));
    until("eof_received");
    note("closing %s", true_or_false(weir_transport_is_closing(p.transport)));
    must(weir_transport_write(p.transport, "late", 4));
    peer_reads(peer, 4);
    note("peer got %.4s", got);
    weir_transport_close(p.transport);
    note("closing %s", true_or_false(weir_transport_is_closing(p.transport)));
    until("connection_lost");
    weir_close(&peer);
}

static void a_peer_that_does_not_read(void) {
    struct weir_stream *peer = connected();
    must(weir_transport_set_limits(p.transport, 1000, 100));
    writes_much();
    note("wrote much");
    must(weir_transport_write(p.transport, "more", 4));
    note("wrote more");
    peer_reads(peer, MUCH + 4);
    until("resume_writing");
    note("%zu bytes wait", weir_transport_unsent(p.transport));
    weir_transport_close(p.transport);
    until("connection_lost");
    weir_close(&peer);
}

static void limits_of_zero(void) {
    struct weir_stream *peer = connected();
    must(weir_transport_set_limits(p.transport, 0, -1));
    must(weir_transport_write(p.transport, "small", 5));
    note("wrote a little");
    peer_reads(peer, 5);
    writes_much();
    note("wrote much");
    peer_reads(peer, MUCH);
    until("resume_writing");
    weir_transport_close(p.transport);
    until("connection_lost");
    weir_close(&peer);
}

static void limits_set_when_much_waits(void) {
    struct weir_stream *peer = connected();
    must(weir_transport_set_limits(p.transport, 2 * (ssize_t)MUCH, -1));
    writes_much();
    note("wrote much");
    must(weir_transport_set_limits(p.transport, 1000, -1));
    note("set limits");
    peer_reads(peer, MUCH);
    until("resume_writing");
    weir_transport_close(p.transport);
    until("connection_lost");
    weir_close(&peer);
}

static void abort_with_unsent_bytes(void) {
    struct weir_stream *peer = connected();
    writes_much();
    weir_transport_abort(p.transport);
    note("aborted, %zu bytes wait", weir_transport_unsent(p.transport));
    weir_transport_abort(p.transport);
    until("connection_lost");
    note("closing True"); /* the transport is gone: to ask it would be a bug */
    note("peer got all %s", true_or_false(peer_reads_all(peer) == MUCH));
    weir_close(&peer);
}

static void close_with_unsent_bytes(void) {
    struct weir_stream *peer = connected();
    writes_much();
    weir_transport_close(p.transport);
    weir_transport_close(p.transport);
    note("closed, closing %s", true_or_false(weir_transport_is_closing(p.transport)));
    peer_reads(peer, MUCH);
    until("connection_lost");
    note("peer got %zu bytes and the end", peer_reads_all(peer));
    weir_close(&peer);
}

static void abort_after_close(void) {
    struct weir_stream *peer = connected();
    writes_much();
    weir_transport_close(p.transport);
    weir_transport_abort(p.transport);
    note("aborted");
    until("connection_lost");
    weir_close(&peer);
}

static void reset(struct weir_stream **take_peer) {
    struct linger now = {.l_onoff = 1};
    must(setsockopt(weir_stream_fd(*take_peer), SOL_SOCKET, SO_LINGER, &now, sizeof now));
    weir_close(take_peer);
}

static void the_peer_resets(void) {
    struct weir_stream *peer = connected();
    reset(&peer);
    until("connection_lost");
}

static void the_peer_resets_while_bytes_wait(void) {
    struct weir_stream *peer = connected();
    weir_transport_pause_reading(p.transport);
    writes_much();
    reset(&peer);
    until("connection_lost");
}

static int fails_in_data(struct weir_protocol *self, struct weir_view data) {
    data_received(self, data);
    return weir_fail(WEIR_EUSER, "own");
}

static void an_error_in_data_received(void) {
    calls.data_received = fails_in_data;
    struct weir_stream *peer = connected();
    must(weir_write(peer, "bad", 3));
    until("connection_lost");
    note("peer got %zu bytes and the end", peer_reads_all(peer));
    weir_close(&peer);
}

static int fails_in_eof(struct weir_protocol *self) {
    eof_received(self);
    return weir_fail(WEIR_EUSER, "own");
}

static void an_error_in_eof_received(void) {
    calls.eof_received = fails_in_eof;
    struct weir_stream *peer = connected();
    must(weir_shutdown(peer));
    until("connection_lost");
    weir_close(&peer);
}

void note_text(void *text) {
    note("%s", (const char *)text);
}

static void made_and_closes(struct weir_protocol *self, struct weir_transport *t) {
    connection_made(self, t);
    must(weir_call_soon(note_text, "asked before", NULL));
    weir_transport_close(t);
    note("closing %s", true_or_false(weir_transport_is_closing(t)));
    must(weir_call_soon(note_text, "asked behind", NULL));
}

static void close_in_connection_made(void) {
    calls.connection_made = made_and_closes;
    struct weir_stream *peer = connected_to("asked behind");
    weir_close(&peer);
}

static int data_and_closes(struct weir_protocol *self, struct weir_view data) {
    data_received(self, data);
    must(weir_transport_write(p.transport, "bye", 3));
    weir_transport_close(p.transport);
    note("closed");
    return 0;
}

static void close_in_data_received(void) {
    calls.data_received = data_and_closes;
    struct weir_stream *peer = connected();
    must(weir_write(peer, "go", 2));
    size_t len = peer_reads_all(peer);
    until("connection_lost");
    note("peer got %.*s", (int)len, got);
    weir_close(&peer);
}

static int data_and_asks(struct weir_protocol *self, struct weir_view data) {
    data_received(self, data);
    must(weir_call_soon(note_text, "asked in data_received", NULL));
    note("asked");
    return 0;
}

static void call_soon_in_data_received(void) {
    calls.data_received = data_and_asks;
    struct weir_stream *peer = connected();
    must(weir_write(peer, "data", 4));
    must(weir_shutdown(peer));
    until("connection_lost");
    weir_close(&peer);
}

static int data_and_pauses(struct weir_protocol *self, struct weir_view data) {
    data_received(self, data);
    weir_transport_pause_reading(p.transport);
    return 0;
}

static void pause_in_data_received(void) {
    calls.data_received = data_and_pauses;
    struct weir_stream *peer = connected();
    must(weir_write(peer, "one", 3));
    until("data_received one");
    must(weir_write(peer, "two", 3));
    must(weir_sleep(WEIR_MILLISECONDS(20)));
    note("resumes");
    weir_transport_resume_reading(p.transport);
    until("data_received two");
    weir_close(&peer);
    must(weir_sleep(WEIR_MILLISECONDS(20)));
    note("resumes");
    weir_transport_resume_reading(p.transport);
    until("connection_lost");
}

static void write_eof_behind_unsent_bytes(void) {
    struct weir_stream *peer = connected();
    writes_much();
    weir_transport_eof(p.transport);
    note("closing %s", true_or_false(weir_transport_is_closing(p.transport)));
    note("peer got all %s", true_or_false(peer_reads_all(peer) == MUCH));
    must(weir_write(peer, "still", 5));
    until("data_received still");
    must(weir_shutdown(peer));
    until("connection_lost");
    weir_close(&peer);
}

static int serves(void *args) {
    struct weir_listener *l = *(struct weir_listener **)args;
    struct weir_stream *s;
    must(weir_accept(l, &s));
    peer_reads(s, 4);
    note("server got %.4s", got);
    must(weir_write(s, "pong", 4));
    weir_close(&s);
    return 0;
}

static void a_client_whose_server_closes(void) {
    struct weir_listener *l;
    char url[64];
    must(weir_listen("tcp://127.0.0.1:0", NULL, &l));
    must(weir_spawn(NULL, WEIR_SITE(serves), serves, &l, sizeof l, NULL, NULL));
    snprintf(url, sizeof url, "tcp://127.0.0.1:%d", weir_listener_port(l));
    must(weir_create_connection(url, NULL, factory, NULL, NULL, &p.transport));
    note("connected");
    must(weir_transport_write(p.transport, "ping", 4));
    until("connection_lost");
    weir_unlisten(&l);
}

#define SCENARIO(name) {#name, name}
static const struct scenario streams[] = {
    SCENARIO(echo_until_the_peer_closes),
    SCENARIO(eof_received_returns_false),
    SCENARIO(eof_received_returns_true),
    SCENARIO(a_peer_that_does_not_read),
    SCENARIO(limits_of_zero),
    SCENARIO(limits_set_when_much_waits),
    SCENARIO(abort_with_unsent_bytes),
    SCENARIO(close_with_unsent_bytes),
    SCENARIO(abort_after_close),
    SCENARIO(the_peer_resets),
    SCENARIO(the_peer_resets_while_bytes_wait),
    SCENARIO(an_error_in_data_received),
    SCENARIO(an_error_in_eof_received),
    SCENARIO(close_in_connection_made),
    SCENARIO(close_in_data_received),
    SCENARIO(call_soon_in_data_received),
    SCENARIO(pause_in_data_received),
    SCENARIO(write_eof_behind_unsent_bytes),
    SCENARIO(a_client_whose_server_closes),
    {NULL, NULL},
};

static const struct scenario *const tables[] = {streams, others};

static int plays(void *arg) {
    const struct scenario *s = arg;
    calls = noted;
    s->fn();
    return 0;
}

static void play(const struct scenario *s) {
    count = 0;
    memset(much, 'x', sizeof much);
    int rc = weir_run(plays, (void *)s, NULL);
    must(rc);
    printf("%s\n", s->name);
    for (size_t i = 0; i < count; i++)
        printf("    %s\n", lines[i]);
    fflush(stdout);
}

static bool is_wanted(const char *name, char **wanted) {
    for (char **w = wanted; *w != NULL; w++)
        if (strcmp(*w, name) == 0)
            return true;
    return *wanted == NULL;
}

int main(int argc, char **argv) {
    (void)argc;
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++)
        for (const struct scenario *s = tables[i]; s->name != NULL; s++)
            if (is_wanted(s->name, argv + 1))
                play(s);
    return 0;
}
