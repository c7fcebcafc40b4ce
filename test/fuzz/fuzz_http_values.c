/* SPDX-License-Identifier: MIT */
/* What stands in the fields, targets and bodies of HTTP: the pure parts of room http, and the
 * negotiation of permessage-deflate. The first byte of the input chooses the codec, the second
 * places a cut or chooses what the text is compared with. */
#include <errno.h>
#include <weir/base.h>
#include <weir/http_values.h>

#include "base/alloc.h"
#include "fuzz.h"
#include "http/date.h"
#include "http/etag.h"
#include "http/multipart.h"
#include "http/peers.h"
#include "http/proxy_line.h"
#include "http/range.h"
#include "http/routes.h"
#include "proto/http_request.h"
#include "wire/extension.h"

static const struct weir__http1_limits limits = {.head_size_max = 8000, .line_len_max = 4000,
                                                 .target_len_max = 3000, .headers_max = 20,
                                                 .body_len_max = 100000};

/* ---- multipart: whole, cut in two, byte by byte ---- */

enum { LOG_MAX = 1 << 16, PART_HEAD_MAX = 200 };

struct story { /* of a form: what it said, as text */
    size_t len;
    bool in_data;
    char text[LOG_MAX];
};

static void tell(struct story *s, const char *bytes, size_t len) {
    FUZZ_SAME(len <= LOG_MAX - s->len);
    memcpy(s->text + s->len, bytes, len);
    s->len += len;
}

static void tell_text(struct story *s, const char *text) {
    tell(s, text ? text : "-", text ? strlen(text) : 1);
    tell(s, "|", 1);
}

static void tell_event(struct story *s, int kind, const struct weir__multipart_event *e) {
    if (kind == WEIR__MULTIPART_PART) {
        tell_text(s, e->name);
        tell_text(s, e->filename);
        tell_text(s, e->type);
    } else if (kind == WEIR__MULTIPART_DATA) {
        FUZZ_SAME(e->len > 0);
        tell(s, e->data, e->len);
    } else if (kind == WEIR__MULTIPART_PART_END) {
        tell(s, ";", 1);
    }
}

static void read_form(struct story *s, const uint8_t *form, size_t len, size_t first, size_t step) {
    static const char type[] = "multipart/form-data; boundary=\"B\"";
    struct weir__multipart m;
    struct weir__multipart_event e = {0};
    size_t have = first, base = 0;
    int kind;
    s->len = 0;
    FUZZ_SAME(weir__multipart_init(&m, type, sizeof type - 1, PART_HEAD_MAX) == 0);
    do {
        char *copy = (char *)fuzz_copy(form + base, have - base);
        kind = weir__multipart_next(&m, copy, have - base, &e);
        if (kind < 0 || kind == WEIR__MULTIPART_END) {
            tell_text(s, kind < 0 ? m.why : "END");
        } else {
            FUZZ_SAME(e.used <= have - base && (kind == WEIR__MULTIPART_MORE || e.used > 0));
            tell_event(s, kind, &e);
            base += e.used;
        }
        free(copy);
        if (kind == WEIR__MULTIPART_MORE) {
            FUZZ_SAME(have == len || have - base < PART_HEAD_MAX + 80);
            if (have == len)
                break;
            have = len - have < step ? len : have + step;
        }
    } while (kind >= 0 && kind != WEIR__MULTIPART_END);
}

static void fuzz_multipart(const uint8_t *form, size_t len, size_t cut) {
    static struct story whole, other;
    read_form(&whole, form, len, len, 1);
    read_form(&other, form, len, cut, len + 1);
    FUZZ_SAME(whole.len == other.len && memcmp(whole.text, other.text, whole.len) == 0);
    read_form(&other, form, len, 0, 1);
    FUZZ_SAME(whole.len == other.len && memcmp(whole.text, other.text, whole.len) == 0);
}

/* ---- a field's text alone ---- */

static void fuzz_content_type(const uint8_t *text, size_t len) {
    char *copy = (char *)fuzz_copy(text, len);
    struct weir__multipart m;
    int rc = weir__multipart_init(&m, copy, len, PART_HEAD_MAX);
    FUZZ_SAME(rc == 0 || (rc == WEIR_EPROTO && m.why));
    FUZZ_SAME(rc < 0 || (m.delimiter_len > 4 && m.delimiter_len <= sizeof m.delimiter));
    free(copy);
}

