/* SPDX-License-Identifier: MIT */
/* Which certificates a handshake refuses, and what the error says. */
#include <errno.h>

#include "tls/tls_rig.h"

/* One handshake; NULL ones are the usual. */
struct trial {
    struct rig_id root, server; /* the server's certificate, and the root the client trusts */
    const char *more_pem;       /* certificates that the server sends behind its own */
    const char *host;
    int rc;                     /* what the client must get */
    const char *text;
    const char *text_too;
};

static int tries(void *arg) {
    const struct trial *t = arg;
    char *chain = rig_join(t->server.cert_pem, t->more_pem ? t->more_pem : "");
    struct weir_tls_options so = {.size = sizeof so, .cert_pem = chain,
                                  .key_pem = t->server.key_pem};
    struct weir_tls_options co = {.size = sizeof co, .ca_pem = t->root.cert_pem};
    struct rig_ends e = {.of_client = rig_tls(&co), .of_server = rig_tls(&so), .host = t->host};
    rig_pair(&e);
    if (e.client_rc != t->rc || strstr(e.client_text, t->text) == NULL ||
        (t->text_too != NULL && strstr(e.client_text, t->text_too) == NULL))
        printf("# got %s: %s\n", weir_error_name(e.client_rc), e.client_text);
    assert_int_equal(e.client_rc, t->rc);
    assert_non_null(strstr(e.client_text, t->text));
    if (t->text_too != NULL)
        assert_non_null(strstr(e.client_text, t->text_too));
    if (t->rc < 0)
        assert_int_equal(e.server_rc, WEIR_ECERT); /* the client's alert */
    rig_part(&e);
    weir_tls_unref(&e.of_client);
    weir_tls_unref(&e.of_server);
    free(chain);
    return 0;
}

static void judge(struct trial t) {
    struct weir_sim_options o = {.size = sizeof o};
    assert_int_equal(weir_sim_run(tries, &t, &o), 0);
}

static char logged[200];

static void note_line(enum weir_log_level level, const char *line, void *arg) {
    assert_int_equal(level, WEIR_LOG_WARNING);
    snprintf(logged, sizeof logged, "%s", line);
}

static int loads(void *arg) {
    const struct rig_id *id = arg;
    struct weir_tls_options o = {
        .size = sizeof o, .cert_pem = id->cert_pem, .key_pem = id->key_pem};
    logged[0] = '\0';
    weir_log_to(note_line, NULL);
    struct weir_tls *tls = rig_tls(&o);
    weir_log_to(NULL, NULL);
    weir_tls_unref(&tls);
    return 0;
}

static struct rig_id root(void) {
    return rig_make(&(struct rig_wish){.name = "Root", .authority = true});
}

WEIR_TEST(a_certificate_that_has_expired_is_refused_by_its_date) {
    struct rig_id r = root();
    struct rig_id s = rig_make(&(struct rig_wish){.name = "old", .by = &r,
        .names = "DNS:localhost", .until = "20250630000000Z"});
    judge((struct trial){.root = r, .server = s, .rc = WEIR_ECERT,
                         .text = "CN=old of CN=Root expired on 2025-06-30",
                         .text_too = "must renew it"});
    assert_int_equal(weir_sim_run(loads, &s, NULL), 0); /* by its owner, who is warned */
    assert_string_equal(logged, "tls cert_pem: our certificate expired on 2025-06-30: renew it");
    assert_int_equal(weir_sim_run(loads, &r, NULL), 0);
    assert_string_equal(logged, "");
    rig_free(&s);
    rig_free(&r);
}

WEIR_TEST(a_certificate_of_the_future_is_refused_by_its_date) {
    struct rig_id r = root();
    struct rig_id s = rig_make(&(struct rig_wish){.name = "early", .by = &r,
        .names = "DNS:localhost", .from = "20990101000000Z"});
    judge((struct trial){.root = r, .server = s, .rc = WEIR_ECERT,
                         .text = "CN=early of CN=Root is not valid before 2099-01-01",
                         .text_too = "clocks"});
    rig_free(&s);
    rig_free(&r);
}

