/* SPDX-License-Identifier: Apache-2.0 */
/* musterctl: the administrator's command. Everything it does goes through the daemon's management API. */
#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "change.h"
#include "command.h"
#include "commands.h"
#include "complete.h"
#include "explain.h"
#include "failure.h"
#include "listing.h"
#include "offer.h"
#include "print.h"
#include "request.h"
#include "signed_text.h"
#include "voice.h"

#define MANY 10000 /* arguments: more than a line has room for */

/* clang-format off */
static const struct command_option globals[] = {
	{"socket", "PATH", "the daemon's socket, else MUSTERCTL_SOCKET, else /run/muster/admin.sock", 0},
	{"json", NULL, "print JSON", 0},
	{NULL, NULL, NULL, 0}};

static const struct command_option list_options[] = {
	LISTING_OPTIONS,
	{NULL, NULL, NULL, 0}};

static const struct command_option status_options[] = {
	{"verbose", NULL, "all of it: sums, what comes next of each grant, whole remedies", 'v'},
	{NULL, NULL, NULL, 0}};

static const struct command_option activation_options[] = {
	{"product", "PRODUCT", "only of this product", 0},
	{"state", "active|ended|counted|released|pending", "only in this state", 0},
	{"user", "USER", "only of this user", 0},
	{"device", "DEVICE", "only of this device", 0},
	{"grant", "GRANT", "only of this grant", 0},
	{"license", "LICENSE", "when grants of two licenses have the same name", 0},
	{"expires-before", "T", "only what ends before a date or an RFC 3339 time", 0},
	LISTING_OPTIONS,
	{NULL, NULL, NULL, 0}};

static const struct command_option audit_options[] = {
	{"since", "T", "only at or after a date or an RFC 3339 time", 0},
	{"until", "T", "only before it", 0},
	{"actor", "A", "only by actors like this: uid:0, 'device:*', host", 0},
	{"action", "A", "only actions like this: 'license.*'", 0},
	{"object", "O", "only about objects like this", 0},
	{"device", "ID", "only by or about this device; the first 6 or more characters of its id do", 0},
	LISTING_OPTIONS,
	{NULL, NULL, NULL, 0}};

static const struct command_option usage_options[] = {
	{"product", "PRODUCT", "only of this product", 0},
	{"since", "T", "day by day from this date on: up to 400 days are kept", 0},
	{"until", "T", "day by day before this date", 0},
	LISTING_OPTIONS,
	{NULL, NULL, NULL, 0}};

static const struct command_option expiring_options[] = {
	{"within", "DAYS", "whose lease ends within so many days (30)", 0},
	{"silent", "DAYS", "and who has not called for so many (14)", 0},
	{"product", "PRODUCT", "only of this product", 0},
	LISTING_OPTIONS,
	{NULL, NULL, NULL, 0}};

static const struct command_option compliance_options[] = {
	{"verdict", "ok|over|ended", "only what is so", 0},
	{"product", "PRODUCT", "only of this product", 0},
	LISTING_OPTIONS,
	{NULL, NULL, NULL, 0}};

static const struct command_option denial_options[] = {
	{"sum", NULL, "a row for each reason and product, the most frequent first", 0},
	{"product", "PRODUCT", "only of this product", 0},
	{"code", "CODE", "only for this reason", 0},
	{"device", "DEVICE", "only of this device", 0},
	{"user", "USER", "only of this user", 0},
	{"since", "T", "only what happened at or after a date or an RFC 3339 time", 0},
	LISTING_OPTIONS,
	{NULL, NULL, NULL, 0}};

static const struct command_option clone_options[] = {
	{"since", "T", "only at or after a date or an RFC 3339 time", 0},
	{"device", "DEVICE", "only of this device", 0},
	LISTING_OPTIONS,
	{NULL, NULL, NULL, 0}};

static const struct command_option audit_verify_options[] = {
	{"log", "FILE", "compare with the checkpoints in the daemon's log, or in output of journalctl; - for standard input", 0},
	{"journal", NULL, "compare with the checkpoints in this machine's journal", 0},
	{"key", "KEY", "of an export: believe this host's k4.public... key and no others; may be repeated", 0},
	{NULL, NULL, NULL, 0}};

