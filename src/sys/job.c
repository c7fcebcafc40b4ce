/* SPDX-License-Identifier: MIT */
/* job.c - see job.h. */
#include "sys/job.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "sys/addr.h"
#include "sys/plain.h"
#include "sys/verb.h"

struct weir__job *weir__job_new(struct weir__pool_user *u, struct weir__op *op) {
    bool is_call = op->kind == WEIR__FILE_OP;
    bool is_work = op->kind != WEIR__RESOLVE && !is_call; /* WORK, SPAWN */
    const struct weir__work_by *by = is_work ? op->u.work.by : NULL;
    const char *name = is_call   ? ""
                       : is_work ? (by != NULL ? by->task : "")
                                 : op->u.resolve.host;
    size_t name_size = strlen(name) + 1;
    struct weir__job *j = weir__alloc_zero(sizeof *j + name_size);
    if (j == NULL)
        return NULL;
    memcpy(j->name, name, name_size);
    weir__list_init(&j->link);
    j->op = op;
    j->user = u;
    j->class = is_call             ? WEIR__POOL_FILE
               : !is_work          ? WEIR__POOL_RESOLVE
               : op->u.work.is_file ? WEIR__POOL_FILE
                                    : WEIR__POOL_WORK;
    j->site = by != NULL ? by->site : NULL;
    if (is_call) {
        j->call = op->u.call;
        return j;
    }
    if (is_work) {
        j->fn = op->u.work.fn, j->arg = op->u.work.arg;
        return j;
    }
    j->port = op->u.resolve.port;
    j->addrs = weir__alloc_zero(WEIR__ADDRS_MAX * sizeof *j->addrs);
    if (j->addrs != NULL)
        return j;
    weir__free(j);
    return NULL;
}

void weir__job_free(struct weir__job *j) {
    if (j != NULL)
        weir__free(j->addrs);
    weir__free(j);
}

static int64_t resolve_error(int rc, int saved_errno) {
    switch (rc) {
    case EAI_MEMORY:
        return -ENOMEM;
    case EAI_SYSTEM:
        return saved_errno ? -saved_errno : WEIR_ERESOLVE;
    case EAI_AGAIN:
    case EAI_FAIL:
        return WEIR_ERESOLVE;
    default:
        return WEIR_ENONAME;
    }
}

/* Not AI_ADDRCONFIG: it hides the loopback addresses of a machine that has no other. */
static int64_t resolve(struct weir__job *j) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_family = AF_UNSPEC}, *found = NULL;
    errno = 0;
    int rc = getaddrinfo(j->name, NULL, &hints, &found);
    if (rc != 0)
        return resolve_error(rc, errno);
    int count = 0;
    for (struct addrinfo *a = found; a != NULL && count < WEIR__ADDRS_MAX; a = a->ai_next) {
        if (a->ai_family != AF_INET && a->ai_family != AF_INET6)
            continue;
        struct weir__addr *to = &j->addrs[count++];
        memcpy(&to->sa, a->ai_addr, a->ai_addrlen);
        to->len = a->ai_addrlen;
        weir__addr_set_port(to, j->port);
    }
    freeaddrinfo(found);
    return count > 0 ? count : WEIR_ENONAME;
}

int64_t weir__job_run(struct weir__job *j) {
    if (j->call != NULL)
        return weir__verb_call(j->call);
    return j->fn != NULL ? j->fn(j->arg) : resolve(j);
}

void weir__job_describe(const struct weir__job *j, struct weir__pool_job *ret_job) {
    ret_job->class = j->class;
    snprintf(ret_job->name, sizeof ret_job->name, "%s", j->name);
    ret_job->site = j->site;
    ret_job->began = j->began;
    ret_job->number = j->number;
}

const char *weir__job_text(const struct weir__pool_job *j, char buf[static WEIR__JOB_TEXT]) {
    weir_ns ran = weir__plain_now() - j->began;
    long long s = ran / 1000000000, ms = ran / 1000000;
    if (j->class == WEIR__POOL_RESOLVE)
        snprintf(buf, WEIR__JOB_TEXT, "the look-up of '%s', for %lld %s", j->name, s ? s : ms,
                 s ? "s" : "ms");
    else if (j->site == NULL)
        snprintf(buf, WEIR__JOB_TEXT, "%s, for %lld %s", j->name, s ? s : ms,
                 s ? "s" : "ms");
    else
        snprintf(buf, WEIR__JOB_TEXT, "%s (%s:%d), an offloaded function of task '%s', for %lld %s",
                 j->site->name, j->site->file, j->site->line, j->name, s ? s : ms,
                 s ? "s" : "ms");
    return buf;
}