WEIR_TEST(a_certificate_for_another_host_is_refused_with_its_names) {
    struct rig_id r = root();
    struct rig_id s = rig_make(&(struct rig_wish){.name = "s", .by = &r,
        .names = "DNS:a.example,DNS:*.b.example,IP:192.0.2.1"});
    judge((struct trial){.root = r, .server = s, .rc = WEIR_ECERT,
                         .text = "is for a.example *.b.example 192.0.2.1, not for localhost",
                         .text_too = "dial such a name"});
    judge((struct trial){.root = r, .server = s, .host = "192.0.2.2", .rc = WEIR_ECERT,
                         .text = "not for 192.0.2.2"});
    judge((struct trial){.root = r, .server = s, .host = "c.d.b.example", .rc = WEIR_ECERT,
                         .text = "not for c.d.b.example"});
    judge((struct trial){.root = r, .server = s, .host = "c.b.example", .text = ""});
    judge((struct trial){.root = r, .server = s, .host = "A.EXAMPLE.", .text = ""});
    judge((struct trial){.root = r, .server = s, .host = "192.0.2.1", .text = ""});
    rig_free(&s);
    s = rig_make(&(struct rig_wish){.name = "s", .by = &r, .names = "IP:fe80::1"});
    judge((struct trial){.root = r, .server = s, .host = "fe80::1", .text = ""});
    judge((struct trial){.root = r, .server = s, .host = "fe80::1%eth0", .text = ""});
    judge((struct trial){.root = r, .server = s, .host = "fe80::2%eth0", .rc = WEIR_ECERT,
                         .text = "is for fe80::1, not for fe80::2"});
    judge((struct trial){.root = r, .server = s, .host = "192.0.2.1%eth0", .rc = WEIR_ECERT,
                         .text = "not for 192.0.2.1%eth0"});
    rig_free(&s);
    rig_free(&r);
}

WEIR_TEST(a_self_signed_certificate_is_refused_until_it_is_trusted) {
    struct rig_id r = root();
    struct rig_id s = rig_make(&(struct rig_wish){.name = "lonely", .names = "DNS:localhost"});
    judge((struct trial){.root = r, .server = s, .rc = WEIR_ECERT,
                         .text = "CN=lonely is self-signed", .text_too = "ca_file"});
    judge((struct trial){.root = s, .server = s, .text = ""});
    rig_free(&s);
    rig_free(&r);
}

WEIR_TEST(an_incomplete_chain_is_told_from_an_unknown_ca) {
    struct rig_id r = root();
    struct rig_id other = rig_make(&(struct rig_wish){.name = "Other", .authority = true});
    struct rig_id middle = rig_make(&(struct rig_wish){.name = "Middle", .by = &r,
                                                       .authority = true});
    struct rig_id s = rig_make(&(struct rig_wish){.name = "s", .by = &middle,
                                                  .names = "DNS:localhost"});
    judge((struct trial){.root = r, .server = s, .rc = WEIR_ECERT,
                         .text = "CN=s: its issuer CN=Middle was not sent (incomplete chain)",
                         .text_too = " an unknown CA: give its root by ca_file"});
    judge((struct trial){.root = r, .server = s, .more_pem = middle.cert_pem, .text = ""});
    judge((struct trial){.root = other, .server = s, .more_pem = middle.cert_pem,
                         .rc = WEIR_ECERT, .text = "unknown CA, CN=Root", .text_too = "ca_file"});
    judge((struct trial){.root = middle, .server = s, .text = ""}); /* pinned below the root */
    rig_free(&s);
    rig_free(&middle);
    rig_free(&other);
    rig_free(&r);
}

/* RFC 9525: what stands in subjectAltName, of whatever kind, is all that a certificate is for. */
WEIR_TEST(a_common_name_is_no_name_beside_a_subjectaltname_of_any_kind) {
    static const char *const kinds[] = {"IP:192.0.2.1", "email:a@a.example", "URI:tls:a.example"};
    struct rig_id r = root();
    for (int i = 0; i < 3; i++) {
        struct rig_id s = rig_make(&(struct rig_wish){.name = "a.example", .by = &r,
                                                      .names = kinds[i]});
        judge((struct trial){.root = r, .server = s, .host = "a.example", .rc = WEIR_ECERT,
                             .text = "not for a.example"});
        rig_free(&s);
    }
    struct rig_id s = rig_make(&(struct rig_wish){.name = "a.example", .by = &r});
    judge((struct trial){.root = r, .server = s, .host = "a.example", .text = ""});
    rig_free(&s);
    rig_free(&r);
}

/* ---- files ---- */

