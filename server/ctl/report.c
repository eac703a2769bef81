/* SPDX-License-Identifier: Apache-2.0 */
/* musterctl report: looking back and ahead. How much is used, who will end unseen, what was bought, who was
 * refused. */
#include "commands.h"
#include "listing.h"
#include "print.h"

#define EXIT_NOT_WISHED 2

static const struct column usage_columns[] = {{"product", "PRODUCT", NULL, 0},
					      {"grant", "GRANT", NULL, 0},
					      {"license", "LICENSE", NULL, COLUMN_CSV},
					      {"model", "MODEL", NULL, 0},
					      {"state", "STATE", NULL, COLUMN_STATE},
					      {"quantity", "QUANTITY", NULL, COLUMN_RIGHT},
					      {"active", "IN USE", NULL, COLUMN_RIGHT},
					      {"peak_today", "PEAK TODAY", NULL, COLUMN_RIGHT},
					      {"peak_30d", "PEAK 30 D", NULL, COLUMN_RIGHT},
					      {"assigned", "ASSIGNED", NULL, COLUMN_RIGHT},
					      {"peak_assigned_30d", "PEAK", NULL, COLUMN_CSV},
					      {"count", "COUNT", "threshold", COLUMN_RIGHT},
					      {"threshold", "THRESHOLD", NULL, COLUMN_CSV},
					      {"peak_count_30d", "PEAK", NULL, COLUMN_CSV},
					      {"granted_30d", "GRANTED", NULL, COLUMN_RIGHT},
					      {"renewed_30d", "RENEWED", NULL, COLUMN_RIGHT},
					      {"released_30d", "RELEASED", NULL, COLUMN_RIGHT},
					      {"refused_30d", "REFUSED", NULL, COLUMN_RIGHT},
					      {NULL, NULL, NULL, 0}};

static const struct column history_columns[] = {{"day", "DAY", NULL, 0},
						{"product", "PRODUCT", NULL, 0},
						{"grant", "GRANT", NULL, 0},
						{"license", "LICENSE", NULL, COLUMN_CSV},
						{"peak", "PEAK", NULL, COLUMN_RIGHT},
						{"peak_count", "COUNT", NULL, COLUMN_RIGHT},
						{"peak_assigned", "ASSIGNED", NULL, COLUMN_RIGHT},
						{"granted", "GRANTED", NULL, COLUMN_RIGHT},
						{"renewed", "RENEWED", NULL, COLUMN_RIGHT},
						{"released", "RELEASED", NULL, COLUMN_RIGHT},
						{"refused", "REFUSED", NULL, COLUMN_RIGHT},
						{NULL, NULL, NULL, 0}};

static const struct column expiring_columns[] = {{"device", "DEVICE", NULL, 0},
						 {"hostname", "HOSTNAME", NULL, COLUMN_CUT},
						 {"user", "USER", NULL, COLUMN_CUT},
						 {"product", "PRODUCT", NULL, 0},
						 {"grant", "GRANT", NULL, COLUMN_CSV},
						 {"expires", "EXPIRES", NULL, 0},
						 {"days_left", "DAYS LEFT", NULL, COLUMN_RIGHT},
						 {"contacted", "LAST CALL", NULL, 0},
						 {"days_silent", "DAYS SILENT", NULL, COLUMN_RIGHT},
						 {NULL, NULL, NULL, 0}};

