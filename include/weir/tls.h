/* SPDX-License-Identifier: MIT */
/* tls.h - TLS on any stream, as client and as server. In the library weir-tls, over OpenSSL 3:
 * pkg-config --libs weir-tls.
 *
 * A struct weir_tls has what both sides need beside the connection: certificates and keys, whom to
 * trust, and settings. It is counted by references, and may be used on all loops and threads at
 * once. They share its tickets, so a client can resume a session on another loop.
 *
 * A TLS stream is a struct weir_stream like any other. What differs:
 * - A read returns 0 (end of stream) only if the peer has sent close_notify, as weir_shutdown and
 *   weir_close do. If the connection ends without it, reads return WEIR_EEOF: bytes may be missing,
 *   since anybody on the way can end a connection.
 * - weir_write returns 0 when the stream below has taken the ciphertext of all bytes. After a
 *   cancel `done` of weir_error counts the bytes that were encrypted: these will be sent.
 * - If the peer breaks the connection and has said why by an alert (such as a server that refuses
 *   our certificate), weir_write returns that as a read does, WEIR_ECERT or WEIR_ETLS, and not
 *   -EPIPE or -ECONNRESET. The write before it may have succeeded.
 * - weir_stream_fd and weir_detach return -EOPNOTSUPP.
 *
 * After fork the child may use a struct weir_tls of its parent in loops of its own, if no other
 * thread of the parent was inside TLS at the fork. Otherwise locks of the library and of OpenSSL,
 * which does nothing about them at a fork, may stay taken for ever: the child then calls exec, or
 * uses no TLS. Closing a stream and weir_tls_unref are fine in each case. */
#ifndef WEIR_TLS_H
#define WEIR_TLS_H

#include <stdbool.h>
#include <weir/stream.h>

