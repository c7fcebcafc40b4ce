/* SPDX-License-Identifier: MIT */
/* See options.h. */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: bench-load --port N [options]\n"
    "  --connections N   open N connections (50)\n"
    "  --size N          payload bytes of a message (64)\n"
    "  --depth N         messages in flight on a connection, at most (1)\n"
    "  --ws              RFC 6455: handshake, masked frames out, whole frames back\n"
    "  --rate N          N messages a second in all, evenly spaced, over the connections in\n"
    "                    turn; latency from the intended time, also of one that had to wait\n"
    "                    because --depth messages were in flight\n"
    "  --warmup S        seconds before the measurement (0.3)\n"
    "  --seconds S       seconds of measurement (1)\n"
    "  --pid P           also read the CPU time of process P\n"
    "  --idle N          open N connections, one message on each, hold until stdin ends\n";

/* What a connection has in flight, at most: a send of it fits in 32 bits. */
#define WINDOW_MAX (64u << 20)

static const struct option long_options[] = {
    {"port", required_argument, NULL, 'p'},   {"connections", required_argument, NULL, 'c'},
    {"size", required_argument, NULL, 's'},   {"ws", no_argument, NULL, 'w'},
    {"depth", required_argument, NULL, 'd'},  {"rate", required_argument, NULL, 'r'},
    {"warmup", required_argument, NULL, 'u'}, {"seconds", required_argument, NULL, 't'},
    {"pid", required_argument, NULL, 'P'},    {"idle", required_argument, NULL, 'i'},
    {NULL, 0, NULL, 0},
};

static int parse_number(const char *text, double min, double max, double *ret) {
    char *end;
    double v = strtod(text, &end);

    if (end == text || *end || !(v >= min && v <= max)) {
        fprintf(stderr, "bench-load: %s is not a number from %g to %g\n", text, min, max);
        return -EINVAL;
    }
    *ret = v;
    return 0;
}

static int apply(struct options *o, int letter, const char *text) {
    double v = 0;
    int rc = 0;

    switch (letter) {
    case 'p':
        rc = parse_number(text, 1, 65535, &v);
        o->port = (uint16_t)v;
        return rc;
    case 'i':
        o->idle = 1;
        /* fall through */
    case 'c':
        rc = parse_number(text, 1, 100000, &v);
        o->connections = (unsigned)v;
        return rc;
    case 's':
        rc = parse_number(text, 1, 16 << 20, &v);
        o->size = (size_t)v;
        return rc;
    case 'd':
        rc = parse_number(text, 1, 1024, &v);
        o->depth = (unsigned)v;
        return rc;
    case 'w':
        o->websocket = 1;
        return 0;
    case 'r':
        return parse_number(text, 1, 1e8, &o->rate);
    case 'u':
        rc = parse_number(text, 0, 3600, &v);
        o->warmup_ns = (int64_t)(v * 1e9);
        return rc;
    case 't':
        rc = parse_number(text, 0.001, 3600, &v);
        o->measure_ns = (int64_t)(v * 1e9);
        return rc;
    case 'P':
        rc = parse_number(text, 1, 1 << 30, &v);
        o->pid = (pid_t)v;
        return rc;
    default:
        fputs(usage, stderr);
        return -EINVAL;
    }
}

int options_parse(struct options *o, int argc, char **argv) {
    int letter, rc;

    memset(o, 0, sizeof *o);
    o->connections = 50;
    o->size = 64;
    o->depth = 1;
    o->warmup_ns = 300000000;
    o->measure_ns = 1000000000;
    while ((letter = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
        rc = apply(o, letter, optarg);
        if (rc < 0)
            return rc;
    }
    if (optind != argc || !o->port) {
        fputs(usage, stderr);
        return -EINVAL;
    }
    if (o->depth * o->size > WINDOW_MAX) {
        fprintf(stderr, "bench-load: --depth times --size exceeds %u\n", WINDOW_MAX);
        return -EINVAL;
    }
    return 0;
}
