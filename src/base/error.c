/* SPDX-License-Identifier: MIT */
/* error.c - names and texts of error codes: ours from the table in base.h, errno's from the one
 * below. libc is not used: it has names since glibc 2.32 only, and its texts need a buffer and a
 * locale. */
#include <weir/base.h>

/* The errno values of Linux, each number once: EWOULDBLOCK, ENOTSUP and EDEADLOCK are second
 * names. */
#define ERRNOS(X)                                                                                  \
    X(EPERM, "operation not permitted")                                                            \
    X(ENOENT, "no such file or directory")                                                         \
    X(ESRCH, "no such process")                                                                    \
    X(EINTR, "interrupted")                                                                        \
    X(EIO, "input/output error")                                                                   \
    X(ENXIO, "no such device or address")                                                          \
    X(E2BIG, "argument list too long")                                                             \
    X(ENOEXEC, "not an executable")                                                                \
    X(EBADF, "bad file descriptor")                                                                \
    X(ECHILD, "no child processes")                                                                \
    X(EAGAIN, "not possible now: try again")                                                       \
    X(ENOMEM, "out of memory")                                                                     \
    X(EACCES, "permission denied")                                                                 \
    X(EFAULT, "bad address")                                                                       \
    X(ENOTBLK, "block device required")                                                            \
    X(EBUSY, "device or resource busy")                                                            \
    X(EEXIST, "file exists")                                                                       \
    X(EXDEV, "invalid cross-device link")                                                          \
    X(ENODEV, "no such device")                                                                    \
    X(ENOTDIR, "not a directory")                                                                  \
    X(EISDIR, "is a directory")                                                                    \
    X(EINVAL, "invalid argument")                                                                  \
    X(ENFILE, "too many open files in the system")                                                 \
    X(EMFILE, "too many open files")                                                               \
    X(ENOTTY, "inappropriate ioctl for device")                                                    \
    X(ETXTBSY, "text file busy")                                                                   \
    X(EFBIG, "file too large")                                                                     \
    X(ENOSPC, "no space left on device")                                                           \
    X(ESPIPE, "illegal seek")                                                                      \
    X(EROFS, "read-only file system")                                                              \
    X(EMLINK, "too many links")                                                                    \
    X(EPIPE, "broken pipe: nobody reads any more")                                                 \
    X(EDOM, "number out of domain")                                                                \
    X(ERANGE, "number out of range")                                                               \
    X(EDEADLK, "would wait for itself")                                                            \
    X(ENAMETOOLONG, "file name too long")                                                          \
    X(ENOLCK, "no locks available")                                                                \
    X(ENOSYS, "function not implemented")                                                          \
    X(ENOTEMPTY, "directory not empty")                                                            \
    X(ELOOP, "too many levels of symbolic links")                                                  \
    X(ENOMSG, "no message of desired type")                                                        \
    X(EIDRM, "identifier removed")                                                                 \
    X(ECHRNG, "channel number out of range")                                                       \
    X(EL2NSYNC, "level 2 not synchronized")                                                        \
    X(EL3HLT, "level 3 halted")                                                                    \
    X(EL3RST, "level 3 reset")                                                                     \
    X(ELNRNG, "link number out of range")                                                          \
    X(EUNATCH, "protocol driver not attached")                                                     \
    X(ENOCSI, "no CSI structure available")                                                        \
    X(EL2HLT, "level 2 halted")                                                                    \
    X(EBADE, "invalid exchange")                                                                   \
    X(EBADR, "invalid request descriptor")                                                         \
    X(EXFULL, "exchange full")                                                                     \
    X(ENOANO, "no anode")                                                                          \
    X(EBADRQC, "invalid request code")                                                             \
    X(EBADSLT, "invalid slot")                                                                     \
    X(EBFONT, "bad font file format")                                                              \
    X(ENOSTR, "device not a stream")                                                               \
    X(ENODATA, "no data available")                                                                \
    X(ETIME, "the deadline has passed")                                                            \
    X(ENOSR, "out of streams resources")                                                           \
    X(ENONET, "machine is not on the network")                                                     \
    X(ENOPKG, "package not installed")                                                             \
    X(EREMOTE, "object is remote")                                                                 \
    X(ENOLINK, "link has been severed")                                                            \
    X(EADV, "advertise error")                                                                     \
    X(ESRMNT, "srmount error")                                                                     \
    X(ECOMM, "communication error on send")                                                        \
    X(EPROTO, "protocol error")                                                                    \
    X(EMULTIHOP, "multihop attempted")                                                             \
    X(EDOTDOT, "rfs specific error")                                                               \
    X(EBADMSG, "bad message")                                                                      \
    X(EOVERFLOW, "value too large for defined data type")                                          \
    X(ENOTUNIQ, "name not unique on network")                                                      \
    X(EBADFD, "file descriptor in bad state")                                                      \
    X(EREMCHG, "remote address changed")                                                           \
    X(ELIBACC, "can not access a needed shared library")                                           \
    X(ELIBBAD, "accessing a corrupted shared library")                                             \
    X(ELIBSCN, ".lib section in a.out corrupted")                                                  \
    X(ELIBMAX, "attempting to link in too many shared libraries")                                  \
    X(ELIBEXEC, "cannot exec a shared library directly")                                           \
    X(EILSEQ, "invalid byte sequence")                                                             \
    X(ERESTART, "interrupted system call should be restarted")                                     \
    X(ESTRPIPE, "streams pipe error")                                                              \
    X(EUSERS, "too many users")                                                                    \
    X(ENOTSOCK, "socket operation on non-socket")                                                  \
    X(EDESTADDRREQ, "destination address required")                                                \
    X(EMSGSIZE, "message too long")                                                                \
    X(EPROTOTYPE, "protocol wrong type for socket")                                                \
    X(ENOPROTOOPT, "protocol not available")                                                       \
    X(EPROTONOSUPPORT, "protocol not supported")                                                   \
    X(ESOCKTNOSUPPORT, "socket type not supported")                                                \
    X(EOPNOTSUPP, "operation not supported")                                                       \
    X(EPFNOSUPPORT, "protocol family not supported")                                               \
    X(EAFNOSUPPORT, "address family not supported by protocol")                                    \
    X(EADDRINUSE, "address already in use")                                                        \
    X(EADDRNOTAVAIL, "cannot assign requested address")                                            \
    X(ENETDOWN, "network is down")                                                                 \
    X(ENETUNREACH, "network is unreachable")                                                       \
    X(ENETRESET, "network dropped connection on reset")                                            \
    X(ECONNABORTED, "connection aborted")                                                          \
    X(ECONNRESET, "connection reset by the peer")                                                  \
    X(ENOBUFS, "no buffer space available")                                                        \
    X(EISCONN, "already connected")                                                                \
    X(ENOTCONN, "not connected")                                                                   \
    X(ESHUTDOWN, "already shut down for sending")                                                  \
    X(ETOOMANYREFS, "too many references: cannot splice")                                          \
    X(ETIMEDOUT, "the peer did not answer in time")                                                \
    X(ECONNREFUSED, "connection refused")                                                          \
    X(EHOSTDOWN, "host is down")                                                                   \
    X(EHOSTUNREACH, "no route to host")                                                            \
    X(EALREADY, "operation already in progress")                                                   \
    X(EINPROGRESS, "operation now in progress")                                                    \
    X(ESTALE, "stale file handle")                                                                 \
    X(EUCLEAN, "structure needs cleaning")                                                         \
    X(ENOTNAM, "not a XENIX named type file")                                                      \
    X(ENAVAIL, "no XENIX semaphores available")                                                    \
    X(EISNAM, "is a named type file")                                                              \
    X(EREMOTEIO, "remote I/O error")                                                               \
    X(EDQUOT, "disk quota exceeded")                                                               \
    X(ENOMEDIUM, "no medium found")                                                                \
    X(EMEDIUMTYPE, "wrong medium type")                                                            \
    X(ECANCELED, "cancelled")                                                                      \
    X(ENOKEY, "required key not available")                                                        \
    X(EKEYEXPIRED, "key has expired")                                                              \
    X(EKEYREVOKED, "key has been revoked")                                                         \
    X(EKEYREJECTED, "key was rejected by service")                                                 \
    X(EOWNERDEAD, "owner died")                                                                    \
    X(ENOTRECOVERABLE, "state not recoverable")                                                    \
    X(ERFKILL, "not possible: radio switched off")                                                 \
    X(EHWPOISON, "memory page has hardware error")

struct entry {
    const char *name, *text;
};

static const struct entry errnos[] = {
#define ERRNO_ENTRY(name, text) [name] = {#name, text},
    ERRNOS(ERRNO_ENTRY)
#undef ERRNO_ENTRY
};

static const struct {
    int code;
    struct entry entry;
} ours[] = {
#define WEIR_ERROR_ENTRY(name, number, text) {name, {#name, text}},
    WEIR_ERRORS(WEIR_ERROR_ENTRY)
#undef WEIR_ERROR_ENTRY
};

static struct entry find(int rc) {
    if (rc == 0)
        return (struct entry){"OK", "no error"};
    const int errno_max = (int)(sizeof errnos / sizeof errnos[0]) - 1;
    if (rc < 0 && rc >= -errno_max && errnos[-rc].name != NULL)
        return errnos[-rc];
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++)
        if (ours[i].code == rc)
            return ours[i].entry;
    return (struct entry){"?", "unknown error"};
}

const char *weir_error_name(int rc) {
    return find(rc).name;
}

const char *weir_error_text(int rc) {
    return find(rc).text;
}
