/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of a machine, read from a made-up tree of /etc, /proc and /sys. */
#include "client_peer.h"
#include "parts.h"

static int trees;

/* A new empty tree. */
static const char *tree(char out[256])
{
	char name[32];
	snprintf(name, sizeof(name), "root-%d", trees++);
	return peer_path(name, out);
}

static void folders(const char *path)
{
	char copy[600];
	snprintf(copy, sizeof(copy), "%s", path);
	for (char *at = copy + 1; (at = strchr(at, '/')) != NULL; at++) {
		*at = 0;
		mkdir(copy, 0755);
		*at = '/';
	}
}

static void put(const char *root, const char *path, const char *bytes, size_t n)
{
	char whole[600];
	snprintf(whole, sizeof(whole), "%s%s", root, path);
	folders(whole);
	FILE *file = fopen(whole, "wb");
	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, n, file), n);
	assert_int_equal(fclose(file), 0);
}

static void text(const char *root, const char *path, const char *value)
{
	put(root, path, value, strlen(value));
}

static void link_to(const char *root, const char *path, const char *target)
{
	char whole[600];
	snprintf(whole, sizeof(whole), "%s%s", root, path);
	folders(whole);
	assert_int_equal(symlink(target, whole), 0);
}

/* The value of the nth part of a kind, or NULL. */
static const char *value(const struct parts *parts, enum hardware_kind kind, int nth)
{
	for (size_t i = 0; i < parts->n; i++)
		if (parts->rows[i].kind == kind && nth-- == 0)
			return parts->rows[i].value;
	return NULL;
}

#define ROOT_MOUNT(device, source)                                                                           \
	"22 1 " device " / / rw,relatime shared:1 - ext4 " source " rw\n"                                    \
	"23 22 0:5 / /proc rw - proc proc rw\n"

/* A port with its address as it was made. */
static void port(const char *root, const char *name, const char *bus, const char *address)
{
	char path[300];
	char target[300];
	snprintf(path, sizeof(path), "/sys/class/net/%s/type", name);
	text(root, path, "1\n");
	snprintf(path, sizeof(path), "/sys/class/net/%s/addr_assign_type", name);
	text(root, path, "0\n");
	snprintf(path, sizeof(path), "/sys/class/net/%s/address", name);
	text(root, path, address);
	snprintf(path, sizeof(path), "/sys/class/net/%s/device/subsystem", name);
	snprintf(target, sizeof(target), "../../../../bus/%s", bus);
	link_to(root, path, target);
}

static void whole_machine(void **unused)
{
	struct parts parts;
	char root[256];
	(void)unused;
	tree(root);
	text(root, "/etc/machine-id", "0123456789abcdef0123456789abcdef\n");
	text(root, "/sys/class/dmi/id/product_uuid", "4C4C4544-0042-3510-8052-B4C04F4A5931\n");
	text(root, "/sys/class/dmi/id/board_serial", "  /7B5JY1/CN\xc3\xa9 \n");
	text(root, "/proc/self/mountinfo", ROOT_MOUNT("259:2", "/dev/nvme0n1p2"));
	text(root, "/sys/devices/nvme0/nvme0n1/nvme0n1p2/partition", "2\n");
	text(root, "/sys/devices/nvme0/serial", "S4EVNX0M123456      \n");
	link_to(root, "/sys/devices/nvme0/nvme0n1/device", "..");
	link_to(root, "/sys/dev/block/259:2", "../../devices/nvme0/nvme0n1/nvme0n1p2");
	port(root, "eth1", "pci", "b4:2e:99:01:02:04\n");
	port(root, "eth0", "pci", "B4:2E:99:01:02:03\n");
	port(root, "eth2", "pci", "b4:2e:99:01:02:05\n");
	text(root, "/proc/cpuinfo",
	     "processor\t: 0\nmodel\t\t: 158\nmodel name\t: Intel(R) Core(TM) i7\nmodel name\t: other\n");
	text(root, "/proc/meminfo", "MemTotal:       16316412 kB\nMemFree: 1 kB\n");
	parts_read(root, &parts);
	assert_int_equal(parts.n, 8);
	assert_string_equal(value(&parts, HARDWARE_MACHINE_ID, 0), "0123456789abcdef0123456789abcdef");
	assert_string_equal(value(&parts, HARDWARE_UUID, 0), "4c4c4544-0042-3510-8052-b4c04f4a5931");
	assert_string_equal(value(&parts, HARDWARE_BOARD, 0), "/7b5jy1/cn");
	assert_string_equal(value(&parts, HARDWARE_DISK, 0), "s4evnx0m123456");
	/* The lowest two, whatever order the kernel has them in. */
	assert_string_equal(value(&parts, HARDWARE_MAC, 0), "b4:2e:99:01:02:03");
	assert_string_equal(value(&parts, HARDWARE_MAC, 1), "b4:2e:99:01:02:04");
	assert_null(value(&parts, HARDWARE_MAC, 2));
	assert_string_equal(value(&parts, HARDWARE_CPU, 0), "intel(r) core(tm) i7");
	assert_string_equal(value(&parts, HARDWARE_MEMORY, 0), "16");
	for (size_t i = 1; i < parts.n; i++)
		assert_true(parts.rows[i - 1].kind <= parts.rows[i].kind);
}

