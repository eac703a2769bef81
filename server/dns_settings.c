/* SPDX-License-Identifier: Apache-2.0 */
#include "dns_settings.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "error.h"
#include "log.h"
#include "name.h"

#define CREDENTIAL "musterd.tsig"
#define DNS_SETTING_TEXT 320

/* --- the key --- */

/* What systemd handed over (LoadCredential=musterd.tsig:...); false: nothing. */
static bool find_credential(char path[PATH_MAX])
{
	const char *folder = getenv("CREDENTIALS_DIRECTORY");
	if (!folder || !*folder || snprintf(path, PATH_MAX, "%s/" CREDENTIAL, folder) >= PATH_MAX)
		return false;
	return access(path, F_OK) == 0;
}

static int say_key(int error, const char *path, int line, const char *why)
{
	const struct error_row *row = error_row(error);
	if (error == E_CONFIG_INVALID)
		log_event(EVENT_CONFIG_FAULT, LOG_CODE(error), LOG_TEXT(FILE, path), LOG_NUMBER(LINE, line),
			  LOG_TEXT(DETAIL, why), LOG_TEXT(REMEDY, row->remedy));
	else
		log_event(EVENT_CONFIG_FAULT, LOG_CODE(error), LOG_TEXT(FILE, path),
			  LOG_TEXT(DETAIL, error == E_IO ? strerror(errno) : row->text),
			  LOG_TEXT(REMEDY, row->remedy));
	return error;
}

static int read_key(const struct config *c, struct watch_settings *ret)
{
	char credential[PATH_MAX];
	char why[TSIG_WHY];
	int line;
	const char *path = config_text(c, CONFIG_DNS_KEY);
	bool given = *path;
	if (!given && !find_credential(credential))
		return 0;
	if (!given)
		path = credential;
	int error = tsig_key_load(path, given, &ret->key, &line, why);
	ret->has_key = !error;
	return error ? say_key(error, path, line, why) : 0;
}

/* --- the record --- */

static int say(const char *key, const char *value, const char *what)
{
	const struct error_row *row = error_row(E_CONFIG_INVALID);
	char setting[DNS_SETTING_TEXT];
	snprintf(setting, sizeof(setting), "[dns] %s = %s", key, value);
	log_event(EVENT_CONFIG_FAULT, LOG_CODE(E_CONFIG_INVALID), LOG_TEXT(KEY, setting),
		  LOG_TEXT(DETAIL, what), LOG_TEXT(REMEDY, row->remedy));
	return E_CONFIG_INVALID;
}

static uint16_t port_of(const char *listener)
{
	const char *colon = strrchr(listener, ':');
	return (uint16_t)(colon ? strtoul(colon + 1, NULL, 10) : 0);
}

static int read_own(const struct config *c, const char *name, const char *listener,
		    struct watch_settings *ret)
{
	const char *wish = config_text(c, CONFIG_DNS_TARGET);
	const char *target = *wish ? wish : name;
	int64_t port = config_number(c, CONFIG_DNS_RECORD_PORT);
	ret->own = (struct dns_srv){.port = port ? (uint16_t)port : port_of(listener),
				    .priority = (uint16_t)config_number(c, CONFIG_DNS_PRIORITY),
				    .weight = (uint16_t)config_number(c, CONFIG_DNS_WEIGHT),
				    .ttl = (uint32_t)config_number(c, CONFIG_DNS_TTL)};
	if (dns_host_ok(target))
		snprintf(ret->own.target, sizeof(ret->own.target), "%.*s",
			 (int)(strlen(target) - (target[strlen(target) - 1] == '.')), target);
	else if (ret->n_domains)
		return say("target", target,
			   "a record needs the whole name of this host, such as lic01.example.org");
	return 0;
}

static int read_domains(const struct config *c, struct watch_settings *ret)
{
	while (ret->n_domains < DNS_DOMAINS_MAX &&
	       config_word(c, CONFIG_DNS_DOMAINS, ret->n_domains, ret->domains[ret->n_domains],
			   sizeof(ret->domains[0])))
		ret->n_domains++;
	ret->publish = strcmp(config_text(c, CONFIG_DNS_PUBLISH), "yes") == 0;
	ret->minutes = (int)config_number(c, CONFIG_DNS_WATCH);
	return ret->publish && !ret->n_domains
		       ? say("publish", "yes", "[dns] domains names none to publish in")
		       : 0;
}

static void read_server(const struct config *c, enum config_id id, struct dns_servers *ret)
{
	const char *text = config_text(c, id);
	ret->n = *text && dns_address_read(text, DNS_PORT, &ret->all[0]) == 0;
}

int dns_settings_read(const struct config *c, const char *name, const char *listener,
		      struct watch_settings *ret)
{
	memset(ret, 0, sizeof(*ret));
	read_server(c, CONFIG_DNS_SERVER, &ret->server);
	read_server(c, CONFIG_DNS_RESOLVER, &ret->resolver);
	int error = read_domains(c, ret);
	if (!error)
		error = read_own(c, name, listener, ret);
	return error ? error : read_key(c, ret);
}
