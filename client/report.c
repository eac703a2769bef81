/* SPDX-License-Identifier: Apache-2.0 */
/* What the handle says about the last call: error, outcomes, steps; and the table of codes. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "client.h"
#include "error.h"
#include "muster.h"

/* --- the last error --- */

static const struct fault *last(const struct muster *m)
{
	static const struct fault going_on = {.code = E_IN_PROGRESS};
	return m->ongoing ? &going_on : &m->fault;
}

int muster_error_number(const struct muster *m)
{
	return -last(m)->code;
}

const char *muster_error_name(const struct muster *m)
{
	return last(m)->code ? error_name(last(m)->code) : "";
}

const char *muster_error_text(const struct muster *m)
{
	return last(m)->code ? error_text(last(m)->code) : "";
}

const char *muster_error_remedy(const struct muster *m)
{
	return last(m)->code ? error_row(last(m)->code)->remedy : "";
}

const char *muster_error_detail(const struct muster *m)
{
	return last(m)->detail;
}

const char *muster_error_correlation(const struct muster *m)
{
	return last(m)->correlation;
}

int muster_error_value(const struct muster *m, const char *name, long long *ret)
{
	int64_t value;
	if (!numbers_value(&last(m)->numbers, name, &value))
		return 0;
	*ret = value;
	return 1;
}

int muster_error_temporary(const struct muster *m)
{
	return error_is_temporary(last(m)->code);
}

int muster_error_retry_after(const struct muster *m)
{
	return (int)last(m)->retry_after;
}

int muster_error_exit(const struct muster *m)
{
	return last(m)->code ? error_row(last(m)->code)->exit : 0;
}

/* --- outcomes --- */

static const struct outcome *outcome_at(const struct muster *m, int index)
{
	return index >= 0 && (size_t)index < m->n_outcomes ? &m->outcomes[index] : NULL;
}

int muster_outcome_count(const struct muster *m)
{
	return (int)m->n_outcomes;
}

const char *muster_outcome_product(const struct muster *m, int index)
{
	const struct outcome *o = outcome_at(m, index);
	return o ? o->product : "";
}

int muster_outcome_code(const struct muster *m, int index)
{
	const struct outcome *o = outcome_at(m, index);
	return o ? o->fault.code : 0;
}

const char *muster_outcome_what(const struct muster *m, int index)
{
	const struct outcome *o = outcome_at(m, index);
	return o ? o->what : "";
}

const char *muster_outcome_detail(const struct muster *m, int index)
{
	const struct outcome *o = outcome_at(m, index);
	return o ? o->fault.detail : "";
}

const char *muster_outcome_correlation(const struct muster *m, int index)
{
	const struct outcome *o = outcome_at(m, index);
	return o ? o->fault.correlation : "";
}

int muster_outcome_notice(const struct muster *m, int index, int notice)
{
	const struct outcome *o = outcome_at(m, index);
	return o && notice >= 0 && notice < LIMIT_NOTICES ? -o->notices[notice] : 0;
}

/* --- steps --- */

static const struct step *step_at(const struct muster *m, int index)
{
	static const struct step none = {.source = ""};
	return index >= 0 && (size_t)index < m->steps.n ? &m->steps.rows[index] : &none;
}

int muster_step_count(const struct muster *m)
{
	return (int)m->steps.n;
}

const char *muster_step_source(const struct muster *m, int index)
{
	return step_at(m, index)->source;
}

const char *muster_step_target(const struct muster *m, int index)
{
	return step_at(m, index)->target;
}

const char *muster_step_address(const struct muster *m, int index)
{
	return step_at(m, index)->address;
}

int muster_step_port(const struct muster *m, int index)
{
	return step_at(m, index)->port;
}

const char *muster_step_result(const struct muster *m, int index)
{
	int result = step_at(m, index)->result;
	return result ? error_name(result) : "OK";
}

const char *muster_step_reason(const struct muster *m, int index)
{
	return step_at(m, index)->reason;
}

int muster_step_ms(const struct muster *m, int index)
{
	return step_at(m, index)->ms;
}

/* --- codes --- */

/* People type "busy" too. */
static const struct error_row *row_named(const char *name)
{
	size_t n;
	const struct error_row *rows = error_table(&n);
	for (size_t i = 0; i < n; i++)
		if (strcasecmp(rows[i].name, name) == 0)
			return &rows[i];
	return NULL;
}

static const struct error_row *row_of(const char *code)
{
	char *end;
	long number = strtol(code, &end, 10);
	if (*end || end == code)
		return row_named(code);
	if (number == 0 || number > UINT16_MAX || number < -UINT16_MAX)
		return NULL;
	const struct error_row *row = error_row((int)number);
	/* Unknown numbers give INTERNAL's row. */
	return row->number == labs(number) ? row : NULL;
}

int muster_explain(const char *code, const char **ret_name, const char **ret_text, const char **ret_remedy,
		   int *ret_exit)
{
	const struct error_row *row = code ? row_of(code) : NULL;
	if (!row)
		return 0;
	if (ret_name)
		*ret_name = row->name;
	if (ret_text)
		*ret_text = row->text;
	if (ret_remedy)
		*ret_remedy = row->remedy;
	if (ret_exit)
		*ret_exit = row->exit;
	return row->number;
}