static const struct command_option wait_options[] = {
	{"until", "STATE", "ready (it answers, the default), licensed (it serves), ok (nothing needs attention) or activations=N", 0},
	{"product", "PRODUCT", "only activations of this product", 0},
	{"timeout", "S", "give up after so many seconds (30); 0: look once", 0},
	{NULL, NULL, NULL, 0}};

static const struct command_option why_options[] = {
	{"user", "USER", "as if this user were signed in; else who signed in there last", 0},
	{NULL, NULL, NULL, 0}};

static const struct command_option request_options[] = {
	SIGNED_TEXT_OPTION,
	{NULL, NULL, NULL, 0}};

static const struct command_option more_options[] = {
	{"grant", "GRANT=N", "a grant, and the quantity wanted of it; may be repeated", 0},
	{"reason", "TEXT", "what the vendor should know", 0},
	SIGNED_TEXT_OPTION,
	{NULL, NULL, NULL, 0}};

static const struct command_option install_options[] = {
	{"vendor-key", "KEY", "refuse a certificate of another vendor: k4.public... or a file with it", 0},
	{NULL, NULL, NULL, 0}};

static const struct command_option call_options[] = {
	{"license", "LICENSE", "the one to be certified for, where there are several", 0},
	{"key", "-|@FILE|KEY", "host key, the first time", 0},
	{"vendor-key", "KEY", "the vendor's: k4.public... or a file with it; needed the first time", 0},
	{"if-due", NULL, "only for certificates of which less than 60 days are left", 0},
	{NULL, NULL, NULL, 0}};

static const struct command_option config_options[] = {
	{"csv", NULL, "print CSV", 0},
	{NULL, NULL, NULL, 0}};

static const struct command_option user_add_options[] = {
	{"name", "TEXT", "the name for people", 0},
	{"guest", NULL, "somebody from outside; only an owner may add and license guests", 0},
	{"group", "GROUP", "make it a member of this group; may be repeated", 0},
	{NULL, NULL, NULL, 0}};

static const struct command_option sure_options[] = {
	CHANGE_OPTION_DRY_RUN,
	CHANGE_OPTION_YES,
	{NULL, NULL, NULL, 0}};

static const struct command_option dry_run_options[] = {
	CHANGE_OPTION_DRY_RUN,
	{NULL, NULL, NULL, 0}};

static const struct command_option group_add_options[] = {
	{"member", "USER", "a user who is a member from the start; may be repeated", 0},
	{"group", "GROUP", "a group whose members are members, too; may be repeated", 0},
	{NULL, NULL, NULL, 0}};

static const struct command_option device_group_add_options[] = {
	{"pattern", "P", "propose every device whose hostname is like 'lab-*'", 0},
	{"group", "DEVICE-GROUP", "a group whose members are members, too; may be repeated", 0},
	{NULL, NULL, NULL, 0}};

static const struct command_option group_remove_options[] = {
	{"force", NULL, "also when members lose a license by it", 0},
	CHANGE_OPTION_DRY_RUN,
	CHANGE_OPTION_YES,
	{NULL, NULL, NULL, 0}};

static const struct command_option member_options[] = {
	{"user", "USER", "a user; may be repeated", 0},
	{"group", "GROUP", "a group within the group; may be repeated", 0},
	CHANGE_OPTION_DRY_RUN,
	CHANGE_OPTION_YES,
	{NULL, NULL, NULL, 0}};

static const struct command_option device_member_options[] = {
	{"group", "DEVICE-GROUP", "a device group within the group; may be repeated", 0},
	CHANGE_OPTION_DRY_RUN,
	CHANGE_OPTION_YES,
	{NULL, NULL, NULL, 0}};

static const struct command_option confirm_options[] = {
	{"all", NULL, "every device that is proposed for the group", 0},
	{NULL, NULL, NULL, 0}};

static const struct command_option enrol_key_options[] = {
	{"uses", "N", "good for so many devices", 0},
	{"days", "N", "good for so many days", 0},
	{NULL, NULL, NULL, 0}};

