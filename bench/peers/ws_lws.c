/* SPDX-License-Identifier: MIT */
/* The peer libwebsockets: a WebSocket echo server of one thread, on its libuv loop where that is
 * installed (its own loop is poll(2)), else on its own.
 *
 *   peer-lws-ws --port N [--deflate] [--takeover] [--buffer BYTES] [--tls CERT KEY]
 *               [--fan COUNT ROUNDS]
 *
 * --port 0 picks a port, which is printed in any case. --deflate compresses each message at level
 * 6, memory level 8, without takeover unless --takeover. A connection's buffer has --buffer bytes
 * (4096): libwebsockets 4.1 gets stuck in compressed messages that are far larger. --fan echoes
 * nothing: once COUNT clients (bench-fan-out PORT COUNT 0) are there, it sends each of them 64
 * bytes in each round, and prints the CPU time for one.
 *
 * The server writes only in the callback that says that a connection is writable, and only while
 * lws_send_pipe_choked returns 0: libwebsockets' documentation asks for both. */
#include <arpa/inet.h>
#include <libwebsockets.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { WARM = 3, FAN_SIZE = 64, PAUSE_US = 300000, START_US = 500000 };

struct message {
    struct message *next;
    size_t len;
    bool binary;
    unsigned char bytes[]; /* LWS_PRE bytes for the head, then the payload */
};

struct session { /* zero at first */
    struct message *first, *last, *gathered;
    size_t room; /* of gathered */
    int rounds;  /* --fan: sent */
};

static bool deflates, takeover, is_over;
static int fan_count, fan_rounds, clients, rounds_begun;
static double cpu_before;
static lws_sorted_usec_list_t timer;
static struct lws_context *context;
static const struct lws_protocols *protocol;

/* ---- echo ---- */

static int gather(struct session *s, struct lws *wsi, const void *in, size_t len) {
    struct message *m = s->gathered;
    size_t had = m != NULL ? m->len : 0;
    if (had + len > s->room || m == NULL) {
        s->room = 2 * (had + len);
        m = realloc(m, sizeof *m + LWS_PRE + s->room);
        if (m == NULL)
            return -1;
    }
    memcpy(m->bytes + LWS_PRE + had, in, len);
    m->len = had + len;
    m->next = NULL;
    m->binary = lws_frame_is_binary(wsi) != 0;
    s->gathered = m;
    return 0;
}

static int receive(struct session *s, struct lws *wsi, const void *in, size_t len) {
    if (gather(s, wsi, in, len) < 0)
        return -1;
    if (!lws_is_final_fragment(wsi) || lws_remaining_packet_payload(wsi) > 0)
        return 0;
    if (s->first == NULL)
        s->first = s->gathered;
    else
        s->last->next = s->gathered;
    s->last = s->gathered;
    s->gathered = NULL;
    lws_callback_on_writable(wsi);
    return 0;
}

static int answer(struct session *s, struct lws *wsi) {
    while (s->first != NULL) {
        struct message *m = s->first;
        int n = lws_write(wsi, m->bytes + LWS_PRE, m->len,
                          m->binary ? LWS_WRITE_BINARY : LWS_WRITE_TEXT);
        if (n < 0)
            return -1;
        s->first = m->next;
        free(m);
        if (s->first != NULL && (deflates || lws_send_pipe_choked(wsi))) {
            lws_callback_on_writable(wsi);
            return 0;
        }
    }
    return 0;
}

static void forget(struct session *s) {
    for (struct message *m = s->first, *next; m != NULL; m = next) {
        next = m->next;
        free(m);
    }
    free(s->gathered);
}

/* ---- broadcast ---- */

