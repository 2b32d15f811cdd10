/* SPDX-License-Identifier: MIT */
#pragma once
#include <stdint.h>
/* One block of ChaCha20 (RFC 8439, 2.3). */
void chacha20_block(const uint32_t key[8], uint32_t counter, const uint32_t nonce[3],
		    uint32_t out[16]);
