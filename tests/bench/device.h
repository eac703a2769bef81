/* SPDX-License-Identifier: Apache-2.0 */
/* A device of the generators: what it says to a host over the protocol's own messages, what it keeps of the
 * answer, and what it believes of the host. */
#ifndef BENCH_DEVICE_H
#define BENCH_DEVICE_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>

#include "bench.h"
#include "channel.h"
#include "file.h"
#include "message.h"

/* As its own state folder would have it. */
struct device {
	struct noise_pair fixed;
	struct noise_pair ephemeral;
	uint8_t sign[PASETO_PUBLIC];
	uint8_t id[DEVICE_ID];
	uint8_t ratchet[RATCHET];
	bool has_ratchet;
	uint64_t counter;
	int64_t serial;   /* of the lease held, as counted up */
	int64_t verified; /* of the last lease verified */
	uint32_t number;
};

/* Where all devices go, and what they ask for. certificate: NULL until the host's hello was verified. */
struct destination {
	struct sockaddr_in address;
	uint8_t vendor[PASETO_PUBLIC];
	const char *product;
	char *certificate;
	struct certificate host;
};

/* false: not IP:PORT. */
static inline bool destination_address(struct destination *to, const char *text)
{
	char host[64];
	int port = 0;
	to->address.sin_family = AF_INET;
	if (sscanf(text, "%63[^:]:%d", host, &port) != 2 ||
	    inet_pton(AF_INET, host, &to->address.sin_addr) != 1)
		return false;
	to->address.sin_port = htons((uint16_t)port);
	return true;
}

static inline void destination_vendor(struct destination *to, const char *path)
{
	char *text;
	size_t n;
	bench_must(file_read(path, 4096, &text, &n), path);
	bench_must(paserk_public_read(text, strcspn(text, " \r\n"), to->vendor), path);
	free(text);
}

static inline void device_make(struct device *d, uint32_t number)
{
	uint8_t secret[PASETO_SECRET];
	noise_pair_make(&d->fixed);
	noise_pair_make(&d->ephemeral);
	crypto_sign_keypair(d->sign, secret);
	device_id(d->fixed.public, d->sign, d->id);
	d->number = number;
}

static inline void device_fill(const struct device *d, wire_once *once, wire_device *device)
{
	char hostname[BENCH_HOSTNAME];
	bench_hostname(d->number, hostname);
	randombytes_buf(once->token, sizeof(once->token));
	once->counter = d->counter;
	if (d->has_ratchet) {
		once->ratchet.size = RATCHET;
		memcpy(once->ratchet.bytes, d->ratchet, RATCHET);
	}
	memcpy(device->sign, d->sign, sizeof(d->sign));
	strcpy(device->hostname, hostname);
	strcpy(device->os, BENCH_OS);
	strcpy(device->agent, BENCH_AGENT);
}

/* Activate, or Renew once it holds a lease. Returns the length. */
static inline size_t device_request(const struct device *d, const struct destination *to, uint8_t *out,
				    size_t room)
{
	static wire_request r;
	static uint32_t id;
	muster_v1_Activate *first = &r.call.activate;
	muster_v1_Renew *again = &r.call.renew;
	bool renew = d->serial != 0;
	wire_want *want = renew ? again->wants : first->wants;
	size_t n;
	memset(&r, 0, sizeof(r));
	r.id = ++id;
	r.which_call = renew ? muster_v1_Request_renew_tag : muster_v1_Request_activate_tag;
	if (renew) {
		again->has_once = again->has_device = true;
		again->wants_count = 1;
		device_fill(d, &again->once, &again->device);
	} else {
		first->has_once = first->has_device = true;
		first->wants_count = 1;
		device_fill(d, &first->once, &first->device);
	}
	strcpy(want->product, to->product);
	want->lease_serial = d->serial;
	bench_must(request_write(&r, out, room, &n), "request");
	return n;
}

