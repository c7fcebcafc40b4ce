/* SPDX-License-Identifier: MIT */
/* member.c - the tasks of one node:
 * tend            reads the keeper's channel until it is closed: then no process of the node lives
 *   copy_lines (2)  the speakers of stdout and stderr: they print its lines
 *   hear_control    the speaker of the control socket: ready, heartbeats, counters
 *   end             begins when tend returns, and waits for the speakers
 * Printing may take for ever (a pager), and must delay only the task end: so tend never prints. The
 * task that waits for the member to become ready sleeps in a scope, which these tasks cancel. */
#include "cli/member.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <weir/loop.h>
#include <weir/stream.h>

#include "base/check.h"
#include "cli/color.h"
#include "cli/limits.h"
#include "sys/fds.h"
#include "wire/uri.h"

#define DIAL_FIRST WEIR_MILLISECONDS(10)
#define DIAL_LAST WEIR_MILLISECONDS(250)
/* How long, in all, to wait for more from the pipes of a dead node. What is in them already is read
 * without waiting, however long the printing takes. */
#define LAST_WORDS WEIR_SECONDS(1)

struct ends { /* of each pair or pipe: our side, and the keeper's */
    int channel[2], control[2], out[2], err[2];
};

/* ---- what the node prints and sends ---------------------------------------------------------- */

static void report(struct member *m, enum member_event event) {
    if (m->awaiting != NULL && (m->ready || m->exited))
        weir_scope_cancel(m->awaiting, "ready or ended");
    m->on_event(m, event, m->arg);
}

static void become_ready(struct member *m) {
    if (m->ready)
        return;
    m->ready = true;
    report(m, MEMBER_READY);
}

struct line {
    char bytes[LIMIT_LINE_BYTES + COLOR_ENDING_MAX];
    size_t len;
    bool cut;
};

static void append(struct line *l, const char *bytes, size_t len) {
    size_t room = LIMIT_LINE_BYTES - l->len;
    l->cut |= len > room;
    len = len < room ? len : room;
    memcpy(l->bytes + l->len, bytes, len);
    l->len += len;
    WEIR_CHECK(l->len <= LIMIT_LINE_BYTES);
}

/* len, or up to three bytes less, so that no character is cut. If the bytes are not UTF-8, so that
 * no character begins there, len. */
static size_t cut_at(const char *bytes, size_t len) {
    enum { CONTINUED_MAX = 3 };
    for (size_t back = 0; back <= CONTINUED_MAX; back++)
        if (((unsigned char)bytes[len - back] & 0xc0) != 0x80)
            return len - back;
    return len;
}

static int print(struct member *m, bool from_err, struct line *l) {
    static const char more[] = " ... (cut)";
    if (l->cut) {
        l->len = cut_at(l->bytes, LIMIT_LINE_BYTES - (sizeof more - 1));
        const char *ending = color_ending(l->bytes, l->len);
        char *end = stpcpy(l->bytes + l->len, ending);
        memcpy(end, more, sizeof more - 1);
        l->len = (size_t)(end - l->bytes) + sizeof more - 1;
    }
    WEIR_CHECK(l->len <= sizeof l->bytes);
    int rc = output_line(m->output, from_err, m->node->name, m->index, l->bytes, l->len);
    l->len = 0;
    l->cut = false;
    return rc;
}

struct reading {
    struct weir_scope scope;
    weir_ns since; /* when the wait began, if the node was dead then; else 0 */
};

/* Begin to wait, at most budget_ns, for the next bytes or datagram of the node. */
static void reading_enter(struct member *m, int speaker, struct reading *r, weir_ns budget_ns) {
    WEIR_CHECK(m->reading[speaker] == NULL);
    r->since = m->gone ? weir_now() : 0;
    weir_scope_enter(&r->scope, m->gone ? LAST_WORDS - m->late[speaker] : budget_ns);
    m->reading[speaker] = &r->scope;
}

static int reading_leave(struct member *m, int speaker, struct reading *r, ssize_t n) {
    WEIR_CHECK(m->reading[speaker] == &r->scope);
    m->reading[speaker] = NULL;
    if (r->since != 0)
        m->late[speaker] += weir_now() - r->since;
    return weir_scope_leave(&r->scope, n < 0 ? (int)n : 0);
}

enum { SPEAKER_OUT, SPEAKER_ERR, SPEAKER_CONTROL };

struct speaker_args {
    struct member *member;
    struct weir_stream *from;
    int speaker;
};

struct control_args {
    struct member *member;
    int fd; /* not a stream, which takes an empty datagram for the end of the stream */
};

