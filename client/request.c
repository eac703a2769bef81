/* SPDX-License-Identifier: Apache-2.0 */
#include "request.h"

#include <sodium.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "spoken.h"

_Static_assert(sizeof(((struct certificate *)0)->fp_salt) == HARDWARE_SALT, "the salt of hardware tags");
_Static_assert(HARDWARE_TPM + HARDWARE_MACS <= LIMIT_COMPONENTS, "all parts and the scope");

size_t request_tags(const struct parts *parts, const struct certificate *cert, const char *product,
		    struct request_tag out[LIMIT_COMPONENTS])
{
	uint8_t salt[HARDWARE_SALT];
	if (parts->n == 0)
		return 0;
	hardware_salt(cert->fp_salt, cert->org, product, salt);
	for (size_t i = 0; i < parts->n; i++) {
		out[i].kind = parts->rows[i].kind;
		out[i].tag = hardware_tag(salt, parts->rows[i].kind, parts->rows[i].value);
	}
	out[parts->n].kind = HARDWARE_SCOPE;
	out[parts->n].tag = hardware_tag(salt, HARDWARE_SCOPE, "");
	sodium_memzero(salt, sizeof(salt));
	return parts->n + 1;
}

static pb_size_t fill_components(const struct request_terms *t, const char *product, muster_v1_Component *out)
{
	struct request_tag tags[LIMIT_COMPONENTS];
	size_t n = request_tags(t->parts, t->host, product, tags);
	for (size_t i = 0; i < n; i++) {
		out[i].kind = tags[i].kind;
		out[i].tag = tags[i].tag;
		out[i].weight = hardware_weight(tags[i].kind);
	}
	return (pb_size_t)n;
}

void request_hostname(const struct options *options, char out[LIMIT_HOSTNAME + 1])
{
	const char *name = options_text(options, OPTION_HOSTNAME);
	char own[LIMIT_HOSTNAME + 1] = "";
	if (!name && gethostname(own, sizeof(own) - 1) == 0)
		name = endpoint_name_ok(own) ? own : "";
	snprintf(out, LIMIT_HOSTNAME + 1, "%s", name ? name : "");
}

void request_os(char out[REQUEST_OS])
{
	struct utsname os;
	out[0] = 0;
	if (uname(&os) == 0)
		snprintf(out, REQUEST_OS, "%.20s %.24s %.16s", os.sysname, os.release, os.machine);
}

static void fill_device(const struct request_terms *t, wire_device *device)
{
	memcpy(device->sign, t->device->sign_public, sizeof(device->sign));
	request_hostname(t->options, device->hostname);
	device->time = t->wall;
	device->components_count = fill_components(t, "", device->components);
	if (t->forked_from) {
		device->forked_from.size = DEVICE_ID;
		memcpy(device->forked_from.bytes, t->forked_from, DEVICE_ID);
	}
	snprintf(device->agent, sizeof(device->agent), "%s", options_text(t->options, OPTION_AGENT));
	request_os(device->os);
}

static void fill_once(const struct ledger *l, const struct request_terms *t, wire_once *once)
{
	memcpy(once->token, l->token, TOKEN_ID);
	memcpy(once->ratchet.bytes, l->ratchet, l->ratchet_n);
	once->ratchet.size = (pb_size_t)l->ratchet_n;
	once->counter = l->counter;
	once->shows = !t->shown;
}

static void fill_want(const struct want *want, const struct request_terms *t, wire_want *out)
{
	char vendor[PASERK_ID_TEXT];
	paserk_pid_write(t->host->vendor, vendor);
	memcpy(out->product, want->product, sizeof(want->product));
	memcpy(out->user, want->user, sizeof(want->user));
	memcpy(out->version, want->version, sizeof(want->version));
	memcpy(out->plans, want->plans, sizeof(want->plans));
	out->plans_count = (pb_size_t)want->n_plans;
	out->lease_serial = want->serial;
	memcpy(out->key, want->key, sizeof(want->key));
	out->reinstalled = want->reinstalled;
	if (spoken_shown(t->folder, t->device, vendor, out->product, out->voice.bytes))
		out->voice.size = VOICE_SHOWN;
	out->components_count = fill_components(t, out->product, out->components);
}

