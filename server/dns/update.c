/* SPDX-License-Identifier: Apache-2.0 */
#include "update.h"

#include <stdio.h>
#include <string.h>

#include "error.h"
#include "name.h"
#include "own.h"
#include "packet.h"
#include "query.h"

#define EXCHANGE_MS 5000
#define FUDGE 300 /* seconds that the two clocks may differ, as usual */
#define TSIG_MAC 3
#define TSIG_ERROR 5

enum { BADSIG = 16, BADKEY = 17, BADTIME = 18 };

/* One update on its way. */
struct journey {
	const struct update *update;
	struct patience patience;
	struct update_result *result;
	struct dns_servers servers;
	struct dns_srv rows[DNS_TARGETS_MAX]; /* the set as the server has it */
	size_t n;
};

static int fault(struct journey *j, int code, const char *what)
{
	snprintf(j->result->detail, sizeof(j->result->detail), "%s", what);
	return code;
}

/* --- where to --- */

static int find_primary(struct journey *j, const char *primary)
{
	struct dns_address rows[DNS_ADDRESSES_MAX];
	size_t n = 0;
	int error = query_addresses(j->update->resolvers, primary, DNS_PORT, j->patience, rows, &n);
	if (error == E_DNS_NO_RECORD)
		error = E_DNS_NO_ADDRESS;
	if (error)
		return fault(j, error, primary);
	for (size_t i = 0; i < n && i < DNS_SERVERS_MAX; i++)
		j->servers.all[j->servers.n++] = rows[i];
	return 0;
}

static int find_server(struct journey *j)
{
	const struct update *u = j->update;
	bool given = u->server->n > 0;
	char name[DNS_RECORD_NAME];
	char primary[LIMIT_HOSTNAME + 1];
	if (given)
		j->servers = *u->server;
	int error = query_zone(given ? u->server : u->resolvers, own_name(u->domain, name), j->patience,
			       j->result->zone, primary);
	if (error == E_DNS_NO_RECORD)
		error = E_DNS_NOT_ITS_ZONE;
	if (error) {
		char server[DNS_ADDRESS_TEXT] = "the resolver";
		if (given)
			dns_address_write(&u->server->all[0], server);
		snprintf(j->result->detail, sizeof(j->result->detail), "%s was asked for the zone of %s",
			 server, name);
		return error;
	}
	return given ? 0 : find_primary(j, primary);
}

/* --- the packet --- */

static ldns_rr *srv_rr(const char *domain, const struct dns_srv *srv)
{
	char text[2 * DNS_RECORD_NAME + 64];
	char name[DNS_RECORD_NAME];
	ldns_rr *rr = NULL;
	snprintf(text, sizeof(text), "%s. %u IN SRV %u %u %u %s.", own_name(domain, name), srv->ttl,
		 srv->priority, srv->weight, srv->port, srv->target);
	return ldns_rr_new_frm_str(&rr, text, 0, NULL, NULL) == LDNS_STATUS_OK ? rr : NULL;
}

static bool push(ldns_rr_list *list, ldns_rr *rr)
{
	if (rr && ldns_rr_list_push_rr(list, rr))
		return true;
	ldns_rr_free(rr);
	return false;
}

/* Class NONE and no time to live: delete exactly this record (RFC 2136, 2.5.4). */
static bool push_deletion(ldns_rr_list *list, const char *domain, const struct dns_srv *srv)
{
	ldns_rr *rr = srv_rr(domain, srv);
	if (rr) {
		ldns_rr_set_class(rr, LDNS_RR_CLASS_NONE);
		ldns_rr_set_ttl(rr, 0);
	}
	return push(list, rr);
}

