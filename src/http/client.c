/* SPDX-License-Identifier: MIT */
/* client.c - the life of a client: its settings are checked and copied here, and only here. It
 * lives as long as its owner, a connection, a request or a response has a reference. */
#include "http/client.h"

#include <errno.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/check.h"
#include "base/options.h"
#include "loop/debug.h"
#include "stream/tls_table.h"
#include "weir-features.h"
#include "wire/http1_write.h"

enum {
    CONNECTIONS_MAX = 100, /* as aiohttp: a program that asks all at once must not open thousands */
    PER_ORIGIN = 32,
    REDIRECTS_MAX = 10,
    HEAD_MAX = 64 << 10,   /* servers send larger cookies and policies than clients may */
    HEADERS_MAX = 256,
};
#define IDLE_NS WEIR_SECONDS(50) /* less than the 60 s after which common balancers close */

static __thread struct weir_http_client *default_client;

/* ---- settings -------------------------------------------------------------------------------- */

static void set_defaults(struct weir_http_client_options *o) {
    o->connections_max = o->connections_max ? o->connections_max : CONNECTIONS_MAX;
    o->connections_per_origin = o->connections_per_origin ? o->connections_per_origin : PER_ORIGIN;
    o->idle_ns = o->idle_ns == 0 ? IDLE_NS : o->idle_ns;
    o->redirects_max = o->redirects_max == 0 ? REDIRECTS_MAX : o->redirects_max;
    o->head_max = o->head_max ? o->head_max : HEAD_MAX;
    o->headers_max = o->headers_max ? o->headers_max : HEADERS_MAX;
    o->retry_ns = o->retry_ns > 0 ? o->retry_ns : WEIR_MILLISECONDS(100);
    o->continue_ns = o->continue_ns > 0 ? o->continue_ns : WEIR_SECONDS(1);
}

static int new_fail(int rc, const char *on, const char *why) {
    return weir__failf(rc, "http client", on, "%s", why);
}

/* Copy text, if there is one. */
static int keep(char **ret, const char *text) {
    *ret = text != NULL ? weir__strdup(text) : NULL;
    return text != NULL && *ret == NULL ? weir__fail(-ENOMEM, "http client", NULL) : 0;
}

static int set_agent(struct weir_http_client *c, const char *agent) {
    const char *text = agent != NULL ? agent : "weir/" WEIR_VERSION;
    struct weir__head w = {.text = NULL, .size = 0};
    weir__head_put_foreign(&w, text, strlen(text), 0);
    if (weir__head_len(&w) == -EINVAL)
        return new_fail(-EINVAL, NULL, "user_agent has a control character");
    return keep(&c->user_agent, text);
}

static int set_proxy(struct weir_http_client *c, int i, const char *url,
                     const struct weir_http_client_options *o) {
    const char *why = NULL;
    if (url == NULL || *url == '\0')
        return 0;
    int rc = weir__proxy_init(&c->proxies[i], url, o->proxy_user, o->proxy_password, &why);
    /* Not the URL: it may hold a password. */
    return rc == WEIR_EURL ? weir__failf(rc, "http client", NULL, "the proxy's URL: %s", why)
           : rc < 0        ? weir__fail(rc, "http client", NULL)
                           : 0;
}

static int set_proxies(struct weir_http_client *c, const struct weir_http_client_options *o) {
    bool env = o->proxy_from_environment;
    const char *skips = o->no_proxy;
    int rc = 0;
    for (int i = 0; i < 2 && rc == 0; i++) {
        const char *url = o->proxy;
        if (url == NULL && env)
            url = weir__proxy_from_environment(i == 1);
        rc = set_proxy(c, i, url, o);
    }
    if (skips == NULL && env)
        skips = weir__no_proxy_from_environment();
    c->local_direct = env && o->proxy == NULL;
    return rc == 0 ? keep(&c->no_proxy, skips) : rc;
}

static bool is_way(const char *url) {
    return strncmp(url, "unix:", 5) == 0 || strncmp(url, "mem:", 4) == 0 ||
           strncmp(url, "tcp://", 6) == 0;
}

