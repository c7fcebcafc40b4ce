/* SPDX-License-Identifier: MIT */
/* fleet_test.c - valid files and their meaning; invalid files and the exact line, column and
 * text. */
#include "cli/fleet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "cli/limits.h"
#include "cli/names.h"
#include "test/runner.h"

#define HEAD "fleet: t\nnodes:\n"
#define TCP "fleet: t\nnodes:\n  a:\n    command: x\n"

struct bad {
    const char *file, *problem;
};

static int parse(const char *text, struct fleet *f, char *problem, size_t size) {
    struct yaml_problem p = {.text = ""};
    int rc = fleet_parse(text, strlen(text), f, &p);
    snprintf(problem, size, "%d:%d: %s", p.place.line, p.place.column, p.text);
    return rc;
}

static void refuses(const struct bad *rows, size_t count) {
    for (size_t i = 0; i < count; i++) {
        struct fleet f;
        char problem[600];
        int rc = parse(rows[i].file, &f, problem, sizeof problem);
        if (rc != WEIR_ECONFIG || strcmp(problem, rows[i].problem) != 0)
            fprintf(stderr, "row %zu:\n%s\n-> %d\n got %s\nwant %s\n", i, rows[i].file, rc,
                    problem, rows[i].problem);
        assert_int_equal(rc, WEIR_ECONFIG);
        assert_string_equal(problem, rows[i].problem);
        assert_null(f.nodes);
    }
}

#define REFUSES(rows) refuses(rows, sizeof(rows) / sizeof((rows)[0]))

static struct fleet accepts(const char *text) {
    struct fleet f;
    char problem[600];
    int rc = parse(text, &f, problem, sizeof problem);
    if (rc != 0)
        fprintf(stderr, "%s\n", problem);
    assert_int_equal(rc, 0);
    return f;
}

static const struct fleet_node *node(const struct fleet *f, const char *name) {
    for (size_t i = 0; i < f->count; i++)
        if (strcmp(f->nodes[i].name, name) == 0)
            return &f->nodes[i];
    fprintf(stderr, "no node %s\n", name);
    abort();
}

WEIR_TEST(a_fleet_is_read_with_all_its_keys) {
    struct fleet f = accepts("# the circuit\n"
                             "fleet: circuit\n"
                             "nodes:\n"
                             "  clock:\n"
                             "    source: clock\n"
                             "    with: {tacks: 5, delay: 0.5}\n"
                             "    depends_on: [iopin]\n"
                             "    restart: never\n"
                             "  iopin:\n"
                             "    worker: iopin\n"
                             "    port: 8765\n"
                             "    host: 127.0.0.1\n"
                             "    grace: 1.5s\n"
                             "    depends_on:\n"
                             "      - log\n"
                             "  log:\n"
                             "    command: sh -c 'echo \"a b\"' \"c \\\" d\" e\\ f ''\n"
                             "    port: 9000\n"
                             "    environment: [A=1, B=x=y, C=]\n"
                             "    ready: notify\n");
    assert_string_equal(f.name, "circuit");
    assert_int_equal(f.count, 3);
    assert_string_equal(f.nodes[0].name, "log");
    assert_string_equal(f.nodes[1].name, "iopin");
    assert_string_equal(f.nodes[2].name, "clock");
    const struct fleet_node *n = node(&f, "clock");
    assert_int_equal(n->kind, FLEET_SOURCE);
    assert_int_equal(n->port, 0);
    assert_int_equal(n->with.count, 2);
    assert_string_equal(n->with.list[1].name, "delay");
    assert_string_equal(n->with.list[1].value, "0.5");
    assert_int_equal(n->depends_on_count, 1);
    assert_int_equal(n->depends_on[0], 1);
    assert_true(n->grace_ns == WEIR_SECONDS(5));
    assert_int_equal(n->ready, FLEET_READY_NOTIFY);
    n = node(&f, "iopin");
    assert_int_equal(n->kind, FLEET_WORKER);
    assert_int_equal(n->port, 8765);
    assert_string_equal(n->host, "127.0.0.1");
    assert_true(n->grace_ns == WEIR_MILLISECONDS(1500));
    n = node(&f, "log");
    assert_string_equal(n->command[2], "echo \"a b\"");
    assert_string_equal(n->command[3], "c \" d");
    assert_string_equal(n->command[4], "e f");
    assert_string_equal(n->command[5], "");
    assert_null(n->command[6]);
    assert_string_equal(n->environment.list[1].value, "x=y");
    assert_string_equal(n->environment.list[2].value, "");
    assert_int_equal(n->ready, FLEET_READY_NOTIFY);
    fleet_fini(&f);
}

