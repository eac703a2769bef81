/* SPDX-License-Identifier: Apache-2.0 */
/* musterctl host: the host's identity and its vendors' certificates. */
#include <stdio.h>

#include "commands.h"
#include "print.h"
#include "show.h"
#include "signed_text.h"
#include "upload.h"

static const struct column fields[] = {{"name", "host", NULL, 0},        {"id", "id", NULL, 0},
				       {"sign", "signing key", NULL, 0}, {"static", "static key", NULL, 0},
				       {"ledger", "ledger", NULL, 0},    {NULL, NULL, NULL, 0}};

static const struct column certificate_columns[] = {
	{"vendor", "VENDOR", NULL, 0},          {"org", "ORG", NULL, 0},
	{"license", "LICENSE", NULL, 0},        {"products", "PRODUCTS", NULL, COLUMN_CUT | COLUMN_ALL},
	{"state", "STATE", NULL, COLUMN_STATE}, {"not_before", "FROM", NULL, 0},
	{"expires", "EXPIRES", NULL, 0},        {NULL, NULL, NULL, 0}};

/* --- request --- */

int host_request_run(struct invocation *inv)
{
	struct request req = {.path = "/v1/host/request", .plain = true};
	return signed_text_run(inv, &req, &token_host_request);
}

int host_replace_run(struct invocation *inv)
{
	struct request req = {.path = "/v1/host/request", .query = {{"replace", "true"}}, .plain = true};
	return signed_text_run(inv, &req, &token_host_request);
}

/* --- install --- */

int host_print_installed(json_t *certificate)
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

int host_install_run(struct invocation *inv)
{
	return upload_install(inv, &token_certificate, "/v1/host/certificate", host_print_installed);
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
