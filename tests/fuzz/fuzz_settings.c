/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Short texts that people, files and other programs hand in: times, names, addresses, keys, cursors. The
 * first byte says of which kind. What can be read and written is written so that it reads the same.
 */
#include "endpoint.h"
#include "fuzz.h"
#include "hostport.h"
#include "issuing_key.h"
#include "log.h"
#include "model.h"
#include "name.h"
#include "page.h"
#include "rfc3339.h"
#include "roots.h"
#include "source.h"

static void times(const char *text, size_t n)
{
	char out[64];
	int64_t t;
	int64_t again;
	(void)n;
	if (rfc3339_read(text, &t) == 0) {
		fuzz_accepted(rfc3339_read);
		fuzz_require(rfc3339_read(rfc3339_write(t, out), &again) == 0 && again == t);
	}
	if (rfc3339_read_date(text, &t) == 0) {
		fuzz_accepted(rfc3339_read_date);
		fuzz_require(rfc3339_read_date(rfc3339_write(t, out), &again) == 0 && again == t);
	}
	if (duration_read(text, &t) == 0) {
		fuzz_accepted(duration_read);
		fuzz_require(duration_read(duration_write(t, out, sizeof(out)), &again) == 0 && again == t);
	}
}

static void places(const char *text, size_t n)
{
	struct endpoint e = {0};
	struct endpoint e2 = {0};
	struct dns_address a;
	struct dns_address a2;
	struct exempt exempt;
	char out[ENDPOINT_TEXT];
	char address[DNS_ADDRESS_TEXT];
	char host[32];
	const char *port;
	if (endpoint_read(text, &e) == 0) {
		fuzz_accepted(endpoint_read);
		fuzz_require(endpoint_read(endpoint_write(&e, out), &e2) == 0 && e.port == e2.port &&
			     strcmp(e.host, e2.host) == 0);
	}
	if (dns_address_read(text, 53, &a) == 0) {
		fuzz_accepted(dns_address_read);
		fuzz_require(dns_address_read(dns_address_write(&a, address), 1, &a2) == 0 && a.n == a2.n);
	}
	if (hostport_split(text, host, sizeof(host), &port)) {
		fuzz_accepted(hostport_split);
		fuzz_require(host[0] && port > text && port <= text + n);
	}
	if (exempt_read(text, &exempt)) {
		fuzz_accepted(exempt_read);
		fuzz_require(exempt.bits <= 128);
	}
	if (dns_host_ok(text))
		fuzz_require(dns_name_ok(text) && dns_name_same(text, text));
}

static void keys(const char *text, size_t n)
{
	struct roots roots;
	struct roots again;
	char out[ROOTS_TEXT];
	if (roots_read(text, n, &roots))
		return;
	fuzz_accepted(roots_read);
	fuzz_require(roots.n >= 1 && roots.n <= ROOTS_MAX);
	roots_write(&roots, out);
	fuzz_require(roots_read(out, strlen(out), &again) == 0 && again.n == roots.n);
	fuzz_require(memcmp(roots.keys, again.keys, roots.n * PASETO_PUBLIC) == 0);
}

static void words(const char *text, size_t n)
{
	enum model model;
	enum overage overage;
	enum overflow overflow;
	enum on_expiry on_expiry;
	enum enrol enrol;
	enum log_level level;
	enum log_format format;
	unsigned uses;
	(void)n;
	if (model_read(text, &model)) {
		fuzz_accepted(model_read);
		fuzz_require(strcmp(model_name(model), text) == 0);
	}
	if (overage_read(text, &overage)) {
		fuzz_accepted(overage_read);
		fuzz_require(strcmp(overage_name(overage), text) == 0);
	}
	if (overflow_read(text, &overflow)) {
		fuzz_accepted(overflow_read);
		fuzz_require(strcmp(overflow_name(overflow), text) == 0);
	}
	if (on_expiry_read(text, &on_expiry)) {
		fuzz_accepted(on_expiry_read);
		fuzz_require(strcmp(on_expiry_name(on_expiry), text) == 0);
	}
	if (enrol_read(text, &enrol)) {
		fuzz_accepted(enrol_read);
		fuzz_require(strcmp(enrol_name(enrol), text) == 0);
	}
	if (log_level_read(text, &level))
		fuzz_accepted(log_level_read);
	if (log_format_read(text, &format))
		fuzz_accepted(log_format_read);
	if (issuing_uses_read(text, &uses) == 0) {
		fuzz_accepted(issuing_uses_read);
		fuzz_require((uses & ~(unsigned)(ISSUING_LICENSE | ISSUING_CERTIFICATE | ISSUING_CLEARING)) ==
			     0);
	}
}

static void cursors(const char *text, size_t n)
{
	int64_t at[3] = {0};
	(void)n;
	if (!page_cursor(text, at))
		return;
	fuzz_accepted(page_cursor);
	fuzz_require(at[0] >= 0 && at[1] >= 0 && at[2] >= 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static void (*const kinds[])(const char *, size_t) = {times, places, keys, words, cursors};
	if (n == 0)
		return 0;
	char *text = fuzz_text(data + 1, n - 1);
	kinds[data[0] % (sizeof(kinds) / sizeof(kinds[0]))](text, n - 1);
	free(text);
	return 0;
}
