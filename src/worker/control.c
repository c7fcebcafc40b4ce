/* SPDX-License-Identifier: MIT */
/* control.c - a line is one datagram. A reader that is slow makes us wait, but only the task of
 * the heartbeats. */
#include "worker/control.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weir/loop.h>
#include <weir/stream.h>
#include <weir/task.h>

#include "base/log.h"
#include "worker/limits.h"

int weir__control_open(struct weir__control *c, const struct weir__counters *counters) {
    const char *text = getenv("WEIR_CONTROL_FD");
    *c = (struct weir__control){.counters = counters};
    if (text == NULL)
        return 0;
    char *end;
    long fd = strtol(text, &end, 10);
    bool is_number = end != text && *end == '\0' && fd >= 0 && fd <= 65535;
    unsetenv("WEIR_CONTROL_FD");
    if (!is_number || fcntl((int)fd, F_SETFD, FD_CLOEXEC) < 0) {
        weir__log(WEIR_LOG_WARNING, "WEIR_CONTROL_FD: no open descriptor");
        return 0;
    }
    return weir_stream_from_fd((int)fd, &c->stream);
}

static int gone(struct weir__control *c, int rc) {
    if (rc >= 0 || weir_cancelled() != 0)
        return rc;
    weir_close(&c->stream);
    return 0;
}

static int say(struct weir__control *c, const char *line) {
    return c->stream ? gone(c, weir_write(c->stream, line, strlen(line))) : 0;
}

static int say_stat(struct weir__control *c) {
    const struct weir__counters *n = c->counters;
    uint64_t sum = n->messages + n->acks + n->errors;
    char line[WEIR__CONTROL_LINE_MAX];
    if (sum == c->told)
        return 0;
    c->told = sum;
    snprintf(line, sizeof line,
             "stat messages=%" PRIu64 " acks=%" PRIu64 " errors=%" PRIu64 " p50_us=%" PRIu64
             " p99_us=%" PRIu64 "\n",
             n->messages, n->acks, n->errors, weir__latency_us(&n->latency, 50),
             weir__latency_us(&n->latency, 99));
    return say(c, line);
}

struct beat_args {
    struct weir__control *control;
};

static int beat(void *args) {
    struct weir__control *c = ((struct beat_args *)args)->control;
    int rc = 0;
    while (rc == 0 && c->stream != NULL) {
        rc = say(c, "beat\n");
        if (rc == 0)
            rc = say_stat(c);
        if (rc == 0)
            rc = weir_sleep(WEIR_SECONDS(WEIR__BEAT_S));
    }
    return rc == -ECANCELED ? 0 : rc;
}

int weir__control_ready(struct weir__control *c, struct weir_group *g, int port) {
    char line[WEIR__CONTROL_LINE_MAX];
    if (c->stream == NULL)
        return 0;
    if (port > 0)
        snprintf(line, sizeof line, "ready port=%d\n", port);
    int rc = say(c, port > 0 ? line : "ready\n");
    return rc == 0 ? weir_go(g, beat, .control = c) : rc;
}

void weir__control_close(struct weir__control *c) {
    struct weir_scope shield;
    weir_shield_enter(&shield, WEIR__CONTROL_LAST);
    int rc = say_stat(c);
    weir_scope_leave(&shield, rc);
    weir_close(&c->stream);
}