WEIR_TEST(values_are_text_as_written) {
    struct fleet f = accepts(HEAD "  a: {command: [sh, -c, \"no\"], environment: {A: no, B: ~, "
                                  "C: 0x10, D: \"\", E: 'é'}}\n");
    const struct fleet_pairs *e = &f.nodes[0].environment;
    assert_string_equal(e->list[0].value, "no");
    assert_string_equal(e->list[1].value, "~");
    assert_string_equal(e->list[2].value, "0x10");
    assert_string_equal(e->list[3].value, "");
    assert_string_equal(e->list[4].value, "\xc3\xa9");
    assert_int_equal(f.nodes[0].ready, FLEET_READY_START);
    fleet_fini(&f);
}

WEIR_TEST(a_host_is_kept_without_brackets) {
    struct fleet f = accepts(TCP "    port: 1\n    host: '[::1]'\n");
    assert_string_equal(f.nodes[0].host, "::1");
    fleet_fini(&f);
}

WEIR_TEST(a_command_with_a_port_is_ready_by_tcp) {
    struct fleet f = accepts(TCP "    port: 65535\n");
    assert_int_equal(f.nodes[0].ready, FLEET_READY_TCP);
    fleet_fini(&f);
}

WEIR_TEST(order_is_that_of_dependency_and_otherwise_of_the_file) {
    struct fleet f = accepts(HEAD "  d: {command: x, depends_on: [b, c]}\n"
                                  "  e: {command: x}\n"
                                  "  c: {command: x, depends_on: [a]}\n"
                                  "  b: {command: x, depends_on: [a]}\n"
                                  "  a: {command: x}\n");
    char order[16] = "";
    for (size_t i = 0; i < f.count; i++)
        strcat(order, f.nodes[i].name);
    assert_string_equal(order, "eacbd");
    assert_int_equal(node(&f, "d")->depends_on[0], 3);
    assert_int_equal(node(&f, "d")->depends_on[1], 2);
    fleet_fini(&f);
}

WEIR_TEST(text_that_is_no_yaml_is_refused) {
    static const struct bad rows[] = {
        {"", "1:1: the file is empty"},
        {"\n\n# nothing\n", "1:1: the file is empty"},
        {"---\n", "1:1: the file is empty"},
        {"fleet: [a\n", "2:1: did not find expected ',' or ']', while parsing a flow sequence "
                        "that began on line 1"},
        {"fleet: t\n\tnodes: 1\n", "2:1: a tab cannot indent: use spaces"},
        {"fleet: \"abc\n", "2:1: found unexpected end of stream, while scanning a quoted scalar "
                           "that began on line 1"},
        {"fleet: t\nb: \"\xff\"\n", "2:5: invalid leading UTF-8 octet"},
        {"fleet: t\nb: \x01\n", "2:4: control characters are not allowed"},
        {"fleet: t: u\n", "1:9: mapping values are not allowed in this context"},
        {"fleet: t\n---\nfleet: u\n", "2:1: a second document begins: one file is one fleet"},
        {"fleet: \"a\\0b\"\n", "1:8: a text cannot hold a NUL"},
        {"? [a]\n: b\n", "1:3: a key must be a text"},
    };
    REFUSES(rows);
}

