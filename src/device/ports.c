/* SPDX-License-Identifier: MIT */
/* ports.c - the serial ports of this machine, as sysfs shows them: terminals with a device behind
 * them. Ports of the 8250 driver that have no chip have the type 0 and are left out. */
#include "device/serial.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sys/fds.h"

const char *weir__serial_sysfs = "/sys/class/tty";

enum { NAME_SIZE = 48, PATH_SIZE = 512 };

/* The first line of a small file, "" if there is none. Returns 0; an error if there was no
 * descriptor or memory to look. */
static int line_of(const char *name, const char *file, char *ret, size_t size) {
    char path[PATH_SIZE];
    ssize_t n = 0;
    snprintf(path, sizeof path, "%s/%s/%s", weir__serial_sysfs, name, file);
    int fd = weir__fd_lift(open(path, O_RDONLY | O_CLOEXEC));
    if (fd >= 0) {
        n = read(fd, ret, size - 1);
        close(fd);
    }
    ret[n > 0 ? n : 0] = '\0';
    ret[strcspn(ret, "\n")] = '\0';
    return fd == -EMFILE || fd == -ENFILE || fd == -ENOMEM ? fd : 0;
}

static void driver_of(const char *name, char *ret, size_t size) {
    char path[PATH_SIZE], target[PATH_SIZE];
    snprintf(path, sizeof path, "%s/%s/device/driver", weir__serial_sysfs, name);
    ssize_t n = readlink(path, target, sizeof target - 1);
    target[n > 0 ? n : 0] = '\0';
    const char *base = strrchr(target, '/');
    snprintf(ret, size, "%.*s", (int)size - 1, base != NULL ? base + 1 : target);
}

/* The USB device is the port's device, or up to two folders above it. */
static int usb_of(const char *name, struct weir_serial_port *ret) {
    static const char *const above[] = {"device", "device/..", "device/../.."};
    char file[64], text[16] = "";
    size_t i = 0;
    int rc = 0;
    for (; i < 3 && rc == 0 && *text == '\0'; i++) {
        snprintf(file, sizeof file, "%s/idVendor", above[i]);
        rc = line_of(name, file, text, sizeof text);
    }
    if (rc < 0 || *text == '\0')
        return rc;
    ret->vendor_id = (unsigned)strtoul(text, NULL, 16);
    snprintf(file, sizeof file, "%s/idProduct", above[i - 1]);
    rc = line_of(name, file, text, sizeof text);
    ret->product_id = (unsigned)strtoul(text, NULL, 16);
    snprintf(file, sizeof file, "%s/product", above[i - 1]);
    if (rc == 0)
        rc = line_of(name, file, ret->product, sizeof ret->product);
    snprintf(file, sizeof file, "%s/serial", above[i - 1]);
    return rc < 0 ? rc : line_of(name, file, ret->serial, sizeof ret->serial);
}

/* Returns 1, 0, or an error as line_of. */
static int has_hardware(const char *name) {
    char path[PATH_SIZE], type[16];
    snprintf(path, sizeof path, "%s/%s/device", weir__serial_sysfs, name);
    if (access(path, F_OK) != 0)
        return 0;
    int rc = line_of(name, "type", type, sizeof type);
    return rc < 0 ? rc : strcmp(type, "0") != 0;
}

static int describe(const char *name, struct weir_serial_port *ret) {
    memset(ret, 0, sizeof *ret);
    snprintf(ret->path, sizeof ret->path, "/dev/%.*s", NAME_SIZE, name);
    driver_of(name, ret->driver, sizeof ret->driver);
    return usb_of(name, ret);
}

static int is_name(const struct dirent *e) {
    return e->d_name[0] != '.' && strlen(e->d_name) < NAME_SIZE;
}

/* The files are looked at when the folder is closed: so one free descriptor is enough. */
int weir_serial_ports(struct weir_serial_port *ret_ports, size_t max) {
    struct dirent **names = NULL;
    int rc = 0, count = 0, n = scandir(weir__serial_sysfs, &names, is_name, alphasort);
    if (n < 0 && (errno == ENOENT || errno == ENOTDIR || errno == EACCES))
        return 0;
    if (n < 0)
        return -errno;
    for (int i = 0; i < n; i++) {
        bool is_port = rc == 0 && (rc = has_hardware(names[i]->d_name)) > 0;
        if (is_port)
            rc = (size_t)count < max ? describe(names[i]->d_name, &ret_ports[count]) : 0;
        count += is_port;
        free(names[i]);
    }
    free(names);
    return rc < 0 ? rc : count;
}
