/* SPDX-License-Identifier: Apache-2.0 */
/* verify: is a signed file whole, whose is it, and is its term still running? */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "armour.h"
#include "commands.h"
#include "document.h"
#include "file.h"
#include "lease.h"
#include "license.h"
#include "more_request.h"
#include "print.h"
#include "product.h"
#include "rfc3339.h"
#include "vendor.h"

#define KEY_FILE_MAX 1024
#define LABEL_ROOM 64

/* Where the key came from that a file is verified with. */
enum source { FROM_OPTION, FROM_FOLDER, FROM_FILE_ITSELF };

static const char *const source_names[] = {"option", "vendor.pub", "file"};

struct verifying {
	const char *path;
	const struct token_kind *kind;
	const struct token_kind *outer; /* whose key is the vendor's: the certificate's for a lease */
	char *token;
	char *certificate; /* of a lease */
	enum source source;
	struct roots key;              /* the vendor's roots; for what a host signs by itself its key */
	uint8_t signer[PASETO_PUBLIC]; /* of a lease, the host */
	struct chain chain;            /* of what the vendor signs */
	int64_t nbf;                   /* 0: none */
	int64_t exp;                   /* 0: none */
	struct claims fault;
	json_t *claims;
};

/* --- the file --- */

static int kind_of_bare(const char *text, struct verifying *v, struct failure *f)
{
	json_t *claims;
	char *token;
	int error = armour_read("", text, strlen(text), &token);
	if (error)
		return failure_set(f, error, "%s", v->path);
	error = token_peek(token, strlen(token), &claims);
	free(token);
	if (error)
		return failure_set(f, error, "%s", v->path);
	const char *typ = json_string_value(json_object_get(claims, "typ"));
	v->kind = typ ? token_kind_by_typ(typ) : NULL;
	if (!v->kind)
		failure_set(f, E_WRONG_TYPE, "%s: typ '%.64s' is unknown here", v->path, typ ? typ : "");
	json_decref(claims);
	return v->kind ? 0 : f->code;
}

static int find_kind(const char *text, size_t n, struct verifying *v, struct failure *f)
{
	char label[LABEL_ROOM];
	int error = armour_label(text, n, label, sizeof(label));
	if (error)
		return failure_set(f, error, "%s", v->path);
	if (!label[0])
		return kind_of_bare(text, v, f);
	v->kind = token_kind_by_label(label);
	if (!v->kind)
		return failure_set(f, E_WRONG_TYPE, "%s: a block MUSTER %s is unknown here", v->path, label);
	return 0;
}

/* A lease is worth nothing without the certificate of its host, which stands behind it in the file. */
static int read_blocks(const char *text, size_t n, struct verifying *v, struct failure *f)
{
	if (find_kind(text, n, v, f))
		return f->code;
	int error = armour_read(v->kind->label, text, n, &v->token);
	if (error)
		return failure_set(f, error, "%s", v->path);
	v->outer = v->kind;
	if (v->kind != &token_lease)
		return 0;
	v->outer = &token_certificate;
	error = armour_read(token_certificate.label, text, n, &v->certificate);
	if (error || strcmp(v->certificate, v->token) == 0)
		return failure_set(f, E_ARMOUR_INVALID,
				   "%s: the host's certificate is missing after the lease", v->path);
	return 0;
}

static int load(struct verifying *v, struct failure *f)
{
	char *text;
	size_t n;
	int error = file_read(v->path, LIMIT_TOKEN, &text, &n);
	if (error)
		return failure_system(f, error, v->path);
	error = read_blocks(text, n, v, f);
	free(text);
	return error;
}

/* --- the key --- */

static int read_key(const char *value, struct roots *ret, struct failure *f)
{
	char *text;
	size_t n;
	if (value[0] != '@') {
		int error = roots_read(value, strlen(value), ret);
		return error ? failure_set(f, error, "--key") : 0;
	}
	int error = file_read(value + 1, KEY_FILE_MAX, &text, &n);
	if (error)
		return failure_system(f, error, value + 1);
	error = roots_read(text, n, ret);
	free(text);
	return error ? failure_set(f, error, "%s", value + 1) : 0;
}

static bool has_folder_key(const char *dir)
{
	char path[PATH_MAX];
	struct stat st;
	return vendor_path(dir, VENDOR_PUB, path) == 0 && stat(path, &st) == 0;
}

