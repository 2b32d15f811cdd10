// SPDX-License-Identifier: MIT
// What a Rust program leans on: threads, channels, mutexes and condition variables, processes,
// unwinding, files, time.  Prints TAP; the same binary passes on Linux first.
use std::collections::HashMap;
use std::io::{Read, Seek, SeekFrom, Write};
use std::process::{Command, Stdio};
use std::sync::{mpsc, Arc, Barrier, Condvar, Mutex, RwLock};
use std::time::{Duration, Instant};
use std::{env, fs, panic, process, thread};

fn threads() -> bool {
    let sum = Arc::new(Mutex::new(0u64));
    let all: Vec<_> = (0..64u64)
        .map(|i| {
            let sum = Arc::clone(&sum);
            thread::spawn(move || {
                for _ in 0..100 {
                    *sum.lock().unwrap() += i;
                }
                i * 2
            })
        })
        .collect();
    let results: u64 = all.into_iter().map(|t| t.join().unwrap()).sum();
    let total = *sum.lock().unwrap();
    results == 64 * 63 && total == 100 * 64 * 63 / 2
}

fn channels() -> bool {
    let (tx, rx) = mpsc::channel();
    for i in 0..8 {
        let tx = tx.clone();
        thread::spawn(move || (0..500).for_each(|n| tx.send(i * 500 + n).unwrap()));
    }
    drop(tx);
    let mut got: Vec<i32> = rx.iter().collect();
    got.sort_unstable();
    got == (0..4000).collect::<Vec<_>>()
}

fn condvar_and_barrier() -> bool {
    let pair = Arc::new((Mutex::new(0), Condvar::new()));
    let barrier = Arc::new(Barrier::new(5));
    let all: Vec<_> = (0..4)
        .map(|i| {
            let (pair, barrier) = (Arc::clone(&pair), Arc::clone(&barrier));
            thread::spawn(move || {
                barrier.wait();
                for round in 0..50 {
                    let mut turn = pair.0.lock().unwrap();
                    while *turn != round * 4 + i {
                        turn = pair.1.wait(turn).unwrap();
                    }
                    *turn += 1;
                    pair.1.notify_all();
                }
            })
        })
        .collect();
    barrier.wait();
    all.into_iter().for_each(|t| t.join().unwrap());
    let (guard, timeout) = pair.1.wait_timeout(pair.0.lock().unwrap(), Duration::from_millis(20)).unwrap();
    let turns = *guard;
    turns == 200 && timeout.timed_out()
}

fn rwlock() -> bool {
    let map = Arc::new(RwLock::new(HashMap::new()));
    let all: Vec<_> = (0..8)
        .map(|i| {
            let map = Arc::clone(&map);
            thread::spawn(move || {
                for n in 0..200 {
                    map.write().unwrap().insert((i, n), i * n);
                    assert_eq!(map.read().unwrap()[&(i, n)], i * n);
                }
            })
        })
        .collect();
    all.into_iter().for_each(|t| t.join().unwrap());
    let n = map.read().unwrap().len();
    n == 1600
}

fn unwinding() -> bool {
    panic::set_hook(Box::new(|_| {}));
    let caught = panic::catch_unwind(|| {
        let v: Vec<i32> = Vec::new();
        v[env::args().count() + 5]
    });
    let in_thread = thread::spawn(|| panic!("on purpose")).join();
    caught.is_err() && in_thread.is_err()
}

fn children() -> bool {
    let me = env::current_exe().unwrap();
    (0..10).all(|i| {
        let mut c = Command::new(&me)
            .args(["child", &i.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        c.stdin.take().unwrap().write_all(b"some input").unwrap();
        let out = c.wait_with_output().unwrap();
        out.status.code() == Some(20 + i) && out.stdout == b"child read 10 bytes\n"
    })
}

fn files() -> bool {
    let path = env::temp_dir().join(format!("rust-checks-{}", process::id()));
    let mut f = fs::OpenOptions::new().read(true).write(true).create(true).open(&path).unwrap();
    f.write_all(&[7u8; 100_000]).unwrap();
    f.seek(SeekFrom::Start(99_990)).unwrap();
    let mut tail = Vec::new();
    f.read_to_end(&mut tail).unwrap();
    f.set_len(10).unwrap();
    let len = fs::metadata(&path).unwrap().len();
    fs::remove_file(&path).unwrap();
    tail == [7u8; 10] && len == 10 && fs::metadata(&path).is_err()
}

fn time() -> bool {
    let start = Instant::now();
    thread::sleep(Duration::from_millis(30));
    let passed = start.elapsed();
    passed >= Duration::from_millis(30) && passed < Duration::from_secs(20)
}

fn main() {
    let args: Vec<String> = env::args().collect();
    if args.get(1).map(String::as_str) == Some("child") {
        let mut input = String::new();
        std::io::stdin().read_to_string(&mut input).unwrap();
        println!("child read {} bytes", input.len());
        process::exit(20 + args[2].parse::<i32>().unwrap());
    }
    let checks: [(&str, fn() -> bool); 8] = [
        ("threads and a mutex", threads),
        ("channels", channels),
        ("condition variable and barrier", condvar_and_barrier),
        ("reader-writer lock", rwlock),
        ("unwinding", unwinding),
        ("processes", children),
        ("files", files),
        ("time", time),
    ];
    let mut failed = 0;
    for (i, (name, check)) in checks.iter().enumerate() {
        let ok = panic::catch_unwind(check).unwrap_or(false);
        failed += !ok as i32;
        println!("{}ok {} - {}", if ok { "" } else { "not " }, i + 1, name);
    }
    println!("1..{}", checks.len());
    process::exit((failed > 0) as i32);
}
