/* SPDX-License-Identifier: MIT */
/* serial_url.c - the text of a serial port's URL. */
#include "device/serial.h"

#include <stdlib.h>
#include <string.h>

static const char scheme[] = "serial://";
enum { BAUD_DEFAULT = 9600, WORD_MAX = 16 };

struct word {
    const char *text;
    int value;
};

static const struct word parities[] = {{"none", WEIR_PARITY_NONE},
                                       {"even", WEIR_PARITY_EVEN},
                                       {"odd", WEIR_PARITY_ODD},
                                       {"mark", WEIR_PARITY_MARK},
                                       {"space", WEIR_PARITY_SPACE},
                                       {0}};
static const struct word flows[] = {{"none", WEIR_FLOW_NONE},
                                    {"rtscts", WEIR_FLOW_RTSCTS},
                                    {"xonxoff", WEIR_FLOW_XONXOFF},
                                    {0}};
static const struct word sizes[] = {{"5", 5}, {"6", 6}, {"7", 7}, {"8", 8}, {0}};
static const struct word stops[] = {{"1", 1}, {"2", 2}, {0}};
static const struct word answers[] = {{"yes", 1}, {"no", 0}, {0}};

/* Returns -1 if text is none of the words. */
static int word_of(const struct word *words, const char *text) {
    for (; words->text != NULL; words++)
        if (strcmp(words->text, text) == 0)
            return words->value;
    return -1;
}

/* Returns -1 unless it is a whole number above 0 that fits. */
static int number_of(const char *text) {
    if (strspn(text, "0123456789") != strlen(text) || strlen(text) > 9 || atoi(text) == 0)
        return -1;
    return atoi(text);
}

/* Returns NULL, or what is wrong. */
static const char *set_key(struct weir__serial_url *u, const char *key, const char *value) {
    int n;
    if (strcmp(key, "baud") == 0) {
        u->mode.baud = n = number_of(value);
        return n < 0 ? "baud is a whole number above 0" : NULL;
    }
    if (strcmp(key, "bits") == 0) {
        u->mode.bits = n = word_of(sizes, value);
        return n < 0 ? "bits is 5, 6, 7 or 8" : NULL;
    }
    if (strcmp(key, "stop") == 0) {
        u->mode.stop = n = word_of(stops, value);
        return n < 0 ? "stop is 1 or 2" : NULL;
    }
    if (strcmp(key, "parity") == 0) {
        n = word_of(parities, value);
        u->mode.parity = n < 0 ? WEIR_PARITY_AS_IS : (enum weir_parity)n;
        return n < 0 ? "parity is none, even, odd, mark or space" : NULL;
    }
    if (strcmp(key, "flow") == 0) {
        n = word_of(flows, value);
        u->mode.flow = n < 0 ? WEIR_FLOW_AS_IS : (enum weir_flow)n;
        return n < 0 ? "flow is none, rtscts or xonxoff" : NULL;
    }
    if (strcmp(key, "exclusive") == 0) {
        u->shared = (n = word_of(answers, value)) == 0;
        return n < 0 ? "exclusive is yes or no" : NULL;
    }
    return "the options are baud, bits, parity, stop, flow and exclusive";
}

/* One KEY=VALUE of len bytes. */
static const char *set_part(struct weir__serial_url *u, const char *part, size_t len) {
    char key[2 * WORD_MAX];
    if (len >= sizeof key)
        return "an option is too long";
    memcpy(key, part, len);
    key[len] = '\0';
    char *value = strchr(key, '=');
    if (value == NULL)
        return "an option is KEY=VALUE";
    *value++ = '\0';
    return set_key(u, key, value);
}

int weir__serial_url(const char *url, struct weir__serial_url *ret, const char **ret_why) {
    *ret = (struct weir__serial_url){
        .mode = {.baud = BAUD_DEFAULT, .bits = 8, .stop = 1, .parity = WEIR_PARITY_NONE,
                 .flow = WEIR_FLOW_NONE}};
    *ret_why = "write serial:///PATH?baud=9600";
    if (strncmp(url, scheme, sizeof scheme - 1) != 0)
        return WEIR_EURL;
    const char *path = url + sizeof scheme - 1, *at = strchrnul(path, '?');
    size_t len = (size_t)(at - path);
    if (*path != '/')
        return WEIR_EURL;
    *ret_why = "the path is too long";
    if (len >= sizeof ret->path)
        return WEIR_EURL;
    memcpy(ret->path, path, len);
    ret->path[len] = '\0';
    *ret_why = NULL;
    while (*at != '\0' && *ret_why == NULL) {
        const char *part = at + 1, *end = strchrnul(part, '&');
        *ret_why = set_part(ret, part, (size_t)(end - part));
        at = end;
    }
    return *ret_why != NULL ? WEIR_EURL : 0;
}
