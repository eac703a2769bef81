/* SPDX-License-Identifier: Apache-2.0 */
/* POST /v1/offline/answer: requests of machines that reach no host become one job, and its outcomes a list
 * and the file to carry back. */
#include <microhttpd.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "armour.h"
#include "base64url.h"
#include "bundle.h"
#include "error.h"
#include "exchange.h"
#include "jsontext.h"
#include "offline_request.h"
#include "utf8.h"
#include "voice.h"

#define WHY_TEXT 200

/* --- reading: all of the file holds, or nothing of it counts --- */

static void take_components(const struct offline_request *r, struct hardware *ret)
{
	for (size_t i = 0; i < r->n_components; i++) {
		size_t same = 0;
		uint32_t kind = r->components[i].kind;
		for (size_t j = 0; j < ret->n; j++)
			same += ret->parts[j].kind == kind;
		if (kind > HARDWARE_KINDS || same >= (kind == HARDWARE_MAC ? HARDWARE_MACS : 1))
			continue;
		ret->parts[ret->n].kind = (uint8_t)kind;
		ret->parts[ret->n++].tag = (uint16_t)r->components[i].tag;
	}
}

static void fill_line(const struct offline_request *r, const char *key, struct job_line *line)
{
	memcpy(line->product, r->product, sizeof(line->product));
	memcpy(line->version, r->version, sizeof(line->version));
	memcpy(line->plans, r->plans, sizeof(line->plans));
	line->n_plans = r->n_plans;
	memcpy(line->user, r->user, sizeof(line->user));
	memcpy(line->key, key, sizeof(line->key));
	take_components(r, &line->machine);
	line->reinstalled = r->reinstalled;
	line->spoken = r->spoken && voice_installation_is_of(r->voice, r->fixed, r->sign);
	memcpy(line->voice, r->voice, sizeof(line->voice));
	line->lease_serial = r->serial;
}

static struct job *make_part(const struct offline_request *r, const char *token, const char *key)
{
	struct job *part = job_new(JOB_ACTIVATE, 1);
	if (!part || !(part->text = strdup(token))) {
		job_free(part);
		return NULL;
	}
	part->by_file = part->may_enrol = true;
	memcpy(part->device, r->device, DEVICE_ID);
	memcpy(part->vendor, r->vendor, sizeof(part->vendor));
	memcpy(part->org, r->org, sizeof(part->org));
	memcpy(part->hostname, r->hostname, sizeof(part->hostname));
	memcpy(part->os, r->os, sizeof(part->os));
	memcpy(part->agent, r->agent, sizeof(part->agent));
	memcpy(part->shown.token, r->token, REQUEST_TOKEN);
	fill_line(r, key, &part->lines[0]);
	return part;
}

static int add_part(struct job *job, const char *token, const char *key, char why[WHY_TEXT])
{
	struct offline_request request;
	struct claims fault;
	int error = offline_request_open(token, strlen(token), &request, &fault);
	if (error) {
		snprintf(why, WHY_TEXT, "request %zu%s%s; nothing was done", job->n_parts + 1,
			 error == E_CLAIM_INVALID ? ": " : "", error == E_CLAIM_INVALID ? fault.where : "");
		return error;
	}
	job->parts[job->n_parts] = make_part(&request, token, key);
	return job->parts[job->n_parts] ? (job->n_parts++, 0) : E_NO_MEMORY;
}

static int add_parts(struct job *job, const struct bundle *b, const char *key, char why[WHY_TEXT])
{
	int error = 0;
	job->parts = calloc(b->n, sizeof(*job->parts));
	if (!job->parts)
		return E_NO_MEMORY;
	for (size_t i = 0; i < b->n && !error; i++)
		error = add_part(job, b->tokens[i], key, why);
	return error;
}

/* The file and the key in the body. */
static int read_order(const struct exchange *x, struct bundle *b, char key[KEYCODE_KEY + 1])
{
	json_t *body = NULL;
	if (jsontext_read(x->body.bytes, x->body.used, &body, NULL) == E_NO_MEMORY)
		return E_NO_MEMORY;
	const char *text = json_string_value(json_object_get(body, "requests"));
	const char *typed = json_string_value(json_object_get(body, "key"));
	int error = text ? bundle_read(&token_request, text, strlen(text), b) : E_BAD_REQUEST;
	if (!error && typed)
		error = keycode_read(typed, KEYCODE_KEY, key);
	json_decref(body);
	return error;
}

