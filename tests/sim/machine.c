/* SPDX-License-Identifier: Apache-2.0 */
/* Machines with the real libmuster: their agent, and what befalls them. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base64url.h"
#include "error.h"
#include "handle.h"
#include "world.h"

/* --- senses --- */

int64_t sense_wall(void)
{
	return world.now + world.here->clock_off;
}

struct boot sense_boot(const char *root)
{
	struct boot b = {.seconds = world.now - world.here->booted};
	(void)root;
	snprintf(b.id, sizeof(b.id), "%zu-%u", (size_t)(world.here - world.machines), world.here->boots);
	return b;
}

uint32_t sense_draw(void *context, uint32_t bound)
{
	(void)context;
	return (uint32_t)chance_below(bound);
}

/* --- disks: a killed program writes nothing any more --- */

bool machine_step(void)
{
	struct machine *m = world.here;
	if (m->dead)
		return false;
	if (m->crash_in == 0)
		m->dead = true;
	else if (m->crash_in > 0)
		m->crash_in--;
	return !m->dead;
}

int __wrap_file_replace(const char *path, const void *bytes, size_t n, unsigned mode);
int __wrap_unlink(const char *path);
int __real_unlink(const char *path);

/* Atomic, and durable at once; the step in which the machine dies may still have been taken. */
int __wrap_file_replace(const char *path, const void *bytes, size_t n, unsigned mode)
{
	char fresh[256];
	bool dead = world.here && world.here->dead;
	if (dead || (world.here && !machine_step() && chance_in(2))) {
		errno = EIO;
		return E_IO;
	}
	snprintf(fresh, sizeof(fresh), "%s.new", path);
	int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	if (fd < 0 || write(fd, bytes, n) != (ssize_t)n || close(fd) || rename(fresh, path))
		abort();
	return world.here && world.here->dead ? E_IO : 0;
}

int __wrap_unlink(const char *path)
{
	if (!world.here || machine_step())
		return __real_unlink(path);
	errno = EIO;
	return -1;
}

/* --- folders --- */

static void write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text) || close(fd))
		abort();
}

static void copy_file(const char *from, const char *to)
{
	char bytes[65536];
	int in = open(from, O_RDONLY | O_CLOEXEC);
	int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	ssize_t n = in < 0 ? -1 : read(in, bytes, sizeof(bytes));
	if (n < 0 || out < 0 || write(out, bytes, (size_t)n) != n)
		abort();
	close(in);
	close(out);
}

/* What lies in a folder, two deep; visit it in no order that matters. */
static void walk(const char *folder, void (*visit)(const char *path, bool is_folder, const char *other),
		 const char *other)
{
	DIR *all = opendir(folder);
	struct dirent *e;
	for (int i = 0; all && i < 1000 && (e = readdir(all)) != NULL; i++) {
		char path[192];
		char to[192];
		struct stat st;
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		snprintf(path, sizeof(path), "%.100s/%.80s", folder, e->d_name);
		snprintf(to, sizeof(to), "%.100s/%.80s", other, e->d_name);
		if (stat(path, &st))
			continue;
		if (S_ISDIR(st.st_mode)) {
			visit(path, true, to);
			walk(path, visit, to);
		} else {
			visit(path, false, to);
		}
	}
	if (all)
		closedir(all);
}

static void copy_one(const char *path, bool is_folder, const char *to)
{
	if (is_folder)
		mkdir(to, 0700);
	else
		copy_file(path, to);
}

static void remove_one(const char *path, bool is_folder, const char *to)
{
	(void)to;
	if (!is_folder)
		__real_unlink(path);
}

static void copy_folder(const char *from, const char *to)
{
	walk(to, remove_one, to);
	mkdir(to, 0700);
	walk(from, copy_one, to);
}

static bool has_uuid(unsigned root)
{
	return root % 2;
}

bool machine_alike(unsigned root, unsigned other)
{
	return has_uuid(root) == has_uuid(other);
}

