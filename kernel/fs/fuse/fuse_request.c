/* SPDX-License-Identifier: MIT */
/*
 * The FUSE client's request engine: build, send, poll, wait, complete.
 *
 * A request is complete once, under done_lock, and there it is decided who gets it: the waiter,
 * or the worker (asynchronous ones and orphans).  A waiter that is killed decides under the same
 * lock whether it came first; so no reply is both waited for and cleaned up, or neither.
 */
#include "fuse_internal.h"

#include <arch/cpu.h>
#include <fs/cred.h>
#include <mm/kthread.h>

#define POLL_MAX_NS (100 * NSEC_PER_USEC) /* slower answers are slept for */
#define POLL_FIRST_NS (50 * NSEC_PER_USEC)
#define PROBE_EVERY 16 /* requests that try polling although the last ones were slow */
#define LAST_WORDS_NS (3 * NSEC_PER_SEC)
#define DATA_BYTES 65536 /* requests with more data count as data requests */

struct fuse_req *fuse_req_alloc(struct fuse_conn *conn, enum fuse_opcode opcode, uint64_t nodeid,
				size_t in_size, size_t out_size, enum fuse_data data,
				unsigned max_pages)
{
	size_t in_bytes = ALIGN_UP(sizeof(struct fuse_in_header) + in_size, 8);
	size_t out_bytes = ALIGN_UP(sizeof(struct fuse_out_header) + out_size, 8);
	unsigned max_parts = max_pages + 3;
	size_t parts_bytes = max_parts * sizeof(struct fuse_part);
	struct fuse_req *req;
	char *p;

	ASSERT(max_parts <= FUSE_MAX_PARTS);
	req = kmalloc(sizeof(*req) + in_bytes + out_bytes + parts_bytes +
		      max_pages * sizeof(struct page *));
	if (!req) {
		return NULL;
	}
	memset(req, 0, sizeof(*req));
	p = (char *)(req + 1);
	memset(p, 0, in_bytes + out_bytes);
	req->conn = conn;
	list_init(&req->link);
	list_init(&req->io.link);
	atomic_init(&req->refs, 1);
	waitq_init(&req->wq);
	req->opcode = opcode;
	req->nodeid = nodeid;
	req->data = data;
	req->unique = atomic_fetch_add_explicit(&conn->next_unique, 2, memory_order_relaxed);
	req->reply_room = (uint32_t)out_size;
	fuse_encode_header((struct fuse_in_header *)p,
			   (uint32_t)(sizeof(struct fuse_in_header) + in_size), opcode, req->unique,
			   nodeid);
	if (conn->real_ids && thread_current()->cred) {
		struct fuse_in_header *h = (struct fuse_in_header *)p;

		h->uid = thread_current()->cred->u.fs;
		h->gid = thread_current()->cred->g.fs;
	}
	req->args = p + sizeof(struct fuse_in_header);
	req->out = (struct fuse_out_header *)(p + in_bytes);
	req->reply = req->out + 1;
	req->parts = (struct fuse_part *)(p + in_bytes + out_bytes);
	req->pages = (struct page **)(req->parts + max_parts);
	req->max_parts = max_parts;
	if (data == FUSE_DATA_IN) {
		/* virtiofsd takes the data without copying it when header and arguments are
		 * parts of their own. */
		req->parts[0] = (struct fuse_part){ p, sizeof(struct fuse_in_header) };
		req->parts[1] = (struct fuse_part){ req->args, (uint32_t)in_size };
		req->nparts = req->io.nin = 2;
	} else {
		req->parts[0] = (struct fuse_part){ p, (uint32_t)(sizeof(struct fuse_in_header) +
								  in_size) };
		req->parts[1] = (struct fuse_part){
			req->out, (uint32_t)(sizeof(struct fuse_out_header) + out_size)
		};
		req->nparts = 2;
		req->io.nin = req->io.nout = 1;
	}
	return req;
}