/* What has to change, so that of the own records exactly this one is left; wanted: NULL for none. */
static int list_changes(struct journey *j, const struct dns_srv *wanted, ldns_rr_list *list)
{
	const char *domain = j->update->domain;
	bool there = false;
	bool ok = true;
	for (size_t i = 0; i < j->n; i++) {
		if (!own_is(j->update->own, &j->rows[i]))
			continue;
		if (wanted && own_same(wanted, &j->rows[i], false))
			there |= own_same(wanted, &j->rows[i], true);
		else
			ok &= push_deletion(list, domain, &j->rows[i]);
	}
	if (wanted && !there)
		ok &= push(list, srv_rr(domain, wanted));
	return ok ? 0 : E_NO_MEMORY;
}

static ldns_pkt *make_packet(const struct journey *j, const ldns_rr_list *changes)
{
	ldns_rdf *zone = packet_name(j->result->zone);
	ldns_rr_list *none = ldns_rr_list_new();
	ldns_pkt *packet =
		zone && none ? ldns_update_pkt_new(zone, LDNS_RR_CLASS_IN, none, changes, none) : NULL;
	ldns_rr_list_free(none);
	if (packet) {
		ldns_pkt_set_rd(packet, false);
		ldns_pkt_set_random_id(packet);
	}
	return packet;
}

static int sign(ldns_pkt *packet, const struct tsig_key *key)
{
	char algorithm[sizeof(key->algorithm) + 1];
	if (!key)
		return 0;
	snprintf(algorithm, sizeof(algorithm), "%s.", key->algorithm);
	return ldns_pkt_tsig_sign(packet, key->name, key->secret, FUDGE, algorithm, NULL) == LDNS_STATUS_OK
		       ? 0
		       : E_NO_MEMORY;
}

/* --- the answer --- */

int update_code(int rcode, int tsig_error)
{
	if (tsig_error == BADTIME)
		return E_DNS_CLOCK;
	if (tsig_error == BADSIG || tsig_error == BADKEY)
		return E_DNS_KEY_WRONG;
	switch (rcode) {
	case LDNS_RCODE_NOERROR:
		return 0;
	case LDNS_RCODE_NOTAUTH:
	case LDNS_RCODE_NOTZONE:
		return E_DNS_NOT_ITS_ZONE;
	case LDNS_RCODE_REFUSED:
		return E_DNS_UPDATE_REFUSED;
	default:
		return E_DNS_UPDATE_FAILED;
	}
}

static int tsig_error(const ldns_pkt *answer)
{
	const ldns_rr *tsig = ldns_pkt_tsig(answer);
	const ldns_rdf *rdf =
		tsig && ldns_rr_rd_count(tsig) > TSIG_ERROR ? ldns_rr_rdf(tsig, TSIG_ERROR) : NULL;
	return rdf && ldns_rdf_size(rdf) == 2 ? ldns_rdf2native_int16(rdf) : 0;
}

static void tell_answer(struct journey *j, int rcode, int tsig)
{
	char *name = ldns_pkt_rcode2str((ldns_pkt_rcode)rcode);
	const char *of_tsig = tsig == BADTIME  ? ", BADTIME"
			      : tsig == BADKEY ? ", BADKEY"
			      : tsig == BADSIG ? ", BADSIG"
					       : "";
	snprintf(j->result->detail, sizeof(j->result->detail), "%s answered %s%s for zone %s%s%s",
		 j->result->server, name ? name : "an unknown code", of_tsig, j->result->zone,
		 j->update->key ? ", key " : "", j->update->key ? j->update->key->name : "");
	free(name);
}

static bool signed_with(const struct tsig_key *key, const ldns_pkt *packet, ldns_pkt *answer,
			const uint8_t *wire, size_t n)
{
	ldns_rr *tsig = ldns_pkt_tsig(answer);
	bool ok = ldns_pkt_tsig_verify(answer, wire, n, key->name, key->secret,
				       ldns_rr_rdf(ldns_pkt_tsig(packet), TSIG_MAC));
	/* ldns 1.8 takes the record out, and loses it when it does not know the algorithm. */
	ldns_pkt_set_tsig(answer, tsig);
	return ok;
}

