/* SPDX-License-Identifier: MIT */
/* verb.c - the calls on files, made in the file system of a simulated world, with the errors of
 * Linux. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sim/disk.h"

enum { OWNER = 1000 };

static bool reads(int flags) {
    return (flags & O_ACCMODE) != O_WRONLY;
}

static bool writes(int flags) {
    return (flags & O_ACCMODE) != O_RDONLY;
}

/* ---- open and close -------------------------------------------------------------------------- */

static int64_t descriptor(struct sim_world *w, struct sim_node *n, int flags) {
    struct sim_disk *d = w->disk;
    size_t i = 0;
    while (i < d->open_cap && d->opens[i].node != NULL)
        i++;
    if (i == d->open_cap) {
        d->open_cap = d->open_cap > 0 ? 2 * d->open_cap : 8;
        d->opens = weir__sim_realloc(d->opens, d->open_cap * sizeof *d->opens);
        memset(&d->opens[i], 0, (d->open_cap - i) * sizeof *d->opens);
    }
    d->opens[i] = (struct sim_open){.node = n, .flags = flags};
    n->opens++;
    w->open++;
    return SIM_FILE_BASE + (int)i;
}

static int make_file(struct sim_world *w, struct sim_spot *spot, unsigned mode) {
    if (spot->slash)
        return -EISDIR;
    struct sim_node *n = weir__sim_node_new(w, S_IFREG | (mode & 07777));
    int rc = weir__sim_name_add(w, spot, n);
    if (rc < 0)
        weir__sim_node_drop(w, n);
    spot->node = n;
    return rc;
}

static int may_open(const struct sim_node *n, int flags) {
    if (S_ISLNK(n->mode))
        return -ELOOP;
    if (S_ISDIR(n->mode) && (writes(flags) || (flags & O_CREAT) != 0))
        return -EISDIR;
    if ((flags & O_DIRECTORY) != 0 && !S_ISDIR(n->mode))
        return -ENOTDIR;
    bool allowed = (!reads(flags) || (n->mode & S_IRUSR) != 0)
                   && (!writes(flags) || (n->mode & S_IWUSR) != 0);
    return allowed ? 0 : -EACCES;
}

static int64_t open_named(struct sim_world *w, struct weir__call *c) {
    struct sim_spot spot;
    bool must_be_new = (c->flags & O_CREAT) != 0 && (c->flags & O_EXCL) != 0;
    struct sim_open *floor = c->beneath ? weir__sim_open_file(w, c->to_fd) : NULL;
    if (c->beneath && floor == NULL)
        return -EBADF;
    int rc = weir__sim_find_beneath(w, floor != NULL ? floor->node : NULL, c->path,
                                    (c->flags & O_NOFOLLOW) == 0 && !must_be_new, &spot);
    if (rc < 0)
        return rc;
    bool is_new = spot.node == NULL;
    if (!is_new && must_be_new)
        return -EEXIST;
    if (is_new)
        rc = (c->flags & O_CREAT) != 0 ? make_file(w, &spot, c->mode) : -ENOENT;
    else
        rc = may_open(spot.node, c->flags);
    if (rc < 0)
        return rc;
    if ((c->flags & O_TRUNC) != 0 && writes(c->flags))
        weir__sim_bytes_cut(w, spot.node, 0);
    return descriptor(w, spot.node, c->flags);
}

/* A file without a name. */
static int64_t open_unnamed(struct sim_world *w, struct weir__call *c) {
    struct sim_spot spot;
    int rc = weir__sim_find(w, c->path, true, &spot);
    if (rc < 0 || spot.node == NULL)
        return rc < 0 ? rc : -ENOENT;
    if (!S_ISDIR(spot.node->mode))
        return -ENOTDIR;
    if ((spot.node->mode & S_IWUSR) == 0)
        return -EACCES;
    return descriptor(w, weir__sim_node_new(w, S_IFREG | (c->mode & 07777)), c->flags);
}

