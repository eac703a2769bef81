/* SPDX-License-Identifier: Apache-2.0 */
#include "certified.h"

#include <string.h>

/* A walk over all hosts. */
struct search {
	const char *which;
	const char *license;
	struct ledger_host *found;
	bool several;
	bool any;
};

static int look(const struct ledger_host *host, void *context)
{
	struct search *search = context;
	char pid[PASERK_ID_TEXT];
	paserk_pid_write(host->sign, pid);
	if ((strcmp(search->which, host->name) != 0 && strcmp(search->which, pid) != 0) ||
	    (search->license && strcmp(search->license, host->license) != 0))
		return 0;
	search->several |= search->any && memcmp(search->found->sign, host->sign, PASETO_PUBLIC) != 0;
	*search->found = *host;
	search->any = true;
	return 0;
}

int certified_find(const struct vendor *vendor, const char *which, const char *license,
		   struct ledger_host *ret, struct failure *f)
{
	struct search search = {.which = which, .license = license, .found = ret};
	int error = ledger_host_each(vendor->ledger, look, &search);
	if (error)
		return ledger_explain(vendor->ledger, error, f);
	if (search.several) {
		failure_set(f, E_USAGE, "several hosts are called '%s'", which);
		return failure_remedy(f, "Name it by its id: 'muster-issuer host list' shows it.");
	}
	if (search.any)
		return 0;
	if (license)
		failure_set(f, E_NOT_CERTIFIED, "host '%s' was never certified for license '%s'", which,
			    license);
	else
		failure_set(f, E_NOT_CERTIFIED, "host '%s' was never certified by this vendor", which);
	return failure_remedy(f, "Look at 'muster-issuer host list'.");
}
