/* SPDX-License-Identifier: Apache-2.0 */
#include "query.h"

#include <string.h>

#include "error.h"
#include "name.h"
#include "own.h"
#include "packet.h"

#define TRY_MS 1500 /* one server, one question */
#define TRIES 2

void query_system_servers(struct dns_servers *ret)
{
	ldns_resolver *system = NULL;
	memset(ret, 0, sizeof(*ret));
	if (ldns_resolver_new_frm_file(&system, NULL) != LDNS_STATUS_OK)
		return;
	ldns_rdf **all = ldns_resolver_nameservers(system);
	for (size_t i = 0; i < ldns_resolver_nameserver_count(system) && ret->n < DNS_SERVERS_MAX; i++) {
		char *text = ldns_rdf2str(all[i]);
		if (text && dns_address_read(text, DNS_PORT, &ret->all[ret->n]) == 0)
			ret->n++;
		free(text);
	}
	ldns_resolver_deep_free(system);
}

/* --- one question --- */

static bool same_question(const ldns_pkt *answer, const ldns_pkt *question)
{
	return ldns_pkt_qdcount(answer) == 1 &&
	       ldns_rr_compare(ldns_rr_list_rr(ldns_pkt_question(answer), 0),
			       ldns_rr_list_rr(ldns_pkt_question(question), 0)) == 0;
}

static int judge(const ldns_pkt *answer, const ldns_pkt *question)
{
	if (!same_question(answer, question))
		return E_DNS_FAILED;
	switch (ldns_pkt_get_rcode(answer)) {
	case LDNS_RCODE_NOERROR:
	case LDNS_RCODE_NXDOMAIN:
		return 0;
	case LDNS_RCODE_REFUSED:
		return E_DNS_NOT_ITS_ZONE;
	default:
		return E_DNS_FAILED;
	}
}

static int ask_server(const struct dns_address *server, const ldns_pkt *question, struct patience p,
		      ldns_pkt **ret)
{
	int error = packet_exchange(server, false, question, patience_within(p, TRY_MS), ret, NULL, NULL);
	if (error || !ldns_pkt_tc(*ret))
		return error;
	ldns_pkt_free(*ret);
	*ret = NULL;
	return packet_exchange(server, true, question, patience_within(p, TRY_MS), ret, NULL, NULL);
}

static int ask_all(const struct dns_servers *servers, const ldns_pkt *question, struct patience p,
		   ldns_pkt **ret)
{
	int error = E_DNS_FAILED;
	for (size_t i = 0; i < servers->n * TRIES && patience_left(p); i++) {
		ldns_pkt *answer = NULL;
		error = ask_server(&servers->all[i % servers->n], question, p, &answer);
		if (error == E_STOPPING || error == E_NO_MEMORY)
			return error;
		if (!error)
			error = judge(answer, question);
		if (!error) {
			*ret = answer;
			return 0;
		}
		ldns_pkt_free(answer);
	}
	return error == E_DNS_NOT_ITS_ZONE ? error : E_DNS_FAILED;
}

static int ask(const struct dns_servers *servers, const char *name, ldns_rr_type type, struct patience p,
	       ldns_pkt **ret)
{
	ldns_rdf *owner = packet_name(name);
	ldns_pkt *question = owner ? ldns_pkt_query_new(owner, type, LDNS_RR_CLASS_IN, LDNS_RD) : NULL;
	if (!question) {
		ldns_rdf_deep_free(owner);
		return E_NO_MEMORY;
	}
	ldns_pkt_set_random_id(question);
	int error = ask_all(servers, question, p, ret);
	ldns_pkt_free(question);
	return error;
}

/* --- answers --- */

int query_srv(const struct dns_servers *servers, const char *domain, struct patience p,
	      struct dns_srv rows[DNS_TARGETS_MAX], size_t *ret_n)
{
	char name[DNS_RECORD_NAME];
	ldns_pkt *answer;
	bool refused = false;
	*ret_n = 0;
	int error = ask(servers, own_name(domain, name), LDNS_RR_TYPE_SRV, p, &answer);
	if (error)
		return error == E_DNS_NOT_ITS_ZONE ? E_DNS_FAILED : error;
	const ldns_rr_list *list = ldns_pkt_answer(answer);
	for (size_t i = 0; i < ldns_rr_list_rr_count(list) && *ret_n < DNS_TARGETS_MAX; i++) {
		if (!packet_srv(ldns_rr_list_rr(list, i), &rows[*ret_n]))
			continue;
		if (rows[*ret_n].target[0])
			++*ret_n;
		else
			refused = true;
	}
	ldns_pkt_free(answer);
	return *ret_n ? 0 : refused ? E_DNS_NOT_OFFERED : E_DNS_NO_RECORD;
}

static void take_address(const ldns_rr *rr, ldns_rr_type type, uint16_t port, struct dns_address *rows,
			 size_t *n)
{
	if (ldns_rr_get_type(rr) != type || ldns_rr_rd_count(rr) != 1 || *n == DNS_ADDRESSES_MAX)
		return;
	char *text = ldns_rdf2str(ldns_rr_rdf(rr, 0));
	if (text && dns_address_read(text, port, &rows[*n]) == 0)
		++*n;
	free(text);
}

int query_addresses(const struct dns_servers *servers, const char *host, uint16_t port, struct patience p,
		    struct dns_address rows[DNS_ADDRESSES_MAX], size_t *ret_n)
{
	static const ldns_rr_type types[] = {LDNS_RR_TYPE_A, LDNS_RR_TYPE_AAAA};
	int result = 0;
	*ret_n = 0;
	for (size_t t = 0; t < 2; t++) {
		ldns_pkt *answer;
		int error = ask(servers, host, types[t], p, &answer);
		if (error) {
			result = error == E_DNS_NOT_ITS_ZONE ? E_DNS_FAILED : error;
			continue;
		}
		const ldns_rr_list *list = ldns_pkt_answer(answer);
		for (size_t i = 0; i < ldns_rr_list_rr_count(list); i++)
			take_address(ldns_rr_list_rr(list, i), types[t], port, rows, ret_n);
		ldns_pkt_free(answer);
	}
	return *ret_n ? 0 : result ? result : E_DNS_NO_RECORD;
}

static bool take_zone(const ldns_rr_list *list, char *zone, char *primary)
{
	for (size_t i = 0; i < ldns_rr_list_rr_count(list); i++) {
		const ldns_rr *rr = ldns_rr_list_rr(list, i);
		if (ldns_rr_get_type(rr) == LDNS_RR_TYPE_SOA && ldns_rr_rd_count(rr) >= 1)
			return packet_name_text(ldns_rr_owner(rr), zone) &&
			       packet_name_text(ldns_rr_rdf(rr, 0), primary);
	}
	return false;
}

int query_zone(const struct dns_servers *servers, const char *name, struct patience p,
	       char zone[LIMIT_HOSTNAME + 1], char primary[LIMIT_HOSTNAME + 1])
{
	ldns_pkt *answer;
	int error = ask(servers, name, LDNS_RR_TYPE_SOA, p, &answer);
	if (error)
		return error;
	bool found = take_zone(ldns_pkt_answer(answer), zone, primary) ||
		     take_zone(ldns_pkt_authority(answer), zone, primary);
	ldns_pkt_free(answer);
	return found ? 0 : E_DNS_NO_RECORD;
}
