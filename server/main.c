/* SPDX-License-Identifier: Apache-2.0 */
/* musterd: build the objects bottom-up, run, tear down top-down. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <grp.h>
#include <limits.h>
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#ifdef WITH_SYSTEMD
#include <systemd/sd-daemon.h>
#else
#define sd_notify(unset, text) ((void)(text))
#endif

#include "activation.h"
#include "admin.h"
#include "config.h"
#include "dns_service.h"
#include "dns_settings.h"
#include "error.h"
#include "host_key.h"
#include "log.h"
#include "net.h"
#include "offline.h"
#include "place.h"
#include "state_dir.h"
#include "store.h"
#include "timekeeper.h"
#include "vault.h"
#include "voice_settings.h"

#define DEFAULT_CONFIG "/etc/muster/musterd.conf"
#define SOCKET_BACKLOG 128
#define SQLITE_URL "sqlite:"

/* Everything that lives as long as the daemon, in the order in which it is made. */
struct daemon {
	const char *config_path;
	pthread_mutex_t config_lock; /* the API shows it from its own threads */
	struct config *config;
	char name[LIMIT_HOSTNAME + 1];
	struct timekeeper *time;
	struct net *net;
	int lock;
	struct host_key *key;
	struct store *store;
	struct counters counters;
	struct health_limits health;
	uint8_t *site_key;         /* for activation by telephone; NULL: none */
	char state_dir[PATH_MAX];  /* as at the start */
	char store_path[PATH_MAX]; /* "": in memory */
	struct broker broker;
	bool broker_open;
	struct lane *lane;
	struct dns_service *dns;
	struct vault *vault;
	int sockets[2];
	bool adopted[2]; /* their files are the service manager's */
	struct admin *admins[2];
};

/* --- starting, step by step; each says itself what went wrong --- */

/* One line, with what it was about and the system's reason when there is one. */
static int complain(int code, const char *what)
{
	int reason = errno;
	const struct error_row *row = error_row(code);
	bool system = (code == E_IO || code == E_CANNOT_CREATE || code == E_STORE_IO) && reason;
	log_event(EVENT_HOST_FAULT, LOG_TEXT(REASON, row->name), LOG_TEXT(OBJECT, what),
		  LOG_TEXT(DETAIL, system ? strerror(reason) : row->text), LOG_TEXT(REMEDY, row->remedy));
	return code;
}

static int open_state_dir(struct daemon *d)
{
	char what[PATH_MAX];
	int error = state_dir_open(config_text(d->config, CONFIG_SERVER_STATE_DIR), &d->lock, what);
	return error ? complain(error, what) : 0;
}

static int open_key(struct daemon *d)
{
	char path[PATH_MAX];
	const char *credentials = getenv("CREDENTIALS_DIRECTORY"); /* systemd.exec(5), LoadCredential= */
	snprintf(path, sizeof(path), "%s/host.key", credentials ? credentials : "");
	if (!credentials || access(path, F_OK))
		snprintf(path, sizeof(path), "%s/host.key", config_text(d->config, CONFIG_SERVER_STATE_DIR));
	int error = host_key_open(path, &d->key);
	return error ? complain(error, path) : 0;
}

static int64_t wall(const struct daemon *d)
{
	return timekeeper_look(d->time).now;
}

static int open_store(struct daemon *d)
{
	char url[PATH_MAX];
	const char *wish = config_text(d->config, CONFIG_STORE_URL);
	if (*wish)
		snprintf(url, sizeof(url), "%s", wish);
	else
		snprintf(url, sizeof(url), "sqlite:%s/muster.db",
			 config_text(d->config, CONFIG_SERVER_STATE_DIR));
	snprintf(d->state_dir, sizeof(d->state_dir), "%s", config_text(d->config, CONFIG_SERVER_STATE_DIR));
	if (strncmp(url, SQLITE_URL, strlen(SQLITE_URL)) == 0)
		snprintf(d->store_path, sizeof(d->store_path), "%s", url + strlen(SQLITE_URL));
	umask(077);
	/* What SQLite may have to undo of a large change lies beside the database, not in a shared /var/tmp.
	 */
	setenv("SQLITE_TMPDIR", config_text(d->config, CONFIG_SERVER_STATE_DIR), 0);
	int error = d->store_path[0] ? place_finish(d->store_path) : 0;
	if (!error)
		error = store_open(url, &d->store);
	if (!error)
		error = broker_open(&d->broker, d->store, d->key, &d->counters);
	d->broker_open = !error;
	if (error)
		return complain(error, url);
	broker_keep_time(&d->broker, d->time);
	error = voice_settings_read(d->config, &d->site_key);
	if (error)
		return error;
	d->broker.voice.key = d->site_key;
	d->broker.voice.index = (unsigned)config_number(d->config, CONFIG_OFFLINE_INDEX);
	d->broker.voice.days = (unsigned)config_number(d->config, CONFIG_OFFLINE_DAYS);
	broker_started(&d->broker, wall(d), MUSTER_VERSION);
	error = atomic_load(&d->broker.fatal);
	return error ? complain(error, url) : 0;
}

