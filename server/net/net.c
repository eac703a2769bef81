/* SPDX-License-Identifier: Apache-2.0 */
#include "net.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "conn.h"
#include "error.h"
#include "hostport.h"
#include "log.h"
#include "timekeeper.h"

#define BACKLOG 4096
#define TICK_MS 250
#define SWEEP_MS 60000
#define MEASURE_US 10000
#define CLOCK_STEP 5            /* seconds that a clock does not jump by itself */
#define DESCRIPTORS_BESIDE 1024 /* connections: files, the API, refusals */
#define STOP_MS 4000            /* what is owed is answered within this */

/* --- the way back from the lane --- */

void net_job_finished(struct job *job)
{
	struct net *net = job->waiter;
	job->next = NULL;
	uv_mutex_lock(&net->done_lock);
	*net->done_last = job;
	net->done_last = &job->next;
	uv_mutex_unlock(&net->done_lock);
}

void net_jobs_done(void *context)
{
	struct net *net = context;
	uv_async_send(&net->wake);
}

static void on_wake(uv_async_t *async)
{
	struct net *net = async->data;
	uv_mutex_lock(&net->done_lock);
	struct job *job = net->done;
	net->done = NULL;
	net->done_last = &net->done;
	uv_mutex_unlock(&net->done_lock);
	while (job) {
		struct job *next = job->next;
		struct conn *conn = slots_find(&net->conns, job->owner);
		conn_settle(net, job);
		if (conn)
			conn_answer(conn, job); /* gone: the repeat of its request is answered */
		job_free(job);
		job = next;
	}
}

/* --- time --- */

static void submit_sweep(struct net *net, int64_t now_ms)
{
	if (now_ms - net->last_sweep < SWEEP_MS)
		return;
	struct job *job = job_new(JOB_SWEEP, 0);
	net->last_sweep = now_ms;
	if (!job)
		return;
	job->waiter = net;
	job->finished = net_job_finished;
	if (lane_submit(net->lane, job))
		job_free(job);
}

static void close_if_open(uv_handle_t *handle)
{
	if (!uv_is_closing(handle))
		uv_close(handle, NULL);
}

static void begin_stop(struct net *net, int64_t now_ms)
{
	if (net->stop_by)
		return;
	net->stop_by = now_ms + STOP_MS;
	for (size_t i = 0; i < net->n_listeners; i++)
		close_if_open((uv_handle_t *)&net->listeners[i]);
}

