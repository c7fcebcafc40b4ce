/* SPDX-License-Identifier: MIT */
/* plan.c - what a program needs, laid out before it is made: its environment, the files that PATH
 * names, its descriptors in order. So the child allocates nothing. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/alloc.h"
#include "process/process.h"

static int refuse(const char *name, const char *why) {
    return weir__failf(-EINVAL, "start process", name, "%s", why);
}

static int no_memory(const char *name) {
    return weir__fail(-ENOMEM, "start process", name);
}

/* ---- the environment ------------------------------------------------------------------------- */

static size_t count_of(const char *const *list) {
    size_t n = 0;
    while (list != NULL && list[n] != NULL)
        n++;
    return n;
}

static size_t name_len(const char *entry) {
    return strcspn(entry, "=");
}

/* Does the list, from its i-th entry on, have something of that name? */
static bool names(const char *const *list, size_t i, const char *entry) {
    size_t len = name_len(entry);
    for (; list != NULL && list[i] != NULL; i++)
        if (name_len(list[i]) == len && memcmp(list[i], entry, len) == 0)
            return true;
    return false;
}

static int make_env(struct weir__plan *plan, const struct weir_process_options *o) {
    const char *const *base = o->env != NULL ? o->env : (const char *const *)environ;
    size_t n = 0, base_count = count_of(base), set_count = count_of(o->set_env);
    plan->env = weir__alloc((base_count + set_count + 1) * sizeof *plan->env);
    if (plan->env == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < base_count; i++)
        if (!names(o->set_env, 0, base[i]))
            plan->env[n++] = (char *)(uintptr_t)base[i];
    for (size_t i = 0; i < set_count; i++)
        if (strchr(o->set_env[i], '=') != NULL && !names(o->set_env, i + 1, o->set_env[i]))
            plan->env[n++] = (char *)(uintptr_t)o->set_env[i];
    plan->env[n] = NULL;
    return 0;
}

/* ---- the files to try ------------------------------------------------------------------------ */

static const char *path_of(char *const *env) {
    for (; *env != NULL; env++)
        if (strncmp(*env, "PATH=", 5) == 0)
            return *env + 5;
    return "/bin:/usr/bin"; /* what the C library has where none is set */
}

static char *put_path(char *at, const char *folder, size_t len, const char *name) {
    size_t name_size = strlen(name) + 1;
    if (len == 0) { /* an empty part of PATH is the working directory */
        folder = ".";
        len = 1;
    }
    memcpy(at, folder, len);
    at[len] = '/';
    memcpy(at + len + 1, name, name_size);
    return at + len + 1 + name_size;
}

/* One block: the pointers, then the texts. */
static int make_paths(struct weir__plan *plan, const char *name) {
    bool is_path = strchr(name, '/') != NULL || *name == '\0';
    const char *path = is_path ? "" : path_of(plan->env);
    size_t parts = 1, name_len_ = strlen(name);
    for (const char *c = path; *c != '\0'; c++)
        parts += *c == ':';
    size_t pointers = (parts + 1) * sizeof *plan->paths;
    char *at = weir__alloc(pointers + strlen(path) + parts * (name_len_ + 3));
    if (at == NULL)
        return -ENOMEM;
    plan->paths = (char **)(void *)at;
    plan->paths[parts] = NULL;
    at += pointers;
    for (size_t i = 0; i < parts; i++) {
        size_t len = strcspn(path, ":");
        plan->paths[i] = at;
        at = put_path(at, path, len, name);
        path += len + 1;
    }
    if (is_path)
        memcpy(plan->paths[0], name, name_len_ + 1);
    return 0;
}

/* ---- descriptors ----------------------------------------------------------------------------- */

static int source_of(const struct weir_stdio *io, int target, enum weir_stdio_kind by_default) {
    switch (io->kind == WEIR_STDIO_DEFAULT ? by_default : io->kind) {
    case WEIR_STDIO_PIPE:
        return WEIR__SPAWN_PIPE;
    case WEIR_STDIO_FD:
        return io->fd;
    case WEIR_STDIO_OUT:
        return WEIR__SPAWN_OUT;
    case WEIR_STDIO_PTY:
        return WEIR__SPAWN_PTY;
    case WEIR_STDIO_INHERIT:
        return weir__spawn_is_open(target) ? target : WEIR__SPAWN_NULL;
    default:
        return WEIR__SPAWN_NULL;
    }
}

static int check_stdio(const char *name, const struct weir_process_options *o) {
    const struct weir_stdio *all[] = {&o->in, &o->out, &o->err};
    for (int i = 0; i < 3; i++) {
        if (all[i]->kind > WEIR_STDIO_PTY || (all[i]->kind == WEIR_STDIO_OUT && i != 2))
            return refuse(name, "WEIR_STDIO_OUT is for its errors only");
        if (all[i]->kind == WEIR_STDIO_FD && all[i]->fd < 0)
            return weir__failf(-EBADF, "start process", name, "descriptor %d", all[i]->fd);
    }
    return 0;
}