/* Hardware: with a firmware's UUID; or with nothing that a copy notices by itself, so that the host must. */
const char *machine_root(unsigned root)
{
	static char path[64];
	static const char *const folders[] = {"",           "/etc",           "/sys",
					      "/sys/class", "/sys/class/dmi", "/sys/class/dmi/id"};
	char file[160];
	char text[64];
	snprintf(path, sizeof(path), "%s/root-%u", world.folder, root);
	if (access(path, F_OK) == 0)
		return path;
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		snprintf(file, sizeof(file), "%s%s", path, folders[i]);
		mkdir(file, 0700);
	}
	snprintf(file, sizeof(file), "%s/sys/class/dmi/id/%s", path,
		 has_uuid(root) ? "product_uuid" : "board_serial");
	snprintf(text, sizeof(text), "4c4c4544-0042-3510-8052-b4c04f4a%04x\n", root + 16);
	write_text(file, text);
	return path;
}

/* --- life --- */

struct machine *machine_make(unsigned root)
{
	for (size_t i = 0; i < WORLD_MACHINES; i++) {
		struct machine *m = &world.machines[i];
		if (m->exists)
			continue;
		*m = (struct machine){.exists = true, .root = root, .crash_in = -1};
		m->booted = world.now - (int64_t)chance_below(DAY);
		m->wakes = world.now + (int64_t)chance_below(3 * DAY);
		snprintf(m->state, sizeof(m->state), "%s/machine-%zu", world.folder, i);
		m->wants[0] = true;
		return m;
	}
	return NULL;
}

struct muster *machine_open(struct machine *m)
{
	world.here = m;
	return handle_open(m->state, world.folder, machine_root(m->root), world.n_hosts);
}

static void reboot(struct machine *m)
{
	m->dead = false;
	m->crash_in = -1;
	m->boots++;
	m->booted = world.now;
}

static void tell(const struct machine *m, struct muster *h, const char *what, int code)
{
	trace("machine %zu: %s: %s %s", (size_t)(m - world.machines), what, code ? error_name(code) : "OK",
	      muster_error_detail(h));
	for (int i = 0; i < muster_outcome_count(h); i++)
		trace("    %s: %s %d", muster_outcome_product(h, i), muster_outcome_what(h, i),
		      muster_outcome_code(h, i));
}

/* Ask for what is wanted and not held: what somebody wants who has not asked yet, or what a renewal does not
 * mend. */
static void ask_for_wanted(struct machine *m, struct muster *h)
{
	struct muster_status *s;
	bool ask[2] = {false, false};
	if (muster_status(h, &s))
		return;
	for (size_t i = 0; i < 2; i++) {
		int at = muster_status_find(s, products[i]);
		const char *state = at < 0 ? "" : muster_status_state(s, at);
		ask[i] = m->wants[i] && (strcmp(state, "grace") == 0 || strcmp(state, "tampered") == 0 ||
					 strcmp(state, "unlicensed") == 0);
	}
	muster_status_free(s);
	for (size_t i = 0; i < 2 && !m->dead; i++)
		if (ask[i])
			tell(m, h, "activate", muster_activate(h, products[i], 0));
}

/* The agent's turn: what is due; and now and then somebody looks, always once all is mended. */
static void turn(struct machine *m, struct muster *h)
{
	long long due = -1;
	int code = muster_renew(h, NULL, 1, 0);
	tell(m, h, "renew", code);
	if (!m->dead && (code || world.now >= world.end || chance_in(3)))
		ask_for_wanted(m, h);
	if (m->dead || muster_next_due(h, &due) || due < 0 || due > 7 * DAY)
		due = 7 * DAY;
	/* Who gets nowhere would try all the time: most of them are switched off in between. */
	m->wakes = world.now + (due > DAY ? due : DAY * (int64_t)(1 + chance_below(5)));
}

void machine_turn(struct machine *m)
{
	struct muster *h = machine_open(m);
	turn(m, h);
	muster_free(h);
	if (m->dead) {
		reboot(m);
		m->wakes = world.now + (int64_t)chance_below(DAY);
	}
	world.here = NULL;
}

/* --- harm --- */

static void forgive(struct acked *a)
{
	a->taint = true;
	for (size_t i = 0; i < WORLD_HOSTS; i++) {
		a->hosts[i].served = 0;
		a->hosts[i].left = 0;
	}
}

/* Whatever device this machine is or was may be taken for a copy now. To look kills nothing: who dies at it
 * might have made an identity of which we know nothing. */