static void finish_stop(struct net *net)
{
	uv_timer_stop(&net->tick);
	close_if_open((uv_handle_t *)&net->tick);
	close_if_open((uv_handle_t *)&net->wake);
	for (size_t i = 0; i < 3; i++)
		close_if_open((uv_handle_t *)&net->signals[i]);
	/* A second signal during the tear-down must not turn an orderly end into a violent one. */
	signal(SIGTERM, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	if (net->queues[PHASE_BUSY].first)
		uv_stop(&net->loop);
}

static void retry_accepts(struct net *net)
{
	if (!net->starved || net->stop_by)
		return;
	net->starved = false;
	for (size_t i = 0; i < net->n_listeners; i++)
		conn_accept(net, (uv_stream_t *)&net->listeners[i]);
}

/* How late this tick is, and whether somebody has set the wall clock since the last one. */
static void watch_time(struct net *net, int64_t now_ms)
{
	struct counters *counters = net->settings.counters;
	int64_t wall = clock_wall(&net->settings.system);
	int64_t now_us = clock_us();
	int64_t step = (wall - net->last_wall) - (now_ms - net->last_tick) / 1000;
	histogram_add(&counters->took.loop_lag, now_us - net->last_tick_us - TICK_MS * 1000);
	if (step <= -CLOCK_STEP || step >= CLOCK_STEP) {
		log_event(EVENT_CLOCK_STEPPED, LOG_NUMBER(SECONDS, step));
		counter_add(step < 0 ? &counters->clock_back : &counters->clock_forward,
			    step < 0 ? -step : step);
		if (step < 0)
			atomic_store(&counters->clock_back_at, wall);
	}
	net->last_wall = wall;
	net->last_tick = now_ms;
	net->last_tick_us = now_us;
}

/* Can the clock be believed? */
static void watch_trust(struct net *net)
{
	struct timekeeper *time = net->settings.broker->time;
	bool unsafe = time && timekeeper_look(time).trust != TIME_GOOD;
	if (atomic_exchange(&net->settings.counters->clock_unsafe, unsafe) != unsafe)
		log_event(unsafe ? EVENT_CLOCK_UNSAFE : EVENT_CLOCK_TRUSTED);
}

static void on_tick(uv_timer_t *timer)
{
	struct net *net = timer->data;
	int64_t now_ms = clock_mono_ms(&net->settings.clock);
	net->fatal = atomic_load(&net->settings.broker->fatal);
	if (net->fatal)
		begin_stop(net, now_ms);
	watch_time(net, now_ms);
	watch_trust(net);
	if (net->settings.on_tick)
		net->settings.on_tick(net->settings.context);
	conn_sweep(net, now_ms, net->stop_by != 0);
	retry_accepts(net);
	if (!net->stop_by)
		submit_sweep(net, now_ms);
	else if (!net->queues[PHASE_BUSY].first || now_ms >= net->stop_by)
		finish_stop(net);
}

static void on_signal(uv_signal_t *handle, int number)
{
	struct net *net = handle->data;
	if (number == SIGHUP) {
		net->settings.on_reload(net->settings.context);
		return;
	}
	log_event(EVENT_HOST_STOPPING, LOG_NUMBER(SIGNAL, number));
	begin_stop(net, clock_mono_ms(&net->settings.clock));
}

/* --- open --- */

/* Of this thread: a busy machine must not pass for a slow one. */
static int64_t cpu_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int count_cores(void)
{
	uv_cpu_info_t *cpus;
	int n = 1;
	if (uv_cpu_info(&cpus, &n) == 0)
		uv_free_cpu_info(cpus, n);
	return n > 0 ? n : 1;
}

/* Half of what the cores can do in key exchanges: the other half is for those who are in. */
static uint32_t measure_handshakes(int cores)
{
	struct noise_pair pair;
	uint8_t shared[NOISE_KEY];
	unsigned rounds = 0;
	noise_pair_make(&pair);
	int64_t begin = cpu_us();
	while (cpu_us() - begin < MEASURE_US && rounds < 100000) {
		int ignored = crypto_scalarmult(shared, pair.secret, pair.public);
		(void)ignored;
		rounds++;
	}
	sodium_memzero(&pair, sizeof(pair));
	/* A handshake costs about four exchanges. */
	return (uint32_t)((uint64_t)rounds * (1000000 / MEASURE_US) / 4 * (unsigned)cores / 2) + 50;
}

/* --- descriptors --- */

/* As many as may be open, so many of them connections. */
static size_t raise_descriptors(size_t connections)
{
	struct rlimit limit = {0};
	size_t wanted = connections + DESCRIPTORS_BESIDE;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	return limit.rlim_cur < wanted ? (size_t)limit.rlim_cur : wanted;
}

static void never(uv_poll_t *poll, int status, int events)
{
	(void)poll;
	(void)status;
	(void)events;
}

static void forget_poll(uv_handle_t *handle)
{
	free(handle);
}

/* libuv grows its table of descriptors when a higher one comes, and ends the process where there is no memory
 * for that: so it looks once, before anybody is served, at the highest that there may be. */
static int widen(struct net *net, size_t descriptors)
{
	uv_poll_t *poll = malloc(sizeof(*poll));
	int fd = eventfd(0, EFD_CLOEXEC);
	int highest = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, (int)descriptors - 1);
	int error = poll && highest >= 0 ? uv_poll_init(&net->loop, poll, highest) : UV_ENOMEM;
	if (error) {
		free(poll);
	} else {
		error = uv_poll_start(poll, UV_READABLE, never);
		uv_close((uv_handle_t *)poll, forget_poll);
	}
	if (highest >= 0)
		close(highest);
	if (fd >= 0)
		close(fd);
	return error;
}