/* --- answering --- */

static json_t *item(const struct catalog *catalog, const struct job *part)
{
	const struct job_line *line = &part->lines[0];
	const struct answer_line *a = &line->answer;
	char device[DEVICE_ID_TEXT];
	struct catalog_grant g;
	bool known = catalog_grant(catalog, a->grant, &g);
	json_t *row = json_object();
	device_id_write(part->device, device);
	json_set_text(row, "device", device);
	json_set_text(row, "hostname", part->hostname);
	json_set_text(row, "user", line->user);
	json_set_text(row, "product", line->product);
	json_object_set_new(row, "ok", json_boolean(!a->code));
	json_object_set_new(row, "repeated", json_boolean(part->repeated && !a->code));
	json_set_text(row, "grant", known ? g.grant->id : NULL);
	json_object_set_new(row, "serial", a->code ? json_null() : json_integer(a->serial));
	json_set_time(row, "expires", a->code ? 0 : a->expires);
	json_object_set_new(row, "error",
			    a->code ? exchange_error(a->code, line->detail, &a->numbers) : json_null());
	return row;
}

/* What is carried back: an answer for a request, a bundle for a bundle. *ret: NULL when nothing was granted.
 */
static int make_file(const struct job *job, bool many, char **ret)
{
	struct bundle b = {.kind = &token_answer};
	int error = 0;
	*ret = NULL;
	for (size_t i = 0; i < job->n_parts && !error; i++)
		if (job->parts[i]->answer)
			error = bundle_add(&b, job->parts[i]->answer);
	if (!error && b.n)
		error = many ? bundle_write(&b, ret) : armour_write(token_answer.label, b.tokens[0], ret);
	bundle_fini(&b);
	return error;
}

static void reply(struct exchange *x, const struct job *job, bool many)
{
	const struct catalog *catalog = exchange_need_catalog(x);
	char *file = NULL;
	if (!catalog)
		return;
	int error = make_file(job, many, &file);
	if (error) {
		exchange_problem(x, error, NULL);
		return;
	}
	json_t *items = json_array();
	for (size_t i = 0; i < job->n_parts; i++)
		json_array_append_new(items, item(catalog, job->parts[i]));
	exchange_json(x, MHD_HTTP_OK,
		      json_pack("{s:i, s:o, s:s?}", "schema", 1, "items", items, "answer", file));
	free(file);
}

void offline_answer(struct exchange *x)
{
	struct bundle b = {.n = 0};
	char key[KEYCODE_KEY + 1] = "";
	char why[WHY_TEXT] = "";
	struct job *job = job_new(JOB_OFFLINE, 0);
	int error = job ? read_order(x, &b, key) : E_NO_MEMORY;
	if (!error)
		error = add_parts(job, &b, key, why);
	sodium_memzero(key, sizeof(key));
	if (error)
		exchange_problem(x, error,
				 why[0]                   ? why
				 : error == E_BAD_REQUEST ? "requests: the text of the file"
							  : NULL);
	else if (exchange_call(x, job) == 0)
		reply(x, job, b.many);
	bundle_fini(&b);
	job_free(job);
}

/* --- by telephone --- */

/* A name that may be shown. */
static bool name_ok(const char *name)
{
	size_t left = strlen(name);
	if (left > LIMIT_HOSTNAME)
		return false;
	while (left) {
		size_t n = utf8_printable((const uint8_t *)name, left);
		if (!n)
			return false;
		name += n;
		left -= n;
	}
	return true;
}

