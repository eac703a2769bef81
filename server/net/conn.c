/* SPDX-License-Identifier: Apache-2.0 */
#include "conn.h"

#include <sodium.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "log.h"

#define RETRY_BUSY_S 5 /* a refused client comes back after so many seconds at least */

static void pump(struct conn *c);

/* --- phases and their deadlines --- */

static void queue_remove(struct conn *c)
{
	struct conn_queue *q = &c->net->queues[c->phase];
	*(c->previous ? &c->previous->next : &q->first) = c->next;
	*(c->next ? &c->next->previous : &q->last) = c->previous;
	c->next = c->previous = NULL;
}

static void queue_append(struct conn *c)
{
	struct conn_queue *q = &c->net->queues[c->phase];
	c->previous = q->last;
	*(q->last ? &q->last->next : &q->first) = c;
	q->last = c;
}

static enum conn_phase phase_of(const struct conn *c)
{
	if (c->session.owed || c->working)
		return PHASE_BUSY; /* no deadline: the lane or the crew answers */
	if (session_authenticated(&c->session))
		return c->session.asked ? PHASE_IDLE : PHASE_HANDSHAKE;
	return c->session.state == SESSION_GREETING ? PHASE_HELLO : PHASE_HANDSHAKE;
}

/* Before the first request a deadline counts from accept, so bytes that drip in must not move it or its
 * place. */
static void set_phase(struct conn *c, int64_t now_ms)
{
	static const int64_t from_accept[PHASES] = {
		[PHASE_HELLO] = LIMIT_HELLO_MS, [PHASE_HANDSHAKE] = LIMIT_HANDSHAKE_MS};
	enum conn_phase phase = phase_of(c);
	if (phase == c->phase && phase != PHASE_IDLE)
		return;
	queue_remove(c);
	c->phase = phase;
	c->due = phase == PHASE_IDLE ? now_ms + (int64_t)c->net->settings.limits.idle_seconds * 1000
				     : c->accepted + from_accept[phase];
	queue_append(c);
}

static void leave_unauthenticated(struct conn *c)
{
	if (!c->entered)
		return;
	c->entered = false;
	c->net->n_unauthenticated--;
	source_leave(c->source, c->stranger);
}

/* --- closing --- */

static void on_closed(uv_handle_t *handle)
{
	struct conn *c = handle->data;
	session_fini(&c->session);
	free(c);
}

static void destroy(struct conn *c)
{
	if (c->closing)
		return;
	c->closing = true;
	queue_remove(c);
	leave_unauthenticated(c);
	source_close(c->source);
	slots_remove(&c->net->conns, c->id);
	c->net->n_open--;
	counter_add(&c->net->settings.counters->connections_open, -1);
	if (!c->working)
		uv_close((uv_handle_t *)&c->tcp, on_closed);
	/* otherwise the crew has the session; crypto_done closes */
}

/* What went wrong is counted. The peer's fault is held against its source, the host's own is told. */
static void note_fault(struct conn *c, int64_t now_ms)
{
	int error = c->session.error;
	if (!error)
		return;
	counter_code(c->net->settings.counters->closures, error);
	log_event(error == E_NO_MEMORY ? EVENT_CONNECTION_FAILED : EVENT_CONNECTION_CLOSED, LOG_CODE(error));
	if (error == E_MALFORMED || error == E_HANDSHAKE_FAILED || error == E_TOO_LARGE)
		source_punish(c->source, PENALTY_MALFORMED, now_ms);
}

/* --- writing --- */

struct output {
	uv_write_t request;
	struct conn *conn;
	uint8_t *bytes;
};

static void on_written(uv_write_t *request, int status)
{
	struct output *o = (struct output *)request;
	struct conn *c = o->conn;
	free(o->bytes);
	free(o);
	c->writes--;
	if (c->closing)
		return;
	if (status < 0)
		destroy(c);
	else
		pump(c);
}

/* The rest of the output goes to libuv with its memory, so that the session may fill a new buffer. */
static void write_later(struct conn *c)
{
	struct buffer *out = &c->session.channel.out;
	struct output *o = malloc(sizeof(*o));
	if (!o) {
		c->session.error = E_NO_MEMORY;
		note_fault(c, 0);
		destroy(c);
		return;
	}
	uv_buf_t buf = uv_buf_init((char *)out->bytes, (unsigned)out->used);
	o->conn = c;
	o->bytes = out->bytes;
	buffer_init(out, out->max); /* its memory is o's now */
	c->writes++;
	if (uv_write(&o->request, (uv_stream_t *)&c->tcp, &buf, 1, on_written)) {
		free(o->bytes);
		free(o);
		c->writes--;
		destroy(c);
	}
}

