/* SPDX-License-Identifier: MIT */
/* disk.c - see disk.h: names, nodes and bytes. */
#include "sim/disk.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"

enum { LINKS_MAX = 40, FIRST_CAP = 8 };

/* ---- nodes ----------------------------------------------------------------------------------- */

struct sim_node *weir__sim_node_new(struct sim_world *w, mode_t mode) {
    struct sim_node *n = weir__sim_alloc(sizeof *n);
    n->mode = mode;
    n->inode = ++weir__sim_disk(w)->inodes;
    n->changed_ns = n->written_ns = weir__sim_wall_now(w);
    n->parent = n;
    return n;
}

static void node_free(struct sim_disk *d, struct sim_node *n) {
    for (size_t i = 0; i < n->page_count; i++)
        free(n->pages[i].bytes);
    d->pages -= n->page_count;
    free(n->pages);
    free(n->names);
    free(n->target);
    free(n);
}

void weir__sim_node_drop(struct sim_world *w, struct sim_node *n) {
    if (n->links == 0 && n->opens == 0)
        node_free(w->disk, n);
}

struct sim_disk *weir__sim_disk(struct sim_world *w) {
    if (w->disk != NULL)
        return w->disk;
    w->disk = weir__sim_alloc(sizeof *w->disk);
    struct sim_node *root = weir__sim_node_new(w, S_IFDIR | 0755);
    root->links = 1;
    w->disk->root = root;
    struct sim_spot tmp = {.folder = root, .name = "tmp"};
    weir__sim_name_add(w, &tmp, weir__sim_node_new(w, S_IFDIR | 0777));
    return w->disk;
}

static void tree_free(struct sim_disk *d, struct sim_node *n) {
    for (size_t i = 0; i < n->name_count; i++) {
        free(n->names[i].name);
        tree_free(d, n->names[i].node);
    }
    n->name_count = 0;
    if (--n->links == 0)
        node_free(d, n);
}

void weir__sim_disk_free(struct sim_world *w) {
    struct sim_disk *d = w->disk;
    if (d == NULL)
        return;
    for (size_t i = 0; i < d->open_cap; i++)
        if (d->opens[i].node != NULL) { /* left open: the counts of the world say so */
            d->opens[i].node->opens--;
            weir__sim_node_drop(w, d->opens[i].node);
        }
    tree_free(d, d->root);
    free(d->opens);
    free(d);
    w->disk = NULL;
}

/* ---- names ----------------------------------------------------------------------------------- */

static struct sim_entry *name_of(const struct sim_node *folder, const char *name) {
    for (size_t i = 0; i < folder->name_count; i++)
        if (strcmp(folder->names[i].name, name) == 0)
            return &folder->names[i];
    return NULL;
}

/* Cut the next part from *path into part. Returns its length; 0: there is none; -ENAMETOOLONG. */
static int next_part(const char **path, char part[256]) {
    *path += strspn(*path, "/");
    size_t len = strcspn(*path, "/");
    if (len > NAME_MAX)
        return -ENAMETOOLONG;
    memcpy(part, *path, len);
    part[len] = '\0';
    *path += len;
    return (int)len;
}

struct way { /* of one path */
    struct sim_node *root, *floor; /* floor: a folder that it must not leave, or NULL */
    unsigned links;
};

static int walk(struct way *way, struct sim_node *at, const char *path, bool follow,
                struct sim_spot *spot);

/* One part of a path, from the folder spot->node. */
static int step(struct way *way, const char *part, bool last, bool follow, struct sim_spot *spot) {
    struct sim_node *folder = spot->node;
    if (folder == NULL)
        return -ENOENT;
    if (!S_ISDIR(folder->mode))
        return -ENOTDIR;
    if ((folder->mode & S_IXUSR) == 0)
        return -EACCES;
    spot->folder = NULL;
    if (strcmp(part, ".") == 0)
        return 0;
    if (strcmp(part, "..") == 0 && folder == way->floor)
        return -EXDEV;
    if (strcmp(part, "..") == 0) {
        spot->node = folder->parent;
        return 0;
    }
    struct sim_entry *found = name_of(folder, part);
    spot->folder = folder;
    spot->node = found != NULL ? found->node : NULL;
    memcpy(spot->name, part, strlen(part) + 1);
    if (found == NULL || !S_ISLNK(found->node->mode) || (last && !follow))
        return 0;
    if (++way->links > LINKS_MAX)
        return -ELOOP;
    return walk(way, folder, found->node->target, true, spot);
}

