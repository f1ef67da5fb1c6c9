/* Which run of the kernel this is: what the monotonic clock says means something only within one. */
#ifndef ALZY_HAL_BOOT_H
#define ALZY_HAL_BOOT_H

/* 36 characters, the kernel's own random name of this boot. Where there is no /proc, one that only this process has. To be
 * called first before there are threads. Static. */
const char *boot_id(void);

#endif
