/* SPDX-License-Identifier: Apache-2.0 */
/* musterctl vendor call: let the vendor's clearing house certify this host, or ask it for more. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "armour.h"
#include "clearing.h"
#include "commands.h"
#include "input.h"
#include "key_arg.h"
#include "print.h"
#include "request.h"
#include "rfc3339.h"
#include "standing.h"
#include "token.h"
#include "upload.h"

#define DUE_SECONDS (60 * 86400) /* reliability.md 3.9: certificates are renewed 60 days early */

/* What is known here, and what is to be asked. */
struct errand {
	const struct invocation *inv;
	char license[LIMIT_ID + 1]; /* "": the key's */
	char vendor[PASERK_ID_TEXT];
	char expires[RFC3339_TEXT]; /* of its certificate; "": it has none */
	struct roots roots;
	int64_t serial;
	int64_t revocations;
	wire_request *q;
	struct clearing_answer *answer;
	json_t *installed;
};

/* --- what is known here --- */

static const char *text(json_t *object, const char *key)
{
	const char *found = json_string_value(json_object_get(object, key));
	return found ? found : "";
}

/* The certificate that is meant: of the license named, or the only one. */
static int find_certificate(struct errand *e)
{
	const char *wanted = invocation_value(e->inv, "license");
	json_t *standing;
	json_t *row;
	size_t i;
	size_t found = 0;
	int code = standing_read(e->inv, &standing);
	if (code)
		return code;
	json_array_foreach (standing, i, row) {
		if (wanted && strcmp(wanted, text(row, "license")) != 0)
			continue;
		found++;
		snprintf(e->license, sizeof(e->license), "%s", text(row, "license"));
		snprintf(e->vendor, sizeof(e->vendor), "%s", text(row, "vendor"));
		snprintf(e->expires, sizeof(e->expires), "%s", text(row, "expires"));
		e->serial = json_integer_value(json_object_get(row, "serial"));
	}
	json_decref(standing);
	if (found > 1)
		return failure_say(e->inv, E_USAGE, "--license: this host is certified for several licenses");
	if (!found && wanted)
		snprintf(e->license, sizeof(e->license), "%s", wanted);
	return 0;
}

/* The vendor's roots: those that were given, or those that are pinned. */
static int find_vendor(struct errand *e)
{
	char given[ROOTS_TEXT];
	json_t *vendors = NULL;
	json_t *row;
	size_t i;
	size_t found = 0;
	int code = upload_vendor_key(e->inv, given);
	if (!code)
		code = standing_vendors(e->inv, &vendors);
	if (code)
		return code;
	json_array_foreach (vendors, i, row) {
		const char *keys = text(row, "vendor_key");
		if ((e->vendor[0] && strcmp(e->vendor, text(row, "vendor")) != 0) ||
		    roots_read(keys, strlen(keys), &e->roots))
			continue;
		found++;
		e->revocations = json_integer_value(json_object_get(row, "revocations"));
	}
	json_decref(vendors);
	if (given[0])
		(void)roots_read(given, strlen(given), &e->roots); /* it has been read before */
	else if (found != 1)
		return failure_say(e->inv, E_USAGE, "--vendor-key: %s",
				   found ? "this host knows several vendors"
					 : "this host knows no vendor yet");
	return 0;
}

/* --- asking --- */

static int load_token(const struct invocation *inv, const char *path, const struct token_kind *kind,
		      char *out, size_t room)
{
	char *armoured;
	char *token = NULL;
	size_t n;
	int code = input_read(inv, path, LIMIT_TOKEN, &armoured, &n);
	if (code)
		return code;
	int error = armour_read(kind->label, armoured, n, &token);
	free(armoured);
	if (!error && strlen(token) >= room)
		error = E_TOO_LARGE;
	if (!error)
		memcpy(out, token, strlen(token) + 1);
	free(token);
	return error ? failure_say(inv, error, "%s", path) : 0;
}

static int own_request(const struct invocation *inv, char *out, size_t room)
{
	struct request req = {.path = "/v1/host/request", .plain = true};
	struct reply reply;
	char *token = NULL;
	int code = request_run(inv, &req, &reply);
	if (code)
		return code;
	int error = armour_read(token_host_request.label, (const char *)reply.body.bytes, reply.body.used - 1,
				&token);
	if (!error && strlen(token) >= room)
		error = E_TOO_LARGE;
	if (!error)
		memcpy(out, token, strlen(token) + 1);
	free(token);
	reply_fini(&reply);
	return error ? failure_say(inv, error, "the host's request") : 0;
}