WEIR_TEST(yaml_that_hides_what_it_says_is_refused) {
    static const struct bad rows[] = {
        {"fleet: &x t\nnodes: *x\n", "1:8: anchors are refused: '&x'"},
        {"fleet: t\nnodes: *x\n", "2:8: aliases are refused: write '*x' out"},
        {"fleet: t\nnodes: &n {}\n", "2:8: anchors are refused: '&n'"},
        {"fleet: t\nnodes: &n []\n", "2:8: anchors are refused: '&n'"},
        {HEAD "  a:\n    <<: {command: x}\n", "4:5: merge keys are refused: write '<<' out"},
        {"fleet: !!str t\n", "1:8: tags are refused: 'tag:yaml.org,2002:str'"},
        {"fleet: t\nfleet: u\n", "2:1: key 'fleet' is here twice: first on line 1"},
        {HEAD "  a: {command: x}\n  b: {command: x}\n  a: {command: y}\n",
         "5:3: key 'a' is here twice: first on line 3"},
        {TCP "    port: 1\n    port: 2\n", "6:5: key 'port' is here twice: first on line 5"},
    };
    REFUSES(rows);
}

WEIR_TEST(unknown_keys_are_refused_with_the_nearest) {
    static const struct bad rows[] = {
        {"flet: t\n", "1:1: unknown key 'flet'; did you mean 'fleet'?"},
        {"fleet: t\nversion: 3\n", "2:1: unknown key 'version'; known are fleet, nodes"},
        {TCP "    depend_on: [b]\n", "5:5: unknown key 'depend_on'; did you mean 'depends_on'?"},
        {TCP "    prot: 1\n", "5:5: unknown key 'prot'; did you mean 'port'?"},
        {TCP "    replicas: 3\n",
         "5:5: unknown key 'replicas'; known are worker, source, command, port, host, with, "
         "depends_on, restart, environment, grace, ready, connections_max, origins"},
        {"with: {}\nfleet: t\n", "1:1: unknown key 'with'; known are fleet, nodes"},
        {HEAD "  a: {command: x, ready: {}}\n", "3:26: 'ready' wants a text, not a map"},
        {HEAD "  a: {worker: iopin, port: 1, with: {chanse: 1}}\n",
         "3:38: unknown key 'chanse'; did you mean 'chance'?"},
        {HEAD "  a: {worker: buzzer, port: 1, with: {volume: 1}}\n",
         "3:39: unknown key 'volume'; known are sound"},
    };
    REFUSES(rows);
}

WEIR_TEST(hosts_that_no_url_could_have_are_refused) {
    static const struct bad rows[] = {
        {TCP "    port: 1\n    host: a b\n",
         "6:11: 'a b' is no host: bad character in host or port"},
        {TCP "    port: 1\n    host: ''\n", "6:11: 'host' is empty"},
        {TCP "    port: 1\n    host: '[h]'\n",
         "6:11: '[h]' is no host: not an IPv6 address between [ and ]"},
        {TCP "    port: 1\n    host: a*b..c\n",
         "6:11: 'a*b..c' is no host: bad character in host or port"},
        {TCP "    port: 1\n    host: a..b\n",
         "6:11: 'a..b' is no host: empty label in a host name"},
        {TCP "    port: 1\n    host: .a\n",
         "6:11: '.a' is no host: empty label in a host name"},
        {TCP "    port: 1\n    host: '**'\n",
         "6:11: '**' is no host: no host"},
        {TCP "    port: 1\n    host: 'h:80'\n", "6:11: 'h:80' is no host: not an IPv6 address"},
        {TCP "    port: 1\n    host: '[::1]:80'\n",
         "6:11: '[::1]:80' is no host: not an IPv6 address"},
        {TCP "    port: 1\n    host: 127.1\n", "6:11: '127.1' is no host: not an IPv4 address"},
        {TCP "    port: 1\n    host: tcp://h\n",
         "6:11: 'tcp://h' is no host: not an IPv6 address"},
        {TCP "    port: 1\n    host: u@h\n",
         "6:11: 'u@h' is no host: user names are not allowed"},
        {TCP "    port: 1\n    host: h/p\n",
         "6:11: 'h/p' is no host: nothing may follow host and port"},
    };
    REFUSES(rows);
}

