/* SPDX-License-Identifier: MIT */
/* What the system and the log have to do with it: the roots that are trusted by default, and the
 * warning of a client that trusts everybody. */
#include <weir/log.h>

#include "tls/tls_rig.h"

static struct rig rig;

static int meet(const struct weir_tls_options *o, struct rig_ends *e) {
    *e = (struct rig_ends){.of_client = o != NULL ? rig_tls(o) : NULL,
                           .of_server = rig_server(&rig)};
    int rc = rig_pair(e);
    weir_tls_unref(&e->of_client);
    weir_tls_unref(&e->of_server);
    return rc;
}

static void put_file(char *path, const char *text) {
    int fd = mkstemp(path);
    assert_true(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
}

static int trusts_the_system(void *arg) {
    struct weir_tls_options o = {.size = sizeof o};
    struct rig_ends e;
    assert_int_equal(meet(&o, &e), 0);
    rig_part(&e);
    assert_int_equal(meet(NULL, &e), 0); /* no weir_tls at all: the same roots */
    rig_part(&e);
    struct rig_id stranger = rig_make(&(struct rig_wish){.name = "Stranger", .authority = true});
    o.ca_pem = stranger.cert_pem; /* instead of the system's, not beside them */
    assert_int_equal(meet(&o, &e), WEIR_ECERT);
    rig_part(&e);
    rig_free(&stranger);
    return 0;
}

WEIR_TEST(a_client_trusts_the_roots_of_the_system_by_default) {
    char path[] = "/tmp/weir-tls-roots-XXXXXX";
    rig_open(&rig);
    put_file(path, rig.root.cert_pem);
    setenv("SSL_CERT_FILE", path, 1);
    setenv("SSL_CERT_DIR", "/nonexistent", 1);
    assert_int_equal(weir_run(trusts_the_system, NULL, NULL), 0);
    unlink(path);
    rig_close(&rig);
}

static int is_refused(void *arg) {
    struct weir_tls_options o = {.size = sizeof o};
    struct rig_ends e;
    meet(&o, &e);
    assert_int_equal(e.client_rc, WEIR_ECERT);
    assert_non_null(strstr(e.client_text, "unknown CA"));
    rig_part(&e);
    return 0;
}

WEIR_TEST(a_root_that_the_system_does_not_have_is_refused) {
    char path[] = "/tmp/weir-tls-roots-XXXXXX";
    rig_open(&rig);
    put_file(path, rig.client.cert_pem); /* no authority */
    setenv("SSL_CERT_FILE", path, 1);
    setenv("SSL_CERT_DIR", "/nonexistent", 1);
    assert_int_equal(weir_run(is_refused, NULL, NULL), 0);
    unlink(path);
    rig_close(&rig);
}

/* ---- insecure ---- */

static int lines;
static char line[600];

static void hear(enum weir_log_level level, const char *text, void *arg) {
    assert_int_equal(level, WEIR_LOG_WARNING);
    snprintf(line, sizeof line, "%s", text);
    lines++;
}

WEIR_TEST(an_insecure_context_is_logged_when_it_is_made) {
    struct weir_tls_options o = {.size = sizeof o};
    weir_log_to(hear, NULL);
    struct weir_tls *tls = rig_tls(&o);
    weir_tls_unref(&tls);
    assert_int_equal(lines, 0);
    o.insecure = true;
    tls = rig_tls(&o);
    weir_tls_unref(&tls);
    assert_int_equal(lines, 1);
    assert_non_null(strstr(line, "TLS: insecure is set: certificates of servers are not looked"));
}