/* By rising number: the child closes what lies between. */
static int add_fd(struct weir__spawn *s, const struct weir_passed_fd *fd, const char *name) {
    size_t i = s->map_count;
    if (fd->number <= STDERR_FILENO)
        return refuse(name, "a descriptor in fds has a number below 3");
    if (fd->fd < 0)
        return weir__failf(-EBADF, "start process", name, "descriptor %d", fd->fd);
    for (; s->maps[i - 1].target > fd->number; i--)
        s->maps[i] = s->maps[i - 1];
    if (s->maps[i - 1].target == fd->number)
        return refuse(name, "two descriptors in fds have one number");
    s->maps[i] = (struct weir__spawn_map){.source = fd->fd, .target = fd->number};
    s->map_count++;
    return 0;
}

static int make_maps(struct weir__plan *plan, const char *name,
                     const struct weir_process_options *o, bool is_run) {
    enum weir_stdio_kind output = is_run ? WEIR_STDIO_PIPE : WEIR_STDIO_INHERIT;
    enum weir_stdio_kind input = !is_run               ? WEIR_STDIO_INHERIT
                                 : o->input_len > 0 ? WEIR_STDIO_PIPE
                                                       : WEIR_STDIO_NULL;
    int rc = check_stdio(name, o);
    if (rc < 0)
        return rc;
    plan->maps = weir__alloc((3 + o->fd_count) * sizeof *plan->maps);
    if (plan->maps == NULL)
        return no_memory(name);
    plan->maps[0] = (struct weir__spawn_map){.source = source_of(&o->in, 0, input), .target = 0};
    plan->maps[1] = (struct weir__spawn_map){.source = source_of(&o->out, 1, output), .target = 1};
    plan->maps[2] = (struct weir__spawn_map){.source = source_of(&o->err, 2, output), .target = 2};
    plan->spawn.maps = plan->maps;
    plan->spawn.map_count = 3;
    for (int i = 2; i >= 0; i--)
        if (plan->maps[i].source == WEIR__SPAWN_PTY)
            plan->spawn.terminal = i;
    plan->spawn.session = plan->spawn.session || plan->spawn.terminal >= 0;
    if (plan->spawn.terminal >= 0 && o->group == WEIR_PROCESS_SAME_GROUP)
        return refuse(name, "a terminal needs a session, so not WEIR_PROCESS_SAME_GROUP");
    for (size_t i = 0; rc == 0 && i < o->fd_count; i++)
        rc = add_fd(&plan->spawn, &o->fds[i], name);
    return rc;
}

/* ---- the rest -------------------------------------------------------------------------------- */

static void make_limits(struct weir__plan *plan, const struct weir_process_limits *l) {
    const struct {
        int resource;
        int64_t value;
    } all[] = {{RLIMIT_CPU, l->cpu_s},         {RLIMIT_AS, l->memory},  {RLIMIT_NOFILE, l->files},
               {RLIMIT_FSIZE, l->file_size},   {RLIMIT_CORE, l->core},
               {RLIMIT_NPROC, l->processes}};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (all[i].value != 0)
            plan->limits[plan->spawn.limit_count++] = (struct weir__spawn_limit){
                all[i].resource, all[i].value > 0 ? (uint64_t)all[i].value : 0};
    plan->spawn.limits = plan->limits;
}

int weir__plan_make(struct weir__plan *plan, const char *const *argv,
                    const struct weir_process_options *o, bool is_run) {
    const char *name = argv[0];
    *plan = (struct weir__plan){.spawn = {
        .argv = (char *const *)(uintptr_t)argv,
        .cwd = o->cwd,
        .own_group = o->group == WEIR_PROCESS_OWN_GROUP,
        .session = o->group == WEIR_PROCESS_SESSION,
        .terminal = -1,
        .has_user = o->user != NULL,
        .has_umask = o->umask != NULL,
        .dies_with_parent = o->die_with_parent,
        .uid = o->user != NULL ? o->user->uid : 0,
        .gid = o->user != NULL ? o->user->gid : 0,
        .umask = o->umask != NULL ? *o->umask : 0,
        .nice = o->nice,
        .pid = -1,
        .pidfd = -1,
    }};
    if (name == NULL)
        return refuse("", "there is no command: argv[0] is NULL");
    if (o->group > WEIR_PROCESS_SAME_GROUP)
        return refuse(name, "the group is none of enum weir_process_group");
    if (make_env(plan, o) < 0 || make_paths(plan, name) < 0)
        return no_memory(name);
    plan->spawn.envp = plan->env;
    plan->spawn.paths = (const char *const *)plan->paths;
    if (o->limits != NULL)
        make_limits(plan, o->limits);
    return make_maps(plan, name, o, is_run);
}

void weir__plan_free(struct weir__plan *plan) {
    weir__free(plan->env);
    weir__free(plan->paths);
    weir__free(plan->maps);
}
