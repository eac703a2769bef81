/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A storm: --machines devices arrive within --within seconds, each from an address of its own on the loopback
 * network, and activate; when all are served each comes once more and renews. Whoever is turned away comes
 * back when the host said so, or after 5 to 15 seconds. Every lease is verified behind the storm. Prints one
 * line of JSON; ends with 1 when a machine was not served, or a lease does not verify.
 */
#include <errno.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "device.h"
#include "window.h"

#define EVENTS 256
#define OPEN_MAX 15000 /* connections at once: descriptors end */
#define ATTEMPT_S 20   /* for a connection to bring its answer */
#define RETRY_S 5      /* to three times as many, when the host did not say */
#define PHASE_S 600    /* all are served by then, or never */
#define NETWORK 254    /* machines of one network of 256 addresses */
#define WHOLE_S (3 * PHASE_S)

struct machine {
	struct device device;
	struct channel *channel; /* NULL: it is not connected */
	char *lease;
	double arrived; /* first, in this phase */
	double started; /* the attempt at hand */
	double waited;  /* seconds from its arrival to its lease */
	uint32_t tries;
	int fd;
};

/* When a machine does something; also what waits for the end of an attempt. */
struct due {
	double at;
	uint32_t machine;
};

static struct {
	struct destination host;
	uint32_t n;
	double within;
	pid_t pid;
	int epoll;
	struct machine *machines;
	struct due *heap; /* who comes, the earliest first */
	size_t n_heap;
	struct due *attempts; /* a ring: they end in the order in which they began */
	size_t first_attempt;
	size_t n_attempts;
	size_t room; /* for so many: nobody comes twice within a second */
	uint32_t open;
	uint32_t open_most;
	uint32_t served;
	size_t refused[DEVICE_CODES];
} storm = {.n = 100000, .within = 60};

/* --- who comes when --- */

static void heap_put(double at, uint32_t machine)
{
	size_t i = storm.n_heap++;
	for (; i && storm.heap[(i - 1) / 2].at > at; i = (i - 1) / 2)
		storm.heap[i] = storm.heap[(i - 1) / 2];
	storm.heap[i] = (struct due){at, machine};
}

static uint32_t heap_take(void)
{
	uint32_t machine = storm.heap[0].machine;
	struct due last = storm.heap[--storm.n_heap];
	size_t i = 0;
	for (;;) {
		size_t child = 2 * i + 1;
		if (child >= storm.n_heap)
			break;
		if (child + 1 < storm.n_heap && storm.heap[child + 1].at < storm.heap[child].at)
			child++;
		if (storm.heap[child].at >= last.at)
			break;
		storm.heap[i] = storm.heap[child];
		i = child;
	}
	storm.heap[i] = last;
	return machine;
}

static double chance(void)
{
	return (double)randombytes_random() / 4294967296.0;
}

/* --- an attempt --- */

static void hang_up(struct machine *m)
{
	if (!m->channel)
		return;
	close(m->fd);
	channel_fini(m->channel);
	free(m->channel);
	m->channel = NULL;
	storm.open--;
}

/* It comes again. seconds: as the host said; 0: it did not. */
static void turn_away(struct machine *m, int code, uint32_t seconds)
{
	double wait = seconds ? seconds : RETRY_S + chance() * 2 * RETRY_S;
	device_count(storm.refused, code);
	hang_up(m);
	heap_put(bench_now() + wait, (uint32_t)(m - storm.machines));
}

static int flush(struct machine *m)
{
	struct buffer *out = &m->channel->out;
	ssize_t n = out->used ? send(m->fd, out->bytes, out->used, MSG_NOSIGNAL) : 0;
	if (n < 0 && errno != EAGAIN && errno != ENOTCONN)
		return E_CLOSED;
	if (n > 0)
		buffer_drop(out, (size_t)n);
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = m};
	if (out->used)
		event.events |= EPOLLOUT;
	return epoll_ctl(storm.epoll, EPOLL_CTL_MOD, m->fd, &event) ? E_IO : 0;
}