static int64_t stat_of(const struct sim_node *n, struct statx *ret);

static int64_t open_call(struct sim_world *w, struct weir__call *c) {
    if (w->open >= w->config.descriptors_max)
        return -EMFILE;
    c->seeks = true;
    bool unnamed = (c->flags & O_TMPFILE) == O_TMPFILE;
    int64_t fd = unnamed ? open_unnamed(w, c) : open_named(w, c);
    if (fd >= 0 && c->base != NULL)
        (void)stat_of(weir__sim_open_file(w, (int)fd)->node, c->base);
    return fd;
}

static int64_t close_call(struct sim_world *w, struct weir__call *c, struct sim_open *o) {
    struct sim_node *n = o->node;
    (void)c;
    o->node = NULL;
    n->opens--;
    w->open--;
    weir__sim_node_drop(w, n);
    return 0;
}

/* ---- bytes ----------------------------------------------------------------------------------- */

static int64_t *position(struct weir__call *c, struct sim_open *o) {
    return c->at == WEIR__AT_POSITION ? &o->at : &c->at;
}

static int64_t read_call(struct sim_world *w, struct weir__call *c, struct sim_open *o) {
    if (!reads(o->flags))
        return -EBADF;
    if (S_ISDIR(o->node->mode))
        return -EISDIR;
    int64_t at = *position(c, o), n = weir__sim_bytes_get(o->node, at, c->base, c->len);
    *position(c, o) = c->at == WEIR__AT_POSITION ? at + n : c->at;
    weir__sim_note_bytes(w, c->base, (size_t)n);
    return n;
}

static int64_t write_call(struct sim_world *w, struct weir__call *c, struct sim_open *o) {
    if (!writes(o->flags))
        return -EBADF;
    bool at_position = c->at == WEIR__AT_POSITION;
    int64_t at = (o->flags & O_APPEND) != 0 ? o->node->size : at_position ? o->at : c->at;
    int64_t n = weir__sim_bytes_put(w, o->node, at, c->base, c->len);
    if (n > 0 && at_position)
        o->at = at + n;
    return n;
}

static int64_t sync_call(struct sim_world *w, struct weir__call *c, struct sim_open *o) {
    (void)w, (void)c, (void)o;
    return 0;
}

static int64_t cut(struct sim_world *w, struct sim_node *n, int64_t size) {
    if (size < 0 || S_ISDIR(n->mode))
        return size < 0 ? -EINVAL : -EISDIR;
    if (size > SIM_SIZE_MAX)
        return -EFBIG;
    weir__sim_bytes_cut(w, n, size);
    return 0;
}

static int64_t allocate_call(struct sim_world *w, struct weir__call *c, struct sim_open *o) {
    if (!writes(o->flags))
        return -EBADF;
    if (c->at < 0 || c->size <= 0)
        return -EINVAL;
    int rc = weir__sim_bytes_reserve(w, o->node, c->at, c->size);
    if (rc < 0)
        return rc;
    if (c->at + c->size > o->node->size)
        weir__sim_bytes_cut(w, o->node, c->at + c->size);
    return 0;
}

static int64_t seek_call(struct sim_world *w, struct weir__call *c, struct sim_open *o) {
    (void)w;
    if (c->flags != SEEK_SET && c->flags != SEEK_CUR && c->flags != SEEK_END)
        return -EINVAL;
    int64_t from = c->flags == SEEK_SET ? 0 : c->flags == SEEK_CUR ? o->at : o->node->size;
    if (c->at < -from || c->at > SIM_SIZE_MAX - from)
        return -EINVAL;
    return o->at = from + c->at;
}