/* The key that the file names; only good for seeing that nothing was altered since somebody signed it. */
static int named_key(struct verifying *v, struct failure *f)
{
	const char *token = v->certificate ? v->certificate : v->token;
	uint8_t key[PASETO_PUBLIC];
	int error = 0;
	v->source = FROM_FILE_ITSELF;
	if (v->outer == &token_host_request)
		return 0; /* host_request_open takes it from there */
	if (v->outer == &token_certificate)
		error = certificate_vendor(token, strlen(token), key);
	else
		error = failure_set(f, E_USAGE,
				    "%s names no key: give --key, or --dir with the vendor's folder",
				    v->path);
	if (!error)
		v->key = roots_of(key);
	return error && error != E_USAGE ? failure_set(f, error, "%s", v->path) : error;
}

/* A license request names no whole key: the ledger knows those of the hosts that it certified. */
static int ledger_key(const struct invocation *inv, struct verifying *v, struct failure *f)
{
	struct vendor vendor;
	uint8_t key[PASETO_PUBLIC];
	int error = vendor_open(inv, &vendor, f);
	if (!error)
		error = more_request_key(&vendor, v->path, v->token, key, f);
	if (!error)
		v->key = roots_of(key);
	vendor_close(&vendor);
	return error;
}

static int choose_key(const struct invocation *inv, struct verifying *v, struct failure *f)
{
	const char *value = invocation_value(inv, "key");
	const char *dir = invocation_value_or(inv, "dir", ".");
	v->source = FROM_OPTION;
	if (value)
		return read_key(value, &v->key, f);
	if (v->outer == &token_host_request || (!invocation_has(inv, "dir") && !has_folder_key(dir)))
		return named_key(v, f);
	v->source = FROM_FOLDER;
	if (v->outer == &token_license_request)
		return ledger_key(inv, v, f);
	return vendor_read_roots(dir, &v->key, f);
}

/* --- opening each kind --- */

static int open_license(struct verifying *v)
{
	struct license license = {0};
	int error = license_open(v->token, strlen(v->token), &v->key, &license, &v->fault);
	v->nbf = license.nbf;
	v->exp = license.exp;
	license_fini(&license);
	return error;
}

static int open_product(struct verifying *v)
{
	struct product_file file;
	return product_file_open(v->token, strlen(v->token), &v->key, &file, &v->fault);
}

static int open_certificate(struct verifying *v)
{
	struct certificate certificate;
	int error = certificate_open(v->token, strlen(v->token), &v->key, &certificate, &v->fault);
	v->nbf = certificate.nbf;
	v->exp = certificate.exp;
	return error;
}

static int open_request(struct verifying *v)
{
	struct host_request request;
	int error = host_request_open(v->token, strlen(v->token), &request, &v->fault);
	if (error)
		return error;
	if (v->source == FROM_OPTION && !roots_have(&v->key, request.sign))
		return E_SIGNATURE_INVALID;
	v->key = roots_of(request.sign);
	memcpy(v->signer, request.sign, PASETO_PUBLIC);
	return 0;
}

static int open_license_request(struct verifying *v)
{
	struct license_request request;
	return license_request_open(v->token, strlen(v->token), v->key.keys[0], &request, &v->fault);
}

static int open_revocations(struct verifying *v)
{
	struct revocations list;
	int error = revocations_open(v->token, strlen(v->token), &v->key, &list, &v->fault);
	revocations_fini(&list);
	return error;
}

/* The product is what the lease says; lease_verify then holds it against the certificate. */
static int open_lease(struct verifying *v)
{
	struct lease lease;
	struct certificate certificate;
	char product[LIMIT_ID + 1] = "";
	json_t *claims;
	int error = token_peek(v->token, strlen(v->token), &claims);
	if (error)
		return error;
	claims_slug(&v->fault, claims, "product", product);
	json_decref(claims);
	error = lease_verify(v->token, v->certificate, &v->key, product, NULL, &lease, &certificate);
	if (error)
		return error;
	v->exp = lease.exp;
	memcpy(v->signer, certificate.sign, PASETO_PUBLIC);
	return 0;
}

static int open_issuing_key(struct verifying *v)
{
	struct issuing_key key;
	size_t root;
	int error = issuing_key_open(v->token, strlen(v->token), &v->key, &key, &root, &v->fault);
	if (error)
		return error;
	v->nbf = key.nbf;
	v->exp = key.exp;
	memcpy(v->signer, v->key.keys[root], PASETO_PUBLIC);
	return 0;
}

static const struct {
	const struct token_kind *kind;
	int (*open)(struct verifying *);
	bool vendors; /* the vendor signs it: a root, or an issuing key */
} openers[] = {
	{&token_license, open_license, true},         {&token_product, open_product, true},
	{&token_certificate, open_certificate, true}, {&token_revocations, open_revocations, true},
	{&token_key, open_issuing_key, false},        {&token_lease, open_lease, false},
	{&token_host_request, open_request, false},   {&token_license_request, open_license_request, false}};