#ifdef __cplusplus
extern "C" {
#endif

struct weir_tls; /* certificates, keys, trust and settings */

/* One more certificate of a server, for the clients that ask for this name. */
struct weir_tls_name {
    const char *name; /* "example.org", or "*.example.org": a.example.org, not a.b.example.org */
    const char *cert_file, *key_file; /* as in struct weir_tls_options */
    const char *cert_pem, *key_pem;
};

enum weir_tls_minimum {
    WEIR_TLS_1_2 = 0, /* the default */
    WEIR_TLS_1_3 = 1
};

/* The options of weir_tls_new. Files are PEM; instead of each, its text can be given. All strings
 * are copied. */
struct weir_tls_options { /* zero: the default */
    size_t size;           /* sizeof (struct weir_tls_options) */
    const char *cert_file; /* our certificate, then the intermediate ones. A server needs it, or
                            * names; a client only if the server asks for one */
    const char *key_file;  /* its key, not encrypted; NULL: cert_file has the key too */
    const char *cert_pem, *key_pem;
    const char *ca_file;   /* as a client: trust only these roots; NULL: those of the system */
    const char *ca_pem;
    const char *client_ca_file; /* as a server: clients need a certificate that one of these roots
                                 * has issued; NULL: clients are not asked for one */
    const char *client_ca_pem;
    bool client_optional;  /* accept also clients without a certificate; a bad one is refused */
    const struct weir_tls_name *names; /* as a server; the last has name NULL. A client that asks
                                        * for another name gets cert_file; without cert_file it is
                                        * refused. NULL: none */
    const char *const *alpn; /* protocols, the best first, NULL behind the last: "h2", "http/1.1" */
    enum weir_tls_minimum minimum; /* the oldest version to speak */
    bool no_tickets;       /* no resumption: neither give tickets nor use those of servers */
    weir_ns ticket_ns;     /* as a server: how long a ticket can be used; 0 or less: 8 hours */
    weir_ns handshake_ns;  /* as a server: how long a handshake may take; 0 or less: 10 s. As a
                            * client put a scope around the call */
    bool insecure;         /* as a client: do not check the server's certificate. Anybody on the way
                            * can then read and change all bytes. weir_tls_new logs a warning */
    size_t handshakes_max; /* as a server: how many handshakes go on at once on a loop; 0: 1024.
                            * While there are so many, listeners of this weir_tls accept nobody, and
                            * further clients wait in the kernel. One whose client is silent ends
                            * after handshake_ns: shorten that where strangers may hold them all. A
                            * turn of the loop may begin up to 64 more. What weir_tls_accept makes
                            * counts, too, but never waits */
};

/* Make a struct weir_tls; options may be NULL. The call reads all files and blocks the thread
 * meanwhile: no other task runs. In a simulation files are refused: give the PEM text. A warning is
 * logged if a certificate of ours has expired: peers that check it refuse it.
 * Returns 0; -ENOENT, -EACCES, ... (a file cannot be read); WEIR_ECERT (a file has no certificate
 * or key, one that is damaged or encrypted, or the key is of another certificate: the error's text
 * names the file and the line); -EINVAL (options that contradict each other, a file ""),
 * WEIR_ESIMREFUSED, -ENOMEM. The caller must unref *ret_tls. Any thread. */
WEIR_API int weir_tls_new(const struct weir_tls_options *options, struct weir_tls **ret_tls);

/* Read the files again, and block the thread meanwhile. Handshakes that begin from now on use what
 * they now contain: a server's begins with the client's first bytes, even if it has accepted the
 * client before. Open connections are not affected. On error the old certificates stay in use.
 * Returns as weir_tls_new. Any thread. */
WEIR_API int weir_tls_reload(struct weir_tls *tls);

/* weir_tls_ref adds a reference and returns tls. weir_tls_unref gives one back, and the last frees
 * it; *take_tls becomes NULL; NULL and *NULL are fine. Streams and listeners hold references of
 * their own. Any thread. */
WEIR_API struct weir_tls *weir_tls_ref(struct weir_tls *tls);
WEIR_API void weir_tls_unref(struct weir_tls **take_tls);

/* Begin TLS on an open stream, as the client, and wait until the handshake is done. It may come in
 * the middle of a conversation (STARTTLS): bytes that the stream has received and no task has read
 * count as ciphertext. host: the name or address that the server's certificate must be for. tls
 * NULL: trust the system's roots, and have no certificate of our own. On success the new stream
 * owns the old one, which it closes with itself; *take_stream becomes NULL.
 * Returns 0; WEIR_ECERT (the server's certificate was refused, or it refused ours: the error's text
 * names the certificate and the reason), WEIR_ETLS (no version, cipher or protocol that both speak,
 * or a refusal by the server), WEIR_EPROTO (it does not speak TLS), WEIR_EEOF, -EINVAL (host is
 * NULL or empty), -ECONNRESET, -EPIPE (also: the stream was shut down), WEIR_ETORN, -EBUSY,
 * WEIR_ECLOSED, -ECANCELED, -ETIME, -ENOMEM, WEIR_ENOLOOP. On error or cancel *take_stream stays
 * the caller's, who must close it: once the handshake has begun, nothing else can be done with
 * it. */
WEIR_SUSPENDS int weir_tls_connect(struct weir_stream **take_stream, struct weir_tls *tls,
                                   const char *host, struct weir_stream **ret_stream);

/* The same, as the server. tls must have a certificate.
 * Returns as weir_tls_connect; -ETIME also if handshake_ns is over, WEIR_ECERT also if the client
 * needs a certificate and has none, -EINVAL if tls has none. */
WEIR_SUSPENDS int weir_tls_accept(struct weir_stream **take_stream, struct weir_tls *tls,
                                  struct weir_stream **ret_stream);

/* Make the handshake of an accepted stream now. A stream that weir_accept returns from a tls://
 * listener otherwise makes it in its first read or write, so that a slow client does not hold up
 * the others. Call this to learn the facts below, or an error, before that.
 * Returns 0, at once if the handshake was done before; an error as weir_tls_accept; -EBUSY (another
 * task reads); -EOPNOTSUPP (s is no TLS stream). */
WEIR_SUSPENDS int weir_tls_handshake(struct weir_stream *s);

/* What the two sides have agreed on in the handshake: the version, "TLSv1.3"; the cipher suite,
 * "TLS_AES_256_GCM_SHA384"; the protocol, one of alpn; the name that the client has asked for
 * (SNI). NULL: s is no TLS stream, its handshake is not done, or nothing was agreed on. Lent as
 * long as s. */
WEIR_API const char *weir_tls_version(struct weir_stream *s);
WEIR_API const char *weir_tls_cipher(struct weir_stream *s);
WEIR_API const char *weir_tls_alpn(struct weir_stream *s);
WEIR_API const char *weir_tls_host(struct weir_stream *s);

/* Was an earlier session resumed? Then the handshake sent no certificates. */
WEIR_API bool weir_tls_resumed(struct weir_stream *s);

/* The parts of a certificate. */
enum weir_tls_part {
    WEIR_TLS_SUBJECT = 0, /* "CN=alice,O=Example" (RFC 2253, the most specific first) */
    WEIR_TLS_ISSUER,
    WEIR_TLS_NAMES,       /* the names and addresses it is for: "a.example.org 192.0.2.1" */
    WEIR_TLS_PEM
};

/* Write a part of the peer's certificate to text, which has size bytes, with a NUL. A server has
 * one to show only if its client_ca_file was given, and then it was checked.
 * Returns the length without the NUL; if that is size or more, the text was cut. 0: the peer has
 * shown no certificate, or s is no TLS stream; -ENOMEM. */
WEIR_API ssize_t weir_tls_peer(struct weir_stream *s, enum weir_tls_part part, char *text,
                               size_t size);

/* Do nothing. A program that has URLs of TLS (tls://, wss://, https://), and links libweir-tls.a
 * without the flags of pkg-config, calls this once: else the linker leaves out what serves such
 * URLs, even if the program calls weir_tls_new. */
WEIR_API void weir_tls_use(void);

#ifdef __cplusplus
}
#endif
#endif