void net_limit(struct net *net, const struct net_limits *limits)
{
	net->settings.limits = *limits;
	limits = &net->settings.limits;
	struct source_limits sources = {
		.handshakes_per_minute = limits->handshakes_per_source,
		.per_hour = {[SOURCE_DEVICES] = limits->new_devices_per_source,
			     [SOURCE_GUESSES] = limits->wrong_codes_per_source},
		.open = limits->connections_per_source,
		.penalty_ms = limits->penalty_seconds * 1000,
		.at_once = limits->at_once_per_source,
		.at_once_of_network = limits->at_once_per_network,
		.exempt = limits->exempt,
		.n_exempt = limits->n_exempt,
	};
	uint32_t before = net->handshakes_per_second;
	net->handshakes_per_second =
		limits->handshakes_per_second ? limits->handshakes_per_second : net->handshakes_measured;
	if (net->handshakes_per_second != before)
		budget_fill(&net->budget, net->handshakes_per_second, clock_mono_ms(&net->settings.clock));
	sources_limit(net->sources, &sources);
	quotas_limit(net->quotas, &limits->per_device);
}

/* --- the crew --- */

static void on_ready(void *context)
{
	struct net *net = context;
	uv_async_send(&net->crypted);
}

static void on_crypted(uv_async_t *async)
{
	conn_crypto_done(async->data);
}

/* Before the loop sleeps. */
static void on_give(uv_prepare_t *prepare)
{
	struct net *net = prepare->data;
	crew_give(net->crew);
}

static int start_crew(struct net *net)
{
	struct crew_settings settings = {
		.threads = (size_t)net->cores, .run = conn_crypto, .ready = on_ready, .context = net};
	int failed = uv_async_init(&net->loop, &net->crypted, on_crypted);
	net->crypted.data = net;
	failed |= uv_prepare_init(&net->loop, &net->give);
	net->give.data = net;
	failed |= uv_prepare_start(&net->give, on_give);
	/* They are no reason to go on. */
	uv_unref((uv_handle_t *)&net->crypted);
	uv_unref((uv_handle_t *)&net->give);
	return failed ? E_INTERNAL : crew_new(&settings, &net->crew);
}

static int start_handles(struct net *net)
{
	static const int numbers[3] = {SIGTERM, SIGINT, SIGHUP};
	int failed = uv_async_init(&net->loop, &net->wake, on_wake);
	net->wake.data = net;
	failed |= uv_timer_init(&net->loop, &net->tick);
	net->tick.data = net;
	failed |= uv_timer_start(&net->tick, on_tick, TICK_MS, TICK_MS);
	for (size_t i = 0; i < 3; i++) {
		failed |= uv_signal_init(&net->loop, &net->signals[i]);
		net->signals[i].data = net;
		failed |= uv_signal_start(&net->signals[i], on_signal, numbers[i]);
	}
	failed |= widen(net, raise_descriptors(net->settings.limits.max_connections));
	return failed ? E_INTERNAL : start_crew(net);
}

int net_open(const struct net_settings *settings, struct net **ret)
{
	struct net *net = calloc(1, sizeof(*net));
	struct source_limits none = {0};
	if (!net)
		return E_NO_MEMORY;
	net->settings = *settings;
	net->sources = sources_new(&none);
	net->quotas = quotas_new();
	if (!net->sources || !net->quotas || uv_loop_init(&net->loop)) {
		sources_free(net->sources);
		quotas_free(net->quotas);
		free(net);
		return E_NO_MEMORY;
	}
	slots_init(&net->conns);
	uv_mutex_init(&net->done_lock);
	net->done_last = &net->done;
	net->last_sweep = clock_mono_ms(&settings->clock);
	net->cores = count_cores();
	net->handshakes_measured = measure_handshakes(net->cores);
	net_limit(net, &settings->limits);
	signal(SIGPIPE, SIG_IGN);
	int error = start_handles(net);
	if (error)
		net_close(net);
	else
		*ret = net;
	return error;
}

/* --- listening --- */

static void on_connection(uv_stream_t *listener, int status)
{
	struct net *net = listener->data;
	if (status < 0)
		counter_add(&net->settings.counters->refused_files, 1);
	else
		conn_accept(net, listener);
}

