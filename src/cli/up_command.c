/* SPDX-License-Identifier: MIT */
/* up_command.c - `weir up`: its options, its file; then up.c. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "cli/command.h"
#include "cli/duration.h"
#include "cli/limits.h"
#include "cli/plan.h"
#include "cli/up.h"
#include "wire/origin.h"
#include "worker/line.h"
#include "worker/options.h"
#include "worker/standard.h"

enum { PATH_BYTES = 4096 };

struct up_arguments {
    const char *file;
    const char *backend;
    weir_ns ready_within;
    const char *origins[WEIR__ORIGINS_MAX + 1];
    size_t origins_count;
    bool dry_run, insecure;
};

static const char help[] =
    "usage: weir up [-f FILE] [options]\n"
    "Start the nodes of a fleet file, print their lines, stop them together.\n"
    "\n"
    "  -f, --file FILE           the fleet file (fleet.yaml, fleet.yml); - is stdin\n"
    "      --dry-run             print what would be started, and start nothing\n"
    "      --ready-within TIME   how long a node may take to become ready (30s)\n"
    "      --backend NAME        epoll or uring, for the nodes too\n"
    "      --insecure            let workers listen beyond this machine, without TLS\n"
    "      --origin ORIGIN       let in pages of this origin, as http://localhost:8000\n"
    "                            (repeatable): a page in a browser can then be a node\n"
    "      --color WHEN          auto, always or never (auto; NO_COLOR is honoured)\n"
    "  -q, --quiet               no summary\n"
    "  -v, --verbose             say when nodes are ready\n"
    "  -h, --help                this text\n"
    "\n"
    "It ends when every node without a port has exited: with the first code that\n"
    "is not 0. Ctrl-C stops all, in reverse order; a second one kills them.\n";

static bool add_origin(struct up_arguments *a, const char *text) {
    const char *why = weir__origin_refused(text);
    if (why == NULL && a->origins_count == WEIR__ORIGINS_MAX)
        why = "there are too many";
    if (why != NULL)
        weir__line_error("weir up: --origin '%.200s': %s", text, why);
    else
        a->origins[a->origins_count++] = text;
    return why == NULL;
}

static int read_arguments(int argc, char **argv, struct settings *s, struct up_arguments *a) {
    static const struct option longs[] = {{"file", required_argument, NULL, 'f'},
                                          {"dry-run", no_argument, NULL, 'n'},
                                          {"ready-within", required_argument, NULL, 'r'},
                                          {"backend", required_argument, NULL, 'b'},
                                          {"insecure", no_argument, NULL, 'i'},
                                          {"origin", required_argument, NULL, 'o'},
                                          COMMAND_OPTIONS};
    int code = -1, c;
    while ((c = command_option(argc, argv, "weir up", help, ":f:" COMMAND_SHORT, longs, s,
                               &code)) != -1) {
        if (c == 'f')
            a->file = optarg;
        else if (c == 'n')
            a->dry_run = true;
        else if (c == 'i')
            a->insecure = true;
        else if (c == 'o' && !add_origin(a, optarg))
            return EXIT_USAGE;
        else if (c == 'o')
            continue;
        else if (c == 'b' && weir__backend_named("weir up", optarg))
            a->backend = optarg;
        else if (c == 'b')
            return EXIT_USAGE;
        else if (!duration_parse(optarg, &a->ready_within)) {
            weir__line_error("weir up: --ready-within wants a time such as 500ms or 5s, not '%s'",
                             optarg);
            return EXIT_USAGE;
        }
    }
    if (code < 0 && optind < argc) {
        weir__line_error("weir up: unexpected '%s' (the file is named with -f)", argv[optind]);
        return EXIT_USAGE;
    }
    return code;
}

static const char *shown_path(const char *path) {
    return strcmp(path, "-") == 0 ? "<stdin>" : path;
}

/* Returns an exit code; EXIT_DONE: *ret_fleet is made and *ret_path names its file. */
static int load(const char *path, struct fleet *ret_fleet, const char **ret_path) {
    static const char *const tried[] = {"fleet.yaml", "fleet.yml"};
    struct yaml_problem problem;
    int rc = -ENOENT;
    for (size_t i = 0; rc == -ENOENT && i < (path ? 1 : 2); i++) {
        *ret_path = path ? path : tried[i];
        rc = fleet_load(*ret_path, ret_fleet, &problem);
    }
    WEIR_CHECK(rc < 0 || ret_fleet->count > 0);
    if (rc == 0)
        return EXIT_DONE;
    const char *shown = shown_path(*ret_path);
    char silence[32];
    duration_format(LIMIT_FILE_SILENCE, silence, sizeof silence);
    if (rc == WEIR_ECONFIG)
        weir__line_error("%s:%d:%d: %s", shown, problem.place.line, problem.place.column,
                         problem.text);
    else if (rc == -ETIMEDOUT)
        weir__line_error("weir up: cannot read '%s': nothing came from it for %s", shown, silence);
    else if (rc == -ENOENT && path == NULL)
        fputs("weir up: no fleet.yaml or fleet.yml here: name a file with -f\n", stderr);
    else
        weir__line_error("weir up: cannot read '%s': %s", shown, weir_error_text(rc));
    return rc == -ENOENT ? EXIT_NOT_FOUND : EXIT_FAILED;
}