static void taint(struct machine *m)
{
	struct muster_status *s;
	const struct machine before = *m;
	m->crash_in = -1;
	m->dead = false;
	struct muster *h = machine_open(m);
	uint8_t id[DEVICE_ID];
	size_t n;
	if (muster_status(h, &s) == 0) {
		const char *text = muster_status_device(s);
		if (base64url_read(text, strlen(text), id, sizeof(id), &n) == 0 && n == DEVICE_ID)
			forgive(check_device(id));
		muster_status_free(s);
	}
	muster_free(h);
	m->crash_in = before.crash_in;
	m->dead = before.dead;
	world.here = NULL;
}

static void take_snapshot(struct machine *m)
{
	snprintf(m->snapshot, sizeof(m->snapshot), "%s/snapshot-%zu", world.folder,
		 (size_t)(m - world.machines));
	copy_folder(m->state, m->snapshot);
}

static void put_back(struct machine *m)
{
	if (!m->snapshot[0])
		return;
	taint(m); /* as what it is now */
	copy_folder(m->snapshot, m->state);
	taint(m); /* and as what it was */
	m->lives++;
	reboot(m);
}

static void copy_machine(struct machine *m, bool same_hardware)
{
	struct machine *copy = machine_make(same_hardware ? m->root : 100 + world.roots++);
	if (!copy)
		return;
	taint(m);
	copy_folder(m->state, copy->state);
	copy->wants[0] = m->wants[0];
	copy->wants[1] = m->wants[1];
	copy->clock_off = m->clock_off;
	copy->back = m->back;
	trace("    the copy is machine %zu", (size_t)(copy - world.machines));
}

static void lose_state(struct machine *m)
{
	char path[96];
	taint(m);
	snprintf(path, sizeof(path), "%s/state.json", m->state);
	__real_unlink(path);
	m->lives++;
}

static void turn_clock(struct machine *m)
{
	static const int64_t jumps[] = {HOUR, -HOUR, 180LL * DAY, -180LL * DAY};
	m->clock_off = jumps[chance_below(4)];
	m->back = world.now + HOUR + (int64_t)chance_below(20 * DAY);
}

static void give_back(struct machine *m)
{
	struct muster *h = machine_open(m);
	size_t i = chance_below(2);
	int code = muster_release(h, products[i], 0);
	tell(m, h, "release", code);
	if (!m->dead && code == 0)
		m->wants[i] = chance_in(2);
	muster_free(h);
	if (m->dead)
		reboot(m);
	world.here = NULL;
}

/* One that is killed at it may still be who it was, and know nothing of it. */
static void generalize(struct machine *m)
{
	taint(m);
	struct muster *h = machine_open(m);
	muster_generalize(h);
	muster_free(h);
	m->lives++;
	if (m->dead)
		reboot(m);
	world.here = NULL;
}

void machine_harm(struct machine *m)
{
	static const char *const words[] = {"snapshot",    "put back", "copied",     "copied elsewhere",
					    "clock",       "off",      "state lost", "gives back",
					    "generalized", "reboots",  "wants",      "to be killed"};
	unsigned what = (unsigned)chance_below(sizeof(words) / sizeof(words[0]));
	/* Harm to machines that sleep for long is rare: they would be copied and put back more than they are
	 * used. */
	if (m->wakes > world.now + 2 * DAY && chance_in(2))
		what = 9;
	trace("machine %zu: %s", (size_t)(m - world.machines), words[what]);
	switch (what) {
	case 0:
		take_snapshot(m);
		break;
	case 1:
		put_back(m);
		break;
	case 2:
	case 3:
		if (chance_in(3))
			copy_machine(m, what == 2);
		break;
	case 4:
		turn_clock(m);
		break;
	case 5:
		m->wakes = world.now + (int64_t)chance_below(40 * DAY);
		break;
	case 6:
		lose_state(m);
		break;
	case 7:
		give_back(m);
		break;
	case 8:
		if (chance_in(4))
			generalize(m);
		break;
	case 9:
		reboot(m);
		break;
	case 10:
		m->wants[chance_below(2)] = true;
		break;
	default:
		m->crash_in = (int)chance_below(14);
	}
}

void machine_mend(struct machine *m)
{
	m->clock_off = 0;
	m->crash_in = -1;
	m->wants[0] = true;
	if (m->wakes > world.now + 3 * DAY)
		m->wakes = world.now + 3 * DAY;
}