static void fuzz_proxy(const uint8_t *text, size_t len) {
    struct weir__proxy_line whole, cut;
    struct weir__ip ip;
    int rc = 0, at_once;
    for (size_t n = 0; n <= len && rc == 0; n++) {
        uint8_t *copy = fuzz_copy(text, n);
        rc = weir__proxy_line_parse(&cut, copy, n);
        FUZZ_SAME(rc <= (int)n && (rc >= 0 || cut.why));
        free(copy);
    }
    uint8_t *copy = fuzz_copy(text, len);
    at_once = weir__proxy_line_parse(&whole, copy, len);
    free(copy);
    FUZZ_SAME(at_once == rc && rc <= WEIR__PROXY_LINE_MAX);
    FUZZ_SAME(rc != 0 || len < WEIR__PROXY_LINE_MAX);
    if (rc > 0) {
        FUZZ_SAME(strcmp(whole.client, cut.client) == 0 && strcmp(whole.server, cut.server) == 0);
        FUZZ_SAME(whole.client[0] == '\0' ||
                  weir__ip_parse(&ip, whole.client, strlen(whole.client)));
    } else if (rc < 0) {
        FUZZ_SAME(strcmp(whole.why, cut.why) == 0);
    }
}

static void fuzz_range(const uint8_t *text, size_t len, unsigned choice) {
    static const int64_t sizes[] = {0, 1, 10, 1000, INT64_MAX};
    char *copy = (char *)fuzz_copy(text, len), part[WEIR__RANGE_PART_MAX], value[100];
    int64_t size = sizes[choice % 5], sum = 0, body = 0;
    struct weir__ranges r;
    int status = weir__ranges_parse(copy, len, size, &r);
    FUZZ_SAME(status == 200 || status == 206 || status == 416);
    if (status == 206) {
        FUZZ_SAME(r.count >= 1 && r.count <= WEIR__RANGES_MAX);
        for (uint32_t i = 0; i < r.count; i++) {
            FUZZ_SAME(r.at[i].from >= 0 && r.at[i].len > 0 && r.at[i].len <= size - r.at[i].from);
            FUZZ_SAME(r.at[i].len <= size - sum);
            sum += r.at[i].len;
            body += (int64_t)weir__range_part(part, "0123", "text/plain", &r.at[i], size);
            FUZZ_SAME(weir__range_value(value, sizeof value, &r.at[i], size) < sizeof value);
        }
        body += (int64_t)weir__range_part(part, "0123", "text/plain", NULL, size);
        if (size < INT64_MAX)
            FUZZ_SAME(weir__ranges_body_len(&r, "0123", "text/plain", size) == body + sum);
    }
    free(copy);
}

static void fuzz_date(const uint8_t *text, size_t len) {
    char *copy = (char *)fuzz_copy(text, len), again[WEIR__DATE_LEN + 1];
    int64_t date = -77, same = 0, now = 1700000000;
    if (weir__date_parse(copy, len, now, &date)) {
        FUZZ_SAME(strlen(weir__date_write(date, again)) == WEIR__DATE_LEN);
        FUZZ_SAME(weir__date_parse(again, WEIR__DATE_LEN, now, &same) && same == date);
    } else {
        FUZZ_SAME(date == -77);
    }
    if (len >= sizeof date) { /* any number is written as a date */
        struct weir__civil c;
        memcpy(&date, text, sizeof date);
        date >>= text[0] % 64;
        FUZZ_SAME(strlen(weir__date_write(date, again)) == WEIR__DATE_LEN);
        FUZZ_SAME(weir__date_parse(again, WEIR__DATE_LEN, now, &same));
        c = weir__civil(same);
        FUZZ_SAME(c.year >= 0 && c.year <= 9999 && (date != same || c.second < 60));
    }
    free(copy);
}

static void fuzz_address(const uint8_t *text, size_t len) {
    char *copy = (char *)fuzz_copy(text, len), written[WEIR__IP_MAX];
    static const char *const list[] = {"10.0.0.0/8", "::1", "2001:db8::/33", "unix", NULL};
    struct weir__ip ip, same;
    if (weir__ip_parse(&ip, copy, len)) {
        weir__ip_write(&ip, written);
        FUZZ_SAME(weir__ip_parse(&same, written, strlen(written)));
        FUZZ_SAME(memcmp(&ip, &same, sizeof ip) == 0);
        FUZZ_SAME(weir__peer_listed(list, copy, len) ==
                  weir__peer_listed(list, written, strlen(written)));
    }
    free(copy);
    copy = (char *)fuzz_block(len + 1); /* as a text with a NUL */
    if (len > 0)
        memcpy(copy, text, len);
    const char *const entry[] = {copy, NULL};
    if (weir__peer_fault(copy) == NULL)
        (void)weir__peer_listed(entry, "10.1.2.3", 8);
    free(copy);
}

