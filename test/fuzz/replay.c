/* SPDX-License-Identifier: MIT */
/* replay.c - runs a target on the files named on the command line, without libFuzzer: for gcc, gdb,
 * valgrind, and the unit test that runs the seeds. */
#include "fuzz.h"

enum { INPUT_MAX = 1 << 20 };

static int replay(const char *path) {
    static uint8_t input[INPUT_MAX];
    FILE *file = fopen(path, "rb");
    if (!file) {
        perror(path);
        return 1;
    }
    size_t len = fread(input, 1, sizeof input, file);
    fclose(file);
    LLVMFuzzerTestOneInput(input, len);
    return 0;
}

int main(int argc, char **argv) {
    int failed = 0;
    for (int i = 1; i < argc; i++)
        failed |= replay(argv[i]);
    return failed;
}
