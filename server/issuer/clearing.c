/* SPDX-License-Identifier: Apache-2.0 */
#include "clearing.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "certified.h"
#include "certifying.h"
#include "clearing_key.h"
#include "renewing.h"
#include "rfc3339.h"

#define FRESH_SECONDS 86400 /* how old a host's request may be, and how far ahead */
#define AGAIN_SECONDS 60    /* a host is certified again so soon at most */

/* --- who asks, and for what --- */

static int read_request(struct certifying *c, const char *token, struct failure *f)
{
	struct claims fault;
	int error = host_request_open(token, strlen(token), &c->request, &fault);
	if (error)
		return failure_set(f, error, "the host's request");
	int64_t age = c->now - c->request.head.iat;
	if (age > FRESH_SECONDS || age < -FRESH_SECONDS)
		return failure_set(f, age > 0 ? E_ENDED : E_NOT_YET_VALID, "the request of host '%s'",
				   c->request.name);
	return 0;
}

/* A key is for one host; the same one may show it again, when its answer was lost. */
static int find_by_key(const struct certifying *c, const char *key, uint8_t hash[KEYCODE_HASH],
		       char license[LIMIT_ID + 1], struct failure *f)
{
	char bare[KEYCODE_KEY + 1];
	struct ledger_host_key row;
	if (keycode_read(key, KEYCODE_KEY, bare))
		return failure_set(f, E_KEY_MALFORMED, "the host key");
	clearing_key_hash(&c->vendor->roots, bare, hash);
	sodium_memzero(bare, sizeof(bare));
	int error = ledger_host_key_get(c->vendor->ledger, hash, &row);
	if (error == E_NOT_FOUND || (!error && row.used && memcmp(row.sign, c->request.sign, PASETO_PUBLIC)))
		return failure_set(f, E_HOST_KEY_WRONG, "host '%s'", c->request.name);
	if (error)
		return ledger_explain(c->vendor->ledger, error, f);
	if (row.used && c->now - row.used < AGAIN_SECONDS)
		return failure_set(f, E_REQUEST_LIMIT, "host '%s'", c->request.name);
	memcpy(license, row.license, LIMIT_ID + 1);
	return 0;
}

static int find_by_host(const struct certifying *c, const char *license, struct failure *f)
{
	char pid[PASERK_ID_TEXT];
	struct ledger_host host;
	paserk_pid_write(c->request.sign, pid);
	int error = certified_find(c->vendor, pid, license, &host, f);
	if (error == E_NOT_CERTIFIED)
		return failure_set(f, E_HOST_KEY_NEEDED, "host '%s', license '%s'", c->request.name, license);
	if (!error && c->now - host.certified < AGAIN_SECONDS)
		return failure_set(f, E_REQUEST_LIMIT, "host '%s'", host.name);
	return error;
}

/* --- certify --- */

/* Returns whether the answer's field has room for it. */
static bool put(char *out, size_t room, const char *token)
{
	size_t n = strlen(token);
	if (n >= room)
		return false;
	memcpy(out, token, n + 1);
	return true;
}

/* known: the serial of the license that the host has, 0 for none. */
static int give_newest(struct certifying *c, int64_t known, muster_v1_Certified *ret, struct failure *f)
{
	if (!put(ret->certificate, sizeof(ret->certificate), c->token))
		return failure_set(f, E_TOO_LARGE, "the certificate");
	if (c->row.serial > known)
		ret->by_file = !put(ret->license, sizeof(ret->license), c->issued.token);
	int error = ledger_list_last(c->vendor->ledger, &ret->revocations, NULL);
	return error ? ledger_explain(c->vendor->ledger, error, f) : 0;
}

static int certify(struct certifying *c, const muster_v1_CertifyHost *q, muster_v1_Certified *ret,
		   struct failure *f)
{
	uint8_t hash[KEYCODE_HASH];
	char license[LIMIT_ID + 1] = "";
	if (read_request(c, q->request, f))
		return f->code;
	if (q->key[0] ? find_by_key(c, q->key, hash, license, f) : find_by_host(c, q->license, f))
		return f->code;
	/* The host tells what it has of the license that it is certified for; a key may be for another one.
	 */
	const char *meant = q->key[0] ? license : q->license;
	int64_t known = strcmp(meant, q->license) == 0 ? q->serial : 0;
	if (issued_in_ledger(c->vendor, meant, &c->issued, &c->row, f) || certifying_check(c, f) ||
	    certifying_make(c, f))
		return f->code;
	int error = q->key[0] ? ledger_host_key_use(c->vendor->ledger, hash, c->request.sign, c->now) : 0;
	if (!error)
		error = give_newest(c, known, ret, f) ? 0 : ledger_commit(c->vendor->ledger);
	return error ? ledger_explain(c->vendor->ledger, error, f) : f->code;
}

