/* SPDX-License-Identifier: Apache-2.0 */
/* product add, list, export: what the vendor sells. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "document.h"
#include "listing.h"
#include "option.h"
#include "print.h"
#include "vendor.h"

#define GRACE_DAYS_MAX 90 /* of a product file */

/* --- plans --- */

/* One "ID[:NAME]". */
static int add_plan(struct product *product, const char *value, struct failure *f)
{
	struct plan plan = {0};
	size_t n = strcspn(value, ":");
	const char *name = value[n] ? value + n + 1 : NULL;
	if (n <= LIMIT_ID)
		memcpy(plan.id, value, n);
	if (n > LIMIT_ID || !slug_ok(plan.id))
		return failure_set(f, E_USAGE, "--plan '%s': the plan's id is no id", value);
	if (name && !value_is_text(name, sizeof(plan.name)))
		return failure_set(f, E_USAGE, "--plan '%s': the name must be 1 to %d bytes of text", value,
				   LIMIT_NAME);
	if (name)
		memcpy(plan.name, name, strlen(name) + 1);
	if (product_plan(product, plan.id) >= 0)
		return failure_set(f, E_USAGE,
				   "--plan '%s': the product has it already, or it is given twice", plan.id);
	if (product->n_plans == LIMIT_PLANS)
		return failure_set(f, E_USAGE, "--plan: a product has at most %d plans", LIMIT_PLANS);
	product->plans[product->n_plans++] = plan;
	return 0;
}

static int add_plans(const struct invocation *inv, struct product *product, struct failure *f)
{
	const char *values[COMMAND_OPTIONS_MAX];
	size_t n = invocation_values(inv, "plan", values, COMMAND_OPTIONS_MAX);
	for (size_t i = 0; i < n; i++)
		if (add_plan(product, values[i], f))
			return f->code;
	return 0;
}

/* "A:B", two different plans of the product. */
static int read_pair(const struct product *product, const char *option, const char *value, int *ret_a,
		     int *ret_b, struct failure *f)
{
	char a[LIMIT_ID + 1] = "";
	size_t n = strcspn(value, ":");
	if (!value[n] || n > LIMIT_ID)
		return failure_set(f, E_USAGE, "--%s '%s' is no pair of plans A:B", option, value);
	memcpy(a, value, n);
	*ret_a = product_plan(product, a);
	*ret_b = product_plan(product, value + n + 1);
	if (*ret_a < 0 || *ret_b < 0)
		return failure_set(f, E_USAGE, "--%s '%s': there is no --plan '%s'", option, value,
				   *ret_a < 0 ? a : value + n + 1);
	if (*ret_a == *ret_b)
		return failure_set(f, E_USAGE, "--%s '%s' names one plan twice", option, value);
	return 0;
}

static int add_conflicts(const struct invocation *inv, struct product *product, struct failure *f)
{
	const char *values[COMMAND_OPTIONS_MAX];
	size_t n = invocation_values(inv, "conflict", values, COMMAND_OPTIONS_MAX);
	for (size_t i = 0; i < n; i++) {
		int a;
		int b;
		if (read_pair(product, "conflict", values[i], &a, &b, f))
			return f->code;
		product->plans[a].conflicts |= 1u << b;
		product->plans[b].conflicts |= 1u << a;
	}
	return 0;
}

static int add_requirements(const struct invocation *inv, struct product *product, struct failure *f)
{
	const char *values[COMMAND_OPTIONS_MAX];
	size_t n = invocation_values(inv, "requires", values, COMMAND_OPTIONS_MAX);
	for (size_t i = 0; i < n; i++) {
		int a;
		int b;
		if (read_pair(product, "requires", values[i], &a, &b, f))
			return f->code;
		product->plans[a].requires |= 1u << b;
	}
	return 0;
}

/* A plan and all that it requires, directly or not. */
static uint32_t closure(const struct product *product, size_t plan)
{
	uint32_t all = 1u << plan;
	for (size_t round = 0; round < product->n_plans; round++)
		for (size_t i = 0; i < product->n_plans; i++)
			if (all & 1u << i)
	all |= product->plans[i].requires;
	return all;
}

/* A plan that nobody could ever switch on is a slip of the vendor. */
static int check_plans(const struct product *product, struct failure *f)
{
	for (size_t plan = 0; plan < product->n_plans; plan++) {
		uint32_t all = closure(product, plan);
		for (size_t i = 0; i < product->n_plans; i++)
			if (all & 1u << i && product->plans[i].conflicts & all)
				return failure_set(
					f, E_USAGE,
					"--requires and --conflict: plan '%s' requires plans that conflict",
					product->plans[plan].id);
	}
	return 0;
}

/* --- product add --- */

static bool is_version(const char *text)
{
	bool digit = false;
	for (; *text; text++) {
		if (*text == '.' && !digit)
			return false;
		digit = *text >= '0' && *text <= '9';
		if (!digit && *text != '.')
			return false;
	}
	return digit;
}

