/* SPDX-License-Identifier: MIT */
/* control.c - receives and parses the lines of a node. A node may send anything. */
#include "cli/control.h"

#include <ctype.h>
#include <string.h>
#include <sys/socket.h>
#include <weir/base.h>

#include "base/check.h"
#include "cli/limits.h"

enum { DIGITS_MAX = 18 }; /* so many digits fit into 64 bits, without a check at each digit */

bool control_field(const char *text, const char *name, uint64_t *ret_value) {
    size_t len = strlen(name);
    for (const char *at = strchr(text, ' '); at != NULL; at = strchr(at, ' ')) {
        at++;
        if (strncmp(at, name, len) != 0 || at[len] != '=')
            continue;
        uint64_t value = 0;
        size_t digits = 0;
        for (at += len + 1; isdigit((unsigned char)*at); at++, digits++)
            value = digits < DIGITS_MAX ? value * 10 + (uint64_t)(*at - '0') : value;
        if (digits == 0 || digits > DIGITS_MAX || (*at != '\0' && *at != ' '))
            return false;
        *ret_value = value;
        return true;
    }
    return false;
}

static bool begins_with_word(const char *text, const char *word) {
    size_t len = strlen(word);
    return strncmp(text, word, len) == 0 && (text[len] == '\0' || text[len] == ' ');
}

/* A read of 0 bytes is an empty datagram, or means that the socket was closed. Only a datagram
 * comes with its sender's credentials. */
int control_listen(int fd) {
    int on = 1;
    WEIR_CHECK(fd >= 0);
    return setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof on) < 0 ? -errno : 0;
}

ssize_t control_receive(int fd, char *text, size_t size) {
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(struct ucred))]; /* no room for descriptors: they are closed */
    } sender = {.bytes = {0}};
    struct iovec vec = {text, size};
    struct msghdr m = {.msg_iov = &vec,
                       .msg_iovlen = 1,
                       .msg_control = sender.bytes,
                       .msg_controllen = sizeof sender.bytes};
    ssize_t n;
    WEIR_CHECK(fd >= 0 && size > 0);
    do
        n = recvmsg(fd, &m, MSG_DONTWAIT | MSG_TRUNC | MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return -errno;
    return n == 0 && CMSG_FIRSTHDR(&m) == NULL ? WEIR_EEOF : n;
}

struct control_line control_next(const char **line, const char *end) {
    WEIR_CHECK(*line < end);
    const char *begin = *line, *newline = memchr(begin, '\n', (size_t)(end - begin));
    *line = newline != NULL ? newline + 1 : end;
    return control_parse(begin, (size_t)(*line - begin));
}

struct control_line control_parse(const char *line, size_t len) {
    struct control_line c = {.word = CONTROL_UNKNOWN};
    char text[LIMIT_CONTROL_BYTES + 1];
    uint64_t port = 0;
    if (len > 0 && line[len - 1] == '\n')
        len--;
    if (len > 0 && line[len - 1] == '\r')
        len--;
    if (len > LIMIT_CONTROL_BYTES)
        return c;
    memcpy(text, line, len);
    text[len] = '\0';
    if (begins_with_word(text, "beat")) {
        c.word = CONTROL_BEAT;
    } else if (begins_with_word(text, "ready")) {
        c.word = CONTROL_READY;
        control_field(text, "port", &port);
        c.port = port <= UINT16_MAX ? (int)port : 0;
    } else if (begins_with_word(text, "stat")) {
        c.word = CONTROL_STAT;
        control_field(text, "messages", &c.stats.messages);
        control_field(text, "acks", &c.stats.acks);
        control_field(text, "errors", &c.stats.errors);
        control_field(text, "p50_us", &c.stats.p50_us);
        control_field(text, "p99_us", &c.stats.p99_us);
        control_field(text, "unasked", &c.stats.unasked);
    }
    return c;
}
