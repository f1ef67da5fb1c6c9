/* `alzy sync --to DIR` and `--from DIR`: rows and receipts by files. The caller holds engine_lock. Both print what was
 * done, also before they fail. */
#ifndef ALZY_AGENT_CLI_SYNC_FILES_H
#define ALZY_AGENT_CLI_SYNC_FILES_H

#include "agent/cli/cli.h"

#include <stdbool.h>

/* `stop` ends it after the file that is being written: ERR_UNSENT. Other errors as of bundle_write. */
int sync_files_write(struct cli *cli, const char *folder, const volatile bool *stop, bool json, struct err *e);

/* ERR_NOT_FOUND when there is no receipt; the error of the first refused one when one is; ERR_REFUSED when the newest one says
 * that this unit may not send; others as of bundle_take. */
int sync_files_take(struct cli *cli, const char *folder, bool json, struct err *e);

/* The lines about what receipts have said, by network or from files, besides what the centre accounts for. */
void sync_print_said(int64_t rejected, bool forgotten, int64_t renamed);

#endif
