// SPDX-License-Identifier: MIT
// What a Go program leans on: goroutines on many threads, channels, timers, signals, os/exec,
// files, the garbage collector.  Prints TAP; the same binary passes on Linux first.
package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

var count, failed int

func check(name string, ok bool) {
	count++
	if !ok {
		failed++
		fmt.Print("not ")
	}
	fmt.Printf("ok %d - %s\n", count, name)
}

func goroutines() bool {
	var wg sync.WaitGroup
	var sum int64
	for i := 0; i < 2000; i++ {
		wg.Add(1)
		go func(n int64) {
			defer wg.Done()
			runtime.Gosched()
			atomic.AddInt64(&sum, n)
		}(int64(i))
	}
	wg.Wait()
	return sum == 1999000
}

func pipeline() bool {
	c := make(chan int)
	var last <-chan int = c
	for i := 0; i < 100; i++ {
		in, out := last, make(chan int)
		go func() {
			for v := range in {
				out <- v + 1
			}
			close(out)
		}()
		last = out
	}
	go func() {
		for i := 0; i < 50; i++ {
			c <- i
		}
		close(c)
	}()
	n := 0
	for v := range last {
		if v != n+100 {
			return false
		}
		n++
	}
	return n == 50
}

func lockedThreads() bool {
	var wg sync.WaitGroup
	tids := sync.Map{}
	for i := 0; i < 8; i++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			runtime.LockOSThread()
			tids.Store(syscall.Gettid(), true)
			time.Sleep(50 * time.Millisecond)
		}()
	}
	wg.Wait()
	n := 0
	tids.Range(func(_, _ any) bool { n++; return true })
	return n == 8
}

func timers() bool {
	start := time.Now()
	<-time.After(30 * time.Millisecond)
	tick := time.NewTicker(5 * time.Millisecond)
	for i := 0; i < 5; i++ {
		<-tick.C
	}
	tick.Stop()
	passed := time.Since(start)
	return passed >= 55*time.Millisecond && passed < 20*time.Second
}

func signals() bool {
	c := make(chan os.Signal, 10)
	signal.Notify(c, syscall.SIGUSR1, syscall.SIGHUP)
	defer signal.Stop(c)
	for _, s := range []syscall.Signal{syscall.SIGUSR1, syscall.SIGHUP} {
		syscall.Kill(os.Getpid(), s)
		select {
		case got := <-c:
			if got != s {
				return false
			}
		case <-time.After(10 * time.Second):
			return false
		}
	}
	return true
}

func preemption() bool {
	// a goroutine that never yields must not keep the others from running (SIGURG)
	var stop int32
	go func() {
		for atomic.LoadInt32(&stop) == 0 {
		}
	}()
	old := runtime.GOMAXPROCS(1)
	time.Sleep(20 * time.Millisecond)
	atomic.StoreInt32(&stop, 1)
	runtime.GOMAXPROCS(old)
	return true
}

func children() bool {
	self, err := os.Executable()
	if err != nil {
		return false
	}
	for i := 0; i < 10; i++ {
		cmd := exec.Command(self, "child", fmt.Sprint(i))
		cmd.Stdin = strings.NewReader("hello")
		var out bytes.Buffer
		cmd.Stdout = &out
		err := cmd.Run()
		exit, ok := err.(*exec.ExitError)
		if !ok || exit.ExitCode() != 10+i || out.String() != fmt.Sprintf("child %d read 5\n", i) {
			return false
		}
	}
	cmd := exec.Command(self, "sleep")
	if cmd.Start() != nil {
		return false
	}
	cmd.Process.Kill()
	err = cmd.Wait()
	exit, ok := err.(*exec.ExitError)
	return ok && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL
}

func files() bool {
	dir, err := os.MkdirTemp("", "go-checks")
	if err != nil {
		return false
	}
	defer os.RemoveAll(dir)
	for i := 0; i < 100; i++ {
		if os.WriteFile(fmt.Sprintf("%s/%d", dir, i), bytes.Repeat([]byte{byte(i)}, i*100), 0o644) != nil {
			return false
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 100 {
		return false
	}
	data, err := os.ReadFile(dir + "/99")
	return err == nil && len(data) == 9900 && data[9899] == 99
}

func garbage() bool {
	var keep [][]byte
	for i := 0; i < 2000; i++ {
		b := make([]byte, 32<<10)
		b[i%len(b)] = 1
		if i%100 == 0 {
			keep = append(keep, b)
		}
	}
	runtime.GC()
	return len(keep) == 20
}

func fault() (ok bool) {
	defer func() { ok = recover() != nil }()
	var p *int
	return *p == 0
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "child" {
		var n int
		buf := make([]byte, 64)
		n, _ = os.Stdin.Read(buf)
		fmt.Printf("child %s read %d\n", os.Args[2], n)
		var code int
		fmt.Sscan(os.Args[2], &code)
		os.Exit(10 + code)
	}
	if len(os.Args) > 1 && os.Args[1] == "sleep" {
		time.Sleep(time.Hour)
	}
	check("goroutines", goroutines())
	check("a pipeline of channels", pipeline())
	check("goroutines locked to threads", lockedThreads())
	check("timers", timers())
	check("signals", signals())
	check("preemption", preemption())
	check("os/exec", children())
	check("files", files())
	check("garbage collection", garbage())
	check("nil dereference becomes a panic", fault())
	fmt.Printf("1..%d\n", count)
	if failed > 0 {
		os.Exit(1)
	}
}
