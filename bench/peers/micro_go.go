// SPDX-License-Identifier: MIT
// micro_go.go - the figures of bench-micro for Go, on one processor: one per line, name and
// nanoseconds.
package main

import (
	"fmt"
	"os"
	"runtime"
	"sort"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

const rounds = 1000000

func report(name string, start time.Time, n int) {
	fmt.Printf("%s %.1f\n", name, float64(time.Since(start).Nanoseconds())/float64(n))
}

func yield() {
	var both sync.WaitGroup
	both.Add(2)
	start := time.Now()
	for i := 0; i < 2; i++ {
		go func() {
			for j := 0; j < rounds; j++ {
				runtime.Gosched()
			}
			both.Done()
		}()
	}
	both.Wait()
	report("yield_ns", start, 2*rounds)
}

func spawnAwait() {
	start := time.Now()
	for i := 0; i < rounds; i++ {
		done := make(chan int)
		go func() { done <- 1 }()
		<-done
	}
	report("spawn_await_ns", start, rounds)
}

func pingPong() {
	there, back := make(chan int), make(chan int)
	go func() {
		for v := range there {
			back <- v
		}
		close(back)
	}()
	start := time.Now()
	for i := 0; i < rounds; i++ {
		there <- i
		<-back
	}
	report("chan_message_ns", start, 2*rounds)
	close(there)
}

// What Go has nearest to a future: a channel of one value, made for it.
func future() {
	type promise chan int
	asks := make(chan promise)
	go func() {
		for p := range asks {
			p <- 1
		}
	}()
	start := time.Now()
	for i := 0; i < rounds; i++ {
		p := make(promise, 1)
		asks <- p
		<-p
	}
	report("future_set_await_ns", start, rounds)
	close(asks)
}

func mutex() {
	var m sync.Mutex
	start := time.Now()
	for i := 0; i < rounds; i++ {
		m.Lock()
		m.Unlock()
	}
	report("lock_unlock_ns", start, rounds)
	var both sync.WaitGroup
	both.Add(2)
	start = time.Now()
	for i := 0; i < 2; i++ {
		go func() {
			for j := 0; j < rounds; j++ {
				m.Lock()
				runtime.Gosched()
				m.Unlock()
			}
			both.Done()
		}()
	}
	both.Wait()
	report("lock_hand_over_ns", start, 2*rounds)
}

func selectOfEight() {
	var c [8]chan int
	for i := range c {
		c[i] = make(chan int)
	}
	go func() {
		for i := 0; i < rounds; i++ {
			c[i%8] <- i
		}
	}()
	start := time.Now()
	for i := 0; i < rounds; i++ {
		select {
		case <-c[0]:
		case <-c[1]:
		case <-c[2]:
		case <-c[3]:
		case <-c[4]:
		case <-c[5]:
		case <-c[6]:
		case <-c[7]:
		}
	}
	report("select_8_ns", start, rounds)
}

func timers(n int) {
	var left int64 = int64(n)
	done := make(chan bool)
	due := time.Now().Add(3 * time.Second)
	for i := 0; i < n; i++ {
		time.AfterFunc(time.Until(due)+time.Duration(i)*time.Microsecond, func() {
			if atomic.AddInt64(&left, -1) == 0 {
				done <- true
			}
		})
	}
	time.Sleep(time.Until(due) + time.Duration(n)*time.Microsecond)
	start := time.Now()
	<-done // those that are late: the cost shows as lateness
	fmt.Printf("timer_fire_late_ms %.1f\n", float64(time.Since(start).Nanoseconds())/1e6)
}

func sleepersAtOnce(n int) {
	var all sync.WaitGroup
	gate := make(chan bool)
	all.Add(n)
	for i := 0; i < n; i++ {
		go func() { <-gate; all.Done() }()
	}
	time.Sleep(100 * time.Millisecond)
	start := time.Now()
	close(gate)
	all.Wait()
	report("wake_all_ns", start, n)
}

func lateness(n int) {
	var all sync.WaitGroup
	late := make([]float64, n)
	begin := time.Now().Add(time.Second)
	all.Add(n)
	for i := 0; i < n; i++ {
		go func(i int) {
			due := begin.Add(time.Duration(i) * time.Second / time.Duration(n))
			time.Sleep(time.Until(due))
			late[i] = float64(time.Since(due).Nanoseconds()) / 1e6
			all.Done()
		}(i)
	}
	all.Wait()
	sort.Float64s(late)
	fmt.Printf("spread_late_p50_ms %.3f\nspread_late_p99_ms %.3f\n", late[n/2], late[n*99/100])
}

func main() {
	sleepers := 1000000
	if len(os.Args) > 1 {
		sleepers, _ = strconv.Atoi(os.Args[1])
	}
	runtime.GOMAXPROCS(1)
	yield()
	spawnAwait()
	pingPong()
	future()
	mutex()
	selectOfEight()
	timers(sleepers)
	sleepersAtOnce(sleepers)
	lateness(sleepers / 5)
}
