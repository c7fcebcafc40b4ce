/* SPDX-License-Identifier: MIT */
/* stubs.c - the calls of http_server.h, until the server's files are here. */
#include <errno.h>
#include <weir/http_server.h>

int weir_http_serve(struct weir_listener *l, struct weir_group *g,
                    const struct weir_http_server_options *options) {
    return -ENOSYS;
}
int weir_http_react(struct weir_listener *l, struct weir_group *g,
                    const struct weir_http_reactive *f,
                    const struct weir_http_server_options *options) {
    return -ENOSYS;
}
int weir_http_accept(struct weir_stream **take_stream,
                     const struct weir_http_server_options *options, struct weir_http **ret_http) {
    return -ENOSYS;
}
int weir_http_next(struct weir_http *http, struct weir_http_request **ret_request) {
    return -ENOSYS;
}
void weir_http_drop(struct weir_http **take_http) {}
ssize_t weir_http_read(struct weir_http_request *r, void *buf, size_t len) {
    return -ENOSYS;
}
int weir_http_body(struct weir_http_request *r, size_t max, struct weir_view *ret_view) {
    return -ENOSYS;
}
int64_t weir_http_body_length(const struct weir_http_request *r) {
    return 0;
}
const char *weir_http_trailer(const struct weir_http_request *r, const char *name) {
    return NULL;
}
int weir_http_begin(struct weir_http_request *r, const struct weir_http_answer *answer) {
    return -ENOSYS;
}
int weir_http_write(struct weir_http_request *r, const void *data, size_t len) {
    return -ENOSYS;
}
int weir_http_end(struct weir_http_request *r, const char *const *trailers) {
    return -ENOSYS;
}
const char *weir_http_scheme(const struct weir_http_request *r) {
    return "http";
}
struct weir_stream *weir_http_stream(const struct weir_http_request *r) {
    return NULL;
}
void weir_http_close_after(struct weir_http_request *r) {}
int weir_http_ws_accept(struct weir_http_request *r, const struct weir_ws_options *options,
                        struct weir_ws **ret_ws) {
    return -ENOSYS;
}
