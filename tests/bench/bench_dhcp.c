/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asks a DHCPv4 server (RFC 2131) as a relay would, for --clients at once in a closed loop: claims of new
 * clients (DISCOVER, OFFER, REQUEST, ACK), or renewals of the same ones (REQUEST with the address held, ACK).
 * What brings no answer within a second is sent again, and counted. Prints one line of JSON; ends with 1 when
 * the server refused.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"

#define PORT 67
#define CLIENTS_MOST 1024
#define ANSWERS_MOST 1000000
#define AGAIN_S 1.0
#define PACKET 300 /* of BOOTP, at least */
#define OPTIONS 240
#define WHOLE_S 120

enum message { DISCOVER = 1, OFFER = 2, REQUEST = 3, ACK = 5, NAK = 6 };
enum code { OPTION_ADDRESS = 50, OPTION_TYPE = 53, OPTION_SERVER = 54, OPTION_END = 255 };

struct client {
	uint32_t number;  /* its hardware address */
	uint32_t xid;     /* of what it waits for; its index in the lower bits */
	uint32_t address; /* network order; 0: none yet */
	uint32_t server;
	enum message asked;
	double begun; /* the operation */
	double sent;
};

static struct {
	struct sockaddr_in server;
	struct sockaddr_in own;
	uint32_t clients;
	double seconds;
	bool renew;
	uint32_t first;
	int fd;
	struct client all[CLIENTS_MOST];
	double *ms;
	size_t n;
	size_t again;
	bool counts;
	bool over;
} dhcp = {.clients = 64, .seconds = 5};

static uint8_t *put_option(uint8_t *at, enum code code, const void *value, uint8_t n)
{
	*at++ = (uint8_t)code;
	*at++ = n;
	memcpy(at, value, n);
	return at + n;
}

static void send_message(struct client *c, enum message type)
{
	static const uint8_t cookie[4] = {99, 130, 83, 99};
	uint8_t packet[PACKET] = {1, 1, 6, 1}; /* a request by Ethernet, through one relay */
	uint8_t kind = (uint8_t)type;
	uint32_t number = htonl(c->number);
	uint32_t index = (uint32_t)(c - dhcp.all);
	c->xid = (c->xid & ~(CLIENTS_MOST - 1u)) + CLIENTS_MOST + index;
	c->asked = type;
	c->sent = bench_now();
	memcpy(packet + 4, &c->xid, 4);
	bool holds = type == REQUEST && !c->server;
	if (holds)
		memcpy(packet + 12, &c->address, 4);
	memcpy(packet + 24, &dhcp.own.sin_addr, 4);
	packet[28] = 2; /* an address of local making */
	memcpy(packet + 30, &number, 4);
	memcpy(packet + 236, cookie, 4);
	uint8_t *at = put_option(packet + OPTIONS, OPTION_TYPE, &kind, 1);
	if (type == REQUEST && !holds) {
		at = put_option(at, OPTION_ADDRESS, &c->address, 4);
		at = put_option(at, OPTION_SERVER, &c->server, 4);
	}
	*at = OPTION_END;
	ssize_t n = sendto(dhcp.fd, packet, sizeof(packet), 0, (struct sockaddr *)&dhcp.server,
			   sizeof(dhcp.server));
	bench_must(n < 0 && errno != EAGAIN ? E_IO : 0, "send");
}

static void begin(struct client *c)
{
	c->begun = bench_now();
	if (dhcp.renew && c->address) {
		c->server = 0;
		send_message(c, REQUEST);
		return;
	}
	c->number = dhcp.first++;
	c->address = 0;
	send_message(c, DISCOVER);
}

static const uint8_t *find_option(const uint8_t *packet, size_t n, enum code code, uint8_t want)
{
	for (size_t at = OPTIONS; at + 1 < n && packet[at] != OPTION_END; at += 2u + packet[at + 1])
		if (packet[at] == code && packet[at + 1] == want && at + 2 + want <= n)
			return packet + at + 2;
	return NULL;
}

static void finish(struct client *c)
{
	if (dhcp.counts && dhcp.n < ANSWERS_MOST)
		dhcp.ms[dhcp.n++] = (bench_now() - c->begun) * 1e3;
	c->asked = 0;
	if (!dhcp.over)
		begin(c);
}

