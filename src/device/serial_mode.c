/* SPDX-License-Identifier: MIT */
/* serial_mode.c - the settings of a port: termios2, which takes any speed. Its header and
 * <termios.h> exclude each other, so this code has a file of its own. A driver drops silently what
 * it cannot do, so the settings are read again after they were set. */
#include "device/serial.h"

#include <asm/ioctls.h>
#include <asm/termbits.h>
#include <errno.h>
#include <string.h>

/* A port makes its speed by dividing a clock: a receiver copes with 3 %. */
enum { SPEED_TOLERANCE = 33 };

static const tcflag_t all_parity = PARENB | PARODD | CMSPAR;

/* The usual speeds have names, which programs look for and every driver knows. */
static const struct {
    int baud;
    tcflag_t flag;
} named[] = {
    {50, B50},           {75, B75},           {110, B110},         {134, B134},
    {150, B150},         {200, B200},         {300, B300},         {600, B600},
    {1200, B1200},       {1800, B1800},       {2400, B2400},       {4800, B4800},
    {9600, B9600},       {19200, B19200},     {38400, B38400},     {57600, B57600},
    {115200, B115200},   {230400, B230400},   {460800, B460800},   {500000, B500000},
    {576000, B576000},   {921600, B921600},   {1000000, B1000000}, {1152000, B1152000},
    {1500000, B1500000}, {2000000, B2000000}, {2500000, B2500000}, {3000000, B3000000},
    {3500000, B3500000}, {4000000, B4000000},
};

static tcflag_t speed_flag(int baud) {
    for (size_t i = 0; i < sizeof named / sizeof named[0]; i++)
        if (named[i].baud == baud)
            return named[i].flag;
    return BOTHER;
}

static tcflag_t size_flag(int bits) {
    return bits == 5 ? CS5 : bits == 6 ? CS6 : bits == 7 ? CS7 : CS8;
}

static tcflag_t parity_flags(enum weir_parity p) {
    switch (p) {
    case WEIR_PARITY_EVEN:
        return PARENB;
    case WEIR_PARITY_ODD:
        return PARENB | PARODD;
    case WEIR_PARITY_MARK:
        return PARENB | PARODD | CMSPAR;
    case WEIR_PARITY_SPACE:
        return PARENB | CMSPAR;
    default:
        return 0;
    }
}

static void replace(tcflag_t *flags, tcflag_t all, tcflag_t set) {
    *flags = (*flags & ~all) | set;
}

static void make_raw(struct termios2 *t) {
    t->c_iflag = IGNBRK;
    t->c_oflag = 0;
    t->c_lflag = 0;
    t->c_cflag |= CLOCAL | CREAD;
    t->c_cc[VMIN] = 1;
    t->c_cc[VTIME] = 0;
}

static void apply(struct termios2 *t, const struct weir_serial_options *o) {
    if (o->baud != 0) {
        replace(&t->c_cflag, CBAUD, speed_flag(o->baud));
        replace(&t->c_cflag, CIBAUD, 0); /* in as out */
        t->c_ispeed = t->c_ospeed = (speed_t)o->baud;
    }
    if (o->bits != 0)
        replace(&t->c_cflag, CSIZE, size_flag(o->bits));
    if (o->stop != 0)
        replace(&t->c_cflag, CSTOPB, o->stop == 2 ? CSTOPB : 0);
    if (o->parity != WEIR_PARITY_AS_IS) {
        replace(&t->c_cflag, all_parity, parity_flags(o->parity));
        replace(&t->c_iflag, INPCK, o->parity != WEIR_PARITY_NONE ? INPCK : 0);
    }
    if (o->flow != WEIR_FLOW_AS_IS) {
        replace(&t->c_cflag, CRTSCTS, o->flow == WEIR_FLOW_RTSCTS ? CRTSCTS : 0);
        replace(&t->c_iflag, IXON | IXOFF | IXANY,
                o->flow == WEIR_FLOW_XONXOFF ? IXON | IXOFF : 0);
    }
}

static bool is_value(const struct weir_serial_options *o) {
    return o->baud >= 0 && (o->bits == 0 || (o->bits >= 5 && o->bits <= 8)) && o->stop >= 0
           && o->stop <= 2 && o->parity <= WEIR_PARITY_SPACE && o->flow <= WEIR_FLOW_XONXOFF;
}

/* Is the speed that the port makes near the one that was asked for? */
static bool is_near(speed_t made, speed_t asked) {
    speed_t off = made > asked ? made - asked : asked - made;
    return off <= asked / SPEED_TOLERANCE;
}

/* Returns NULL, or what the port does not do. */
static const char *missing(const struct termios2 *made, const struct termios2 *asked) {
    tcflag_t differs = made->c_cflag ^ asked->c_cflag;
    if (!is_near(made->c_ospeed, asked->c_ospeed))
        return "the port does not make this speed";
    return (differs & CSIZE) != 0        ? "the port does not do this number of bits"
           : (differs & all_parity) != 0 ? "the port does not do this parity"
           : (differs & CSTOPB) != 0     ? "the port does not do this number of stop bits"
           : (differs & CRTSCTS) != 0    ? "the port has no flow control by lines"
                                         : NULL;
}

int weir__serial_mode_set(int fd, const struct weir_serial_options *o, bool raw,
                          const char **ret_why) {
    struct termios2 asked, made;
    *ret_why = "no such value";
    if (!is_value(o))
        return -EINVAL;
    int rc = weir__serial_control(fd, TCGETS2, &asked);
    if (rc < 0)
        return rc;
    if (raw)
        make_raw(&asked);
    apply(&asked, o);
    made = asked;
    rc = weir__serial_control(fd, TCSETS2, &made);
    if (rc == 0)
        rc = weir__serial_control(fd, TCGETS2, &made);
    *ret_why = rc == 0 ? missing(&made, &asked) : NULL;
    return rc == 0 && *ret_why != NULL ? -EINVAL : rc;
}

static enum weir_parity parity_of(tcflag_t flags) {
    for (int p = WEIR_PARITY_EVEN; p <= WEIR_PARITY_SPACE; p++)
        if (parity_flags((enum weir_parity)p) == (flags & all_parity))
            return (enum weir_parity)p;
    return WEIR_PARITY_NONE;
}

int weir__serial_mode_get(int fd, struct weir_serial_options *ret) {
    struct termios2 t;
    int rc = weir__serial_control(fd, TCGETS2, &t);
    if (rc < 0)
        return rc;
    *ret = (struct weir_serial_options){.size = sizeof *ret, .baud = (int)t.c_ospeed};
    tcflag_t bits = t.c_cflag & CSIZE;
    ret->bits = bits == CS5 ? 5 : bits == CS6 ? 6 : bits == CS7 ? 7 : 8;
    ret->stop = (t.c_cflag & CSTOPB) != 0 ? 2 : 1;
    ret->parity = parity_of(t.c_cflag);
    ret->flow = (t.c_cflag & CRTSCTS) != 0   ? WEIR_FLOW_RTSCTS
                : (t.c_iflag & IXON) != 0 ? WEIR_FLOW_XONXOFF
                                             : WEIR_FLOW_NONE;
    return 0;
}
