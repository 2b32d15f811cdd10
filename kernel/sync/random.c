/* SPDX-License-Identifier: MIT */
/*
 * Random numbers by fast key erasure: each draw takes a new key from the first 32 bytes of a
 * keystream and hands out the rest, so the state never holds what was handed out.
 *
 * The lock covers one block; a long draw goes on without it, on a key of its own.  What the
 * devices add is mixed into the key, never put in its place: none can make it worse.
 */
#include <sync/random.h>
#include <arch/cpu.h>
#include <lib/assert.h>
#include <lib/chacha.h>
#include <lib/string.h>
#include <sync/spinlock.h>

static SPINLOCK(random) random_lock = SPINLOCK_INIT(RANK_LEAF, "random");
static uint32_t key[8] GUARDED_BY(random_role);
static bool seeded GUARDED_BY(random_role);

static bool rdrand64(uint64_t *v)
{
	uint32_t a = 1, b = 0, c = 0, d;
	bool ok = false;

	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	if (!(c >> 30 & 1)) {
		return false;
	}
	for (int i = 0; i < 10 && !ok; i++) {
		__asm__ volatile("rdrand %0" : "=r"(*v), "=@ccc"(ok));
	}
	return ok;
}

/* key = first half of block(key ^ data), 32 bytes of data at a time. */
REQUIRES(random_role)
static void mix_locked(const void *data, size_t n)
{
	const unsigned char *p = data;
	const uint32_t nonce[3] = { 0x6d6978, 0, 0 };

	ASSERT(spin_held(&random_lock));
	for (size_t done = 0; done < n || !done; done += 32) {
		uint32_t chunk[8] = { 0 }, out[16];

		memcpy(chunk, p + done, MIN(n - done, sizeof(chunk)));
		for (int i = 0; i < 8; i++) {
			key[i] ^= chunk[i];
		}
		chacha20_block(key, (uint32_t)n, nonce, out);
		memcpy(key, out, sizeof(key));
	}
}

REQUIRES(random_role)
static void seed_locked(void)
{
	uint64_t s[5] = { cpu_tsc() };

	ASSERT(spin_held(&random_lock));
	for (int i = 1; i < 5; i++) {
		if (!rdrand64(&s[i])) {
			s[i] = cpu_tsc() * 0x9e3779b97f4a7c15ull;
		}
	}
	mix_locked(s, sizeof(s));
	seeded = true;
}

void random_add(const void *data, size_t n)
{
	uint64_t flags = spin_lock_irqsave(&random_lock);

	if (n) {
		mix_locked(data, n);
	}
	spin_unlock_irqrestore(&random_lock, flags);
}

void random_bytes(void *buf, size_t n)
{
	const uint32_t nonce[3] = { 0x647261, 0, 0 };
	unsigned char *dst = buf;
	uint32_t block[16], stream_key[8], counter = 0;
	uint64_t flags = spin_lock_irqsave(&random_lock);

	if (!seeded) {
		seed_locked();
	}
	key[0] ^= (uint32_t)cpu_tsc();
	chacha20_block(key, counter++, nonce, block);
	memcpy(key, block, sizeof(key));
	if (n > 32) {
		/* a long draw runs on a key of its own, without the lock */
		memcpy(stream_key, block + 8, sizeof(stream_key));
	}
	spin_unlock_irqrestore(&random_lock, flags);
	if (n <= 32) {
		memcpy(dst, block + 8, n);
		n = 0;
	}
	while (n) {
		size_t have = MIN(n, sizeof(block));

		chacha20_block(stream_key, counter++, nonce, block);
		memcpy(dst, block, have);
		dst += have;
		n -= have;
	}
	memset(block, 0, sizeof(block));
	barrier();
}

uint64_t random_u64(void)
{
	uint64_t v;

	random_bytes(&v, sizeof(v));
	return v;
}
