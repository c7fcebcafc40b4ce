/* SPDX-License-Identifier: MIT */
/* No key stays in memory that was given back. The test looks at such memory through the kernel,
 * since sanitizers allow no other look. */
#include <errno.h>
#include <fcntl.h>

#include "tls/context.h"
#include "tls/tls_rig.h"

/* Of glibc, in <malloc.h>. */
extern int mallopt(int what, int value) __attribute__((weak));
enum { PERTURB = -6 };

struct place { /* of a text that a struct weir_tls has */
    const char *at;
    size_t len;
};

static struct place place_of(const char *text) {
    return (struct place){text, strlen(text)};
}

/* Does it still have what text has behind its first 40 bytes? Those malloc writes to. */
static bool still_has(const struct place *p, const char *text) {
    char *seen = calloc(1, p->len + 1);
    int fd = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0 && seen != NULL && p->len > 100);
    ssize_t n = pread(fd, seen, p->len, (off_t)(uintptr_t)p->at);
    bool has = n == (ssize_t)p->len && memcmp(seen + 40, text + 40, p->len - 40) == 0;
    close(fd);
    free(seen);
    return has;
}

WEIR_TEST(the_text_of_a_key_does_not_outlive_its_settings) {
    struct rig rig;
    if (mallopt != NULL)
        mallopt(PERTURB, 0); /* `meson test` sets it: free would overwrite the key */
    rig_open(&rig);
    struct weir_tls_name names[] = {{.name = "a.example", .cert_pem = rig.client.cert_pem,
                                     .key_pem = rig.client.key_pem}, {.name = NULL}};
    struct weir_tls_options o = {.size = sizeof o, .cert_pem = rig.server.cert_pem,
                                 .key_pem = rig.server.key_pem, .names = names};
    struct weir_tls *tls = rig_tls(&o);
    struct place key = place_of(tls->options.key_pem);
    struct place named = place_of(tls->options.names[0].key_pem);
    assert_true(still_has(&key, rig.server.key_pem));
    assert_true(still_has(&named, rig.client.key_pem));
    weir_tls_unref(&tls);
    assert_false(still_has(&key, rig.server.key_pem));
    assert_false(still_has(&named, rig.client.key_pem));
    rig_close(&rig);
}
