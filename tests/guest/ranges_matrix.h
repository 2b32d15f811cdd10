/* SPDX-License-Identifier: MIT */
#pragma once
/* What Linux answers: for each call of ranges.c each start, one letter for each length.  Printed by
 * `ranges print` as root: . = done, x = the child died of it, M = ENOMEM, I = EINVAL, F = EFAULT ... */
static const char *const ranges_matrix[] = {
	/* clang-format off */
	"I..xIIIIIII", /* munmap, 0 */
	"I...IIIIIII", /* munmap, 7fffffffe000 */
	"IIIIIIIIIII", /* munmap, 7ffffffff000 */
	"IIIIIIIIIII", /* munmap, 800000000000 */
	"IIIIIIIIIII", /* munmap, 900000000000 */
	"IIIIIIIIIII", /* munmap, ffff888000001000 */
	"IIIIIIIIIII", /* munmap, 8000000000000000 */
	"IIIIIIIIIII", /* munmap, fffffffffffff000 */
	"...MMMMMMMM", /* mprotect, 0 */
	".MMMMMMMMMM", /* mprotect, 7fffffffe000 */
	".MM.MMMMMMM", /* mprotect, 7ffffffff000 */
	".MMMM.MMMMM", /* mprotect, 800000000000 */
	".MMMMMMMMMM", /* mprotect, 900000000000 */
	".MMMMMMMMMM", /* mprotect, ffff888000001000 */
	".MMMMMM.MMM", /* mprotect, 8000000000000000 */
	".MMMMMMMMMM", /* mprotect, fffffffffffff000 */
	"...MMMMMMI.", /* mlock, 0 */
	".MMMMMMMMI.", /* mlock, 7fffffffe000 */
	".MM.MMMMMI.", /* mlock, 7ffffffff000 */
	".MMI..MMMI.", /* mlock, 800000000000 */
	".MMIIIMMMI.", /* mlock, 900000000000 */
	".MMIIIMIII.", /* mlock, ffff888000001000 */
	".MMIIIM.II.", /* mlock, 8000000000000000 */
	".IIIIIIIII.", /* mlock, fffffffffffff000 */
	"...MMMMMMI.", /* mlock2, 0 */
	".MMMMMMMMI.", /* mlock2, 7fffffffe000 */
	".MM.MMMMMI.", /* mlock2, 7ffffffff000 */
	".MMI..MMMI.", /* mlock2, 800000000000 */
	".MMIIIMMMI.", /* mlock2, 900000000000 */
	".MMIIIMIII.", /* mlock2, ffff888000001000 */
	".MMIIIM.II.", /* mlock2, 8000000000000000 */
	".IIIIIIIII.", /* mlock2, fffffffffffff000 */
	"...MMMMMMI.", /* munlock, 0 */
	".MMMMMMMMI.", /* munlock, 7fffffffe000 */
	".MM.MMMMMI.", /* munlock, 7ffffffff000 */
	".MMI..MMMI.", /* munlock, 800000000000 */
	".MMIIIMMMI.", /* munlock, 900000000000 */
	".MMIIIMIII.", /* munlock, ffff888000001000 */
	".MMIIIM.II.", /* munlock, 8000000000000000 */
	".IIIIIIIII.", /* munlock, fffffffffffff000 */
	"...MMMMMMM.", /* msync, 0 */
	".MMMMMMMMM.", /* msync, 7fffffffe000 */
	".MM.MMMMMM.", /* msync, 7ffffffff000 */
	".MMM..MMMM.", /* msync, 800000000000 */
	".MMMMMMMMM.", /* msync, 900000000000 */
	".MMMMMMMMM.", /* msync, ffff888000001000 */
	".MMMMMM.MM.", /* msync, 8000000000000000 */
	".MMMMMMMMM.", /* msync, fffffffffffff000 */
	"...MMMMMMM.", /* msync async, 0 */
	".MMMMMMMMM.", /* msync async, 7fffffffe000 */
	".MM.MMMMMM.", /* msync async, 7ffffffff000 */
	".MMM..MMMM.", /* msync async, 800000000000 */
	".MMMMMMMMM.", /* msync async, 900000000000 */
	".MMMMMMMMM.", /* msync async, ffff888000001000 */
	".MMMMMM.MM.", /* msync async, 8000000000000000 */
	".MMMMMMMMM.", /* msync async, fffffffffffff000 */
	"...MMMMMMMM", /* mincore, 0 */
	".MMMMMMMMMM", /* mincore, 7fffffffe000 */
	".MM.MMMMMMM", /* mincore, 7ffffffff000 */
	"MMMMMMMMMMM", /* mincore, 800000000000 */
	"MMMMMMMMMMM", /* mincore, 900000000000 */
	"MMMMMMMMMMM", /* mincore, ffff888000001000 */
	"MMMMMMMMMMM", /* mincore, 8000000000000000 */
	"MMMMMMMMMMM", /* mincore, fffffffffffff000 */
	"...MMMMMMII", /* madvise normal, 0 */
	".MMMMMMMMII", /* madvise normal, 7fffffffe000 */
	".MM.MMMMMII", /* madvise normal, 7ffffffff000 */
	".MMII.MMMII", /* madvise normal, 800000000000 */
	".MMIIIMMMII", /* madvise normal, 900000000000 */
	".MMIIIMIIII", /* madvise normal, ffff888000001000 */
	".MMIIIM.III", /* madvise normal, 8000000000000000 */
	".IIIIIIIIII", /* madvise normal, fffffffffffff000 */
	"...IIIIIIII", /* madvise dontneed, 0 */
	".MMMMMMMMII", /* madvise dontneed, 7fffffffe000 */
	".MM.MMMMMII", /* madvise dontneed, 7ffffffff000 */
	".MMII.MMMII", /* madvise dontneed, 800000000000 */
	".MMIIIMMMII", /* madvise dontneed, 900000000000 */
	".MMIIIMIIII", /* madvise dontneed, ffff888000001000 */
	".MMIIIM.III", /* madvise dontneed, 8000000000000000 */
	".IIIIIIIIII", /* madvise dontneed, fffffffffffff000 */
	"...MMMMMMII", /* madvise dontfork, 0 */
	".MMMMMMMMII", /* madvise dontfork, 7fffffffe000 */
	".MM.MMMMMII", /* madvise dontfork, 7ffffffff000 */
	".MMII.MMMII", /* madvise dontfork, 800000000000 */
	".MMIIIMMMII", /* madvise dontfork, 900000000000 */
	".MMIIIMIIII", /* madvise dontfork, ffff888000001000 */
	".MMIIIM.III", /* madvise dontfork, 8000000000000000 */
	".IIIIIIIIII", /* madvise dontfork, fffffffffffff000 */
	"...IIIIIIII", /* madvise free, 0 */
	".MMMMMMMMII", /* madvise free, 7fffffffe000 */
	".MM.MMMMMII", /* madvise free, 7ffffffff000 */
	".MMII.MMMII", /* madvise free, 800000000000 */
	".MMIIIMMMII", /* madvise free, 900000000000 */
	".MMIIIMIIII", /* madvise free, ffff888000001000 */
	".MMIIIM.III", /* madvise free, 8000000000000000 */
	".IIIIIIIIII", /* madvise free, fffffffffffff000 */
	"...MMMMMMII", /* madvise willneed, 0 */
	".MMMMMMMMII", /* madvise willneed, 7fffffffe000 */
	".MM.MMMMMII", /* madvise willneed, 7ffffffff000 */
	".MMII.MMMII", /* madvise willneed, 800000000000 */
	".MMIIIMMMII", /* madvise willneed, 900000000000 */
	".MMIIIMIIII", /* madvise willneed, ffff888000001000 */
	".MMIIIM.III", /* madvise willneed, 8000000000000000 */
	".IIIIIIIIII", /* madvise willneed, fffffffffffff000 */
	"...MMMMMMII", /* madvise populate, 0 */
	".MMMMMMMMII", /* madvise populate, 7fffffffe000 */
	".MM.MMMMMII", /* madvise populate, 7ffffffff000 */
	".MMII.MMMII", /* madvise populate, 800000000000 */
	".MMIIIMMMII", /* madvise populate, 900000000000 */
	".MMIIIMIIII", /* madvise populate, ffff888000001000 */
	".MMIIIM.III", /* madvise populate, 8000000000000000 */
	".IIIIIIIIII", /* madvise populate, fffffffffffff000 */
	".IIIIIIIIII", /* madvise remove, 0 */
	".MMMMMMMMII", /* madvise remove, 7fffffffe000 */
	".MM.MMMMMII", /* madvise remove, 7ffffffff000 */
	".MMII.MMMII", /* madvise remove, 800000000000 */
	".MMIIIMMMII", /* madvise remove, 900000000000 */
	".MMIIIMIIII", /* madvise remove, ffff888000001000 */
	".MMIIIM.III", /* madvise remove, 8000000000000000 */
	".IIIIIIIIII", /* madvise remove, fffffffffffff000 */
	"I..MMMMMMMM", /* mmap, 0 */
	"I.....MMMMM", /* mmap, 7fffffffe000 */
	"I..I..MMMMM", /* mmap, 7ffffffff000 */
	"I..MMIMMMMM", /* mmap, 800000000000 */
	"I..MMMMMMMM", /* mmap, 900000000000 */
	"I..MMM.MMMM", /* mmap, ffff888000001000 */
	"I..MMMMIMMM", /* mmap, 8000000000000000 */
	"I..MMMMMMMM", /* mmap, fffffffffffff000 */
	"IEEEMMMMMMM", /* mmap noreplace, 0 */
	"I...MMMMMMM", /* mmap noreplace, 7fffffffe000 */
	"IMMIMMMMMMM", /* mmap noreplace, 7ffffffff000 */
	"IMMMMIMMMMM", /* mmap noreplace, 800000000000 */
	"IMMMMMMMMMM", /* mmap noreplace, 900000000000 */
	"IMMMMMMMMMM", /* mmap noreplace, ffff888000001000 */
	"IMMMMMMIMMM", /* mmap noreplace, 8000000000000000 */
	"IMMMMMMMMMM", /* mmap noreplace, fffffffffffff000 */
	"I..xIIIIIII", /* mremap shrink, 0 */
	"FFFFFFFFFFF", /* mremap shrink, 7fffffffe000 */
	"FFFFFFFFFFF", /* mremap shrink, 7ffffffff000 */
	"FFFFFFFFFFF", /* mremap shrink, 800000000000 */
	"FFFFFFFFFFF", /* mremap shrink, 900000000000 */
	"FFFFFFFFFFF", /* mremap shrink, ffff888000001000 */
	"FFFFFFFFFFF", /* mremap shrink, 8000000000000000 */
	"FFFFFFFFFFF", /* mremap shrink, fffffffffffff000 */
	"I..MMMIIIII", /* mremap grow, 0 */
	"IFFFFFIIIII", /* mremap grow, 7fffffffe000 */
	"IFFIFFIIIII", /* mremap grow, 7ffffffff000 */
	"IFFIIIIIIII", /* mremap grow, 800000000000 */
	"IFFIIIIIIII", /* mremap grow, 900000000000 */
	"IFFIIIFIIII", /* mremap grow, ffff888000001000 */
	"IFFIIIIIIII", /* mremap grow, 8000000000000000 */
	"IFFIIIIIIII", /* mremap grow, fffffffffffff000 */
	"I..FFFIIIII", /* mremap grow, long old, 0 */
	"FFFFFFIIIIF", /* mremap grow, long old, 7fffffffe000 */
	"FFFFFFIIIIF", /* mremap grow, long old, 7ffffffff000 */
	"FFFIFFIIIIF", /* mremap grow, long old, 800000000000 */
	"FFFIIIIIIIF", /* mremap grow, long old, 900000000000 */
	"FFFIIIFIIIF", /* mremap grow, long old, ffff888000001000 */
	"FFFIIIIFIIF", /* mremap grow, long old, 8000000000000000 */
	"FFFIIIIIIIF", /* mremap grow, long old, fffffffffffff000 */
	"I.....IIIII", /* mremap same, 0 */
	"IFFFFFIIIII", /* mremap same, 7fffffffe000 */
	"IFFIFFIIIII", /* mremap same, 7ffffffff000 */
	"IFFIIIIIIII", /* mremap same, 800000000000 */
	"IFFIIIIIIII", /* mremap same, 900000000000 */
	"IFFIIIFIIII", /* mremap same, ffff888000001000 */
	"IFFIIIIIIII", /* mremap same, 8000000000000000 */
	"IFFIIIIIIII", /* mremap same, fffffffffffff000 */
	"I..xIIIIIII", /* mremap fixed shrink, 0 */
	"FFFFFFFFFFF", /* mremap fixed shrink, 7fffffffe000 */
	"FFFFFFFFFFF", /* mremap fixed shrink, 7ffffffff000 */
	"FFFFFFFFFFF", /* mremap fixed shrink, 800000000000 */
	"FFFFFFFFFFF", /* mremap fixed shrink, 900000000000 */
	"FFFFFFFFFFF", /* mremap fixed shrink, ffff888000001000 */
	"FFFFFFFFFFF", /* mremap fixed shrink, 8000000000000000 */
	"FFFFFFFFFFF", /* mremap fixed shrink, fffffffffffff000 */
	"I..IIIIIIII", /* mremap fixed same, 0 */
	"IFFFFFIIIII", /* mremap fixed same, 7fffffffe000 */
	"IFFIFFIIIII", /* mremap fixed same, 7ffffffff000 */
	"IFFIIIIIIII", /* mremap fixed same, 800000000000 */
	"IFFIIIIIIII", /* mremap fixed same, 900000000000 */
	"IFFIIIFIIII", /* mremap fixed same, ffff888000001000 */
	"IFFIIIIIIII", /* mremap fixed same, 8000000000000000 */
	"IFFIIIIIIII", /* mremap fixed same, fffffffffffff000 */
	"I..IIIIIIII", /* mremap fixed grow, 0 */
	"IFFFFFIIIII", /* mremap fixed grow, 7fffffffe000 */
	"IFFIFFIIIII", /* mremap fixed grow, 7ffffffff000 */
	"IFFIIIIIIII", /* mremap fixed grow, 800000000000 */
	"IFFIIIIIIII", /* mremap fixed grow, 900000000000 */
	"IFFIIIFIIII", /* mremap fixed grow, ffff888000001000 */
	"IFFIIIIIIII", /* mremap fixed grow, 8000000000000000 */
	"IFFIIIIIIII", /* mremap fixed grow, fffffffffffff000 */
	"IIIIIIIIIII", /* mremap fixed to, 0 */
	"I...IIIIIII", /* mremap fixed to, 7fffffffe000 */
	"IIIIIIIIIII", /* mremap fixed to, 7ffffffff000 */
	"IIIIIIIIIII", /* mremap fixed to, 800000000000 */
	"IIIIIIIIIII", /* mremap fixed to, 900000000000 */
	"IIIIIIIIIII", /* mremap fixed to, ffff888000001000 */
	"IIIIIIIIIII", /* mremap fixed to, 8000000000000000 */
	"IIIIIIIIIII", /* mremap fixed to, fffffffffffff000 */
	"I..IIIIIIII", /* mremap dontunmap, 0 */
	"IFFFFFIIIII", /* mremap dontunmap, 7fffffffe000 */
	"IFFIFFIIIII", /* mremap dontunmap, 7ffffffff000 */
	"IFFIIIIIIII", /* mremap dontunmap, 800000000000 */
	"IFFIIIIIIII", /* mremap dontunmap, 900000000000 */
	"IFFIIIFIIII", /* mremap dontunmap, ffff888000001000 */
	"IFFIIIIIIII", /* mremap dontunmap, 8000000000000000 */
	"IFFIIIIIIII", /* mremap dontunmap, fffffffffffff000 */
	"...........", /* brk, 0 */
	"...........", /* brk, 7fffffffe000 */
	"...........", /* brk, 7ffffffff000 */
	"...........", /* brk, 800000000000 */
	"...........", /* brk, 900000000000 */
	"...........", /* brk, ffff888000001000 */
	"...........", /* brk, 8000000000000000 */
	"...........", /* brk, fffffffffffff000 */
	"IIIMMMMMMII", /* shmat, 0 */
	"MMMMMMMMMMM", /* shmat, 7fffffffe000 */
	"MMMMMMMMMMM", /* shmat, 7ffffffff000 */
	"MMMMMMMMMMM", /* shmat, 800000000000 */
	"MMMMMMMMMMM", /* shmat, 900000000000 */
	"MMMMMMMMMMM", /* shmat, ffff888000001000 */
	"MMMMMMMM.MM", /* shmat, 8000000000000000 */
	"II.MMMMMMII", /* shmat, fffffffffffff000 */
	/* clang-format on */
};
