/* SPDX-License-Identifier: MIT */
/* debug.c - the stints, the objects that the user has made, and the calls that bugs are in. */
#include "loop/debug.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/check.h"
#include "base/log.h"
#include "sys/symbol.h"

enum {
    SLOW_MS = 100,  /* asyncio's slow_callback_duration */
    BUCKETS = 1024, /* of the table of objects */
    GRAVES = 256    /* closed objects that are remembered */
};

struct made { /* an object */
    struct made *next;
    const void *object;
    const char *kind;
    const void *made_pc, *closed_pc;
    char maker[40], closer[40]; /* names of tasks; "": the loop */
    char what[96];
};

struct weir__debug {
    struct weir__watchdog *watchdog;
    weir_ns slow_ns;
    struct weir__stint stint;
    struct made *living[BUCKETS];
    struct made *graves[GRAVES]; /* a ring */
    unsigned grave;
};

static weir_ns clock_now(void) {
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (weir_ns)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* ---- bugs ------------------------------------------------------------------------------------ */

/* Both read what weir__symbol_text writes. */
static bool in_shared_library(const char *name) {
    return strstr(name, "(libweir") != NULL;
}

static bool is_public(const char *name) {
    return strncmp(name, "weir_", 5) == 0 && name[5] != '_';
}

/* A bug is reported where the library sees it. Log which call of the program that was: in the
 * stack, the last public function before one that is not the library's. Static functions of the
 * library may come before it, and it may be missing, because it ended in a tail call. A bug's call
 * does not return, and what follows it may be another function: so names are those of a byte
 * less. */
static void log_call(void) {
    enum { FRAMES = 32 };
    void *pcs[FRAMES];
    char name[WEIR__SYMBOL_TEXT], call[WEIR__SYMBOL_TEXT] = "", place[WEIR__SYMBOL_TEXT];
    bool was_library = false;
    int n = weir__backtrace(pcs, FRAMES);
    for (int i = 0; i < n; i++) {
        weir__symbol_text((const char *)pcs[i] - 1, name);
        if (is_public(name)) {
            snprintf(call, sizeof call, "the call of %.*s", (int)strcspn(name, "+."), name);
            was_library = true;
        } else if (in_shared_library(name) || strncmp(name, "weir__", 6) == 0) {
            was_library = was_library || in_shared_library(name);
        } else if (was_library) {
            weir__log(WEIR_LOG_ERROR, "  in %s at %s", *call != '\0' ? call : "a call",
                      weir__symbol_text(pcs[i], place));
            return;
        }
    }
}

static void once(void) {
    void *pc;
    weir__backtrace(&pc, 1); /* loads libgcc: not on the stack of a task */
    weir__check_more = log_call;
}

/* ---- stints ---------------------------------------------------------------------------------- */

int weir__debug_start(struct weir__loop *l, weir_ns slow_ns) {
    static pthread_once_t begun = PTHREAD_ONCE_INIT;
    struct weir__debug *d = weir__alloc_zero(sizeof *d);
    if (d == NULL)
        return -ENOMEM;
    d->slow_ns = slow_ns > 0 ? slow_ns : WEIR_MILLISECONDS(SLOW_MS);
    if (!l->exact) {
        int rc = weir__watchdog_start(l->handle->name, d->slow_ns, &d->watchdog);
        if (rc < 0) {
            weir__free(d);
            return rc;
        }
    }
    pthread_once(&begun, once);
    l->debug = d;
    return 0;
}

static void stint_over(struct weir__loop *l, struct weir__debug *d, weir_ns now) {
    weir_ns lasted = now - d->stint.since;
    char who[WEIR__STINT_TEXT];
    if (d->stint.since != 0 && lasted >= d->slow_ns)
        weir__log(WEIR_LOG_WARNING, "loop '%s': %s let nobody else run for %lld ms",
                  l->handle->name, weir__stint_text(&d->stint, who),
                  (long long)(lasted / 1000000));
}

void weir__debug_stint(struct weir__loop *l, const char *name, const struct weir_site *site) {
    struct weir__debug *d = l->debug;
    if (d->watchdog == NULL)
        return;
    weir_ns now = clock_now();
    stint_over(l, d, now);
    d->stint.number++;
    d->stint.since = now;
    d->stint.site = site;
    size_t len = 0;
    for (; site != NULL && len < sizeof d->stint.name - 1 && name[len] != '\0'; len++)
        d->stint.name[len] = name[len];
    d->stint.name[len] = '\0';
    weir__watchdog_stint(d->watchdog, &d->stint);
}

void weir__debug_waits(struct weir__loop *l) {
    struct weir__debug *d = l->debug;
    if (d->watchdog == NULL)
        return;
    stint_over(l, d, clock_now());
    d->stint.number++;
    d->stint.since = 0;
    weir__watchdog_stint(d->watchdog, &d->stint);
}

/* ---- objects --------------------------------------------------------------------------------- */

static struct made **bucket_of(struct weir__debug *d, const void *object) {
    uintptr_t bits = (uintptr_t)object / 16;
    return &d->living[(bits ^ bits / BUCKETS) % BUCKETS];
}

static struct made *take_living(struct weir__debug *d, const void *object) {
    for (struct made **at = bucket_of(d, object); *at != NULL; at = &(*at)->next) {
        struct made *m = *at;
        if (m->object != object)
            continue;
        *at = m->next;
        return m;
    }
    return NULL;
}

static struct made **grave_of(struct weir__debug *d, const void *object) {
    for (unsigned i = 0; i < GRAVES; i++)
        if (d->graves[i] != NULL && d->graves[i]->object == object)
            return &d->graves[i];
    return NULL;
}

static void name_running(char name[static 40]) {
    snprintf(name, 40, "%s", weir__check_who());
}

void weir__debug_begins_here(struct weir__loop *l, const void *object) {
    struct made **grave = grave_of(l->debug, object);
    if (grave == NULL)
        return;
    weir__free(*grave);
    *grave = NULL;
}

void weir__debug_made(struct weir__loop *l, const void *object, const char *kind, const char *what,
                      const void *pc) {
    struct weir__debug *d = l->debug;
    if (d == NULL)
        return;
    weir__debug_begins_here(l, object);
    struct made *m = weir__alloc_zero(sizeof *m);
    if (m == NULL)
        return;
    m->object = object;
    m->kind = kind;
    m->made_pc = pc;
    name_running(m->maker);
    snprintf(m->what, sizeof m->what, "%s", what);
    struct made **bucket = bucket_of(d, object);
    m->next = *bucket;
    *bucket = m;
}

void weir__debug_closed(struct weir__loop *l, const void *object, const void *pc) {
    struct weir__debug *d = l->debug;
    struct made *m = d != NULL ? take_living(d, object) : NULL;
    if (m == NULL)
        return;
    m->closed_pc = pc;
    name_running(m->closer);
    unsigned at = d->grave++ % GRAVES;
    weir__free(d->graves[at]);
    d->graves[at] = m;
}

void weir__debug_not_closed(const struct weir__loop *l, const void *object, const char *call,
                            const void *pc) {
    struct weir__debug *d = l != NULL ? l->debug : NULL;
    struct made **grave = d != NULL ? grave_of(d, object) : NULL;
    if (grave == NULL)
        return;
    const struct made *m = *grave;
    char first[WEIR__SYMBOL_TEXT], second[WEIR__SYMBOL_TEXT];
    WEIR_BUG("%s%s%s: the %s %s was closed before, by task '%s' at %s", call, pc ? " at " : "",
             pc ? weir__symbol_text(pc, second) : "", m->kind, m->what, m->closer,
             weir__symbol_text(m->closed_pc, first));
}

static void name_left(const struct made *m) {
    char place[WEIR__SYMBOL_TEXT];
    weir__log(WEIR_LOG_WARNING, "  never closed: %s %s, made by task '%s' at %s", m->kind, m->what,
              m->maker, weir__symbol_text(m->made_pc, place));
}

void weir__debug_stop(struct weir__loop *l) {
    struct weir__debug *d = l->debug;
    if (d == NULL)
        return;
    weir__watchdog_stop(d->watchdog);
    l->debug = NULL;
    for (size_t i = 0; i < BUCKETS; i++)
        for (struct made *m = d->living[i], *next; m != NULL; m = next) {
            next = m->next;
            name_left(m);
            weir__free(m);
        }
    for (size_t i = 0; i < GRAVES; i++)
        weir__free(d->graves[i]);
    weir__free(d);
}
