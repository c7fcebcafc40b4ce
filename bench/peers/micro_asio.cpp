/* SPDX-License-Identifier: MIT */
/* micro_asio.cpp - the figures of bench-micro for Boost.Asio's coroutines, timers and posts. One
 * figure per line: name, nanoseconds. */
#include <utility>
#include <boost/asio.hpp>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <semaphore>
#include <thread>
#include <vector>

namespace asio = boost::asio;
using asio::awaitable;
using asio::use_awaitable;
using steady = std::chrono::steady_clock;

static const int rounds = 1000000, posts = 200000;

static void report(const char *name, steady::time_point start, double n) {
    double ns = std::chrono::duration<double, std::nano>(steady::now() - start).count();
    std::printf("%s %.1f\n", name, ns / n);
}

static awaitable<void> yields() {
    auto ex = co_await asio::this_coro::executor;
    for (int i = 0; i < rounds; i++)
        co_await asio::post(ex, use_awaitable);
}

static awaitable<int> nothing() {
    co_return 1;
}

static awaitable<void> spawns() {
    auto ex = co_await asio::this_coro::executor;
    auto start = steady::now();
    for (int i = 0; i < rounds; i++)
        co_await asio::co_spawn(ex, nothing(), use_awaitable);
    report("spawn_await_ns", start, rounds);
}

static void bench_timers(asio::io_context &io, size_t n) {
    std::vector<asio::steady_timer> timers;
    timers.reserve(n);
    size_t left = n;
    auto due = steady::now() + std::chrono::milliseconds(10);
    for (size_t i = 0; i < n; i++) {
        timers.emplace_back(io, due + std::chrono::microseconds(std::rand() % 1000));
        timers.back().async_wait([&left](const boost::system::error_code &) { left--; });
    }
    auto start = steady::now();
    io.restart();
    io.run();
    report("timer_fire_ns", start, double(n));
}

static void bench_posts(asio::io_context &io) {
    std::binary_semaphore back(0);
    auto guard = asio::make_work_guard(io);
    io.restart();
    std::thread loop([&io] { io.run(); });
    auto start = steady::now();
    for (int i = 0; i < posts; i++) {
        asio::post(io, [&back] { back.release(); });
        back.acquire();
    }
    report("post_wake_ns", start, posts);
    guard.reset();
    loop.join();
}

int main(int argc, char **argv) {
    size_t n = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 1000000;
    asio::io_context io(1);
    asio::co_spawn(io, yields(), asio::detached);
    asio::co_spawn(io, yields(), asio::detached);
    auto start = steady::now();
    io.run();
    report("yield_ns", start, 2.0 * rounds);
    io.restart();
    asio::co_spawn(io, spawns(), asio::detached);
    io.run();
    bench_timers(io, n);
    bench_posts(io);
    return 0;
}
