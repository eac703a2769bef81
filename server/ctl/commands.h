/* SPDX-License-Identifier: Apache-2.0 */
/* The commands of musterctl, as main.c's table calls them: each returns the exit code. Main thread. */
#ifndef CTL_COMMANDS_H
#define CTL_COMMANDS_H

#include <jansson.h>

struct invocation;

/* What was installed, told: an answer of the API. Both return 0 or E_NO_MEMORY. */
int license_print_installed(json_t *license);  /* license.c */
int host_print_installed(json_t *certificate); /* host.c */

int status_run(struct invocation *);          /* status.c */
int wait_run(struct invocation *);            /* wait.c */
int license_install_run(struct invocation *); /* license.c */
int license_list_run(struct invocation *);
int license_show_run(struct invocation *);
int install_run(struct invocation *);      /* install.c */
int host_request_run(struct invocation *); /* host.c */
int host_install_run(struct invocation *);
int host_show_run(struct invocation *);
int device_list_run(struct invocation *); /* device.c */
int device_show_run(struct invocation *);
int activation_list_run(struct invocation *); /* activation.c */
int audit_list_run(struct invocation *);      /* audit.c */
int audit_verify_run(struct invocation *);
int config_show_run(struct invocation *); /* config.c */
int config_check_run(struct invocation *);
int doctor_run(struct invocation *);  /* doctor.c */
int explain_run(struct invocation *); /* explain.c */

#endif
