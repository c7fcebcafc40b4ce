/* SPDX-License-Identifier: MIT */
/* client_decode.c - gzip (also several members behind each other, RFC 1952 2.2), and what HTTP
 * calls deflate: the zlib format, or, as some servers understand it, bare deflate data, which
 * its first byte tells apart. Bytes behind the end that begin no member are dropped, as browsers
 * do. */
#include "http/client_decode.h"

#include <errno.h>
#include <string.h>
#include <strings.h>
#include <weir/base.h>

#include "base/alloc.h"
#include "wire/deflate.h"

struct http_decoder {
    struct weir__inflater *inflater; /* NULL: made at the first byte */
    bool is_gzip;
    bool is_raw;
    bool full;  /* more may come out without more going in */
    bool ended; /* the data is complete */
    bool drops; /* bytes came behind it that begin no member: drop all that follows */
    bool put_all;
    size_t at, len; /* of in */
    uint8_t in[HTTP_DECODE_IN];
};

bool weir__http_can_decode(void) {
    return weir__deflate_table != NULL;
}

int weir__http_decoder_new(const char *coding, struct http_decoder **ret) {
    bool is_gzip = strcasecmp(coding, "gzip") == 0 || strcasecmp(coding, "x-gzip") == 0;
    *ret = NULL;
    if ((!is_gzip && strcasecmp(coding, "deflate") != 0) || weir__deflate_table == NULL)
        return 0;
    struct http_decoder *d = weir__alloc(sizeof *d);
    if (d == NULL)
        return -ENOMEM;
    memset(d, 0, offsetof(struct http_decoder, in));
    d->is_gzip = is_gzip;
    *ret = d;
    return 0;
}

void weir__http_decoder_free(struct http_decoder *d) {
    if (d != NULL && d->inflater != NULL)
        weir__deflate_table->inflater_free(d->inflater);
    weir__free(d);
}

uint8_t *weir__http_decoder_room(struct http_decoder *d) {
    return d->at == d->len && !d->full && !d->put_all ? d->in : NULL;
}

void weir__http_decoder_put(struct http_decoder *d, size_t len) {
    d->at = 0;
    d->len = len;
    d->put_all = len == 0;
}

/* A byte whose low half is 8 begins the zlib format. As bare deflate it would be a stored block
 * with bits set where every encoder leaves zeros. */
static int begin(struct http_decoder *d) {
    struct weir__deflate_params p = {.format = WEIR__DEFLATE_GZIP};
    if (!d->is_gzip) {
        d->is_raw = (d->in[d->at] & 15) != 8;
        p.format = d->is_raw ? WEIR__DEFLATE_RAW : WEIR__DEFLATE_ZLIB;
    }
    d->inflater = weir__deflate_table->inflater_new(&p);
    return d->inflater != NULL ? 0 : -ENOMEM;
}

/* What follows the end: another member of gzip, or nothing that counts. */
static void behind(struct http_decoder *d) {
    if (d->at == d->len)
        return;
    if (d->is_gzip && !d->drops && d->in[d->at] == 0x1f) {
        weir__deflate_table->inflater_reset(d->inflater);
        d->ended = false;
    } else {
        d->drops = true;
        d->at = d->len;
    }
}

static int64_t at_end(const struct http_decoder *d) {
    bool whole = d->inflater == NULL || d->ended ||
                 (d->is_raw && weir__deflate_table->inflater_is_between(d->inflater));
    return whole || !d->put_all ? 0 : WEIR_EEOF;
}

int64_t weir__http_decode(struct http_decoder *d, uint8_t *buf, size_t len) {
    for (;;) {
        if (d->ended)
            behind(d);
        if (d->ended || (d->at == d->len && !d->full))
            return at_end(d);
        int rc = d->inflater == NULL ? begin(d) : 0;
        if (rc < 0)
            return rc;
        struct weir__deflate_io io = {d->in + d->at, d->len - d->at, buf, len};
        rc = weir__deflate_table->inflate(d->inflater, &io);
        if (rc < 0)
            return rc;
        d->at = d->len - io.in_len;
        d->full = rc == WEIR__INFLATE_FULL;
        d->ended = rc == WEIR__INFLATE_END;
        if (io.out_len < len)
            return (int64_t)(len - io.out_len);
    }
}
