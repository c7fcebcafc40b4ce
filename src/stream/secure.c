/* SPDX-License-Identifier: MIT */
/* secure.c - TLS by URL. An accepted stream makes its handshake in its own task (the function begin
 * of its kind), so a slow client does not hold up the others. */
#include "stream/secure.h"

#include <errno.h>

#include "stream/listen.h"
#include "stream/tls_table.h"
#include "task/task.h"

static int wrap(void *arg, struct weir_stream **take_stream, struct weir_stream **ret_stream) {
    return weir__tls_table->serve(take_stream, arg, ret_stream);
}

static struct weir__waitq *full(void *arg) {
    return weir__tls_table->full(arg);
}

static void unlistened(void *arg) {
    struct weir_tls *tls = arg;
    weir__tls_table->unref(&tls);
}

static const struct weir__listens_over over = {
    .full = full, .wrap = wrap, .unlistened = unlistened};

int weir__secure_listener(struct weir_listener *l, struct weir_tls *tls, const char *url) {
    if (!weir__listener_has_sockets(l))
        return weir__failf(-EOPNOTSUPP, "listen", url, "a listener in memory does not speak TLS: "
                           "weir_tls_accept makes its streams speak it (EOPNOTSUPP)");
    int rc = weir__tls_table->can_serve(tls, "listen", url);
    if (rc == 0)
        weir__listener_over(l, &over, weir__tls_table->ref(tls));
    return rc;
}

int weir__secure_dial(struct weir_stream **take_stream, const char *url, const char *host,
                      const struct weir_dial_options *options, struct weir_stream **ret_stream) {
    const char *name = options->tls_name != NULL ? options->tls_name : host;
    int rc;
    if (*name == '\0')
        rc = weir__failf(-EINVAL, "dial", url, "TLS needs the server's name: set tls_name of "
                                               "weir_dial_options (EINVAL)");
    else
        rc = weir__tls_table->connect(take_stream, options->tls, name, ret_stream);
    weir_close(take_stream);
    return rc;
}
