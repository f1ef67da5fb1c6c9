/* alzy: everything a person does on a unit. */
#include "agent/cli/cli.h"
#include "hal/args.h"

#include <locale.h>

static const struct verb verbs[] = {
	{"status", cli_status, "show state, fix, session, unsent rows and their age, space left, last receipt"},
	{"doctor", cli_doctor, "look for what is wrong with this unit, and tell what to do"},
	{"session start", cli_session_start, "start a session"},
	{"session pause", cli_session_pause, "pause the open session: fixes are not kept until it is resumed"},
	{"session resume", cli_session_resume, "go on with the paused session"},
	{"session end", cli_session_end, "end the open session"},
	{"session list", cli_session_list, "list the newest sessions"},
	{"session show", cli_session_show, "show one session, and what it holds"},
	{"event", cli_event, "record an event"},
	{"mark", cli_mark, "mark a place: a point with source manual, and an event with a note"},
	{"pair", cli_pair, "pair this unit with a centre"},
	{"unpair", cli_unpair, "forget the centre; recorded rows stay"},
	{"sync", cli_sync, "send all that is unsent, now; or carry it by files, --to and --from"},
	{"queue", cli_queue, "show what is unsent, dropped or lost, or was rejected and why"},
	{"queue retry", cli_queue_retry, "offer rows that were rejected to the centre again"},
	{"queue drop", cli_queue_drop, "let go of unsent, rejected or lost rows, knowingly"},
	{"store list", cli_store_list, "list the stores to which the rows of this file belong"},
	{"store fork", cli_store_fork, "begin a new store in the same file, for a unit whose card was copied"},
	{"verify", cli_verify, "prove what the centre holds of this store"},
	{"gaps", cli_gaps, "list when nothing was recorded, and why"},
	{"export", cli_export, "write points as GPX, GeoJSON, CSV or an SVG picture"},
	{"config check", cli_config_check, "read the configuration and say whether it is right"},
	{"config show", cli_config_show, "show every setting, as the file and the defaults have it"},
};

int main(int argc, char **argv)
{
	/* For the width of characters in tables. What is printed is UTF-8, and numbers are as in C, whatever the locale. */
	setlocale(LC_CTYPE, "C.UTF-8");
	return args_main(argc, argv, "alzy", "records where a vehicle goes, and proves that the centre holds it", verbs,
	                 sizeof verbs / sizeof *verbs);
}