static int read_call(const struct exchange *x, struct job *part, char why[DIGITS_WORDS])
{
	char bare[DIGITS_BARE];
	struct digits_report report;
	json_t *body = NULL;
	if (jsontext_read(x->body.bytes, x->body.used, &body, NULL) == E_NO_MEMORY)
		return E_NO_MEMORY;
	const char *typed = json_string_value(json_object_get(body, "installation"));
	const char *name = json_string_value(json_object_get(body, "name"));
	part->voice.words = json_is_true(json_object_get(body, "words"));
	int error = typed ? digits_read(typed, VOICE_IID_GROUPS, bare, &report) : E_BAD_REQUEST;
	if (error == E_DIGITS_WRONG)
		digits_explain(&report, why);
	if (!error && !digits_number(bare, VOICE_IID_GROUPS, part->voice.iid, VOICE_IID))
		error = E_VERSION_UNSUPPORTED;
	if (!error && name && !name_ok(name))
		error = E_BAD_REQUEST;
	if (!error && name)
		snprintf(part->hostname, sizeof(part->hostname), "%s", name);
	json_decref(body);
	return error;
}

static struct job *call_job(void)
{
	struct job *job = job_new(JOB_OFFLINE, 0);
	if (!job)
		return NULL;
	job->parts = calloc(1, sizeof(*job->parts));
	if (job->parts && (job->parts[0] = job_new(JOB_ACTIVATE, 1)) != NULL) {
		job->n_parts = 1;
		job->parts[0]->by_file = job->parts[0]->by_voice = job->parts[0]->may_enrol = true;
		return job;
	}
	job_free(job);
	return NULL;
}

static void reply_call(struct exchange *x, const struct job *part)
{
	const struct catalog *catalog = exchange_need_catalog(x);
	const struct answer_line *a = &part->lines[0].answer;
	char device[DEVICE_ID_TEXT];
	struct catalog_grant g;
	if (!catalog)
		return;
	if (a->code) {
		exchange_refuse(x, a->code, part->lines[0].detail[0] ? part->lines[0].detail : NULL,
				&a->numbers);
		return;
	}
	device_id_write(part->device, device);
	json_t *row = json_pack("{s:i, s:s, s:s, s:s?, s:b, s:s}", "schema", 1, "device", device, "product",
				part->lines[0].product, "grant",
				catalog_grant(catalog, a->grant, &g) ? g.grant->id : NULL, "repeated",
				part->repeated, "confirmation", part->voice.text);
	json_set_time(row, "expires", a->expires);
	exchange_json(x, MHD_HTTP_OK, row);
}

void offline_confirm(struct exchange *x)
{
	char why[DIGITS_WORDS] = "";
	struct job *job = call_job();
	int error = job ? read_call(x, job->parts[0], why) : E_NO_MEMORY;
	if (error)
		exchange_problem(x, error,
				 why[0]                   ? why
				 : error == E_BAD_REQUEST ? "installation: 54 digits; name: a machine's"
							  : NULL);
	else if (exchange_call(x, job) == 0)
		reply_call(x, job->parts[0]);
	job_free(job);
}

/* A line for each license: whose, which, the key's number, the key. */
static void write_key(const struct broker *b, const struct catalog_license *l, FILE *out)
{
	uint8_t license[VOICE_LICENSE];
	uint8_t key[VOICE_KEY];
	char text[48];
	voice_license(l->vendor, l->license.id, license);
	voice_key(b->voice.key, license, b->voice.index, key);
	base64url_write(key, sizeof(key), text, sizeof(text));
	fprintf(out, "key %s %s %u %s\n", l->vendor, l->license.id, b->voice.index, text);
	sodium_memzero(key, sizeof(key));
	sodium_memzero(text, sizeof(text));
}

void offline_site_key(struct exchange *x)
{
	const struct broker *b = x->admin->settings.broker;
	const struct catalog *catalog = exchange_need_catalog(x);
	char *text = NULL;
	size_t n = 0;
	if (!catalog)
		return;
	if (!b->voice.key) {
		exchange_problem(x, E_VOICE_OFF, NULL);
		return;
	}
	FILE *out = open_memstream(&text, &n);
	if (out) {
		fputs(VOICE_KEY_TITLE, out);
		for (size_t i = 0; i < catalog->n_licenses; i++)
			if (catalog->licenses[i].certificate)
				write_key(b, &catalog->licenses[i], out);
	}
	if (out && fclose(out) == 0)
		exchange_text(x, "text/plain; charset=utf-8", text);
	else
		exchange_problem(x, E_NO_MEMORY, NULL);
}