static int read_versions(const struct invocation *inv, struct product *product, struct failure *f)
{
	if (option_text(inv, "version-from", product->version_from, sizeof(product->version_from), f) ||
	    option_text(inv, "version-to", product->version_to, sizeof(product->version_to), f))
		return f->code;
	if (product->version_from[0] && !is_version(product->version_from))
		return failure_set(f, E_USAGE, "--version-from '%s' is no dotted number",
				   product->version_from);
	if (product->version_to[0] && !is_version(product->version_to))
		return failure_set(f, E_USAGE, "--version-to '%s' is no dotted number", product->version_to);
	if (product->version_from[0] && !product_covers(product, product->version_from))
		return failure_set(f, E_USAGE, "--version-to '%s' is before --version-from '%s'",
				   product->version_to, product->version_from);
	return 0;
}

static int read_grace(const struct invocation *inv, struct product_file *file, struct failure *f)
{
	const char *on_expiry = invocation_value(inv, "on-expiry");
	if (option_days(inv, "grace", 0, GRACE_DAYS_MAX, &file->grace_days, f))
		return f->code;
	if (file->prompt_days > file->grace_days)
		file->prompt_days = file->grace_days;
	if (option_days(inv, "prompt", 0, GRACE_DAYS_MAX, &file->prompt_days, f))
		return f->code;
	if (file->prompt_days > file->grace_days)
		return failure_set(f, E_USAGE, "--prompt %ud is after the end of --grace %ud",
				   file->prompt_days, file->grace_days);
	if (on_expiry && !on_expiry_read(on_expiry, &file->on_expiry))
		return failure_set(f, E_USAGE, "--on-expiry '%s' is neither notice nor reduced", on_expiry);
	return 0;
}

static int read_product(const struct invocation *inv, struct product_file *file, struct failure *f)
{
	static const char *const needed[] = {"name", NULL};
	struct product *product = &file->product;
	const char *id = inv->args[0];
	*file = (struct product_file){.grace_days = 30, .prompt_days = 25, .on_expiry = ON_EXPIRY_NOTICE};
	if (!slug_ok(id))
		return failure_set(f, E_USAGE, "'%s' is no product id: a-z, 0-9, '-', '.', '_', at most %d",
				   id, LIMIT_ID);
	memcpy(product->id, id, strlen(id) + 1);
	if (option_need(inv, needed, f) ||
	    option_text(inv, "name", product->name, sizeof(product->name), f) || add_plans(inv, product, f) ||
	    add_conflicts(inv, product, f) || add_requirements(inv, product, f) || check_plans(product, f) ||
	    read_versions(inv, product, f))
		return f->code;
	return read_grace(inv, file, f);
}

static int find_product(struct ledger *ledger, const char *id, struct ledger_product *ret, struct failure *f)
{
	int error = ledger_product_get(ledger, id, ret);
	if (error == E_NOT_FOUND) {
		failure_set(f, error, "product '%s'", id);
		return failure_remedy(f, "Look at 'muster-issuer product list'.");
	}
	return error ? ledger_explain(ledger, error, f) : 0;
}

static json_t *product_json(const struct ledger_product *p)
{
	json_t *object = product_write(&p->file.product);
	json_object_set_new(object, "grace_days", json_integer(p->file.grace_days));
	json_object_set_new(object, "prompt_days", json_integer(p->file.prompt_days));
	json_object_set_new(object, "on_expiry", json_string(on_expiry_name(p->file.on_expiry)));
	json_object_set_new(object, "added", print_json_time(p->added));
	return object;
}

static int product_add(const struct invocation *inv, struct vendor *vendor, struct failure *f)
{
	struct ledger_product product = {.added = issuer_now(inv)};
	if (read_product(inv, &product.file, f) || vendor_open(inv, vendor, f))
		return f->code;
	int error = ledger_product_add(vendor->ledger, &product);
	if (error == E_DUPLICATE)
		return failure_set(f, error, "product '%s'", product.file.product.id);
	if (error)
		return ledger_explain(vendor->ledger, error, f);
	if (invocation_has(inv, "json")) {
		json_t *object = product_json(&product);
		json_object_set_new(object, "schema", json_integer(1));
		print_json(object);
	} else {
		printf("product %s (%s) added\n", product.file.product.id, product.file.product.name);
	}
	return 0;
}

int product_add_run(struct invocation *inv)
{
	return vendor_command(inv, product_add);
}

/* --- product add-plan --- */

/* Licenses that are out know nothing of the new plans, so nothing may change between the old ones. */
static int check_old_plans(const struct product *product, const struct product *was, struct failure *f)
{
	uint32_t old = (1u << was->n_plans) - 1;
	for (size_t i = 0; i < was->n_plans; i++) {
		const char *id = was->plans[i].id;
		if (product->plans[i].requires != was->plans[i].requires)
			return failure_set(f, E_USAGE, "--requires: plan '%s' is in licenses already", id);
		if ((product->plans[i].conflicts ^ was->plans[i].conflicts) & old)
			return failure_set(f, E_USAGE,
					   "--conflict: plan '%s' and the other are in licenses already", id);
	}
	return 0;
}

