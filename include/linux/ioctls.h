/* SPDX-License-Identifier: MIT */
#pragma once
/* ioctl(2) numbers that belong to files of more than one kind; a terminal's are in its own header. */
#define TIOCOUTQ 0x5411 /* also SIOCOUTQ */
#define FIONREAD 0x541b
#define FIONBIO 0x5421
#define FIOASYNC 0x5452
#define FIONCLEX 0x5450
#define FIOCLEX 0x5451
#define FIOQSIZE 0x5460
#define FIGETBSZ 2
#define FS_IOC_GETFLAGS 0x80086601u
#define RNDGETENTCNT 0x80045200u
#define RNDADDTOENTCNT 0x40045201u
#define RNDADDENTROPY 0x40085203u
