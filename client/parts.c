/* SPDX-License-Identifier: Apache-2.0 */
#include "parts.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE_ROOM 1024
#define LINES_MAX 4096
#define ENTRIES_MAX 256 /* of a folder that are looked at */
#define STACKED_MAX 16  /* block devices on top of each other */
#define VPD_HEADER 4    /* bytes before the serial in a SCSI page 0x80 */
#define MACHINE_ID 32
#define MAC_TEXT 18
#define KIB_PER_GIB (1024 * 1024)
#define BLOCK "/sys/class/block/"
#define NET "/sys/class/net"

/* --- text --- */

/* Lower-case ASCII without white space at its ends. */
static void tidy(char *text)
{
	size_t n = 0;
	for (size_t i = 0; text[i]; i++) {
		unsigned char c = (unsigned char)text[i];
		if (c < 0x7f && (isprint(c) || isspace(c)) && (n || !isspace(c)))
			text[n++] = (char)tolower(c);
	}
	while (n && isspace((unsigned char)text[n - 1]))
		n--;
	text[n] = 0;
}

/* "00000000-0000-...", "ffff", "xxxx". */
static bool is_one_character(const char *text)
{
	for (size_t i = 0; text[i]; i++)
		if (text[i] != text[0] && text[i] != '-')
			return false;
	return true;
}

/* What firmware writes where it has nothing to say: it would make strangers look alike. */
static bool says_nothing(const char *text)
{
	static const char *const fillers[] = {
		"default string",
		"to be filled by o.e.m.",
		"to be filled by oem",
		"system serial number",
		"base board serial number",
		"not specified",
		"not applicable",
		"not available",
		"not present",
		"no asset tag",
		"none",
		"n/a",
		"unknown",
		"invalid",
		"empty",
		"0123456789",
		"123456789",
		"03000200-0400-0500-0006-000700080009",
	};
	for (size_t i = 0; i < sizeof(fillers) / sizeof(fillers[0]); i++)
		if (strcmp(text, fillers[i]) == 0)
			return true;
	return is_one_character(text);
}

static void add(struct parts *parts, enum hardware_kind kind, char *value)
{
	tidy(value);
	if (parts->n == LIMIT_COMPONENTS || says_nothing(value) || strlen(value) >= PART_VALUE)
		return;
	struct part *part = &parts->rows[parts->n++];
	part->kind = kind;
	strcpy(part->value, value);
}

/* --- files --- */

static bool path_of(char out[PATH_MAX], const char *root, const char *path, const char *name)
{
	return snprintf(out, PATH_MAX, "%s%s%s", root, path, name) < PATH_MAX;
}