static struct net_limits limits_of(const struct config *c)
{
	struct net_limits limits = {
		.max_connections = (uint32_t)config_number(c, CONFIG_LIMITS_CONNECTIONS),
		.max_unauthenticated = (uint32_t)config_number(c, CONFIG_LIMITS_UNAUTHENTICATED),
		.handshakes_per_second = (uint32_t)config_number(c, CONFIG_LIMITS_HANDSHAKES),
		.handshakes_per_source = (uint32_t)config_number(c, CONFIG_LIMITS_SOURCE),
		.new_devices_per_source = (uint32_t)config_number(c, CONFIG_LIMITS_ENROL),
		.wrong_codes_per_source = (uint32_t)config_number(c, CONFIG_LIMITS_GUESSES),
		.connections_per_source = (uint32_t)config_number(c, CONFIG_LIMITS_OPEN),
		.penalty_seconds = (uint32_t)config_number(c, CONFIG_LIMITS_PENALTY),
		.at_once_per_source = (uint32_t)config_number(c, CONFIG_LIMITS_AT_ONCE),
		.at_once_per_network = (uint32_t)config_number(c, CONFIG_LIMITS_NETWORK),
		.per_device = {.requests_per_hour = (uint32_t)config_number(c, CONFIG_LIMITS_REQUESTS),
			       .releases_per_day = (uint32_t)config_number(c, CONFIG_LIMITS_RELEASES)},
		.idle_seconds = (uint32_t)config_number(c, CONFIG_LIMITS_IDLE),
	};
	char word[80];
	while (limits.n_exempt < NET_EXEMPT_MAX &&
	       config_word(c, CONFIG_LIMITS_EXEMPT, limits.n_exempt, word, sizeof(word)) &&
	       exempt_read(word, &limits.exempt[limits.n_exempt]))
		limits.n_exempt++;
	return limits;
}

static void apply_config(struct daemon *d)
{
	enum log_level level = LOG_LEVEL_INFO;
	enum log_format format = LOG_FORMAT_TEXT;
	struct net_limits limits = limits_of(d->config);
	log_level_read(config_text(d->config, CONFIG_LOG_LEVEL), &level);
	log_level_set(level);
	log_format_read(config_text(d->config, CONFIG_LOG_FORMAT), &format);
	log_format_set(format);
	if (d->net)
		net_limit(d->net, &limits);
	atomic_store(&d->broker.renew_minutes, (unsigned)config_number(d->config, CONFIG_POLICY_RENEW));
	atomic_store(&d->health.backup_days, (unsigned)config_number(d->config, CONFIG_BACKUP_WARN));
	atomic_store(&d->health.idle_hours, (unsigned)config_number(d->config, CONFIG_HEALTH_IDLE));
	atomic_store(&d->health.disk_mb, (unsigned)config_number(d->config, CONFIG_HEALTH_DISK));
	atomic_store(&d->health.wal_mb, (unsigned)config_number(d->config, CONFIG_HEALTH_WAL));
	atomic_store(&d->broker.slow_ms, (unsigned)config_number(d->config, CONFIG_LOG_SLOW));
	atomic_store(&d->broker.audit_days, (unsigned)config_number(d->config, CONFIG_AUDIT_RETAIN));
	atomic_store(&d->broker.retry_minutes, (unsigned)config_number(d->config, CONFIG_POLICY_RETRY));
}

static void note_config(struct daemon *d)
{
	atomic_store(&d->counters.reload_good, 1);
	atomic_store(&d->counters.reload_at, wall(d));
}

/* The loop does not wait for the row: a failing store has its own lines. */
static void audit_config(struct daemon *d, const struct config *fresh)
{
	struct job *job = d->lane ? job_new(JOB_NOTE, 0) : NULL;
	if (!job)
		return;
	strcpy(job->actor, "host");
	strcpy(job->act, "config.reloaded");
	job->finished = job_free;
	job->event_detail =
		json_pack("{s:s*, s:o*}", "file", fresh->path, "changes", config_changes(d->config, fresh));
	if (lane_submit(d->lane, job))
		job_free(job);
}