/* From an address of its own, in a network with others. */
static int open_socket(struct machine *m, uint32_t index)
{
	int on = 1;
	uint32_t network = index / NETWORK;
	struct sockaddr_in own = {.sin_family = AF_INET};
	own.sin_addr.s_addr =
		htonl(127u << 24 | (1 + network / 256) << 16 | network % 256 << 8 | (1 + index % NETWORK));
	m->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (m->fd < 0)
		return E_IO;
	setsockopt(m->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(m->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
	const struct sockaddr *address = (const struct sockaddr *)&storm.host.address;
	if (bind(m->fd, (struct sockaddr *)&own, sizeof(own)) ||
	    (connect(m->fd, address, sizeof(storm.host.address)) && errno != EINPROGRESS))
		return E_CLOSED;
	struct epoll_event event = {.events = EPOLLIN | EPOLLOUT, .data.ptr = m};
	return epoll_ctl(storm.epoll, EPOLL_CTL_ADD, m->fd, &event) ? E_IO : 0;
}

static void attempt(uint32_t index)
{
	struct machine *m = &storm.machines[index];
	m->started = bench_now();
	m->tries++;
	m->channel = bench_room(1, sizeof(*m->channel));
	channel_init(m->channel, NOISE_INITIATOR, &m->device.fixed, &m->device.ephemeral);
	storm.open++;
	if (storm.open > storm.open_most)
		storm.open_most = storm.open;
	storm.attempts[(storm.first_attempt + storm.n_attempts++) % storm.room] =
		(struct due){m->started + ATTEMPT_S, index};
	int error = open_socket(m, index);
	if (!error)
		error = device_greet(m->channel, &storm.host);
	if (error)
		turn_away(m, error, 0);
}

static void served(struct machine *m, const wire_result *result)
{
	m->waited = bench_now() - m->arrived;
	free(m->lease);
	m->lease = strdup(result->lease);
	bench_must(m->lease ? 0 : E_NO_MEMORY, "memory");
	bench_must(strcmp(result->certificate, storm.host.certificate) ? E_HOST_UNTRUSTED : 0, "certificate");
	/* The next connection needs a new ephemeral key. */
	noise_pair_make(&m->device.ephemeral);
	storm.served++;
	hang_up(m);
}

static void take_answer(struct machine *m)
{
	const wire_result *result;
	uint32_t retry = 0;
	int error = device_take(&m->device, m->channel, &result, &retry);
	if (error)
		turn_away(m, error, retry);
	else
		served(m, result);
}

static void on_read(struct machine *m)
{
	uint8_t bytes[16384];
	ssize_t n = recv(m->fd, bytes, sizeof(bytes), 0);
	if (n < 0 && errno == EAGAIN)
		return;
	int error = n <= 0 ? E_CLOSED : channel_feed(m->channel, bytes, (size_t)n);
	while (!error && m->channel) {
		int event = channel_next(m->channel);
		if (event == CHANNEL_WANT)
			return;
		if (event == CHANNEL_MESSAGE) {
			take_answer(m);
			continue;
		}
		error = event < 0 ? event : device_confirm(&m->device, m->channel, &storm.host);
		if (!error)
			error = flush(m);
	}
	if (error)
		turn_away(m, error, m->channel->retry_after);
}

static void on_event(struct machine *m, uint32_t events)
{
	int error = 0;
	if (!m->channel)
		return;
	if (events & EPOLLOUT)
		error = flush(m);
	if (error)
		turn_away(m, error, 0);
	else if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		on_read(m);
}

static void end_attempts(double now)
{
	while (storm.n_attempts) {
		struct due a = storm.attempts[storm.first_attempt];
		struct machine *m = &storm.machines[a.machine];
		bool over = !m->channel || m->started + ATTEMPT_S > a.at;
		if (!over && a.at > now)
			return;
		storm.first_attempt = (storm.first_attempt + 1) % storm.room;
		storm.n_attempts--;
		if (!over)
			turn_away(m, E_TIMEOUT, 0);
	}
}

/* --- a phase --- */

static void turn(void)
{
	struct epoll_event events[EVENTS];
	double now = bench_now();
	while (storm.n_heap && storm.heap[0].at <= now && storm.open < OPEN_MAX)
		attempt(heap_take());
	end_attempts(now);
	int wait = 100;
	if (storm.n_heap && storm.open < OPEN_MAX && storm.heap[0].at - now < 0.1)
		wait = storm.heap[0].at > now ? (int)((storm.heap[0].at - now) * 1e3) + 1 : 0;
	int n = epoll_wait(storm.epoll, events, EVENTS, wait);
	for (int i = 0; i < n; i++)
		on_event(events[i].data.ptr, events[i].events);
}

static void begin_phase(void)
{
	double now = bench_now();
	storm.served = storm.open_most = 0;
	memset(storm.refused, 0, sizeof(storm.refused));
	for (uint32_t i = 0; i < storm.n; i++) {
		struct machine *m = &storm.machines[i];
		m->arrived = now + chance() * storm.within;
		m->tries = 0;
		heap_put(m->arrived, i);
	}
}

static size_t verify(void)
{
	size_t bad = 0;
	for (uint32_t i = 0; i < storm.n; i++) {
		struct machine *m = &storm.machines[i];
		bad += !m->lease || device_verify(&m->device, &storm.host, m->lease, storm.host.certificate);
	}
	return bad;
}

static void report(const char *name, const struct window *w, size_t bad)
{
	double *waited = bench_room(storm.n, sizeof(*waited));
	uint32_t tries_most = 0;
	uint64_t tries = 0;
	for (uint32_t i = 0; i < storm.n; i++) {
		waited[i] = storm.machines[i].waited;
		tries += storm.machines[i].tries;
		if (storm.machines[i].tries > tries_most)
			tries_most = storm.machines[i].tries;
	}
	bench_sorted(waited, storm.n);
	printf("\"%s\":{\"seconds\":%.2f,\"served\":%u,\"not_verified\":%zu,\"tries_mean\":%.3f,\"tries_"
	       "most\":%u,",
	       name, w->seconds, storm.served, bad, (double)tries / storm.n, tries_most);
	printf("\"wait_p50_s\":%.3f,\"wait_p99_s\":%.3f,\"wait_most_s\":%.3f,\"open_most\":%u,",
	       bench_percentile(waited, storm.n, 0.5), bench_percentile(waited, storm.n, 0.99),
	       waited[storm.n - 1], storm.open_most);
	printf("\"host_cpu_us\":%.1f,\"own_cpu_us\":%.1f,\"steal_percent\":%.1f,\"others_percent\":%.1f,",
	       w->host_cpu / storm.n * 1e6, w->own_cpu / storm.n * 1e6, window_stolen(w), window_others(w));
	device_codes("turned_away", storm.refused);
	printf("}");
	free(waited);
}

/* All come, and all are served. Returns how many were not, or got what does not verify. */
static size_t phase(const char *name)
{
	struct window begin = window_open(storm.pid);
	begin_phase();
	while (storm.served < storm.n && bench_now() < begin.seconds + PHASE_S)
		turn();
	struct window w = window_close(&begin);
	end_attempts(bench_now() + ATTEMPT_S);
	size_t bad = verify();
	report(name, &w, bad);
	return bad + (storm.n - storm.served);
}

/* --- the command line --- */

static int usage(void)
{
	fprintf(stderr, "usage: bench_storm --address IP:PORT --vendor FILE --product ID\n"
			"  [--machines N] [--within SECONDS] [--pid HOST]\n");
	return 64;
}

static void read_options(int argc, char **argv)
{
	static const struct option table[] = {{"address", required_argument, NULL, 'a'},
					      {"vendor", required_argument, NULL, 'v'},
					      {"product", required_argument, NULL, 'p'},
					      {"machines", required_argument, NULL, 'n'},
					      {"within", required_argument, NULL, 'w'},
					      {"pid", required_argument, NULL, 'i'},
					      {NULL, 0, NULL, 0}};
	int letter;
	while ((letter = getopt_long(argc, argv, "", table, NULL)) != -1) {
		if (letter == 'a' && !destination_address(&storm.host, optarg))
			exit(usage());
		else if (letter == 'v')
			destination_vendor(&storm.host, optarg);
		else if (letter == 'p')
			storm.host.product = optarg;
		else if (letter == 'n')
			storm.n = (uint32_t)strtoul(optarg, NULL, 10);
		else if (letter == 'w')
			storm.within = strtod(optarg, NULL);
		else if (letter == 'i')
			storm.pid = (pid_t)strtol(optarg, NULL, 10);
		else if (letter != 'a')
			exit(usage());
	}
	if (!storm.host.product || !storm.host.address.sin_port || !storm.n || storm.n > 1000000 ||
	    storm.within < 0 || storm.within > PHASE_S)
		exit(usage());
}

int main(int argc, char **argv)
{
	bench_must(sodium_init() < 0 ? E_INTERNAL : 0, "libsodium");
	read_options(argc, argv);
	alarm(WHOLE_S);
	bench_descriptors();
	storm.machines = bench_room(storm.n, sizeof(*storm.machines));
	storm.heap = bench_room(storm.n, sizeof(*storm.heap));
	storm.room = (size_t)storm.n * (ATTEMPT_S + 1);
	storm.attempts = bench_room(storm.room, sizeof(*storm.attempts));
	storm.epoll = epoll_create1(EPOLL_CLOEXEC);
	bench_must(storm.epoll < 0 ? E_IO : 0, "epoll");
	for (uint32_t i = 0; i < storm.n; i++)
		device_make(&storm.machines[i].device, i);
	printf("{\"machines\":%u,\"within_s\":%.0f,", storm.n, storm.within);
	size_t bad = phase("activation");
	printf(",");
	bad += phase("renewal");
	printf("}\n");
	return bad != 0;
}
