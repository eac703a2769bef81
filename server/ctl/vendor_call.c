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
	json_t *standing; /* all certificates of this host */
	struct roots roots;
	char vendor[PASERK_ID_TEXT];
	int64_t revocations; /* the number of the vendor's list that is known here */
	json_t *mine;        /* those of them that this may be about */
	wire_request *q;
	struct clearing_answer *answer;
	json_t *installed;
};

/* --- what is known here --- */

/* Append the certificates of a license and of a vendor to an array (may be NULL); "" is any. How many? */
static size_t select_certificates(const struct errand *e, const char *license, const char *vendor, json_t *to)
{
	json_t *row;
	size_t i;
	size_t found = 0;
	json_array_foreach (e->standing, i, row) {
		if ((*license && strcmp(license, standing_text(row, "license")) != 0) ||
		    (*vendor && strcmp(vendor, standing_text(row, "vendor")) != 0))
			continue;
		found++;
		json_array_append(to, row);
	}
	return found;
}

static const char *license_named(const struct errand *e)
{
	const char *license = invocation_value(e->inv, "license");
	return license ? license : "";
}

/* The only vendor of whom the license named can be. */
static int find_pinned(struct errand *e, json_t *vendors)
{
	const char *license = license_named(e);
	bool known = select_certificates(e, license, "", NULL) > 0;
	json_t *row;
	size_t i;
	size_t found = 0;
	json_array_foreach (vendors, i, row) {
		const char *keys = standing_text(row, "vendor_key");
		if ((known && !select_certificates(e, license, standing_text(row, "vendor"), NULL)) ||
		    roots_read(keys, strlen(keys), &e->roots))
			continue;
		found++;
	}
	return found == 1 ? 0
			  : failure_say(e->inv, E_USAGE, "--vendor-key: %s",
					found ? "this host knows several vendors"
					      : "this host knows no vendor yet");
}