void fuse_req_add_page(struct fuse_req *req, struct page *p, uint32_t offset, uint32_t len)
{
	ASSERT(req->data != FUSE_DATA_NONE && req->nparts < req->max_parts);
	page_get(p);
	req->pages[req->npages++] = p;
	req->parts[req->nparts++] = (struct fuse_part){ (char *)page_to_virt(p) + offset, len };
	if (req->data == FUSE_DATA_IN) {
		struct fuse_in_header *h = req->parts[0].data;

		h->len += len;
		req->io.nin++;
	} else {
		page_forget_code(p + offset / PAGE_SIZE,
				 (unsigned)DIV_ROUND_UP(offset % PAGE_SIZE + len, PAGE_SIZE));
		req->data_room += len;
		req->io.nout++;
	}
}

void fuse_req_put(struct fuse_req *req)
{
	if (!req || atomic_fetch_sub_explicit(&req->refs, 1, memory_order_acq_rel) != 1) {
		return;
	}
	for (unsigned i = 0; i < req->npages; i++) {
		page_put(req->pages[i]);
	}
	kfree(req);
}

static void note_latency(struct fuse_req *req, uint64_t now)
{
	struct fuse_conn *conn = req->conn;
	_Atomic uint32_t *avg = &conn->latency[req->io.nin + req->io.nout > DATA_BYTES / 4096];
	uint32_t old = atomic_load_explicit(avg, memory_order_relaxed);
	uint64_t ns = MIN(now - req->started, NSEC_PER_SEC);

	atomic_store_explicit(avg, (uint32_t)((old * 7ull + ns) / 8), memory_order_relaxed);
}

/* From the device: interrupt context or a poll. */
static void req_complete(struct fuse_request_io *io, int err, uint32_t written)
{
	struct fuse_req *req = container_of(io, struct fuse_req, io);
	struct fuse_conn *conn = req->conn;
	bool to_worker;
	uint64_t irq;

	req->err = err;
	req->written = written;
	irq = spin_lock_irqsave(&conn->done_lock);
	ASSERT(!atomic_load_explicit(&req->done, memory_order_relaxed));
	to_worker = req->end || req->orphaned;
	if (to_worker) {
		list_push_back(&conn->finished, &req->link);
	}
	atomic_store_explicit(&req->done, true, memory_order_release);
	spin_unlock_irqrestore(&conn->done_lock, irq);
	if (to_worker) {
		waitq_wake_all(&conn->worker_q); /* the device's reference is the worker's */
		return;
	}
	waitq_wake_all(&req->wq);
	fuse_req_put(req);
}

int fuse_req_start(struct fuse_req *req, bool more)
{
	struct fuse_conn *conn = req->conn;
	bool forget = req->opcode == FUSE_BATCH_FORGET;
	int err;

	if (atomic_load_explicit(&conn->broken, memory_order_relaxed)) {
		return -EIO;
	}
	if (req->data == FUSE_DATA_IN) {
		ASSERT(req->nparts < req->max_parts);
		req->parts[req->nparts++] = (struct fuse_part){
			req->out, (uint32_t)(sizeof(struct fuse_out_header) + req->reply_room)
		};
		req->io.nout = 1;
	}
	req->io.in = req->parts;
	req->io.out = req->parts + req->io.nin;
	if (forget) {
		req->io.nout = 0;
	}
	req->io.more = more;
	req->io.complete = req_complete;
	req->started = clock_mono_ns();
	atomic_fetch_add_explicit(&req->refs, 1, memory_order_relaxed); /* the device's */
	err = conn->transport->ops->submit(conn->transport, &req->io, forget);
	if (err) {
		fuse_req_put(req);
		if (!atomic_exchange(&conn->broken, true)) {
			log_error("fuse %s: the device failed (%d)", conn->transport->tag, err);
		}
		return -EIO;
	}
	return 0;
}

/* How long it pays to look at the ring before sleeping; 0 = not at all. */
static uint64_t poll_budget(struct fuse_conn *conn, bool data)
{
	uint32_t avg = atomic_load_explicit(&conn->latency[data], memory_order_relaxed);

	if (sched_runnable_count() > cpu_count()) {
		return 0; /* others can use the time */
	}
	if (avg > POLL_MAX_NS) {
		uint32_t n = atomic_fetch_add_explicit(&conn->probe, 1, memory_order_relaxed);

		return n % PROBE_EVERY == 0 ? POLL_MAX_NS : 0;
	}
	return MIN(MAX(avg * 2ull, POLL_FIRST_NS / 2), POLL_MAX_NS);
}

