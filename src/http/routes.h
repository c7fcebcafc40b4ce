/* SPDX-License-Identifier: MIT */
/* routes.h - the router: a table of patterns, and which of them a request means. Pure but for the
 * allocation of the table. Called by the server for each request; it knows no connection.
 *
 * A pattern is "[HOST]/segment/{name}/{rest...}". {name} is one segment that is not empty;
 * {rest...} stands last and is all that follows, which may be empty. Of several routes that match,
 * the one with a host wins, then the one whose path is narrower, then the one whose methods are
 * fewer. Two routes of which neither wins for some request are refused when the table is made. */
#ifndef WEIR_HTTP_ROUTES_H
#define WEIR_HTTP_ROUTES_H

#include "http/target.h"

enum {
    WEIR__ROUTE_PARAMS = 16,      /* names in one pattern */
    WEIR__ROUTES_ALLOW_MAX = 512, /* the text of an Allow field */
};

struct weir__routes;

/* Make an empty table with room for count routes. NULL: no memory. Free it with
 * weir__routes_free; NULL is fine. */
struct weir__routes *weir__routes_new(size_t count);
void weir__routes_free(struct weir__routes *t);

/* Add the next route, whose number is how many were added before. method: NULL is any, "GET" is
 * HEAD too. method and pattern are borrowed as long as the table.
 * Returns 0; -EINVAL (not a pattern, or no token as method), -EEXIST (it and an earlier route
 * conflict), -ENOMEM. weir_error's text names the pattern, or both. */
int weir__routes_add(struct weir__routes *t, const char *method, const char *pattern);

/* The route that a request means. */
struct weir__route_match {
    const struct weir__route *route;
    uint32_t number;
    uint32_t params[WEIR__ROUTE_PARAMS]; /* where the values begin in target->text */
};

/* Find the route of a request. host is the value of the Host field or the authority of the target,
 * with or without a port. After a match with {rest...} target's segments are joined.
 * Returns 200 and *ret; 404; 405 (another method would be served: see weir__routes_allow); 400
 * with target->why: an escaped slash in {rest...}. */
int weir__routes_find(const struct weir__routes *t, const char *method, const char *host,
                      size_t host_len, struct weir__target *target,
                      struct weir__route_match *ret);

/* The value of a parameter; NULL if the route has no such name. */
const char *weir__route_param(const struct weir__route_match *m, const char *text,
                              const char *name);

/* Has any route a parameter of that name? */
bool weir__routes_have_param(const struct weir__routes *t, const char *name);

/* Write the methods that are served at a path, "GET, HEAD, OPTIONS"; target NULL: at any path.
 * Names that do not fit are left out. Returns text. */
const char *weir__routes_allow(const struct weir__routes *t, const char *host, size_t host_len,
                               const struct weir__target *target,
                               char text[static WEIR__ROUTES_ALLOW_MAX]);

#endif
