/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "jsontext.h"
#include "ledger.h"
#include "ledger_statement.h"

/* --- products --- */

/* As text, freed by the caller; NULL without memory. */
static char *claims_of(const struct product *product)
{
	claims_begin();
	json_t *object = product_write(product);
	char *text = claims_made() ? NULL : jsontext_write(object, JSON_COMPACT);
	json_decref(object);
	return text;
}

int ledger_product_add(struct ledger *ledger, const struct ledger_product *product)
{
	const struct product_file *file = &product->file;
	char *claims = claims_of(&file->product);
	if (!claims)
		return E_NO_MEMORY;
	sqlite3_stmt *s = statement(ledger, PRODUCT_ADD);
	bind_text(s, 1, file->product.id);
	bind_text(s, 2, claims);
	sqlite3_bind_int64(s, 3, file->grace_days);
	sqlite3_bind_int64(s, 4, file->prompt_days);
	bind_text(s, 5, on_expiry_name(file->on_expiry));
	sqlite3_bind_int64(s, 6, product->added);
	int error = statement_finish(s, statement_step(ledger, s));
	free(claims);
	return error;
}

int ledger_product_change(struct ledger *ledger, const struct product *product)
{
	char *claims = claims_of(product);
	if (!claims)
		return E_NO_MEMORY;
	sqlite3_stmt *s = statement(ledger, PRODUCT_CHANGE);
	bind_text(s, 1, product->id);
	bind_text(s, 2, claims);
	int error = statement_finish(s, statement_step(ledger, s));
	free(claims);
	return error;
}

static int read_product(sqlite3_stmt *s, struct ledger_product *ret)
{
	struct claims c = {0};
	const char *claims = (const char *)sqlite3_column_text(s, 0);
	const char *on_expiry = (const char *)sqlite3_column_text(s, 3);
	json_t *object = NULL;
	if (claims && claims_load(claims, strlen(claims), &object) == E_NO_MEMORY)
		return E_NO_MEMORY;
	*ret = (struct ledger_product){0};
	product_read(&c, object, &ret->file.product);
	json_decref(object);
	ret->file.grace_days = (uint32_t)sqlite3_column_int64(s, 1);
	ret->file.prompt_days = (uint32_t)sqlite3_column_int64(s, 2);
	ret->added = sqlite3_column_int64(s, 4);
	if (c.error || !on_expiry || !on_expiry_read(on_expiry, &ret->file.on_expiry))
		return E_STORE_CORRUPT;
	return 0;
}

int ledger_product_get(struct ledger *ledger, const char *id, struct ledger_product *ret)
{
	sqlite3_stmt *s = statement(ledger, PRODUCT_GET);
	bind_text(s, 1, id);
	int result = statement_step(ledger, s);
	int bad = result == SQLITE_ROW ? read_product(s, ret) : 0;
	int error = statement_finish(s, result);
	if (error || bad)
		return error ? error : bad;
	return result == SQLITE_ROW ? 0 : E_NOT_FOUND;
}

int ledger_product_each(struct ledger *ledger, int (*visit)(const struct ledger_product *, void *),
			void *context)
{
	sqlite3_stmt *s = statement(ledger, PRODUCT_EACH);
	struct ledger_product product;
	int stop = 0;
	int result = SQLITE_DONE;
	while (!stop && (result = statement_step(ledger, s)) == SQLITE_ROW) {
		stop = read_product(s, &product);
		if (!stop)
			stop = visit(&product, context);
	}
	int error = statement_finish(s, stop ? SQLITE_OK : result);
	return stop ? stop : error;
}

/* --- licenses --- */

static int add_issue(struct ledger *ledger, const struct license *license, const char *token)
{
	sqlite3_stmt *s = statement(ledger, ISSUE_ADD);
	bind_text(s, 1, license->id);
	sqlite3_bind_int64(s, 2, license->serial);
	bind_text(s, 3, license->org_name);
	sqlite3_bind_int64(s, 4, license->nbf);
	sqlite3_bind_int64(s, 5, license->exp);
	sqlite3_bind_int64(s, 6, license->hosts_max);
	sqlite3_bind_int64(s, 7, license->head.iat);
	bind_text(s, 8, token);
	return statement_finish(s, statement_step(ledger, s));
}

int ledger_license_add(struct ledger *ledger, const struct license *license,
		       const uint8_t fp_salt[LEDGER_SALT], const char *token)
{
	sqlite3_stmt *s = statement(ledger, LICENSE_ADD);
	bind_text(s, 1, license->id);
	bind_text(s, 2, license->org);
	bind_bytes(s, 3, fp_salt, LEDGER_SALT);
	int error = statement_finish(s, statement_step(ledger, s));
	return error ? error : add_issue(ledger, license, token);
}

int ledger_license_renew(struct ledger *ledger, const struct license *license, const char *token)
{
	return add_issue(ledger, license, token);
}

static void read_license(sqlite3_stmt *s, struct ledger_license *ret)
{
	*ret = (struct ledger_license){
		.serial = sqlite3_column_int64(s, 3),
		.nbf = sqlite3_column_int64(s, 4),
		.exp = sqlite3_column_int64(s, 5),
		.hosts_max = sqlite3_column_int64(s, 6),
		.issued = sqlite3_column_int64(s, 7),
		.hosts = sqlite3_column_int64(s, 8),
		.revoked = sqlite3_column_int64(s, 11),
	};
	column_text(s, 0, ret->id, sizeof(ret->id));
	column_text(s, 1, ret->org, sizeof(ret->org));
	column_text(s, 2, ret->org_name, sizeof(ret->org_name));
	column_bytes(s, 9, ret->fp_salt, LEDGER_SALT);
	column_text(s, 12, ret->reason, sizeof(ret->reason));
}

