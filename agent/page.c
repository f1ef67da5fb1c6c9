#include "agent/page.h"

#include "agent/sight.h"

#include <stdio.h>

void page_init(struct page *page, const struct conf_unit *conf)
{
	*page = (struct page){.receivers = {.order = conf->gnss_device, .timeout_ms = conf->fix_timeout_ms}};
	pthread_mutex_init(&page->mutex, NULL);
	sight_clear(&page->sight);
}

int page_open(struct page *page, const char *store_id, struct err *e)
{
	page_close(page);
	pthread_mutex_lock(&page->mutex);
	snprintf(page->store_id, sizeof page->store_id, "%s", store_id);
	int rc = live_open(&page->live, page->store_id, e);
	pthread_mutex_unlock(&page->mutex);
	return rc;
}

void page_close(struct page *page)
{
	pthread_mutex_lock(&page->mutex);
	live_close(page->live);
	page->live = NULL;
	pthread_mutex_unlock(&page->mutex);
}

void page_show(struct page *page, const struct gnss_report *report)
{
	struct receivers_change change;
	if (!receivers_take(&page->receivers, report, &change))
		return;
	pthread_mutex_lock(&page->mutex);
	sight_feed(&page->sight, report, receivers_stuck(&page->receivers));
	if (page->live)
		live_publish_sight(page->live, &page->sight);
	if (page->live && report->satellites)
		live_publish_sky(page->live, report->satellites, report->satellites_length);
	pthread_mutex_unlock(&page->mutex);
}

void page_publish(struct page *page, struct live_facts *facts)
{
	pthread_mutex_lock(&page->mutex);
	facts->sight = page->sight;
	if (page->live)
		live_publish(page->live, facts);
	pthread_mutex_unlock(&page->mutex);
}