static int64_t copy_call(struct sim_world *w, struct weir__call *c, struct sim_open *from) {
    struct sim_open *to = weir__sim_open_file(w, c->to_fd);
    if (to == NULL || !reads(from->flags) || !writes(to->flags) || (to->flags & O_APPEND) != 0)
        return -EBADF;
    uint8_t piece[SIM_PAGE / 2];
    size_t len = c->len < sizeof piece ? c->len : sizeof piece;
    int64_t at = c->at == WEIR__AT_POSITION ? from->at : c->at;
    int64_t to_at = c->to_at == WEIR__AT_POSITION ? to->at : c->to_at;
    int64_t n = weir__sim_bytes_get(from->node, at, piece, len);
    if (n > 0)
        n = weir__sim_bytes_put(w, to->node, to_at, piece, (size_t)n);
    if (n > 0 && c->at == WEIR__AT_POSITION)
        from->at += n;
    if (n > 0 && c->to_at == WEIR__AT_POSITION)
        to->at += n;
    return n;
}

/* ---- folders --------------------------------------------------------------------------------- */

static size_t entry_put(const struct sim_entry *name, char *to, size_t room) {
    size_t len = strlen(name->name);
    size_t size = (offsetof(struct dirent64, d_name) + len + 1 + 7) / 8 * 8;
    if (size > room)
        return 0;
    struct dirent64 e = {.d_ino = name->node->inode,
                         .d_off = (int64_t)name->number,
                         .d_reclen = (unsigned short)size,
                         .d_type = (unsigned char)IFTODT(name->node->mode)};
    memset(to, 0, size);
    memcpy(to, &e, offsetof(struct dirent64, d_name));
    memcpy(to + offsetof(struct dirent64, d_name), name->name, len + 1);
    return size;
}

static int64_t list_call(struct sim_world *w, struct weir__call *c, struct sim_open *o) {
    struct sim_node *n = o->node;
    size_t used = 0;
    (void)w;
    if (!S_ISDIR(n->mode))
        return -ENOTDIR;
    for (size_t i = 0; i < n->name_count; i++) {
        if (n->names[i].number <= o->listed)
            continue;
        size_t size = entry_put(&n->names[i], (char *)c->base + used, c->len - used);
        if (size == 0)
            return used > 0 ? (int64_t)used : -EINVAL;
        used += size;
        o->listed = n->names[i].number;
    }
    return (int64_t)used;
}

static int64_t unlink_call(struct sim_world *w, struct weir__call *c, struct sim_spot *s) {
    bool rmdir = (c->flags & AT_REMOVEDIR) != 0;
    (void)c;
    if (s->folder == NULL)
        return rmdir ? -EBUSY : -EISDIR;
    if (rmdir && !S_ISDIR(s->node->mode))
        return -ENOTDIR;
    if (!rmdir && S_ISDIR(s->node->mode))
        return -EISDIR;
    return rmdir && s->node->name_count > 0 ? -ENOTEMPTY : weir__sim_name_remove(w, s);
}

static bool is_inside(const struct sim_node *n, const struct sim_node *folder) {
    for (; n != folder; n = n->parent)
        if (n == n->parent)
            return false;
    return true;
}

/* May a rename put `from` where the name `to` is? */
static int may_replace(const struct sim_spot *from, const struct sim_spot *to) {
    bool is_folder = S_ISDIR(from->node->mode);
    if (is_folder && is_inside(to->folder, from->node))
        return -EINVAL;
    if (to->slash && !is_folder)
        return -ENOTDIR;
    if (((from->folder->mode & to->folder->mode) & S_IWUSR) == 0)
        return -EACCES;
    if (to->node == NULL)
        return 0;
    if (is_folder != S_ISDIR(to->node->mode))
        return is_folder ? -ENOTDIR : -EISDIR;
    return to->node->name_count > 0 ? -ENOTEMPTY : 0;
}