/* What needs a restart stays as it is, so that what is shown is what is in force. */
static void take_config(struct daemon *d, struct config *fresh)
{
	enum config_id id = config_differs(d->config, fresh);
	if (id != CONFIG_COUNT)
		log_event(EVENT_CONFIG_RESTART, LOG_TEXT(KEY, config_name(id)));
	if (config_keep(fresh, d->config)) {
		log_event(EVENT_CONFIG_REFUSED);
		config_free(fresh);
		return;
	}
	audit_config(d, fresh);
	pthread_mutex_lock(&d->config_lock);
	struct config *old = d->config;
	d->config = fresh;
	pthread_mutex_unlock(&d->config_lock);
	config_free(old);
	apply_config(d);
	note_config(d);
	log_event(EVENT_CONFIG_RELOADED);
}

static void on_reload(void *context)
{
	struct daemon *d = context;
	struct config *fresh;
	sd_notify(0, "RELOADING=1");
	if (config_load(d->config_path, &fresh)) {
		atomic_store(&d->counters.reload_good, 0);
		log_event(EVENT_CONFIG_REFUSED);
	} else {
		take_config(d, fresh);
	}
	sd_notify(0, "READY=1");
}

static void on_tick(void *context)
{
	(void)context;
	log_tell_suppressed(false);
	sd_notify(0, "WATCHDOG=1");
}

static json_t *on_config(void *context)
{
	struct daemon *d = context;
	pthread_mutex_lock(&d->config_lock);
	json_t *items = config_items(d->config);
	pthread_mutex_unlock(&d->config_lock);
	return items;
}

static int open_time(struct daemon *d)
{
	struct clock clock = clock_system();
	d->time = timekeeper_new(&clock);
	return d->time ? 0 : complain(E_NO_MEMORY, "clock");
}

static int open_net(struct daemon *d)
{
	struct net_settings settings = {
		.broker = &d->broker,
		.counters = &d->counters,
		.clock = timekeeper_clock(d->time),
		.system = timekeeper_system(d->time),
		.limits = limits_of(d->config),
		.on_reload = on_reload,
		.on_tick = on_tick,
		.context = d,
	};
	char address[NET_ADDRESS_TEXT];
	int error = net_open(&settings, &d->net);
	if (error)
		return complain(error, "event loop");
	size_t adopted = 0;
	for (int fd; !error && (fd = activation_tcp(adopted)) >= 0; adopted++)
		error = net_adopt(d->net, fd);
	if (error)
		return complain(error, "socket of the service manager");
	for (size_t i = 0;
	     !adopted && config_word(d->config, CONFIG_SERVER_LISTEN, i, address, sizeof(address)); i++) {
		error = net_listen(d->net, address);
		if (error)
			return complain(error, address);
	}
	return 0;
}

/* Is somebody serving on this socket? A dead daemon's socket file may be replaced, a living one's not. */
static bool socket_lives(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool lives = fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0;
	if (fd >= 0)
		close(fd);
	return lives;
}

static int bind_socket(const char *path, mode_t mode, const char *group, int *ret)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const struct group *entry = group ? getgrnam(group) : NULL;
	struct stat st;
	if (strlen(path) >= sizeof(address.sun_path))
		return complain(E_CONFIG_INVALID, path);
	strcpy(address.sun_path, path);
	if (socket_lives(&address)) {
		errno = EADDRINUSE;
		return complain(E_CANNOT_CREATE, path);
	}
	if (lstat(path, &st) == 0 && !S_ISSOCK(st.st_mode)) {
		errno = EEXIST; /* somebody's file, not a dead daemon's socket */
		return complain(E_CANNOT_CREATE, path);
	}
	unlink(path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) || listen(fd, SOCKET_BACKLOG)) {
		complain(E_CANNOT_CREATE, path);
		if (fd >= 0)
			close(fd);
		return E_CANNOT_CREATE;
	}
	/* The file was made for nobody but us (umask); now it is opened to whom it is for. Under the unit the
	 * group is ours already, and chown a call that kills. */
	bool other = entry && (lstat(path, &st) || st.st_gid != entry->gr_gid);
	if ((other && chown(path, (uid_t)-1, entry->gr_gid)) || chmod(path, mode))
		log_event(EVENT_HOST_SOCKET, LOG_TEXT(OBJECT, path), LOG_TEXT(DETAIL, strerror(errno)));
	*ret = fd;
	return 0;
}

