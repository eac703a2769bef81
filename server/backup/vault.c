/* SPDX-License-Identifier: Apache-2.0 */
#include "vault.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "backup.h"
#include "error.h"
#include "log.h"
#include "rfc3339.h"

#define WAITING_FILE "backup.fetch" /* in the state folder */
#define FETCH_SECONDS 3600          /* that it lies there */
#define LOOK_SECONDS 30             /* between looks at the schedule */
#define RETRY_SECONDS 600           /* after a scheduled one failed */
#define NICE 10
#define NAME_HEAD "muster-"
#define NAME_TAIL ".backup"
#define NAME_STAMP 16 /* 20261126T074200Z */
#define KEEP_MAX 1024

enum vault_state { VAULT_NONE, VAULT_RUNNING, VAULT_VERIFYING, VAULT_READY, VAULT_FAILED };

struct vault {
	struct vault_settings settings;
	char name[LIMIT_HOSTNAME + 1];
	char folder[PATH_MAX];
	char dir[PATH_MAX];
	char waiting[PATH_MAX + sizeof(WAITING_FILE)];
	pthread_t thread;
	bool started;
	pthread_mutex_t lock; /* for all below */
	pthread_cond_t wake;
	bool stopping;
	bool asked;
	enum vault_state state;
	int64_t done;
	int64_t total;
	struct archive_info info; /* of what is ready */
	int64_t ready_at;
	int code;
	char detail[BACKUP_DETAIL];
	char actor[64];
	char *passphrase; /* in locked memory; NULL: none */
	size_t passphrase_n;
	int64_t next; /* of the schedule */
};

/* --- making one --- */

static int on_progress(int64_t done, int64_t total, void *context)
{
	struct vault *v = context;
	pthread_mutex_lock(&v->lock);
	v->done = done;
	v->total = total;
	if (done == total && v->state == VAULT_RUNNING)
		v->state = VAULT_VERIFYING;
	int stop = v->stopping ? E_STOPPING : 0;
	pthread_mutex_unlock(&v->lock);
	return stop;
}

/* That it was made is durable in the ledger, for the audit log and for health. */
static int note(struct vault *v, const struct archive_info *info, const char *actor, const char *where)
{
	struct job *job = job_new(JOB_HOST, 0);
	if (!job)
		return E_NO_MEMORY;
	job->event = HOST_BACKED_UP;
	job->event_time = info->time;
	job->event_detail = json_pack("{s:I, s:b, s:s*}", "seq", (json_int_t)info->file.audit, "key",
				      info->has_key, "file", where);
	snprintf(job->actor, sizeof(job->actor), "%s", actor);
	int error = lane_call(v->settings.lane, job);
	if (!error)
		error = job->code;
	job_free(job);
	return error;
}

static int make(struct vault *v, const char *path, const char *passphrase, size_t n, bool fetched,
		struct archive_info *ret, char detail[BACKUP_DETAIL])
{
	struct backup_order order = {.key = v->settings.broker->key,
				     .ledger = v->settings.broker->ledger,
				     .name = v->name,
				     .now = clock_wall(&v->settings.clock),
				     .passphrase = passphrase,
				     .passphrase_n = n,
				     .watch = on_progress,
				     .context = v};
	int error = store_reader(v->settings.store, &order.reader);
	if (error)
		return error;
	error = backup_make(&order, path, ret, detail);
	store_close(order.reader);
	if (!error)
		error = note(v, ret, fetched ? v->actor : "host", fetched ? NULL : path);
	if (error)
		log_event(EVENT_BACKUP_FAILED, LOG_CODE(error), LOG_TEXT(DETAIL, detail));
	else
		log_event(EVENT_BACKUP_MADE, LOG_NUMBER(AUDIT, ret->file.audit),
			  LOG_TEXT(KEY_KEPT, ret->has_key ? "yes" : "no"),
			  LOG_TEXT(FILE, fetched ? NULL : path));
	return error;
}

static void wipe_passphrase(struct vault *v)
{
	sodium_free(v->passphrase);
	v->passphrase = NULL;
}

/* The order was noted under the lock; it runs without it. */
static void run_asked(struct vault *v)
{
	struct archive_info info;
	char detail[BACKUP_DETAIL] = "";
	unlink(v->waiting);
	pthread_mutex_unlock(&v->lock);
	int error = make(v, v->waiting, v->passphrase, v->passphrase_n, true, &info, detail);
	pthread_mutex_lock(&v->lock);
	wipe_passphrase(v);
	v->asked = false;
	v->code = error;
	v->state = error ? VAULT_FAILED : VAULT_READY;
	memcpy(v->detail, detail, sizeof(v->detail));
	if (!error)
		v->info = info;
	v->ready_at = clock_wall(&v->settings.clock);
	if (error)
		unlink(v->waiting);
}

