/* The name of this boot. */
#include "hal/boot.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void it_is_the_one_that_the_kernel_gave(void **state)
{
	(void)state;
	char line[64] = "";
	FILE *file = fopen("/proc/sys/kernel/random/boot_id", "r");
	assert_non_null(file);
	assert_non_null(fgets(line, sizeof line, file));
	fclose(file);
	line[strcspn(line, "\n")] = '\0';
	assert_string_equal(boot_id(), line);
	assert_int_equal(strlen(boot_id()), 36);
	assert_ptr_equal(boot_id(), boot_id());
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(it_is_the_one_that_the_kernel_gave)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
