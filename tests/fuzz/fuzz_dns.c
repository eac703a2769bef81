/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The input as what name servers answer: the first byte says what is asked, then each answer is a byte of
 * length, the flags, the counts of three sections and their bytes, behind the right id and question.
 */
#include "dns.h"
#include "error.h"
#include "fuzz.h"
#include "name.h"
#include "query.h"
#include "update.h"
#include "wire.h"

#define HEADER 12
#define FIXED 5 /* two bytes of flags, three counts */

static const uint8_t *answers;
static size_t answers_n;

/* The question as it stands in a query: a name, its type and class. */
static size_t question_end(const uint8_t *query, size_t n)
{
	size_t at = HEADER;
	while (at < n && query[at])
		at += query[at] + (size_t)1;
	return at + 5 <= n ? at + 5 : n;
}

/* In place of the network. */
int wire_exchange(const struct dns_address *server, bool tcp, const uint8_t *bytes, size_t n,
		  struct patience p, struct buffer *ret)
{
	uint8_t head[HEADER] = {bytes[0], bytes[1], 0, 0, 0, 1};
	(void)server;
	(void)tcp;
	(void)p;
	size_t size = answers_n ? answers[0] : 0;
	if (size < FIXED || size > answers_n - 1)
		return E_TIMEOUT;
	const uint8_t *answer = answers + 1;
	answers += size + 1;
	answers_n -= size + 1;
	head[2] = answer[0] | 0x80;
	head[3] = answer[1];
	for (size_t i = 0; i < 3; i++)
		head[7 + 2 * i] = answer[2 + i];
	fuzz_require(buffer_append(ret, head, HEADER) == 0);
	fuzz_require(buffer_append(ret, bytes + HEADER, question_end(bytes, n) - HEADER) == 0);
	fuzz_require(buffer_append(ret, answer + FIXED, size - FIXED) == 0);
	return 0;
}

static const struct tsig_key key = {"muster", "hmac-sha256", "Z2dnZ2dnZ2dnZ2dnZ2dnZ2dnZ2dnZ2dnZ2dnZ2dnZ2c="};
static const struct dns_srv own = {"host.example.org", 6878, 0, 10, 600};

static void ask(const struct dns_servers *servers, struct patience p)
{
	struct dns_srv rows[DNS_TARGETS_MAX];
	struct dns_address addresses[DNS_ADDRESSES_MAX];
	char zone[LIMIT_HOSTNAME + 1];
	char primary[LIMIT_HOSTNAME + 1];
	size_t count = 0;
	if (query_srv(servers, "example.org", p, rows, &count) == 0) {
		fuzz_accepted(query_srv);
		for (size_t i = 0; i < count; i++)
			fuzz_require(dns_name_ok(rows[i].target));
	}
	if (query_addresses(servers, "host.example.org", 1, p, addresses, &count) == 0) {
		fuzz_accepted(query_addresses);
		fuzz_require(count && count <= DNS_ADDRESSES_MAX);
	}
	if (query_zone(servers, "_muster._tcp.example.org", p, zone, primary) == 0) {
		fuzz_accepted(query_zone);
		fuzz_use(strlen(zone) + strlen(primary));
	}
}

static void change(const struct dns_servers *servers, struct patience p, unsigned how)
{
	struct update u = {.domain = "example.org", .own = &own, .server = servers, .resolvers = servers};
	struct dns_servers none = {0};
	struct update_result result;
	u.key = how & 2 ? &key : NULL;
	if (how & 4)
		u.server = &none;
	int error = how & 1 ? update_publish(&u, p, &result) : update_withdraw(&u, p, &result);
	if (!error && how & 1)
		fuzz_accepted(update_publish);
	else if (!error)
		fuzz_accepted(update_withdraw);
	/* An answer that nobody signed convinces nobody that has a key. */
	fuzz_require(error || !result.changed || !u.key);
	fuzz_use_text(result.detail);
	fuzz_use_text(result.server);
	fuzz_use_text(result.zone);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct dns_servers servers = {.n = 1};
	if (n == 0)
		return 0;
	fuzz_require(dns_address_read("127.0.0.1", DNS_PORT, &servers.all[0]) == 0);
	answers = data + 1;
	answers_n = n - 1;
	if (data[0] & 8)
		change(&servers, patience_for(1000, -1), data[0]);
	else
		ask(&servers, patience_for(1000, -1));
	return 0;
}