static void nothing_there(void **unused)
{
	struct parts parts;
	char root[256];
	(void)unused;
	parts_read(tree(root), &parts);
	assert_int_equal(parts.n, 0);
}

/* Values that many machines share, and ones that are none. */
static void fillers(void **unused)
{
	static const char *const rows[] = {"Default string",
					   "To be filled by O.E.M.",
					   "None",
					   "00000000",
					   "xxxxxxxx",
					   "........",
					   "   ",
					   "\n",
					   "",
					   "\xc3\xa9"};
	char root[256];
	struct parts parts;
	(void)unused;
	tree(root);
	text(root, "/sys/class/dmi/id/product_uuid", "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF\n");
	text(root, "/etc/machine-id", "uninitialized\n");
	text(root, "/proc/meminfo", "MemTotal: lots\n");
	text(root, "/proc/cpuinfo", "model\t: 158\nmodel name of something : x\n");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		text(root, "/sys/class/dmi/id/board_serial", rows[i]);
		parts_read(root, &parts);
		if (parts.n)
			fail_msg("'%s' became '%s'", rows[i], parts.rows[0].value);
	}
	text(root, "/sys/class/dmi/id/product_uuid", "03000200-0400-0500-0006-000700080009\n");
	parts_read(root, &parts);
	assert_int_equal(parts.n, 0);
	text(root, "/sys/class/dmi/id/board_serial", "PF2K1234");
	parts_read(root, &parts);
	assert_int_equal(parts.n, 1);
	/* One GiB is no filler. */
	text(root, "/proc/meminfo", "MemTotal:  1000000 kB\n");
	parts_read(root, &parts);
	assert_string_equal(value(&parts, HARDWARE_MEMORY, 0), "1");
}