static int open_admin(struct daemon *d)
{
	static const struct {
		enum config_id path;
		mode_t mode;
		const char *group;
		bool status_only;
	} sockets[2] = {{CONFIG_ADMIN_SOCKET, 0660, "muster", false},
			{CONFIG_ADMIN_STATUS_SOCKET, 0666, NULL, true}};
	struct admin_settings settings = {
		.broker = &d->broker,
		.lane = d->lane,
		.store = d->store,
		.counters = &d->counters,
		.clock = timekeeper_clock(d->time),
		.health = &d->health,
		.state_dir = d->state_dir,
		.store_path = d->store_path[0] ? d->store_path : NULL,
		.name = d->name,
		.dns = dns_service_watch(d->dns),
		.vault = d->vault,
		.config = on_config,
		.config_context = d,
	};
	settings.n_listeners = net_addresses(d->net, settings.listeners);
	for (size_t i = 0; i < 2; i++) {
		const char *path = config_text(d->config, sockets[i].path);
		int error = 0;
		d->sockets[i] = activation_unix(path);
		d->adopted[i] = d->sockets[i] >= 0;
		if (!d->adopted[i])
			error = bind_socket(path, sockets[i].mode, sockets[i].group, &d->sockets[i]);
		if (error)
			return error;
		error = admin_start(&settings, d->sockets[i], sockets[i].status_only, &d->admins[i]);
		if (error) {
			close(d->sockets[i]);
			if (!d->adopted[i])
				unlink(path);
			return complain(error, path);
		}
	}
	return 0;
}

static int open_dns(struct daemon *d)
{
	struct watch_settings settings;
	const char *addresses[NET_LISTENERS_MAX];
	size_t n = net_addresses(d->net, addresses);
	int error = dns_settings_read(d->config, d->name, n ? addresses[0] : "", &settings);
	if (!error) {
		error = dns_service_start(&settings, &d->broker, d->lane, d->store, &d->dns);
		if (error)
			complain(error, "DNS thread");
	}
	explicit_bzero(&settings, sizeof(settings));
	return error;
}

static int open_lane(struct daemon *d)
{
	struct clock clock = timekeeper_clock(d->time);
	int error = lane_start(&d->broker, &clock, net_jobs_done, d->net, &d->lane);
	if (error)
		return complain(error, "store thread");
	net_attach(d->net, d->lane);
	return 0;
}

static int open_vault(struct daemon *d)
{
	struct vault_settings settings = {
		.broker = &d->broker,
		.lane = d->lane,
		.store = d->store,
		.clock = timekeeper_clock(d->time),
		.name = d->name,
		.folder = config_text(d->config, CONFIG_SERVER_STATE_DIR),
		.dir = config_text(d->config, CONFIG_BACKUP_DIR),
		.every_hours = config_number(d->config, CONFIG_BACKUP_EVERY),
		.keep = config_number(d->config, CONFIG_BACKUP_KEEP),
	};
	int error = vault_start(&settings, &d->vault);
	return error ? complain(error, "backups") : 0;
}

static void set_name(struct daemon *d)
{
	const char *wish = config_text(d->config, CONFIG_SERVER_NAME);
	if (*wish)
		snprintf(d->name, sizeof(d->name), "%s", wish);
	else if (gethostname(d->name, sizeof(d->name) - 1))
		snprintf(d->name, sizeof(d->name), "localhost");
}

/* Ports first: when they are taken, nothing has been made yet. */
static int start(struct daemon *d)
{
	static int (*const steps[])(struct daemon *) = {open_time,  open_net,   open_state_dir,
							open_key,   open_store, open_lane,
							open_vault, open_dns,   open_admin};
	int error = 0;
	set_name(d);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && !error; i++)
		error = steps[i](d);
	return error;
}

static void announce(const struct daemon *d)
{
	const char *addresses[NET_LISTENERS_MAX];
	char line[NET_LISTENERS_MAX * (NET_ADDRESS_TEXT + 1)] = "";
	size_t n = net_addresses(d->net, addresses);
	for (size_t i = 0; i < n; i++) {
		strcat(line, i ? " " : "");
		strcat(line, addresses[i]);
	}
	log_event(EVENT_HOST_READY, LOG_TEXT(VERSION, MUSTER_VERSION), LOG_TEXT(LISTEN, line),
		  LOG_TEXT(HOST, d->key->id));
	sd_notify(0, "READY=1");
}

