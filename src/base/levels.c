/* SPDX-License-Identifier: MIT */
/* levels.c - see levels.h. A logger remembers its level with the number of the rules for which it
 * was found, in one word: so that a line that is not logged costs two reads. */
#include "base/levels.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/escape.h"
#include "base/process.h"

enum { OFF = -1, LEVEL_BITS = 4, WHY_MAX = 160 };

struct rule {
    char name[WEIR__LOGGER_NAME_MAX + 1];
    int level;
};

struct rules {
    int count;
    struct rule all[WEIR__RULES_MAX];
};

static struct {
    pthread_mutex_t lock;
    struct rules rules;
    unsigned generation; /* atomic: written under the lock */
    char environment[WHY_MAX];
} kept = {.lock = PTHREAD_MUTEX_INITIALIZER, .generation = 1};

static const char *const levels[] = {"error", "warning", "info", "debug"};

void weir__levels_begin(const char *text) {
    char why[WHY_MAX];
    if (weir__levels_set(text, why, sizeof why) < 0)
        snprintf(kept.environment, sizeof kept.environment, "WEIR_LOG: %.140s", why);
}

static const struct weir__part part = {
    .name = "levels",
    .state = &kept,
    .size = sizeof kept,
    .lock = &kept.lock,
};

static __attribute__((constructor)) void begin(void) {
    weir__process_add(WEIR__PART_LEVELS, &part);
    weir__levels_begin(secure_getenv("WEIR_LOG"));
}

static int level_named(const char *text, size_t len) {
    for (int i = 0; i <= WEIR_LOG_DEBUG; i++)
        if (strlen(levels[i]) == len && memcmp(levels[i], text, len) == 0)
            return i;
    return len == 3 && memcmp(text, "off", 3) == 0 ? OFF : -EINVAL;
}

static int bad(char *ret_why, size_t size, const char *piece, size_t len, const char *what) {
    char shown[64];
    weir__escape(shown, sizeof shown, piece, len);
    snprintf(ret_why, size, "'%s' %s", shown, what);
    return -EINVAL;
}

static int read_rule(struct rules *r, const char *text, size_t len, char *ret_why, size_t size) {
    const char *is = memchr(text, '=', len), *level = is ? is + 1 : text;
    size_t name_len = is ? (size_t)(is - text) : 1;
    if (name_len == 0)
        return bad(ret_why, size, text, len, "has no name before the =");
    if (name_len > WEIR__LOGGER_NAME_MAX)
        return bad(ret_why, size, text, len, "has a name of more than 31 bytes");
    if (r->count == WEIR__RULES_MAX)
        return bad(ret_why, size, text, len, "is the 33rd rule: there are at most 32");
    struct rule *rule = &r->all[r->count++];
    size_t level_len = len - (size_t)(level - text);
    rule->level = level_named(level, level_len);
    if (rule->level == -EINVAL)
        return bad(ret_why, size, level, level_len,
                   "is no level: error, warning, info, debug or off, as in net=debug,*=warning");
    memcpy(rule->name, is ? text : "*", name_len);
    rule->name[name_len] = '\0';
    return 0;
}

static int read_rules(struct rules *r, const char *text, char *ret_why, size_t size) {
    *r = (struct rules){.count = 0};
    while (text != NULL && *text != '\0') {
        size_t len = strcspn(text, ",");
        int rc = read_rule(r, text, len, ret_why, size);
        if (rc < 0)
            return rc;
        text += len + (text[len] == ',');
    }
    return 0;
}

static void changed(void) { /* with the lock held */
    kept.environment[0] = '\0';
    unsigned next = (kept.generation + 1) & (~0U >> LEVEL_BITS);
    __atomic_store_n(&kept.generation, next, __ATOMIC_RELEASE);
}

int weir__levels_set(const char *text, char *ret_why, size_t size) {
    struct rules read;
    int rc = read_rules(&read, text, ret_why, size);
    if (rc < 0)
        return rc;
    pthread_mutex_lock(&kept.lock);
    kept.rules = read;
    changed();
    pthread_mutex_unlock(&kept.lock);
    return 0;
}

void weir__levels_set_rest(enum weir_log_level level) {
    pthread_mutex_lock(&kept.lock);
    int i = 0;
    while (i < kept.rules.count && strcmp(kept.rules.all[i].name, "*") != 0)
        i++;
    if (i == WEIR__RULES_MAX)
        i = 0; /* full of names: one must go */
    kept.rules.count = i == kept.rules.count ? i + 1 : kept.rules.count;
    kept.rules.all[i] = (struct rule){.name = "*", .level = (int)level};
    changed();
    pthread_mutex_unlock(&kept.lock);
}

const char *weir__levels_environment(void) {
    return kept.environment;
}

/* How many bytes of name the rule names; 0: none. The last of equals wins. */
static size_t match(const struct rule *r, const char *name) {
    size_t len = strlen(r->name);
    bool is = strncmp(r->name, name, len) == 0 && (name[len] == '\0' || name[len] == '.');
    return is ? len + 1 : strcmp(r->name, "*") == 0;
}

static int find(const struct weir_logger *logger) { /* with the lock held */
    int level = (int)logger->level;
    size_t best = 0;
    for (int i = 0; i < kept.rules.count; i++) {
        size_t now = match(&kept.rules.all[i], logger->name);
        if (now > 0 && now >= best)
            best = now, level = kept.rules.all[i].level;
    }
    return level;
}

static int learn(struct weir_logger *logger) {
    pthread_mutex_lock(&kept.lock);
    int level = find(logger);
    unsigned known = kept.generation << LEVEL_BITS | (unsigned)(level + 1);
    pthread_mutex_unlock(&kept.lock);
    __atomic_store_n(&logger->known_, known, __ATOMIC_RELAXED);
    return level;
}

bool weir_log_wants(struct weir_logger *logger, enum weir_log_level level) {
    unsigned known = __atomic_load_n(&logger->known_, __ATOMIC_RELAXED);
    int most = known >> LEVEL_BITS == __atomic_load_n(&kept.generation, __ATOMIC_ACQUIRE)
                   ? (int)(known & ((1U << LEVEL_BITS) - 1)) - 1
                   : learn(logger);
    return (int)level <= most;
}