/* What stands in a small file from a byte on, up to its first line's end; false: nothing. */
static bool read_text(const char *root, const char *path, const char *name, size_t from, char out[LINE_ROOM])
{
	char whole[PATH_MAX];
	if (!path_of(whole, root, path, name))
		return false;
	int fd = open(whole, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return false;
	ssize_t got = read(fd, out, LINE_ROOM - 1);
	close(fd);
	if (got <= (ssize_t)from)
		return false;
	out[got] = 0;
	memmove(out, out + from, (size_t)got - from + 1);
	out[strcspn(out, "\n")] = 0;
	return out[0] != 0;
}

/* The value behind "KEY :" in a long file. */
static bool read_member(const char *root, const char *path, const char *key, char out[LINE_ROOM])
{
	char whole[PATH_MAX];
	FILE *in = path_of(whole, root, path, "") ? fopen(whole, "re") : NULL;
	bool found = false;
	for (int i = 0; in && !found && i < LINES_MAX && fgets(out, LINE_ROOM, in); i++) {
		char *colon = strchr(out, ':');
		size_t n = strlen(key);
		if (!colon || strncmp(out, key, n) != 0 ||
		    strspn(out + n, " \t") != (size_t)(colon - out) - n)
			continue;
		memmove(out, colon + 1, strlen(colon));
		found = true;
	}
	if (in)
		fclose(in);
	return found;
}

/* --- the parts --- */

static void add_machine_id(const char *root, struct parts *parts)
{
	char text[LINE_ROOM];
	if (!read_text(root, "/etc/machine-id", "", 0, text))
		return;
	tidy(text);
	/* An image that was not started yet says "uninitialized". */
	if (strlen(text) == MACHINE_ID && strspn(text, "0123456789abcdef") == MACHINE_ID)
		add(parts, HARDWARE_MACHINE_ID, text);
}

static void add_dmi(const char *root, struct parts *parts, enum hardware_kind kind, const char *name)
{
	char text[LINE_ROOM];
	if (read_text(root, "/sys/class/dmi/id/", name, 0, text))
		add(parts, kind, text);
}

/* --- the disk below the root file system --- */

/* Of the last mount on "/": its device as "8:1", or for a file system without one of its own the name in
 * /dev. */
static bool find_root(const char *root, char out[LINE_ROOM])
{
	char path[PATH_MAX];
	char line[LINE_ROOM];
	bool found = false;
	FILE *in = path_of(path, root, "/proc/self/mountinfo", "") ? fopen(path, "re") : NULL;
	for (int i = 0; in && i < LINES_MAX && fgets(line, sizeof(line), in); i++) {
		char number[32];
		char point[4];
		char source[256] = "";
		if (sscanf(line, "%*s %*s %31s %*s %3s", number, point) != 2 || strcmp(point, "/") != 0)
			continue;
		const char *rest = strstr(line, " - ");
		if (rest)
			sscanf(rest, " - %*s %255s", source);
		found = strncmp(number, "0:", 2) != 0 || strncmp(source, "/dev/", 5) == 0;
		if (strncmp(number, "0:", 2) != 0)
			snprintf(out, LINE_ROOM, "/sys/dev/block/%s", number);
		else
			snprintf(out, LINE_ROOM, BLOCK "%s", source + (found ? 5 : 0));
	}
	if (in)
		fclose(in);
	return found;
}

/* The first name of a folder by order of the alphabet. */
static bool first_entry(const char *path, char out[NAME_MAX + 1])
{
	DIR *folder = opendir(path);
	struct dirent *e;
	out[0] = 0;
	for (int i = 0; folder && i < ENTRIES_MAX && (e = readdir(folder)) != NULL; i++)
		if (e->d_name[0] != '.' && (!out[0] || strcmp(e->d_name, out) < 0))
			strcpy(out, e->d_name);
	if (folder)
		closedir(folder);
	return out[0] != 0;
}

/* From a partition to its disk, from a mapped or striped device to the first one below it. */
static bool go_down(char at[PATH_MAX])
{
	char name[NAME_MAX + 1];
	char next[PATH_MAX];
	if (path_of(next, at, "/partition", "") && access(next, F_OK) == 0) {
		*strrchr(at, '/') = 0;
		return true;
	}
	if (!path_of(next, at, "/slaves", "") || !first_entry(next, name))
		return false;
	char below[PATH_MAX];
	return path_of(below, next, "/", name) && realpath(below, at);
}

static void add_disk(const char *root, struct parts *parts)
{
	static const struct {
		const char *name;
		size_t from;
	} files[] = {
		{"/serial", 0}, {"/device/serial", 0}, {"/device/vpd_pg80", VPD_HEADER}, {"/device/wwid", 0}};
	char text[LINE_ROOM];
	char path[PATH_MAX];
	char at[PATH_MAX];
	if (!find_root(root, text) || !path_of(path, root, text, "") || !realpath(path, at))
		return;
	for (int i = 0; i < STACKED_MAX && go_down(at); i++)
		;
	size_t before = parts->n;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]) && parts->n == before; i++)
		if (read_text("", at, files[i].name, files[i].from, text))
			add(parts, HARDWARE_DISK, text);
}

