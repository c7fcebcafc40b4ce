/* SPDX-License-Identifier: MIT */
/* cpus_test.c - the count of processors by affinity and by made-up control groups. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sys/cpus.h"
#include "test/runner.h"

static char root[64], membership[128];

static void world_begin(const char *lines) {
    snprintf(root, sizeof root, "/tmp/weir-cpus-XXXXXX");
    assert_non_null(mkdtemp(root));
    snprintf(membership, sizeof membership, "%s/membership", root);
    FILE *f = fopen(membership, "w");
    assert_non_null(f);
    assert_true(fputs(lines, f) >= 0);
    fclose(f);
}

/* Write text to root/path and make the folders on the way. */
static void put(const char *path, const char *text) {
    char full[256];
    snprintf(full, sizeof full, "%s/%s", root, path);
    for (char *at = full + strlen(root) + 1; (at = strchr(at, '/')) != NULL; at++) {
        *at = '\0';
        mkdir(full, 0700);
        *at = '/';
    }
    FILE *f = fopen(full, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    fclose(f);
}

static void world_end(void) {
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", root);
    assert_int_equal(system(command), 0);
}

static int counted(int affinity) {
    return weir__cpus_in(membership, root, affinity);
}

WEIR_TEST(a_quota_is_rounded_up_to_whole_processors) {
    world_begin("0::/app\n");
    assert_int_equal(counted(8), 8); /* no file: no limit */
    put("app/cpu.max", "150000 100000\n");
    assert_int_equal(counted(8), 2);
    put("app/cpu.max", "200000 100000\n");
    assert_int_equal(counted(8), 2);
    put("app/cpu.max", "1000 100000\n");
    assert_int_equal(counted(8), 1);
    put("app/cpu.max", "max 100000\n");
    assert_int_equal(counted(8), 8);
    put("app/cpu.max", "800000 100000\n");
    assert_int_equal(counted(4), 4); /* the affinity is the smaller one */
    world_end();
}

WEIR_TEST(the_groups_around_count_too) {
    world_begin("0::/slice/app\n");
    put("slice/app/cpu.max", "max 100000\n");
    put("slice/cpu.max", "300000 100000\n");
    assert_int_equal(counted(8), 3);
    put("cpu.max", "100000 100000\n"); /* of a container's root */
    assert_int_equal(counted(8), 1);
    world_end();
}

WEIR_TEST(a_container_that_sees_its_outer_path_finds_its_root) {
    world_begin("0::/docker/0123\n4:cpu,cpuacct:/docker/0123\n");
    put("cpu.max", "400000 100000\n");
    assert_int_equal(counted(8), 4);
    put("cpu/cpu.cfs_quota_us", "250000\n");
    put("cpu/cpu.cfs_period_us", "100000\n");
    assert_int_equal(counted(8), 3);
    world_end();
}

WEIR_TEST(version_1_has_its_quota_in_two_files) {
    world_begin("7:cpuset:/\n4:cpuacct,cpu:/a/b\n2:cpuacct:/c\n");
    put("cpu/a/b/cpu.cfs_quota_us", "-1\n");
    put("cpu/a/b/cpu.cfs_period_us", "100000\n");
    assert_int_equal(counted(8), 8);
    put("cpu/a/b/cpu.cfs_quota_us", "50001\n");
    put("cpu/a/b/cpu.cfs_period_us", "50000\n");
    assert_int_equal(counted(8), 2);
    put("cpu/c/cpu.cfs_quota_us", "1\n"); /* cpuacct is another controller */
    put("cpu/c/cpu.cfs_period_us", "50000\n");
    assert_int_equal(counted(8), 2);
    world_end();
}

WEIR_TEST(nonsense_limits_nothing) {
    char deep[3000];
    memset(deep, 'x', sizeof deep);
    memcpy(deep, "0::/", 4);
    deep[sizeof deep - 1] = '\0';
    world_begin("no colon\n:\n0::\n::/\n\n");
    put("cpu.max", "many 0\n");
    assert_int_equal(counted(5), 5);
    assert_int_equal(counted(0), 1);
    assert_int_equal(weir__cpus_in("/nowhere", root, 5), 5);
    put("cpu.max", "5 0\n");
    assert_int_equal(counted(5), 5);
    world_end();
    world_begin(deep);
    put("cpu.max", "100000 100000\n");
    assert_int_equal(counted(5), 1); /* the path is too long to be walked: the root counts */
    world_end();
}