static int judge(struct journey *j, ldns_pkt *packet, ldns_pkt *answer, const uint8_t *wire, size_t n)
{
	const struct tsig_key *key = j->update->key;
	int rcode = (int)ldns_pkt_get_rcode(answer);
	int tsig = tsig_error(answer);
	int code = update_code(rcode, tsig);
	if (code) {
		tell_answer(j, rcode, tsig);
		return code;
	}
	if (key && !ldns_pkt_tsig(answer))
		return fault(j, E_SIGNATURE_INVALID, "the server's answer is not signed");
	if (key && !signed_with(key, packet, answer, wire, n))
		return fault(j, E_SIGNATURE_INVALID, "the server's answer");
	return 0;
}

/* To the first server that can be reached; what it says counts. */
static int send_packet(struct journey *j, ldns_pkt *packet)
{
	int error = E_DNS_FAILED;
	for (size_t i = 0; i < j->servers.n; i++) {
		ldns_pkt *answer = NULL;
		uint8_t *wire = NULL;
		size_t n = 0;
		dns_address_write(&j->servers.all[i], j->result->server);
		error = packet_exchange(&j->servers.all[i], true, packet,
					patience_within(j->patience, EXCHANGE_MS), &answer, &wire, &n);
		if (!error)
			error = judge(j, packet, answer, wire, n);
		else
			fault(j, error, j->result->server);
		ldns_pkt_free(answer);
		free(wire);
		if (error != E_CONNECT_FAILED && error != E_TIMEOUT)
			break;
	}
	return error;
}

static int send_changes(struct journey *j, const ldns_rr_list *changes)
{
	ldns_pkt *packet = make_packet(j, changes);
	int error = packet ? sign(packet, j->update->key) : E_NO_MEMORY;
	if (!error)
		error = send_packet(j, packet);
	ldns_pkt_free(packet);
	return error;
}

/* --- the whole --- */

static int read_set(struct journey *j)
{
	int error = query_srv(&j->servers, j->update->domain, j->patience, j->rows, &j->n);
	if (error == E_DNS_NO_RECORD || error == E_DNS_NOT_OFFERED)
		return 0;
	return error ? fault(j, error, dns_address_write(&j->servers.all[0], j->result->server)) : 0;
}

/* The set must now have the wanted record and no other own one. */
static int read_back(struct journey *j, const struct dns_srv *wanted)
{
	size_t own = 0;
	int error = read_set(j);
	if (error)
		return error;
	for (size_t i = 0; i < j->n; i++)
		own += own_is(j->update->own, &j->rows[i]);
	bool right = wanted ? own == 1 && own_present(wanted, j->rows, j->n) : own == 0;
	return right ? 0 : fault(j, E_DNS_NOT_READ_BACK, j->result->server);
}

static int change(const struct update *u, const struct dns_srv *wanted, struct patience p,
		  struct update_result *ret)
{
	struct journey j = {.update = u, .patience = p, .result = ret};
	memset(ret, 0, sizeof(*ret));
	int error = find_server(&j);
	if (!error)
		error = read_set(&j);
	if (error)
		return error;
	dns_address_write(&j.servers.all[0], ret->server);
	ldns_rr_list *changes = ldns_rr_list_new();
	error = changes ? list_changes(&j, wanted, changes) : E_NO_MEMORY;
	if (!error && ldns_rr_list_rr_count(changes)) {
		ret->changed = true;
		error = send_changes(&j, changes);
		if (!error)
			error = read_back(&j, wanted);
	}
	ldns_rr_list_deep_free(changes);
	return error;
}

int update_publish(const struct update *u, struct patience p, struct update_result *ret)
{
	return change(u, u->own, p, ret);
}

int update_withdraw(const struct update *u, struct patience p, struct update_result *ret)
{
	return change(u, NULL, p, ret);
}
