/* SPDX-License-Identifier: MIT */
/* tls.h - TLS on any stream, as client and as server. In the library weir-tls, over OpenSSL 3:
 * pkg-config --libs weir-tls.
 *
 * A struct weir_tls has what both sides need beside the connection: certificates and keys, whom to
 * trust, and settings. It is counted, and may be used on all loops and threads at once: they share
 * its tickets, so a client resumes on another loop too.
 *
 * A TLS stream is a struct weir_stream like any other. What differs:
 * - End of stream (0) is what the peer has said by close_notify, which weir_shutdown and weir_close
 *   send. If the connection ends without it, reads return WEIR_EEOF: bytes may be missing, for
 *   anybody on the way can end a connection.
 * - weir_write returns 0 when the ciphertext of all bytes has been taken below. A cancelled write
 *   counts bytes that were encrypted as taken.
 * - weir_stream_fd and weir_detach return -EOPNOTSUPP. */
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
    const char *name; /* "example.org", or "*.example.org" for each name of one more label */
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
    const char *cert_file; /* our certificate, and behind it those between it and the root. A server
                            * needs it, or names; a client only if the server asks for one */
    const char *key_file;  /* its key, not encrypted; NULL: it is in cert_file too */
    const char *cert_pem, *key_pem;
    const char *ca_file;   /* as a client: trust these roots only; NULL: those of the system */
    const char *ca_pem;
    const char *client_ca_file; /* as a server: ask clients for a certificate of these roots */
    const char *client_ca_pem;
    bool client_optional;  /* accept clients without one too; a bad one is refused */
    const struct weir_tls_name *names; /* the last has name NULL. A client that asks for another
                                        * name gets cert_file, and without that a refusal */
    const char *const *alpn; /* protocols, the best first, NULL behind the last: "h2", "http/1.1" */
    enum weir_tls_minimum minimum; /* the oldest version to speak */
    bool no_tickets;       /* no resumption: neither give tickets nor use those of servers */
    weir_ns ticket_ns;     /* how long a ticket that we give can be used; 0 or less: 8 hours */
    weir_ns handshake_ns;  /* as a server: refuse a client that is slower; 0 or less: 10 s. A
                            * client's time is bounded by its scopes */
    bool insecure;         /* as a client: do not look at the server's certificate. Anybody on the
                            * way can then read and write. weir_tls_new logs a warning */
};

/* Make one, and read all files. It reads them at once, while no other task runs. In a simulation
 * files are refused: give the PEM text.
 * Returns 0; -ENOENT, -EACCES, ... (a file cannot be read); WEIR_ECERT (a file has no certificate
 * or key, one that is damaged or encrypted, or the key is of another certificate: the error's text
 * names the file and the line); -EINVAL (options that contradict each other), WEIR_ESIMREFUSED,
 * -ENOMEM. The caller must unref *ret_tls. Any thread. */
WEIR_API int weir_tls_new(const struct weir_tls_options *options, struct weir_tls **ret_tls);

/* Read the files again. Connections go on with what they have; handshakes that begin from now on
 * use the new. If a file is bad, the old certificates stay, and the error says why.
 * Returns as weir_tls_new. Any thread. */
WEIR_API int weir_tls_reload(struct weir_tls *tls);

/* One more reference; give one back (*take_tls becomes NULL; NULL and *NULL are fine). Streams and
 * listeners hold references of their own. Any thread. */
WEIR_API struct weir_tls *weir_tls_ref(struct weir_tls *tls);
WEIR_API void weir_tls_unref(struct weir_tls **take_tls);

/* Speak TLS on a stream, as the client: also in the middle of a conversation (STARTTLS). What the
 * stream has received and no task has read is taken for ciphertext. host: the server's name or
 * address, for which its certificate must be. tls NULL: the system's roots and no certificate of
 * ours. After the call the new stream owns the old, and closes it; *take_stream is NULL.
 * Returns 0; WEIR_ECERT (the server's certificate was refused, or it refused ours: the error's text
 * names the certificate and the reason), WEIR_ETLS (no version, cipher or protocol that both speak,
 * or a refusal by the server), WEIR_EPROTO (it does not speak TLS), WEIR_EEOF, -EINVAL (host is
 * NULL or empty), -ECONNRESET, -EPIPE, -EBUSY, WEIR_ECLOSED, -ECANCELED, -ETIME, -ENOMEM,
 * WEIR_ENOLOOP. On error *take_stream stays the caller's, to be closed: nothing else can be done
 * with it once the handshake has begun. */
WEIR_SUSPENDS int weir_tls_connect(struct weir_stream **take_stream, struct weir_tls *tls,
                                   const char *host, struct weir_stream **ret_stream);

/* The same as the server. tls has a certificate. -ETIME also if handshake_ns is over, WEIR_ECERT
 * also if the client has no certificate and needs one. */
WEIR_SUSPENDS int weir_tls_accept(struct weir_stream **take_stream, struct weir_tls *tls,
                                  struct weir_stream **ret_stream);

/* Wait until the handshake is done. A stream that weir_accept returns from a listener of tls://
 * makes it in its first read or write, so that a slow client does not hold up the others. Call this
 * to know before.
 * Returns 0, at once if it was done before; an error as weir_tls_accept; -EOPNOTSUPP (no TLS
 * stream). */
WEIR_SUSPENDS int weir_tls_handshake(struct weir_stream *s);

/* What the handshake has agreed: "TLSv1.3"; "TLS_AES_256_GCM_SHA384"; the protocol of alpn; the
 * name that the client has asked for (SNI). NULL: s is no TLS stream, its handshake is not done, or
 * there is no such thing. Lent as long as s. */
WEIR_API const char *weir_tls_version(struct weir_stream *s);
WEIR_API const char *weir_tls_cipher(struct weir_stream *s);
WEIR_API const char *weir_tls_alpn(struct weir_stream *s);
WEIR_API const char *weir_tls_host(struct weir_stream *s);

/* Was an earlier session resumed, without certificates? */
WEIR_API bool weir_tls_resumed(struct weir_stream *s);

/* The parts of a certificate. */
enum weir_tls_part {
    WEIR_TLS_SUBJECT = 0, /* "CN=alice,O=Example" (RFC 2253, the most specific first) */
    WEIR_TLS_ISSUER,
    WEIR_TLS_NAMES,       /* the names and addresses it is for: "a.example.org 192.0.2.1" */
    WEIR_TLS_PEM
};

/* Write a part of the peer's certificate to text, which has size bytes, with a NUL. As a server:
 * the certificate was checked if client_ca_file was given; else there is none.
 * Returns the length without the NUL, which may be size or more: then the text is cut; 0: the peer
 * has shown none, or s is no TLS stream; -ENOMEM. */
WEIR_API ssize_t weir_tls_peer(struct weir_stream *s, enum weir_tls_part part, char *text,
                               size_t size);

/* Does nothing but make a linker take the library from its archive: a program that names tls:// in
 * URLs only, and links libweir-tls.a without the flags of pkg-config, calls it once. */
WEIR_API void weir_tls_use(void);

#ifdef __cplusplus
}
#endif
#endif
