/* SPDX-License-Identifier: MIT */
/* Addresses: all slices lie inside the text, and the address can be made again from its parts. */
#include "fuzz.h"
#include "wire/uri.h"

static void check_slice(struct weir__slice s, size_t len) {
    FUZZ_SAME(s.offset <= len && s.len <= len - s.offset);
}

/* scheme://authority path must be read as the same address. */
static void check_again(const struct weir__uri *u, const char *text) {
    static char made[WEIR__URI_LENGTH_MAX + 16];
    struct weir__uri again;
    const char *name = weir__uri_scheme_name(u->scheme);
    int len = snprintf(made, sizeof made, "%s%s%.*s%.*s", name,
                       u->scheme == WEIR__URI_UNIX ? ":"
                       : u->scheme                 ? "://"
                                                   : "",
                       (int)u->authority.len, text + u->authority.offset, (int)u->path.len,
                       text + u->path.offset);
    FUZZ_SAME(weir__uri_parse(&again, made, (size_t)len, NULL) == 0);
    FUZZ_SAME(again.scheme == u->scheme && again.host_kind == u->host_kind);
    FUZZ_SAME(again.port == u->port && again.has_port == u->has_port);
    FUZZ_SAME(again.host.len == u->host.len && again.path.len == u->path.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len) {
    struct weir__uri bare_allowed, strict, authority;
    char *text = (char *)fuzz_copy(input, len);
    int rc = weir__uri_parse(&bare_allowed, text, len, NULL);
    FUZZ_SAME(rc == 0 || bare_allowed.why);
    if (weir__uri_parse(&strict, text, len, "no") == 0)
        FUZZ_SAME(rc == 0 && strict.scheme == bare_allowed.scheme);
    if (rc == 0) {
        check_slice(bare_allowed.host, len);
        check_slice(bare_allowed.authority, len);
        check_slice(bare_allowed.path, len);
        if (memchr(text, 0, len) == NULL)
            check_again(&bare_allowed, text);
    }
    if (weir__uri_parse_authority(&authority, text, len) == 0) {
        bool empty_port = len > 0 && text[len - 1] == ':';
        FUZZ_SAME(authority.authority.len + empty_port == len);
        FUZZ_SAME(!empty_port || !authority.has_port);
    }
    free(text);
    return 0;
}