static bool req_done(struct fuse_req *req)
{
	return atomic_load_explicit(&req->done, memory_order_acquire);
}

static void fuse_poll_begin(struct fuse_conn *conn)
{
	if (conn->transport->ops->poll_begin) {
		conn->transport->ops->poll_begin(conn->transport);
	}
}
static void fuse_poll_end(struct fuse_conn *conn)
{
	if (conn->transport->ops->poll_end) {
		conn->transport->ops->poll_end(conn->transport);
	}
}

static void poll_for(struct fuse_req *req, uint64_t budget)
{
	struct fuse_transport *t = req->conn->transport;
	uint64_t end = clock_mono_ns() + budget;

	while (!req_done(req)) {
		if (!t->ops->poll(t) && clock_mono_ns() >= end) {
			return;
		}
		cpu_pause();
	}
}

/* The waiter was killed, or waits no longer.  True: the request now belongs to device and worker.
 * No FUSE_INTERRUPT: virtiofsd keeps one that comes too late, gives its ring element back and
 * answers it a second time later, which it asserts not to do.  Linux sends none either. */
static bool abandon(struct fuse_req *req)
{
	struct fuse_conn *conn = req->conn;
	bool gone = false;
	uint64_t irq;

	irq = spin_lock_irqsave(&conn->done_lock);
	if (!req_done(req)) {
		req->orphaned = gone = true;
	}
	spin_unlock_irqrestore(&conn->done_lock, irq);
	return gone;
}

/* A thread that ends closes its files, and can't be killed any more.  A daemon that is silent for so
 * long does not keep it, but for data that is to be written. */
static uint64_t patience(const struct fuse_req *req)
{
	return thread_current()->ending && !req->must_wait ? clock_mono_ns() + LAST_WORDS_NS
							   : DEADLINE_NONE;
}

static long fuse_req_wait(struct fuse_req *req)
{
	struct waitq_entry e;
	bool killed = false;

	if (!req_done(req)) {
		uint64_t deadline = patience(req);

		waitq_entry_init(&e);
		waitq_add(&req->wq, &e);
		while (!killed) {
			block_prepare(req->must_wait ? WAIT_UNINTR : WAIT_KILLABLE);
			if (req_done(req)) {
				block_cancel();
				break;
			}
			killed = block(deadline) != 0 && !req_done(req);
		}
		waitq_remove(&e);
	}
	if (killed && abandon(req)) {
		return -EINTR;
	}
	return fuse_req_result(req);
}

long fuse_req_result(struct fuse_req *req)
{
	uint64_t room = sizeof(struct fuse_out_header) + req->reply_room + req->data_room;
	struct fuse_conn *conn = req->conn;
	uint32_t payload;
	int err;

	if (req->err) {
		if (!atomic_exchange(&conn->broken, true)) {
			log_error("fuse %s: the device failed (%d)", conn->transport->tag,
				  req->err);
		}
		return -EIO;
	}
	err = fuse_parse_header(req->out, req->written, room, req->unique, &payload);
	if (err == -ENOSYS) {
		atomic_fetch_or_explicit(&conn->unsupported, 1ull << req->opcode,
					 memory_order_relaxed);
	}
	return err ? err : (long)payload;
}

long fuse_req_send(struct fuse_req *req)
{
	struct fuse_conn *conn = req->conn;
	uint64_t budget = poll_budget(conn, req->nparts > DATA_BYTES / 4096);
	int err;

	if (budget) {
		fuse_poll_begin(conn);
	}
	err = fuse_req_start(req, false);
	if (budget) {
		if (!err) {
			poll_for(req, budget);
		}
		fuse_poll_end(conn);
	}
	if (!err) {
		long result = fuse_req_wait(req);

		note_latency(req, clock_mono_ns());
		return result;
	}
	return err;
}