static int set_all(struct weir_http_client *c, const struct weir_http_client_options *o) {
    struct weir_http_client_options *own = &c->o;
    set_defaults(own);
    if (own->head_max > 1 << 20)
        return new_fail(-EINVAL, NULL, "head_max is more than 1 MiB");
    if (own->headers_max > 10000)
        return new_fail(-EINVAL, NULL, "headers_max is more than 10000");
    if (own->retries < 0)
        return new_fail(-EINVAL, NULL, "retries is less than 0");
    if (o->connect != NULL && !is_way(o->connect))
        return new_fail(WEIR_EURL, o->connect, "connect: write unix:/PATH, mem:NAME or "
                                               "tcp://HOST:PORT");
    c->limits = (struct weir__http1_limits){.head_size_max = (uint32_t)own->head_max,
                                            .line_len_max = (uint32_t)own->head_max,
                                            .headers_max = (uint32_t)own->headers_max,
                                            .body_len_max = INT64_MAX};
    int rc = set_agent(c, o->user_agent);
    if (rc == 0)
        rc = keep(&c->connect, o->connect);
    return rc == 0 ? set_proxies(c, o) : rc;
}

/* ---- life ------------------------------------------------------------------------------------ */

static struct weir_http_client *client_alloc(void) {
    struct weir_http_client *c = weir__alloc(sizeof *c);
    if (c == NULL)
        return NULL;
    *c = (struct weir_http_client){.loop = weir__loop(), .refs = 1};
    weir__list_init(&c->origins);
    weir__list_init(&c->idle);
    return c;
}

void weir__http_client_unref(struct weir_http_client *c) {
    if (--c->refs > 0)
        return;
    if (default_client == c)
        default_client = NULL;
    if (c->o.tls != NULL)
        weir__tls_table->unref(&c->o.tls);
    weir__proxy_fini(&c->proxies[0]);
    weir__proxy_fini(&c->proxies[1]);
    weir__free(c->user_agent);
    weir__free(c->connect);
    weir__free(c->no_proxy);
    weir__free(c);
}

static int client_new(const struct weir_http_client_options *options,
                      struct weir_http_client **ret) {
    struct weir_http_client_options o;
    struct weir_http_client *c = client_alloc();
    if (c == NULL)
        return weir__fail(-ENOMEM, "http client", NULL);
    WEIR_OPTIONS_COPY(struct weir_http_client_options, connect, &o, options);
    c->o = o;
    c->o.proxy = c->o.proxy_user = c->o.proxy_password = c->o.no_proxy = c->o.user_agent =
        c->o.connect = NULL;
    if (o.tls != NULL)
        weir__tls_table->ref(o.tls); /* who has one has the library */
    int rc = set_all(c, &o);
    if (rc < 0)
        weir__http_client_unref(c);
    else
        *ret = c;
    return rc;
}

/* It is the program's from now on. pc: the return address of the public call. */
static void give(struct weir_http_client *c, const void *pc) {
    c->loop->unclosed++;
    weir__debug_made(c->loop, c, "HTTP client",
                     *c->user_agent != '\0' ? c->user_agent : "without a User-Agent", pc);
}

int weir_http_client_new(const struct weir_http_client_options *options,
                         struct weir_http_client **ret_client) {
    if (weir__loop() == NULL)
        return weir__no_loop("http client");
    weir__argument_not_null(ret_client, "weir_http_client_new", "ret_client");
    int rc = client_new(options, ret_client);
    if (rc == 0)
        give(*ret_client, __builtin_return_address(0));
    return rc;
}

/* After its run only its memory is left. */
static void take_back(struct weir_http_client *c, const void *pc) {
    if (weir__loop() == NULL || weir__loop() != c->loop)
        return;
    c->loop->unclosed--;
    weir__debug_closed(c->loop, c, pc);
}

void weir_http_client_close(struct weir_http_client **take_client) {
    struct weir_http_client *c = take_client != NULL ? *take_client : NULL;
    if (c == NULL)
        return;
    weir__debug_not_closed(weir__loop(), c, "weir_http_client_close", __builtin_return_address(0));
    *take_client = NULL;
    take_back(c, __builtin_return_address(0));
    c->closed = true;
    weir__http_pool_close(c);
    weir__http_client_unref(c);
}

/* It has no owner: what it does keeps it. So it goes with its last connection, at the end of the
 * run at the latest, and needs no close. */
struct weir_http_client *weir__http_client_default(void) {
    struct weir_http_client *c = default_client;
    if (c != NULL && c->loop == weir__loop()) {
        c->refs++;
        return c;
    }
    if (client_new(NULL, &c) < 0)
        return NULL;
    c->is_default = true;
    default_client = c;
    return c;
}

void weir_http_client_counts(const struct weir_http_client *client,
                             struct weir_http_client_counts *ret) {
    const struct weir_http_client *c = client != NULL ? client : default_client;
    struct weir_http_client_counts counts = {0};
    weir__argument_not_null(ret, "weir_http_client_counts", "ret");
    if (c != NULL && c->loop == weir__loop())
        counts = c->counts;
    size_t size = weir__options_known(ret->size, sizeof counts);
    counts.size = ret->size;
    memcpy(ret, &counts, size);
}