/* --- network --- */

/* Is it a port of the machine itself? Adapters on USB come and go, and virtual ones have no device. */
static bool is_port(const char *root, const char *name)
{
	char folder[PATH_MAX];
	char path[PATH_MAX];
	char bus[PATH_MAX];
	char type[LINE_ROOM];
	if (!path_of(folder, NET "/", name, "") || !path_of(path, root, folder, "/device") ||
	    access(path, F_OK))
		return false;
	if (!read_text(root, folder, "/type", 0, type) || strcmp(type, "1") != 0)
		return false;
	if (!path_of(path, root, folder, "/device/subsystem"))
		return false;
	ssize_t n = readlink(path, bus, sizeof(bus) - 1);
	bus[n > 0 ? n : 0] = 0;
	const char *slash = strrchr(bus, '/');
	return strcmp(slash ? slash + 1 : bus, "usb") != 0;
}

/* The address it was made with, not one that was set later. */
static bool permanent(const char *root, const char *name, char out[LINE_ROOM])
{
	char folder[PATH_MAX];
	if (!path_of(folder, NET "/", name, "") || !is_port(root, name))
		return false;
	bool found = read_text(root, folder, "/bonding_slave/perm_hwaddr", 0, out) ||
		     (read_text(root, folder, "/addr_assign_type", 0, out) && strcmp(out, "0") == 0 &&
		      read_text(root, folder, "/address", 0, out));
	tidy(out);
	return found && strlen(out) == MAC_TEXT - 1;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void add_macs(const char *root, struct parts *parts)
{
	char found[ENTRIES_MAX][MAC_TEXT];
	char path[PATH_MAX];
	size_t n = 0;
	DIR *folder = path_of(path, root, NET, "") ? opendir(path) : NULL;
	struct dirent *e;
	for (int i = 0; folder && i < ENTRIES_MAX && (e = readdir(folder)) != NULL; i++) {
		char text[LINE_ROOM];
		if (e->d_name[0] != '.' && permanent(root, e->d_name, text))
			memcpy(found[n++], text, MAC_TEXT);
	}
	if (folder)
		closedir(folder);
	qsort(found, n, sizeof(found[0]), by_text);
	for (size_t i = 0, told = 0; i < n && told < HARDWARE_MACS; i++) {
		if (i && strcmp(found[i], found[i - 1]) == 0)
			continue;
		add(parts, HARDWARE_MAC, found[i]);
		told++;
	}
}

/* --- all --- */

static void add_memory(const char *root, struct parts *parts)
{
	char text[LINE_ROOM];
	if (!read_member(root, "/proc/meminfo", "MemTotal", text))
		return;
	long long kib = strtoll(text, NULL, 10);
	if (kib <= 0 || kib > LLONG_MAX - KIB_PER_GIB)
		return;
	/* The kernel keeps a part for itself that differs from version to version. */
	snprintf(text, sizeof(text), "%lld", (kib + KIB_PER_GIB - 1) / KIB_PER_GIB);
	struct part *part = &parts->rows[parts->n++];
	part->kind = HARDWARE_MEMORY;
	snprintf(part->value, sizeof(part->value), "%.32s", text);
}

void parts_read_origin(const char *root, struct parts *ret)
{
	memset(ret, 0, sizeof(*ret));
	add_machine_id(root, ret);
	add_dmi(root, ret, HARDWARE_UUID, "product_uuid");
}

void parts_read(const char *root, struct parts *ret)
{
	char text[LINE_ROOM];
	parts_read_origin(root, ret);
	add_dmi(root, ret, HARDWARE_BOARD, "board_serial");
	add_disk(root, ret);
	add_macs(root, ret);
	if (read_member(root, "/proc/cpuinfo", "model name", text))
		add(ret, HARDWARE_CPU, text);
	add_memory(root, ret);
}
