/* SPDX-License-Identifier: MIT */
/* The scenarios of asyncio_side.py about datagrams and programs. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <weir/callback.h>
#include <weir/datagram.h>
#include <weir/process.h>
#include <weir/transport.h>

#include "transcript.h"

/* ---- datagrams ------------------------------------------------------------------------------- */

static struct weir_datagram_protocol datagrams;
static struct weir_endpoint *endpoint;

static void connection_made(struct weir_datagram_protocol *self, struct weir_endpoint *e) {
    (void)self;
    endpoint = e;
    note("connection_made");
}

static void datagram_received(struct weir_datagram_protocol *self, struct weir_view data,
                              const struct weir_addr *from) {
    (void)self;
    const char *text = data.base;
    note("datagram_received %.*s", (int)data.len, text);
    if (data.len > 0 && text[data.len - 1] == '?')
        must(weir_endpoint_send(endpoint, "answer", 6, from));
}

static void error_received(struct weir_datagram_protocol *self, int rc) {
    (void)self;
    note("error_received %s", error_name(rc));
}

static void connection_lost(struct weir_datagram_protocol *self, int rc) {
    (void)self;
    note("connection_lost %s", error_name(rc));
}

static const struct weir_datagram_calls noted_datagrams = {
    .size = sizeof noted_datagrams,
    .connection_made = connection_made,
    .datagram_received = datagram_received,
    .error_received = error_received,
    .connection_lost = connection_lost,
};

static int datagram_factory(void *arg, struct weir_datagram_protocol **ret_protocol) {
    datagrams.calls = arg;
    *ret_protocol = &datagrams;
    return 0;
}

static struct weir_endpoint *create(const char *local, const char *remote,
                                    const struct weir_datagram_calls *calls) {
    struct weir_endpoint *e;
    must(weir_create_datagram_endpoint(local, remote, NULL, datagram_factory, (void *)calls, NULL,
                                       &e));
    return e;
}

static void datagrams_are_answered(void) {
    struct weir_dgram *peer;
    char url[64], got[100];
    struct weir_endpoint *e = create("udp://127.0.0.1:0", NULL, &noted_datagrams);
    note("created");
    snprintf(url, sizeof url, "udp://127.0.0.1:%d", weir_dgram_port(weir_endpoint_socket(e)));
    must(weir_dgram_dial(url, NULL, &peer));
    must(weir_dgram_send(peer, "hello", 5, NULL));
    until("datagram_received hello");
    must(weir_dgram_send(peer, "who?", 4, NULL));
    ssize_t n = weir_dgram_recv(peer, got, sizeof got, NULL);
    note("peer got %.*s", (int)n, got);
    weir_endpoint_close(e);
    note("closing %s", true_or_false(weir_endpoint_is_closing(e)));
    until("connection_lost");
    weir_dgram_close(&peer);
}

static void datagrams_to_nobody(void) {
    struct weir_dgram *peer;
    char nobody[64];
    must(weir_dgram_open("udp://127.0.0.1:0", NULL, &peer));
    snprintf(nobody, sizeof nobody, "udp://127.0.0.1:%d", weir_dgram_port(peer));
    weir_dgram_close(&peer);
    struct weir_endpoint *e = create(NULL, nobody, &noted_datagrams);
    must(weir_endpoint_send(e, "anybody", 7, NULL));
    note("sent");
    until("error_received");
    note("closing %s", true_or_false(weir_endpoint_is_closing(e)));
    must(weir_endpoint_send(e, "still nobody", 12, NULL));
    note("sent");
    until("error_received");
    weir_endpoint_abort(e);
    weir_endpoint_abort(e);
    note("aborted");
    until("connection_lost");
}

static void made_and_closes(struct weir_datagram_protocol *self, struct weir_endpoint *e) {
    connection_made(self, e);
    must(weir_call_soon(note_text, "asked before", NULL));
    weir_endpoint_close(e);
    must(weir_call_soon(note_text, "asked behind", NULL));
}

static void an_endpoint_closed_in_connection_made(void) {
    static struct weir_datagram_calls closes;
    closes = noted_datagrams;
    closes.connection_made = made_and_closes;
    create("udp://127.0.0.1:0", NULL, &closes);
    until("asked behind");
}