static void disks(void **unused)
{
	static const char page80[] = "\0\x80\0\x08VB12ab34";
	char root[256];
	struct parts parts;
	(void)unused;
	/* A SCSI disk: its serial stands behind four bytes. */
	tree(root);
	text(root, "/proc/self/mountinfo", ROOT_MOUNT("8:1", "/dev/sda1"));
	text(root, "/sys/devices/sda/sda1/partition", "1\n");
	put(root, "/sys/devices/sda/device/vpd_pg80", page80, sizeof(page80) - 1);
	link_to(root, "/sys/dev/block/8:1", "../../devices/sda/sda1");
	parts_read(root, &parts);
	assert_string_equal(value(&parts, HARDWARE_DISK, 0), "vb12ab34");
	/* Mapped (encrypted) on a mirror of two partitions: the first disk of the mirror. */
	text(root, "/proc/self/mountinfo", ROOT_MOUNT("253:0", "/dev/mapper/root"));
	text(root, "/sys/devices/vda/vda1/partition", "1\n");
	text(root, "/sys/devices/vda/serial", "virtual-7\n");
	link_to(root, "/sys/dev/block/253:0", "../../devices/dm-0");
	link_to(root, "/sys/devices/dm-0/slaves/md0", "../../md0");
	link_to(root, "/sys/devices/md0/slaves/vda1", "../../vda/vda1");
	link_to(root, "/sys/devices/md0/slaves/sda1", "../../sda/sda1");
	parts_read(root, &parts);
	assert_string_equal(value(&parts, HARDWARE_DISK, 0), "vb12ab34");
	/* A file system that hides its device's number (btrfs), mounted over another root. */
	text(root, "/proc/self/mountinfo",
	     ROOT_MOUNT("8:1", "/dev/sda1") "30 1 0:28 / / rw - btrfs /dev/vda1 rw\n");
	link_to(root, "/sys/class/block/vda1", "../../devices/vda/vda1");
	parts_read(root, &parts);
	assert_string_equal(value(&parts, HARDWARE_DISK, 0), "virtual-7");
	/* A container's root has no disk; neither has one that leads round in a circle. */
	text(root, "/proc/self/mountinfo", "30 1 0:28 / / rw - overlay overlay rw\n");
	parts_read(root, &parts);
	assert_null(value(&parts, HARDWARE_DISK, 0));
	link_to(root, "/sys/devices/loop1/slaves/loop2", "../../loop2");
	link_to(root, "/sys/devices/loop2/slaves/loop1", "../../loop1");
	link_to(root, "/sys/dev/block/7:1", "../../devices/loop1");
	text(root, "/proc/self/mountinfo", ROOT_MOUNT("7:1", "/dev/loop1"));
	parts_read(root, &parts);
	assert_null(value(&parts, HARDWARE_DISK, 0));
}

static void ports(void **unused)
{
	char root[256];
	struct parts parts;
	(void)unused;
	tree(root);
	port(root, "dock", "usb", "00:00:00:00:00:01\n"); /* on USB */
	port(root, "rand", "pci", "00:00:00:00:00:02\n"); /* made up at boot */
	text(root, "/sys/class/net/rand/addr_assign_type", "1\n");
	port(root, "slave", "pci", "00:00:00:00:00:03\n"); /* of a bond: shows the bond's address */
	text(root, "/sys/class/net/slave/addr_assign_type", "3\n");
	text(root, "/sys/class/net/slave/bonding_slave/perm_hwaddr", "00:00:00:00:00:0b\n");
	port(root, "ib0", "pci", "00:00:00:00:00:04\n"); /* no Ethernet */
	text(root, "/sys/class/net/ib0/type", "32\n");
	text(root, "/sys/class/net/veth/type", "1\n"); /* no device */
	text(root, "/sys/class/net/veth/addr_assign_type", "0\n");
	text(root, "/sys/class/net/veth/address", "00:00:00:00:00:05\n");
	port(root, "odd", "pci", "00:00\n");
	port(root, "same", "pci", "00:00:00:00:00:0b\n");
	port(root, "eth0", "virtio", "00:00:00:00:00:0c\n");
	parts_read(root, &parts);
	assert_int_equal(parts.n, 2);
	assert_string_equal(value(&parts, HARDWARE_MAC, 0), "00:00:00:00:00:0b");
	assert_string_equal(value(&parts, HARDWARE_MAC, 1), "00:00:00:00:00:0c");
}

/* On whatever machine this runs: it ends, and what it gives is as it must be. */
static void this_machine(void **unused)
{
	struct parts parts;
	(void)unused;
	parts_read("", &parts);
	for (size_t i = 0; i < parts.n; i++) {
		const char *text = parts.rows[i].value;
		assert_in_range(strlen(text), 1, PART_VALUE - 1);
		for (; *text; text++)
			assert_in_range(*text, ' ', '~');
		assert_true(hardware_weight(parts.rows[i].kind) > 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_machine), cmocka_unit_test(nothing_there),
		cmocka_unit_test(fillers),       cmocka_unit_test(disks),
		cmocka_unit_test(ports),         cmocka_unit_test(this_machine),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
