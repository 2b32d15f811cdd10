/* SPDX-License-Identifier: MIT */
#pragma once
/* Clocks and timers of programs: numbers of clock_gettime(2), setitimer(2), timerfd_create(2). */
#define CLOCK_REALTIME 0
#define CLOCK_MONOTONIC 1
#define CLOCK_PROCESS_CPUTIME_ID 2
#define CLOCK_THREAD_CPUTIME_ID 3
#define CLOCK_MONOTONIC_RAW 4
#define CLOCK_REALTIME_COARSE 5
#define CLOCK_MONOTONIC_COARSE 6
#define CLOCK_BOOTTIME 7
#define CLOCK_REALTIME_ALARM 8
#define CLOCK_BOOTTIME_ALARM 9
#define CLOCK_TAI 11
#define TIMER_ABSTIME 1

/* A dynamic clock id: ~pid << 3 | per thread << 2 | which (0 PROF, 1 VIRT, 2 SCHED). */
#define CPUCLOCK_WHICH 3
#define CPUCLOCK_PERTHREAD 4

#define ITIMER_REAL 0
#define ITIMER_VIRTUAL 1
#define ITIMER_PROF 2

#define TFD_TIMER_CANCEL_ON_SET 2
