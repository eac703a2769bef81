/* SPDX-License-Identifier: Apache-2.0 */
/* musterctl host: the host's identity and its vendors' certificates. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "armour.h"
#include "commands.h"
#include "file.h"
#include "paserk.h"
#include "print.h"
#include "show.h"
#include "upload.h"

#define KEY_FILE_MAX 4096
#define KEY_PREFIX "k4.public."
#define REQUEST_MODE 0644

static const struct column fields[] = {{"name", "host", NULL, 0},        {"id", "id", NULL, 0},
				       {"sign", "signing key", NULL, 0}, {"static", "static key", NULL, 0},
				       {"ledger", "ledger", NULL, 0},    {NULL, NULL, NULL, 0}};

static const struct column certificate_columns[] = {
	{"vendor", "VENDOR", NULL, 0},          {"org", "ORG", NULL, 0},
	{"license", "LICENSE", NULL, 0},        {"products", "PRODUCTS", NULL, COLUMN_CUT | COLUMN_ALL},
	{"state", "STATE", NULL, COLUMN_STATE}, {"not_before", "FROM", NULL, 0},
	{"expires", "EXPIRES", NULL, 0},        {NULL, NULL, NULL, 0}};

/* --- request --- */

/* Only characters of a token may go to the terminal or into the file. */
static int read_token(const struct reply *reply, char **ret)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.";
	char *token;
	int error = armour_read(token_host_request.label, (const char *)reply->body.bytes,
				reply->body.used - 1, &token);
	if (error)
		return error;
	if (!*token || token[strspn(token, allowed)]) {
		free(token);
		return E_MALFORMED;
	}
	*ret = token;
	return 0;
}

static int print_request_json(const char *token)
{
	char *text;
	int error = armour_write(token_host_request.label, token, &text);
	if (error)
		return error;
	print_json_new(json_pack("{s:i, s:s}", "schema", 1, "request", text));
	free(text);
	return 0;
}

static int write_request(const struct invocation *inv, const char *token)
{
	const char *path = invocation_value(inv, "output");
	int error = 0;
	errno = 0;
	if (path || !invocation_has(inv, "json"))
		error = token_save(&token_host_request, path ? path : "-", token, REQUEST_MODE);
	if (error)
		return failure_say(inv, error, "%s: %s", path ? path : "standard output", strerror(errno));
	if (invocation_has(inv, "json") && !(path && strcmp(path, "-") == 0))
		error = print_request_json(token);
	return error ? failure_say(inv, error, "the request") : 0;
}

int host_request_run(struct invocation *inv)
{
	struct request req = {.path = "/v1/host/request", .plain = true};
	struct reply reply;
	char *token = NULL;
	int code = request_run(inv, &req, &reply);
	if (code)
		return code;
	int error = read_token(&reply, &token);
	code = error ? failure_say(inv, error, "the daemon's host request") : write_request(inv, token);
	free(token);
	reply_fini(&reply);
	return code;
}

/* --- install --- */

/* The first word of a file. */
static int read_key_file(const struct invocation *inv, const char *path, char out[PASERK_PUBLIC_TEXT])
{
	char *text;
	size_t n;
	int error = file_read(path, KEY_FILE_MAX, &text, &n);
	if (error)
		return failure_say(inv, error, "%s: %s", path,
				   error == E_IO ? strerror(errno) : "no key file");
	const char *from = text + strspn(text, " \t\r\n");
	size_t length = strcspn(from, " \t\r\n");
	out[0] = 0;
	if (length < PASERK_PUBLIC_TEXT) {
		memcpy(out, from, length);
		out[length] = 0;
	}
	free(text);
	return 0;
}

/* --vendor-key's key as text, "" when the option was not given. Returns 0, or the exit code. */
static int vendor_key(const struct invocation *inv, char out[PASERK_PUBLIC_TEXT])
{
	const char *given = invocation_value(inv, "vendor-key");
	uint8_t key[PASETO_PUBLIC];
	int code = 0;
	out[0] = 0;
	if (!given)
		return 0;
	if (strncmp(given, KEY_PREFIX, strlen(KEY_PREFIX)) != 0)
		code = read_key_file(inv, given, out);
	else if (strlen(given) < PASERK_PUBLIC_TEXT)
		strcpy(out, given);
	if (!code && paserk_public_read(out, strlen(out), key))
		code = failure_say(inv, E_KEY_INVALID, "--vendor-key %s", given);
	return code;
}

static int print_installed(json_t *certificate)
{
	bool pinned = json_is_true(json_object_get(certificate, "new_vendor"));
	fputs("installed certificate for ", stdout);
	print_member(stdout, certificate, "org");
	fputs(", license ", stdout);
	print_member(stdout, certificate, "license");
	fputs(", until ", stdout);
	print_member(stdout, certificate, "expires");
	fputs("\nvendor ", stdout);
	print_member(stdout, certificate, "vendor");
	puts(pinned ? " (newly pinned: compare this fingerprint with the vendor's own)" : " (known)");
	return 0;
}

int upload_certificate(const struct invocation *inv, const struct upload *u)
{
	char key[PASERK_PUBLIC_TEXT];
	int code = vendor_key(inv, key);
	struct request req = {.method = "POST",
			      .path = "/v1/host/certificate",
			      .query = {{"vendor_key", *key ? key : NULL}},
			      .body = u->text,
			      .n_body = u->n};
	return code ? code : show_answer(inv, &req, print_installed);
}

int host_install_run(struct invocation *inv)
{
	struct upload u;
	int code = upload_read(inv, inv->args[0], &u);
	if (code)
		return code;
	code = upload_expect(inv, &u, &token_certificate);
	if (!code)
		code = upload_certificate(inv, &u);
	upload_fini(&u);
	return code;
}

/* --- show --- */

static int print_host(json_t *host)
{
	int error = print_fields(fields, host);
	return error ? error : print_section(certificate_columns, json_object_get(host, "certificates"));
}

int host_show_run(struct invocation *inv)
{
	struct request req = {.path = "/v1/host"};
	return show_answer(inv, &req, print_host);
}