static double cpu_now(void) {
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return 1e6 * (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static void begin_round(lws_sorted_usec_list_t *unused) {
    (void)unused;
    if (rounds_begun == WARM)
        cpu_before = cpu_now();
    if (rounds_begun == WARM + fan_rounds) {
        printf("lws %d connections: %.3f us of CPU for each\n", fan_count,
               (cpu_now() - cpu_before) / fan_rounds / fan_count);
        fflush(stdout);
        is_over = true;
        exit(0);
    }
    rounds_begun++;
    lws_callback_on_writable_all_protocol(context, protocol);
    lws_sul_schedule(context, 0, &timer, begin_round, PAUSE_US); /* the clients read meanwhile */
}

static int send_round(struct session *s, struct lws *wsi) {
    static unsigned char bytes[LWS_PRE + FAN_SIZE];
    if (s->rounds == rounds_begun)
        return 0;
    s->rounds++;
    return lws_write(wsi, bytes + LWS_PRE, FAN_SIZE, LWS_WRITE_BINARY) < 0 ? -1 : 0;
}

/* ---- the server ---- */

static int opened(struct lws *wsi) {
    if (deflates) {
        static const char *const options[][2] = {
            {"compression_level", "6"}, {"mem_level", "8"}, {"rx_buf_size", "16"},
            {"tx_buf_size", "16"}};
        for (size_t i = 0; i < sizeof options / sizeof *options; i++)
            if (lws_set_extension_option(wsi, "permessage-deflate", options[i][0],
                                         options[i][1]) != 0)
                fprintf(stderr, "peer-lws-ws: %s was not taken\n", options[i][0]);
    }
    protocol = lws_get_protocol(wsi);
    if (++clients == fan_count)
        lws_sul_schedule(context, 0, &timer, begin_round, START_US);
    return 0;
}

static int callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                    size_t len) {
    struct session *s = user;
    switch (reason) {
    case LWS_CALLBACK_ESTABLISHED:
        return opened(wsi);
    case LWS_CALLBACK_RECEIVE:
        return receive(s, wsi, in, len);
    case LWS_CALLBACK_SERVER_WRITEABLE:
        return fan_count > 0 ? send_round(s, wsi) : answer(s, wsi);
    case LWS_CALLBACK_CLOSED:
        forget(s);
        return 0;
    default:
        return lws_callback_http_dummy(wsi, reason, user, in, len);
    }
}

static struct lws_protocols protocols[] = {
    {.name = "echo", .callback = callback, .per_session_data_size = sizeof(struct session)}, {0}};
static const struct lws_extension extensions[] = {
    {"permessage-deflate", lws_extension_callback_pm_deflate,
     "permessage-deflate; server_no_context_takeover; client_no_context_takeover"},
    {0}};
static const struct lws_extension extensions_takeover[] = {
    {"permessage-deflate", lws_extension_callback_pm_deflate, "permessage-deflate"}, {0}};

static int take_options(int argc, char **argv, struct lws_context_creation_info *info) {
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--port") == 0 && i + 1 < argc)
            info->port = atoi(argv[++i]);
        else if (strcmp(argv[i], "--deflate") == 0)
            deflates = true;
        else if (strcmp(argv[i], "--takeover") == 0)
            deflates = takeover = true;
        else if (strcmp(argv[i], "--buffer") == 0 && i + 1 < argc)
            protocols[0].rx_buffer_size = info->pt_serv_buf_size = (unsigned)atoi(argv[++i]);
        else if (strcmp(argv[i], "--tls") == 0 && i + 2 < argc) {
            info->options |= LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
            info->ssl_cert_filepath = argv[++i];
            info->ssl_private_key_filepath = argv[++i];
        } else if (strcmp(argv[i], "--fan") == 0 && i + 2 < argc) {
            fan_count = atoi(argv[++i]);
            fan_rounds = atoi(argv[++i]);
        } else
            return -1;
    }
    return 0;
}

int main(int argc, char **argv) {
    struct lws_context_creation_info info = {
        .iface = "127.0.0.1", .protocols = protocols, .gid = -1, .uid = -1,
        .options = LWS_SERVER_OPTION_DISABLE_IPV6};
    struct rlimit limit;
    if (take_options(argc, argv, &info) < 0) {
        fprintf(stderr, "usage: peer-lws-ws --port N [--deflate] [--takeover] [--buffer BYTES] "
                        "[--tls CERT KEY] [--fan COUNT ROUNDS]\n");
        return 2;
    }
    if (deflates)
        info.extensions = takeover ? extensions_takeover : extensions;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    lws_set_log_level(LLL_ERR, NULL);
    uint64_t plain = info.options;
    info.options |= LWS_SERVER_OPTION_LIBUV;
    context = lws_create_context(&info);
    if (context == NULL) {
        info.options = plain;
        context = lws_create_context(&info);
    }
    if (context == NULL)
        return 1;
    printf("%d\n", lws_get_vhost_listen_port(lws_get_vhost_by_name(context, "default")));
    fflush(stdout);
    lws_set_log_level(0, NULL); /* SIGTERM is no error */
    while (!is_over && lws_service(context, 0) >= 0)
        ;
    lws_context_destroy(context);
    return 0;
}