WEIR_TEST(values_of_a_wrong_form_are_refused) {
    static const struct bad rows[] = {
        {"just text\n", "1:1: this wants a map, not a text"},
        {"- a\n", "1:1: this wants a map, not a list"},
        {"fleet: [t]\nnodes: {}\n", "1:8: 'fleet' wants a text, not a list"},
        {"fleet: t\n", "1:1: key 'nodes' is missing"},
        {"nodes: {}\n", "1:1: key 'fleet' is missing"},
        {"fleet: t\nnodes: {}\n", "2:8: 'nodes' is empty"},
        {"fleet: t\nnodes:\n", "2:7: 'nodes' wants a map of nodes, not a text"},
        {"fleet: t\nnodes: [a]\n", "2:8: 'nodes' wants a map of nodes, not a list"},
        {"fleet: My Fleet\nnodes: {}\n",
         "1:8: 'My Fleet' is no name: 1 to 63 of a-z, 0-9, '_' and '-'"},
        {HEAD "  Pin: {command: x}\n",
         "3:3: 'Pin' is no name: 1 to 63 of a-z, 0-9, '_' and '-'"},
        {HEAD "  '': {command: x}\n", "3:3: '' is no name: 1 to 63 of a-z, 0-9, '_' and '-'"},
        {HEAD "  a: x\n", "3:6: 'a' wants a map, not a text"},
        {TCP "    port: [1]\n", "5:11: 'port' wants a text, not a list"},
        {TCP "    port: 0\n", "5:11: 'port' wants a number from 1 to 65535, not '0'"},
        {TCP "    port: 65536\n", "5:11: 'port' wants a number from 1 to 65535, not '65536'"},
        {TCP "    port: 99999999999999999999\n",
         "5:11: 'port' wants a number from 1 to 65535, not '99999999999999999999'"},
        {TCP "    port: -1\n", "5:11: 'port' wants a number from 1 to 65535, not '-1'"},
        {TCP "    port: 80a\n", "5:11: 'port' wants a number from 1 to 65535, not '80a'"},
        {TCP "    port:\n", "5:10: 'port' wants a number from 1 to 65535, not ''"},
        {HEAD "  a: {worker: ./w, port: 1, connections_max: 0}\n",
         "3:46: 'connections_max' wants a number from 1 to 1048576, not '0'"},
        {HEAD "  a: {worker: ./w, port: 1, connections_max: -1}\n",
         "3:46: 'connections_max' wants a number from 1 to 1048576, not '-1'"},
        {HEAD "  a: {worker: ./w, port: 1, connections_max: 1048577}\n",
         "3:46: 'connections_max' wants a number from 1 to 1048576, not '1048577'"},
        {HEAD "  a: {worker: ./w, port: 1, origins: {a: b}}\n",
         "3:38: 'origins' wants a text or a list, not a map"},
        {HEAD "  a: {worker: ./w, port: 1, origins: ['http://a', 'http://b/']}\n",
         "3:51: 'http://b/' is no origin: it has no path: nothing stands behind host and port"},
        {HEAD "  a: {command: x, environment: [A=1, B=2, A=]}\n",
         "3:43: 'A' is here twice: first on line 3"},
        {HEAD "  a: {command: x, environment: {A: 1, B: 2, A: 1}}\n",
         "3:45: key 'A' is here twice: first on line 3"},
        {TCP "    grace: 5\n",
         "5:12: 'grace' wants a duration such as 500ms, 5s or 2m, not '5'"},
        {TCP "    grace: 5h\n",
         "5:12: 'grace' wants a duration such as 500ms, 5s or 2m, not '5h'"},
        {TCP "    grace: -1s\n",
         "5:12: 'grace' wants a duration such as 500ms, 5s or 2m, not '-1s'"},
        {TCP "    grace: 99999999m\n",
         "5:12: 'grace' wants a duration such as 500ms, 5s or 2m, not '99999999m'"},
        {TCP "    restart: always\n",
         "5:14: restart 'always' comes later: only 'never' works now"},
        {TCP "    restart: on-failure\n",
         "5:14: restart 'on-failure' comes later: only 'never' works now"},
        {TCP "    restart: no\n", "5:14: 'restart' wants 'never', not 'no'"},
        {TCP "    ready: tpc\n", "5:12: unknown way to be ready 'tpc'; did you mean 'tcp'?"},
        {TCP "    ready: http\n",
         "5:12: unknown way to be ready 'http'; known are notify, tcp"},
        {TCP "    environment: a\n", "5:18: 'environment' wants a map of variables, not a text"},
        {TCP "    environment: [A]\n", "5:19: 'A' is not NAME=VALUE"},
        {TCP "    environment: [=A]\n", "5:19: '=A' is not NAME=VALUE"},
        {TCP "    environment: {A: [b]}\n", "5:22: 'A' wants a text, not a list"},
        {TCP "    environment: {A=: b}\n", "5:19: 'A=' is no name"},
        {TCP "    depends_on: b\n", "5:17: 'depends_on' wants a list of nodes, not a text"},
        {TCP "    depends_on: [[b]]\n", "5:18: this wants a text, not a list"},
        {HEAD "  a: {worker: iopin, port: 1, with: [x]}\n",
         "3:37: 'with' wants a map of parameters, not a list"},
    };
    REFUSES(rows);
}

