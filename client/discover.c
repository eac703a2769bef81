/* SPDX-License-Identifier: Apache-2.0 */
#include "discover.h"

#include <stdio.h>
#include <string.h>

#include "error.h"

#define DNS_SHARE 3 /* one question to DNS may use up this part of the time left */
#define DNS_LEAST_MS 500
#define LINE_MAX_TEXT 1024

struct step *steps_add(struct steps *steps, const char *source, const char *target, uint16_t port)
{
	if (steps->n == STEPS_MAX)
		return NULL;
	struct step *step = &steps->rows[steps->n++];
	*step = (struct step){.source = source, .port = port};
	snprintf(step->target, sizeof(step->target), "%s", target);
	return step;
}

void discover_init(struct discover *d, const struct options *options, const struct good_host *last,
		   struct steps *steps, struct deadline deadline, srv_draw *draw, void *context)
{
	memset(d, 0, sizeof(*d));
	d->options = options;
	d->last = last;
	d->steps = steps;
	d->deadline = deadline;
	d->draw = draw;
	d->context = context;
}

/* --- the machine's own domains --- */

void discover_search(struct discover *d, const char *domain)
{
	if (d->n_domains == DISCOVER_DOMAINS || !endpoint_name_ok(domain))
		return;
	for (size_t i = 0; i < d->n_domains; i++)
		if (strcasecmp(d->domains[i], domain) == 0)
			return;
	snprintf(d->domains[d->n_domains++], sizeof(d->domains[0]), "%s", domain);
}

/* "search a.example b.example": each word after the keyword. */
static void take_line(struct discover *d, char *line)
{
	char *rest = NULL;
	char *word = strtok_r(line, " \t", &rest);
	if (!word || (strcmp(word, "search") != 0 && strcmp(word, "domain") != 0))
		return;
	while ((word = strtok_r(NULL, " \t", &rest)) != NULL)
		discover_search(d, word);
}

void discover_machine(struct discover *d, const char *hostname, const char *resolv_conf)
{
	const char *dot = strchr(hostname, '.');
	if (dot)
		discover_search(d, dot + 1);
	while (*resolv_conf) {
		char line[LINE_MAX_TEXT];
		size_t n = strcspn(resolv_conf, "\r\n");
		if (n < sizeof(line)) {
			memcpy(line, resolv_conf, n);
			line[n] = 0;
			take_line(d, line);
		}
		resolv_conf += n + (resolv_conf[n] != 0);
	}
}

/* --- the order --- */

static const char *domain_at(const struct discover *d, size_t index)
{
	if (d->stage == DISCOVER_DOMAINS_SET)
		return index < options_count(d->options, OPTION_DOMAIN)
			       ? options_at(d->options, OPTION_DOMAIN, index)
			       : NULL;
	return index < d->n_domains ? d->domains[index] : NULL;
}

static void note_answer(struct discover *d, struct step *step, int error, int64_t began)
{
	d->asked_dns = true;
	d->found_in_dns |= d->n_rows > 0;
	d->not_offered |= error == E_DNS_NOT_OFFERED;
	if (!step)
		return;
	step->result = error;
	step->ms = (int)(deadline_clock() - began);
	if (error)
		snprintf(step->reason, sizeof(step->reason), "%s", error_text(error));
	else
		snprintf(step->reason, sizeof(step->reason), "%zu host%s", d->n_rows,
			 d->n_rows == 1 ? "" : "s");
}

static void ask(struct discover *d, const char *domain)
{
	char name[LIMIT_HOSTNAME + 16];
	int64_t began = deadline_clock();
	int part = deadline_left(d->deadline) / DNS_SHARE;
	struct deadline own = deadline_within(d->deadline, part > DNS_LEAST_MS ? part : DNS_LEAST_MS);
	snprintf(name, sizeof(name), "_muster._tcp.%s", domain);
	struct step *step = steps_add(d->steps, d->stage == DISCOVER_SEARCH ? "search" : "domain", name, 0);
	d->n_rows = 0;
	d->next_row = 0;
	int error = resolver_srv(options_text(d->options, OPTION_DNS), domain, own, d->rows, &d->n_rows);
	srv_order(d->rows, d->n_rows, d->draw, d->context);
	note_answer(d, step, error, began);
}

static bool next_host(struct discover *d, struct candidate *ret)
{
	if (d->index == options_count(d->options, OPTION_HOST))
		return false;
	ret->source = "host";
	/* The option was checked when it was set. */
	return endpoint_read(options_at(d->options, OPTION_HOST, d->index++), &ret->host) == 0;
}

static bool next_in_dns(struct discover *d, struct candidate *ret)
{
	while (d->next_row == d->n_rows) {
		const char *domain = domain_at(d, d->index);
		if (!domain || deadline_left(d->deadline) == 0)
			return false;
		d->index++;
		ask(d, domain);
	}
	const struct srv *row = &d->rows[d->next_row++];
	ret->source = d->stage == DISCOVER_SEARCH ? "search" : "domain";
	memcpy(ret->host.host, row->target, sizeof(ret->host.host));
	ret->host.port = row->port;
	return true;
}

static bool next_cached(struct discover *d, struct candidate *ret)
{
	/* A domain that says "no such service here" is believed; silence is not. */
	if (d->index++ || !d->asked_dns || d->found_in_dns || d->not_offered || !d->last->host.host[0])
		return false;
	ret->source = "cache";
	ret->host = d->last->host;
	memcpy(ret->address, d->last->address, sizeof(ret->address));
	return true;
}

static bool next_of_stage(struct discover *d, struct candidate *ret)
{
	switch (d->stage) {
	case DISCOVER_HOSTS:
		return next_host(d, ret);
	case DISCOVER_DOMAINS_SET:
		return next_in_dns(d, ret);
	case DISCOVER_SEARCH:
		return !options_count(d->options, OPTION_HOST) && !options_count(d->options, OPTION_DOMAIN) &&
		       next_in_dns(d, ret);
	case DISCOVER_CACHE:
		return next_cached(d, ret);
	default:
		return false;
	}
}

bool discover_next(struct discover *d, struct candidate *ret)
{
	for (; d->stage != DISCOVER_END; d->stage++, d->index = 0) {
		struct candidate found = {0};
		if (!next_of_stage(d, &found))
			continue;
		*ret = found;
		return true;
	}
	return false;
}

bool discover_more(const struct discover *d)
{
	size_t hosts = options_count(d->options, OPTION_HOST);
	size_t domains = options_count(d->options, OPTION_DOMAIN);
	if (d->stage == DISCOVER_HOSTS)
		return d->index < hosts || domains > 0;
	if (d->stage == DISCOVER_DOMAINS_SET || d->stage == DISCOVER_SEARCH)
		return d->next_row < d->n_rows || domain_at(d, d->index) != NULL;
	return false;
}
