/* What the model uses of QEMU, declared in words of its own: QEMU has no header for devices in plugins.
 * QEMU's structures stay closed here. Of two of them the model has to know where fields are, and of one how
 * large it is; that is in a table by version (qemu.c), and qemu_check() compares it with the QEMU that loads
 * the plugin. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof(a)[0])

/* QEMU's names for them; to the model an object, a device and a PCI function are one pointer. */
typedef struct Object Object;
typedef struct ObjectClass ObjectClass;
typedef struct DeviceState DeviceState;
typedef struct DeviceClass DeviceClass;
typedef struct PCIDevice PCIDevice;
typedef struct MemoryRegion MemoryRegion;
typedef struct AddressSpace AddressSpace;
typedef struct QEMUTimer QEMUTimer;
typedef struct QEMUBH QEMUBH;
typedef struct Visitor Visitor;
typedef struct Error Error;

struct qemu_version {
	const struct {
		int64_t major, minor, micro;
	} * number;
	const char *package;
};

/* How a new type is described: its object is as large as its parent's, for what the model adds is not in it
 * (struct fn). */
struct type_info {
	const char *name, *parent;
	size_t instance_size, instance_align;
	void (*instance_init)(Object *obj);
	void (*instance_post_init)(Object *obj);
	void (*instance_finalize)(Object *obj);
	bool abstract;
	size_t class_size;
	void (*class_init)(ObjectClass *klass, const void *data);
	void (*class_base_init)(ObjectClass *klass, const void *data);
	const void *class_data;
	const struct interface {
		const char *type;
	} * interfaces; /* ends with an empty one */
};

struct access_attrs {
	uint32_t bits;
	bool unspecified;
	uint8_t unused_1;
	uint16_t unused_2;
};

/* How accesses to a region of registers are answered. */
struct access_ops {
	uint64_t (*read)(void *opaque, uint64_t off, unsigned size);
	void (*write)(void *opaque, uint64_t off, uint64_t value, unsigned size);
	uint32_t (*read_attrs)(void *opaque, uint64_t off, uint64_t *value, unsigned size,
			       struct access_attrs attrs);
	uint32_t (*write_attrs)(void *opaque, uint64_t off, uint64_t value, unsigned size,
				struct access_attrs attrs);
	int endianness;
	struct {
		unsigned min, max;
		bool unaligned;
		bool (*accepts)(void *opaque, uint64_t off, unsigned size, bool write,
				struct access_attrs attrs);
	} valid;
	struct {
		unsigned min, max;
		bool unaligned;
	} impl;
};

typedef void property_access(Object *obj, Visitor *v, const char *name, void *opaque, Error **errp);

/* Every function of QEMU's that the model calls: result, name, parameters. All are bound weakly, so that a
 * QEMU without one of them can be told so: else the plugin would not load, and its guard would not run. */
