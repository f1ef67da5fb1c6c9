/* The page on which alzy status sees what the agent is at (hal/live.h). The thread that reads the source writes what the receiver
 * says, at once; the other one all else. */
#ifndef ALZY_AGENT_PAGE_H
#define ALZY_AGENT_PAGE_H

#include "agent/receivers.h"
#include "hal/conf_unit.h"
#include "hal/err.h"
#include "hal/gnss.h"
#include "hal/live.h"
#include "hal/rows.h"

#include <pthread.h>

struct page {
	struct receivers receivers; /* the reader's */
	pthread_mutex_t mutex;      /* guards the three that follow */
	struct live_sight sight;
	struct live *live; /* NULL: there is no page */
	char store_id[UUID_TEXT];
};
void page_init(struct page *page, const struct conf_unit *conf); /* conf->gnss_device is borrowed */

/* For the store of this name, in place of any before. What fails leaves no page: then nothing is shown. */
int page_open(struct page *page, const char *store_id, struct err *e);
void page_close(struct page *page);

void page_show(struct page *page, const struct gnss_report *report); /* the reader's */
void page_publish(struct page *page, struct live_facts *facts);      /* all else; fills in facts->sight */

#endif
