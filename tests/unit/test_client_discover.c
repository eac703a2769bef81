/* SPDX-License-Identifier: Apache-2.0 */
/* The order of discovery, against a DNS server in this process that answers as each test says, rightly or
 * not. */
#include "client_peer.h"
#include "discover.h"
#include "resolver.h"

enum answer {
	ANSWER_SRV,  /* the records of the table */
	ANSWER_NONE, /* no such name */
	ANSWER_DOT,  /* one record, target "." */
	ANSWER_SILENCE,
	ANSWER_GARBAGE,
	ANSWER_MANY,    /* more records than we take, by TCP as they do not fit */
	ANSWER_ODD,     /* names and ports that cannot be */
	ANSWER_LOOP,    /* a compression pointer to itself */
	ANSWER_ADDRESS, /* 127.0.0.9 */
};

static struct {
	int udp;
	int tcp;
	char at[32];
	pthread_t thread;
	volatile bool stopping;
	volatile enum answer answer;
	volatile int questions;
	char last[256]; /* the last name asked for */
} dns;

/* --- the server --- */

static size_t put16(uint8_t *out, unsigned value)
{
	out[0] = (uint8_t)(value >> 8);
	out[1] = (uint8_t)value;
	return 2;
}

static size_t put_name(uint8_t *out, const char *name)
{
	size_t at = 0;
	while (*name) {
		size_t n = strcspn(name, ".");
		out[at++] = (uint8_t)n;
		memcpy(out + at, name, n);
		at += n;
		name += n + (name[n] == '.');
	}
	out[at++] = 0;
	return at;
}

static size_t put_srv(uint8_t *out, unsigned priority, unsigned weight, unsigned port, const char *target)
{
	uint8_t name[300];
	size_t n = put_name(name, target);
	size_t at = put16(out, 0xc00c); /* the question's name */
	at += put16(out + at, 33);
	at += put16(out + at, 1);
	at += put16(out + at, 0);
	at += put16(out + at, 60);
	at += put16(out + at, (unsigned)(6 + n));
	at += put16(out + at, priority);
	at += put16(out + at, weight);
	at += put16(out + at, port);
	memcpy(out + at, name, n);
	return at + n;
}

static void take_question(const uint8_t *q, size_t n)
{
	size_t at = 12;
	size_t to = 0;
	while (at < n && q[at] && to + q[at] + 2 < sizeof(dns.last)) {
		memcpy(dns.last + to, q + at + 1, q[at]);
		to += q[at];
		dns.last[to++] = '.';
		at += q[at] + 1u;
	}
	dns.last[to ? to - 1 : 0] = 0;
	dns.questions++;
}

/* Records behind the question; *ret_count of them. */
static size_t put_records(uint8_t *out, unsigned *ret_count)
{
	size_t at = 0;
	unsigned n = 0;
	switch (dns.answer) {
	case ANSWER_SRV:
		at += put_srv(out + at, 20, 0, 7002, "third.test");
		at += put_srv(out + at, 10, 0, 7001, "second.test");
		at += put_srv(out + at, 5, 0, 7000, "first.test");
		n = 3;
		break;
	case ANSWER_DOT:
		at += put_srv(out + at, 0, 0, 0, "");
		n = 1;
		break;
	case ANSWER_MANY:
		for (n = 0; n < 300; n++)
			at += put_srv(out + at, n, 0, 1000 + n, "many.test");
		break;
	case ANSWER_ODD:
		at += put_srv(out + at, 0, 0, 7000, "bad\033[2Jname.test");
		at += put_srv(out + at, 1, 0, 7000, "sp ace.test");
		at += put_srv(out + at, 2, 0, 0, "port-zero.test");
		at += put_srv(out + at, 3, 0, 7003, "good.test");
		n = 4;
		break;
	case ANSWER_LOOP:
		at += put16(out, 0xc00c);
		at += put16(out + at, 33);
		at += put16(out + at, 1);
		at += put16(out + at, 0);
		at += put16(out + at, 60);
		at += put16(out + at, 8);
		memset(out + at, 0, 6);
		at += 6;
		at += put16(out + at, 0xc000 | (unsigned)(12 + 5));
		n = 1;
		break;
	case ANSWER_ADDRESS:
		at += put16(out, 0xc00c);
		at += put16(out + at, 1);
		at += put16(out + at, 1);
		at += put16(out + at, 0);
		at += put16(out + at, 60);
		at += put16(out + at, 4);
		memcpy(out + at, "\x7f\0\0\x09", 4);
		at += 4;
		n = 1;
		break;
	default:
		break;
	}
	*ret_count = n;
	return at;
}