static int copy_lines(void *args) {
    struct speaker_args *a = args;
    WEIR_AUTO(weir_close) struct weir_stream *from = a->from;
    struct line l = {.len = 0};
    size_t late = 0;
    int rc = 0;
    while (rc == 0 && late < LIMIT_LATE_BYTES) {
        struct reading r;
        struct weir_view v;
        reading_enter(a->member, a->speaker, &r, WEIR_NEVER);
        ssize_t n = weir_peek(from, 1, &v);
        reading_leave(a->member, a->speaker, &r, n);
        if (n <= 0)
            break;
        const char *end = memchr(v.base, '\n', v.len);
        size_t len = end ? (size_t)(end - (const char *)v.base) : v.len;
        append(&l, v.base, len);
        weir_consume(from, len + (end != NULL));
        late += a->member->gone ? len + 1 : 0;
        if (end != NULL)
            rc = print(a->member, a->speaker == SPEAKER_ERR, &l);
    }
    if (rc == 0 && (l.len > 0 || l.cut))
        rc = print(a->member, a->speaker == SPEAKER_ERR, &l);
    if (rc < 0 && weir_cancelled() == 0)
        report(a->member, MEMBER_MUTE);
    return 0;
}

static void hear_line(struct member *m, const struct control_line *c) {
    if (c->word == CONTROL_STAT) {
        m->stats = c->stats;
        m->counted = true;
    }
    if (c->word == CONTROL_READY && m->node->ready == FLEET_READY_NOTIFY)
        become_ready(m);
}

/* Wait, at most budget_ns, for a datagram. Returns its length, > size if it did not fit; -ETIME;
 * WEIR_EEOF: the node has closed its side. */
static ssize_t next_datagram(struct member *m, int fd, char *text, size_t size,
                             weir_ns budget_ns) {
    for (;;) {
        ssize_t len = control_receive(fd, text, size);
        if (len != -EAGAIN)
            return len;
        struct reading silence;
        reading_enter(m, SPEAKER_CONTROL, &silence, budget_ns);
        int rc = reading_leave(m, SPEAKER_CONTROL, &silence, weir_wait_fd(fd, POLLIN));
        if (rc < 0)
            return rc;
    }
}

/* Read the control socket. A node that has sent heartbeats and sends none any more hangs or is
 * stopped: report it. */
static int hear_control(void *args) {
    struct control_args *a = args;
    struct member *m = a->member;
    enum { IN_A_ROW = 64 }; /* datagrams, before other tasks get their turn */
    char text[LIMIT_CONTROL_BYTES];
    bool beats = false, silent = false;
    unsigned late = 0;
    for (unsigned count = 1; late < LIMIT_LATE_DATAGRAMS; count++) {
        late += m->gone;
        if (count % IN_A_ROW == 0 && weir_yield() < 0)
            break;
        ssize_t len = next_datagram(m, a->fd, text, sizeof text,
                                    beats && !silent ? LIMIT_SILENCE : WEIR_NEVER);
        if (len == -ETIME && !m->gone) {
            silent = true;
            report(m, MEMBER_SILENT);
            continue;
        }
        if (len < 0)
            break;
        silent = false;
        const char *line = text, *end = text + ((size_t)len <= sizeof text ? len : 0);
        while (line < end) {
            struct control_line c = control_next(&line, end);
            beats |= c.word == CONTROL_BEAT;
            hear_line(m, &c);
        }
    }
    close(a->fd);
    return 0;
}

/* ---- what its keeper sends ------------------------------------------------------------------- */

static void note_exit(struct member *m, int code, int signal) {
    m->exited = true;
    m->by_itself = !m->stopping;
    m->code = signal != 0 ? 128 + signal : code;
    m->signal = signal;
    report(m, MEMBER_EXITED);
}

static void hear_keeper(struct member *m, char *text, size_t len) {
    uint64_t value = 0;
    WEIR_CHECK(len > 0);
    text[len - 1] = '\0'; /* replaces the newline */
    m->started |= strncmp(text, "started", 7) == 0;
    if (m->started && m->node->ready == FLEET_READY_START)
        become_ready(m);
    if (strncmp(text, "resumed", 7) == 0 && !m->resumed) {
        m->resumed = true;
        report(m, MEMBER_RESUMED);
    } else if (strncmp(text, "exited", 6) == 0 && control_field(text, "code", &value)) {
        note_exit(m, (int)value, 0);
    } else if (strncmp(text, "exited", 6) == 0 && control_field(text, "signal", &value)) {
        note_exit(m, 0, (int)value);
    } else if (strncmp(text, "killed", 6) == 0) {
        m->killed = true;
    } else if (strncmp(text, "left", 4) == 0 && control_field(text, "count", &value)) {
        m->left = (int)value;
    } else if (strncmp(text, "failed", 6) == 0 && control_field(text, "errno", &value)) {
        m->failed = -(int)value;
    }
}

struct member_args {
    struct member *member;
};

