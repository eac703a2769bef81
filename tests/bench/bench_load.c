/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The load generator: one thread, a closed loop of --clients devices against a real host, through the
 * protocol's own channel and messages. BENCHMARKS.md defines the modes. Prints one line of JSON; ends with 1
 * when any operation failed.
 *
 *   fresh   each operation: a device never seen, a new connection, handshake, Activate
 *   kept    each client: one device and one connection; Renew, over and over
 *   spread  each client: one connection; renews the devices of --devices in turn (bench_fill made them)
 *   idle    each client: one device, activated, on a connection that is then left alone until standard input
 *           ends, and on which it renews once then
 *
 * Device keys and the client's ephemeral keys are made before the window, and all leases are verified behind
 * it, so that the generator takes as little as it can of the cores that it shares with the host.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"
#include "device.h"
#include "file.h"
#include "primitives.h"
#include "window.h"

#define EVENTS 256
#define SET_UP_S 30 /* for all kept connections to be there */
#define DRAIN_S 5   /* for what is owed at the window's end */
#define HOLD_S 60   /* idle connections are held no longer */
#define WHOLE_S 150 /* the program ends by then, come what may */
#define ERRORS_MAX 1000
#define OPENING_MAX 64 /* idle: handshakes at once */
#define IDLE_NOTE "holding\n"

enum mode { MODE_FRESH, MODE_KEPT, MODE_SPREAD, MODE_IDLE };
enum stage { STAGE_SET_UP, STAGE_WINDOW, STAGE_DRAIN };

struct client {
	int fd; /* -1: none */
	uint32_t index;
	struct channel channel;
	struct device *device;
	double started;
	bool owed;
	bool ready; /* kept: its first answer is there */
};

struct received {
	struct device *device;
	char *lease;
	const char *certificate;
	double ms;
	bool counts; /* asked and answered inside the window */
};

static struct options {
	enum mode mode;
	uint32_t clients;
	double seconds;
	size_t max;
	pid_t pid;
	const char *devices;
} options = {.clients = 1, .seconds = 3, .max = 20000};

static struct {
	int epoll;
	enum stage stage;
	struct client *clients;
	struct device *devices;
	size_t n_devices;
	size_t next_device;
	uint32_t opening;
	uint32_t ready;
	struct received *answers;
	size_t n_answers;
	size_t room;
	char *certificate; /* the last one seen; all leases share it */
	struct destination host;
	size_t errors[DEVICE_CODES];
	size_t n_errors;
} load;

static void client_start(struct client *c);

/* --- failures --- */

static void count_error(int code)
{
	device_count(load.errors, code);
	load.n_errors++;
}

static void client_close(struct client *c)
{
	if (c->fd < 0)
		return;
	close(c->fd);
	channel_fini(&c->channel);
	c->fd = -1;
}

static void client_fail(struct client *c, int code)
{
	count_error(code);
	client_close(c);
	c->owed = false;
	if (options.mode == MODE_FRESH && load.stage == STAGE_WINDOW && load.n_errors < ERRORS_MAX)
		client_start(c);
}

/* --- operations --- */

/* Send what is queued, and ask for an event when the socket does not take all. */
static int client_flush(struct client *c)
{
	struct buffer *out = &c->channel.out;
	ssize_t n = out->used ? send(c->fd, out->bytes, out->used, MSG_NOSIGNAL) : 0;
	if (n < 0 && errno != EAGAIN && errno != ENOTCONN)
		return E_CLOSED;
	if (n > 0)
		buffer_drop(out, (size_t)n);
	if (out->used || n < 0) {
		struct epoll_event event = {.events = EPOLLIN | EPOLLOUT, .data.ptr = c};
		epoll_ctl(load.epoll, EPOLL_CTL_MOD, c->fd, &event);
	}
	return 0;
}

