/* By what a machine is told from others, and what makers leave where a serial number should be. */
#include "hal/file.h"
#include "hal/hardware.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

static char root[64];

static int make_root(void **state)
{
	char command[512];
	(void)state;
	strcpy(root, "/tmp/alzy-hardware-XXXXXX");
	if (!mkdtemp(root))
		return -1;
	snprintf(command, sizeof command,
	         "mkdir -p %s/proc/device-tree %s/sys/firmware/devicetree/base %s/sys/class/dmi/id", root, root, root);
	return system(command);
}

static int remove_root(void **state)
{
	char command[96];
	(void)state;
	snprintf(command, sizeof command, "rm -rf %s", root);
	return system(command);
}

static void put(const char *path, const void *text, size_t count)
{
	char full[PATH_MAX];
	struct err e;
	snprintf(full, sizeof full, "%s%s", root, path);
	assert_int_equal(file_write(full, text, count, 0644, &e), 0);
}

static struct hardware look(void)
{
	struct hardware hardware;
	hardware_look("auto", root, &hardware);
	return hardware;
}

static void test_nothing_is_known_where_nothing_is_said(void **state)
{
	(void)state;
	assert_int_equal(look().count, 0);
}

static void test_a_board_with_a_device_tree(void **state)
{
	(void)state;
	put("/proc/device-tree/serial-number", "10000000abcdef12", 17); /* with its NUL */
	struct hardware first = look();
	assert_int_equal(first.count, 1);
	assert_string_equal(first.marks[0].source, "soc");
	assert_int_equal(strlen(first.marks[0].hash), 16);
	assert_null(strstr(first.marks[0].hash, "abcdef"));
	/* The same, by its other name; and once only. */
	put("/sys/firmware/devicetree/base/serial-number", "10000000ABCDEF12\n", 17);
	assert_int_equal(look().count, 1);
	put("/proc/device-tree/serial-number", "", 0);
	assert_string_equal(look().marks[0].hash, first.marks[0].hash);
	put("/sys/firmware/devicetree/base/serial-number", "10000000abcdef13", 16);
	assert_string_not_equal(look().marks[0].hash, first.marks[0].hash);
}

static void test_a_board_with_dmi(void **state)
{
	(void)state;
	put("/sys/class/dmi/id/product_uuid", "4c4c4544-0042-3510-8052-b4c04f4e3232\n", 37);
	put("/sys/class/dmi/id/product_serial", "Default string\n", 15);
	put("/sys/class/dmi/id/board_serial", "/B5R2N2/CN129635CT0009/\n", 24);
	struct hardware found = look();
	assert_int_equal(found.count, 2);
	assert_string_equal(found.marks[0].source, "product_uuid");
	assert_string_equal(found.marks[1].source, "board_serial");
}

static void test_what_is_no_number(void **state)
{
	static const char *const none[] = {
		"",
		"\n",
		"0",
		"00000000",
		"0000000000000000",
		"ffffffff-ffff-ffff-ffff-ffffffffffff",
		"FFFFFFFFFFFF",
		"xxxxxxxx",
		"........",
		"None",
		"Default string",
		"To be filled by O.E.M.",
		"To Be Filled By O.E.M.",
		"System Serial Number",
		"Not Specified",
		"Not Applicable",
		"N/A",
		"Unknown",
		"INVALID",
		"0123456789",
		"123456789",
		"1234567890",
		"012345678901234567",
		"123456789012345",
		"03000200-0400-0500-0006-000700080009",
		"abc",
	};
	(void)state;
	for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
		put("/sys/class/dmi/id/product_serial", none[i], strlen(none[i]));
		if (look().count)
			fail_msg("\"%s\" is taken for a serial number", none[i]);
	}
	static const char *const some[] = {"PF1ABCDE", "1234567891", "0123456780", "VMware-56 4d 3e 10 11 aa", "7TG8R"};
	for (size_t i = 0; i < sizeof some / sizeof *some; i++) {
		put("/sys/class/dmi/id/product_serial", some[i], strlen(some[i]));
		if (look().count != 1)
			fail_msg("\"%s\" is taken for none", some[i]);
	}
}

static void test_more_than_a_number(void **state)
{
	char much[8192];
	(void)state;
	memset(much, 'a', sizeof much);
	much[7] = 'b';
	put("/sys/class/dmi/id/product_serial", much, sizeof much);
	assert_int_equal(look().count, 0);
	put("/sys/class/dmi/id/product_serial", much, 4000);
	assert_int_equal(look().count, 1);
	put("/sys/class/dmi/id/product_serial", "\001\002\377\376\000ABCD", 9);
	assert_int_equal(look().count, 0);
}

static void test_what_people_say(void **state)
{
	struct hardware hardware;
	struct err e;
	(void)state;
	put("/sys/class/dmi/id/board_serial", "B5R2N2", 6);
	hardware_look("none", root, &hardware);
	assert_int_equal(hardware.count, 0);
	hardware_look("truck-17", root, &hardware);
	assert_int_equal(hardware.count, 1);
	assert_string_equal(hardware.marks[0].source, "name");
	static const char *const bad[] = {"", "a b", "a/b", "ä", "x;y", "a\tb"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(hardware_check(bad[i], &e), -ERR_CONFIG);
	assert_int_equal(hardware_check("auto", &e), 0);
	assert_int_equal(hardware_check("Truck_17.b-2", &e), 0);
	char name[HARDWARE_NAME_MAX + 2];
	memset(name, 'n', sizeof name);
	name[HARDWARE_NAME_MAX + 1] = '\0';
	assert_int_equal(hardware_check(name, &e), -ERR_CONFIG);
	name[HARDWARE_NAME_MAX] = '\0';
	assert_int_equal(hardware_check(name, &e), 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, make_root, remove_root)
	const struct CMUnitTest tests[] = {
		T(test_nothing_is_known_where_nothing_is_said),
		T(test_a_board_with_a_device_tree),
		T(test_a_board_with_dmi),
		T(test_what_is_no_number),
		T(test_more_than_a_number),
		T(test_what_people_say),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
