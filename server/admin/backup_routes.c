/* SPDX-License-Identifier: Apache-2.0 */
/* Backups: ask for one, see how far it is, fetch it, and say that it was fetched. */
#include <microhttpd.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "error.h"
#include "exchange.h"
#include "jsontext.h"
#include "keybag.h"
#include "vault.h"

void backup_show(struct exchange *x)
{
	exchange_json(x, MHD_HTTP_OK, vault_show(x->admin->settings.vault));
}

/* The passphrase of the keys, or none. E_BAD_REQUEST. */
static int read_order(const struct exchange *x, json_t **ret_body, const char **ret)
{
	*ret = NULL;
	*ret_body = NULL;
	if (!x->body.used)
		return 0;
	if (jsontext_read(x->body.bytes, x->body.used, ret_body, NULL) == E_NO_MEMORY)
		return E_NO_MEMORY;
	json_t *text = json_object_get(*ret_body, "passphrase");
	if (!json_is_object(*ret_body) || (text && !json_is_string(text)))
		return E_BAD_REQUEST;
	*ret = json_string_value(text);
	return *ret && (!**ret || strlen(*ret) > KEYBAG_PASSPHRASE) ? E_BAD_REQUEST : 0;
}

void backup_begin(struct exchange *x)
{
	json_t *body;
	const char *passphrase;
	char actor[ACTOR_TEXT];
	int error = read_order(x, &body, &passphrase);
	if (error)
		exchange_problem(x, error, "passphrase: a text of 1 to 1024 bytes");
	else
		error = vault_begin(x->admin->settings.vault, passphrase, passphrase ? strlen(passphrase) : 0,
				    exchange_actor(x, actor));
	if (error && error != E_BAD_REQUEST)
		exchange_problem(x, error, NULL);
	else if (!error)
		exchange_json(x, MHD_HTTP_OK, vault_show(x->admin->settings.vault));
	if (passphrase)
		sodium_memzero((char *)(uintptr_t)passphrase, strlen(passphrase));
	json_decref(body);
	sodium_memzero(x->body.bytes, x->body.used);
}

void backup_fetch(struct exchange *x)
{
	int fd;
	int64_t n;
	int error = vault_open(x->admin->settings.vault, &fd, &n);
	if (error)
		exchange_problem(x, error, "no backup waits to be fetched");
	else
		exchange_file(x, fd, n);
}

void backup_drop(struct exchange *x)
{
	vault_drop(x->admin->settings.vault);
	backup_show(x);
}