static size_t question_end(const uint8_t *q, size_t n)
{
	size_t at = 12;
	while (at < n && q[at])
		at += q[at] + 1u;
	return at + 5;
}

/* The whole answer to a question; 0: say nothing. */
static size_t reply(const uint8_t *q, size_t n, uint8_t *out, bool tcp)
{
	unsigned count = 0;
	size_t at = question_end(q, n);
	bool v6 = at >= 4 && q[at - 3] == 28;
	take_question(q, n);
	if (dns.answer == ANSWER_SILENCE || at > n)
		return 0;
	memcpy(out, q, at);
	if (dns.answer == ANSWER_GARBAGE)
		memset(out + 12, 0xff, at - 12);
	put16(out + 2, dns.answer == ANSWER_NONE ? 0x8583 : 0x8580);
	memset(out + 6, 0, 6);
	if (dns.answer == ANSWER_MANY && !tcp) {
		out[2] |= 2; /* truncated */
		return at;
	}
	if (v6)
		return at;
	at += put_records(out + at, &count);
	put16(out + 6, count);
	return at;
}

static void serve_tcp(void)
{
	static uint8_t q[2048];
	static uint8_t out[65536];
	int fd = accept(dns.tcp, NULL, NULL);
	ssize_t n = recv(fd, q, sizeof(q), 0);
	if (n > 14) {
		size_t made = reply(q + 2, (size_t)n - 2, out + 2, true);
		put16(out, (unsigned)made);
		if (made)
			(void)!send(fd, out, made + 2, MSG_NOSIGNAL);
	}
	usleep(20000);
	close(fd);
}

static void serve_udp(void)
{
	static uint8_t q[2048];
	static uint8_t out[65536];
	struct sockaddr_in from;
	socklen_t size = sizeof(from);
	ssize_t n = recvfrom(dns.udp, q, sizeof(q), 0, (struct sockaddr *)&from, &size);
	if (n < 17)
		return;
	size_t made = reply(q, (size_t)n, out, false);
	if (made)
		(void)!sendto(dns.udp, out, made, 0, (struct sockaddr *)&from, size);
}

static void *serve(void *unused)
{
	(void)unused;
	while (!dns.stopping) {
		struct pollfd fds[] = {{.fd = dns.udp, .events = POLLIN}, {.fd = dns.tcp, .events = POLLIN}};
		if (poll(fds, 2, 20) <= 0)
			continue;
		if (fds[0].revents)
			serve_udp();
		if (fds[1].revents)
			serve_tcp();
	}
	return NULL;
}

/* --- helpers --- */

struct trial {
	struct options options;
	struct good_host last;
	struct steps *steps;
	struct discover *d;
};

static uint32_t first(void *context, uint32_t bound)
{
	(void)context;
	(void)bound;
	return 0;
}

static void begin(struct trial *t, enum answer answer)
{
	struct fault f;
	memset(t, 0, sizeof(*t));
	t->steps = calloc(1, sizeof(*t->steps));
	t->d = calloc(1, sizeof(*t->d));
	dns.answer = answer;
	dns.questions = 0;
	assert_int_equal(options_set(&t->options, "dns", dns.at, &f), 0);
	discover_init(t->d, &t->options, &t->last, t->steps, deadline_in(1500, NULL), first, NULL);
}

static void set(struct trial *t, const char *name, const char *value)
{
	struct fault f;
	assert_int_equal(options_set(&t->options, name, value, &f), 0);
}

static void end(struct trial *t)
{
	options_fini(&t->options);
	free(t->steps);
	free(t->d);
}

static void next_is(struct trial *t, const char *source, const char *host, unsigned port)
{
	struct candidate c;
	if (!discover_next(t->d, &c))
		fail_msg("nothing instead of %s", host);
	assert_string_equal(c.source, source);
	assert_string_equal(c.host.host, host);
	assert_int_equal(c.host.port, port);
}

static void no_more(struct trial *t)
{
	struct candidate c;
	assert_false(discover_next(t->d, &c));
	assert_false(discover_next(t->d, &c));
}

/* --- tests --- */

