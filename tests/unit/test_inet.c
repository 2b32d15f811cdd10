/* SPDX-License-Identifier: MIT */
/* UNIT_SOURCES: kernel/net/inet.c kernel/net/inet_table.c kernel/lib/bitmap.c tests/unit/shim/base.c */
/* Ports and addresses: who may bind what, who receives. */
#include "test.h"

#include "../../kernel/net/net_internal.h"
#include <string.h>

struct spinlock net_lock;
static bool capable = true;
static unsigned random_value;

void spin_lock(struct spinlock *l)
{
	CHECK(!l->held);
	l->held = 1;
}
void spin_unlock(struct spinlock *l)
{
	CHECK(l->held);
	l->held = 0;
}
void spin_assert_held(const struct spinlock *l)
{
	CHECK(l->held);
}
bool cred_capable(int cap)
{
	(void)cap;
	return capable;
}
void random_bytes(void *buf, size_t n)
{
	memcpy(buf, &random_value, n);
}
void socket_get(struct socket *s)
{
	s->refs.count++;
}

#define MAX_SOCKETS 64
static struct socket sockets[MAX_SOCKETS];
static unsigned nsockets;

static struct socket *make(int domain, int type)
{
	struct socket *s = &sockets[nsockets++];

	memset(s, 0, sizeof(*s));
	s->domain = domain;
	s->type = type;
	list_init(&s->name_link);
	list_init(&s->addr_link);
	list_init(&s->receive_link);
	return s;
}
static void drop_all(void)
{
	for (unsigned i = 0; i < nsockets; i++) {
		inet_family.unbind(&sockets[i]);
	}
	nsockets = 0;
}
static struct sock_addr v4(uint32_t ip, unsigned port)
{
	struct sock_addr a = { .len = 16 };

	a.in.family = AF_INET;
	a.in.port = (uint16_t)(port << 8 | port >> 8);
	a.in.addr = __builtin_bswap32(ip);
	return a;
}
static struct sock_addr v6(unsigned last, unsigned port)
{
	struct sock_addr a = { .len = 28 };

	a.in6.family = AF_INET6;
	a.in6.port = (uint16_t)(port << 8 | port >> 8);
	a.in6.addr[15] = (uint8_t)last;
	return a;
}
static int bind_to(struct socket *s, struct sock_addr a)
{
	return inet_family.bind(s, &a);
}
static struct socket *find(struct socket *s, struct sock_addr a)
{
	struct socket *out = NULL;

	return inet_family.find(s, &a, &out) ? NULL : out;
}
static int listen_on(struct socket *s)
{
	int err;

	spin_lock(&net_lock);
	err = inet_family.listen_locked(s);
	spin_unlock(&net_lock);
	s->state = err ? SOCKET_IDLE : SOCKET_LISTENING;
	return err;
}
#define LO 0x7f000001

