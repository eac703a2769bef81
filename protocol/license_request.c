/* SPDX-License-Identifier: Apache-2.0 */
#include "license_request.h"

#include <string.h>

#include "error.h"

int license_request_sign(const struct license_request *request, const uint8_t host_secret[PASETO_SECRET],
			 char **ret_token)
{
	json_t *claims =
		token_claims(&token_license_request, request->head.iss, request->head.iat, request->head.jti);
	if (!claims)
		return E_NO_MEMORY;
	json_t *wants = json_array();
	claims_set_text(claims, "license", request->license);
	claims_set_integer(claims, "serial", request->serial);
	claims_set_text(claims, "org", request->org);
	claims_set_text(claims, "vendor", request->vendor);
	if (request->reason[0])
		claims_set_text(claims, "reason", request->reason);
	for (size_t i = 0; i < request->n_wants; i++) {
		json_t *want = json_object();
		claims_set_text(want, "grant", request->wants[i].grant);
		claims_set_integer(want, "quantity", request->wants[i].quantity);
		claims_set_integer(want, "has", request->wants[i].has);
		claims_set_integer(want, "used", request->wants[i].used);
		claims_append(wants, want);
	}
	claims_set(claims, "wants", wants);
	int error = token_sign(claims, host_secret, request->head.iss, ret_token);
	json_decref(claims);
	return error;
}

static void read_want(struct claims *c, json_t *row, struct license_request *ret)
{
	struct license_want *want = &ret->wants[ret->n_wants];
	claims_slug(c, row, "grant", want->grant);
	claims_integer(c, row, "has", 0, INT32_MAX, &want->has);
	claims_integer(c, row, "quantity", want->has + 1, INT32_MAX, &want->quantity);
	claims_integer(c, row, "used", 0, INT32_MAX, &want->used);
	for (size_t i = 0; i < ret->n_wants && !c->error; i++)
		if (strcmp(ret->wants[i].grant, want->grant) == 0)
			claims_fault(c, "wants: grant");
	ret->n_wants++;
}

static void read_request(struct claims *c, json_t *claims, struct license_request *ret)
{
	size_t n;
	uint8_t vendor[PASERK_ID];
	claims_head(c, claims, &ret->head);
	claims_slug(c, claims, "license", ret->license);
	claims_integer(c, claims, "serial", 1, INT64_MAX, &ret->serial);
	claims_slug(c, claims, "org", ret->org);
	claims_text(c, claims, "vendor", ret->vendor, sizeof(ret->vendor));
	if (!c->error && paserk_pid_read(ret->vendor, strlen(ret->vendor), vendor))
		claims_fault(c, "vendor");
	claims_text_opt(c, claims, "reason", ret->reason, sizeof(ret->reason));
	json_t *wants = claims_array_opt(c, claims, "wants", LIMIT_GRANTS, &n);
	if (n == 0)
		claims_fault(c, "wants");
	for (size_t i = 0; i < n && !c->error; i++)
		read_want(c, json_array_get(wants, i), ret);
}

int license_request_open(const char *token, size_t n, const uint8_t host[PASETO_PUBLIC],
			 struct license_request *ret, struct claims *fault)
{
	struct claims own;
	struct claims *c = fault ? fault : &own;
	char pid[PASERK_ID_TEXT];
	json_t *claims;
	*c = (struct claims){0};
	*ret = (struct license_request){0};
	int error = token_open(&token_license_request, token, n, host, &claims);
	if (error)
		return error;
	read_request(c, claims, ret);
	json_decref(claims);
	paserk_pid_write(host, pid);
	if (!c->error && strcmp(ret->head.iss, pid) != 0)
		claims_fault(c, "iss");
	return c->error;
}