static void flush(struct conn *c)
{
	struct buffer *out = &c->session.channel.out;
	if (!out->used || c->writes)
		return;
	uv_buf_t buf = uv_buf_init((char *)out->bytes, (unsigned)out->used);
	int n = uv_try_write((uv_stream_t *)&c->tcp, &buf, 1);
	if (n < 0 && n != UV_EAGAIN) {
		destroy(c);
		return;
	}
	if (n > 0) {
		counter_add(&c->net->settings.counters->sent, n);
		buffer_drop(out, (size_t)n);
	}
	if (out->used)
		write_later(c);
}

/* --- crypto on the crew --- */

static void ask_crypto(struct conn *c)
{
	c->working = true;
	counter_add(&c->net->settings.counters->worker_queue, 1);
	crew_add(c->net->crew, &c->crypto, c->stranger);
}

static struct conn *conn_of(struct crew_work *work)
{
	return (struct conn *)((char *)work - offsetof(struct conn, crypto));
}

void conn_crypto(struct crew_work *work)
{
	session_crypto(&conn_of(work)->session);
}

static void crypto_done(struct conn *c)
{
	c->working = false;
	counter_add(&c->net->settings.counters->worker_queue, -1);
	if (c->closing) {
		uv_close((uv_handle_t *)&c->tcp, on_closed);
		return;
	}
	if (session_authenticated(&c->session) && c->entered) {
		counter_add(&c->net->settings.counters->handshakes, 1);
		leave_unauthenticated(c);
		source_forgive(c->source);
	}
	pump(c);
}

void conn_crypto_done(struct net *net)
{
	struct crew_work *next;
	for (struct crew_work *work = crew_take(net->crew); work; work = next) {
		next = work->next;
		crypto_done(conn_of(work));
	}
}

/* --- reading --- */

/* Nothing is taken while the crew has the session. */
static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	struct conn *c = handle->data;
	(void)suggested;
	*buf = uv_buf_init((char *)c->net->scratch, c->working ? 0 : sizeof(c->net->scratch));
}

static void stop_reading(struct conn *c)
{
	c->reading = false;
	uv_read_stop((uv_stream_t *)&c->tcp);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct conn *c = stream->data;
	if (n == UV_ENOBUFS) {
		stop_reading(c);
		return;
	}
	if (n < 0) {
		destroy(c);
		return;
	}
	counter_add(&c->net->settings.counters->received, n);
	session_feed(&c->session, (const uint8_t *)buf->base, (size_t)n);
	pump(c);
}

/* While the crew has the session it stays as it is: mostly nothing comes then, and to stop and to begin again
 * costs calls of the system. */
static void set_reading(struct conn *c)
{
	if (c->working)
		return;
	bool want = !c->writes && session_reads(&c->session);
	if (want == c->reading)
		return;
	c->reading = want;
	if (want)
		uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read);
	else
		stop_reading(c);
}

/* --- the pump --- */

static void reject(struct conn *c, struct job *job, int error, unsigned retry_after)
{
	session_reject(&c->session, job, error, retry_after, clock_wall(&c->net->settings.clock));
	job_free(job);
}

/* Whoever signs out of all needs a code to come back, which is limited by itself. */
static bool spends_release(const struct job *job)
{
	return job->kind == JOB_RELEASE || (job->kind == JOB_SIGN_OUT && job->lines[0].product[0]);
}

/* Seconds for which a request must wait, and why; 0: it may be asked. */
static uint32_t hold_back(struct conn *c, const struct job *job, int64_t now_ms, int *ret_error)
{
	struct counters *counters = c->net->settings.counters;
	uint32_t wait =
		quotas_ask(c->net->quotas, channel_remote(&c->session.channel), spends_release(job), now_ms);
	*ret_error = E_REQUEST_LIMIT;
	if (wait) {
		counter_add(&counters->refused_device, 1);
		return wait;
	}
	wait = job_shows_code(job) ? source_wait(c->net->sources, c->source, SOURCE_GUESSES, now_ms) : 0;
	*ret_error = E_CODE_LIMIT;
	counter_add(&counters->refused_guess, wait != 0);
	return wait;
}