static const struct command_option backup_options[] = {
	{"with-key", NULL, "put the host's keys into it, under a passphrase", 0},
	{"passphrase", "-|@FILE", "the passphrase: - for standard input, or @FILE; else it is asked for", 0},
	{NULL, NULL, NULL, 0}};

static const struct command_option clock_options[] = {CHANGE_OPTION_YES, {NULL, NULL, NULL, 0}};

static const struct command_option retire_options[] = {
	{"undo", NULL, "serve again", 0},
	{"with-key", NULL, "put the host's keys into the backup, under a passphrase", 0},
	{"passphrase", "-|@FILE", "the passphrase: - for standard input, or @FILE; else it is asked for", 0},
	CHANGE_OPTION_YES,
	{NULL, NULL, NULL, 0}};

static const struct command_option doctor_options[] = {
	{"repair", NULL, "make anew what can be: indexes, counts; take out rows whose owner is gone", 0},
	{"database", "FILE", "of a stopped daemon: what can be read of this damaged file goes into a new one", 0},
	{"dry-run", NULL, "only tell what would be repaired", 0},
	CHANGE_OPTION_YES,
	{NULL, NULL, NULL, 0}};

static const struct command_option restore_options[] = {
	{"config", "FILE", "the daemon's configuration (/etc/muster/musterd.conf)", 0},
	{"with-key", NULL, "restore the host's keys, too", 0},
	{"passphrase", "-|@FILE", "of the keys: - for standard input, or @FILE; else it is asked for", 0},
	{"force", NULL, "also over a newer database, or another ledger's; it is kept aside", 0},
	{"dry-run", NULL, "only tell what would be lost", 0},
	CHANGE_OPTION_YES,
	{NULL, NULL, NULL, 0}};

#define SUBJECT_OPTIONS \
	{"user", "USER", "a user; may be repeated", 0}, \
	{"group", "GROUP", "a group of users; may be repeated", 0}, \
	{"device", "DEVICE", "a device; may be repeated", 0}, \
	{"device-group", "DEVICE-GROUP", "a group of devices; may be repeated", 0}

static const struct command_option assign_options[] = {
	{"product", "PRODUCT", "what to assign", 0},
	SUBJECT_OPTIONS,
	{"plans", "a,b", "only these plans of the product; all of them without it", 0},
	{"grant", "GRANT", "from this grant", 0},
	{"from", "FILE", "a CSV file instead: user|group|device|device_group,product[,plans][,grant]", 0},
	CHANGE_OPTION_DRY_RUN,
	CHANGE_OPTION_YES,
	{NULL, NULL, NULL, 0}};

static const struct command_option unassign_options[] = {
	{"product", "PRODUCT", "what to take away", 0},
	SUBJECT_OPTIONS,
	{"grant", "GRANT", "only what is of this grant", 0},
	{"from", "FILE", "a CSV file instead: user|group|device|device_group,product[,plans][,grant]", 0},
	CHANGE_OPTION_DRY_RUN,
	CHANGE_OPTION_YES,
	{NULL, NULL, NULL, 0}};

static const struct command_option replace_options[] = {
	{"product", "PRODUCT", "what is assigned now", 0},
	{"with", "PRODUCT", "what to assign instead; without it the same, with other plans or another grant", 0},
	SUBJECT_OPTIONS,
	{"plans", "a,b", "only these plans of the product; all of them without it", 0},
	{"grant", "GRANT", "from this grant", 0},
	CHANGE_OPTION_DRY_RUN,
	CHANGE_OPTION_YES,
	{NULL, NULL, NULL, 0}};

static const struct command_option seat_options[] = {
	{"product", "PRODUCT", "only of this product", 0},
	{"grant", "GRANT", "only of this grant", 0},
	{"state", "held|waiting|conflict", "only in this state", 0},
	{"holder", "HOLDER", "only of this user or device", 0},
	{"license", "LICENSE", "when grants of two licenses have the same name", 0},
	LISTING_OPTIONS,
	{NULL, NULL, NULL, 0}};