/* --- the schedule --- */

static bool is_ours(const char *name)
{
	size_t head = sizeof(NAME_HEAD) - 1;
	size_t tail = sizeof(NAME_TAIL) - 1;
	return strlen(name) == head + NAME_STAMP + tail && strncmp(name, NAME_HEAD, head) == 0 &&
	       strcmp(name + head + NAME_STAMP, NAME_TAIL) == 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(a, b);
}

typedef char backup_name[sizeof(NAME_HEAD) + NAME_STAMP + sizeof(NAME_TAIL)];

/* The scheduled ones that are there, the oldest first, since their names are times. */
static size_t list_kept(const char *dir, backup_name *all, size_t room)
{
	size_t n = 0;
	DIR *d = opendir(dir);
	for (struct dirent *e; d && n < room && (e = readdir(d)) != NULL;)
		if (is_ours(e->d_name))
			strcpy(all[n++], e->d_name); /* its length was looked at */
	if (d)
		closedir(d);
	qsort(all, n, sizeof(all[0]), by_name);
	return n;
}

/* Older ones go only after a newer one is good. */
static void rotate(struct vault *v)
{
	backup_name *all = calloc(KEEP_MAX, sizeof(*all));
	size_t n = all ? list_kept(v->dir, all, KEEP_MAX) : 0;
	char path[PATH_MAX + sizeof(backup_name)];
	for (size_t i = 0; i + (size_t)v->settings.keep < n; i++) {
		snprintf(path, sizeof(path), "%s/%s", v->dir, all[i]);
		if (unlink(path))
			log_event(EVENT_BACKUP_KEPT, LOG_TEXT(FILE, path), LOG_TEXT(DETAIL, strerror(errno)));
	}
	free(all);
}

static void stamp(int64_t at, char out[NAME_STAMP + 1])
{
	time_t seconds = (time_t)at;
	struct tm tm;
	gmtime_r(&seconds, &tm);
	strftime(out, NAME_STAMP + 1, "%Y%m%dT%H%M%SZ", &tm);
}

static void run_scheduled(struct vault *v)
{
	struct archive_info info;
	char detail[BACKUP_DETAIL] = "";
	char at[NAME_STAMP + 1];
	char path[PATH_MAX + sizeof(backup_name) + 1];
	int64_t now = clock_wall(&v->settings.clock);
	v->state = VAULT_RUNNING;
	pthread_mutex_unlock(&v->lock);
	stamp(now, at);
	snprintf(path, sizeof(path), "%s/" NAME_HEAD "%s" NAME_TAIL, v->dir, at);
	int error = mkdir(v->dir, 0700) && errno != EEXIST ? E_CANNOT_CREATE : 0;
	if (!error)
		error = make(v, path, NULL, 0, false, &info, detail);
	if (!error)
		rotate(v);
	pthread_mutex_lock(&v->lock);
	v->state = VAULT_NONE;
	v->next = error ? now + RETRY_SECONDS : now + v->settings.every_hours * 3600;
}

/* After a restart the schedule goes on from the newest file. */
static int64_t first_due(const struct vault *v)
{
	backup_name *all = calloc(KEEP_MAX, sizeof(*all));
	size_t n = all ? list_kept(v->dir, all, KEEP_MAX) : 0;
	struct stat st;
	char path[PATH_MAX + sizeof(backup_name)] = "";
	if (n)
		snprintf(path, sizeof(path), "%s/%s", v->dir, all[n - 1]);
	free(all);
	return n && stat(path, &st) == 0 ? (int64_t)st.st_mtime + v->settings.every_hours * 3600 : 0;
}

/* --- the thread --- */

static bool is_due(const struct vault *v)
{
	return v->dir[0] && v->settings.every_hours && clock_wall(&v->settings.clock) >= v->next;
}

/* What nobody fetches does not lie there for ever. */
static void forget_old(struct vault *v)
{
	if (v->state != VAULT_READY || clock_wall(&v->settings.clock) < v->ready_at + FETCH_SECONDS)
		return;
	unlink(v->waiting);
	v->state = VAULT_NONE;
}