static void hosts_before_dns(void **unused)
{
	struct trial t;
	(void)unused;
	begin(&t, ANSWER_SRV);
	set(&t, "host", "b.test:1");
	set(&t, "host", "a.test");
	set(&t, "domain", "fjord.test");
	assert_int_equal(endpoint_read("good.test:7777", &t.last.host), 0);
	next_is(&t, "host", "b.test", 1);
	assert_true(discover_more(t.d));
	next_is(&t, "host", "a.test", 6878);
	/* DNS is not asked while a host is left. */
	assert_int_equal(dns.questions, 0);
	next_is(&t, "domain", "first.test", 7000);
	assert_string_equal(dns.last, "_muster._tcp.fjord.test");
	next_is(&t, "domain", "second.test", 7001);
	assert_true(discover_more(t.d));
	next_is(&t, "domain", "third.test", 7002);
	assert_false(discover_more(t.d));
	no_more(&t);
	assert_int_equal(t.steps->n, 1);
	assert_string_equal(t.steps->rows[0].target, "_muster._tcp.fjord.test");
	assert_int_equal(t.steps->rows[0].result, 0);
	assert_string_equal(t.steps->rows[0].reason, "3 hosts");
	end(&t);
}

/* The machine's own domains only when nothing is configured. */
static void search_list(void **unused)
{
	struct trial t;
	(void)unused;
	begin(&t, ANSWER_SRV);
	discover_machine(t.d, "pc7.sales.test",
			 "nameserver 1.2.3.4\nsearch corp.test  Sales.Test\n#search no.test\n"
			 "domain last.test\r\nsearch bad_\033name\n");
	assert_int_equal(t.d->n_domains, 3);
	assert_string_equal(t.d->domains[0], "sales.test");
	assert_string_equal(t.d->domains[1], "corp.test");
	assert_string_equal(t.d->domains[2], "last.test");
	next_is(&t, "search", "first.test", 7000);
	assert_string_equal(dns.last, "_muster._tcp.sales.test");
	end(&t);

	begin(&t, ANSWER_NONE);
	discover_machine(t.d, "pc7.sales.test", "");
	set(&t, "host", "a.test");
	next_is(&t, "host", "a.test", 6878);
	no_more(&t);
	assert_int_equal(dns.questions, 0);
	end(&t);

	begin(&t, ANSWER_NONE);
	discover_machine(t.d, "pc7", "");
	no_more(&t);
	assert_int_equal(dns.questions, 0);
	end(&t);
}

static void last_good_host_when_dns_has_nothing(void **unused)
{
	static const struct {
		enum answer answer;
		int result;
		bool cached;
	} rows[] = {
		{ANSWER_NONE, E_DNS_NO_RECORD, true},   {ANSWER_SILENCE, E_DNS_FAILED, true},
		{ANSWER_GARBAGE, E_DNS_FAILED, true},   {ANSWER_LOOP, E_DNS_FAILED, true},
		{ANSWER_DOT, E_DNS_NOT_OFFERED, false}, /* the domain has spoken */
	};
	(void)unused;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct trial t;
		begin(&t, rows[i].answer);
		set(&t, "domain", "fjord.test");
		assert_int_equal(endpoint_read("good.test:7777", &t.last.host), 0);
		strcpy(t.last.address, "127.0.0.1");
		if (rows[i].cached)
			next_is(&t, "cache", "good.test", 7777);
		no_more(&t);
		if (t.steps->rows[0].result != rows[i].result)
			fail_msg("%s instead of %s", error_name(t.steps->rows[0].result),
				 error_name(rows[i].result));
		end(&t);
	}
	/* Explicit hosts mean these and no other. */
	struct trial t;
	begin(&t, ANSWER_NONE);
	set(&t, "host", "a.test");
	assert_int_equal(endpoint_read("good.test:7777", &t.last.host), 0);
	next_is(&t, "host", "a.test", 6878);
	no_more(&t);
	end(&t);
}

static void strange_records(void **unused)
{
	struct trial t;
	struct candidate c;
	size_t n = 0;
	(void)unused;
	begin(&t, ANSWER_ODD);
	set(&t, "domain", "fjord.test");
	next_is(&t, "domain", "good.test", 7003);
	no_more(&t);
	end(&t);
	begin(&t, ANSWER_MANY);
	set(&t, "domain", "fjord.test");
	while (n < 1000 && discover_next(t.d, &c))
		n++;
	assert_int_equal(n, SRV_MAX);
	end(&t);
}