int ledger_license_get(struct ledger *ledger, const char *id, struct ledger_license *ret, char **ret_token)
{
	sqlite3_stmt *s = statement(ledger, LICENSE_GET);
	char *token = NULL;
	bind_text(s, 1, id);
	int result = statement_step(ledger, s);
	if (result == SQLITE_ROW) {
		read_license(s, ret);
		token = ret_token ? column_copy(s, 10) : NULL;
	}
	int error = statement_finish(s, result);
	if (error)
		return error;
	if (result != SQLITE_ROW)
		return E_NOT_FOUND;
	if (ret_token && !token)
		return E_NO_MEMORY;
	if (ret_token)
		*ret_token = token;
	return 0;
}

int ledger_license_each(struct ledger *ledger, int (*visit)(const struct ledger_license *, void *),
			void *context)
{
	sqlite3_stmt *s = statement(ledger, LICENSE_EACH);
	struct ledger_license license;
	int stop = 0;
	int result = SQLITE_DONE;
	while (!stop && (result = statement_step(ledger, s)) == SQLITE_ROW) {
		read_license(s, &license);
		stop = visit(&license, context);
	}
	int error = statement_finish(s, stop ? SQLITE_OK : result);
	return stop ? stop : error;
}

/* --- hosts --- */

int ledger_host_add(struct ledger *ledger, const struct certificate *certificate, int64_t serial,
		    const char *token)
{
	sqlite3_stmt *s = statement(ledger, HOST_ADD);
	bind_text(s, 1, certificate->head.jti);
	bind_text(s, 2, certificate->license);
	sqlite3_bind_int64(s, 3, serial);
	bind_bytes(s, 4, certificate->sign, PASETO_PUBLIC);
	bind_bytes(s, 5, certificate->fixed, NOISE_KEY);
	bind_bytes(s, 6, certificate->ledger, LEDGER_ID);
	bind_text(s, 7, certificate->name);
	sqlite3_bind_int64(s, 8, certificate->head.iat);
	sqlite3_bind_int64(s, 9, certificate->exp);
	bind_text(s, 10, token);
	return statement_finish(s, statement_step(ledger, s));
}

int ledger_host_others(struct ledger *ledger, const char *license, const uint8_t sign[PASETO_PUBLIC],
		       int64_t now, struct ledger_others *ret)
{
	sqlite3_stmt *s = statement(ledger, HOST_OTHERS);
	bind_text(s, 1, license);
	bind_bytes(s, 2, sign, PASETO_PUBLIC);
	sqlite3_bind_int64(s, 3, now);
	int result = statement_step(ledger, s);
	if (result == SQLITE_ROW) {
		ret->ever = sqlite3_column_int64(s, 0);
		ret->in_force = sqlite3_column_int64(s, 1);
	}
	return statement_finish(s, result);
}

int ledger_host_replace(struct ledger *ledger, const char *license, const uint8_t sign[PASETO_PUBLIC],
			const uint8_t by[PASETO_PUBLIC], int64_t now)
{
	sqlite3_stmt *s = statement(ledger, HOST_REPLACE);
	bind_text(s, 1, license);
	bind_bytes(s, 2, sign, PASETO_PUBLIC);
	bind_bytes(s, 3, by, PASETO_PUBLIC);
	sqlite3_bind_int64(s, 4, now);
	return statement_finish(s, statement_step(ledger, s));
}

int ledger_host_replaced(struct ledger *ledger, const char *license, const uint8_t sign[PASETO_PUBLIC],
			 int64_t *ret_at)
{
	sqlite3_stmt *s = statement(ledger, HOST_REPLACED);
	bind_text(s, 1, license);
	bind_bytes(s, 2, sign, PASETO_PUBLIC);
	int result = statement_step(ledger, s);
	*ret_at = result == SQLITE_ROW ? sqlite3_column_int64(s, 0) : 0;
	return statement_finish(s, result);
}

static void read_host(sqlite3_stmt *s, struct ledger_host *ret)
{
	*ret = (struct ledger_host){
		.serial = sqlite3_column_int64(s, 6),
		.certified = sqlite3_column_int64(s, 7),
		.exp = sqlite3_column_int64(s, 8),
		.certificates = sqlite3_column_int64(s, 9),
		.revoked = sqlite3_column_int64(s, 10),
	};
	column_bytes(s, 0, ret->sign, PASETO_PUBLIC);
	column_bytes(s, 1, ret->ledger, LEDGER_ID);
	column_text(s, 2, ret->name, sizeof(ret->name));
	column_text(s, 3, ret->license, sizeof(ret->license));
	column_text(s, 4, ret->org, sizeof(ret->org));
	column_text(s, 5, ret->jti, sizeof(ret->jti));
	column_text(s, 11, ret->reason, sizeof(ret->reason));
}

int ledger_host_each(struct ledger *ledger, int (*visit)(const struct ledger_host *, void *), void *context)
{
	sqlite3_stmt *s = statement(ledger, HOST_EACH);
	struct ledger_host host;
	int stop = 0;
	int result = SQLITE_DONE;
	while (!stop && (result = statement_step(ledger, s)) == SQLITE_ROW) {
		read_host(s, &host);
		stop = visit(&host, context);
	}
	int error = statement_finish(s, stop ? SQLITE_OK : result);
	return stop ? stop : error;
}
