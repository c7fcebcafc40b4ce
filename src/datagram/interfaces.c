/* SPDX-License-Identifier: MIT */
/* interfaces.c - the interfaces of this machine. The list is read from the kernel, which answers at
 * once. */
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "datagram/address.h"
#include "task/task.h"

static bool is_ip(const struct ifaddrs *i) {
    int family = i->ifa_addr != NULL ? i->ifa_addr->sa_family : AF_UNSPEC;
    return family == AF_INET || family == AF_INET6;
}

static unsigned prefix_of(const struct ifaddrs *i) {
    const struct sockaddr_in *v4 = (const void *)i->ifa_netmask;
    const struct sockaddr_in6 *v6 = (const void *)i->ifa_netmask;
    bool is_v4 = i->ifa_addr->sa_family == AF_INET;
    const uint8_t *bytes = is_v4 ? (const void *)&v4->sin_addr : &v6->sin6_addr;
    unsigned bits = 0;
    for (size_t at = 0; at < (is_v4 ? 4 : 16); at++)
        bits += (unsigned)__builtin_popcount(bytes[at]);
    return bits;
}

static void describe(const struct ifaddrs *i, struct weir_interface *ret) {
    *ret = (struct weir_interface){.index = if_nametoindex(i->ifa_name), .flags = i->ifa_flags};
    snprintf(ret->name, sizeof ret->name, "%s", i->ifa_name);
    if (!is_ip(i))
        return;
    struct weir__addr a = {.len = i->ifa_addr->sa_family == AF_INET ? sizeof a.in : sizeof a.in6};
    memcpy(&a.sa, i->ifa_addr, a.len);
    weir__addr_give(&a, &ret->addr);
    ret->prefix = i->ifa_netmask != NULL ? prefix_of(i) : 0;
}

/* An entry of another family stands for an interface that has no address of IP. */
static bool counts(const struct ifaddrs *all, const struct ifaddrs *i) {
    if (is_ip(i))
        return true;
    for (const struct ifaddrs *o = all; o != NULL; o = o->ifa_next)
        if (o != i && strcmp(o->ifa_name, i->ifa_name) == 0 && (is_ip(o) || o < i))
            return false;
    return true;
}

int weir_interfaces(struct weir_interface *ret_interfaces, size_t max) {
    struct ifaddrs *all;
    const struct weir__loop *l = weir__loop();
    int count = 0;
    if (l != NULL && l->backend->simulated)
        return weir__fail(WEIR_ESIMREFUSED, "interfaces", NULL);
    if (getifaddrs(&all) != 0)
        return -errno;
    for (const struct ifaddrs *i = all; i != NULL; i = i->ifa_next) {
        if (!counts(all, i))
            continue;
        if ((size_t)count < max)
            describe(i, &ret_interfaces[count]);
        count++;
    }
    freeifaddrs(all);
    return count;
}
