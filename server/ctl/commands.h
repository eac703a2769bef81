/* SPDX-License-Identifier: Apache-2.0 */
/* The commands of musterctl, as main.c's table calls them: each returns the exit code. Main thread. */
#ifndef CTL_COMMANDS_H
#define CTL_COMMANDS_H

#include <jansson.h>

struct invocation;

/* What was installed, told: an answer of the API. Both return 0 or E_NO_MEMORY. */
int license_print_installed(json_t *license);  /* license.c */
int host_print_installed(json_t *certificate); /* host.c */
int install_print(json_t *installed);          /* install.c */

int status_run(struct invocation *);          /* status.c */
int wait_run(struct invocation *);            /* wait.c */
int license_install_run(struct invocation *); /* license.c */
int license_list_run(struct invocation *);
int license_show_run(struct invocation *);
int vendor_list_run(struct invocation *); /* vendor.c */
int vendor_call_run(struct invocation *);
int vendor_show_request_run(struct invocation *);
int license_remove_run(struct invocation *);
int license_request_more_run(struct invocation *);
int install_run(struct invocation *);      /* install.c */
int host_request_run(struct invocation *); /* host.c */
int host_replace_run(struct invocation *);
int host_clock_run(struct invocation *);  /* clock.c */
int host_retire_run(struct invocation *); /* retire.c */
int host_install_run(struct invocation *);
int host_show_run(struct invocation *);
int device_list_run(struct invocation *); /* device.c */
int device_show_run(struct invocation *);
int device_block_run(struct invocation *);
int device_unblock_run(struct invocation *);
int device_approve_run(struct invocation *);
int device_mark_shared_run(struct invocation *);
int device_forget_run(struct invocation *);
int user_add_run(struct invocation *); /* user.c */
int user_list_run(struct invocation *);
int user_show_run(struct invocation *);
int user_remove_run(struct invocation *);
int user_import_run(struct invocation *);
int user_signin_code_run(struct invocation *);
int group_add_run(struct invocation *); /* group.c */
int group_list_run(struct invocation *);
int group_show_run(struct invocation *);
int group_remove_run(struct invocation *);
int group_add_member_run(struct invocation *);
int group_remove_member_run(struct invocation *);
int device_group_add_run(struct invocation *);
int device_group_list_run(struct invocation *);
int device_group_show_run(struct invocation *);
int device_group_remove_run(struct invocation *);
int device_group_add_member_run(struct invocation *);
int device_group_remove_member_run(struct invocation *);
int device_group_proposals_run(struct invocation *);
int device_group_confirm_run(struct invocation *);
int enrol_key_add_run(struct invocation *); /* enrol_key.c */
int enrol_key_list_run(struct invocation *);
int enrol_key_remove_run(struct invocation *);
int assign_run(struct invocation *); /* assign.c */
int unassign_run(struct invocation *);
int replace_run(struct invocation *);
int seat_list_run(struct invocation *); /* seat.c */
int assignment_list_run(struct invocation *);
int product_list_run(struct invocation *); /* product.c */
int product_show_run(struct invocation *);
int subscription_list_run(struct invocation *); /* subscription.c */
int subscription_show_run(struct invocation *);
int subscription_reactivate_run(struct invocation *);
int subscription_redeem_run(struct invocation *);
int subscription_cancel_run(struct invocation *);
int subscription_takeover_run(struct invocation *);
int activation_list_run(struct invocation *); /* activation.c */
int activation_release_run(struct invocation *);
int report_usage_run(struct invocation *); /* report.c */
int report_expiring_run(struct invocation *);
int report_compliance_run(struct invocation *);
int report_denials_run(struct invocation *);
int report_clones_run(struct invocation *);
int audit_list_run(struct invocation *); /* audit.c */
int audit_verify_run(struct invocation *);
int audit_export_run(struct invocation *); /* audit_file.c */
int config_show_run(struct invocation *);  /* config.c */
int config_check_run(struct invocation *);
int dns_show_run(struct invocation *); /* dns.c */
int dns_records_run(struct invocation *);
int dns_publish_run(struct invocation *);
int dns_withdraw_run(struct invocation *);
int dns_check_run(struct invocation *);
int backup_to(struct invocation *, const char *path, json_t **ret_info); /* 0, or the exit code */
int backup_run(struct invocation *);                                     /* backup.c */
int backup_verify_run(struct invocation *);
int restore_run(struct invocation *);        /* restore.c */
int offline_answer_run(struct invocation *); /* offline.c */
int offline_bundle_run(struct invocation *);
int offline_confirm_run(struct invocation *);
int offline_site_key_run(struct invocation *);
int doctor_run(struct invocation *); /* doctor.c */
int why_run(struct invocation *);    /* why.c */

#endif
