/* SPDX-License-Identifier: Apache-2.0 */
/* POST /v1/offline/answer: requests of machines that reach no host become one job, and its outcomes a list
 * and the file to carry back. */
#include <microhttpd.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "armour.h"
#include "bundle.h"
#include "error.h"
#include "exchange.h"
#include "offline_request.h"

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
	json_t *body = json_loadb((const char *)x->body.bytes, x->body.used, JSON_REJECT_DUPLICATES, NULL);
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