static int end(void *args) {
    struct member *m = ((struct member_args *)args)->member;
    WEIR_CHECK(m->gone && m->exited);
    for (size_t i = 0; i < sizeof m->speakers / sizeof m->speakers[0]; i++)
        if (m->speakers[i] != NULL && weir_await(&m->speakers[i], NULL, 0) == -ECANCELED)
            return 0;
    report(m, MEMBER_GONE);
    return 0;
}

/* The node is dead, so its pipes are closed, unless another process has copies: give those
 * LAST_WORDS. */
static void hurry_speakers(struct member *m) {
    for (size_t i = 0; i < sizeof m->reading / sizeof m->reading[0]; i++)
        if (m->reading[i] != NULL)
            weir_scope_renew(m->reading[i], LAST_WORDS);
}

static int tend(void *args) {
    struct member *m = ((struct member_args *)args)->member;
    struct member_args again = {m};
    char text[LIMIT_CONTROL_BYTES + 1];
    ssize_t len = 0;
    bool done = false; /* after "done" do not wait for the close: the guard may be stopped */
    while (!done && m->left == 0 &&
           (len = weir_read_until(m->channel, '\n', text, sizeof text)) > 0) {
        done = strncmp(text, "done", 4) == 0;
        hear_keeper(m, text, (size_t)len);
    }
    weir_close(&m->channel);
    m->gone = true;
    hurry_speakers(m);
    if (!m->exited) {
        m->lost = len < 0 ? (int)len : WEIR_ECLOSED;
        note_exit(m, 0, SIGKILL);
    }
    return weir_spawn(m->spoken, WEIR_SITE(end), end, &again, sizeof again, NULL, &m->ending);
}

/* ---- starting -------------------------------------------------------------------------------- */

static void close_ends(struct ends *e) {
    int *all = (int *)e;
    for (size_t i = 0; i < sizeof *e / sizeof *all; i++)
        if (all[i] >= 0)
            close(all[i]);
}

static int open_ends(struct ends *e) {
    *e = (struct ends){{-1, -1}, {-1, -1}, {-1, -1}, {-1, -1}};
    int type = SOCK_SEQPACKET | SOCK_CLOEXEC;
    int rc = weir__fd_lift_pair(socketpair(AF_UNIX, type, 0, e->channel), e->channel);
    if (rc == 0)
        rc = weir__fd_lift_pair(socketpair(AF_UNIX, type, 0, e->control), e->control);
    if (rc == 0)
        rc = weir__fd_lift_pair(pipe2(e->out, O_CLOEXEC), e->out);
    if (rc == 0)
        rc = weir__fd_lift_pair(pipe2(e->err, O_CLOEXEC), e->err);
    if (rc < 0)
        close_ends(e);
    return rc;
}

static int take_stream(int *take_fd, struct weir_stream **ret_stream) {
    WEIR_CHECK(*take_fd >= 0 && *ret_stream == NULL);
    int rc = weir_stream_from_fd(*take_fd, ret_stream);
    if (rc == 0)
        *take_fd = -1;
    return rc;
}

static int spawn_copier(struct member *m, int speaker, int *take_fd) {
    struct speaker_args a = {m, NULL, speaker};
    WEIR_CHECK(m->speakers[speaker] == NULL);
    int rc = take_stream(take_fd, &a.from);
    if (rc == 0)
        rc = weir_spawn(m->spoken, WEIR_SITE(copy_lines), copy_lines, &a, sizeof a, NULL,
                        &m->speakers[speaker]);
    if (rc < 0)
        weir_close(&a.from);
    return rc;
}

static int spawn_listener(struct member *m, int *take_fd) {
    struct control_args a = {m, *take_fd};
    WEIR_CHECK(m->speakers[SPEAKER_CONTROL] == NULL);
    int rc = control_listen(a.fd);
    if (rc == 0)
        rc = weir_spawn(m->spoken, WEIR_SITE(hear_control), hear_control, &a, sizeof a, NULL,
                        &m->speakers[SPEAKER_CONTROL]);
    if (rc == 0)
        *take_fd = -1;
    return rc;
}

/* Spawn the tasks that read from the node. On error the tasks spawned so far return by themselves,
 * because the caller closes the descriptors. */
static int begin_tending(struct member *m, struct ends *e) {
    struct member_args a = {m};
    int rc = spawn_copier(m, SPEAKER_OUT, &e->out[0]);
    if (rc == 0)
        rc = spawn_copier(m, SPEAKER_ERR, &e->err[0]);
    if (rc == 0)
        rc = spawn_listener(m, &e->control[0]);
    if (rc == 0)
        rc = take_stream(&e->channel[0], &m->channel);
    if (rc == 0)
        rc = weir_spawn(m->tended, WEIR_SITE(tend), tend, &a, sizeof a, NULL, &m->tending);
    if (rc < 0)
        weir_close(&m->channel);
    return rc;
}