#define QEMU_FUNCTIONS(X)                                                                                    \
	X(void, type_register_static, (const struct type_info *info))                                        \
	X(ObjectClass *, object_class_by_name, (const char *name))                                           \
	X(const char *, object_get_typename, (const Object *obj))                                            \
	X(void, object_initialize, (void *obj, size_t size, const char *type))                               \
	X(void *, object_class_property_add,                                                                 \
	  (ObjectClass * klass, const char *name, const char *type, property_access *get,                    \
	   property_access *set, void (*release)(Object * obj, const char *name, void *opaque),              \
	   void *opaque))                                                                                    \
	X(bool, visit_type_bool, (Visitor * v, const char *name, bool *to, Error **errp))                    \
	X(bool, visit_type_uint16, (Visitor * v, const char *name, uint16_t *to, Error **errp))              \
	X(bool, visit_type_uint32, (Visitor * v, const char *name, uint32_t *to, Error **errp))              \
	X(bool, visit_type_str, (Visitor * v, const char *name, char **to, Error **errp))                    \
	X(void, g_free, (void *p))                                                                           \
	X(void, error_setg_internal,                                                                         \
	  (Error * *errp, const char *file, int line, const char *function, const char *format, ...))        \
	X(void, warn_report, (const char *format, ...))                                                      \
	X(void, device_class_set_legacy_reset, (DeviceClass * dc, void (*reset)(DeviceState * d)))           \
	X(void, device_cold_reset, (DeviceState * d))                                                        \
	X(void, memory_region_init_io,                                                                       \
	  (MemoryRegion * mr, Object * owner, const struct access_ops *ops, void *opaque, const char *name,  \
	   uint64_t bytes))                                                                                  \
	X(AddressSpace *, pci_device_iommu_address_space, (PCIDevice * dev))                                 \
	X(uint32_t, address_space_rw,                                                                        \
	  (AddressSpace * as, uint64_t addr, struct access_attrs attrs, void *buf, uint64_t len,             \
	   bool write))                                                                                      \
	X(uint32_t, pci_default_read_config, (PCIDevice * dev, uint32_t addr, int len))                      \
	X(void, pci_default_write_config, (PCIDevice * dev, uint32_t addr, uint32_t value, int len))         \
	X(void, pci_register_bar, (PCIDevice * dev, int bar, uint8_t type, MemoryRegion *mr))                \
	X(int, pcie_endpoint_cap_init, (PCIDevice * dev, uint8_t at))                                        \
	X(void, pcie_cap_exit, (PCIDevice * dev))                                                            \
	X(void, pcie_cap_flr_init, (PCIDevice * dev))                                                        \
	X(void, pcie_cap_flr_write_config, (PCIDevice * dev, uint32_t addr, uint32_t value, int len))        \
	X(void, pcie_ari_init, (PCIDevice * dev, uint16_t at))                                               \
	X(bool, pcie_sriov_pf_init,                                                                          \
	  (PCIDevice * dev, uint16_t at, const char *vf_type, uint16_t vf_id, uint16_t initial,              \
	   uint16_t total, uint16_t offset, uint16_t stride, Error **errp))                                  \
	X(void, pcie_sriov_pf_exit, (PCIDevice * dev))                                                       \
	X(void, pcie_sriov_pf_init_vf_bar, (PCIDevice * dev, int bar, uint8_t type, uint64_t bytes))         \
	X(uint16_t, pcie_sriov_vf_number, (PCIDevice * dev))                                                 \
	X(PCIDevice *, pcie_sriov_get_pf, (PCIDevice * dev))                                                 \
	X(PCIDevice *, pcie_sriov_get_vf_at_index, (PCIDevice * dev, int n))                                 \
	X(uint16_t, pcie_sriov_num_vfs, (PCIDevice * dev))                                                   \
	X(int, msi_init,                                                                                     \
	  (PCIDevice * dev, uint8_t at, unsigned vectors, bool is_64_bit, bool maskable, Error **errp))      \
	X(void, msi_uninit, (PCIDevice * dev))                                                               \
	X(bool, msi_enabled, (const PCIDevice *dev))                                                         \
	X(void, msi_notify, (PCIDevice * dev, unsigned vector))                                              \
	X(int, msix_init,                                                                                    \
	  (PCIDevice * dev, uint32_t vectors, MemoryRegion * table, uint8_t table_bar, unsigned table_at,    \
	   MemoryRegion *pba, uint8_t pba_bar, unsigned pba_at, uint8_t at, Error **errp))                   \
	X(void, msix_uninit, (PCIDevice * dev, MemoryRegion * table, MemoryRegion * pba))                    \
	X(int, msix_enabled, (PCIDevice * dev))                                                              \
	X(void, msix_notify, (PCIDevice * dev, unsigned vector))                                             \
	X(void, msix_vector_use, (PCIDevice * dev, unsigned vector))                                         \
	X(QEMUBH *, qemu_bh_new_full,                                                                        \
	  (void (*run)(void *opaque), void *opaque, const char *name, void *guard))                          \
	X(void, qemu_bh_schedule, (QEMUBH * bh))                                                             \
	X(void, qemu_bh_delete, (QEMUBH * bh))                                                               \
	X(int64_t, qemu_clock_get_ns, (int clock))                                                           \
	X(void, timer_init_full,                                                                             \
	  (QEMUTimer * t, void *lists, int clock, int scale, int attributes, void (*run)(void *opaque),      \
	   void *opaque))                                                                                    \
	X(void, timer_mod, (QEMUTimer * t, int64_t at))                                                      \
	X(void, timer_del, (QEMUTimer * t))