/* ---- targets ---- */

static void fuzz_path(const uint8_t *text, size_t len, unsigned choice) {
    static const char *const patterns[] = {"/", "/a/{id}", "/a/b", "/f/{rest...}", "x.org/a/{id}",
                                           "/g/{one}/{two}"};
    char *copy = (char *)fuzz_copy(text, len), *decoded = (char *)fuzz_block(len + 1);
    struct weir__target t;
    struct weir__routes *routes = weir__routes_new(6);
    struct weir__route_match m;
    char allow[WEIR__ROUTES_ALLOW_MAX];
    FUZZ_SAME(routes != NULL);
    for (size_t i = 0; i < 6; i++)
        FUZZ_SAME(weir__routes_add(routes, i == 2 ? "PUT" : i == 1 ? "GET" : NULL, patterns[i]) ==
                  0);
    copy[0] = '/';
    int rc = weir__target_split(&t, copy, len, decoded);
    FUZZ_SAME(rc == 0 || t.why);
    for (uint32_t i = 0; rc == 0 && i < t.count; i++) {
        const char *segment = decoded + t.segments[i].offset;
        FUZZ_SAME(strlen(segment) == t.segments[i].len);
        FUZZ_SAME(strcmp(segment, ".") != 0 && strcmp(segment, "..") != 0);
    }
    if (rc == 0) {
        const char *host = choice & 1 ? "x.org:80" : "y.org";
        (void)weir__routes_allow(routes, host, strlen(host), &t, allow);
        int status = weir__routes_find(routes, choice & 2 ? "GET" : "PUT", host, strlen(host), &t,
                                       &m);
        FUZZ_SAME(status == 200 || status == 404 || status == 405 || (status == 400 && t.why));
        const char *id = status == 200 ? weir__route_param(&m, decoded, "id") : NULL;
        const char *rest = status == 200 ? weir__route_param(&m, decoded, "rest") : NULL;
        FUZZ_SAME(id == NULL || (id[0] != '\0' && strlen(id) < len));
        FUZZ_SAME(rest == NULL || strlen(rest) < len);
    }
    weir__routes_free(routes);
    free(copy);
    free(decoded);
}

/* Patterns of the input, one a line: found good or refused; what was found good is found. */
static void fuzz_patterns(const uint8_t *text, size_t len) {
    char *copy = (char *)fuzz_block(len + 1), decoded[64], *next = copy;
    struct weir__routes *routes = weir__routes_new(20);
    struct weir__target t;
    struct weir__route_match m;
    FUZZ_SAME(routes != NULL);
    memcpy(copy, text, len);
    for (int i = 0; i < 20 && next != NULL; i++) {
        char *pattern = strsep(&next, "\n");
        int rc = weir__routes_add(routes, i % 2 ? "GET" : NULL, pattern);
        FUZZ_SAME(rc == 0 || rc == -EINVAL || rc == -EEXIST);
    }
    FUZZ_SAME(weir__target_split(&t, "/a/b%2f/c", 9, decoded) == 0);
    (void)weir__routes_find(routes, "GET", "x.org", 5, &t, &m);
    weir__routes_free(routes);
    free(copy);
}

static void fuzz_query(const uint8_t *text, size_t len) {
    char *copy = (char *)fuzz_copy(text, len);
    char *decoded = (char *)fuzz_block(WEIR__PAIRS_ROOM(len));
    size_t at = 0, used = 0, pairs = 0, path_len = 0;
    struct weir__pair p;
    size_t query = weir__target_query(copy, len, &path_len);
    FUZZ_SAME(path_len <= len && query <= len && (query == len || copy[query - 1] == '?'));
    while (weir__pair_next(copy, len, &at, decoded, &used, &p) == 1) {
        FUZZ_SAME(used <= WEIR__PAIRS_ROOM(len) && at <= len + 1 && pairs++ <= len);
        FUZZ_SAME(p.name[p.name_len] == '\0' && p.value[p.value_len] == '\0');
    }
    ssize_t n = weir__percent_decode(copy, copy, len);
    FUZZ_SAME(n <= (ssize_t)len);
    free(copy);
    free(decoded);
}

