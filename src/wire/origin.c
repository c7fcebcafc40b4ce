/* SPDX-License-Identifier: MIT */
/* origin.c - see origin.h. */
#include "wire/origin.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "wire/uri.h"

/* Browsers compare origins as texts (RFC 6454 6.2), in lower case, without the scheme's own port.
 * So does the handshake; a text that no browser sends would let nobody in. */
const char *weir__origin_refused(const char *text) {
    if (strcmp(text, "null") == 0)
        return NULL;
    const char *host = strstr(text, "://");
    size_t scheme = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789+-.");
    if (host == NULL || host == text || text + scheme != host)
        return "it is no scheme://host[:port]";
    host += 3;
    if (host[strcspn(host, "/?#")] != '\0')
        return "it has no path: nothing stands behind host and port";
    size_t all = strlen(host), len = host[0] == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":");
    const char *port = host + (len < all ? len : all);
    if (*port == ':' && (port[1] == '0' || strspn(port + 1, "0123456789") != strlen(port + 1)
                         || strlen(port) < 2 || atol(port + 1) > UINT16_MAX))
        return "its port is no number from 1 to 65535";
    if (host[strcspn(host, "ABCDEFGHIJKLMNOPQRSTUVWXYZ")] != '\0')
        return "browsers send it in lower case";
    size_t bare_len = (size_t)(port - host);
    const char *bare = weir__uri_host_bare(host, &bare_len);
    if (bare_len == 0 || (*port != ':' && *port != '\0'))
        return "it is no scheme://host[:port]";
    return weir__uri_host_refused(bare, bare_len);
}