static void test_addresses(void)
{
	struct socket *s = make(AF_INET, SOCK_STREAM);
	struct sock_addr a = v4(LO, 80);

	a.len = 8;
	CHECK_EQ(bind_to(s, a), -EINVAL);
	CHECK_EQ(bind_to(s, v6(1, 80)), -EAFNOSUPPORT);
	CHECK_EQ(bind_to(s, v4(0x0a000001, 80)), -EADDRNOTAVAIL);
	capable = false;
	CHECK_EQ(bind_to(s, v4(LO, 80)), -EACCES);
	capable = true;
	CHECK_EQ(bind_to(s, v4(LO, 80)), 0);
	CHECK_EQ(bind_to(s, v4(LO, 81)), -EINVAL);
	CHECK_EQ(inet_family.find(s, &(struct sock_addr){ .len = 1 }, &s), -EINVAL);
	a = v4(0x08080808, 53);
	CHECK_EQ(inet_family.find(&sockets[0], &a, &s), -ENETUNREACH);
	drop_all();
}
static void test_conflicts(void)
{
	struct socket *any = make(AF_INET, SOCK_STREAM), *one = make(AF_INET, SOCK_STREAM);

	CHECK_EQ(bind_to(any, v4(0, 1000)), 0);
	CHECK_EQ(bind_to(one, v4(LO, 1000)), -EADDRINUSE);
	CHECK(!one->bound);
	CHECK_EQ(bind_to(one, v4(LO, 1001)), 0);
	CHECK_EQ(bind_to(make(AF_INET, SOCK_STREAM), v4(0, 1001)), -EADDRINUSE);
	CHECK_EQ(bind_to(make(AF_INET, SOCK_DGRAM), v4(0, 1001)), 0);
	CHECK_EQ(bind_to(make(AF_INET, SOCK_STREAM), v4(LO + 1, 1001)), 0);
	/* :: takes IPv4, unless told not to */
	CHECK_EQ(bind_to(make(AF_INET6, SOCK_STREAM), v6(0, 1000)), -EADDRINUSE);
	struct socket *six = make(AF_INET6, SOCK_STREAM);
	six->ints[INT_V6ONLY] = 1;
	CHECK_EQ(bind_to(six, v6(0, 1000)), 0);
	CHECK_EQ(bind_to(make(AF_INET6, SOCK_STREAM), v6(1, 1000)), -EADDRINUSE);
	drop_all();
}
static void test_reuse(void)
{
	struct socket *a = make(AF_INET, SOCK_STREAM), *b = make(AF_INET, SOCK_STREAM);

	a->ints[INT_REUSEADDR] = b->ints[INT_REUSEADDR] = 1;
	CHECK_EQ(bind_to(a, v4(LO, 1000)), 0);
	CHECK_EQ(listen_on(a), 0);
	CHECK_EQ(bind_to(b, v4(LO, 1000)), -EADDRINUSE);
	a->state = SOCKET_IDLE;
	CHECK_EQ(bind_to(b, v4(LO, 1000)), 0);
	struct socket *c = make(AF_INET, SOCK_STREAM);
	CHECK_EQ(bind_to(c, v4(LO, 1000)), -EADDRINUSE);
	CHECK_EQ(listen_on(a), 0);
	CHECK_EQ(listen_on(b), -EADDRINUSE);
	inet_family.unbind(a);
	inet_family.unbind(b);
	CHECK_EQ(bind_to(c, v4(LO, 1000)), 0);
	drop_all();
}
/* By whom, and until when: what was said once does not hold for ever. */
static void test_share_port(void)
{
	struct socket *s[8];

	for (int i = 0; i < 8; i++) {
		s[i] = make(i < 6 ? AF_INET : AF_INET6, SOCK_STREAM);
		s[i]->ints[INT_REUSEPORT] = 1;
	}
	CHECK_EQ(bind_to(s[0], v4(LO, 1000)), 0);
	CHECK_EQ(bind_to(s[1], v4(0, 1000)), 0);
	CHECK_EQ(listen_on(s[1]), 0);
	CHECK_EQ(listen_on(s[0]), 0);
	s[2]->owner = 7;
	CHECK_EQ(bind_to(s[2], v4(LO, 1000)), -EADDRINUSE);
	CHECK_EQ(bind_to(s[2], v4(0, 1000)), -EADDRINUSE);
	CHECK_EQ(bind_to(s[6], v6(0, 1000)), 0);
	s[7]->owner = 7;
	CHECK_EQ(bind_to(s[7], v6(1, 1000)), -EADDRINUSE);
	s[0]->ints[INT_REUSEPORT] = 0;
	inet_family.sharing_changed(s[0]);
	CHECK_EQ(bind_to(s[3], v4(LO, 1000)), -EADDRINUSE);
	CHECK_EQ(bind_to(s[3], v4(0, 1000)), -EADDRINUSE);
	CHECK_EQ(bind_to(s[3], v4(LO + 1, 1000)), 0);
	s[0]->ints[INT_REUSEPORT] = 1;
	inet_family.sharing_changed(s[0]);
	CHECK_EQ(bind_to(s[4], v4(0, 1000)), 0);
	inet_family.unbind(s[0]);
	inet_family.unbind(s[1]);
	CHECK_EQ(bind_to(s[2], v4(LO, 1000)), -EADDRINUSE);
	for (int i = 3; i < 7; i++) {
		inet_family.unbind(s[i]);
	}
	CHECK_EQ(bind_to(s[2], v4(LO, 1000)), 0);
	CHECK_EQ(bind_to(s[7], v6(0, 1000)), 0);
	drop_all();
}
static void test_ephemeral(void)
{
	struct socket *s[3];

	random_value = 28231; /* the last of the range: the next is the first */
	for (int i = 0; i < 3; i++) {
		s[i] = make(AF_INET, SOCK_STREAM);
		CHECK_EQ(bind_to(s[i], v4(LO, 0)), 0);
	}
	CHECK_EQ(s[0]->local.port, 60999);
	CHECK_EQ(s[1]->local.port, 32768);
	CHECK_EQ(s[2]->local.port, 32769);
	drop_all();
}
static void test_find(void)
{
	struct socket *from = make(AF_INET, SOCK_DGRAM), *any = make(AF_INET, SOCK_DGRAM);
	struct socket *lo = make(AF_INET, SOCK_DGRAM), *six = make(AF_INET6, SOCK_DGRAM);

	any->ints[INT_REUSEADDR] = lo->ints[INT_REUSEADDR] = 1;
	CHECK_EQ(bind_to(any, v4(0, 53)), 0);
	CHECK_EQ(bind_to(lo, v4(LO, 53)), 0);
	CHECK_EQ(bind_to(six, v6(0, 54)), 0);
	CHECK(find(from, v4(LO, 53)) == lo);
	CHECK(find(from, v4(LO + 5, 53)) == any);
	CHECK(find(from, v4(0, 53)) == lo); /* the wildcard is 127.0.0.1 */
	CHECK(find(from, v4(LO, 54)) == six);
	CHECK(find(from, v4(LO, 55)) == NULL);
	/* a connected one hears its peer only, and that before others */
	struct sock_addr a = v4(LO, 99);
	lo->state = SOCKET_CONNECTED;
	inet_family.set_remote(lo, &a, NULL, NULL);
	CHECK(find(from, v4(LO, 53)) == any);
	CHECK_EQ(bind_to(from, v4(LO, 99)), 0);
	CHECK(find(from, v4(LO, 53)) == lo);
	/* streams: listeners only */
	struct socket *t = make(AF_INET, SOCK_STREAM), *c = make(AF_INET6, SOCK_STREAM);
	CHECK_EQ(bind_to(t, v4(LO, 80)), 0);
	CHECK(find(c, v6(1, 80)) == NULL);
	a = v6(0, 80);
	a.in6.addr[10] = a.in6.addr[11] = 0xff;
	a.in6.addr[12] = 127;
	a.in6.addr[15] = 1;
	CHECK(find(c, a) == NULL);
	CHECK_EQ(listen_on(t), 0);
	CHECK(find(c, a) == t);
	t->state = SOCKET_IDLE;
	CHECK(find(c, a) == NULL);
	CHECK_EQ(listen_on(t), 0);
	CHECK(find(c, a) == t);
	drop_all();
}
static void test_names(void)
{
	struct socket *c = make(AF_INET6, SOCK_STREAM), *l = make(AF_INET6, SOCK_STREAM);
	struct socket *child = make(AF_INET6, SOCK_STREAM);
	struct sock_addr a = v6(0, 80), out;

	CHECK_EQ(bind_to(l, a), 0);
	CHECK_EQ(inet_family.autobind(c), 0);
	inet_family.set_remote(c, &a, l, child);
	inet_family.remote_name(c, &out);
	CHECK_EQ(out.len, 28);
	CHECK_EQ(out.in6.addr[15], 1);
	CHECK_EQ(out.in6.port, 80 << 8);
	inet_family.local_name(child, &out);
	CHECK_EQ(out.in6.addr[15], 1);
	inet_family.remote_name(child, &out);
	CHECK_EQ(out.in6.addr[15], 1);
	CHECK(child->remote.port == c->local.port && c->local.port);
	drop_all();
}

int main(void)
{
	RUN(test_addresses);
	RUN(test_conflicts);
	RUN(test_reuse);
	RUN(test_share_port);
	RUN(test_ephemeral);
	RUN(test_find);
	RUN(test_names);
	return test_done();
}