WEIR_TEST(commands_that_cannot_be_cut_are_refused) {
    static const struct bad rows[] = {
        {HEAD "  a: {command: {}}\n", "3:16: 'command' wants a text or a list, not a map"},
        {HEAD "  a: {command: ''}\n", "3:16: 'command' is empty"},
        {HEAD "  a: {command: []}\n", "3:16: 'command' is empty"},
        {HEAD "  a: {command: ['']}\n", "3:16: 'command' is empty"},
        {HEAD "  a: {command: [[x]]}\n", "3:17: this wants a text, not a list"},
        {HEAD "  a:\n    command: x 'y\n", "4:14: 'command': a quote is not closed"},
        {HEAD "  a:\n    command: x \"y\n", "4:14: 'command': a quote is not closed"},
        {HEAD "  a:\n    command: x \\\n", "4:14: 'command': nothing follows the last backslash"},
    };
    REFUSES(rows);
}

WEIR_TEST(keys_that_contradict_each_other_are_refused) {
    static const struct bad rows[] = {
        {HEAD "  a: {port: 1}\n", "3:3: node 'a' wants one of worker, source and command"},
        {HEAD "  a: {command: x, worker: iopin}\n",
         "3:19: a node has one of worker, source and command: this is the second"},
        {HEAD "  a: {worker: iopin}\n", "3:3: node 'a' is a worker: it wants a port"},
        {HEAD "  a: {source: clock, port: 1}\n",
         "3:22: node 'a' is a source: it does not listen"},
        {HEAD "  a: {command: x, host: h}\n", "3:19: 'host' means nothing without a port"},
        {HEAD "  a: {source: clock, connections_max: 3}\n",
         "3:22: 'connections_max' is for workers"},
        {HEAD "  a: {command: x, port: 1, origins: 'http://a'}\n",
         "3:28: 'origins' is for workers"},
        {HEAD "  a: {command: x, port: 1, connections_max: 3}\n",
         "3:28: 'connections_max' is for workers"},
        {HEAD "  a: {command: x, ready: tcp}\n", "3:26: 'ready: tcp' wants a port"},
        {HEAD "  a: {command: x, with: {b: c}}\n",
         "3:19: 'with' is for workers and sources: a command has its words"},
        {HEAD "  a: {worker: clock, port: 1}\n",
         "3:15: 'clock' is a source: write 'source: clock'"},
        {HEAD "  a: {source: buzzer}\n", "3:15: 'buzzer' is a worker: write 'worker: buzzer'"},
        {HEAD "  a: {worker: iopn, port: 1}\n",
         "3:15: no worker 'iopn'; did you mean 'iopin'? (a path has a slash: ./mine)"},
        {HEAD "  a: {source: sensor}\n",
         "3:15: no source 'sensor'; known are clock (a path has a slash: ./mine)"},
    };
    REFUSES(rows);
}

