/* SPDX-License-Identifier: MIT */
/* choice_test.c - choices: their streams, their record, and a run that is replayed from them. */
#include "sim/sim.h"
#include "testing/seed_rig.h"
#include "testing/sim_run.h"

static struct sim_world *world_of(uint64_t seed, bool permutes) {
    struct sim_config c;
    weir__sim_config_defaults(&c);
    c.seed = seed;
    c.permutes = permutes;
    return weir__sim_world_new(&c, "main");
}

WEIR_TEST(one_choice_more_of_a_kind_shifts_no_other_kind) {
    struct sim_world *a = world_of(9, true), *b = world_of(9, true);
    for (int i = 0; i < 1000; i++) {
        weir__choose(a, SIM_TASK, 1 + (uint32_t)i);
        for (enum sim_choice_kind kind = SIM_OP; kind < SIM_KINDS; kind++)
            assert_int_equal(weir__choose(a, kind, 1000), weir__choose(b, kind, 1000));
    }
    assert_true(a->chance.digest != b->chance.digest);
    weir__sim_world_free(a);
    weir__sim_world_free(b);
}

WEIR_TEST(a_choice_is_fair) {
    struct sim_world *w = world_of(1, true);
    unsigned hits[5] = {0};
    for (int i = 0; i < 5000; i++)
        hits[weir__choose(w, SIM_TASK, 5)]++;
    for (int i = 0; i < 5; i++)
        assert_in_range(hits[i], 850, 1150);
    weir__sim_world_free(w);
}

WEIR_TEST(choices_past_the_limit_are_made_and_not_recorded) {
    struct sim_world *w = world_of(1, true);
    for (int i = 0; i < SIM_CHOICES_MAX + 10; i++)
        weir__choose(w, SIM_TASK, 2);
    assert_int_equal(w->chance.made.count, SIM_CHOICES_MAX);
    assert_int_equal(w->chance.count, SIM_CHOICES_MAX + 11); /* and one port */
    weir__sim_world_free(w);
}

static void run_choices(uint64_t seed, const struct sim_choices *replay, struct sim_choices *ret) {
    struct weir_sim_options o = {.size = sizeof o, .seed = seed, .loss = 50};
    o.jitter_ns = WEIR_MILLISECONDS(1);
    traced = 0;
    assert_int_equal(weir__sim_run_choices(&here, all_of_it, NULL, &o, replay, ret), 0);
}

WEIR_TEST(a_run_is_replayed_from_its_choices) {
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct sim_choices made, again;
        char once[TRACE];
        run_choices(seed, NULL, &made);
        uint64_t digest = weir_sim_counts()->digest;
        memcpy(once, trace, sizeof once);
        assert_int_equal(made.count, weir_sim_counts()->choices);
        run_choices(seed + 1000, &made, &again);
        assert_string_equal(trace, once);
        assert_true(weir_sim_counts()->digest == digest);
        assert_int_equal(again.count, made.count);
        assert_memory_equal(again.list, made.list, made.count * sizeof *made.list);
        weir__sim_choices_free(&made);
        weir__sim_choices_free(&again);
    }
}

WEIR_TEST(a_replay_without_choices_is_the_plain_run) {
    struct sim_choices none = {0};
    char plain[TRACE];
    assert_int_equal(run(all_of_it, (struct weir_sim_options){0}, 0), 0);
    memcpy(plain, trace, sizeof plain);
    run_choices(5, &none, NULL);
    assert_string_equal(trace, plain);
}

/* Half of the choices are gone: it still runs to its end. */
WEIR_TEST(a_list_from_which_choices_were_taken_is_replayed) {
    struct sim_choices made;
    run_choices(3, NULL, &made);
    for (size_t i = 0; i < made.count / 2; i++)
        made.list[i] = made.list[2 * i];
    made.count /= 2;
    run_choices(3, &made, NULL);
    weir__sim_choices_free(&made);
}