static void *vault_main(void *context)
{
	struct vault *v = context;
	pthread_setname_np(pthread_self(), "vault");
	setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), NICE);
	backup_tidy(v->folder);
	if (v->dir[0])
		backup_tidy(v->dir);
	pthread_mutex_lock(&v->lock);
	v->next = v->dir[0] ? first_due(v) : 0;
	while (!v->stopping) {
		struct timespec until;
		if (v->asked)
			run_asked(v);
		else if (v->state != VAULT_READY && is_due(v))
			run_scheduled(v);
		forget_old(v);
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_sec += LOOK_SECONDS;
		if (!v->stopping && !v->asked)
			pthread_cond_timedwait(&v->wake, &v->lock, &until);
	}
	pthread_mutex_unlock(&v->lock);
	return NULL;
}

int vault_start(const struct vault_settings *settings, struct vault **ret)
{
	struct vault *v = calloc(1, sizeof(*v));
	if (!v)
		return E_NO_MEMORY;
	v->settings = *settings;
	snprintf(v->name, sizeof(v->name), "%s", settings->name);
	snprintf(v->folder, sizeof(v->folder), "%s", settings->folder);
	snprintf(v->dir, sizeof(v->dir), "%s", settings->dir);
	snprintf(v->waiting, sizeof(v->waiting), "%s/" WAITING_FILE, v->folder);
	unlink(v->waiting);
	pthread_mutex_init(&v->lock, NULL);
	pthread_cond_init(&v->wake, NULL);
	v->started = pthread_create(&v->thread, NULL, vault_main, v) == 0;
	if (!v->started) {
		vault_stop(v);
		return E_INTERNAL;
	}
	*ret = v;
	return 0;
}

void vault_stop(struct vault *v)
{
	if (!v)
		return;
	pthread_mutex_lock(&v->lock);
	v->stopping = true;
	pthread_cond_signal(&v->wake);
	pthread_mutex_unlock(&v->lock);
	if (v->started)
		pthread_join(v->thread, NULL);
	unlink(v->waiting);
	wipe_passphrase(v);
	pthread_cond_destroy(&v->wake);
	pthread_mutex_destroy(&v->lock);
	free(v);
}

/* --- orders --- */

static bool busy(const struct vault *v)
{
	return v->asked || v->state == VAULT_RUNNING || v->state == VAULT_VERIFYING;
}

int vault_begin(struct vault *v, const char *passphrase, size_t n, const char *actor)
{
	char *copy = passphrase ? sodium_malloc(n) : NULL;
	if (passphrase && !copy)
		return E_NO_MEMORY;
	if (copy)
		memcpy(copy, passphrase, n);
	pthread_mutex_lock(&v->lock);
	bool refused = busy(v);
	if (!refused) {
		v->asked = true;
		v->state = VAULT_RUNNING;
		v->done = v->total = 0;
		v->passphrase = copy;
		v->passphrase_n = n;
		snprintf(v->actor, sizeof(v->actor), "%s", actor);
		pthread_cond_signal(&v->wake);
	}
	pthread_mutex_unlock(&v->lock);
	if (refused)
		sodium_free(copy);
	return refused ? E_BACKUP_RUNNING : 0;
}

json_t *vault_show(struct vault *v)
{
	static const char *const names[] = {"none", "running", "verifying", "ready", "failed"};
	pthread_mutex_lock(&v->lock);
	json_t *object = json_pack("{s:i, s:s, s:I, s:I}", "schema", 1, "state", names[v->state], "done",
				   (json_int_t)v->done, "total", (json_int_t)v->total);
	if (object && v->state == VAULT_READY)
		json_object_set_new(object, "backup", archive_json(&v->info));
	if (object && v->state == VAULT_FAILED)
		json_object_set_new(object, "error",
				    json_pack("{s:s, s:s, s:s, s:s}", "code", error_name(v->code), "text",
					      error_text(v->code), "remedy", error_row(v->code)->remedy,
					      "detail", v->detail));
	pthread_mutex_unlock(&v->lock);
	return object;
}

int vault_open(struct vault *v, int *ret_fd, int64_t *ret_n)
{
	struct stat st;
	pthread_mutex_lock(&v->lock);
	bool ready = v->state == VAULT_READY;
	int fd = ready ? open(v->waiting, O_RDONLY | O_CLOEXEC) : -1;
	pthread_mutex_unlock(&v->lock);
	if (!ready)
		return E_NOT_FOUND;
	if (fd < 0 || fstat(fd, &st)) {
		if (fd >= 0)
			close(fd);
		return E_IO;
	}
	*ret_fd = fd;
	*ret_n = st.st_size;
	return 0;
}

void vault_drop(struct vault *v)
{
	pthread_mutex_lock(&v->lock);
	if (v->state == VAULT_READY || v->state == VAULT_FAILED) {
		unlink(v->waiting);
		v->state = VAULT_NONE;
	}
	pthread_mutex_unlock(&v->lock);
}
