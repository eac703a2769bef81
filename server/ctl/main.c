/* SPDX-License-Identifier: Apache-2.0 */
/* musterctl: the administrator's command. Everything it does goes through the daemon's management API. */
#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "commands.h"
#include "failure.h"
#include "listing.h"
#include "request.h"
#include "signed_text.h"

/* clang-format off */
static const struct command_option globals[] = {
	{"socket", "PATH", "the daemon's socket, else MUSTERCTL_SOCKET, else /run/muster/admin.sock", 0},
	{"json", NULL, "print JSON", 0},
	{NULL, NULL, NULL, 0}};

static const struct command_option list_options[] = {
	LISTING_OPTIONS,
	{NULL, NULL, NULL, 0}};

static const struct command_option activation_options[] = {
	{"product", "P", "only of this product", 0},
	{"state", "S", "only in this state", 0},
	{"expires-before", "T", "only what ends before a date or an RFC 3339 time", 0},
	LISTING_OPTIONS,
	{NULL, NULL, NULL, 0}};

static const struct command_option wait_options[] = {
	{"until", "STATE", "what to wait for: ready", 0},
	{"timeout", "S", "give up after so many seconds (30)", 0},
	{NULL, NULL, NULL, 0}};

static const struct command_option request_options[] = {
	SIGNED_TEXT_OPTION,
	{NULL, NULL, NULL, 0}};

static const struct command_option install_options[] = {
	{"vendor-key", "KEY", "refuse a certificate of another vendor: k4.public... or a file with it", 0},
	{NULL, NULL, NULL, 0}};

static const struct command_option config_options[] = {
	{"csv", NULL, "print CSV", 0},
	{NULL, NULL, NULL, 0}};

static const struct command commands[] = {
	{"status", "", 0, 0, "how the daemon is, what it serves and what needs attention", NULL, status_run},
	{"wait", "", 0, 0, "wait until the daemon answers", wait_options, wait_run},
	{"install", "FILE", 1, 1, "install whatever a vendor signed: license, certificate, revocations", install_options,
	 install_run},
	{"license install", "FILE", 1, 1, "install a license", NULL, license_install_run},
	{"license list", "", 0, 0, "list the installed licenses", list_options, license_list_run},
	{"license show", "ID", 1, 1, "show a license with its products and grants", NULL, license_show_run},
	{"host request", "", 0, 0, "write the request that a vendor certifies", request_options, host_request_run},
	{"host install", "FILE", 1, 1, "install a vendor's certificate of this host", install_options,
	 host_install_run},
	{"host show", "", 0, 0, "show this host's keys and certificates", NULL, host_show_run},
	{"device list", "", 0, 0, "list the devices", list_options, device_list_run},
	{"device show", "ID", 1, 1, "show a device; the first 6 or more characters of its id do", NULL,
	 device_show_run},
	{"activation list", "", 0, 0, "list the activations", activation_options, activation_list_run},
	{"audit list", "", 0, 0, "list what was done, oldest first", list_options, audit_list_run},
	{"audit verify", "", 0, 0, "check that nobody changed the audit log", NULL, audit_verify_run},
	{"config show", "", 0, 0, "show the daemon's settings and where they come from", config_options,
	 config_show_run},
	{"config check", "[FILE]", 0, 1, "check a configuration file with musterd", NULL, config_check_run},
	{"doctor", "", 0, 0, "let the daemon examine itself", NULL, doctor_run},
	{"explain", "CODE", 1, 1, "explain an error code, by name or number; works offline", NULL, explain_run},
	{NULL, NULL, 0, 0, NULL, NULL, NULL}};
/* clang-format on */

static const struct program program = {"musterctl", "administer an activation host", MUSTER_VERSION, globals,
				       commands};

/* With a standard stream closed, the socket would take its number and be printed into. */
static void fill_standard_streams(void)
{
	int fd;
	do
		fd = open("/dev/null", O_RDONLY);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd > STDERR_FILENO)
		close(fd);
}

/* What was printed must have arrived: a full disk must not look like success. */
static int close_output(int code)
{
	struct failure f = {0};
	if (fflush(stdout) == 0 && !ferror(stdout))
		return code;
	failure_set(&f, E_IO, "standard output: %s", strerror(errno));
	return failure_tell(&f);
}

int main(int argc, char **argv)
{
	struct ctl ctl = {NULL};
	fill_standard_streams();
	/* Only the character set: numbers, and the system's reasons, stay the same everywhere. */
	setlocale(LC_CTYPE, "");
	curl_global_init(CURL_GLOBAL_NOTHING);
	int code = command_main(&program, argc, argv, &ctl);
	request_close(&ctl);
	curl_global_cleanup();
	return close_output(code);
}
