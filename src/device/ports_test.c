/* SPDX-License-Identifier: MIT */
/* The list of serial ports, from a folder that looks as sysfs does. */
#include "device/device_test_util.h"

#include <sys/resource.h>
#include <sys/stat.h>

#include "device/serial.h"

static char root[64];

/* A folder and all above it, below root. */
static void make(const char *path) {
    char full[256];
    snprintf(full, sizeof full, "%s/%s", root, path);
    for (char *at = full + strlen(root) + 1; (at = strchr(at, '/')) != NULL; at++) {
        *at = '\0';
        mkdir(full, 0700);
        *at = '/';
    }
    mkdir(full, 0700);
}

static void put(const char *path, const char *text) {
    char full[256];
    snprintf(full, sizeof full, "%s/%s", root, path);
    FILE *f = fopen(full, "w");
    assert_non_null(f);
    fprintf(f, "%s\n", text);
    fclose(f);
}

static void point(const char *path, const char *target) {
    char full[256];
    snprintf(full, sizeof full, "%s/%s", root, path);
    assert_int_equal(symlink(target, full), 0);
}

static void plant(void) {
    snprintf(root, sizeof root, "/tmp/weir-ports-XXXXXX");
    assert_non_null(mkdtemp(root));
    make("usb/1-1/1-1:1.0/ttyUSB0");
    make("usb/1-1/1-1:1.0/ttyUSB0/tty/ttyUSB0");
    put("usb/1-1/idVendor", "0403");
    put("usb/1-1/idProduct", "6001");
    put("usb/1-1/product", "FT232R USB UART");
    put("usb/1-1/serial", "A9007UX1");
    point("usb/1-1/1-1:1.0/ttyUSB0/driver", "/sys/bus/usb-serial/drivers/ftdi_sio");
    point("usb/1-1/1-1:1.0/ttyUSB0/tty/ttyUSB0/device", "../..");
    make("pnp/tty/ttyS0");
    make("pnp/tty/ttyS1");
    make("pnp/port");
    make("none/tty/tty1");
    make("class");
    point("pnp/tty/ttyS0/device", "../../port");
    point("pnp/tty/ttyS1/device", "../../port");
    point("pnp/port/driver", "/sys/bus/platform/drivers/serial8250");
    put("pnp/tty/ttyS0/type", "4");
    put("pnp/tty/ttyS1/type", "0"); /* a place without a chip */
    point("class/ttyUSB0", "../usb/1-1/1-1:1.0/ttyUSB0/tty/ttyUSB0");
    point("class/ttyS0", "../pnp/tty/ttyS0");
    point("class/ttyS1", "../pnp/tty/ttyS1");
    point("class/tty1", "../none/tty/tty1"); /* a console: no device */
}

static void uproot(void) {
    char command[96];
    snprintf(command, sizeof command, "rm -r %s", root);
    assert_int_equal(system(command), 0);
}

WEIR_TEST(ports_with_hardware_are_listed_by_path) {
    struct weir_serial_port ports[4];
    char class[80];
    plant();
    snprintf(class, sizeof class, "%s/class", root);
    weir__serial_sysfs = class;
    assert_int_equal(weir_serial_ports(ports, 4), 2);
    assert_string_equal(ports[0].path, "/dev/ttyS0");
    assert_string_equal(ports[0].driver, "serial8250");
    assert_int_equal(ports[0].vendor_id, 0);
    assert_string_equal(ports[0].product, "");
    assert_string_equal(ports[1].path, "/dev/ttyUSB0");
    assert_string_equal(ports[1].driver, "ftdi_sio");
    assert_int_equal(ports[1].vendor_id, 0x0403);
    assert_int_equal(ports[1].product_id, 0x6001);
    assert_string_equal(ports[1].product, "FT232R USB UART");
    assert_string_equal(ports[1].serial, "A9007UX1");
    uproot();
}

WEIR_TEST(a_list_that_is_too_short_is_filled_and_the_count_says_so) {
    struct weir_serial_port ports[2];
    char class[80];
    plant();
    snprintf(class, sizeof class, "%s/class", root);
    weir__serial_sysfs = class;
    memset(ports, 7, sizeof ports);
    assert_int_equal(weir_serial_ports(ports, 1), 2);
    assert_string_equal(ports[0].path, "/dev/ttyS0");
    assert_int_equal(ports[1].path[0], 7);
    assert_int_equal(weir_serial_ports(NULL, 0), 2);
    uproot();
}

WEIR_TEST(one_free_descriptor_is_enough_and_without_one_there_is_an_error) {
    enum { MOST = 64 };
    struct rlimit before, few = {MOST, MOST};
    int taken[MOST], count = 0;
    char class[80];
    plant();
    snprintf(class, sizeof class, "%s/class", root);
    weir__serial_sysfs = class;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    few.rlim_max = before.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    while (count < MOST && (taken[count] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0)
        count++;
    assert_true(count > 0 && count < MOST);
    assert_int_equal(weir_serial_ports(NULL, 0), -EMFILE);
    close(taken[--count]);
    assert_int_equal(weir_serial_ports(NULL, 0), 2);
    while (count > 0)
        close(taken[--count]);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    uproot();
}

WEIR_TEST(a_machine_without_sysfs_has_no_ports) {
    weir__serial_sysfs = "/nowhere/at/all";
    assert_int_equal(weir_serial_ports(NULL, 0), 0);
}

WEIR_TEST(the_ports_of_this_machine_can_be_listed) {
    struct weir_serial_port ports[8];
    assert_true(weir_serial_ports(ports, 8) >= 0);
}
