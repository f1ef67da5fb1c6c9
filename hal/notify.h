/* Tells systemd how a service is doing, by the protocol of sd_notify(3), which is stable and needs no library.
 * Does nothing when NOTIFY_SOCKET is not set. */
#ifndef ALZY_HAL_NOTIFY_H
#define ALZY_HAL_NOTIFY_H

/* `state` is lines of KEY=VALUE: "READY=1", "STOPPING=1", "RELOADING=1\nMONOTONIC_USEC=…", "STATUS=…", "WATCHDOG=1". */
void notify_systemd(const char *state);

#endif