/* The claims again, to be shown. */
static int take_claims(struct verifying *v, bool vendors)
{
	struct claims_head head;
	size_t n = strlen(v->token);
	return vendors ? chain_open(v->kind, v->token, n, &v->key, &v->fault, &head, &v->chain, &v->claims)
		       : token_open(v->kind, v->token, n, v->signer, &v->claims);
}

static int open_it(struct verifying *v, struct failure *f)
{
	int error = E_WRONG_TYPE;
	memcpy(v->signer, v->key.keys[0], PASETO_PUBLIC);
	for (size_t i = 0; i < sizeof(openers) / sizeof(openers[0]); i++) {
		if (openers[i].kind != v->kind)
			continue;
		error = openers[i].open(v);
		if (!error)
			error = take_claims(v, openers[i].vendors);
	}
	if (!error)
		return 0;
	/* Who signed what a host signs is not a question of the vendor. */
	bool hosts = v->kind == &token_lease || v->kind == &token_license_request;
	return document_refused(f, error, v->path, hosts ? "" : v->token, &v->key, v->fault.where);
}

/* --- the term --- */

static int check_term(const struct verifying *v, int64_t now, struct failure *f)
{
	char text[RFC3339_TEXT];
	if (v->nbf && now < v->nbf)
		return failure_set(f, E_NOT_YET_VALID, "%s: its term begins at %s", v->path,
				   rfc3339_write(v->nbf, text));
	if (v->exp && now >= v->exp)
		return failure_set(f, E_ENDED, "%s: its term ended at %s", v->path,
				   rfc3339_write(v->exp, text));
	return 0;
}

static const char *state_of(int error)
{
	switch (error) {
	case 0:
		return "valid";
	case E_NOT_YET_VALID:
		return "pending";
	case E_ENDED:
		return "ended";
	default:
		return "invalid";
	}
}

/* --- telling --- */

static json_t *key_json(const struct verifying *v)
{
	char id[PASERK_ID_TEXT];
	paserk_pid_write(v->key.keys[0], id);
	return json_pack("{s:s, s:s, s:b, s:s}", "id", id, "source", source_names[v->source], "pinned",
			 v->source != FROM_FILE_ITSELF, "signer", v->chain.signer[0] ? v->chain.signer : id);
}

/* Of a file that does not verify nothing is repeated but what kind of file it seems to be. */
static void tell_json(const struct verifying *v, const struct failure *f, int error)
{
	json_t *object =
		json_pack("{s:i, s:b, s:s}", "schema", 1, "valid", error == 0, "state", state_of(error));
	json_t *issuer = json_object_get(v->claims, "iss");
	json_object_set_new(object, "typ", v->kind ? json_string(v->kind->typ) : json_null());
	json_object_set_new(object, "issuer", issuer ? json_incref(issuer) : json_null());
	json_object_set_new(object, "key", v->claims ? key_json(v) : json_null());
	json_object_set_new(object, "not_before", print_json_time(v->claims ? v->nbf : 0));
	json_object_set_new(object, "expires", print_json_time(v->claims ? v->exp : 0));
	json_object_set_new(object, "claims", v->claims ? json_incref(v->claims) : json_object());
	if (error)
		json_object_set_new(object, "error", failure_json(f));
	print_json(object);
}

static void tell_text(const struct verifying *v, int error)
{
	char id[PASERK_ID_TEXT];
	if (!v->claims)
		return;
	paserk_pid_write(v->key.keys[0], id);
	printf("typ     %s\nstate   %s\nissuer  ", v->kind->typ, state_of(error));
	print_safe(stdout, json_string_value(json_object_get(v->claims, "iss")));
	printf("\nkey     %s, %s\n", id,
	       v->source == FROM_FILE_ITSELF ? "key named by the file itself, not pinned"
	       : v->source == FROM_OPTION    ? "given with --key"
					     : "of the vendor's folder");
	if (v->chain.signer[0] && strcmp(v->chain.signer, id) != 0)
		printf("signer  %s%s\n", v->chain.signer,
		       strcmp(v->chain.signer, v->chain.root) == 0 ? ", another root of the vendor"
								   : ", an issuing key of the vendor");
	printf("claims\n");
	print_claims(stdout, v->claims, 2);
}

int verify_run(struct invocation *inv)
{
	struct verifying v = {.path = inv->args[0]};
	struct failure f = {0};
	int error = load(&v, &f);
	if (!error)
		error = choose_key(inv, &v, &f);
	if (!error)
		error = open_it(&v, &f);
	if (!error)
		error = check_term(&v, issuer_now(inv), &f);
	if (invocation_has(inv, "json"))
		tell_json(&v, &f, error);
	else
		tell_text(&v, error);
	int code = error ? failure_tell(&f) : 0;
	json_decref(v.claims);
	free(v.token);
	free(v.certificate);
	return code;
}
