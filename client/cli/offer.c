/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "cli.h"
#include "complete.h"

static void offer_products(struct cli *cli, const struct completion *c)
{
	struct muster_status *s;
	if (muster_status(cli->m, &s))
		return;
	for (int i = 0; i < muster_status_count(s); i++)
		completion_offer(c, muster_status_product(s, i), NULL);
	muster_status_free(s);
}

void offer_names(const struct invocation *inv, const char *placeholder, const struct completion *c)
{
	struct cli cli = {0};
	if (strcmp(placeholder, "PRODUCT") != 0)
		return;
	if (settings_apply(&cli, inv) == 0)
		offer_products(&cli, c);
	muster_free(cli.m);
}
