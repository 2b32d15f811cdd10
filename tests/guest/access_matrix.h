/* SPDX-License-Identifier: MIT */
#pragma once
/* What Linux answers: for each looker of access.c each target, one letter for each interface.
 * Printed by `access print` as root: . = may, A = EACCES, P = EPERM, r = it is root's. */
static const char *const access_matrix[] = {
	/* clang-format off */
	"....................rrr..........", /* root: root */
	"...........................P.....", /* root: user */
	".....................rr....P.....", /* root: dropped */
	".....................rr....P.....", /* root: undumpable */
	"...........................P.....", /* root: again */
	"...........................P.....", /* root: other */
	"...........................P.....", /* root: other group */
	"....................rrr....P.....", /* root: set-user-ID */
	".....................rr....P.....", /* root: set-gid */
	"...........................P.....", /* root: left */
	"...........................P.....", /* root: caps */
	".....................rr....P.....", /* root: secret exe */
	"      . ...         .rr     .    ", /* root: zombie */
	"AAAAAAAAA..AAPPAAAAPrrrPPPPPPPPPP", /* user: root */
	".............PP..................", /* user: user */
	"AAAAAAAAA..AAPPAAAAP.rrPPPP......", /* user: dropped */
	"AAAAAAAAA..AAPPAAAAP.rrPPPP......", /* user: undumpable */
	".............PP..................", /* user: again */
	"AAAAAAAAA..AAPPAAAAP...PPPPPPPPPP", /* user: other */
	"AAAAAA.A...PAPPAAAAP...PPPPP.....", /* user: other group */
	"AAAAAAAAA..AAPPAAAAPrrrPPPPP.PPPP", /* user: set-user-ID */
	"AAAAAAAAA..AAPPAAAAP.rrPPPPP.....", /* user: set-gid */
	".............PP..................", /* user: left */
	"AAAAAA.A...PAPPAAAAP...PPPP..PPPP", /* user: caps */
	"AAAAAAAAA..AAPPAAAAP.rrPPPP......", /* user: secret exe */
	"      A A..         .rr     .    ", /* user: zombie */
	"AAAAAAAAA..AAPPAAAAPrrrPPPPPPPPPP", /* other: root */
	"AAAAAAAAA..AAPPAAAAP...PPPPPPPPPP", /* other: user */
	"AAAAAAAAA..AAPPAAAAP.rrPPPPPPPPPP", /* other: dropped */
	"AAAAAAAAA..AAPPAAAAP.rrPPPPPPPPPP", /* other: undumpable */
	"AAAAAAAAA..AAPPAAAAP...PPPPPPPPPP", /* other: again */
	".............PP..................", /* other: other */
	"AAAAAAAAA..AAPPAAAAP...PPPPPPPPPP", /* other: other group */
	"AAAAAAAAA..AAPPAAAAPrrrPPPPPPPPPP", /* other: set-user-ID */
	"AAAAAAAAA..AAPPAAAAP.rrPPPPPPPPPP", /* other: set-gid */
	"AAAAAAAAA..AAPPAAAAP...PPPPPPPPPP", /* other: left */
	"AAAAAAAAA..AAPPAAAAP...PPPPPPPPPP", /* other: caps */
	"AAAAAAAAA..AAPPAAAAP.rrPPPPPPPPPP", /* other: secret exe */
	"      A A..         .rr     P    ", /* other: zombie */
	"AAAAAAAAA..AAPPAAAAPrrrPPPPPPPPPP", /* other group: root */
	"AAAAAA.A...PAPPAAAAP...PPPPP.....", /* other group: user */
	"AAAAAAAAA..AAPPAAAAP.rrPPPPP.....", /* other group: dropped */
	"AAAAAAAAA..AAPPAAAAP.rrPPPPP.....", /* other group: undumpable */
	"AAAAAA.A...PAPPAAAAP...PPPPP.....", /* other group: again */
	"AAAAAAAAA..AAPPAAAAP...PPPPPPPPPP", /* other group: other */
	".............PP..................", /* other group: other group */
	"AAAAAAAAA..AAPPAAAAPrrrPPPPP.PPPP", /* other group: set-user-ID */
	"AAAAAAAAA..AAPPAAAAP.rrPPPPP.....", /* other group: set-gid */
	"AAAAAA.A...PAPPAAAAP...PPPPP.....", /* other group: left */
	"AAAAAA.A...PAPPAAAAP...PPPPP.PPPP", /* other group: caps */
	"AAAAAAAAA..AAPPAAAAP.rrPPPPP.....", /* other group: secret exe */
	"      A A..         .rr     .    ", /* other group: zombie */
	"AAAAAA.A...PA..AAAAPrrrPPPP......", /* no ptrace: root */
	"AAAAAA.A...PA..AAAAP...PPPPP.....", /* no ptrace: user */
	"AAAAAA.A...PA..AAAAP.rrPPPPP.....", /* no ptrace: dropped */
	"AAAAAA.A...PA..AAAAP.rrPPPPP.....", /* no ptrace: undumpable */
	"AAAAAA.A...PA..AAAAP...PPPPP.....", /* no ptrace: again */
	"AAAAAA.A...PA..AAAAP...PPPPP.....", /* no ptrace: other */
	"AAAAAA.A...PA..AAAAP...PPPPP.....", /* no ptrace: other group */
	"AAAAAA.A...PA..AAAAPrrrPPPPP.....", /* no ptrace: set-user-ID */
	"AAAAAA.A...PA..AAAAP.rrPPPPP.....", /* no ptrace: set-gid */
	"AAAAAA.A...PA..AAAAP...PPPPP.....", /* no ptrace: left */
	"AAAAAA.A...PA..AAAAP...PPPPP.....", /* no ptrace: caps */
	"AAAAAA.A...PA..AAAAP.rrPPPPP.....", /* no ptrace: secret exe */
	"      . ...         .rr     .    ", /* no ptrace: zombie */
	"AAAAAA.A...PAPPAAAAPrrrPPPP..PPPP", /* no caps: root */
	"AAAAAAAAA..AAPPAAAAP...PPPPPPPPPP", /* no caps: user */
	"AAAAAA.A...PAPPAAAAP.rrPPPPPPPPPP", /* no caps: dropped */
	"AAAAAA.A...PAPPAAAAP.rrPPPPPPPPPP", /* no caps: undumpable */
	"AAAAAAAAA..AAPPAAAAP...PPPPPPPPPP", /* no caps: again */
	"AAAAAAAAA..AAPPAAAAP...PPPPPPPPPP", /* no caps: other */
	"AAAAAAAAA..AAPPAAAAP...PPPPPPPPPP", /* no caps: other group */
	"AAAAAA.A...PAPPAAAAPrrrPPPPP.PPPP", /* no caps: set-user-ID */
	"AAAAAA.A...PAPPAAAAP.rrPPPPPPPPPP", /* no caps: set-gid */
	"AAAAAAAAA..AAPPAAAAP...PPPPPPPPPP", /* no caps: left */
	"AAAAAAAAA..AAPPAAAAP...PPPPPPPPPP", /* no caps: caps */
	"AAAAAA.A...PAPPAAAAP.rrPPPPPPPPPP", /* no caps: secret exe */
	"      . ...         .rr     P    ", /* no caps: zombie */
	"AAAA..A.A..AAPP...A.rrr....PPPPPP", /* tracer: root */
	".............PP..................", /* tracer: user */
	"AAAA..A.A..AAPP...A..rr..........", /* tracer: dropped */
	"AAAA..A.A..AAPP...A..rr..........", /* tracer: undumpable */
	".............PP..................", /* tracer: again */
	"AAAA..A.A..AAPP...A........PPPPPP", /* tracer: other */
	".............PP............P.....", /* tracer: other group */
	"AAAA..A.A..AAPP...A.rrr....P.PPPP", /* tracer: set-user-ID */
	"AAAA..A.A..AAPP...A..rr....P.....", /* tracer: set-gid */
	".............PP..................", /* tracer: left */
	".............PP..............PPPP", /* tracer: caps */
	"AAAA..A.A..AAPP...A..rr..........", /* tracer: secret exe */
	"      A A..         .rr     .    ", /* tracer: zombie */
	"AAAAAA.AA..PAPPAAAAPrrrPPPPPPPPPP", /* reader: root */
	".............PP..................", /* reader: user */
	"AAAAAA.AA..PAPPAAAAP.rrPPPP......", /* reader: dropped */
	"AAAAAA.AA..PAPPAAAAP.rrPPPP......", /* reader: undumpable */
	".............PP..................", /* reader: again */
	"AAAAAA.AA..PAPPAAAAP...PPPPPPPPPP", /* reader: other */
	"AAAAAA.A...PAPPAAAAP...PPPPP.....", /* reader: other group */
	"AAAAAA.AA..PAPPAAAAPrrrPPPPP.PPPP", /* reader: set-user-ID */
	"AAAAAA.AA..PAPPAAAAP.rrPPPPP.....", /* reader: set-gid */
	".............PP..................", /* reader: left */
	"AAAAAA.A...PAPPAAAAP...PPPP..PPPP", /* reader: caps */
	"AAAAAA.AA..PAPPAAAAP.rrPPPP......", /* reader: secret exe */
	"      . A..         .rr     .    ", /* reader: zombie */
	"AAAAAAAAA..AA..AAAAPrrrPPPPPP....", /* nice: root */
	".................................", /* nice: user */
	"AAAAAAAAA..AA..AAAAP.rrPPPP......", /* nice: dropped */
	"AAAAAAAAA..AA..AAAAP.rrPPPP......", /* nice: undumpable */
	".................................", /* nice: again */
	"AAAAAAAAA..AA..AAAAP...PPPPPP....", /* nice: other */
	"AAAAAA.A...PA..AAAAP...PPPPP.....", /* nice: other group */
	"AAAAAAAAA..AA..AAAAPrrrPPPPP.....", /* nice: set-user-ID */
	"AAAAAAAAA..AA..AAAAP.rrPPPPP.....", /* nice: set-gid */
	".................................", /* nice: left */
	"AAAAAA.A...PA..AAAAP...PPPP......", /* nice: caps */
	"AAAAAAAAA..AA..AAAAP.rrPPPP......", /* nice: secret exe */
	"      A A..         .rr     .    ", /* nice: zombie */
	"AAAAAAAAA..AAPPAAAAPrrr......PPP.", /* seteuid: root */
	".............PP........PPPPP.....", /* seteuid: user */
	"AAAAAAAAA..AAPPAAAAP.rrPPPPP.....", /* seteuid: dropped */
	"AAAAAAAAA..AAPPAAAAP.rrPPPPP.....", /* seteuid: undumpable */
	".............PP........PPPPP.....", /* seteuid: again */
	"AAAAAAAAA..AAPPAAAAP...PPPPPPPPPP", /* seteuid: other */
	"AAAAAA.A...PAPPAAAAP...PPPPP.....", /* seteuid: other group */
	"AAAAAAAAA..AAPPAAAAPrrrPPPPP.....", /* seteuid: set-user-ID */
	"AAAAAAAAA..AAPPAAAAP.rrPPPPP.....", /* seteuid: set-gid */
	".............PP........PPPPP.....", /* seteuid: left */
	"AAAAAA.A...PAPPAAAAP...PPPPP.....", /* seteuid: caps */
	"AAAAAAAAA..AAPPAAAAP.rrPPPPP.....", /* seteuid: secret exe */
	"      A A..         .rr     .    ", /* seteuid: zombie */
	"AAAAAA.A...PAPPAAAAPrrrPPPPP.PPPP", /* suid: root */
	"AAAAAAAAA..AAPPAAAAP.........PPP.", /* suid: user */
	"AAAAAA.A...PAPPAAAAP.rrPPPP..PPP.", /* suid: dropped */
	"AAAAAA.A...PAPPAAAAP.rrPPPP..PPP.", /* suid: undumpable */
	"AAAAAAAAA..AAPPAAAAP.........PPP.", /* suid: again */
	"AAAAAAAAA..AAPPAAAAP...PPPPPPPPPP", /* suid: other */
	"AAAAAAAAA..AAPPAAAAP...PPPPP.PPP.", /* suid: other group */
	"AAAAAA.A...PAPPAAAAPrrrPPPPP.PPPP", /* suid: set-user-ID */
	"AAAAAA.A...PAPPAAAAP.rrPPPPP.PPP.", /* suid: set-gid */
	"AAAAAAAAA..AAPPAAAAP.........PPP.", /* suid: left */
	"AAAAAAAAA..AAPPAAAAP...PPPP..PPPP", /* suid: caps */
	"AAAAAA.A...PAPPAAAAP.rrPPPP..PPP.", /* suid: secret exe */
	"      . ...         .rr     .    ", /* suid: zombie */
	/* clang-format on */
};