/* The vendor's roots: those that were given, or those that are pinned. */
static int find_vendor(struct errand *e)
{
	char given[ROOTS_TEXT];
	json_t *vendors = NULL;
	json_t *row;
	size_t i;
	int code = upload_vendor_key(e->inv, given);
	if (!code)
		code = standing_vendors(e->inv, &vendors);
	if (!code && given[0])
		(void)roots_read(given, strlen(given), &e->roots); /* it has been read before */
	else if (!code)
		code = find_pinned(e, vendors);
	if (!code)
		paserk_pid_write(e->roots.keys[0], e->vendor);
	json_array_foreach (vendors, i, row)
		if (strcmp(e->vendor, standing_text(row, "vendor")) == 0)
			e->revocations = json_integer_value(json_object_get(row, "revocations"));
	json_decref(vendors);
	return code;
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

/* certificate: the one that it is about; NULL: the host has none, or the key or the file says what it is
 * about. */
static int fill(struct errand *e, json_t *certificate)
{
	const char *key = invocation_value(e->inv, "key");
	const char *license = certificate ? standing_text(certificate, "license") : license_named(e);
	memset(e->q, 0, sizeof(*e->q));
	if (e->inv->n_args > 1) {
		muster_v1_RequestMore *q = &e->q->call.request_more;
		e->q->which_call = muster_v1_Request_request_more_tag;
		return load_token(e->inv, e->inv->args[1], &token_license_request, q->request,
				  sizeof(q->request));
	}
	muster_v1_CertifyHost *q = &e->q->call.certify_host;
	e->q->which_call = muster_v1_Request_certify_host_tag;
	snprintf(q->license, sizeof(q->license), "%s", license);
	q->serial = json_integer_value(json_object_get(certificate, "serial"));
	int code = key ? key_arg_read(e->inv, key, q->key) : 0;
	if (!code && !key && !*license)
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

/* What was installed since it was told last. JSON is told once, at the end. */
static void tell(struct errand *e)
{
	json_t *row;
	size_t i;
	json_array_foreach (e->installed, i, row) {
		if (i)
			putchar('\n');
		install_print(row);
	}
	json_array_clear(e->installed);
}

static int call(struct errand *e, json_t *certificate)
{
	struct failure f = {0};
	int code = fill(e, certificate);
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
	if (!invocation_has(e->inv, "json"))
		tell(e);
	if (!code && got->by_file)
		code = failure_say(e->inv, E_LICENSE_BY_FILE, "%s",
				   invocation_has(e->inv, "key") ? "the key's license"
								 : e->q->call.certify_host.license);
	if (!code && e->answer->list_error)
		code = failure_say(e->inv, e->answer->list_error, "the vendor's list of revocations");
	if (!code && e->answer->list)
		e->revocations = got->revocations;
	return code;
}

static int call_once(struct errand *e, json_t *certificate)
{
	int code = call(e, certificate);
	clearing_fini(e->answer);
	memset(e->answer, 0, sizeof(*e->answer));
	return code;
}

/* A certificate is renewed when less than 60 days of it are left. */
static bool is_due(json_t *certificate)
{
	int64_t end;
	return rfc3339_read(standing_text(certificate, "expires"), &end) || end - time(NULL) < DUE_SECONDS;
}

/* Each that is due, whatever becomes of the others; in JSON, with room for one failure, up to the first. */
static int call_if_due(struct errand *e, bool *ret_due)
{
	const char *first = "";
	json_t *row;
	size_t i;
	int code = 0;
	*ret_due = json_array_size(e->mine) == 0;
	if (*ret_due)
		return call_once(e, NULL);
	json_array_foreach (e->mine, i, row) {
		const char *end = standing_text(row, "expires");
		if (is_due(row) && !(code && invocation_has(e->inv, "json"))) {
			int now = call_once(e, row);
			code = code ? code : now;
			*ret_due = true;
		} else if (!*first || strcmp(end, first) < 0) {
			first = end;
		}
	}
	if (!*ret_due && !invocation_has(e->inv, "json"))
		printf("not due: the certificate holds until %s\n", first);
	return code;
}

/* A key or a file says by itself what it is about; with a key goes what is known here, if that is clear. */
static int run(struct errand *e)
{
	bool file = e->inv->n_args > 1;
	bool due = true;
	int code = standing_read(e->inv, &e->standing);
	if (!code)
		code = find_vendor(e);
	if (code)
		return code;
	size_t n = select_certificates(e, license_named(e), e->vendor, e->mine);
	if (json_array_size(e->mine) != n)
		code = failure_say(e->inv, E_NO_MEMORY, "the call");
	else if (invocation_has(e->inv, "if-due") && file)
		code = command_usage(e->inv, "--if-due is about certificates, and FILE is none");
	else if (invocation_has(e->inv, "if-due"))
		code = call_if_due(e, &due);
	else if (n > 1 && !file && !invocation_has(e->inv, "key"))
		code = failure_say(e->inv, E_USAGE, "--license: this host is certified for several licenses");
	else
		code = call_once(e, n == 1 ? json_array_get(e->mine, 0) : NULL);
	if (!code && invocation_has(e->inv, "json"))
		print_json_new(
			json_pack("{s:i, s:b, s:O}", "schema", 1, "due", due, "installed", e->installed));
	return code;
}

int vendor_call_run(struct invocation *inv)
{
	struct errand e = {.inv = inv,
			   .mine = json_array(),
			   .q = calloc(1, sizeof(*e.q)),
			   .answer = calloc(1, sizeof(*e.answer)),
			   .installed = json_array()};
	int code = e.mine && e.q && e.answer && e.installed ? run(&e)
							    : failure_say(inv, E_NO_MEMORY, "the call");
	free(e.q);
	free(e.answer);
	json_decref(e.standing);
	json_decref(e.mine);
	json_decref(e.installed);
	return code;
}