/* The file's own name is resolved once, so that a replaced program still starts as it was. */
static const char *self_path(char *buf, size_t size) {
    ssize_t len = readlink("/proc/self/exe", buf, size - 1);
    buf[len > 0 ? len : 0] = '\0';
    return len > 0 && access(buf, X_OK) == 0 ? buf : "/proc/self/exe";
}

static const char *directory_of(const char *path, char *buf, size_t size) {
    const char *slash = strrchr(path, '/');
    if (slash == NULL)
        return NULL;
    snprintf(buf, size, "%.*s", (int)(slash == path ? 1 : slash - path), path);
    return buf;
}

/* Why what a node names by a path cannot be started; NULL: as far as can be seen, it can. */
static const char *why_not_there(const char *directory, const char *what) {
    char path[PATH_BYTES];
    struct stat st;
    const char *dot = strrchr(what, '.');
    bool is_loaded = dot != NULL && strcmp(dot, ".so") == 0; /* as plan.c decides */
    bool is_under = what[0] != '/' && directory != NULL;
    int len = snprintf(path, sizeof path, "%s%s%s", is_under ? directory : "", is_under ? "/" : "",
                       what);
    if (len < 0 || (size_t)len >= sizeof path)
        return strerror(ENAMETOOLONG);
    if (stat(path, &st) < 0)
        return strerror(errno);
    if (!S_ISREG(st.st_mode))
        return S_ISDIR(st.st_mode) ? strerror(EISDIR) : "it is no file";
    return faccessat(AT_FDCWD, path, is_loaded ? R_OK : X_OK, AT_EACCESS) < 0 ? strerror(errno)
                                                                             : NULL;
}

/* Name all programs that are missing, not only the first, so that the user sees all that must be
 * built. The words of a command are not checked: another node may make the program. */
static int check_paths(const struct fleet *f, const char *path, const char *directory) {
    int code = EXIT_DONE;
    for (size_t i = 0; i < f->count; i++) {
        const struct fleet_node *n = &f->nodes[i];
        if (n->kind == FLEET_COMMAND || strchr(n->what, '/') == NULL)
            continue;
        const char *why = why_not_there(directory, n->what);
        if (why == NULL)
            continue;
        weir__line_error("%s:%d:%d: node '%s' cannot run '%s': %s", shown_path(path),
                         n->what_place.line, n->what_place.column, n->name, n->what, why);
        code = EXIT_FAILED;
    }
    return code;
}

static int start(const struct fleet *f, const char *path, const struct up_arguments *a,
                 const struct settings *s) {
    char self[PATH_BYTES], directory[PATH_BYTES];
    struct plan plan;
    struct guard guard;
    struct plan_options options = {.self = self_path(self, sizeof self),
                                   .directory = directory_of(path, directory, sizeof directory),
                                   .backend = a->backend,
                                   .origins = a->origins,
                                   .insecure = a->insecure};
    int code = check_paths(f, path, options.directory);
    if (code != EXIT_DONE)
        return code;
    int rc = plan_make(f, &options, &plan);
    if (rc < 0) {
        weir__line_error("weir up: %s", weir_error_text(rc));
        return EXIT_FAILED;
    }
    WEIR_CHECK(plan.count == f->count);
    if (a->dry_run) {
        plan_print(&plan, f, stdout);
        code = weir__flush_stdout("weir up");
    } else if ((rc = guard_open(plan.launches, plan.count, &guard)) < 0) {
        weir__line_error("weir up: cannot start the guard process: %s", weir_error_text(rc));
    } else {
        code = up_run(f, &guard,
                      &(struct up_options){
                          .settings = s, .backend = a->backend, .ready_within = a->ready_within});
    }
    plan_fini(&plan);
    return rc < 0 ? EXIT_FAILED : code;
}

static int run(const struct command *c, int argc, char **argv, struct settings *s) {
    struct up_arguments a = {.ready_within = LIMIT_READY_DEFAULT};
    struct fleet fleet;
    const char *path = NULL;
    (void)c;
    int code = read_arguments(argc, argv, s, &a);
    if (code >= 0)
        return code;
    code = load(a.file, &fleet, &path);
    if (code != EXIT_DONE)
        return code;
    code = start(&fleet, path, &a, s);
    fleet_fini(&fleet);
    return code;
}

const struct command command_up = {
    .name = "up", .summary = "start a fleet of nodes", .help = help, .run = run};
