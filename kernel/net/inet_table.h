/* SPDX-License-Identifier: MIT */
#pragma once
/* Names of internet sockets and who receives at them: inet_table.c keeps, inet.c decides.  All
 * under net_lock but where it says so. */
#include "net_internal.h"

extern const uint8_t inet_any4[16]; /* the wildcard of IPv4, and how all its addresses begin */
bool inet_is_mapped(const uint8_t ip[16]); /* IPv4 */
bool inet_is_any(const uint8_t ip[16]);

/* For inet_enter_locked(), without the lock; NULL: no memory. */
struct inet_port *inet_port_alloc(void);
void inet_port_free(struct inet_port *p);
/* A port that no socket of the type has, from the first-th of the range on; 0: there is none. */
uint16_t inet_free_port_locked(int type, unsigned first) REQUIRES(net_table_role);
/* Somebody has the name s->local (listening: and listens there) who would not share it. */
bool inet_taken_locked(const struct socket *s, bool listening) REQUIRES(net_table_role);
/* s has the name s->local now.  *spare is NULL afterwards if it was needed. */
void inet_enter_locked(struct socket *s, struct inet_port **spare) REQUIRES(net_table_role);
/* It has it no more.  What is returned is to be freed, without the lock. */
struct inet_port *inet_leave_locked(struct socket *s) REQUIRES(net_table_role);
/* local's address or the remote name changed. */
void inet_moved_locked(struct socket *s) REQUIRES(net_table_role);
void inet_listens_locked(struct socket *s) REQUIRES(net_table_role);
/* SO_REUSEADDR or SO_REUSEPORT changed.  Takes net_lock. */
void inet_recount(struct socket *s) EXCLUDES(net_table_role);
/* Who receives what s sends from `from` to `to`; NULL = nobody. */
struct socket *inet_receiver_locked(const struct socket *s, const struct inet_name *to,
				    const struct inet_name *from) REQUIRES(net_table_role);
