/* SPDX-License-Identifier: MIT */
/* Frames: found in pieces of every size, read from streams, written; and frames that must be
 * refused. */
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <weir/frame.h>
#include <weir/group.h>
#include <weir/stream.h>
#include <weir/task.h>
#include <weir/testing.h>

#include "test/runner.h"

static const struct weir_framing line = {.size = sizeof line, .max = 8};
static const struct weir_framing dots = {.size = sizeof dots, .kind = WEIR_FRAME_DELIMITED,
                                         .max = 8, .delimiter = "..!", .delimiter_len = 3};
static const struct weir_framing two = {.size = sizeof two, .kind = WEIR_FRAME_LENGTH, .max = 300,
                                        .length_bytes = 2};
static const struct weir_framing itself = {.size = sizeof itself, .kind = WEIR_FRAME_LENGTH,
                                           .max = 300, .length_bytes = 3, .little_endian = true,
                                           .counts_itself = true};
static const struct weir_framing five = {.size = sizeof five, .kind = WEIR_FRAME_FIXED,
                                         .fixed = 5};

static struct weir_view view(const char *text) {
    return (struct weir_view){text, strlen(text)};
}

/* Cut all of the input, `step` bytes at a time, and write the frames behind one another as
 * "<frame>"; then what ended it, if that was not 0. */
static void cut(const struct weir_framing *framing, struct weir_view input, size_t step,
                char ret[256]) {
    struct weir_framer f;
    struct weir_view frame;
    int rc = 0;
    size_t n = 0;
    assert_int_equal(weir_framer_open(&f, framing), 0);
    for (size_t at = 0; at < input.len && rc == 0; at += step) {
        size_t len = input.len - at < step ? input.len - at : step;
        char *piece = malloc(len); /* so that ASan sees a view that outlives its piece */
        memcpy(piece, (const char *)input.base + at, len);
        struct weir_view in = {piece, len};
        while ((rc = weir_framer_next(&f, &in, &frame)) == 1)
            n += (size_t)snprintf(ret + n, 256 - n, "<%.*s>", (int)frame.len,
                                  (const char *)frame.base);
        assert_true(rc != 0 || in.len == 0);
        free(piece);
    }
    if (rc == 0 && (rc = weir_framer_end(&f, &frame)) == 1)
        n += (size_t)snprintf(ret + n, 256 - n, "<%.*s>", (int)frame.len,
                              (const char *)frame.base);
    if (rc < 0)
        snprintf(ret + n, 256 - n, " %s", weir_error_name(rc));
    weir_framer_close(&f);
}

static void expect(const struct weir_framing *framing, struct weir_view input, const char *frames) {
    char found[256];
    for (size_t step = 1; step <= input.len; step++) {
        found[0] = '\0';
        cut(framing, input, step, found);
        assert_string_equal(found, frames);
    }
}

WEIR_TEST(lines_end_with_lf_or_crlf_and_the_last_with_the_stream) {
    expect(&line, view("one\ntwo\r\n\n\r\n\rx\nlast"), "<one><two><><><\rx><last>");
    expect(&line, view("one\n"), "<one>");
    expect(NULL, view("a line of the default size\n"), "<a line of the default size>");
}

WEIR_TEST(a_line_of_the_longest_size_passes_and_one_byte_more_does_not) {
    expect(&line, view("12345678\n1\n"), "<12345678><1>");
    expect(&line, view("12345678\r\n1\n"), "<12345678><1>");
    expect(&line, view("1\n123456789\n1\n"), "<1> WEIR_ETOOBIG");
    expect(&line, view("1\n12345678\rx\n"), "<1> WEIR_ETOOBIG");
    expect(&line, view("1\n123456789"), "<1> WEIR_ETOOBIG");
}

WEIR_TEST(a_delimiter_of_several_bytes_is_found_across_pieces) {
    expect(&dots, view("a..!b.!..!..!...!....!"), "<a><b.!><><.><..>");
    expect(&dots, view("a..!b.."), "<a> WEIR_EEOF");
    expect(&dots, view("12345678..!123456789..!"), "<12345678> WEIR_ETOOBIG");
}

WEIR_TEST(a_length_counts_the_bytes_behind_it) {
    expect(&two, (struct weir_view){"\0\3abc\0\0\0\1x", 10}, "<abc><><x>");
    expect(&two, (struct weir_view){"\0\3ab", 4}, " WEIR_EEOF");
    expect(&two, (struct weir_view){"\0", 1}, " WEIR_EEOF");
    expect(&two, (struct weir_view){"\1\55x", 3}, " WEIR_ETOOBIG");
    expect(&itself, (struct weir_view){"\6\0\0abc\3\0\0", 9}, "<abc><>");
    expect(&itself, (struct weir_view){"\3\0\0\2\0\0", 6}, "<> WEIR_EPROTO");
}