static int append_plans(const struct invocation *inv, struct ledger *ledger, struct ledger_product *product,
			struct failure *f)
{
	const struct product was = product->file.product;
	struct product *now = &product->file.product;
	if (add_plans(inv, now, f) || add_conflicts(inv, now, f) || add_requirements(inv, now, f) ||
	    check_old_plans(now, &was, f) || check_plans(now, f))
		return f->code;
	int error = ledger_product_change(ledger, now);
	if (!error)
		error = ledger_commit(ledger);
	return error ? ledger_explain(ledger, error, f) : 0;
}

static int product_add_plan(const struct invocation *inv, struct vendor *vendor, struct failure *f)
{
	static const char *const needed[] = {"plan", NULL};
	struct ledger_product product;
	if (option_need(inv, needed, f) || vendor_open(inv, vendor, f))
		return f->code;
	int error = ledger_begin(vendor->ledger);
	if (error)
		return ledger_explain(vendor->ledger, error, f);
	if (find_product(vendor->ledger, inv->args[0], &product, f) ||
	    append_plans(inv, vendor->ledger, &product, f))
		return f->code;
	if (invocation_has(inv, "json")) {
		json_t *object = product_json(&product);
		json_object_set_new(object, "schema", json_integer(1));
		print_json(object);
	} else {
		printf("product %s has %zu plans\n", product.file.product.id, product.file.product.n_plans);
		fputs("note: licenses learn of them with their next serial: muster-issuer license renew\n",
		      stderr);
	}
	return 0;
}

int product_add_plan_run(struct invocation *inv)
{
	return vendor_command(inv, product_add_plan);
}

/* --- product list --- */

/* Plans as words for people: the whole objects are only in the JSON form. */
static void add_plan_ids(json_t *item, const struct product *product)
{
	json_t *ids = json_array();
	for (size_t i = 0; i < product->n_plans; i++)
		json_array_append_new(ids, json_string(product->plans[i].id));
	json_object_set_new(item, "plans", ids);
}

static int list_product(const struct ledger_product *product, void *context)
{
	struct listing *listing = context;
	json_t *item = product_json(product);
	if (!listing->json)
		add_plan_ids(item, &product->file.product);
	return json_array_append_new(listing->items, item) ? E_NO_MEMORY : 0;
}

static int gather_products(struct ledger *ledger, struct listing *listing)
{
	return ledger_product_each(ledger, list_product, listing);
}

int product_list_run(struct invocation *inv)
{
	static const struct print_column columns[] = {{"PRODUCT", "id"},  {"NAME", "name"},
						      {"PLANS", "plans"}, {"GRACE DAYS", "grace_days"},
						      {"ADDED", "added"}, {NULL, NULL}};
	return listing_run(inv, columns, gather_products);
}

/* --- product export --- */

static int sign_product(const struct vendor *vendor, struct product_file *file, int64_t now, char **ret_token,
			struct failure *f)
{
	struct product_file back;
	struct claims fault;
	vendor_head(vendor, &file->head, now);
	int error = product_file_sign(file, vendor->secret, ret_token);
	if (error)
		return failure_set(f, error, "product '%s'", file->product.id);
	/* Nothing leaves this program that the others would refuse. */
	error = product_file_open(*ret_token, strlen(*ret_token), &vendor->roots, &back, &fault);
	if (!error)
		return 0;
	free(*ret_token);
	return document_refused(f, error, file->product.id, "", &vendor->roots, fault.where);
}

static int give_product(const struct invocation *inv, const struct ledger_product *product, const char *token,
			const struct vendor *vendor, struct failure *f)
{
	FILE *notes = document_notes(inv);
	json_t *summary = product_json(product);
	json_object_set_new(summary, "schema", json_integer(1));
	json_object_set_new(summary, "issuer", json_string(vendor->pid));
	int error = document_give(inv, &token_product, token, summary, f);
	if (!error && notes)
		fprintf(notes, "product %s signed by %s\n", product->file.product.id, vendor->pid);
	if (error)
		json_decref(summary);
	else
		document_end(inv, summary);
	return error;
}

static int product_export(const struct invocation *inv, struct vendor *vendor, struct failure *f)
{
	struct ledger_product product;
	char *token;
	if (vendor_open(inv, vendor, f) || find_product(vendor->ledger, inv->args[0], &product, f) ||
	    vendor_unlock(inv, vendor, f) || sign_product(vendor, &product.file, issuer_now(inv), &token, f))
		return f->code;
	int error = give_product(inv, &product, token, vendor, f);
	free(token);
	return error;
}

int product_export_run(struct invocation *inv)
{
	return vendor_command(inv, product_export);
}
