/* SPDX-License-Identifier: MIT */
/* fetch - print a page. The program that every library of this kind is shown with: one request,
 * ten seconds at most, the text to standard output.
 *
 *   fetch http://python.org */
#include <stdio.h>
#include <weir/http_client.h>
#include <weir/loop.h>
#include <weir/task.h>

static int fetch(const char *url) {
    struct weir_http_response *response;
    struct weir_view page;
    int rc = weir_http_get(url, &response);
    if (rc < 0)
        return rc;
    weir_http_response_body(response, 0, &page); /* it is here already */
    fwrite(page.base, 1, page.len, stdout);
    weir_http_response_close(&response);
    return 0;
}

static int run(void *url) {
    struct weir_scope ten_seconds;
    weir_scope_enter(&ten_seconds, WEIR_SECONDS(10));
    int rc = weir_scope_leave(&ten_seconds, fetch(url));
    if (rc < 0)
        fprintf(stderr, "fetch: %s\n", weir_error_message(rc));
    return rc;
}

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: fetch URL\n");
        return 2;
    }
    return weir_run(run, argv[1], NULL) < 0;
}