long fuse_call(struct fuse_conn *conn, enum fuse_opcode opcode, uint64_t nodeid, const void *in,
	       size_t in_size, void *out, size_t out_size)
{
	struct fuse_req *req = fuse_req_alloc(conn, opcode, nodeid, in_size, out_size,
					      FUSE_DATA_NONE, 0);
	long n;

	if (!req) {
		return -ENOMEM;
	}
	if (in_size) {
		memcpy(req->args, in, in_size);
	}
	n = fuse_req_send(req);
	if (n > 0) {
		ASSERT((size_t)n <= out_size); /* fuse_parse_header() has seen to it */
		memcpy(out, req->reply, (size_t)n);
	}
	fuse_req_put(req);
	return n;
}

long fuse_req_finish(struct fuse_req *req)
{
	uint64_t budget = req_done(req) ? 0 : poll_budget(req->conn, true);

	if (budget) {
		fuse_poll_begin(req->conn);
		poll_for(req, budget);
		fuse_poll_end(req->conn);
	}
	return fuse_req_wait(req);
}

void fuse_req_send_pair(struct fuse_req *first, struct fuse_req *second, long *result1,
			long *result2)
{
	struct fuse_conn *conn = first->conn;
	uint64_t budget = poll_budget(conn, false);
	int err, err2 = 0;

	if (budget) {
		fuse_poll_begin(conn);
	}
	err = fuse_req_start(first, true);
	if (!err) {
		err2 = fuse_req_start(second, false);
	}
	if (budget) {
		if (!err && !err2) {
			poll_for(second, budget);
		}
		fuse_poll_end(conn);
	}
	*result1 = err ? err : fuse_req_wait(first);
	*result2 = err || err2 ? -EIO : fuse_req_wait(second);
	note_latency(second, clock_mono_ns());
}

void fuse_req_send_async(struct fuse_req *req, void (*end)(struct fuse_req *req))
{
	int err;

	req->end = end;
	err = fuse_req_start(req, false);
	if (err && end) {
		req->err = err;
		atomic_store_explicit(&req->done, true, memory_order_release);
		end(req);
	}
	fuse_req_put(req);
}

bool fuse_unsupported(struct fuse_conn *conn, enum fuse_opcode opcode)
{
	uint64_t set = atomic_load_explicit(&conn->unsupported, memory_order_relaxed);

	return set >> opcode & 1;
}

/* Ends asynchronous and orphaned requests and sends forgets. */
static void worker(void *arg)
{
	struct fuse_conn *conn = arg;

	for (;;) {
		struct list finished, forgets;
		struct fuse_req *req, *tmp;
		uint64_t irq;

		list_init(&finished);
		list_init(&forgets);
		irq = spin_lock_irqsave(&conn->done_lock);
		while (list_empty(&conn->finished) &&
		       (list_empty(&conn->forgets) || conn->forget_deadline > clock_mono_ns())) {
			uint64_t deadline = list_empty(&conn->forgets) ? DEADLINE_NONE
								       : conn->forget_deadline;
			int err = waitq_wait_irq(&conn->worker_q, &conn->done_lock, WAIT_UNINTR,
						 deadline);

			(void)err; /* the loop looks again in any case */
		}
		list_splice_back(&finished, &conn->finished);
		list_splice_back(&forgets, &conn->forgets);
		conn->nforgets = 0;
		spin_unlock_irqrestore(&conn->done_lock, irq);
		list_for_each_entry_safe(req, tmp, &finished, link) {
			list_remove(&req->link);
			if (req->orphaned) {
				fuse_orphan_cleanup(req);
			} else {
				req->end(req);
			}
			fuse_req_put(req);
		}
		fuse_forget_send(conn, &forgets);
	}
}

int fuse_engine_start(struct fuse_conn *conn)
{
	spin_init(&conn->done_lock, RANK_FS_LEAF, "fuse done");
	list_init(&conn->finished);
	list_init(&conn->forgets);
	waitq_init(&conn->worker_q);
	atomic_init(&conn->next_unique, 2);
	atomic_init(&conn->node_limit, UINT64_MAX);
	atomic_init(&conn->latency[0], (uint32_t)POLL_FIRST_NS / 2);
	atomic_init(&conn->latency[1], (uint32_t)POLL_FIRST_NS / 2);
	return kthread_start("fuse", worker, conn) ? 0 : -ENOMEM;
}