static void refused_pem(struct weir_tls_options o, int rc, const char *text) {
    struct weir_tls *tls = NULL;
    o.size = sizeof o;
    int got = weir_tls_new(&o, &tls);
    if (got != rc || strstr(weir_error_message(rc), text) == NULL)
        printf("# got %s: %s\n", weir_error_name(got), weir_error_message(got));
    assert_int_equal(got, rc);
    assert_non_null(strstr(weir_error_message(rc), text));
    assert_null(tls);
}

static int bad_texts(void *arg) {
    struct rig r;
    rig_open(&r);
    const char *cert = r.server.cert_pem, *key = r.server.key_pem;
    char *broken = rig_join("\n\nwords\n", cert);
    memcpy(strstr(broken, "MII"), "!!!", 3);
    refused_pem((struct weir_tls_options){.cert_pem = broken, .key_pem = key}, WEIR_ECERT,
                "tls cert_pem: line 4: the certificate that begins here is damaged");
    refused_pem((struct weir_tls_options){.cert_pem = key, .key_pem = key}, WEIR_ECERT,
                "tls cert_pem: no certificate in it (PEM");
    refused_pem((struct weir_tls_options){.cert_pem = cert, .key_pem = cert}, WEIR_ECERT,
                "key_pem: no key in it");
    refused_pem((struct weir_tls_options){.cert_pem = cert}, WEIR_ECERT,
                "cert_pem: no key in it: set key_file");
    refused_pem((struct weir_tls_options){.cert_pem = cert, .key_pem = r.client.key_pem},
                WEIR_ECERT,
                "tls key_pem: the key does not belong to the first certificate of cert_pem");
    refused_pem((struct weir_tls_options){.cert_file = "/tmp/x.pem"}, WEIR_ESIMREFUSED,
                "PEM text of cert_pem");
    refused_pem((struct weir_tls_options){.key_pem = key}, -EINVAL, "no certificate");
    refused_pem((struct weir_tls_options){.cert_file = ""}, -EINVAL, "cert_file is \"\"");
    refused_pem((struct weir_tls_options){.cert_pem = cert, .key_file = ""}, -EINVAL,
                "key_file is \"\"");
    refused_pem((struct weir_tls_options){.ca_file = ""}, -EINVAL, "ca_file is \"\"");
    static const struct weir_tls_name names[] = {{.name = "a.test", .cert_file = ""}, {0}};
    refused_pem((struct weir_tls_options){.names = names}, -EINVAL, "key_file of names is \"\"");
    refused_pem((struct weir_tls_options){.cert_pem = cert, .cert_file = "x"}, -EINVAL, "both");
    refused_pem((struct weir_tls_options){.insecure = true, .ca_pem = cert}, -EINVAL, "insecure");
    BIO *bio = BIO_new(BIO_s_mem());
    PEM_write_bio_PKCS8PrivateKey(bio, r.server.key, EVP_aes_256_cbc(), "pass", 4, NULL, NULL);
    char *locked = rig_text(bio);
    refused_pem((struct weir_tls_options){.cert_pem = cert, .key_pem = locked}, WEIR_ECERT,
                "line 1: the key is encrypted: decrypt it");
    free(locked);
    free(broken);
    rig_close(&r);
    return 0;
}

WEIR_TEST(bad_pem_is_refused_with_its_place_and_its_reason) {
    assert_int_equal(weir_sim_run(bad_texts, NULL, NULL), 0);
}

WEIR_TEST(a_file_is_named_with_its_line) {
    struct rig r;
    char path[] = "/tmp/weir-tls-XXXXXX", text[120];
    rig_open(&r);
    int fd = mkstemp(path);
    FILE *f = fdopen(fd, "w");
    fprintf(f, "%s\n%.100s\n", r.server.cert_pem, r.server.cert_pem); /* cut off */
    fclose(f);
    snprintf(text, sizeof text, "%s: line ", path);
    refused_pem((struct weir_tls_options){.cert_file = path, .key_pem = r.server.key_pem},
                WEIR_ECERT, text);
    refused_pem((struct weir_tls_options){.cert_file = "/tmp/weir-no-such-file"}, -ENOENT,
                "/tmp/weir-no-such-file");
    refused_pem((struct weir_tls_options){.ca_file = "/tmp"}, -EISDIR, "/tmp");
    unlink(path);
    rig_close(&r);
}
