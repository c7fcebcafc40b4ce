#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""micro_asyncio.py [SLEEPERS] - the figures of bench-micro for asyncio: one per line, name and
nanoseconds."""

import asyncio
import sys
import time

ROUNDS = 50000


def report(name, start, n):
    print(f'{name} {(time.perf_counter_ns() - start) / n:.1f}', flush=True)


async def yielder():
    for _ in range(ROUNDS):
        await asyncio.sleep(0)


async def bench_yield():
    start = time.perf_counter_ns()
    await asyncio.gather(yielder(), yielder())
    report('yield_ns', start, 2 * ROUNDS)


async def nothing():
    return 1


async def bench_spawn():
    start = time.perf_counter_ns()
    for _ in range(ROUNDS):
        await asyncio.create_task(nothing())
    report('spawn_await_ns', start, ROUNDS)


async def bench_chan():
    there, back = asyncio.Queue(1), asyncio.Queue(1)

    async def echo():
        for _ in range(ROUNDS):
            await back.put(await there.get())

    task = asyncio.create_task(echo())
    start = time.perf_counter_ns()
    for i in range(ROUNDS):
        await there.put(i)
        await back.get()
    report('chan_message_ns', start, 2 * ROUNDS)
    await task


async def bench_future():
    loop = asyncio.get_running_loop()
    asks = asyncio.Queue()

    async def answers():
        for _ in range(ROUNDS):
            (await asks.get()).set_result(1)

    task = asyncio.create_task(answers())
    start = time.perf_counter_ns()
    for _ in range(ROUNDS):
        f = loop.create_future()
        asks.put_nowait(f)
        await f
    report('future_set_await_ns', start, ROUNDS)
    await task


async def bench_lock():
    lock = asyncio.Lock()
    start = time.perf_counter_ns()
    for _ in range(ROUNDS):
        await lock.acquire()
        lock.release()
    report('lock_unlock_ns', start, ROUNDS)

    async def contender():
        for _ in range(ROUNDS):
            await lock.acquire()
            await asyncio.sleep(0)
            lock.release()

    start = time.perf_counter_ns()
    await asyncio.gather(contender(), contender())
    report('lock_hand_over_ns', start, 2 * ROUNDS)


async def bench_select():
    queues = [asyncio.Queue(1) for _ in range(8)]
    rounds = ROUNDS // 10

    async def feeds():
        for i in range(rounds):
            await queues[i % 8].put(i)

    task = asyncio.create_task(feeds())
    gets = [asyncio.create_task(q.get()) for q in queues]
    start = time.perf_counter_ns()
    seen = 0
    while seen < rounds:
        done, _ = await asyncio.wait(gets, return_when=asyncio.FIRST_COMPLETED)
        for d in done:
            i = gets.index(d)
            gets[i] = asyncio.create_task(queues[i].get())
            seen += 1
    report('select_8_ns', start, rounds)
    for g in gets:
        g.cancel()
    await task


async def bench_timers(n):
    loop = asyncio.get_running_loop()
    done = loop.create_future()
    left = n

    def fire():
        nonlocal left
        left -= 1
        if left == 0:
            done.set_result(None)

    due = loop.time() + 0.01
    for _ in range(n):
        loop.call_at(due, fire)
    start = time.perf_counter_ns()
    await done
    report('timer_fire_ns', start, n)


async def bench_wake_all(n):
    gate = asyncio.Event()

    async def sleeper():
        await gate.wait()

    tasks = [asyncio.create_task(sleeper()) for _ in range(n)]
    await asyncio.sleep(0.1)
    start = time.perf_counter_ns()
    gate.set()
    for t in tasks:
        await t
    report('wake_all_ns', start, n)


async def main():
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 1000000
    await bench_yield()
    await bench_spawn()
    await bench_chan()
    await bench_future()
    await bench_lock()
    await bench_select()
    await bench_timers(n)
    await bench_wake_all(n // 10)


asyncio.run(main())