WEIR_TEST(frames_of_one_size_are_cut_by_counting) {
    expect(&five, view("1234512345"), "<12345><12345>");
    expect(&five, view("12345123"), "<12345> WEIR_EEOF");
}

WEIR_TEST(eight_bytes_of_length_neither_overflow_nor_take_memory) {
    struct weir_framing eight = {.size = sizeof eight, .kind = WEIR_FRAME_LENGTH,
                                 .length_bytes = 8, .max = 1 << 30, .counts_itself = true};
    struct weir_framer f;
    struct weir_view frame, in = {"\xff\xff\xff\xff\xff\xff\xff\xff", 8};
    assert_int_equal(weir_framer_open(&f, &eight), 0);
    assert_int_equal(weir_framer_next(&f, &in, &frame), WEIR_ETOOBIG);
    assert_int_equal(weir_framer_next(&f, &in, &frame), WEIR_ETOOBIG);
    weir_framer_close(&f);
    assert_int_equal(weir_framer_open(&f, &eight), 0);
    in = (struct weir_view){"\0\0\0\0\x3f\xff\xff\xff" "abc", 11};
    assert_int_equal(weir_framer_next(&f, &in, &frame), 0);
    assert_true(mallinfo2().uordblks < 1 << 20);
    weir_framer_close(&f);
    assert_int_equal(weir_framer_next(&f, &in, &frame), WEIR_ECLOSED);
}

static void expect_little_taken(const struct weir_framing *framing) {
    static char many[64 << 10];
    struct weir_framer f;
    struct weir_view frame, in = {"x", 1};
    memset(many, 'x', sizeof many);
    assert_int_equal(weir_framer_open(&f, framing), 0);
    assert_int_equal(weir_framer_next(&f, &in, &frame), 0);
    in = (struct weir_view){many, sizeof many};
    assert_int_equal(weir_framer_next(&f, &in, &frame), WEIR_ETOOBIG);
    assert_true(in.len > sizeof many - 32);
    weir_framer_close(&f);
}

/* A frame that has begun in an earlier piece is put together: only as far as it may reach. */
WEIR_TEST(of_a_long_piece_without_an_end_no_more_is_kept_than_a_frame_may_have) {
    expect_little_taken(&line);
    expect_little_taken(&dots);
}

WEIR_TEST(framings_that_are_not_possible_are_refused) {
    struct weir_framing bad[] = {
        {.kind = (enum weir_frame_kind)9},
        {.kind = WEIR_FRAME_DELIMITED},
        {.kind = WEIR_FRAME_DELIMITED, .delimiter = "12345678901234567", .delimiter_len = 17},
        {.kind = WEIR_FRAME_LENGTH, .length_bytes = 5},
        {.kind = WEIR_FRAME_FIXED},
        {.max = ((size_t)1 << 30) + 1},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct weir_framer f;
        bad[i].size = sizeof bad[i];
        assert_int_equal(weir_framer_open(&f, &bad[i]), -EINVAL);
        assert_non_null(strstr(weir_error(-EINVAL)->text, "weir_framer_open: "));
        weir_framer_close(&f);
    }
}

WEIR_TEST(a_fixed_size_has_no_other_limit) {
    struct weir_framing fixed = {.size = sizeof fixed, .kind = WEIR_FRAME_FIXED, .fixed = 3,
                                 .max = (size_t)2 << 30};
    struct weir_framer f;
    struct weir_view frame, in = view("abcd");
    assert_int_equal(weir_framer_open(&f, &fixed), 0);
    assert_int_equal(weir_framer_next(&f, &in, &frame), 1);
    assert_int_equal(frame.len, 3);
    weir_framer_close(&f);
}

WEIR_TEST(without_memory_no_byte_is_lost) {
    struct weir_framer f;
    struct weir_view frame, in = view("half a l"), rest = view("ine\n");
    assert_int_equal(weir_framer_open(&f, NULL), 0);
    weir_fault_allocation(1);
    assert_int_equal(weir_framer_next(&f, &in, &frame), -ENOMEM);
    assert_int_equal(in.len, 8);
    assert_int_equal(weir_framer_next(&f, &in, &frame), 0);
    assert_int_equal(weir_framer_next(&f, &rest, &frame), 1);
    assert_int_equal(frame.len, 11);
    assert_memory_equal(frame.base, "half a line", 11);
    weir_framer_close(&f);
}

/* ---- streams ---- */

struct pair {
    struct weir_stream *a, *b;
};

struct send_args {
    struct weir_stream *s;
    const char *text;
};

static int send_text(void *args) {
    struct send_args *a = args;
    int rc = 0;
    for (const char *p = a->text; *p != '\0' && rc == 0; p++)
        rc = weir_write(a->s, p, 1);
    return rc == 0 ? weir_shutdown(a->s) : rc;
}