static const struct command_option assignment_options[] = {
	{"product", "PRODUCT", "only of this product", 0},
	{"kind", "user|group|device|device_group", "only to this kind of holder", 0},
	{"subject", "HOLDER", "only to this one", 0},
	LISTING_OPTIONS,
	{NULL, NULL, NULL, 0}};

static const struct command_option user_list_options[] = {
	{"user", "GLOB", "only names like this: 'k*'", 0},
	{"guest", "true|false", "only guests, or only others", 0},
	LISTING_OPTIONS,
	{NULL, NULL, NULL, 0}};

static const struct command_option group_list_options[] = {
	{"group", "GLOB", "only names like this", 0},
	LISTING_OPTIONS,
	{NULL, NULL, NULL, 0}};

static const struct command_option device_list_options[] = {
	{"hostname", "GLOB", "only hostnames like this: 'lab-*'", 0},
	{"state", "licensed|unlicensed|blocked", "only in this state", 0},
	{"device", "ID", "only ids that begin so; at least 6 characters", 0},
	{"shared", "true|false", "only machines of many users, or only others", 0},
	{"seen-before", "T", "only last seen before a date or an RFC 3339 time", 0},
	{"seen-after", "T", "only last seen at or after it", 0},
	{"skewed", "true|false", "only devices whose clocks are off, or only others", 0},
	LISTING_OPTIONS,
	{NULL, NULL, NULL, 0}};

static const struct command_option shared_options[] = {
	{"off", NULL, "no longer shared", 0},
	{NULL, NULL, NULL, 0}};

static const struct command_option release_options[] = {
	{"device", "DEVICE", "the device that gives back", 0},
	{"product", "PRODUCT", "what it gives back; everything without it", 0},
	{"user", "USER", "only what it holds for this user", 0},
	CHANGE_OPTION_DRY_RUN,
	CHANGE_OPTION_YES,
	{NULL, NULL, NULL, 0}};

static const struct command_option subscription_list_options[] = {
	{"product", "PRODUCT", "only of this product", 0},
	{"state", "pending|active|expired|disabled|deleted", "only in this state", 0},
	LISTING_OPTIONS,
	{NULL, NULL, NULL, 0}};

static const struct command_option subscription_options[] = {
	{"license", "LICENSE", "when grants of two licenses have the same name", 0},
	{NULL, NULL, NULL, 0}};

static const struct command_option reactivate_options[] = {
	{"key", "KEY", "with a product key: - for standard input, @FILE, or the key itself", 0},
	{"license", "LICENSE", "when grants of two licenses have the same name", 0},
	{NULL, NULL, NULL, 0}};

static const struct command_option cancel_options[] = {
	{"license", "LICENSE", "when grants of two licenses have the same name", 0},
	CHANGE_OPTION_DRY_RUN,
	CHANGE_OPTION_YES,
	{NULL, NULL, NULL, 0}};

static const struct command_option redeem_options[] = {
	{"product", "PRODUCT", "refuse a key of another product", 0},
	{NULL, NULL, NULL, 0}};

static const struct command_option dns_options[] = {
	{"domain", "D", "in this domain; without it, in every one of [dns] domains", 0},
	{NULL, NULL, NULL, 0}};

static const struct command_option dns_list_options[] = {
	{"domain", "D", "in this domain; without it, in every one of [dns] domains", 0},
	{"csv", NULL, "print CSV", 0},
	{NULL, NULL, NULL, 0}};

static const struct command_option offline_answer_options[] = {
	{"output", "FILE", "write the answer there, and show what came of each request", 'o'},
	{"qr", NULL, "show the answer as QR codes", 0},
	{"key", "-|@FILE|KEY", "pool or enrolment key, for machines that are not known yet", 0},
	{NULL, NULL, NULL, 0}};

static const struct command_option offline_confirm_options[] = {
	{"words", NULL, "confirm it with 51 words: longer, and worth as much as a file", 0},
	{"name", "NAME", "the machine's name, for lists", 0},
	{NULL, NULL, NULL, 0}};

