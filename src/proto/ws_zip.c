/* SPDX-License-Identifier: MIT */
/* ws_zip.c - the life of compressors and decompressors. Those without takeover are the thread's: a
 * message borrows one, and two messages that are under way at once borrow two. Those with takeover
 * are their connection's, until it is idle. */
#include "proto/ws_zip.h"

#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/check.h"
#include "base/options.h"
#include "base/time.h"
#include "wire/extension.h"

/* ---- the thread's ---- */

static __thread struct {
    size_t holders; /* connections that compress */
    struct weir__deflater *out[WS_ZIP_SPARES];
    struct weir__deflate_params out_params[WS_ZIP_SPARES];
    struct weir__inflater *in[WS_ZIP_SPARES];
    uint8_t in_bits[WS_ZIP_SPARES];
    uint8_t *scratch;
    size_t scratch_size;
} spare;

static void spare_unhold(void) {
    WEIR_CHECK(spare.holders > 0);
    if (--spare.holders > 0)
        return;
    for (int i = 0; i < WS_ZIP_SPARES; i++) {
        weir__deflate_table->deflater_free(spare.out[i]);
        weir__deflate_table->inflater_free(spare.in[i]);
        spare.out[i] = NULL;
        spare.in[i] = NULL;
    }
    weir__free(spare.scratch);
    spare.scratch = NULL;
    spare.scratch_size = 0;
}

static bool params_equal(const struct weir__deflate_params *a,
                         const struct weir__deflate_params *b) {
    return memcmp(a, b, sizeof *a) == 0;
}

static struct weir__deflater *out_take(const struct weir__deflate_params *p) {
    for (int i = 0; i < WS_ZIP_SPARES; i++) {
        struct weir__deflater *d = spare.out[i];
        if (d == NULL || !params_equal(&spare.out_params[i], p))
            continue;
        spare.out[i] = NULL;
        return d;
    }
    return weir__deflate_table->deflater_new(p);
}

/* It takes the place of none, or of the one that was given last: so those of the most used
 * parameters stay. */
static void out_give(struct weir__deflater *d, const struct weir__deflate_params *p) {
    int at = spare.out[0] == NULL ? 0 : WS_ZIP_SPARES - 1;
    weir__deflate_table->deflater_free(spare.out[at]);
    weir__deflate_table->deflater_reset(d);
    spare.out[at] = d;
    spare.out_params[at] = *p;
}

static struct weir__inflater *in_new(uint8_t bits) {
    return weir__deflate_table->inflater_new(&(struct weir__deflate_params){.window_bits = bits});
}

static struct weir__inflater *in_take(uint8_t bits) {
    for (int i = 0; i < WS_ZIP_SPARES; i++) {
        struct weir__inflater *in = spare.in[i];
        if (in == NULL || spare.in_bits[i] != bits)
            continue;
        spare.in[i] = NULL;
        return in;
    }
    return in_new(bits);
}

static void in_give(struct weir__inflater *in, uint8_t bits) {
    int at = spare.in[0] == NULL ? 0 : WS_ZIP_SPARES - 1;
    weir__deflate_table->inflater_free(spare.in[at]);
    weir__deflate_table->inflater_reset(in);
    spare.in[at] = in;
    spare.in_bits[at] = bits;
}

uint8_t *weir__ws_zip_scratch(size_t size, size_t kept, size_t *ret_size) {
    if (spare.scratch_size < size) {
        size_t grown = 2 * spare.scratch_size;
        grown = grown < size ? size : grown;
        uint8_t *scratch = kept > 0 ? weir__realloc(spare.scratch, grown) : weir__alloc(grown);
        if (scratch == NULL)
            return NULL;
        if (kept == 0)
            weir__free(spare.scratch);
        spare.scratch = scratch;
        spare.scratch_size = grown;
    }
    *ret_size = spare.scratch_size;
    return spare.scratch;
}

void weir__ws_zip_scratch_done(void) {
    if (spare.scratch_size <= WS_ZIP_SCRATCH)
        return;
    weir__free(spare.scratch);
    spare.scratch = NULL;
    spare.scratch_size = 0;
}

/* ---- of a config ---- */

