/* The listening socket of the gateway. */
#ifndef ALZY_SYNC_CENTRAL_GATEWAY_LISTEN_H
#define ALZY_SYNC_CENTRAL_GATEWAY_LISTEN_H

#include "hal/err.h"

#include <stdbool.h>

enum { GATEWAY_ADDRESS_TEXT = 96 };

/* Listens on "HOST:PORT" or "[::1]:PORT". With `loopback_only` any other address is refused with ERR_CONFIG. `address`
 * gets what it is, with the port that the kernel chose for port 0. ERR_CONFIG, ERR_IO. */
int gateway_listen(const char *listen, bool loopback_only, int *out_fd, char address[GATEWAY_ADDRESS_TEXT],
                   struct err *e);

#endif