static int walk(struct way *way, struct sim_node *at, const char *path, bool follow,
                struct sim_spot *spot) {
    char part[256];
    if (*path == '/' && way->floor != NULL)
        return -EXDEV;
    spot->folder = NULL;
    spot->node = *path == '/' ? way->root : at;
    for (;;) {
        int len = next_part(&path, part);
        if (len <= 0)
            return len;
        bool last = path[strspn(path, "/")] == '\0';
        int rc = step(way, part, last, follow || *path == '/', spot);
        if (rc < 0)
            return rc;
    }
}

int weir__sim_find_beneath(struct sim_world *w, struct sim_node *floor, const char *path,
                           bool follow, struct sim_spot *ret_spot) {
    struct way way = {.root = weir__sim_disk(w)->root, .floor = floor};
    if (path[0] == '\0')
        return -ENOENT;
    if (strlen(path) >= PATH_MAX)
        return -ENAMETOOLONG;
    int rc = walk(&way, floor != NULL ? floor : way.root, path, follow, ret_spot);
    ret_spot->slash = path[strlen(path) - 1] == '/';
    if (rc == 0 && ret_spot->slash && ret_spot->node != NULL && !S_ISDIR(ret_spot->node->mode))
        return -ENOTDIR;
    return rc;
}

int weir__sim_find(struct sim_world *w, const char *path, bool follow, struct sim_spot *ret_spot) {
    return weir__sim_find_beneath(w, NULL, path, follow, ret_spot);
}

static void touch(struct sim_world *w, struct sim_node *n) {
    n->changed_ns = n->written_ns = weir__sim_wall_now(w);
}

int weir__sim_name_add(struct sim_world *w, const struct sim_spot *spot, struct sim_node *node) {
    struct sim_node *f = spot->folder;
    if ((f->mode & S_IWUSR) == 0)
        return -EACCES;
    if (f->name_count == f->name_cap) {
        f->name_cap = f->name_cap > 0 ? 2 * f->name_cap : FIRST_CAP;
        f->names = weir__sim_realloc(f->names, f->name_cap * sizeof *f->names);
    }
    size_t size = strlen(spot->name) + 1;
    char *copy = weir__sim_alloc(size);
    memcpy(copy, spot->name, size);
    f->names[f->name_count++] = (struct sim_entry){copy, node, ++f->numbers};
    node->links++;
    if (S_ISDIR(node->mode))
        node->parent = f;
    touch(w, f);
    return 0;
}

int weir__sim_name_remove(struct sim_world *w, const struct sim_spot *spot) {
    struct sim_node *f = spot->folder;
    if ((f->mode & S_IWUSR) == 0)
        return -EACCES;
    struct sim_entry *n = name_of(f, spot->name);
    WEIR_CHECK(n != NULL);
    struct sim_node *node = n->node;
    size_t behind = f->name_count - (size_t)(n - f->names) - 1;
    free(n->name);
    memmove(n, n + 1, behind * sizeof *n);
    f->name_count--;
    node->links--;
    node->changed_ns = weir__sim_wall_now(w);
    touch(w, f);
    weir__sim_node_drop(w, node);
    return 0;
}

/* ---- bytes ----------------------------------------------------------------------------------- */