/* NULL: they are good. */
static const char *options_fault(const struct weir_ws_deflate *o) {
    bool bits_good = o->server_window_bits >= 8 && o->server_window_bits <= 15 &&
                     o->client_window_bits >= 8 && o->client_window_bits <= 15;
    return o->level < 1 || o->level > 9                 ? "level is not 1 .. 9"
           : o->memory_level < 1 || o->memory_level > 9 ? "memory_level is not 1 .. 9"
           : !bits_good                                 ? "window bits are not 8 .. 15"
                                                        : NULL;
}

static void fill_defaults(struct weir_ws_deflate *o) {
    o->level = o->level ? o->level : 6;
    o->memory_level = o->memory_level ? o->memory_level : 6;
    o->server_window_bits = o->server_window_bits ? o->server_window_bits : 15;
    o->client_window_bits = o->client_window_bits ? o->client_window_bits : 15;
    o->threshold = o->threshold ? o->threshold : 64;
    o->idle_ns = o->idle_ns > 0 ? o->idle_ns : WEIR_SECONDS(10);
}

static uint64_t wire_max(uint64_t max) {
    uint64_t more = max / WS_ZIP_SHARE + WS_ZIP_MORE;
    return max > INT64_MAX - more ? INT64_MAX : max + more;
}

int weir__ws_zips_open(struct ws_config *c, const char *what) {
    if (c->o.deflate == NULL)
        return 0;
    if (weir__deflate_table == NULL)
        return weir__failf(WEIR_ENOZLIB, what, NULL, "compression %s",
                           weir_error_text(WEIR_ENOZLIB));
    struct ws_zips *zips = weir__alloc_zero(sizeof *zips);
    if (zips == NULL)
        return weir__fail(-ENOMEM, what, NULL);
    WEIR_OPTIONS_COPY(struct weir_ws_deflate, idle_ns, &zips->o, c->o.deflate);
    fill_defaults(&zips->o);
    const char *why = options_fault(&zips->o);
    if (why != NULL) {
        weir__free(zips);
        return weir__failf(-EINVAL, what, NULL, "deflate: %s", why);
    }
    zips->limits = (struct weir__ws_limits){.frame_max = wire_max(c->limits.frame_max),
                                            .message_max = wire_max(c->limits.message_max),
                                            .rsv_allowed = WEIR__WS_RSV1};
    zips->loop = c->loop;
    weir__list_init(&zips->held);
    weir__timer_init(&zips->idle, NULL);
    c->zips = zips;
    return 0;
}

void weir__ws_zips_close(struct ws_config *c) {
    if (c->zips == NULL)
        return;
    weir__timer_disarm(c->loop->timers, &c->zips->idle);
    weir__free(c->zips);
}

struct weir__ws_deflate_terms weir__ws_zip_terms(const struct ws_config *c) {
    const struct weir_ws_deflate *o = &c->zips->o;
    return (struct weir__ws_deflate_terms){.server_bits = (uint8_t)o->server_window_bits,
                                           .client_bits = (uint8_t)o->client_window_bits,
                                           .server_fresh = !o->server_takeover,
                                           .client_fresh = !o->client_takeover};
}

/* ---- when a connection is idle ---- */

static void arm_idle(struct ws_zips *zips);

/* Keep the window, which the peer may refer to. Without memory for it, the inflater stays. */
static void in_release(struct ws_zip *z) {
    size_t len = weir__deflate_table->window_get(z->in, NULL);
    uint8_t *window = len > 0 ? weir__alloc(len) : NULL;
    if (len > 0 && window == NULL)
        return;
    if (len > 0)
        weir__deflate_table->window_get(z->in, window);
    weir__deflate_table->inflater_free(z->in);
    z->in = NULL;
    z->window = window;
    z->window_len = (uint32_t)len;
}

/* A new compressor refers to nothing, which is always right. */
static void out_release(struct ws_zip *z) {
    weir__deflate_table->deflater_free(z->out);
    z->out = NULL;
}

static void release_idle(struct weir__timer *t) {
    struct ws_zips *zips = WEIR_CONTAINER(t, struct ws_zips, idle);
    weir_ns now = zips->loop->turn_ns;
    while (!weir__list_empty(&zips->held)) {
        struct ws_zip *z = WEIR_CONTAINER(zips->held.next, struct ws_zip, link);
        if (now - z->used < zips->o.idle_ns)
            break;
        if (z->out != NULL && !z->out_message)
            out_release(z);
        if (z->in != NULL && !z->in_message)
            in_release(z);
        weir__list_remove(&z->link);
        if (z->out != NULL || z->in != NULL) { /* in the middle of a message: look again later */
            z->used = now;
            weir__list_add_tail(&zips->held, &z->link);
        }
    }
    arm_idle(zips);
}