/* ---- what takes a whole head ---- */

struct head {
    struct weir__http1 h;
    struct weir__http1_header headers[20];
    uint8_t *text;
    size_t len;
};

/* The text becomes the fields of a request or an answer. Returns false if they are none. */
static bool head_open(struct head *o, const char *first_line, const uint8_t *text, size_t len) {
    size_t first = strlen(first_line);
    memset(o, 0, sizeof *o);
    o->len = first + len + 4;
    o->text = fuzz_block(o->len);
    memcpy(o->text, first_line, first);
    memcpy(o->text + first, text, len);
    memcpy(o->text + first + len, "\r\n\r\n", 4);
    enum weir__http1_kind kind = first_line[0] == 'G' ? WEIR__HTTP1_REQUEST : WEIR__HTTP1_RESPONSE;
    weir__http1_init(&o->h, kind, o->headers, &limits);
    int rc = weir__http1_parse(&o->h, o->text, o->len);
    if (rc > 0)
        o->len = (size_t)rc;
    else
        free(o->text);
    return rc > 0;
}

#define REQUEST "GET /?a=b HTTP/1.1\r\nHost: a\r\n"

static void check_forwarded(const struct head *o, bool by_forwarded) {
    static const char *const list[] = {"10.0.0.0/8", "::1", NULL};
    struct weir__client c;
    weir__client_find(&c, &o->h, o->text, list, by_forwarded, "10.0.0.1:99");
    FUZZ_SAME(c.address.offset + c.address.len <= o->len);
    FUZZ_SAME(c.scheme.offset + c.scheme.len <= o->len);
    FUZZ_SAME(c.host.offset + c.host.len <= o->len);
    struct weir__ip ip;
    FUZZ_SAME(c.address.len == 0 ||
              weir__ip_parse(&ip, (char *)o->text + c.address.offset, c.address.len));
    weir__client_find(&c, &o->h, o->text, list, by_forwarded, "192.0.2.1:99");
    FUZZ_SAME(c.address.len == 0 && c.scheme.len == 0 && c.host.len == 0); /* not believed */
}

static void check_condition(const struct head *o, unsigned choice) {
    static const char *const tags[] = {NULL, "\"a\"", "W/\"a\"", "\"\""};
    struct weir__validators v = {.etag = tags[choice & 3], .modified = 784111777,
                                 .has_modified = choice & 4, .missing = choice & 8};
    const char *method = choice & 16 ? "GET" : "PUT";
    int status = weir__condition(&o->h, o->text, method, &v, 1700000000);
    FUZZ_SAME(status == 0 || status == 412 || (status == 304 && choice & 16));
    bool ranged = weir__condition_range(&o->h, o->text, &v, 1700000000);
    FUZZ_SAME(ranged || weir__http1_find(&o->h, o->text, "If-Range", 0) >= 0);
}

static void check_values(const struct head *o) {
    struct weir_http_request *r = weir__http_request_new(NULL, NULL, &o->h, o->text, o->len);
    struct weir_view cookie = {"", 0};
    struct weir_http_basic basic;
    FUZZ_SAME(r != NULL);
    if (weir_http_cookie(r, "a", &cookie) == 1)
        FUZZ_SAME((char *)cookie.base > r->text && cookie.len < o->len);
    if (weir_http_basic_auth(r, &basic) == 1)
        FUZZ_SAME(strlen(basic.user) < 256 && strlen(basic.password) < 256);
    const char *token = weir_http_bearer(r);
    FUZZ_SAME(token == NULL || (token[0] != '\0' && weir_http_secret_equal(token, token)));
    const char *value = weir_http_query(r, "a");
    FUZZ_SAME(value != NULL && strcmp(value, "b") == 0); /* of REQUEST */
    weir__http_request_join(r);
    weir__free(r);
}

static void fuzz_fields(const uint8_t *text, size_t len, unsigned choice) {
    struct head o;
    if (!head_open(&o, REQUEST, text, len))
        return;
    check_forwarded(&o, false);
    check_forwarded(&o, true);
    check_condition(&o, choice);
    check_values(&o);
    for (uint32_t i = 0; i < o.h.headers_count; i++)
        (void)weir__etag_valid((char *)o.text + o.headers[i].value.offset,
                               o.headers[i].value.len);
    free(o.text);
}

/* ---- permessage-deflate ---- */