static int read_lines(struct weir_stream *s, char *ret, size_t size) {
    struct weir_frames r;
    struct weir_view v;
    size_t n = 0;
    int rc = weir_frames_open(&r, s, NULL);
    if (rc < 0)
        return rc;
    while ((rc = weir_frames_next(&r, &v)) == 1)
        n += (size_t)snprintf(ret + n, size - n, "<%.*s>", (int)v.len, (const char *)v.base);
    weir_frames_close(&r);
    return rc;
}

static int lines_over_memory(void *arg) {
    char found[64] = "";
    struct pair p = {0};
    struct weir_group g;
    struct weir_scope scope; /* a cancelled task leaves the other alone */
    int rc = weir_memory_pair(3, &p.a, &p.b);
    if (rc < 0)
        return rc;
    weir_scope_enter(&scope, WEIR_SECONDS(1));
    weir_group_open(&g, WEIR_TOGETHER);
    struct send_args send = {p.a, "first\r\nsecond\n\nlast"};
    rc = weir_spawn(&g, WEIR_SITE(send_text), send_text, &send, sizeof send, NULL, NULL);
    if (rc == 0)
        rc = read_lines(p.b, found, sizeof found);
    rc = weir_scope_leave(&scope, weir_group_close(&g, rc));
    weir_close(&p.a);
    weir_close(&p.b);
    if (rc == 0)
        assert_string_equal(found, "<first><second><><last>");
    return rc;
}

WEIR_TEST(lines_come_whole_from_a_stream_wherever_it_is_disturbed) {
    struct weir_story story = {.size = sizeof story, .name = "lines", .fn = lines_over_memory};
    assert_int_equal(weir_explore_cancels(&story, NULL), 0);
    assert_int_equal(weir_explore_allocations(&story, NULL), 0);
    assert_int_equal(weir_explore_seeds(&story, NULL), 0);
}

/* The peer sends no more, so a call that read on would wait. */
static int refuses_again(void *arg) {
    struct pair p;
    struct weir_frames r;
    struct weir_view v;
    struct weir_scope scope;
    struct weir_framing four = {.size = sizeof four, .max = 4};
    assert_int_equal(weir_memory_pair(0, &p.a, &p.b), 0);
    assert_int_equal(weir_frames_open(&r, p.b, &four), 0);
    assert_int_equal(weir_write(p.a, "abc", 3), 0);
    weir_scope_enter(&scope, WEIR_MILLISECONDS(1));
    assert_int_equal(weir_scope_leave(&scope, weir_frames_next(&r, &v)), -ETIME);
    assert_int_equal(weir_write(p.a, "def", 3), 0);
    assert_int_equal(weir_frames_next(&r, &v), WEIR_ETOOBIG);
    weir_scope_enter(&scope, WEIR_MILLISECONDS(1));
    assert_int_equal(weir_frames_next(&r, &v), WEIR_ETOOBIG);
    assert_non_null(strstr(weir_error(WEIR_ETOOBIG)->text, "4 bytes"));
    weir_scope_cancel(&scope, "a test");
    assert_int_equal(weir_frames_next(&r, &v), -ECANCELED);
    assert_int_equal(weir_scope_leave(&scope, 0), 0);
    weir_frames_close(&r);
    weir_close(&p.a);
    weir_close(&p.b);
    return 0;
}

WEIR_TEST(a_frame_that_was_refused_is_refused_again_without_a_wait) {
    assert_int_equal(weir_sim_run(refuses_again, NULL, NULL), 0);
}

/* A reader whose calls are cut short loses nothing: it reads on where it was. */
static int reads_on(void *arg) {
    struct pair p;
    struct weir_frames r;
    struct weir_view v;
    assert_int_equal(weir_memory_pair(0, &p.a, &p.b), 0);
    assert_int_equal(weir_frames_open(&r, p.b, &two), 0);
    const char *parts[] = {"\0\5", "he", "llo\0\2"};
    size_t sizes[] = {2, 2, 5};
    for (int i = 0; i < 3; i++) {
        struct weir_scope scope;
        assert_int_equal(weir_write(p.a, parts[i], sizes[i]), 0);
        weir_scope_enter(&scope, WEIR_MILLISECONDS(1));
        int rc = weir_scope_leave(&scope, weir_frames_next(&r, &v));
        assert_int_equal(rc, i < 2 ? -ETIME : 1);
    }
    assert_memory_equal(v.base, "hello", 5);
    assert_int_equal(weir_write(p.a, "\0y", 2), 0);
    weir_frames_close(&r);
    char rest[4];
    assert_int_equal(weir_read_exactly(p.b, rest, 4), 0); /* and then as plain bytes */
    assert_memory_equal(rest, "\0\2\0y", 4);
    weir_close(&p.a);
    weir_close(&p.b);
    return 0;
}

