/* SPDX-License-Identifier: Apache-2.0 */
#include "visit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dial.h"
#include "error.h"
#include "file.h"
#include "revoked.h"

#define SHARE 2 /* one candidate may use up half of the time left while others may follow */
#define SHARE_LEAST_MS 1000
#define RESOLV_CONF "/etc/resolv.conf"
#define RESOLV_CONF_MAX 65536

struct deadline visit_share(struct deadline deadline, const struct discover *d)
{
	int part = deadline_left(deadline) / SHARE;
	if (!discover_more(d))
		return deadline;
	return deadline_within(deadline, part > SHARE_LEAST_MS ? part : SHARE_LEAST_MS);
}

void visit_discover(struct discover *d, struct work *w, const struct pin *pin, struct deadline deadline)
{
	char hostname[LIMIT_HOSTNAME + 1] = "";
	char *text = NULL;
	size_t n;
	discover_init(d, &w->m->options, &pin->host, &w->m->steps, deadline, w->m->draw, NULL);
	if (gethostname(hostname, sizeof(hostname) - 1))
		hostname[0] = 0;
	/* A machine without that file has no search list. */
	if (file_read(RESOLV_CONF, RESOLV_CONF_MAX, &text, &n))
		text = NULL;
	discover_machine(d, hostname, text ? text : "");
	free(text);
}

void visit_step(struct step *step, int error, const struct fault *f, int64_t began)
{
	if (!step)
		return;
	step->result = error;
	step->ms = (int)(deadline_clock() - began);
	const char *reason = error ? f->detail[0] ? f->detail : error_text(error) : "";
	snprintf(step->reason, sizeof(step->reason), "%.*s", STEP_REASON - 1, reason);
}

/* A connected descriptor to one of the host's addresses. */
static int connect_to(struct visit *v, struct work *w, const struct candidate *c, struct deadline deadline,
		      int *ret_fd, struct fault *f)
{
	struct address rows[RESOLVER_ADDRESSES];
	size_t n;
	size_t index = 0;
	const char *name = c->address[0] ? c->address : c->host.host;
	const char *dns = options_text(&w->m->options, OPTION_DNS);
	int error = resolver_addresses(dns, name, c->host.port, deadline, rows, &n);
	if (error == E_DNS_NO_RECORD)
		return fault_set(f, E_DNS_FAILED, "DNS knows no address of %s", name);
	if (error)
		return fault_set(f, error, "%s", error_text(error));
	address_write(&rows[0], v->host.address);
	error = dial(rows, n, deadline, ret_fd, &index);
	if (error == E_CONNECT_FAILED)
		return fault_system(f, error, NULL);
	if (error)
		return fault_set(f, error, "%s", error_text(error));
	address_write(&rows[index], v->host.address);
	return 0;
}

static int check(struct visit *v, struct work *w, const struct visit_terms *terms, struct fault *f)
{
	if (revoked_read(&w->trust, terms->vendor, w->folder))
		return fault_code(f, E_NO_MEMORY);
	struct hostcheck h = {
		.vendor = &terms->vendor->roots,
		.revoked = terms->vendor->revoked,
		.remote = dialog_remote(&v->dialog),
		.org = terms->org,
		.products = terms->products,
		.n_products = terms->n_products,
		.now = w->clock.now,
	};
	return hostcheck_run(&h, &v->dialog.hello, &v->certificate, f);
}

static int attempt(struct visit *v, struct work *w, const struct candidate *c,
		   const struct visit_terms *terms, struct deadline deadline, struct fault *f)
{
	uint8_t pid[1][PASERK_ID];
	int fd;
	int error = connect_to(v, w, c, deadline, &fd, f);
	if (error)
		return error;
	paserk_pid(terms->vendor->roots.keys[0], pid[0]);
	v->open = true;
	error = dialog_open(&v->dialog, fd, &w->device->fixed, (const uint8_t(*)[PASERK_ID])pid, 1, deadline);
	if (error) {
		fault_set(f, error, "%s", error_text(error));
		f->retry_after = dialog_retry_after(&v->dialog);
		return error;
	}
	return check(v, w, terms, f);
}

int visit_open(struct visit *v, struct work *w, const struct candidate *c, const struct visit_terms *terms,
	       struct deadline deadline, struct step *step, struct fault *f)
{
	int64_t began = deadline_clock();
	memset(v, 0, sizeof(*v));
	v->host.host = c->host;
	v->vendor = terms->vendor;
	int error = attempt(v, w, c, terms, deadline, f);
	if (step)
		memcpy(step->address, v->host.address, sizeof(step->address));
	visit_step(step, error, f, began);
	return error;
}

void visit_close(struct visit *v)
{
	if (v->open)
		dialog_close(&v->dialog);
	v->open = false;
}