/* For what it may bring, whether or not the peer waits for it; conn_settle gives back what it did not. */
static void charge(struct conn *c, struct job *job)
{
	job->guesses = job_shows_code(job);
	if (job->may_enrol)
		source_charge(c->source, SOURCE_DEVICES);
	if (job->guesses)
		source_charge(c->source, SOURCE_GUESSES);
}

static void submit(struct conn *c, struct job *job, int64_t now_ms)
{
	int error;
	uint32_t wait = hold_back(c, job, now_ms, &error);
	if (wait) {
		reject(c, job, error, wait);
		return;
	}
	job->owner = c->id;
	job->waiter = c->net;
	job->finished = net_job_finished;
	job->may_enrol = source_wait(c->net->sources, c->source, SOURCE_DEVICES, now_ms) == 0;
	job->source = c->source ? c->source->key : 0;
	charge(c, job);
	error = lane_submit(c->net->lane, job);
	if (error) {
		conn_settle(c->net, job);
		reject(c, job, error, RETRY_BUSY_S);
	}
}

/*
 * Run the session until it waits for something; nothing else may forget to. A peer that does not take its
 * answers is not served more of them: what waits for it stays within LIMIT_OWED answers.
 */
static void pump(struct conn *c)
{
	int64_t now_ms = clock_mono_ms(&c->net->settings.clock);
	int64_t now = clock_wall(&c->net->settings.clock);
	struct job *job;
	enum session_event event = SESSION_IDLE;
	while (!c->working && !c->writes && (event = session_next(&c->session, now, &job)) == SESSION_JOB)
		submit(c, job, now_ms);
	if (event == SESSION_CRYPTO && !c->working)
		ask_crypto(c);
	if (!c->working)
		flush(c);
	if (c->closing)
		return;
	if (event == SESSION_CLOSE && !c->writes && !c->working) {
		note_fault(c, now_ms);
		destroy(c);
		return;
	}
	set_reading(c);
	set_phase(c, now_ms);
}

void conn_settle(struct net *net, const struct job *job)
{
	struct source *source = job->source ? sources_known(net->sources, job->source) : NULL;
	if (job->may_enrol && !job->enrolled)
		source_refund(source, SOURCE_DEVICES);
	if (job->guesses && !job_guessed_wrong(job))
		source_refund(source, SOURCE_GUESSES);
	if (job_granted(job))
		source_praise(source, clock_mono_ms(&net->settings.clock));
}

void conn_answer(struct conn *c, const struct job *job)
{
	session_answer(&c->session, job);
	pump(c);
}

/* --- accepting --- */

/* Chance spreads a herd. */
static unsigned retry_time(const struct net *net)
{
	return RETRY_BUSY_S + randombytes_uniform(crowd_spread(&net->crowd) + 1);
}

static const char *counted(atomic_llong *counter, const char *reason)
{
	counter_add(counter, 1);
	return reason;
}

static const char *enter(struct conn *c, int64_t now_ms)
{
	struct counters *counters = c->net->settings.counters;
	switch (source_enter(c->net->sources, c->source, now_ms)) {
	case SOURCE_PENALTY:
		return counted(&counters->refused_penalty, "penalty");
	case SOURCE_FULL:
		return counted(&counters->refused_full, "open");
	case SOURCE_CROWD:
		return counted(&counters->refused_crowd, "source");
	case SOURCE_NETWORK:
		return counted(&counters->refused_network, "network");
	case SOURCE_RATE:
		return counted(&counters->refused_rate, "rate");
	case SOURCE_WELCOME:
		break;
	}
	return NULL;
}

/* Too many came, whoever they are. */
static const char *crowded(struct net *net, atomic_llong *counter, const char *reason, int64_t now_ms)
{
	crowd_count(&net->crowd, true, now_ms);
	return counted(counter, reason);
}

/* The order of cheap rejection (reliability.md 3.6, steps 2, 6 and 7). NULL: come in; else by which limit it
 * is refused, and that is counted. */