#define QEMU_DECLARE(result, name, parameters) result name parameters __attribute__((weak));
QEMU_FUNCTIONS(QEMU_DECLARE)
#undef QEMU_DECLARE

/* Those that tell the version; and one of some versions alone: elsewhere a VF's BAR is registered like any
 * other. */
struct qemu_version *qmp_query_version(Error **errp) __attribute__((weak));
void qapi_free_VersionInfo(struct qemu_version *v) __attribute__((weak));
void pcie_sriov_vf_register_bar(PCIDevice *dev, int bar, MemoryRegion *mr) __attribute__((weak));

/* The plugin's name, with which each of its sentences begins. */
extern const char model_name[];

/* Before anything else of this file is used: false, and one sentence on stderr, when this QEMU is not one
 * that the model knows. *api: the version of the plugin API that it takes; left alone when its version is
 * unknown. */
bool qemu_check(int *api);
/* After it: false, and one sentence, when the function that QEMU should have is NULL. */
bool qemu_has(const char *name, void (*function)(void));

/* A PCI function of the model: the first field of what the model has
 * of it, found by the device that QEMU has. */
struct fn {
	PCIDevice *dev;
	struct fn *next;
	bool in_dma; /* an access to registers of its own is refused meanwhile */
};

/* With its object, which owns it: zeroed, of that size. */
void *fn_new(Object *obj, size_t bytes);
void fn_free(Object *obj);
void *fn_of(const void *dev);

/* Reads or writes guest memory as the function, through the IOMMU; false: the access was refused. */
bool fn_dma(struct fn *fn, uint64_t addr, void *buf, size_t len, bool write);

/* The registers of a BAR, 32 bits each; with write64, 64 bits each, and no other access is taken. */
struct region_ops {
	uint32_t (*read)(void *fn, uint32_t off);
	void (*write)(void *fn, uint32_t off, uint32_t value);
	void (*write64)(void *fn, uint32_t off, uint64_t value);
};

enum { MEMORY_REGION_ROOM = 512 };
struct region {
	_Alignas(16) unsigned char of_qemu[MEMORY_REGION_ROOM];
	struct fn *fn;
	const struct region_ops *ops;
};

void region_init(struct region *r, struct fn *fn, const struct region_ops *ops, const char *name,
		 uint32_t bytes);
MemoryRegion *region_of_qemu(struct region *r);
enum { BAR_64 = 4, BAR_PREFETCH = 8 };
void vf_register_bar(PCIDevice *dev, int bar, struct region *r);

/* Properties of a function, as offsets in its struct. Strings are freed with g_free(). */
struct property {
	const char *name;
	enum { PROPERTY_BOOL, PROPERTY_U16, PROPERTY_U32, PROPERTY_STRING } kind;
	size_t off;
};

/* A class of PCI functions; all but properties is wanted. */
struct fn_class {
	const char *name;
	uint16_t device, class;
	bool user_creatable;
	void (*realize)(PCIDevice *dev, Error **errp);
	void (*exit)(PCIDevice *dev);
	uint32_t (*config_read)(PCIDevice *dev, uint32_t addr, int len);
	void (*config_write)(PCIDevice *dev, uint32_t addr, uint32_t value, int len);
	void (*reset)(DeviceState *d);
	const struct property *properties;
	unsigned n;
};

/* Registers a type of PCI Express functions that fills its class by init(klass, data). */
void fn_register(const char *type, void (*new)(Object *obj), void (*free)(Object *obj),
		 void (*init)(ObjectClass *klass, const void *data), const void *data);
void fn_class_init(ObjectClass *klass, const struct fn_class *c);

/* The guest's clock, and something that runs at a time of it; timer_drop() stops it too. */
int64_t clock_ns(void);
QEMUTimer *timer_make(void (*run)(void *opaque), void *opaque);
void timer_after(QEMUTimer *t, int64_t ns);
void timer_drop(QEMUTimer *t);

/* What runs as soon as QEMU's main loop comes round. */
QEMUBH *work_make(void (*run)(void *opaque), void *opaque);

#define qemu_fail(errp, ...) error_setg_internal(errp, __FILE__, __LINE__, __func__, __VA_ARGS__)