static const struct column compliance_columns[] = {{"product", "PRODUCT", NULL, 0},
						   {"grant", "GRANT", NULL, 0},
						   {"license", "LICENSE", NULL, 0},
						   {"serial", "SERIAL", NULL, COLUMN_RIGHT},
						   {"model", "MODEL", NULL, 0},
						   {"state", "STATE", NULL, COLUMN_STATE},
						   {"bought", "BOUGHT", NULL, COLUMN_RIGHT},
						   {"extra", "EXTRA", NULL, COLUMN_RIGHT},
						   {"assigned", "ASSIGNED", NULL, COLUMN_RIGHT},
						   {"active", "ACTIVE", NULL, COLUMN_RIGHT},
						   {"peak_30d", "PEAK 30 D", NULL, COLUMN_RIGHT},
						   {"over", "OVER", NULL, COLUMN_RIGHT},
						   {"over_since", "SINCE", NULL, 0},
						   {"overage", "OVERAGE", NULL, COLUMN_CSV},
						   {"self_service", "BOUGHT BY", NULL, COLUMN_CSV},
						   {"expires", "EXPIRES", NULL, 0},
						   {"verdict", "VERDICT", NULL, COLUMN_STATE},
						   {"org", "ORGANISATION", NULL, COLUMN_CSV},
						   {"vendor", "VENDOR", NULL, COLUMN_CSV},
						   {"ledger", "LEDGER", NULL, COLUMN_CSV},
						   {NULL, NULL, NULL, 0}};

static const struct column denial_columns[] = {{"device", "DEVICE", NULL, 0},
					       {"hostname", "HOSTNAME", NULL, COLUMN_CUT},
					       {"user", "USER", NULL, COLUMN_CUT},
					       {"product", "PRODUCT", NULL, 0},
					       {"error", "WHY", NULL, COLUMN_CUT | COLUMN_ERROR},
					       {"n", "TIMES", NULL, COLUMN_RIGHT},
					       {"began", "FIRST", NULL, 0},
					       {"latest", "LAST", NULL, 0},
					       {NULL, NULL, NULL, 0}};

static const struct column reason_columns[] = {{"error", "WHY", NULL, COLUMN_CUT | COLUMN_ERROR},
					       {"product", "PRODUCT", NULL, 0},
					       {"n", "TIMES", NULL, COLUMN_RIGHT},
					       {"refused", "REFUSED", NULL, COLUMN_RIGHT},
					       {"latest", "LAST", NULL, 0},
					       {NULL, NULL, NULL, 0}};

static const struct column clone_columns[] = {{"device", "DEVICE", NULL, 0},
					      {"hostname", "HOSTNAME", NULL, COLUMN_CUT},
					      {"kind", "KIND", NULL, 0},
					      {"at", "AT", NULL, 0},
					      {"forked_from_hostname", "FORKED FROM", NULL, COLUMN_CUT},
					      {NULL, NULL, NULL, 0}};

static int run(const struct invocation *inv, const char *path, const struct column *columns)
{
	return listing_run(inv, &(struct listing){.path = path, .columns = columns});
}

/* Of now; or day by day, when it is about days. */
int report_usage_run(struct invocation *inv)
{
	if (invocation_has(inv, "since") || invocation_has(inv, "until"))
		return run(inv, "/v1/reports/history", history_columns);
	return run(inv, "/v1/reports/usage", usage_columns);
}

int report_expiring_run(struct invocation *inv)
{
	return run(inv, "/v1/reports/expiring", expiring_columns);
}

static int is_over(json_t *item, void *context)
{
	(void)item;
	(void)context;
	return EXIT_NOT_WISHED;
}

/* 2 when more is used than was bought, so that a script hears of it. */
int report_compliance_run(struct invocation *inv)
{
	struct listing over = {
		.path = "/v1/reports/compliance",
		.filters = {{"verdict", "over"}, {"product", invocation_value(inv, "product")}}};
	int code = run(inv, "/v1/reports/compliance", compliance_columns);
	return code ? code : listing_visit(inv, &over, is_over, NULL);
}

int report_denials_run(struct invocation *inv)
{
	if (invocation_has(inv, "sum"))
		return run(inv, "/v1/reports/reasons", reason_columns);
	return run(inv, "/v1/reports/denials", denial_columns);
}

int report_clones_run(struct invocation *inv)
{
	return run(inv, "/v1/reports/clones", clone_columns);
}