static const char *judge(struct conn *c, const struct sockaddr *peer, int64_t now_ms)
{
	struct net *net = c->net;
	struct counters *counters = net->settings.counters;
	if (net->n_open >= net->settings.limits.max_connections || net->stop_by)
		return crowded(net, &counters->refused_limit, "limit", now_ms);
	c->source = sources_find(net->sources, peer, now_ms);
	c->stranger = !source_trusted(c->source) && !sources_exempts(net->sources, peer);
	if (c->stranger && door_drops(net->n_unauthenticated, net->settings.limits.max_unauthenticated,
				      randombytes_uniform(DOOR_DRAWS)))
		return crowded(net, &counters->refused_early, "early", now_ms);
	const char *refused = enter(c, now_ms);
	if (refused)
		return refused;
	bool pays = budget_spend(&net->budget, net->handshakes_per_second, c->stranger, now_ms);
	c->id = pays ? slots_add(&net->conns, c) : 0;
	if (c->id) {
		crowd_count(&net->crowd, false, now_ms);
		return NULL;
	}
	source_leave(c->source, c->stranger);
	source_close(c->source);
	if (!pays)
		return crowded(net, &counters->refused_budget, "budget", now_ms);
	log_event(EVENT_CONNECTION_FAILED, LOG_CODE(E_NO_MEMORY));
	return crowded(net, &counters->refused_memory, "memory", now_ms);
}

static void on_refused_closed(uv_handle_t *handle)
{
	free(handle->data);
}

/* One polite line, if the socket takes it at once, and away. */
static void turn_away(struct conn *c, const struct sockaddr *peer, const char *reason)
{
	char address[64] = "";
	uint8_t refusal[FRAME_REFUSAL];
	refusal_write(c->net->stop_by ? E_STOPPING : E_BUSY, retry_time(c->net), refusal);
	uv_buf_t buf = uv_buf_init((char *)refusal, sizeof(refusal));
	uv_try_write((uv_stream_t *)&c->tcp, &buf, 1);
	uv_close((uv_handle_t *)&c->tcp, on_refused_closed);
	uv_ip_name(peer, address, sizeof(address));
	log_event(EVENT_CONNECTION_REFUSED, LOG_TEXT(ADDRESS, address), LOG_TEXT(DETAIL, reason));
}

void conn_accept(struct net *net, uv_stream_t *listener)
{
	int64_t now_ms = clock_mono_ms(&net->settings.clock);
	struct sockaddr_storage peer = {0};
	int n = sizeof(peer);
	struct conn *c = calloc(1, sizeof(*c));
	if (!c) {
		net->starved = true; /* libuv offers no other connection until this one is accepted: the tick
					tries again */
		log_event(EVENT_CONNECTION_FAILED, LOG_CODE(E_NO_MEMORY));
		return;
	}
	c->net = net;
	c->tcp.data = c;
	uv_tcp_init(&net->loop, &c->tcp);
	if (uv_accept(listener, (uv_stream_t *)&c->tcp)) {
		uv_close((uv_handle_t *)&c->tcp, on_refused_closed);
		return;
	}
	counter_add(&net->settings.counters->connections, 1);
	uv_tcp_getpeername(&c->tcp, (struct sockaddr *)&peer, &n); /* none, if it is gone already */
	const char *refused = judge(c, (struct sockaddr *)&peer, now_ms);
	if (refused) {
		turn_away(c, (struct sockaddr *)&peer, refused);
		return;
	}
	net->n_open++;
	net->n_unauthenticated++;
	c->entered = true;
	c->accepted = now_ms;
	counter_add(&net->settings.counters->connections_open, 1);
	uv_tcp_nodelay(&c->tcp, 1);
	session_init(&c->session, &net->settings.broker->key->fixed, &net->settings.broker->board);
	c->phase = PHASE_HELLO;
	c->due = now_ms + LIMIT_HELLO_MS;
	queue_append(c);
	set_reading(c);
}

/* --- deadlines --- */

static void expire(struct conn *c, int64_t now_ms)
{
	if (!session_authenticated(&c->session))
		source_punish(c->source, PENALTY_DEADLINE, now_ms);
	if (!c->session.asked)
		counter_code(c->net->settings.counters->closures, E_TIMEOUT);
	destroy(c);
}

void conn_sweep(struct net *net, int64_t now_ms, bool all)
{
	for (size_t phase = 0; phase < PHASE_BUSY; phase++) {
		struct conn *next;
		for (struct conn *c = net->queues[phase].first; c && (all || c->due <= now_ms); c = next) {
			next = c->next;
			if (all)
				destroy(c);
			else
				expire(c, now_ms);
		}
	}
}

void conn_close_all(struct net *net)
{
	for (size_t phase = 0; phase < PHASES; phase++)
		while (net->queues[phase].first)
			destroy(net->queues[phase].first);
}