WEIR_TEST_BACKENDS(a_read_that_is_cut_short_goes_on_with_the_next) {
    assert_int_equal(weir_run(reads_on, NULL, NULL), 0);
}

static void writes_as(struct weir_stream *a, struct weir_stream *b,
                      const struct weir_framing *framing, const char *frame, const char *bytes,
                      size_t len) {
    char got[64];
    assert_int_equal(weir_frame_write(a, framing, frame, strlen(frame)), 0);
    assert_int_equal(weir_read_exactly(b, got, len), 0);
    assert_memory_equal(got, bytes, len);
}

static void refuses(struct weir_stream *a, const struct weir_framing *framing, const char *frame,
                    int rc) {
    assert_int_equal(weir_frame_write(a, framing, frame, strlen(frame)), rc);
}

static int writes(void *arg) {
    struct pair p;
    struct weir_framing crlf = {.size = sizeof crlf, .crlf = true};
    struct weir_framing aba = {.size = sizeof aba, .kind = WEIR_FRAME_DELIMITED,
                               .delimiter = "aba", .delimiter_len = 3};
    struct weir_framing one = {.size = sizeof one, .kind = WEIR_FRAME_LENGTH, .length_bytes = 1,
                               .max = 300};
    char long_one[257] = "";
    memset(long_one, 'x', 256);
    assert_int_equal(weir_memory_pair(0, &p.a, &p.b), 0);
    writes_as(p.a, p.b, NULL, "one", "one\n", 4);
    writes_as(p.a, p.b, &crlf, "", "\r\n", 2);
    writes_as(p.a, p.b, &dots, "a..", "a....!", 6);
    writes_as(p.a, p.b, &two, "abc", "\0\3abc", 5);
    writes_as(p.a, p.b, &itself, "abc", "\6\0\0abc", 6);
    writes_as(p.a, p.b, &five, "12345", "12345", 5);
    refuses(p.a, NULL, "two\nlines", -EINVAL);
    refuses(p.a, NULL, "cr\r", -EINVAL);
    refuses(p.a, &dots, "a..!b", -EINVAL);
    refuses(p.a, &aba, "ab", -EINVAL); /* "ababa" begins with a delimiter */
    refuses(p.a, &five, "1234", -EINVAL);
    refuses(p.a, &line, "123456789", WEIR_ETOOBIG);
    refuses(p.a, &one, long_one, WEIR_ETOOBIG);
    weir_close(&p.a);
    weir_close(&p.b);
    return 0;
}

WEIR_TEST_BACKENDS(what_is_written_as_a_frame_can_be_read_as_that_frame) {
    assert_int_equal(weir_run(writes, NULL, NULL), 0);
}

static int tries_though_cancelled(void *arg) {
    struct pair p;
    struct weir_frames closed = {0};
    struct weir_view frame;
    assert_int_equal(weir_memory_pair(0, &p.a, &p.b), 0);
    weir_task_cancel(weir_task_current(), "test");
    assert_int_equal(weir_frame_write(p.a, &five, "1234", 4), -ECANCELED);
    assert_int_equal(weir_frames_next(&closed, &frame), -ECANCELED);
    weir_fault_allocation(1);
    assert_int_equal(weir_printf(p.a, "%01999d", 7), -ECANCELED);
    weir_fault_allocation(0);
    weir_close(&p.a);
    weir_close(&p.b);
    return 0;
}

WEIR_TEST(calls_that_refuse_are_cancel_points) {
    assert_int_equal(weir_sim_run(tries_though_cancelled, NULL, NULL), 0);
}

static __attribute__((format(printf, 2, 3))) int tell(struct weir_stream *s, const char *format,
                                                      ...) {
    va_list args;
    va_start(args, format);
    int rc = weir_vprintf(s, format, args);
    va_end(args);
    return rc;
}

static int prints(void *arg) {
    struct pair p;
    char got[2000];
    assert_int_equal(weir_memory_pair(0, &p.a, &p.b), 0);
    assert_int_equal(tell(p.a, "%s %d%%\n", "short", 7), 0);
    assert_int_equal(weir_read_exactly(p.b, got, 9), 0);
    assert_memory_equal(got, "short 7%\n", 9);
    assert_int_equal(weir_printf(p.a, "%01999d", 7), 0); /* more than the frame of the call has */
    assert_int_equal(weir_read_exactly(p.b, got, 1999), 0);
    assert_int_equal(got[1998], '7');
    weir_fault_allocation(1);
    assert_int_equal(weir_printf(p.a, "%01999d", 7), -ENOMEM);
    weir_fault_allocation(0);
    weir_close(&p.a);
    weir_close(&p.b);
    return 0;
}

WEIR_TEST(printf_writes_short_and_long_texts_in_one_piece) {
    assert_int_equal(weir_sim_run(prints, NULL, NULL), 0);
}
