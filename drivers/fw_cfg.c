/* SPDX-License-Identifier: MIT */
/*
 * QEMU's fw_cfg: files that the launcher hands over.  Used once, by the boot's first thread,
 * hence no lock.  The sizes and counts that it names are bounded before they are used.  QEMU has
 * served a DMA request when the port write returns; the loop is for one that has not.
 */
#include <drivers/fw_cfg.h>
#include <arch/paging.h>
#include <arch/port.h>
#include <debug/log.h>
#include <lib/string.h>
#include <linux/errno.h>
#include <mm/slab.h>

#define PORT_SELECT 0x510
#define PORT_DATA 0x511
#define PORT_DMA_HIGH 0x514
#define PORT_DMA_LOW 0x518

#define ITEM_SIGNATURE 0x0000
#define ITEM_ID 0x0001
#define ITEM_DIRECTORY 0x0019

#define ID_DMA 2

#define DMA_ERROR 1
#define DMA_READ 2
#define DMA_SELECT 8

#define MAX_FILES 1024u
#define DMA_TRIES 1000000u

/* All big endian. */
struct dma_access {
	uint32_t control;
	uint32_t length;
	uint64_t address;
};
struct directory_entry {
	uint32_t size;
	uint16_t select;
	uint16_t reserved;
	char name[56];
};
_Static_assert(sizeof(struct directory_entry) == 64, "FWCfgFile");

static void read_bytes(void *buf, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		((uint8_t *)buf)[i] = port_in8(PORT_DATA);
	}
}

/* Reads n bytes at the position where the last read ended, or (item >= 0) from the start of
 * an item.  buf is in the direct map. */
static int dma_read(int item, void *buf, size_t n)
{
	/* Naturally aligned and in one page: the device reads it in one go. */
	static struct dma_access access ALIGNED(16);
	uint32_t control = DMA_READ;
	uint64_t at = virt_to_phys(&access);

	if (item >= 0) {
		control |= (uint32_t)item << 16 | DMA_SELECT;
	}
	access.control = __builtin_bswap32(control);
	access.length = __builtin_bswap32((uint32_t)n);
	access.address = __builtin_bswap64(virt_to_phys(buf));
	barrier(); /* the request is in memory before the device looks */
	port_out32(PORT_DMA_HIGH, __builtin_bswap32((uint32_t)(at >> 32)));
	port_out32(PORT_DMA_LOW, __builtin_bswap32((uint32_t)at)); /* starts it */
	for (unsigned i = 0; i < DMA_TRIES; i++) {
		uint32_t state = __builtin_bswap32(READ_ONCE(access.control));

		barrier();
		if (state & DMA_ERROR) {
			return -EIO;
		}
		if (state == 0) {
			return 0;
		}
	}
	return -EIO;
}

static int item_read(bool dma, int item, void *buf, size_t n)
{
	if (dma) {
		return dma_read(item, buf, n);
	}
	if (item >= 0) {
		port_out16(PORT_SELECT, (uint16_t)item);
	}
	read_bytes(buf, n);
	return 0;
}

static int probe(bool *dma)
{
	uint8_t id[4];
	char signature[4];

	port_out16(PORT_SELECT, ITEM_SIGNATURE);
	read_bytes(signature, sizeof(signature));
	if (memcmp(signature, "QEMU", sizeof(signature)) != 0) {
		return -ENODEV;
	}
	port_out16(PORT_SELECT, ITEM_ID);
	read_bytes(id, sizeof(id));
	*dma = id[0] & ID_DMA;
	return 0;
}

/* The directory: a count, then entries.  buf is a page of scratch in the direct map. */
static int find_file(bool dma, void *buf, const char *name, struct directory_entry *found)
{
	struct directory_entry *e = buf;
	uint32_t count, left;
	int err = item_read(dma, ITEM_DIRECTORY, buf, sizeof(count));

	if (err) {
		return err;
	}
	memcpy(&count, buf, sizeof(count));
	left = MIN(__builtin_bswap32(count), MAX_FILES);
	while (left > 0) {
		uint32_t n = MIN(left, (uint32_t)(PAGE_SIZE / sizeof(*e)));

		err = item_read(dma, -1, buf, n * sizeof(*e));
		if (err) {
			return err;
		}
		for (uint32_t i = 0; i < n; i++) {
			if (strnlen(e[i].name, sizeof(e[i].name)) == strlen(name) &&
			    memcmp(e[i].name, name, strlen(name)) == 0) {
				*found = e[i];
				return 0;
			}
		}
		left -= n;
	}
	return -ENOENT;
}

int fw_cfg_read_file(const char *name, size_t max, void **data, size_t *len)
{
	struct directory_entry file;
	void *buf;
	size_t n;
	bool dma;
	int err = probe(&dma);

	if (err) {
		return err;
	}
	buf = kmalloc(PAGE_SIZE);
	if (!buf) {
		return -ENOMEM;
	}
	err = find_file(dma, buf, name, &file);
	kfree(buf);
	if (err) {
		return err;
	}
	n = __builtin_bswap32(file.size);
	if (n > max) {
		return -EFBIG;
	}
	buf = kmalloc(MAX(n, (size_t)1));
	if (!buf) {
		return -ENOMEM;
	}
	err = n ? item_read(dma, __builtin_bswap16(file.select), buf, n) : 0;
	if (err) {
		kfree(buf);
		return err;
	}
	*data = buf;
	*len = n;
	return 0;
}