static int fill(struct errand *e)
{
	const char *key = invocation_value(e->inv, "key");
	if (e->inv->n_args > 1) {
		muster_v1_RequestMore *q = &e->q->call.request_more;
		e->q->which_call = muster_v1_Request_request_more_tag;
		return load_token(e->inv, e->inv->args[1], &token_license_request, q->request,
				  sizeof(q->request));
	}
	muster_v1_CertifyHost *q = &e->q->call.certify_host;
	e->q->which_call = muster_v1_Request_certify_host_tag;
	snprintf(q->license, sizeof(q->license), "%s", e->license);
	q->serial = e->serial;
	int code = key ? key_arg_read(e->inv, key, q->key) : 0;
	if (!code && !key && !e->license[0])
		return failure_say(e->inv, E_HOST_KEY_NEEDED, "this host is not certified yet");
	return code ? code : own_request(e->inv, q->request, sizeof(q->request));
}

/* --- what came --- */

static int install(struct errand *e, const struct token_kind *kind, const char *token)
{
	struct reply reply;
	char key[ROOTS_TEXT];
	char *armoured = NULL;
	if (!token[0])
		return 0;
	roots_write(&e->roots, key);
	if (armour_write(kind->label, token, &armoured))
		return failure_say(e->inv, E_NO_MEMORY, "the answer");
	struct request req = {.method = "POST",
			      .path = "/v1/install",
			      .query = {{"vendor_key", kind == &token_certificate ? key : NULL}},
			      .body = armoured,
			      .n_body = strlen(armoured)};
	int code = request_run(e->inv, &req, &reply);
	free(armoured);
	if (code)
		return code;
	json_array_append(e->installed, reply.json);
	reply_fini(&reply);
	return 0;
}

static void tell(const struct errand *e)
{
	json_t *row;
	size_t i;
	if (invocation_has(e->inv, "json")) {
		print_json_new(
			json_pack("{s:i, s:b, s:O}", "schema", 1, "due", 1, "installed", e->installed));
		return;
	}
	json_array_foreach (e->installed, i, row) {
		if (i)
			putchar('\n');
		install_print(row);
	}
}

static int call(struct errand *e)
{
	struct failure f = {0};
	int code = fill(e);
	if (code)
		return code;
	if (clearing_call(e->inv->args[0], &e->roots, e->q, e->revocations, e->answer, &f))
		return failure_print(e->inv, &f);
	const muster_v1_Certified *got = &e->answer->response.result.certified;
	code = install(e, &token_certificate, got->certificate);
	if (!code)
		code = install(e, &token_license, got->license);
	if (!code && e->answer->list)
		code = install(e, &token_revocations, e->answer->list);
	/* One JSON document: an error's, where there is one. */
	bool whole = !got->by_file && !e->answer->list_error;
	if (!code && (whole || !invocation_has(e->inv, "json")))
		tell(e);
	if (!code && got->by_file)
		code = failure_say(e->inv, E_LICENSE_BY_FILE, "%s",
				   invocation_has(e->inv, "key") ? "the key's license" : e->license);
	if (!code && e->answer->list_error)
		code = failure_say(e->inv, e->answer->list_error, "the vendor's list of revocations");
	return code;
}

/* A certificate is renewed when less than 60 days of it are left. */
static bool due(const struct errand *e)
{
	int64_t end;
	return !e->expires[0] || rfc3339_read(e->expires, &end) || end - time(NULL) < DUE_SECONDS;
}

int vendor_call_run(struct invocation *inv)
{
	struct errand e = {.inv = inv,
			   .q = calloc(1, sizeof(*e.q)),
			   .answer = calloc(1, sizeof(*e.answer)),
			   .installed = json_array()};
	int code = e.q && e.answer && e.installed ? find_certificate(&e)
						  : failure_say(inv, E_NO_MEMORY, "the call");
	if (!code && invocation_has(inv, "if-due") && !due(&e)) {
		if (invocation_has(inv, "json"))
			print_json_new(json_pack("{s:i, s:b, s:[]}", "schema", 1, "due", 0, "installed"));
		else
			printf("not due: the certificate holds until %s\n", e.expires);
	} else if (!code) {
		code = find_vendor(&e);
		if (!code)
			code = call(&e);
	}
	free(e.q);
	clearing_fini(e.answer);
	free(e.answer);
	json_decref(e.installed);
	return code;
}