static void stop(struct daemon *d)
{
	sd_notify(0, "STOPPING=1");
	dns_service_stop(d->dns);
	for (size_t i = 0; i < 2; i++) {
		if (d->admins[i]) {
			admin_stop(d->admins[i]); /* closes the socket */
			if (!d->adopted[i])
				unlink(config_text(d->config,
						   i ? CONFIG_ADMIN_STATUS_SOCKET : CONFIG_ADMIN_SOCKET));
		}
	}
	dns_service_free(d->dns);
	vault_stop(d->vault);
	if (d->lane) {
		lane_stop(d->lane);
		broker_stopped(&d->broker, wall(d), MUSTER_VERSION);
	}
	if (d->net)
		net_close(d->net);
	if (d->broker_open)
		broker_close(&d->broker);
	store_close(d->store);
	host_key_free(d->key);
	sodium_free(d->site_key);
	timekeeper_free(d->time);
	if (d->lock >= 0)
		close(d->lock);
}

static int exit_code(int error)
{
	return error ? error_row(error)->exit : 0;
}

static int run(struct daemon *d)
{
	apply_config(d);
	int error = start(d);
	if (!error) {
		apply_config(d);
		note_config(d);
		announce(d);
		error = net_run(d->net);
		log_event(EVENT_HOST_STOPPED);
	}
	stop(d);
	return exit_code(error);
}

/* --- the command line --- */

static int usage(FILE *out, int code)
{
	fprintf(out,
		"Usage: musterd [--config FILE] [--check-config] [--version]\n"
		"       musterd [--config FILE] --restore FILE [--force] [--dry-run] [--with-key]\n"
		"       musterd --verify-backup FILE\n"
		"       musterd --repair DATABASE [--dry-run]\n"
		"The activation host. Keys of the configuration: musterd.conf(5). All but the first are\n"
		"easier with 'musterctl backup', 'restore' and 'doctor', which run these.\n");
	return code;
}

/* Keys are in memory: no core dumps, and nobody but root looks inside. */
static void hide_memory(void)
{
	const struct rlimit none = {0, 0};
	setrlimit(RLIMIT_CORE, &none);
#ifndef __SANITIZE_ADDRESS__ /* whose leak check traces the process */
	prctl(PR_SET_DUMPABLE, 0);
#endif
}

int main(int argc, char **argv)
{
	static const struct option options[] = {{"config", required_argument, NULL, 'c'},
						{"check-config", no_argument, NULL, 'k'},
						{"restore", required_argument, NULL, 'r'},
						{"verify-backup", required_argument, NULL, 'b'},
						{"repair", required_argument, NULL, 'd'},
						{"force", no_argument, NULL, 'f'},
						{"dry-run", no_argument, NULL, 'n'},
						{"with-key", no_argument, NULL, 'w'},
						{"version", no_argument, NULL, 'v'},
						{"help", no_argument, NULL, 'h'},
						{NULL, 0, NULL, 0}};
	static struct daemon d = {.lock = -1, .config_lock = PTHREAD_MUTEX_INITIALIZER};
	struct offline offline = {NULL};
	bool check_only = false;
	int option;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'c')
			d.config_path = optarg;
		else if (option == 'k')
			check_only = true;
		else if (option == 'r')
			offline.restore = optarg;
		else if (option == 'b')
			offline.verify = optarg;
		else if (option == 'd')
			offline.repair = optarg;
		else if (option == 'f')
			offline.force = true;
		else if (option == 'n')
			offline.dry_run = true;
		else if (option == 'w')
			offline.with_key = true;
		else if (option == 'v')
			return printf("musterd %s\n", MUSTER_VERSION) < 0;
		else
			return option == 'h' ? usage(stdout, 0) : usage(stderr, 64);
	}
	if (optind < argc)
		return usage(stderr, 64);
	if (!d.config_path && access(DEFAULT_CONFIG, F_OK) == 0)
		d.config_path = DEFAULT_CONFIG;
	if (sodium_init() < 0)
		return exit_code(E_INTERNAL);
	hide_memory();
	admin_prepare();
	log_open();
	int error = config_load(d.config_path, &d.config);
	if (error)
		return exit_code(error == E_NO_MEMORY ? complain(error, "the configuration") : error);
	bool files = offline.restore || offline.verify || offline.repair;
	int code = check_only ? 0 : files ? offline_run(&offline, d.config) : run(&d);
	config_free(d.config);
	return code;
}
