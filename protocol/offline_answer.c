/* SPDX-License-Identifier: Apache-2.0 */
#include "offline_answer.h"

#include <stdlib.h>
#include <string.h>

#include "error.h"

int offline_answer_sign(const struct offline_answer *a, const uint8_t host_secret[PASETO_SECRET],
			char **ret_token)
{
	char *token = NULL;
	json_t *claims = token_claims(&token_answer, a->head.iss, a->head.iat, a->head.jti);
	if (!claims)
		return E_NO_MEMORY;
	claims_set_text(claims, "request", a->request);
	claims_set_bytes(claims, "device", a->device, DEVICE_ID);
	claims_set_text(claims, "vendor", a->vendor);
	claims_set_text(claims, "product", a->product);
	claims_set_text(claims, "lease", a->lease);
	claims_set_text(claims, "certificate", a->certificate);
	int error = token_sign(claims, host_secret, a->head.iss, &token);
	json_decref(claims);
	if (!error && strlen(token) > LIMIT_OFFLINE_ANSWER) {
		free(token);
		return E_TOO_LARGE;
	}
	if (!error)
		*ret_token = token;
	return error;
}

static void read_label(struct claims *c, json_t *claims, uint8_t device[DEVICE_ID],
		       char vendor[PASERK_ID_TEXT], char product[LIMIT_ID + 1])
{
	uint8_t id[PASERK_ID];
	claims_bytes(c, claims, "device", device, DEVICE_ID);
	claims_text(c, claims, "vendor", vendor, PASERK_ID_TEXT);
	if (!c->error && paserk_pid_read(vendor, strlen(vendor), id))
		claims_fault(c, "vendor");
	claims_slug(c, claims, "product", product);
}

int offline_answer_open(const char *token, size_t n, const uint8_t host[PASETO_PUBLIC],
			struct offline_answer *ret, struct claims *fault)
{
	struct claims own;
	struct claims *c = fault ? fault : &own;
	char pid[PASERK_ID_TEXT];
	json_t *claims;
	*c = (struct claims){0};
	*ret = (struct offline_answer){0};
	if (n > LIMIT_OFFLINE_ANSWER)
		return E_TOO_LARGE;
	int error = token_open(&token_answer, token, n, host, &claims);
	if (error)
		return error;
	claims_head(c, claims, &ret->head);
	claims_text(c, claims, "request", ret->request, sizeof(ret->request));
	read_label(c, claims, ret->device, ret->vendor, ret->product);
	claims_text(c, claims, "lease", ret->lease, sizeof(ret->lease));
	claims_text(c, claims, "certificate", ret->certificate, sizeof(ret->certificate));
	json_decref(claims);
	paserk_pid_write(host, pid);
	if (!c->error && strcmp(ret->head.iss, pid) != 0)
		claims_fault(c, "iss");
	return c->error;
}

int offline_answer_label(const char *token, size_t n, struct offline_label *ret)
{
	struct claims c = {0};
	json_t *claims;
	*ret = (struct offline_label){0};
	if (n > LIMIT_OFFLINE_ANSWER)
		return E_TOO_LARGE;
	int error = token_peek(token, n, &claims);
	if (error)
		return error;
	read_label(&c, claims, ret->device, ret->vendor, ret->product);
	json_decref(claims);
	return c.error;
}

/* The host that the certificate in the answer names, once the vendor's signature over it holds. */
static int find_host(const char *token, size_t n, const struct roots *vendor, struct certificate *ret_cert)
{
	struct claims c = {0};
	char text[LIMIT_CERTIFICATE + 1];
	json_t *claims;
	int error = token_peek(token, n, &claims);
	if (error)
		return error;
	claims_text(&c, claims, "certificate", text, sizeof(text));
	json_decref(claims);
	if (c.error)
		return c.error;
	error = certificate_open(text, strlen(text), vendor, ret_cert, NULL);
	return error == E_SIGNATURE_INVALID ? E_HOST_UNTRUSTED : error;
}

int offline_answer_verify(const char *token, size_t n, const struct roots *vendor, const char *product,
			  const uint8_t device[DEVICE_ID], struct offline_answer *ret,
			  struct lease *ret_lease, struct certificate *ret_cert)
{
	if (n > LIMIT_OFFLINE_ANSWER)
		return E_TOO_LARGE;
	int error = find_host(token, n, vendor, ret_cert);
	if (!error)
		error = offline_answer_open(token, n, ret_cert->sign, ret, NULL);
	if (!error)
		error = lease_verify(ret->lease, ret->certificate, vendor, product,
				     device ? device : ret->device, ret_lease, ret_cert);
	if (error)
		return error;
	if (memcmp(ret->device, ret_lease->device, DEVICE_ID) != 0)
		return E_WRONG_DEVICE;
	if (strcmp(ret->product, ret_lease->product) != 0)
		return E_WRONG_PRODUCT;
	return strcmp(ret->vendor, ret_lease->vendor) == 0 ? 0 : E_WRONG_VENDOR;
}