static const struct command_option offline_bundle_options[] = {
	{"output", "FILE", "write it there instead of to standard output", 'o'},
	{"no-names", NULL, "take no request that names a machine or a user", 0},
	{NULL, NULL, NULL, 0}};

static const struct command commands[] = {
	{"status", "", 0, 0, "how the daemon is, what it serves, and what to do next", status_options, status_run},
	{"wait", "", 0, 0, "wait until the daemon answers, serves, or has so many activations", wait_options, wait_run},
	{"install", "FILE", 1, 1, "install whatever a vendor signed: license, certificate, revocations", install_options,
	 install_run},
	{"vendor list", "", 0, 0, "list the vendors whose word this host takes", list_options, vendor_list_run},
	{"vendor show-request", "[FILE]", 0, 1, "show all that a request tells the vendor: this host's, or that of a file", NULL,
	 vendor_show_request_run},
	{"vendor call", "NAME:PORT [FILE]", 1, 2, "let the vendor's clearing house certify this host, or answer a license request", call_options,
	 vendor_call_run},
	{"license install", "FILE", 1, 1, "install a license", NULL, license_install_run},
	{"license list", "", 0, 0, "list the installed licenses", list_options, license_list_run},
	{"license show", "LICENSE", 1, 1, "show a license with its products and grants; the beginning of its id does", NULL, license_show_run},
	{"license remove", "LICENSE", 1, 1, "take a license out: nobody renews by it any more", sure_options, license_remove_run},
	{"license request-more", "LICENSE", 1, 1, "write a request for more of a license's grants", more_options,
	 license_request_more_run},
	{"host request", "", 0, 0, "write the request that a vendor certifies", request_options, host_request_run},
	{"host install", "FILE", 1, 1, "install a vendor's certificate of this host", install_options,
	 host_install_run},
	{"host replace", "", 0, 0, "make a request for a host in another's place, after a restore without its key",
	 request_options, host_replace_run},
	{"host accept-clock", "", 0, 0, "believe the host's clock as it stands, after CLOCK_UNSAFE", clock_options,
	 host_clock_run},
	{"host retire", "[FILE]", 0, 1, "serve nobody any more, leave DNS, and make the last backup", retire_options,
	 host_retire_run},
	{"host show", "", 0, 0, "show this host's keys and certificates", NULL, host_show_run},
	{"device list", "", 0, 0, "list the devices", device_list_options, device_list_run},
	{"device show", "DEVICE", 1, 1, "show a device; the first 6 or more characters of its id do", NULL,
	 device_show_run},
	{"device block", "DEVICE...", 1, MANY, "refuse devices from now on", NULL, device_block_run},
	{"device unblock", "DEVICE...", 1, MANY, "serve them again", NULL, device_unblock_run},
	{"device approve", "DEVICE...", 1, MANY, "let devices in that wait for it", NULL, device_approve_run},
	{"device mark-shared", "DEVICE...", 1, MANY, "mark devices that many users share", shared_options,
	 device_mark_shared_run},
	{"device forget", "DEVICE...", 1, MANY, "drop devices from the record, with all that they hold", sure_options,
	 device_forget_run},
	{"device group add", "NAME", 1, 1, "make a device group", device_group_add_options, device_group_add_run},
	{"device group list", "", 0, 0, "list the device groups", group_list_options, device_group_list_run},
	{"device group show", "DEVICE-GROUP", 1, 1, "show a device group with its members and what is assigned to it", NULL,
	 device_group_show_run},
	{"device group remove", "DEVICE-GROUP", 1, 1, "remove a device group", group_remove_options, device_group_remove_run},
	{"device group add-member", "DEVICE-GROUP [DEVICE...]", 1, MANY, "put devices or a group into a device group",
	 device_member_options, device_group_add_member_run},
	{"device group remove-member", "DEVICE-GROUP [DEVICE...]", 1, MANY, "take them out again", device_member_options,
	 device_group_remove_member_run},
	{"device group proposals", "", 0, 0, "list the devices that patterns propose", list_options,
	 device_group_proposals_run},
	{"device group confirm", "DEVICE-GROUP [DEVICE...]", 1, MANY, "take in what was proposed", confirm_options,
	 device_group_confirm_run},
	{"device enrol-key add", "DEVICE-GROUP", 1, 1, "make a key with which new devices enter a group", enrol_key_options,
	 enrol_key_add_run},
	{"device enrol-key list", "", 0, 0, "list the enrolment keys", list_options, enrol_key_list_run},
	{"device enrol-key remove", "ID", 1, 1, "make an enrolment key void", NULL, enrol_key_remove_run},
	{"user add", "NAME", 1, 1, "add a user", user_add_options, user_add_run},
	{"user list", "", 0, 0, "list the users", user_list_options, user_list_run},
	{"user show", "USER", 1, 1, "show a user: groups, rights and where they come from, devices", NULL,
	 user_show_run},
	{"user remove", "USER", 1, 1, "remove a user, with what is assigned to it", sure_options, user_remove_run},
	{"user import", "FILE", 1, 1, "add users from a CSV file: user,name[,groups]", dry_run_options,
	 user_import_run},
	{"user signin-code", "USER", 1, 1, "make a code with which the user signs in once", NULL,
	 user_signin_code_run},
	{"group add", "NAME", 1, 1, "make a group of users", group_add_options, group_add_run},
	{"group list", "", 0, 0, "list the groups of users", group_list_options, group_list_run},
	{"group show", "GROUP", 1, 1, "show a group with its members and what is assigned to it", NULL, group_show_run},
	{"group remove", "GROUP", 1, 1, "remove a group", group_remove_options, group_remove_run},
	{"group add-member", "GROUP", 1, 1, "put users or a group into a group", member_options, group_add_member_run},
	{"group remove-member", "GROUP", 1, 1, "take them out again", member_options, group_remove_member_run},
	{"assign", "", 0, 0, "give users, devices or groups a product", assign_options, assign_run},
	{"unassign", "", 0, 0, "take it away again", unassign_options, unassign_run},
	{"replace", "", 0, 0, "give another product, plans or grant, without a moment between", replace_options,
	 replace_run},
	{"assignment list", "", 0, 0, "list what was assigned", assignment_options, assignment_list_run},
	{"seat list", "", 0, 0, "list who has a seat, who waits for one, and why", seat_options, seat_list_run},
	{"product list", "", 0, 0, "list the products: the sum over all grants, and each grant", list_options,
	 product_list_run},
	{"product show", "PRODUCT", 1, 1, "show a product with its grants", NULL, product_show_run},
	{"subscription list", "", 0, 0, "list the grants: state, what comes next, when, what will be lost",
	 subscription_list_options, subscription_list_run},
	{"subscription show", "GRANT", 1, 1, "show a grant's life", subscription_options, subscription_show_run},
	{"subscription reactivate", "GRANT", 1, 1, "bring an expired or cancelled grant back", reactivate_options,
	 subscription_reactivate_run},
	{"subscription redeem", "KEY", 1, 1, "redeem a product key: - for standard input, @FILE, or the key itself",
	 redeem_options, subscription_redeem_run},
	{"subscription cancel", "GRANT", 1, 1, "cancel a grant within its cancel window", cancel_options,
	 subscription_cancel_run},
	{"subscription takeover", "GRANT", 1, 1, "make a grant that a user bought the organisation's",
	 subscription_options, subscription_takeover_run},
	{"activation list", "", 0, 0, "list the activations", activation_options, activation_list_run},
	{"activation release", "", 0, 0, "give back what a device holds", release_options, activation_release_run},
	{"offline answer", "FILE", 1, 1, "answer requests of machines that reach no host: one, or a bundle", offline_answer_options,
	 offline_answer_run},
	{"offline bundle", "FILE...", 1, MANY, "put requests together into one file", offline_bundle_options, offline_bundle_run},
	{"offline confirm", "INSTALLATION-ID", 1, VOICE_IID_GROUPS, "confirm an installation id that was read out by telephone",
	 offline_confirm_options, offline_confirm_run},
	{"offline site-key", "", 0, 0, "write the keys with which machines check confirmations by telephone", request_options,
	 offline_site_key_run},
	{"report usage", "", 0, 0, "how much of each grant is used: now, at most today and in 30 days; or day by day",
	 usage_options, report_usage_run},
	{"report expiring", "", 0, 0, "whose lease ends soon, and has not called", expiring_options, report_expiring_run},
	{"report compliance", "", 0, 0, "what was bought, assigned and used; ends with 2 when it is too much",
	 compliance_options, report_compliance_run},
	{"report denials", "", 0, 0, "who was refused what, why, and how often", denial_options, report_denials_run},
	{"report clones", "", 0, 0, "copies of machines, and machines that were put back", clone_options, report_clones_run},
	{"audit list", "", 0, 0, "list what was done, oldest first", audit_options, audit_list_run},
	{"audit verify", "[FILE]", 0, 1, "check that nobody changed the audit log, or an export of it",
	 audit_verify_options, audit_verify_run},
	{"audit export", "", 0, 0, "write the whole audit log with its checkpoints, as JSON lines", request_options,
	 audit_export_run},
	{"backup", "FILE", 1, 1, "back up the running host into a file, and verify it", backup_options, backup_run},
	{"backup verify", "FILE", 1, 1, "tell whether a backup is good; works offline", NULL, backup_verify_run},
	{"restore", "FILE", 1, 1, "put a backup in place; the daemon must be stopped", restore_options, restore_run},
	{"config show", "", 0, 0, "show the daemon's settings and where they come from", config_options,
	 config_show_run},
	{"config check", "[FILE]", 0, 1, "check a configuration file with musterd", NULL, config_check_run},
	{"dns show", "", 0, 0, "show what the daemon last found in DNS, without asking anybody", config_options, dns_show_run},
	{"dns records", "", 0, 0, "print the zone lines of this host's record, for a zone kept by hand", dns_list_options,
	 dns_records_run},
	{"dns publish", "", 0, 0, "put this host's record into DNS, beside those of others", dns_options,
	 dns_publish_run},
	{"dns withdraw", "", 0, 0, "take this host's record out of DNS", dns_options, dns_withdraw_run},
	{"dns check", "", 0, 0, "call every host that DNS names: dead, wrong or rogue ones show", dns_list_options,
	 dns_check_run},
	{"doctor", "", 0, 0, "let the daemon examine itself; make anew what it finds broken", doctor_options, doctor_run},
	{"why", "DEVICE [PRODUCT]", 1, 2, "show by which rules a device is refused or served, and what to do", why_options,
	 why_run},
	EXPLAIN_COMMAND,
	COMPLETION_COMMAND,
	{NULL, NULL, 0, 0, NULL, NULL, NULL}};