static void take(const uint8_t *packet, size_t n)
{
	uint32_t xid;
	const uint8_t *type = n > OPTIONS ? find_option(packet, n, OPTION_TYPE, 1) : NULL;
	if (!type)
		return;
	memcpy(&xid, packet + 4, 4);
	struct client *c = &dhcp.all[xid % CLIENTS_MOST];
	if (c->xid != xid || !c->asked)
		return; /* of a message that was sent again */
	bench_must(*type == NAK ? E_MALFORMED : 0, "the server refused");
	const uint8_t *server = find_option(packet, n, OPTION_SERVER, 4);
	if (*type == OFFER && c->asked == DISCOVER && server) {
		memcpy(&c->address, packet + 16, 4);
		memcpy(&c->server, server, 4);
		send_message(c, REQUEST);
	} else if (*type == ACK && c->asked == REQUEST) {
		memcpy(&c->address, packet + 16, 4);
		finish(c);
	}
}

static void send_again(void)
{
	double now = bench_now();
	for (uint32_t i = 0; i < dhcp.clients; i++) {
		struct client *c = &dhcp.all[i];
		if (!c->asked || now - c->sent < AGAIN_S)
			continue;
		dhcp.again++;
		send_message(c, c->asked);
	}
}

static void run_until(double until)
{
	uint8_t packet[1500];
	double looked = bench_now();
	while (bench_now() < until) {
		struct pollfd input = {.fd = dhcp.fd, .events = POLLIN};
		if (poll(&input, 1, 100) > 0) {
			ssize_t n;
			while ((n = recv(dhcp.fd, packet, sizeof(packet), MSG_DONTWAIT)) > 0)
				take(packet, (size_t)n);
		}
		if (bench_now() - looked > 0.1) {
			send_again();
			looked = bench_now();
		}
	}
}

static int usage(void)
{
	fprintf(stderr, "usage: bench_dhcp --server IP --own IP --mode claim|renew [--clients N] [--seconds "
			"S] [--first NUMBER]\n");
	return 64;
}

static void read_options(int argc, char **argv)
{
	static const struct option table[] = {{"server", required_argument, NULL, 's'},
					      {"own", required_argument, NULL, 'o'},
					      {"mode", required_argument, NULL, 'm'},
					      {"clients", required_argument, NULL, 'c'},
					      {"seconds", required_argument, NULL, 't'},
					      {"first", required_argument, NULL, 'f'},
					      {NULL, 0, NULL, 0}};
	int letter;
	while ((letter = getopt_long(argc, argv, "", table, NULL)) != -1) {
		if (letter == 's')
			inet_pton(AF_INET, optarg, &dhcp.server.sin_addr);
		else if (letter == 'o')
			inet_pton(AF_INET, optarg, &dhcp.own.sin_addr);
		else if (letter == 'm')
			dhcp.renew = strcmp(optarg, "renew") == 0;
		else if (letter == 'c')
			dhcp.clients = (uint32_t)strtoul(optarg, NULL, 10);
		else if (letter == 't')
			dhcp.seconds = strtod(optarg, NULL);
		else if (letter == 'f')
			dhcp.first = (uint32_t)strtoul(optarg, NULL, 10);
		else
			exit(usage());
	}
	if (!dhcp.server.sin_addr.s_addr || !dhcp.own.sin_addr.s_addr || !dhcp.clients ||
	    dhcp.clients > CLIENTS_MOST)
		exit(usage());
}

int main(int argc, char **argv)
{
	int room = 4 << 20;
	read_options(argc, argv);
	alarm(WHOLE_S);
	dhcp.server.sin_family = dhcp.own.sin_family = AF_INET;
	dhcp.server.sin_port = dhcp.own.sin_port = htons(PORT);
	dhcp.fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	setsockopt(dhcp.fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	bench_must(bind(dhcp.fd, (struct sockaddr *)&dhcp.own, sizeof(dhcp.own)) ? E_IO : 0,
		   "the relay's port");
	dhcp.ms = bench_room(ANSWERS_MOST, sizeof(*dhcp.ms));
	for (uint32_t i = 0; i < dhcp.clients; i++)
		begin(&dhcp.all[i]);
	run_until(bench_now() + 1); /* it warms up; and who renews has something to renew */
	dhcp.again = 0;
	dhcp.counts = true;
	double begun = bench_now();
	run_until(begun + dhcp.seconds);
	double seconds = bench_now() - begun;
	dhcp.counts = false;
	dhcp.over = true;
	bench_sorted(dhcp.ms, dhcp.n);
	printf("{\"ops\":%zu,\"seconds\":%.3f,\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"sent_again\":%zu,\"next\":%u}"
	       "\n",
	       dhcp.n, seconds, bench_percentile(dhcp.ms, dhcp.n, 0.5),
	       bench_percentile(dhcp.ms, dhcp.n, 0.99), dhcp.again, dhcp.first);
	return dhcp.n == 0;
}
