/* SPDX-License-Identifier: MIT */
/* control.c - a line is one datagram, sent or dropped: a program never waits for `up`. That is why
 * this is a plain send and no stream of the loop. */
#include "worker/control.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <weir/loop.h>
#include <weir/task.h>

#include "base/check.h"
#include "base/log.h"
#include "worker/limits.h"

void weir__control_init(struct weir__control *c, const struct weir__counters *counters) {
    *c = (struct weir__control){.fd = -1, .counters = counters};
}

/* Is fd a socket as `up` makes them? A variable may be inherited without its descriptor, whose
 * number may then be that of anything. */
static bool is_control_socket(int fd) {
    int domain, type;
    socklen_t size = sizeof domain;
    if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) < 0 || domain != AF_UNIX)
        return false;
    size = sizeof type;
    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_SEQPACKET;
}

void weir__control_open(struct weir__control *c) {
    const char *text = getenv("WEIR_CONTROL_FD");
    WEIR_CHECK(c->fd < 0 && c->counters != NULL);
    if (text == NULL)
        return;
    char *end;
    long fd = strtol(text, &end, 10);
    bool is_number = end != text && *end == '\0' && fd >= 0 && fd <= 65535;
    unsetenv("WEIR_CONTROL_FD");
    if (is_number && is_control_socket((int)fd) && fcntl((int)fd, F_SETFD, FD_CLOEXEC) == 0)
        c->fd = (int)fd;
    else
        weir__log(WEIR_LOG_WARNING, "WEIR_CONTROL_FD: no control socket");
}

/* Returns false if the line was dropped. */
static bool say(struct weir__control *c, const char *line) {
    if (c->fd < 0 || send(c->fd, line, strlen(line), MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
        return true;
    if (errno != EAGAIN && errno != ENOBUFS) { /* `weir up` reads no more */
        close(c->fd);
        c->fd = -1;
    }
    return false;
}

static void say_stat(struct weir__control *c) {
    const struct weir__counters *n = c->counters;
    uint64_t sum = n->messages + n->acks + n->errors + n->unasked;
    WEIR_CHECK(sum >= c->reported); /* counters never fall */
    char line[WEIR__CONTROL_LINE_MAX], unasked[40] = "";
    if (sum == c->reported)
        return;
    if (n->unasked > 0) /* without any the line has no such field */
        snprintf(unasked, sizeof unasked, " unasked=%" PRIu64, n->unasked);
    int len = snprintf(line, sizeof line,
                       "stat messages=%" PRIu64 " acks=%" PRIu64 " errors=%" PRIu64
                       " p50_us=%" PRIu64 " p99_us=%" PRIu64 "%s\n",
                       n->messages, n->acks, n->errors, weir__latency_us(&n->latency, 50),
                       weir__latency_us(&n->latency, 99), unasked);
    WEIR_CHECK(len > 0 && (size_t)len < sizeof line);
    if (say(c, line))
        c->reported = sum;
}

struct beat_args {
    struct weir__control *control;
};

static int beat(void *args) {
    struct weir__control *c = ((struct beat_args *)args)->control;
    int rc = 0;
    while (rc == 0 && c->fd >= 0) {
        (void)say(c, "beat\n");
        say_stat(c);
        rc = weir_sleep(WEIR_SECONDS(WEIR__BEAT_S));
    }
    return rc == -ECANCELED ? 0 : rc;
}

int weir__control_ready(struct weir__control *c, struct weir_group *g, int port) {
    char line[WEIR__CONTROL_LINE_MAX];
    WEIR_CHECK(c->counters != NULL && port >= 0 && port <= UINT16_MAX);
    if (c->fd < 0)
        return 0;
    snprintf(line, sizeof line, "ready port=%d\n", port);
    (void)say(c, port > 0 ? line : "ready\n");
    return weir_go(g, beat, .control = c);
}

void weir__control_close(struct weir__control *c) {
    say_stat(c);
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
}