/* Where the page is, or belongs. */
static size_t page_place(const struct sim_node *n, int64_t index) {
    size_t low = 0, high = n->page_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (n->pages[middle].index < index)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static uint8_t *page_of(const struct sim_node *n, int64_t index) {
    size_t at = page_place(n, index);
    return at < n->page_count && n->pages[at].index == index ? n->pages[at].bytes : NULL;
}

/* NULL: the disk is full. */
static uint8_t *page_make(struct sim_world *w, struct sim_node *n, int64_t index) {
    size_t at = page_place(n, index);
    if (at < n->page_count && n->pages[at].index == index)
        return n->pages[at].bytes;
    if (w->disk->pages >= w->config.disk_size / SIM_PAGE)
        return NULL;
    if (n->page_count == n->page_cap) {
        n->page_cap = n->page_cap > 0 ? 2 * n->page_cap : FIRST_CAP;
        n->pages = weir__sim_realloc(n->pages, n->page_cap * sizeof *n->pages);
    }
    memmove(&n->pages[at + 1], &n->pages[at], (n->page_count - at) * sizeof *n->pages);
    n->page_count++;
    w->disk->pages++;
    n->pages[at] = (struct sim_page){index, weir__sim_alloc(SIM_PAGE)};
    return n->pages[at].bytes;
}

/* How many of len bytes at `at` lie in one page. */
static size_t in_page(int64_t at, size_t len) {
    size_t left = SIM_PAGE - (size_t)(at % SIM_PAGE);
    return len < left ? len : left;
}

int64_t weir__sim_bytes_get(const struct sim_node *n, int64_t at, void *to, size_t len) {
    size_t done = 0;
    if (at >= n->size)
        return 0;
    if ((int64_t)len > n->size - at)
        len = (size_t)(n->size - at);
    while (done < len) {
        int64_t here = at + (int64_t)done;
        size_t some = in_page(here, len - done);
        const uint8_t *page = page_of(n, here / SIM_PAGE);
        if (page != NULL)
            memcpy((uint8_t *)to + done, page + here % SIM_PAGE, some);
        else
            memset((uint8_t *)to + done, 0, some);
        done += some;
    }
    return (int64_t)len;
}

int64_t weir__sim_bytes_put(struct sim_world *w, struct sim_node *n, int64_t at, const void *from,
                            size_t len) {
    size_t done = 0;
    if (at < 0 || len > (uint64_t)(INT64_MAX - at))
        return -EINVAL;
    if (len > 0 && at >= SIM_SIZE_MAX)
        return -EFBIG;
    if (len > 0 && (int64_t)len > SIM_SIZE_MAX - at)
        len = (size_t)(SIM_SIZE_MAX - at);
    while (done < len) {
        int64_t here = at + (int64_t)done;
        size_t some = in_page(here, len - done);
        uint8_t *page = page_make(w, n, here / SIM_PAGE);
        if (page == NULL)
            break;
        memcpy(page + here % SIM_PAGE, (const uint8_t *)from + done, some);
        done += some;
    }
    if (done == 0 && len > 0)
        return -ENOSPC;
    if (at + (int64_t)done > n->size)
        n->size = at + (int64_t)done;
    touch(w, n);
    return (int64_t)done;
}

int weir__sim_bytes_reserve(struct sim_world *w, struct sim_node *n, int64_t at, int64_t len) {
    if (at > SIM_SIZE_MAX || len > SIM_SIZE_MAX - at)
        return -EFBIG;
    int64_t first = at / SIM_PAGE, last = (at + len - 1) / SIM_PAGE;
    uint64_t stored = page_place(n, last + 1) - page_place(n, first);
    uint64_t missing = (uint64_t)(last - first) + 1 - stored;
    if (missing > w->config.disk_size / SIM_PAGE - w->disk->pages)
        return -ENOSPC;
    for (int64_t i = first; missing > 0 && i <= last; i++)
        (void)page_make(w, n, i);
    return 0;
}

void weir__sim_bytes_cut(struct sim_world *w, struct sim_node *n, int64_t size) {
    uint8_t *last = page_of(n, size / SIM_PAGE);
    if (last != NULL)
        memset(last + size % SIM_PAGE, 0, SIM_PAGE - (size_t)(size % SIM_PAGE));
    size_t keep = page_place(n, (size + SIM_PAGE - 1) / SIM_PAGE);
    for (size_t i = keep; i < n->page_count; i++)
        free(n->pages[i].bytes);
    w->disk->pages -= n->page_count - keep;
    n->page_count = keep;
    n->size = size;
    touch(w, n);
}

struct sim_open *weir__sim_open_file(const struct sim_world *w, int fd) {
    if (w->disk == NULL || fd < SIM_FILE_BASE || (size_t)(fd - SIM_FILE_BASE) >= w->disk->open_cap)
        return NULL;
    struct sim_open *o = &w->disk->opens[fd - SIM_FILE_BASE];
    return o->node != NULL ? o : NULL;
}