/* ---- programs -------------------------------------------------------------------------------- */

static struct weir_subprocess_protocol program;

static void program_made(struct weir_subprocess_protocol *self, struct weir_subprocess *sp) {
    (void)self, (void)sp;
    note("connection_made");
}

static void pipe_data_received(struct weir_subprocess_protocol *self, int fd,
                               struct weir_view data) {
    (void)self;
    note("pipe_data_received %d %.*s", fd, (int)data.len - 1, (const char *)data.base);
}

static void pipe_connection_lost(struct weir_subprocess_protocol *self, int fd, int rc) {
    (void)self;
    note("pipe_connection_lost %d %s", fd, error_name(rc));
}

static void process_exited(struct weir_subprocess_protocol *self, const struct weir_exit *exit) {
    (void)self;
    note("process_exited %d", exit->signal != 0 ? -exit->signal : exit->code);
}

static void program_lost(struct weir_subprocess_protocol *self, int rc) {
    (void)self;
    note("connection_lost %s", error_name(rc));
}

static const struct weir_subprocess_calls noted_program = {
    .size = sizeof noted_program,
    .connection_made = program_made,
    .pipe_data_received = pipe_data_received,
    .pipe_connection_lost = pipe_connection_lost,
    .process_exited = process_exited,
    .connection_lost = program_lost,
};

static const struct weir_process_options piped = {.size = sizeof piped,
                                                  .in = {WEIR_STDIO_PIPE},
                                                  .out = {WEIR_STDIO_PIPE},
                                                  .err = {WEIR_STDIO_PIPE}};

static int program_factory(void *arg, struct weir_subprocess_protocol **ret_protocol) {
    (void)arg;
    program.calls = &noted_program;
    *ret_protocol = &program;
    return 0;
}

static int start(const char *const *argv, const struct weir_process_options *options,
                 struct weir_subprocess **ret_sp) {
    return weir_subprocess_exec(argv, options, program_factory, NULL, NULL, ret_sp);
}

static void a_program_in_single_steps(void) {
    static const char *const argv[] = {
        "/bin/sh", "-c",
        "read x; echo out; read x; echo err >&2; read x; exec >&-; read x; exec 2>&-;"
        " read x; exit 3",
        NULL};
    static const char *const steps[] = {"pipe_data_received 1", "pipe_data_received 2",
                                        "pipe_connection_lost 1", "pipe_connection_lost 2"};
    struct weir_subprocess *sp;
    must(start(argv, &piped, &sp));
    note("started");
    for (int i = 0; i < 4; i++) {
        must(weir_transport_write(weir_subprocess_pipe(sp, 0), "\n", 1));
        until(steps[i]);
    }
    weir_transport_close(weir_subprocess_pipe(sp, 0));
    until("connection_lost");
}

static const char *const sleeps[] = {"/bin/sleep", "60", NULL};

static void a_program_that_is_terminated(void) {
    struct weir_subprocess *sp;
    must(start(sleeps, NULL, &sp));
    note("pipe of 1 %s", weir_subprocess_pipe(sp, 1) == NULL ? "None" : "there");
    must(weir_process_signal(weir_subprocess_process(sp), SIGTERM));
    until("connection_lost");
}

static void a_program_that_is_closed(void) {
    struct weir_subprocess *sp;
    must(start(sleeps, &piped, &sp));
    weir_subprocess_close(sp);
    note("closed");
    until("connection_lost");
}

static void a_program_that_does_not_exist(void) {
    static const char *const argv[] = {"/nonexistent", NULL};
    struct weir_subprocess *sp;
    note("%s", error_name(start(argv, NULL, &sp)));
}

#define SCENARIO(name) {#name, name}
const struct scenario others[] = {
    SCENARIO(datagrams_are_answered),
    SCENARIO(datagrams_to_nobody),
    SCENARIO(an_endpoint_closed_in_connection_made),
    SCENARIO(a_program_in_single_steps),
    SCENARIO(a_program_that_is_terminated),
    SCENARIO(a_program_that_is_closed),
    SCENARIO(a_program_that_does_not_exist),
    {NULL, NULL},
};
