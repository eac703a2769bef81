/* SPDX-License-Identifier: Apache-2.0 */
/* Between a libuv stream and a session: bytes, crypto on the crew, deadlines. Belongs to the loop's thread.
 */
#ifndef SERVER_CONN_H
#define SERVER_CONN_H

#include <uv.h>

#include "crew.h"
#include "door.h"
#include "net.h"
#include "session.h"
#include "slots.h"
#include "source.h"

/* Connections in one phase share one time limit, so each phase is a queue whose head is due first. */
enum conn_phase { PHASE_HELLO, PHASE_HANDSHAKE, PHASE_IDLE, PHASE_BUSY, PHASES };

struct conn {
	uv_tcp_t tcp;
	struct crew_work crypto;
	struct net *net;
	struct session session;
	struct source *source;
	bool stranger; /* neither exempt nor trusted when it entered */
	uint64_t id;
	int64_t accepted; /* monotonic ms */
	int64_t due;      /* monotonic ms */
	enum conn_phase phase;
	struct conn *next;
	struct conn *previous;
	bool entered; /* counts as unauthenticated */
	bool working; /* the crew has the session */
	bool reading;
	bool closing;
	unsigned writes; /* under way */
};

struct conn_queue {
	struct conn *first;
	struct conn *last;
};

struct net {
	struct net_settings settings;
	uv_loop_t loop;
	uv_tcp_t listeners[NET_LISTENERS_MAX];
	char addresses[NET_LISTENERS_MAX][NET_ADDRESS_TEXT];
	size_t n_listeners;
	uv_async_t wake;
	uv_timer_t tick;
	uv_prepare_t give;
	uv_async_t crypted;
	struct crew *crew;
	int cores;
	uv_signal_t signals[3];
	uv_mutex_t done_lock;
	struct job *done;
	struct job **done_last;
	struct lane *lane;
	struct slots conns;
	struct conn_queue queues[PHASES];
	struct sources *sources;
	struct quotas *quotas;
	uint32_t n_open;
	uint32_t n_unauthenticated;
	struct budget budget;
	struct crowd crowd;
	uint32_t handshakes_per_second; /* in force */
	uint32_t handshakes_measured;
	int64_t last_sweep;
	int64_t last_wall; /* at the last tick */
	int64_t last_tick;
	int64_t last_tick_us;
	int64_t stop_by; /* 0: running */
	int fatal;
	bool starved;           /* a connection waits at a listener because memory ran out */
	uint8_t scratch[65536]; /* what is read, until the session took it: one read at a time on a loop */
};

/* Take a new connection from a listener. */
void conn_accept(struct net *, uv_stream_t *listener);

/* The public-key work of a connection, on a thread of the crew; and what is done of it. */
void conn_crypto(struct crew_work *);
void conn_crypto_done(struct net *);

/* A job is over: what its source was charged for in vain is given back, and what it did well is noted. */
void conn_settle(struct net *, const struct job *);

/* A job of this connection came back; the job stays the caller's. */
void conn_answer(struct conn *, const struct job *);

/* Close what is overdue; when `all`, everything that owes nothing. */
void conn_sweep(struct net *, int64_t now_ms, bool all);

/* Close every connection, whatever it owes. */
void conn_close_all(struct net *);

#endif
