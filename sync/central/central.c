/* alzy-central: what runs at the centre. Everything it knows is in Postgres, save its own key. */
#include "hal/args.h"
#include "sync/central/verbs.h"

#include <locale.h>

static const struct verb verbs[] = {
	{"init", central_init, "make the centre's key"},
	{"key list", central_key_list, "list the centre's keys"},
	{"key rotate", central_key_rotate, "make a new key for the centre, and keep the old one for units that are away"},
	{"migrate", central_migrate, "bring the database to this version's schema"},
	{"serve", central_serve, "run the gateway: take batches from units, and answer with receipts"},
	{"import", central_import, "take batches from files, such as those on a USB stick"},
	{"status", central_status, "list the stores: what of them is held, and when they were last heard of"},
	{"check", central_check, "prove that the tables hold what was received, and what is said to be held"},
	{"verify", central_verify, "prove the same for the stores of one device"},
	{"expire", central_expire, "delete points and events that are older than a time, for good"},
	{"erase", central_erase, "delete all that a device has recorded, for good"},
	{"show", central_show, "print a batch as JSON"},
	{"gaps", central_gaps, "list when nothing of a device was recorded, and why"},
	{"session list", central_session_list, "list the newest sessions, and how far they went"},
	{"session show", central_session_show, "show one session, and what its points say"},
	{"organization add", central_organization_add, "add an organization"},
	{"organization list", central_organization_list, "list organizations"},
	{"application add", central_application_add, "add an application: what machines are used for"},
	{"application list", central_application_list, "list applications"},
	{"application allow", central_application_allow, "let a user use an application"},
	{"user add", central_user_add, "add a user: a person who operates machines"},
	{"user list", central_user_list, "list users"},
	{"machine add", central_machine_add, "add a machine: what a unit is built into"},
	{"machine list", central_machine_list, "list machines"},
	{"account add", central_account_add, "add an account: who owns devices"},
	{"account list", central_account_list, "list accounts"},
	{"device add", central_device_add, "add a device: a unit"},
	{"device list", central_device_list, "list devices"},
	{"device pair", central_device_pair, "print the link by which a unit becomes a device"},
	{"device deactivate", central_device_deactivate, "take nothing of a device for now"},
	{"device activate", central_device_activate, "let a deactivated or deleted device back in"},
	{"device revoke", central_device_revoke, "make the keys of a device void; its unit must be paired anew"},
	{"device delete", central_device_delete, "mark a device as deleted, and take nothing of it"},
};

int main(int argc, char **argv)
{
	/* For the width of names in tables. What is printed is UTF-8, and numbers are as in C, whatever the locale. */
	setlocale(LC_CTYPE, "C.UTF-8");
	return args_main(argc, argv, "alzy-central", "the centre of alzy: gateway and administration", verbs,
	                 sizeof verbs / sizeof *verbs);
}