static void domains_in_turn(void **unused)
{
	struct trial t;
	(void)unused;
	begin(&t, ANSWER_NONE);
	set(&t, "domain", "one.test");
	set(&t, "domain", "two.test");
	no_more(&t);
	assert_int_equal(t.steps->n, 2);
	assert_string_equal(t.steps->rows[1].target, "_muster._tcp.two.test");
	assert_int_equal(t.steps->rows[1].result, E_DNS_NO_RECORD);
	end(&t);
}

/* A resolver that says nothing costs its share of the time and no more. */
static void silence_is_bounded(void **unused)
{
	struct srv rows[SRV_MAX];
	size_t n;
	(void)unused;
	dns.answer = ANSWER_SILENCE;
	int64_t began = deadline_clock();
	assert_int_equal(resolver_srv(dns.at, "fjord.test", deadline_in(400, NULL), rows, &n), E_DNS_FAILED);
	assert_in_range(deadline_clock() - began, 300, 700);
	/* Nobody there: known at once. */
	began = deadline_clock();
	assert_int_equal(resolver_srv("127.0.0.1:1", "fjord.test", deadline_in(5000, NULL), rows, &n),
			 E_DNS_FAILED);
	assert_true(deadline_clock() - began < 2000);
}

static void addresses(void **unused)
{
	struct address rows[RESOLVER_ADDRESSES];
	char text[ADDRESS_TEXT];
	size_t n = 0;
	(void)unused;
	dns.answer = ANSWER_ADDRESS;
	assert_int_equal(resolver_addresses(dns.at, "host.test", 7000, deadline_in(1000, NULL), rows, &n), 0);
	assert_int_equal(n, 1);
	assert_string_equal(address_write(&rows[0], text), "127.0.0.9");
	assert_int_equal(((struct sockaddr_in *)&rows[0].at)->sin_port, htons(7000));
	dns.questions = 0;
	assert_int_equal(resolver_addresses(dns.at, "::1", 7000, deadline_in(1000, NULL), rows, &n), 0);
	assert_int_equal(rows[0].at.ss_family, AF_INET6);
	assert_string_equal(address_write(&rows[0], text), "::1");
	assert_int_equal(dns.questions, 0);
	dns.answer = ANSWER_NONE;
	assert_int_equal(resolver_addresses(dns.at, "host.test", 7000, deadline_in(1000, NULL), rows, &n),
			 E_DNS_NO_RECORD);
	dns.answer = ANSWER_SILENCE;
	assert_int_equal(resolver_addresses(dns.at, "host.test", 7000, deadline_in(300, NULL), rows, &n),
			 E_DNS_FAILED);
}

/* One number for both: another program may have the one of UDP's choice for TCP. */
static bool bind_both(struct sockaddr_in *ret)
{
	socklen_t n = sizeof(*ret);
	*ret = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	dns.udp = socket(AF_INET, SOCK_DGRAM, 0);
	dns.tcp = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(dns.udp, (struct sockaddr *)ret, n) == 0 &&
	    getsockname(dns.udp, (struct sockaddr *)ret, &n) == 0 &&
	    bind(dns.tcp, (struct sockaddr *)ret, n) == 0)
		return true;
	close(dns.udp);
	close(dns.tcp);
	return false;
}

static int start(void **unused)
{
	struct sockaddr_in at;
	bool bound = false;
	(void)unused;
	for (int i = 0; i < 100 && !bound; i++)
		bound = bind_both(&at);
	assert_true(bound);
	assert_int_equal(listen(dns.tcp, 8), 0);
	snprintf(dns.at, sizeof(dns.at), "127.0.0.1:%u", ntohs(at.sin_port));
	return pthread_create(&dns.thread, NULL, serve, NULL);
}

static int stop(void **unused)
{
	(void)unused;
	dns.stopping = true;
	pthread_join(dns.thread, NULL);
	close(dns.udp);
	close(dns.tcp);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hosts_before_dns),
		cmocka_unit_test(search_list),
		cmocka_unit_test(last_good_host_when_dns_has_nothing),
		cmocka_unit_test(strange_records),
		cmocka_unit_test(domains_in_turn),
		cmocka_unit_test(silence_is_bounded),
		cmocka_unit_test(addresses),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