WEIR_TEST(nodes_that_do_not_fit_together_are_refused) {
    static const struct bad rows[] = {
        {HEAD "  iopin: {command: x}\n  clock: {command: x, depends_on: [iopn]}\n",
         "4:36: unknown node 'iopn'; did you mean 'iopin'?"},
        {HEAD "  iopin: {command: x}\n  clock: {command: x, depends_on: [database]}\n",
         "4:36: unknown node 'database'; known are iopin"},
        {HEAD "  iopin: {command: x, depends_on: [iopn]}\n  clock: {command: x}\n",
         "3:36: unknown node 'iopn'; known are clock"},
        {HEAD "  iopin: {command: x, depends_on: [iopn]}\n", "3:36: unknown node 'iopn'"},
        {HEAD "  a: {command: x, depends_on: [b, b]}\n  b: {command: x}\n",
         "3:35: 'b' is here twice"},
        {HEAD "  a: {command: x, depends_on: [a]}\n",
         "3:3: nodes wait for each other in a circle: a -> a"},
        {HEAD "  z: {command: x}\n  a: {command: x, depends_on: [b]}\n"
              "  b: {command: x, depends_on: [z, c]}\n  c: {command: x, depends_on: [b]}\n",
         "5:3: nodes wait for each other in a circle: b -> c -> b"},
        {HEAD "  a: {command: x, port: 80}\n  b: {command: x, port: 80}\n",
         "4:25: port 80 is taken: node 'a' has it on line 3"},
    };
    REFUSES(rows);
}

/* HEAD, then count times the text with %d. */
static char *repeat(const char *format, int count) {
    size_t room = strlen(format) + 32;
    char *text = malloc(64 + room * (size_t)count);
    assert_non_null(text);
    size_t used = (size_t)sprintf(text, HEAD);
    for (int i = 0; i < count; i++)
        used += (size_t)snprintf(text + used, room, format, i);
    return text;
}

WEIR_TEST(files_beyond_the_limits_are_refused) {
    struct fleet f;
    char problem[600], text[64];
    char *many = repeat("  n%d: {command: x}\n", LIMIT_NODES + 1);
    assert_int_equal(parse(many, &f, problem, sizeof problem), WEIR_ECONFIG);
    assert_string_equal(problem, "3:3: more than 200 nodes");
    free(many);
    many = repeat("  n%d: {command: x}\n", LIMIT_FILE_ITEMS / 2 + 1);
    assert_int_equal(parse(many, &f, problem, sizeof problem), WEIR_ECONFIG);
    assert_string_equal(problem, "8193:20: more than 16384 items");
    free(many);
    many = repeat("# %d ................................\n", LIMIT_FILE_BYTES / 32);
    assert_int_equal(parse(many, &f, problem, sizeof problem), WEIR_ECONFIG);
    assert_string_equal(problem, "1:1: larger than 256 KiB");
    free(many);
    memset(text, '[', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    assert_int_equal(parse(text, &f, problem, sizeof problem), WEIR_ECONFIG);
    assert_string_equal(problem, "1:10: nested deeper than 8");
}

WEIR_TEST(a_file_that_does_not_exist_is_reported) {
    struct fleet f;
    struct yaml_problem p;
    assert_int_equal(fleet_load("/nonexistent/fleet.yaml", &f, &p), -ENOENT);
    assert_int_equal(fleet_load("/", &f, &p), -EISDIR);
    assert_int_equal(fleet_load("/dev/zero", &f, &p), WEIR_ECONFIG);
    assert_string_equal(p.text, "larger than 256 KiB");
    assert_int_equal(fleet_load("/dev/null", &f, &p), WEIR_ECONFIG);
    assert_string_equal(p.text, "the file is empty");
}

WEIR_TEST(a_byte_order_mark_is_no_part_of_a_file) {
    struct fleet f = accepts("\xef\xbb\xbf" TCP);
    assert_int_equal(f.count, 1);
    fleet_fini(&f);
    static const struct bad rows[] = {
        {"\xef\xbb\xbf" "flet: t\n", "1:1: unknown key 'flet'; did you mean 'fleet'?"},
        {"\xef\xbb\xbf", "1:1: the file is empty"},
        {"\xff\xfe" "f", "1:1: the file is UTF-16 or UTF-32: save it as UTF-8"},
        {"\xfe\xff", "1:1: the file is UTF-16 or UTF-32: save it as UTF-8"},
    };
    REFUSES(rows);
}

/* A text like format, with a %d, count times, between begin and end. */
static char *list_of(const char *begin, const char *format, int count, const char *end) {
    size_t room = strlen(format) + 12;
    char *text = malloc(strlen(begin) + strlen(end) + room * (size_t)count + 1), *at;
    assert_non_null(text);
    at = stpcpy(text, begin);
    for (int i = 0; i < count; i++)
        at += snprintf(at, room, format, i);
    strcpy(at, end);
    return text;
}

/* How many texts are compared to read a file with count of them. */
static size_t steps(const char *begin, const char *format, int count, const char *end) {
    char *text = list_of(begin, format, count, end);
    names_compared = 0;
    struct fleet f = accepts(text);
    fleet_fini(&f);
    free(text);
    return names_compared;
}

WEIR_TEST(the_steps_to_read_a_file_are_linear_in_its_size) {
    static const char *const forms[][3] = {
        {HEAD " a:\n  command: x\n  environment: [", "A%d=,", "]\n"},
        {HEAD " a:\n  command: x\n  environment:\n", "   A%d: b\n", ""},
    };
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        size_t few = steps(forms[i][0], forms[i][1], 1000, forms[i][2]);
        size_t many = steps(forms[i][0], forms[i][1], 16000, forms[i][2]);
        assert_true(few >= 1000);
        assert_true(many < 32 * few); /* 256 times as many, if each is compared with each */
    }
    size_t few = steps(HEAD, "  n%d: {command: x}\n", 20, "");
    assert_true(steps(HEAD, "  n%d: {command: x}\n", LIMIT_NODES, "") < 20 * few);
}