static void arm_idle(struct ws_zips *zips) {
    if (weir__list_empty(&zips->held)) {
        weir__timer_disarm(zips->loop->timers, &zips->idle);
        return;
    }
    struct ws_zip *z = WEIR_CONTAINER(zips->held.next, struct ws_zip, link);
    zips->idle.fire = release_idle;
    weir__timer_arm(zips->loop->timers, &zips->idle, weir__deadline(z->used, zips->o.idle_ns));
}

/* A context of the connection's own is used. */
static void hold(struct ws_zip *z) {
    struct ws_zips *zips = z->ws->config->zips;
    z->used = z->ws->config->loop->turn_ns;
    weir__list_remove(&z->link);
    weir__list_add_tail(&zips->held, &z->link);
    if (!weir__timer_armed(&zips->idle))
        arm_idle(zips);
}

/* ---- of a connection ---- */

struct ws_zip *weir__ws_zip_new(struct weir_ws *ws, const struct weir__ws_deflate_terms *t) {
    struct ws_zip *z = weir__alloc_zero(sizeof *z);
    bool is_client = ws_is_client(ws);
    if (z == NULL)
        return NULL;
    z->ws = ws;
    weir__list_init(&z->link);
    z->in_bits = is_client ? t->server_bits : t->client_bits;
    z->out_bits = is_client ? t->client_bits : t->server_bits;
    z->in_takeover = !(is_client ? t->server_fresh : t->client_fresh);
    z->out_takeover = !(is_client ? t->client_fresh : t->server_fresh);
    ws->decoder.limits = &ws->config->zips->limits;
    spare.holders++;
    return z;
}

void weir__ws_zip_free(struct ws_zip *z) {
    if (z == NULL)
        return;
    struct ws_zips *zips = z->ws->config->zips;
    weir__list_remove(&z->link);
    if (weir__list_empty(&zips->held))
        arm_idle(zips);
    weir__deflate_table->deflater_free(z->out);
    weir__deflate_table->inflater_free(z->in);
    weir__free(z->window);
    weir__free(z);
    spare_unhold();
}

static struct weir__deflate_params out_params(const struct ws_zip *z) {
    const struct weir_ws_deflate *o = &z->ws->config->zips->o;
    return (struct weir__deflate_params){.window_bits = z->out_bits,
                                         .level = (uint8_t)o->level,
                                         .memory_level = (uint8_t)o->memory_level};
}

struct weir__deflater *weir__ws_zip_out(struct ws_zip *z) {
    struct weir__deflate_params p = out_params(z);
    if (z->out == NULL)
        z->out = z->out_takeover ? weir__deflate_table->deflater_new(&p) : out_take(&p);
    if (z->out != NULL && z->out_takeover)
        hold(z);
    return z->out;
}

static struct weir__inflater *in_restore(struct ws_zip *z) {
    struct weir__inflater *in = in_new(z->in_bits);
    if (in != NULL && weir__deflate_table->window_set(in, z->window, z->window_len) < 0) {
        weir__deflate_table->inflater_free(in);
        return NULL;
    }
    if (in != NULL) {
        weir__free(z->window);
        z->window = NULL;
        z->window_len = 0;
    }
    return in;
}

struct weir__inflater *weir__ws_zip_in(struct ws_zip *z) {
    if (z->in == NULL)
        z->in = z->in_takeover ? in_restore(z) : in_take(z->in_bits);
    if (z->in != NULL && z->in_takeover)
        hold(z);
    return z->in;
}

void weir__ws_zip_out_done(struct ws_zip *z) {
    z->out_message = false;
    if (z->out_takeover || z->out == NULL)
        return;
    struct weir__deflate_params p = out_params(z);
    out_give(z->out, &p);
    z->out = NULL;
}

void weir__ws_zip_in_done(struct ws_zip *z) {
    z->in_message = false;
    if (z->in_takeover || z->in == NULL)
        return;
    in_give(z->in, z->in_bits);
    z->in = NULL;
}
