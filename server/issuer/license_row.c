/* SPDX-License-Identifier: Apache-2.0 */
#include "license_row.h"

#include <string.h>

#include "print.h"

struct ledger_license license_row(const struct license *license)
{
	struct ledger_license row = {
		.serial = license->serial,
		.nbf = license->nbf,
		.exp = license->exp,
		.hosts_max = license->hosts_max,
		.issued = license->head.iat,
	};
	memcpy(row.id, license->id, sizeof(row.id));
	memcpy(row.org, license->org, sizeof(row.org));
	memcpy(row.org_name, license->org_name, sizeof(row.org_name));
	return row;
}

const char *license_row_state(const struct ledger_license *row, int64_t now)
{
	if (row->revoked)
		return "revoked";
	return now < row->nbf ? "pending" : now < row->exp ? "active" : "expired";
}

json_t *license_row_json(const struct ledger_license *row, int64_t now)
{
	return json_pack("{s:s, s:I, s:s, s:s, s:s, s:o, s:o, s:I, s:I, s:o, s:o, s:s}", "id", row->id,
			 "serial", (json_int_t)row->serial, "org", row->org, "org_name", row->org_name,
			 "state", license_row_state(row, now), "not_before", print_json_time(row->nbf),
			 "expires", print_json_time(row->exp), "hosts_max", (json_int_t)row->hosts_max,
			 "hosts", (json_int_t)row->hosts, "issued", print_json_time(row->issued), "revoked",
			 print_json_time(row->revoked), "reason", row->reason);
}