WEIR_TEST(each_of_many_names_is_found_again) {
    struct arena a = {NULL};
    struct names n;
    static char texts[3000][8];
    assert_int_equal(names_init(&n, &a, 3000), 0);
    for (size_t i = 0; i < 3000; i++) {
        int len = snprintf(texts[i], sizeof texts[i], "n%zu", i);
        assert_int_equal(names_find(&n, texts[i], (size_t)len), NAMES_NONE);
        assert_int_equal(names_put(&n, texts[i], (size_t)len, i), NAMES_NONE);
    }
    for (size_t i = 0; i < 3000; i++) {
        assert_int_equal(names_find(&n, texts[i], strlen(texts[i])), i);
        assert_int_equal(names_put(&n, texts[i], strlen(texts[i]), 0), i);
    }
    arena_fini(&a);
}

WEIR_TEST(every_allocation_may_fail) {
    static const char text[] = HEAD "  a: {command: a b, environment: [A=1]}\n"
                                    "  b: {command: [x, y], depends_on: [a]}\n"
                                    "  c: {worker: ./w, port: 1, with: {d: e}}\n";
    int rc = -ENOMEM;
    for (size_t n = 1; rc == -ENOMEM; n++) {
        struct fleet f;
        struct yaml_problem p;
        weir__alloc_fail_at(n);
        rc = fleet_parse(text, sizeof text - 1, &f, &p);
        weir__alloc_fail_at(0);
        fleet_fini(&f);
    }
    assert_int_equal(rc, 0);
}

WEIR_TEST(any_bytes_are_refused_or_read_but_never_more) {
    static const char text[] = HEAD "  a: {command: \"x \\\" y\", port: 12, grace: 1.5s}\n"
                                    "  b: {worker: iopin, port: 1, depends_on: [a]}\n";
    for (size_t cut = 0; cut < sizeof text - 1; cut++) {
        for (int change = 0; change < 40; change++) {
            char copy[sizeof text];
            struct fleet f;
            struct yaml_problem p;
            memcpy(copy, text, sizeof text);
            copy[cut] = "\0\t\n []{}:,#&*!|>'\"%@`-?\\\x80\xff" "ab01<=~_."[change % 36];
            fleet_parse(copy, change < 36 ? sizeof text - 1 : cut, &f, &p);
            fleet_fini(&f);
        }
    }
}