static int open_socket(struct client *c)
{
	int on = 1;
	struct epoll_event event = {.events = EPOLLIN | EPOLLOUT, .data.ptr = c};
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		return E_IO;
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	channel_init(&c->channel, NOISE_INITIATOR, &c->device->fixed, &c->device->ephemeral);
	const struct sockaddr *address = (const struct sockaddr *)&load.host.address;
	if (connect(c->fd, address, sizeof(load.host.address)) && errno != EINPROGRESS)
		return E_CLOSED;
	return epoll_ctl(load.epoll, EPOLL_CTL_ADD, c->fd, &event) ? E_IO : 0;
}

/* Connect, as the next device in fresh mode, as the client's own otherwise. */
static void client_start(struct client *c)
{
	if (options.mode == MODE_FRESH) {
		if (load.next_device == load.n_devices)
			return;
		c->device = &load.devices[load.next_device++];
	}
	c->started = bench_now();
	c->owed = true;
	int error = open_socket(c);
	if (!error)
		error = device_greet(&c->channel, &load.host);
	if (error)
		client_fail(c, error);
}

/* Renew on the open connection; in spread mode the owner's next device. */
static void client_renew(struct client *c)
{
	uint8_t bytes[LIMIT_REQUEST];
	if (options.mode == MODE_SPREAD) {
		size_t next = (size_t)(c->device - load.devices) + BENCH_OWNERS;
		c->device = &load.devices[next < load.n_devices ? next : c->index % BENCH_OWNERS];
	}
	c->started = bench_now();
	c->owed = true;
	int error =
		channel_seal(&c->channel, bytes, device_request(c->device, &load.host, bytes, sizeof(bytes)));
	if (!error)
		error = client_flush(c);
	if (error)
		client_fail(c, error);
}

/* What comes after an operation. */
static void client_next(struct client *c)
{
	bool kept = options.mode != MODE_FRESH;
	if (!kept)
		client_close(c);
	if (kept && !c->ready) {
		c->ready = true;
		load.ready++;
		load.opening--;
	}
	if (load.stage != STAGE_WINDOW)
		return;
	if (kept)
		client_renew(c);
	else
		client_start(c);
}

/* --- answers --- */

static void keep_answer(struct client *c, const wire_result *result, double now)
{
	if (load.n_answers == load.room) {
		count_error(E_TOO_LARGE);
		return;
	}
	if (!load.certificate || strcmp(load.certificate, result->certificate) != 0)
		load.certificate = strdup(result->certificate);
	load.answers[load.n_answers++] = (struct received){
		.device = c->device,
		.lease = strdup(result->lease),
		.certificate = load.certificate,
		.ms = (now - c->started) * 1e3,
		.counts = load.stage == STAGE_WINDOW,
	};
}

static int take_hello(struct client *c)
{
	int error = device_confirm(c->device, &c->channel, &load.host);
	return error ? error : client_flush(c);
}

static int take_response(struct client *c)
{
	const wire_result *result;
	uint32_t retry;
	int error = device_take(c->device, &c->channel, &result, &retry);
	if (error)
		return error;
	keep_answer(c, result, bench_now());
	c->owed = false;
	client_next(c);
	return 0;
}

static int client_advance(struct client *c)
{
	int error = 0;
	while (!error && c->fd >= 0) {
		int event = channel_next(&c->channel);
		if (event == CHANNEL_WANT)
			return 0;
		error = event < 0 ? event : event == CHANNEL_ANSWER ? take_hello(c) : take_response(c);
	}
	return error;
}

static int client_read(struct client *c)
{
	uint8_t bytes[16384];
	ssize_t n = recv(c->fd, bytes, sizeof(bytes), 0);
	if (n < 0)
		return errno == EAGAIN ? 0 : E_CLOSED;
	if (n == 0)
		return E_CLOSED;
	int error = channel_feed(&c->channel, bytes, (size_t)n);
	return error ? error : client_advance(c);
}

