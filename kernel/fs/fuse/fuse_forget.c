/* SPDX-License-Identifier: MIT */
/*
 * Giving back what the daemon counts: lookups and file handles.  Forgets are collected for
 * some milliseconds and sent many at a time by the worker; nobody waits for them.
 */
#include "fuse_internal.h"

#include <fs/dentry.h>

#define FORGET_DELAY_NS (10 * NSEC_PER_MSEC)
#define FORGET_BATCH 100 /* of one request */
#define NODES_MIN 64	 /* fewer are never kept */
#define TRIM_STEP 16	 /* dentries dropped at once when there are too many nodes */
#define FORGET_NOW 64	 /* waiting ones that are not left to wait */

void fuse_forget_queue(struct fuse_conn *conn, struct fuse_forget *f, uint64_t nodeid,
		       uint64_t nlookup)
{
	bool wake;
	uint64_t irq;

	if (!f) {
		f = kmalloc(sizeof(*f));
		if (!f) {
			return; /* the daemon keeps one descriptor more, that is all */
		}
	}
	list_init(&f->link);
	f->nodeid = nodeid;
	f->nlookup = nlookup;
	irq = spin_lock_irqsave(&conn->done_lock);
	wake = list_empty(&conn->forgets);
	if (wake) {
		conn->forget_deadline = clock_mono_ns() + FORGET_DELAY_NS;
	}
	list_push_back(&conn->forgets, &f->link);
	if (++conn->nforgets == FORGET_NOW) {
		conn->forget_deadline = 0;
		wake = true;
	}
	spin_unlock_irqrestore(&conn->done_lock, irq);
	if (wake) {
		waitq_wake_all(&conn->worker_q);
	}
}

static void send_forgets(struct fuse_conn *conn, struct list *list, bool wait)
{
	while (!list_empty(list)) {
		struct fuse_batch_forget_in *in;
		struct fuse_forget_one *one = NULL;
		struct fuse_req *req;
		struct list *l;
		unsigned n = 0;

		for (l = list->next; l != list && n < FORGET_BATCH; l = l->next) {
			n++;
		}
		req = fuse_req_alloc(conn, FUSE_BATCH_FORGET, 0, sizeof(*in) + n * sizeof(*one), 0,
				     FUSE_DATA_NONE, 0);
		if (req) {
			in = req->args;
			one = (struct fuse_forget_one *)(in + 1);
			in->count = n;
		}
		for (unsigned i = 0; i < n; i++) {
			struct fuse_forget *f = list_entry(list_pop_front(list), struct fuse_forget,
							   link);

			if (req) {
				one[i] = (struct fuse_forget_one){ f->nodeid, f->nlookup };
			}
			kfree(f);
		}
		if (req && wait) {
			(void)!fuse_req_send(req); /* there is no reply: only that it was read */
			fuse_req_put(req);
		} else if (req) {
			fuse_req_send_async(req, NULL);
		}
	}
}

void fuse_forget_send(struct fuse_conn *conn, struct list *list)
{
	send_forgets(conn, list, false);
}

bool fuse_make_room(struct fuse_conn *conn, long err)
{
	uint64_t nodes = atomic_load_explicit(&conn->nodes, memory_order_relaxed), irq;
	struct list forgets;

	if (err != -EMFILE && err != -ENFILE) {
		return false;
	}
	atomic_store_explicit(&conn->node_limit, MAX(nodes - nodes / 4, (uint64_t)NODES_MIN),
			      memory_order_relaxed);
	dentry_trim(nodes / 4 + 1);
	list_init(&forgets);
	irq = spin_lock_irqsave(&conn->done_lock);
	list_splice_back(&forgets, &conn->forgets);
	conn->nforgets = 0;
	spin_unlock_irqrestore(&conn->done_lock, irq);
	send_forgets(conn, &forgets, true);
	return true;
}

void fuse_node_added(struct fuse_conn *conn)
{
	uint64_t n = atomic_fetch_add_explicit(&conn->nodes, 1, memory_order_relaxed);

	if (n > atomic_load_explicit(&conn->node_limit, memory_order_relaxed)) {
		dentry_trim(TRIM_STEP);
	}
}

static void forget_listing(struct fuse_req *req, size_t len)
{
	struct fuse_dir_entry *e = kmalloc(sizeof(*e));
	size_t pos = 0;
	int r;

	if (!e) {
		return;
	}
	do {
		r = fuse_parse_dirent(page_to_virt(req->pages[0]), len, &pos, e);
		if (r != 0 && e->entry.nodeid && e->entry.nodeid != FUSE_ROOT_ID) {
			fuse_forget_queue(req->conn, NULL, e->entry.nodeid, 1);
		}
	} while (r > 0);
	kfree(e);
}

void fuse_orphan_cleanup(struct fuse_req *req)
{
	long len = fuse_req_result(req);
	struct fuse_entry_out e = { 0 };
	struct fuse_open_out o;

	if (len < 0) {
		return;
	}
	switch (req->opcode) {
	case FUSE_LOOKUP:
	case FUSE_MKNOD:
	case FUSE_MKDIR:
	case FUSE_SYMLINK:
	case FUSE_LINK:
		if (fuse_parse_entry(req->reply, (size_t)len, &e) == 0 && e.nodeid) {
			fuse_forget_queue(req->conn, NULL, e.nodeid, 1);
		}
		break;
	case FUSE_CREATE:
		if (fuse_parse_create(req->reply, (size_t)len, &e, &o) == 0) {
			fuse_release_handle(req->conn, e.nodeid, o.fh, false);
			fuse_forget_queue(req->conn, NULL, e.nodeid, 1);
		}
		break;
	case FUSE_OPEN:
	case FUSE_OPENDIR:
		if (fuse_parse_open(req->reply, (size_t)len, &o) == 0) {
			fuse_release_handle(req->conn, req->nodeid, o.fh,
					    req->opcode == FUSE_OPENDIR);
		}
		break;
	case FUSE_READDIRPLUS: forget_listing(req, (size_t)len); break;
	default: break;
	}
}