/* The first message on a new channel. */
static inline int device_greet(struct channel *c, const struct destination *to)
{
	wire_client_hello hello = {.version = FRAME_VERSION, .vendors_count = 1};
	uint8_t bytes[64];
	size_t n;
	paserk_pid(to->vendor, hello.vendors[0]);
	int error = client_hello_write(&hello, bytes, sizeof(bytes), &n);
	return error ? error : channel_start(c, bytes, n);
}

/* The first hello's certificate is verified; later ones must be the same bytes. The static key is compared
 * each time. */
static inline int device_trust(const struct channel *c, struct destination *to, const uint8_t *payload,
			       size_t n)
{
	static wire_server_hello hello;
	int error = server_hello_read(payload, n, &hello);
	if (error)
		return error;
	if (hello.certificates_count != 1)
		return E_HOST_UNTRUSTED;
	if (!to->certificate) {
		error = certificate_open(hello.certificates[0], strlen(hello.certificates[0]),
					 ROOTS_OF(to->vendor), &to->host, NULL);
		if (error)
			return error;
		to->certificate = strdup(hello.certificates[0]);
		bench_must(to->certificate ? 0 : E_NO_MEMORY, "memory");
	}
	bool same = strcmp(to->certificate, hello.certificates[0]) == 0;
	return same && memcmp(channel_remote(c), to->host.fixed, NOISE_KEY) == 0 ? 0 : E_HOST_UNTRUSTED;
}

/* Answer the host's hello with the request. */
static inline int device_confirm(const struct device *d, struct channel *c, struct destination *to)
{
	const uint8_t *payload;
	uint8_t bytes[LIMIT_REQUEST];
	size_t n;
	int error = channel_answer(c, &payload, &n);
	if (!error)
		error = device_trust(c, to, payload, n);
	return error ? error : channel_confirm(c, bytes, device_request(d, to, bytes, sizeof(bytes)));
}

/* Take the answer that waits. *ret: its only result, good until the next one; *ret_retry: seconds, from a
 * refusal. The code of a refusal as an error. */
static inline int device_take(struct device *d, struct channel *c, const wire_result **ret,
			      uint32_t *ret_retry)
{
	static wire_response response;
	const uint8_t *payload;
	size_t n;
	int error = channel_open(c, &payload, &n);
	if (!error)
		error = response_read(payload, n, &response);
	channel_done(c);
	if (error)
		return error;
	*ret_retry = response.status.retry_after;
	if (response.status.code)
		return -(int)response.status.code;
	const muster_v1_Answer *answer = &response.result.answer;
	if (response.which_result != muster_v1_Response_answer_tag || answer->results_count != 1)
		return E_MALFORMED;
	*ret = &answer->results[0];
	*ret_retry = (*ret)->status.retry_after;
	if ((*ret)->status.code)
		return -(int)(*ret)->status.code;
	d->counter = answer->counter;
	d->has_ratchet = answer->ratchet.size == RATCHET;
	memcpy(d->ratchet, answer->ratchet.bytes, RATCHET);
	d->serial++;
	return 0;
}

/* How often each code came, by number; and all of them as one member of JSON. */
#define DEVICE_CODES 128

static inline void device_count(size_t codes[DEVICE_CODES], int code)
{
	codes[-code > 0 && -code < DEVICE_CODES ? -code : 0]++;
}

static inline void device_codes(const char *key, const size_t codes[DEVICE_CODES])
{
	const char *comma = "";
	printf("\"%s\":{", key);
	for (int i = 0; i < DEVICE_CODES; i++) {
		if (!codes[i])
			continue;
		printf("%s\"%s\":%zu", comma, error_name(-i), codes[i]);
		comma = ",";
	}
	printf("}");
}

/* Certificate chain and lease of an answer; the serial must have risen. */
static inline int device_verify(struct device *d, const struct destination *to, const char *lease,
				const char *certificate)
{
	static struct lease opened;
	static struct certificate host;
	int error =
		lease_verify(lease, certificate, ROOTS_OF(to->vendor), to->product, d->id, &opened, &host);
	if (!error && opened.serial <= d->verified)
		error = E_WRONG_DEVICE;
	if (!error)
		d->verified = opened.serial;
	return error;
}

#endif