static pb_size_t fill_wants(const struct call *call, const struct request_terms *t, wire_want *out)
{
	for (size_t i = 0; i < call->n; i++)
		fill_want(&call->wants[i], t, &out[i]);
	return (pb_size_t)call->n;
}

static void fill_activate(wire_request *r, const struct call *call, const struct request_terms *t)
{
	r->which_call = muster_v1_Request_activate_tag;
	r->call.activate.wants_count = fill_wants(call, t, r->call.activate.wants);
	r->call.activate.dry_run = r->call.activate.reset = call->kind == CALL_PREFLIGHT;
}

static void fill_renew(wire_request *r, const struct call *call, const struct request_terms *t)
{
	r->which_call = muster_v1_Request_renew_tag;
	r->call.renew.wants_count = fill_wants(call, t, r->call.renew.wants);
}

static void fill_release(wire_request *r, const struct call *call, const struct request_terms *t)
{
	(void)t;
	r->which_call = muster_v1_Request_release_tag;
	memcpy(r->call.release.product, call->wants[0].product, sizeof(call->wants[0].product));
	memcpy(r->call.release.user, call->wants[0].user, sizeof(call->wants[0].user));
}

static void fill_sign_in(wire_request *r, const struct call *call, const struct request_terms *t)
{
	r->which_call = muster_v1_Request_sign_in_tag;
	r->call.sign_in.has_want = true;
	fill_want(&call->wants[0], t, &r->call.sign_in.want);
	memcpy(r->call.sign_in.code, call->secret, sizeof(call->secret));
}

static void fill_sign_out(wire_request *r, const struct call *call, const struct request_terms *t)
{
	(void)t;
	r->which_call = muster_v1_Request_sign_out_tag;
	memcpy(r->call.sign_out.product, call->wants[0].product, sizeof(call->wants[0].product));
	memcpy(r->call.sign_out.user, call->wants[0].user, sizeof(call->wants[0].user));
}

static void fill_redeem(wire_request *r, const struct call *call, const struct request_terms *t)
{
	(void)t;
	r->which_call = muster_v1_Request_redeem_tag;
	memcpy(r->call.redeem.product, call->wants[0].product, sizeof(call->wants[0].product));
	memcpy(r->call.redeem.key, call->secret, sizeof(call->secret));
}

static void (*const fills[CALL_KINDS])(wire_request *, const struct call *, const struct request_terms *) = {
	[CALL_ACTIVATE] = fill_activate,  [CALL_RENEW] = fill_renew,       [CALL_RELEASE] = fill_release,
	[CALL_SIGN_IN] = fill_sign_in,    [CALL_SIGN_OUT] = fill_sign_out, [CALL_REDEEM] = fill_redeem,
	[CALL_PREFLIGHT] = fill_activate,
};

/* All of these calls begin alike, so the head of one is the head of each. */
#define SAME_HEAD(call)                                                                                      \
	_Static_assert(offsetof(muster_v1_Activate, once) == offsetof(muster_v1_##call, once) &&             \
			       offsetof(muster_v1_Activate, device) == offsetof(muster_v1_##call, device),   \
		       "the head of " #call)
SAME_HEAD(Renew);
SAME_HEAD(Release);
SAME_HEAD(SignIn);
SAME_HEAD(SignOut);
SAME_HEAD(Redeem);

void request_fill(wire_request *ret, const struct ledger *l, const struct request_terms *t)
{
	muster_v1_Activate *head = &ret->call.activate;
	memset(ret, 0, sizeof(*ret));
	fills[l->call.kind](ret, &l->call, t);
	head->has_once = head->has_device = true;
	fill_once(l, t, &head->once);
	fill_device(t, &head->device);
}

void request_show(wire_request *ret, const struct ledger *l, const struct request_terms *t,
		  const char *product, const char *lease, const char *certificate)
{
	muster_v1_ShowLease *show = &ret->call.show_lease;
	memset(ret, 0, sizeof(*ret));
	ret->which_call = muster_v1_Request_show_lease_tag;
	show->has_once = show->has_device = true;
	fill_once(l, t, &show->once);
	fill_device(t, &show->device);
	snprintf(show->lease, sizeof(show->lease), "%s", lease);
	snprintf(show->certificate, sizeof(show->certificate), "%s", certificate);
	show->components_count = fill_components(t, product, show->components);
}
