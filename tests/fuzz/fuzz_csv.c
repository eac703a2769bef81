/* SPDX-License-Identifier: Apache-2.0 */
/* The input as a CSV file of musterctl's. A file that is taken has a record's fields in every row. */
#include "csv.h"
#include "fuzz.h"

static const struct csv_column columns[] = {{"user", true}, {"name", true}, {"groups", false}, {NULL, false}};

static int look(const struct csv *c, void *context)
{
	size_t *rows = context;
	const char *user = csv_field(c, 0);
	const char *groups = csv_field(c, 2);
	fuzz_require(user && csv_field(c, 1));
	fuzz_use_text(user);
	fuzz_use_text(csv_field(c, 1));
	fuzz_use_text(groups ? groups : "");
	fuzz_require(c->n_fields == c->n_header && c->record <= c->line);
	++*rows;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const struct program program = {.name = "fuzz"};
	struct invocation inv = {.program = &program};
	struct csv csv = {.inv = &inv,
			  .path = "fuzz.csv",
			  .shape = "user,name[,groups]",
			  .columns = columns,
			  .text = fuzz_text(data, n),
			  .n = n,
			  .line = 1,
			  .record = 1};
	size_t rows = 0;
	if (csv_begin(&csv) == 0 && csv_each(&csv, look, &rows) == 0) {
		if (rows)
			fuzz_accepted(csv_begin);
		fuzz_require(csv.at == csv.n && rows <= n);
	}
	csv_close(&csv);
	return 0;
}