static struct weir__ws_deflate_terms terms_of(unsigned bits) {
    return (struct weir__ws_deflate_terms){
        .server_bits = (uint8_t)(8 + (bits & 7)), .client_bits = (uint8_t)(8 + (bits >> 3 & 7)),
        .server_fresh = bits >> 6 & 1, .client_fresh = bits >> 7 & 1};
}

static void terms_good(const struct weir__ws_deflate_terms *t) {
    FUZZ_SAME(t->server_bits >= 8 && t->server_bits <= 15);
    FUZZ_SAME(t->client_bits >= 8 && t->client_bits <= 15);
}

/* A client offers what it wants, the server chooses, and the client agrees on the same. */
static void negotiate(const struct weir__ws_deflate_terms *client,
                      const struct weir__ws_deflate_terms *server) {
    char lines[400];
    struct weir__head w = {.text = lines, .size = sizeof lines};
    struct weir__ws_deflate_terms chosen, agreed;
    const char *why = NULL;
    struct head o;
    weir__ws_deflate_put_offer(&w, client);
    FUZZ_SAME(weir__head_len(&w) > 2);
    FUZZ_SAME(head_open(&o, REQUEST, (uint8_t *)lines, w.len - 2));
    FUZZ_SAME(weir__ws_deflate_choose(&o.h, o.text, server, &chosen, &why) == 1);
    free(o.text);
    terms_good(&chosen);
    FUZZ_SAME(chosen.server_bits <= server->server_bits);
    w.len = 0;
    weir__ws_deflate_put_answer(&w, &chosen);
    FUZZ_SAME(weir__head_len(&w) > 2);
    FUZZ_SAME(head_open(&o, "HTTP/1.1 101 Yes\r\n", (uint8_t *)lines, w.len - 2));
    FUZZ_SAME(weir__ws_deflate_agree(&o.h, o.text, client, &agreed, &why) == 1);
    free(o.text);
    FUZZ_SAME(agreed.server_bits == chosen.server_bits);
    FUZZ_SAME(agreed.client_bits <= chosen.client_bits);
    FUZZ_SAME(agreed.server_fresh == chosen.server_fresh);
}

static void fuzz_extension(const uint8_t *text, size_t len, unsigned choice) {
    struct weir__ws_deflate_terms own = terms_of(choice), other, terms;
    const char *why = NULL;
    struct head o;
    other = terms_of(len > 0 ? text[0] : 0);
    negotiate(&own, &other);
    if (head_open(&o, REQUEST "Sec-WebSocket-Extensions: ", text, len)) {
        int rc = weir__ws_deflate_choose(&o.h, o.text, &own, &terms, &why);
        FUZZ_SAME(rc == 0 || (rc == WEIR_EPROTO && why) || rc == 1);
        int checked = weir__ws_deflate_choose(&o.h, o.text, NULL, &other, &why);
        FUZZ_SAME((checked < 0) == (rc < 0) && checked <= 0); /* the grammar is the same */
        if (rc == 1)
            terms_good(&terms);
        free(o.text);
    }
    if (head_open(&o, "HTTP/1.1 101 Yes\r\nSec-WebSocket-Extensions: ", text, len)) {
        int rc = weir__ws_deflate_agree(&o.h, o.text, &own, &terms, &why);
        FUZZ_SAME(rc == 0 || (rc == WEIR_EPROTO && why) || rc == 1);
        if (rc == 1)
            terms_good(&terms);
        free(o.text);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len) {
    if (len < 3 || len > LOG_MAX / 4)
        return 0;
    const uint8_t *text = input + 2;
    size_t text_len = len - 2;
    unsigned choice = input[1];
    switch (input[0] % 12) {
    case 0:
        fuzz_multipart(text, text_len, choice < text_len ? choice : 0);
        break;
    case 1:
        fuzz_content_type(text, text_len);
        break;
    case 2:
        fuzz_proxy(text, text_len);
        break;
    case 3:
        fuzz_range(text, text_len, choice);
        break;
    case 4:
        fuzz_date(text, text_len);
        break;
    case 5:
        fuzz_address(text, text_len);
        break;
    case 6:
        fuzz_path(text, text_len, choice);
        break;
    case 7:
        fuzz_patterns(text, text_len);
        break;
    case 8:
        fuzz_query(text, text_len);
        break;
    case 9:
        fuzz_extension(text, text_len, choice);
        break;
    default:
        fuzz_fields(text, text_len, choice);
    }
    FUZZ_SAME(weir__alloc_live() == 0);
    return 0;
}