/* clang-format on */

/* What MUSTERCTL_FORMAT stands for, where the line does not say it. Not every command has CSV. */
static int prepare(struct invocation *inv)
{
	const char *format = getenv("MUSTERCTL_FORMAT");
	if (!format || !*format || strcmp(format, "table") == 0)
		return 0;
	if (strcmp(format, "json") != 0 && strcmp(format, "csv") != 0)
		return command_usage(inv, "MUSTERCTL_FORMAT takes table, json or csv");
	const char *option = *format == 'j' ? "json" : "csv";
	if (!invocation_has(inv, "json") && !invocation_has(inv, "csv") && invocation_takes(inv, option))
		invocation_add(inv, option);
	return 0;
}

static const struct program program = {
	.name = "musterctl",
	.about = "administer an activation host",
	.version = MUSTER_VERSION,
	.globals = globals,
	.commands = commands,
	.names = offer_names,
	.prepare = prepare,
};

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

/* What was printed must have arrived, and whole: neither a full disk nor too little memory must look like
 * success. */
static int close_output(int code)
{
	struct failure f = {0};
	if (fflush(stdout) || ferror(stdout))
		failure_set(&f, E_IO, "standard output: %s", strerror(errno));
	else if (print_starved() && !code)
		failure_set(&f, E_NO_MEMORY, "what was printed is not whole");
	return f.code ? failure_tell(&f) : code;
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
