/* SPDX-License-Identifier: MIT */
/* get_client.c - our HTTP client as the suite for clients wants it: prints the body of the answer,
 * and fails if that is not whole, or no success. get-client URL */
#include <stdio.h>
#include <weir/http_client.h>
#include <weir/weir.h>

static int client(void *url) {
    WEIR_AUTO(weir_http_response_close) struct weir_http_response *response = NULL;
    struct weir_view body;
    ssize_t rc = weir_http_get(url, &response);
    if (rc == 0)
        rc = weir_http_response_body(response, 1 << 20, &body);
    if (rc < 0)
        return (int)rc;
    fwrite(body.base, 1, body.len, stdout);
    int status = weir_http_response_status(response);
    return status >= 200 && status < 300 ? 0 : WEIR_EHTTP;
}

int main(int argc, char **argv) {
    weir_log_level_set(WEIR_LOG_ERROR);
    return argc != 2 || weir_run(client, argv[1], NULL) < 0;
}