/* The addresses of "ADDR:PORT" or "[ADDR]:PORT". */
static int resolve(const char *address, struct addrinfo **ret)
{
	struct addrinfo hints = {.ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV,
				 .ai_socktype = SOCK_STREAM};
	char host[NET_ADDRESS_TEXT];
	const char *port;
	if (!hostport_split(address, host, sizeof(host), &port) || (address[0] != '[' && strchr(host, ':')))
		return E_CONFIG_INVALID;
	return getaddrinfo(host, port, &hints, ret) ? E_CONFIG_INVALID : 0;
}

static void name_listener(const uv_tcp_t *tcp, char out[NET_ADDRESS_TEXT])
{
	struct sockaddr_storage bound;
	int n = sizeof(bound);
	char host[48] = "?";
	char port[8] = "?";
	if (uv_tcp_getsockname(tcp, (struct sockaddr *)&bound, &n) == 0)
		getnameinfo((struct sockaddr *)&bound, (socklen_t)n, host, sizeof(host), port, sizeof(port),
			    NI_NUMERICHOST | NI_NUMERICSERV);
	snprintf(out, NET_ADDRESS_TEXT, bound.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
}

/* Listen on a socket that is bound, or could not be (result). */
static int listen_on(struct net *net, uv_tcp_t *tcp, int result)
{
	if (result == 0)
		result = uv_listen((uv_stream_t *)tcp, BACKLOG, on_connection);
	if (result) {
		errno = -result;
		return E_CANNOT_CREATE;
	}
	name_listener(tcp, net->addresses[net->n_listeners - 1]);
	return 0;
}

static uv_tcp_t *add_listener(struct net *net)
{
	uv_tcp_t *tcp = &net->listeners[net->n_listeners++];
	uv_tcp_init(&net->loop, tcp);
	tcp->data = net;
	return tcp;
}

int net_adopt(struct net *net, int fd)
{
	if (net->n_listeners == NET_LISTENERS_MAX)
		return E_CONFIG_INVALID;
	uv_tcp_t *tcp = add_listener(net);
	return listen_on(net, tcp, uv_tcp_open(tcp, fd));
}

int net_listen(struct net *net, const char *address)
{
	struct addrinfo *found;
	if (net->n_listeners == NET_LISTENERS_MAX)
		return E_CONFIG_INVALID;
	int error = resolve(address, &found);
	if (error)
		return error;
	uv_tcp_t *tcp = add_listener(net);
	int result = uv_tcp_bind(tcp, found->ai_addr, found->ai_family == AF_INET6 ? UV_TCP_IPV6ONLY : 0);
	freeaddrinfo(found);
	return listen_on(net, tcp, result);
}

size_t net_addresses(const struct net *net, const char *out[NET_LISTENERS_MAX])
{
	for (size_t i = 0; i < net->n_listeners; i++)
		out[i] = net->addresses[i];
	return net->n_listeners;
}

/* --- run and close --- */

void net_attach(struct net *net, struct lane *lane)
{
	net->lane = lane;
}

int net_run(struct net *net)
{
	net->last_wall = clock_wall(&net->settings.system);
	net->last_tick = clock_mono_ms(&net->settings.clock);
	net->last_tick_us = clock_us();
	uv_run(&net->loop, UV_RUN_DEFAULT);
	return net->fatal;
}

static void close_handle(uv_handle_t *handle, void *context)
{
	(void)context;
	close_if_open(handle);
}

void net_close(struct net *net)
{
	conn_close_all(net);
	if (net->crew) {
		crew_stop(net->crew);
		conn_crypto_done(net);
	}
	uv_walk(&net->loop, close_handle, NULL);
	uv_run(&net->loop, UV_RUN_DEFAULT);
	uv_loop_close(&net->loop);
	while (net->done) {
		struct job *next = net->done->next;
		job_free(net->done);
		net->done = next;
	}
	crew_free(net->crew);
	uv_mutex_destroy(&net->done_lock);
	slots_fini(&net->conns);
	sources_free(net->sources);
	quotas_free(net->quotas);
	free(net);
}