static int64_t rename_call(struct sim_world *w, struct weir__call *c, struct sim_spot *from) {
    struct sim_spot to;
    int rc = weir__sim_find(w, c->to, false, &to);
    if (rc < 0)
        return rc;
    if (from->folder == NULL || to.folder == NULL)
        return -EBUSY;
    if (from->node == to.node)
        return 0;
    rc = may_replace(from, &to);
    if (rc < 0)
        return rc;
    if (to.node != NULL)
        weir__sim_name_remove(w, &to);
    struct sim_node *n = from->node;
    weir__sim_name_add(w, &to, n);
    return weir__sim_name_remove(w, from);
}

/* ---- new names: the spot is that of c->to, or of c->path for a folder ------------------------ */

static int64_t make_name(struct sim_world *w, const struct sim_spot *s, struct sim_node *n) {
    int rc = s->node != NULL || s->folder == NULL ? -EEXIST : weir__sim_name_add(w, s, n);
    weir__sim_node_drop(w, n);
    return rc;
}

static int64_t mkdir_call(struct sim_world *w, struct weir__call *c) {
    struct sim_spot s;
    int rc = weir__sim_find(w, c->path, false, &s);
    if (rc < 0)
        return rc;
    return make_name(w, &s, weir__sim_node_new(w, S_IFDIR | (c->mode & 07777)));
}

static int64_t symlink_call(struct sim_world *w, struct weir__call *c) {
    struct sim_spot s;
    int rc = weir__sim_find(w, c->to, false, &s);
    if (rc < 0 || c->path[0] == '\0' || s.slash)
        return rc < 0 ? rc : -ENOENT;
    struct sim_node *n = weir__sim_node_new(w, S_IFLNK | 0777);
    n->size = (int64_t)strlen(c->path);
    n->target = weir__sim_alloc((size_t)n->size + 1);
    memcpy(n->target, c->path, (size_t)n->size + 1);
    return make_name(w, &s, n);
}

static int64_t link_call(struct sim_world *w, struct weir__call *c, struct sim_spot *from) {
    struct sim_spot s;
    int rc = weir__sim_find(w, c->to, false, &s);
    if (rc < 0)
        return rc;
    if (S_ISDIR(from->node->mode))
        return -EPERM;
    return make_name(w, &s, from->node);
}

/* ---- what a node is -------------------------------------------------------------------------- */

/* Nanoseconds count up, also before 1970. */
static struct statx_timestamp time_of(weir_ns at_ns) {
    int64_t second_ns = WEIR_SECONDS(1), rest_ns = at_ns % second_ns;
    int64_t s = at_ns / second_ns - (rest_ns < 0);
    return (struct statx_timestamp){
        .tv_sec = s, .tv_nsec = (uint32_t)(rest_ns < 0 ? rest_ns + second_ns : rest_ns)};
}

static int64_t stat_of(const struct sim_node *n, struct statx *ret) {
    *ret = (struct statx){
        .stx_mask = STATX_BASIC_STATS,
        .stx_blksize = SIM_PAGE,
        .stx_nlink = n->links,
        .stx_uid = OWNER,
        .stx_gid = OWNER,
        .stx_mode = (uint16_t)n->mode,
        .stx_ino = n->inode,
        .stx_size = (uint64_t)n->size,
        .stx_blocks = n->page_count * (SIM_PAGE / 512),
        .stx_dev_minor = 1,
    };
    ret->stx_ctime = time_of(n->changed_ns);
    ret->stx_mtime = time_of(n->written_ns);
    ret->stx_atime = ret->stx_mtime;
    return 0;
}

static int64_t readlink_of(const struct sim_node *n, struct weir__call *c) {
    if (!S_ISLNK(n->mode))
        return -EINVAL;
    size_t len = (size_t)n->size < c->len ? (size_t)n->size : c->len;
    memcpy(c->base, n->target, len);
    return (int64_t)len;
}