static int answer_certify(struct clearing *clearing, const muster_v1_CertifyHost *q, int64_t now,
			  muster_v1_Certified *ret, struct failure *f)
{
	struct certifying c = {.vendor = &clearing->vendor, .now = now, .days = clearing->days};
	if (q->license[0] && !slug_ok(q->license))
		return failure_set(f, E_BAD_REQUEST, "license");
	certify(&c, q, ret, f);
	certifying_fini(&c);
	return f->code;
}

/* --- more --- */

static int answer_more(struct clearing *clearing, const muster_v1_RequestMore *q, int64_t now,
		       muster_v1_Certified *ret, struct failure *f)
{
	json_t *claims;
	char license[LIMIT_ID + 1] = "";
	char *token = NULL;
	int error = token_peek(q->request, strlen(q->request), &claims);
	if (error)
		return failure_set(f, error, "the license request");
	const char *named = json_string_value(json_object_get(claims, "license"));
	if (named && slug_ok(named))
		memcpy(license, named, strlen(named) + 1);
	json_decref(claims);
	if (!license[0])
		return failure_set(f, E_CLAIM_INVALID, "the license request: license");
	if (renewing_extend(&clearing->vendor, license, q->request, now, &token, f))
		return f->code;
	if (!put(ret->license, sizeof(ret->license), token))
		failure_set(f, E_VENDOR_DECIDES, "license '%s' is longer than an answer", license);
	free(token);
	return f->code;
}

/* --- the newest list --- */

static int answer_revocations(struct clearing *clearing, const muster_v1_GetRevocations *q,
			      muster_v1_Revocations *ret, struct failure *f)
{
	uint8_t vendor[PASERK_ID];
	char *list = NULL;
	int64_t number;
	paserk_pid(clearing->vendor.roots.keys[0], vendor);
	if (memcmp(vendor, q->vendor, PASERK_ID) != 0)
		return 0;
	int error = ledger_list_last(clearing->vendor.ledger, &number, &list);
	if (!error && list)
		revocations_part(list, q->offset, ret);
	free(list);
	return error ? ledger_explain(clearing->vendor.ledger, error, f) : 0;
}

/* --- the call --- */

static void answer_ping(const muster_v1_Ping *q, wire_response *ret)
{
	ret->which_result = muster_v1_Response_pong_tag;
	ret->result.pong.echo.size = q->echo.size;
	memcpy(ret->result.pong.echo.bytes, q->echo.bytes, q->echo.size);
}

/* A call that needs the ledger. */
static int answer_from_ledger(struct clearing *c, const wire_request *q, int64_t now, wire_response *ret,
			      struct failure *f)
{
	switch (q->which_call) {
	case muster_v1_Request_certify_host_tag:
		ret->which_result = muster_v1_Response_certified_tag;
		return answer_certify(c, &q->call.certify_host, now, &ret->result.certified, f);
	case muster_v1_Request_request_more_tag:
		ret->which_result = muster_v1_Response_certified_tag;
		return answer_more(c, &q->call.request_more, now, &ret->result.certified, f);
	case muster_v1_Request_get_revocations_tag:
		ret->which_result = muster_v1_Response_revocations_tag;
		return answer_revocations(c, &q->call.get_revocations, &ret->result.revocations, f);
	default:
		return failure_set(f, E_UNKNOWN_CALL, "call %u", (unsigned)q->which_call);
	}
}

static int answer(struct clearing *c, const wire_request *q, int64_t now, wire_response *ret,
		  struct failure *f)
{
	struct vendor fresh = {0};
	if (q->which_call == muster_v1_Request_ping_tag) {
		answer_ping(&q->call.ping, ret);
		return 0;
	}
	if (!vendor_open(c->inv, &fresh, f)) {
		c->vendor.ledger = fresh.ledger;
		answer_from_ledger(c, q, now, ret, f);
		c->vendor.ledger = NULL;
	}
	vendor_close(&fresh);
	return f->code;
}

void clearing_answer(struct clearing *c, const wire_request *q, int64_t now, wire_response *ret,
		     struct failure *f)
{
	memset(ret, 0, sizeof(*ret));
	ret->id = q->id;
	ret->time = now;
	if (!answer(c, q, now, ret, f))
		return;
	ret->which_result = 0;
	ret->has_status = true;
	ret->status.code = (uint32_t)error_row(f->code)->number;
	for (size_t i = 0; i < f->n_numbers; i++)
		*(i ? &ret->status.quantity : &ret->status.used) = f->numbers[i].value;
}
