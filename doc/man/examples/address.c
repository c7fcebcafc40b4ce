/* SPDX-License-Identifier: MIT */
/* Shows: weir-net weir_addr weir_addr_parse weir_addr_text weir_addr_port weir_addr_set_port
 * weir_addr_equal weir_addr_sockaddr weir_addr_from_sockaddr weir_resolve weir_interface
 * weir_interfaces */
/* The addresses of a name, and those of this machine. */
#include <stdio.h>
#include <weir/weir.h>

static int print_interfaces(void) {
    struct weir_interface all[32];
    char text[WEIR_ADDR_TEXT];
    int count = weir_interfaces(all, 32);
    for (int i = 0; i < count && i < 32; i++)
        printf("%u %s %s/%u\n", all[i].index, all[i].name,
               weir_addr_text(&all[i].addr, text, sizeof text), all[i].prefix);
    return count < 0 ? count : 0;
}

static int program(void *arg) {
    struct weir_addr found[8], a, b;
    char text[WEIR_ADDR_TEXT];
    socklen_t len;
    int count = weir_resolve("localhost", 80, found, 8);
    for (int i = 0; i < count && i < 8; i++)
        printf("%s\n", weir_addr_text(&found[i], text, sizeof text));
    if (count < 0)
        return count;
    int rc = weir_addr_parse("[::1]:8080", &a);
    if (rc < 0)
        return rc;
    const struct sockaddr *sa = weir_addr_sockaddr(&a, &len); /* for bind(2) and its like */
    rc = weir_addr_from_sockaddr(sa, len, &b);
    weir_addr_set_port(&b, weir_addr_port(&b) + 1);
    printf("%s\n", weir_addr_equal(&a, &b) ? "equal" : "another port");
    return rc < 0 ? rc : print_interfaces();
}

int main(void) {
    return weir_run(program, NULL, NULL) < 0;
}