static int launch(struct member *m) {
    struct ends e;
    WEIR_CHECK(m->tending == NULL && m->channel == NULL && !m->gone);
    int rc = open_ends(&e);
    if (rc < 0)
        return rc;
    struct guard_fds fds = {e.channel[1], e.out[1], e.err[1], e.control[1]};
    while ((rc = guard_start(m->guard, m->index, &fds)) == -EAGAIN)
        if ((rc = weir_wait_fd(m->guard->fd, POLLOUT)) < 0)
            break;
    if (rc == 0)
        rc = begin_tending(m, &e);
    close_ends(&e); /* on error this lets the keeper stop a node that it has started */
    return rc;
}

/* ---- becoming ready -------------------------------------------------------------------------- */

/* Dial until the port answers. If another program has the port, that one answers; the node itself
 * will report that it cannot have it. */
static int dial_until_answered(struct member *m) {
    char authority[WEIR__URI_AUTHORITY], url[sizeof "tcp://" + sizeof authority];
    const char *host = strcmp(m->node->host, "*") == 0 ? "localhost" : m->node->host;
    snprintf(url, sizeof url, "tcp://%s", weir__uri_authority(host, m->node->port, authority));
    for (weir_ns pause = DIAL_FIRST;; pause = pause * 2 < DIAL_LAST ? pause * 2 : DIAL_LAST) {
        WEIR_AUTO(weir_close) struct weir_stream *s = NULL;
        int rc = weir_dial(url, NULL, &s);
        if (rc == 0 || rc == -ECANCELED || rc == -ETIME || rc == WEIR_EURL)
            return rc;
        rc = weir_sleep(pause);
        if (rc < 0)
            return rc;
    }
}

int member_start(struct member *m, weir_ns within_ns) {
    struct weir_scope awaiting;
    WEIR_CHECK(m->awaiting == NULL);
    weir_scope_enter(&awaiting, within_ns);
    int rc = launch(m);
    if (rc < 0)
        return weir_scope_leave(&awaiting, rc);
    m->awaiting = &awaiting;
    rc = m->node->ready == FLEET_READY_TCP ? dial_until_answered(m) : weir_sleep(WEIR_NEVER);
    m->awaiting = NULL;
    rc = weir_scope_leave(&awaiting, rc);
    if (rc == WEIR_ESTOPPED)
        return 0;
    if (rc == 0)
        become_ready(m);
    return rc;
}

/* ---- ending ---------------------------------------------------------------------------------- */

int member_tell(struct member *m, const char *word) {
    char line[16];
    m->stopping = true;
    if (m->channel == NULL || m->gone)
        return 0;
    int len = snprintf(line, sizeof line, "%s\n", word);
    WEIR_CHECK(len > 0 && (size_t)len < sizeof line);
    int rc = weir_write(m->channel, line, (size_t)len);
    return rc == -EPIPE || rc == -ECONNRESET || rc == WEIR_ECLOSED ? 0 : rc;
}

static int join(struct weir_task *task) {
    if (task == NULL)
        return 0;
    struct weir_task *t = weir_task_ref(task);
    int rc = weir_await(&t, NULL, 0);
    weir_task_release(&t);
    return rc == -ECANCELED || rc == -ETIME ? rc : 0;
}

int member_join(struct member *m) {
    return join(m->tending);
}

/* Send a line to the keeper (NULL: none), and wait at most within_ns until the node is gone. */
static int tell_and_join(struct member *m, const char *word, weir_ns within_ns) {
    struct weir_scope patience;
    weir_scope_enter(&patience, within_ns);
    int rc = word != NULL ? member_tell(m, word) : 0;
    if (rc == 0)
        rc = join(m->tending);
    return weir_scope_leave(&patience, rc);
}

int member_overrule(struct member *m) {
    if (m->tending == NULL || m->gone)
        return 0;
    m->stopping = m->killed = m->overruled = true;
    (void)guard_overrule(m->guard, m->index); /* the join shows whether the guard has done it */
    return tell_and_join(m, NULL, LIMIT_KILL);
}

int member_stop(struct member *m) {
    int rc = tell_and_join(m, "stop", m->node->grace_ns + LIMIT_KILL + LIMIT_ANSWER);
    return rc == -ETIME && weir_cancelled() == 0 ? member_overrule(m) : rc;
}

int member_hear_out(struct member *m) {
    return m->gone ? join(m->ending) : 0;
}

void member_fini(struct member *m) {
    WEIR_CHECK(m->awaiting == NULL && m->channel == NULL);
    weir_task_release(&m->tending);
    weir_task_release(&m->ending);
    for (size_t i = 0; i < sizeof m->speakers / sizeof m->speakers[0]; i++)
        weir_task_release(&m->speakers[i]);
}
