/* SPDX-License-Identifier: MIT */
/* reword.c - a table of such texts. Each stands at the end of an error. */
#include "cli/reword.h"

#include <string.h>
#include <weir/error.h>

static const struct way {
    const char *programs, *ours; /* what a program is told; what a user is told instead */
} ways[] = {
    {" give it as ca_file", ": --cacert FILE (--insecure checks nothing)"},
    {" give its root by ca_file", " --cacert FILE (--insecure checks nothing)"},
    {"dial such a name", "ask for such a name (--insecure checks nothing)"},
    {": set cert_file", ", which the command cannot show"},
    {"the options of weir_tls_new: insecure and a ca_file",
     "--insecure and --cacert: with --insecure nothing is looked at"},
    {"TLS is in the library weir-tls", "this command was built without TLS"},
    {"compression needs the library weir-zlib", "this command was built without compression"},
    {"redirects_max lets it be followed", "--redirect follows it"},
    {"connect: write unix:/PATH", "--connect wants unix:/PATH or tcp://HOST:PORT"},
    {"that one is the library's", "the command writes that one itself: see --help"},
    {", entered at cmd_get.c:", ", set by --time"},
    {", entered at run.c:", ", set by --timeout"}, /* the suite's scope around a dial */
};

int reword(int rc) {
    const char *text = weir_error_message(rc);
    for (size_t i = 0; rc < 0 && i < sizeof ways / sizeof ways[0]; i++) {
        const char *at = strstr(text, ways[i].programs);
        if (at != NULL)
            return weir_fail(rc, "%.*s%s", (int)(at - text), text, ways[i].ours);
    }
    return rc;
}
