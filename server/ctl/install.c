/* SPDX-License-Identifier: Apache-2.0 */
/* musterctl install: whatever a vendor sent. */
#include "commands.h"
#include "failure.h"
#include "upload.h"

static int install(struct invocation *inv, const struct upload *u)
{
	const struct token_kind *kind = NULL;
	int error = upload_kind(u, &kind);
	if (error)
		return failure_say(inv, error, "%s", u->path);
	if (kind == &token_license)
		return upload_license(inv, u);
	if (kind == &token_certificate)
		return upload_certificate(inv, u);
	return failure_say(inv, E_WRONG_TYPE, "%s holds a %s; a LICENSE or a CERTIFICATE can be installed",
			   u->path, kind->label);
}

int install_run(struct invocation *inv)
{
	struct upload u;
	int code = upload_read(inv, inv->args[0], &u);
	if (code)
		return code;
	code = install(inv, &u);
	upload_fini(&u);
	return code;
}
