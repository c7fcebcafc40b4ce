// SPDX-License-Identifier: MIT
// main.rs - the figures of bench-micro for Tokio's current-thread runtime: one per line, name and
// nanoseconds.
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot, Mutex, Notify};
use tokio::task::{spawn, yield_now};

const ROUNDS: usize = 1_000_000;

fn report(name: &str, start: Instant, n: usize) {
    println!("{} {:.1}", name, start.elapsed().as_nanos() as f64 / n as f64);
}

async fn yields() {
    for _ in 0..ROUNDS {
        yield_now().await;
    }
}

async fn bench_yield() {
    let start = Instant::now();
    let (a, b) = (spawn(yields()), spawn(yields()));
    a.await.unwrap();
    b.await.unwrap();
    report("yield_ns", start, 2 * ROUNDS);
}

async fn bench_spawn() {
    let start = Instant::now();
    for _ in 0..ROUNDS {
        spawn(async { 1 }).await.unwrap();
    }
    report("spawn_await_ns", start, ROUNDS);
}

async fn bench_chan() {
    let (there, mut there_end) = mpsc::channel::<usize>(1);
    let (back, mut back_end) = mpsc::channel::<usize>(1);
    spawn(async move {
        while let Some(v) = there_end.recv().await {
            back.send(v).await.unwrap();
        }
    });
    let start = Instant::now();
    for i in 0..ROUNDS {
        there.send(i).await.unwrap();
        back_end.recv().await.unwrap();
    }
    report("chan_message_ns", start, 2 * ROUNDS);
}

async fn bench_future() {
    let (asks, mut asks_end) = mpsc::channel::<oneshot::Sender<i32>>(1);
    spawn(async move {
        while let Some(p) = asks_end.recv().await {
            p.send(1).unwrap();
        }
    });
    let start = Instant::now();
    for _ in 0..ROUNDS {
        let (set, get) = oneshot::channel();
        asks.send(set).await.unwrap();
        get.await.unwrap();
    }
    report("future_set_await_ns", start, ROUNDS);
}

async fn contends(m: Arc<Mutex<u64>>) {
    for _ in 0..ROUNDS {
        let mut guard = m.lock().await;
        yield_now().await;
        *guard += 1;
    }
}

async fn bench_mutex() {
    let m = Arc::new(Mutex::new(0));
    let start = Instant::now();
    for _ in 0..ROUNDS {
        *m.lock().await += 1;
    }
    report("lock_unlock_ns", start, ROUNDS);
    let start = Instant::now();
    let (a, b) = (spawn(contends(m.clone())), spawn(contends(m.clone())));
    a.await.unwrap();
    b.await.unwrap();
    report("lock_hand_over_ns", start, 2 * ROUNDS);
}

async fn bench_select() {
    let mut ends = Vec::new();
    let mut begins = Vec::new();
    for _ in 0..8 {
        let (a, b) = mpsc::channel::<usize>(1);
        begins.push(a);
        ends.push(b);
    }
    spawn(async move {
        for i in 0..ROUNDS {
            begins[i % 8].send(i).await.unwrap();
        }
    });
    let mut c = ends.into_iter();
    let mut next = || c.next().unwrap();
    let (mut a, mut b, mut d, mut e) = (next(), next(), next(), next());
    let (mut f, mut g, mut h, mut i) = (next(), next(), next(), next());
    let start = Instant::now();
    for _ in 0..ROUNDS {
        tokio::select! {
            _ = a.recv() => {} _ = b.recv() => {} _ = d.recv() => {} _ = e.recv() => {}
            _ = f.recv() => {} _ = g.recv() => {} _ = h.recv() => {} _ = i.recv() => {}
        }
    }
    report("select_8_ns", start, ROUNDS);
}

async fn bench_wake_all(n: usize) {
    let gate = Arc::new(Notify::new());
    let mut all = Vec::with_capacity(n);
    for _ in 0..n {
        let g = gate.clone();
        all.push(spawn(async move { g.notified().await }));
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    let start = Instant::now();
    gate.notify_waiters();
    for t in all {
        t.await.unwrap();
    }
    report("wake_all_ns", start, n);
}

async fn bench_lateness(n: usize) {
    let begin = tokio::time::Instant::now() + Duration::from_secs(1);
    let mut all = Vec::with_capacity(n);
    for i in 0..n {
        let due = begin + Duration::from_nanos(1_000_000_000 / n as u64 * i as u64);
        all.push(spawn(async move {
            tokio::time::sleep_until(due).await;
            due.elapsed().as_nanos() as f64 / 1e6
        }));
    }
    let mut late = Vec::with_capacity(n);
    for t in all {
        late.push(t.await.unwrap());
    }
    late.sort_by(|a, b| a.partial_cmp(b).unwrap());
    println!("spread_late_p50_ms {:.3}", late[n / 2]);
    println!("spread_late_p99_ms {:.3}", late[n * 99 / 100]);
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let n = std::env::args().nth(1).map_or(1_000_000, |a| a.parse().unwrap());
    bench_yield().await;
    bench_spawn().await;
    bench_chan().await;
    bench_future().await;
    bench_mutex().await;
    bench_select().await;
    bench_wake_all(n).await;
    bench_lateness(n / 5).await;
}