static void client_event(struct client *c, uint32_t events)
{
	int error = 0;
	if (c->fd < 0)
		return;
	if (events & EPOLLOUT) {
		struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
		epoll_ctl(load.epoll, EPOLL_CTL_MOD, c->fd, &event);
		error = client_flush(c);
	}
	if (!error && events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		error = client_read(c);
	if (error)
		client_fail(c, error);
}

/* --- stages --- */

static void turn(double until)
{
	struct epoll_event events[EVENTS];
	double left = until - bench_now();
	int n = epoll_wait(load.epoll, events, EVENTS, left > 0 ? (int)(left * 1e3) + 1 : 0);
	for (int i = 0; i < n; i++)
		client_event(events[i].data.ptr, events[i].events);
}

/* Every client on a connection of its own, its first answer taken, and not too many at once. */
static void set_up(void)
{
	double until = bench_now() + SET_UP_S;
	uint32_t started = 0;
	while (load.ready < options.clients && load.n_errors == 0 && bench_now() < until) {
		while (started < options.clients && load.opening < OPENING_MAX) {
			load.opening++;
			client_start(&load.clients[started++]);
		}
		turn(until);
	}
	if (load.ready < options.clients && load.n_errors == 0)
		count_error(E_TIMEOUT);
	load.n_answers = 0; /* they were not renewals; verified by the serials that follow */
}

static bool anything_owed(void)
{
	for (uint32_t i = 0; i < options.clients; i++)
		if (load.clients[i].owed)
			return true;
	return false;
}

static void run_window(struct window *ret)
{
	struct window begin = window_open(options.pid);
	double until = begin.seconds + options.seconds;
	bool fresh = options.mode == MODE_FRESH;
	load.stage = STAGE_WINDOW;
	for (uint32_t i = 0; i < options.clients; i++)
		fresh ? client_start(&load.clients[i]) : client_renew(&load.clients[i]);
	while (bench_now() < until && load.n_answers < options.max && load.n_errors < ERRORS_MAX &&
	       !(fresh && load.next_device == load.n_devices))
		turn(until);
	*ret = window_close(&begin);
	load.stage = STAGE_DRAIN;
	until = bench_now() + DRAIN_S;
	while (anything_owed() && bench_now() < until)
		turn(until);
	for (uint32_t i = 0; i < options.clients; i++)
		if (load.clients[i].owed)
			count_error(E_TIMEOUT);
}

/* Left alone until the caller has looked at the host; then every one of them renews. Returns how many have.
 */
static size_t hold(void)
{
	struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
	size_t held = 0;
	printf(IDLE_NOTE);
	fflush(stdout);
	poll(&input, 1, HOLD_S * 1000);
	double until = bench_now() + SET_UP_S;
	for (uint32_t i = 0; i < options.clients; i++)
		if (load.clients[i].fd >= 0)
			client_renew(&load.clients[i]);
	while (anything_owed() && bench_now() < until)
		turn(until);
	for (uint32_t i = 0; i < options.clients; i++)
		held += load.clients[i].fd >= 0 && !load.clients[i].owed;
	return held;
}

/* --- devices --- */

static void make_devices(size_t n)
{
	uint32_t first = randombytes_uniform(90000000);
	load.devices = bench_room(n, sizeof(*load.devices));
	load.n_devices = n;
	for (size_t i = 0; i < n; i++)
		device_make(&load.devices[i], first + (uint32_t)i);
}

/* The sample's order is: one device of each owner, then the next one of each. */
static void load_devices(void)
{
	char *bytes;
	size_t n;
	struct noise_pair owners[BENCH_OWNERS];
	bench_must(file_read(options.devices, (size_t)1 << 30, &bytes, &n), options.devices);
	load.n_devices = n / sizeof(struct bench_device) / BENCH_OWNERS * BENCH_OWNERS;
	bench_must(load.n_devices && options.clients <= BENCH_OWNERS ? 0 : E_USAGE, "devices and clients");
	load.devices = bench_room(load.n_devices, sizeof(*load.devices));
	for (uint32_t i = 0; i < BENCH_OWNERS; i++)
		bench_owner(i, &owners[i]);
	for (size_t i = 0; i < load.n_devices; i++) {
		struct device *d = &load.devices[i];
		struct bench_device saved;
		memcpy(&saved, bytes + i * sizeof(saved), sizeof(saved));
		d->fixed = owners[i % BENCH_OWNERS];
		memcpy(d->sign, saved.sign, sizeof(d->sign));
		memcpy(d->ratchet, saved.ratchet, sizeof(d->ratchet));
		device_id(d->fixed.public, d->sign, d->id);
		d->has_ratchet = true;
		d->counter = saved.counter;
		d->serial = d->verified = saved.serial;
		d->number = saved.number;
	}
	free(bytes);
}

/* The next run goes on where this one ended: with the ratchets, and behind the devices that were renewed. */
static void save_devices(size_t renewed)
{
	struct bench_device *all = bench_room(load.n_devices, sizeof(*all));
	size_t skip = renewed / BENCH_OWNERS * BENCH_OWNERS % load.n_devices;
	for (size_t i = 0; i < load.n_devices; i++) {
		const struct device *d = &load.devices[(i + skip) % load.n_devices];
		all[i] = (struct bench_device){
			.counter = d->counter, .serial = d->serial, .number = d->number};
		memcpy(all[i].sign, d->sign, sizeof(d->sign));
		memcpy(all[i].ratchet, d->ratchet, sizeof(d->ratchet));
	}
	bench_must(file_replace(options.devices, all, load.n_devices * sizeof(*all), 0600), options.devices);
	free(all);
}

static void prepare(void)
{
	if (options.mode == MODE_SPREAD)
		load_devices();
	else
		make_devices(options.mode == MODE_FRESH ? options.max : options.clients);
	load.room = options.max + 3 * options.clients; /* the turn that fills it, and what is then owed */
	load.answers = bench_room(load.room, sizeof(*load.answers));
	load.clients = bench_room(options.clients, sizeof(*load.clients));
	for (uint32_t i = 0; i < options.clients; i++)
		load.clients[i] = (struct client){
			.fd = -1, .index = i, .device = options.mode == MODE_FRESH ? NULL : &load.devices[i]};
	load.epoll = epoll_create1(EPOLL_CLOEXEC);
	bench_must(load.epoll < 0 ? E_IO : 0, "epoll");
}

/* --- the report --- */

/* All answers; returns how many of the window count. */
static size_t verify_all(double *ms, size_t *ret_bad)
{
	size_t n = 0;
	for (size_t i = 0; i < load.n_answers; i++) {
		struct received *a = &load.answers[i];
		if (device_verify(a->device, &load.host, a->lease, a->certificate))
			++*ret_bad;
		else if (a->counts)
			ms[n++] = a->ms;
	}
	return n;
}

/* The primitives just before and just behind the window: a virtual core's speed changes by half within
 * minutes. */
static void print_primitives(const struct primitives *before)
{
	struct primitives after = primitives_measure();
	printf("\"crypto_us\":%.2f,\"sign_us\":%.2f,",
	       (primitives_activation(before) + primitives_activation(&after)) / 2,
	       (before->sign + after.sign) / 2);
}

static int report(const struct window *w, const struct primitives *before)
{
	static const char *const names[] = {"fresh", "kept", "spread", "idle"};
	double *ms = bench_room(load.n_answers, sizeof(*ms));
	size_t bad = 0;
	printf("{");
	print_primitives(before);
	double begin = bench_now();
	size_t n = verify_all(ms, &bad);
	double verifying = bench_now() - begin;
	bench_sorted(ms, n);
	printf("\"mode\":\"%s\",\"clients\":%u,\"ops\":%zu,\"seconds\":%.3f,\"ops_per_s\":%.1f,",
	       names[options.mode], options.clients, n, w->seconds, (double)n / w->seconds);
	printf("\"p50_ms\":%.3f,\"p90_ms\":%.3f,\"p99_ms\":%.3f,\"max_ms\":%.3f,",
	       bench_percentile(ms, n, 0.5), bench_percentile(ms, n, 0.9), bench_percentile(ms, n, 0.99),
	       n ? ms[n - 1] : 0);
	printf("\"host_cpu_us\":%.1f,\"own_cpu_us\":%.1f,\"verified\":%zu,\"not_verified\":%zu,\"verify_"
	       "seconds\":%.2f,",
	       n ? w->host_cpu / (double)n * 1e6 : 0, n ? w->own_cpu / (double)n * 1e6 : 0,
	       load.n_answers - bad, bad, verifying);
	printf("\"steal_percent\":%.1f,\"others_percent\":%.1f,", window_stolen(w), window_others(w));
	printf("\"verification\":\"deferred\",\"ephemeral_keys\":\"made before the window\",");
	device_codes("errors", load.errors);
	printf("}\n");
	free(ms);
	return load.n_errors || bad || n == 0;
}

static int run_idle(void)
{
	size_t held = load.n_errors ? 0 : hold();
	printf("{\"mode\":\"idle\",\"clients\":%u,\"held\":%zu,", options.clients, held);
	device_codes("errors", load.errors);
	printf("}\n");
	return load.n_errors || held != options.clients;
}

/* --- the command line --- */

static int usage(void)
{
	fprintf(stderr, "usage: bench_load --mode fresh|kept|spread|idle --address IP:PORT --vendor FILE "
			"--product ID\n"
			"  [--clients N] [--seconds S] [--max OPERATIONS] [--pid HOST] [--devices FILE]\n");
	return 64;
}

static void read_mode(const char *name)
{
	static const char *const names[] = {"fresh", "kept", "spread", "idle"};
	for (int i = 0; i < 4; i++) {
		if (strcmp(names[i], name) == 0) {
			options.mode = (enum mode)i;
			return;
		}
	}
	exit(usage());
}

static void read_option(int letter, const char *value)
{
	switch (letter) {
	case 'm':
		read_mode(value);
		break;
	case 'a':
		if (!destination_address(&load.host, value))
			exit(usage());
		break;
	case 'v':
		destination_vendor(&load.host, value);
		break;
	case 'p':
		load.host.product = value;
		break;
	case 'c':
		options.clients = (uint32_t)strtoul(value, NULL, 10);
		break;
	case 's':
		options.seconds = strtod(value, NULL);
		break;
	case 'x':
		options.max = strtoul(value, NULL, 10);
		break;
	case 'i':
		options.pid = (pid_t)strtol(value, NULL, 10);
		break;
	case 'd':
		options.devices = value;
		break;
	default:
		exit(usage());
	}
}

static void read_options(int argc, char **argv)
{
	static const struct option table[] = {
		{"mode", required_argument, NULL, 'm'},    {"address", required_argument, NULL, 'a'},
		{"vendor", required_argument, NULL, 'v'},  {"product", required_argument, NULL, 'p'},
		{"clients", required_argument, NULL, 'c'}, {"seconds", required_argument, NULL, 's'},
		{"max", required_argument, NULL, 'x'},     {"pid", required_argument, NULL, 'i'},
		{"devices", required_argument, NULL, 'd'}, {NULL, 0, NULL, 0}};
	int letter;
	while ((letter = getopt_long(argc, argv, "", table, NULL)) != -1)
		read_option(letter, optarg);
	bool spread = options.mode == MODE_SPREAD;
	if (!load.host.product || !load.host.address.sin_port || !options.clients || !options.max ||
	    options.seconds <= 0 || options.seconds > 60 || spread != (options.devices != NULL))
		exit(usage());
}

int main(int argc, char **argv)
{
	struct window window;
	bench_must(sodium_init() < 0 ? E_INTERNAL : 0, "libsodium");
	read_options(argc, argv);
	alarm(WHOLE_S);
	bench_descriptors();
	prepare();
	if (options.mode != MODE_FRESH)
		set_up();
	if (options.mode == MODE_IDLE)
		return run_idle();
	if (load.n_errors) {
		device_codes("errors", load.errors);
		return 1;
	}
	struct primitives before = primitives_measure();
	run_window(&window);
	if (options.mode == MODE_SPREAD)
		save_devices(load.n_answers);
	return report(&window, &before);
}