static int64_t node_call(struct sim_world *w, struct weir__call *c, struct sim_node *n) {
    switch ((enum weir__verb)c->verb) {
    case WEIR__STAT:
        return stat_of(n, c->base);
    case WEIR__TRUNCATE:
        return c->path != NULL && (n->mode & S_IWUSR) == 0 ? -EACCES : cut(w, n, c->at);
    case WEIR__CHMOD:
        n->mode = (n->mode & S_IFMT) | (c->mode & 07777);
        n->changed_ns = weir__sim_wall_now(w);
        return 0;
    case WEIR__READLINK:
        return readlink_of(n, c);
    case WEIR__ACCESS:
        return (n->mode >> 6 & c->mode & 7) == (c->mode & 7) ? 0 : -EACCES;
    default:
        return WEIR_ESIMREFUSED;
    }
}

/* ---- the table ------------------------------------------------------------------------------- */

static const struct {
    int64_t (*on_open)(struct sim_world *w, struct weir__call *c, struct sim_open *o);
    int64_t (*on_name)(struct sim_world *w, struct weir__call *c, struct sim_spot *s);
    int64_t (*whole)(struct sim_world *w, struct weir__call *c);
} verbs[WEIR__VERBS] = {
    [WEIR__OPEN] = {.whole = open_call},
    [WEIR__CLOSE_FD] = {.on_open = close_call},
    [WEIR__READ_AT] = {.on_open = read_call},
    [WEIR__WRITE_AT] = {.on_open = write_call},
    [WEIR__SYNC] = {.on_open = sync_call},
    [WEIR__ALLOCATE] = {.on_open = allocate_call},
    [WEIR__SEEK] = {.on_open = seek_call},
    [WEIR__RENAME] = {.on_name = rename_call},
    [WEIR__UNLINK] = {.on_name = unlink_call},
    [WEIR__MKDIR] = {.whole = mkdir_call},
    [WEIR__LINK] = {.on_name = link_call},
    [WEIR__SYMLINK] = {.whole = symlink_call},
    [WEIR__LIST] = {.on_open = list_call},
    [WEIR__COPY] = {.on_open = copy_call},
};

static bool follows(const struct weir__call *c) {
    if (c->verb == WEIR__STAT)
        return (c->flags & AT_SYMLINK_NOFOLLOW) == 0;
    return c->verb == WEIR__TRUNCATE || c->verb == WEIR__CHMOD || c->verb == WEIR__ACCESS;
}

static int64_t named_call(struct sim_world *w, struct weir__call *c) {
    struct sim_spot s;
    int rc = weir__sim_find(w, c->path, follows(c), &s);
    if (rc < 0 || s.node == NULL)
        return rc < 0 ? rc : -ENOENT;
    return verbs[c->verb].on_name != NULL ? verbs[c->verb].on_name(w, c, &s)
                                          : node_call(w, c, s.node);
}

bool weir__sim_call_is_instant(struct sim_world *w, const struct weir__call *c) {
    bool moves = c->verb == WEIR__READ_AT || c->verb == WEIR__WRITE_AT;
    if (c->verb == WEIR__SEEK || (c->verb == WEIR__CLOSE_FD && c->never_waits))
        return true;
    return moves && c->never_waits && !w->config.deferred && weir__choose(w, SIM_JOB, 2) == 1;
}

int64_t weir__sim_call(struct sim_world *w, struct weir__call *c) {
    weir__sim_disk(w);
    if (c->verb == WEIR__SENDFILE || c->verb == WEIR__SPLICE || c->verb == WEIR__WATCH)
        return WEIR_ESIMREFUSED;
    if (verbs[c->verb].whole != NULL)
        return verbs[c->verb].whole(w, c);
    if (c->path != NULL)
        return named_call(w, c);
    struct sim_open *o = weir__sim_open_file(w, c->fd);
    if (o == NULL)
        return c->fd >= 0 && c->fd < SIM_FD_BASE ? WEIR_ESIMREFUSED : -EBADF;
    if (verbs[c->verb].on_open != NULL)
        return verbs[c->verb].on_open(w, c, o);
    if (c->verb == WEIR__TRUNCATE && !writes(o->flags))
        return -EINVAL;
    return node_call(w, c, o->node);
}
