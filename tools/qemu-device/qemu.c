// Where a model of a device meets QEMU: the guard that compares the QEMU with what is known of its version,
// and the few things that depend on that. SPDX-License-Identifier: GPL-2.0-or-later
#include "qemu.h"

enum { CLOCK_OF_GUEST = 1, LITTLE_ENDIAN_REGISTERS = 2 };
enum { ACCESS_OK = 0, ACCESS_REFUSED = 4 };
enum { COMMAND = 4, COMMAND_BUS_MASTER = 4 };
enum { TIMER_ROOM = 128 }; /* 48 are used in all versions that are known */

// What differs between versions, or might: the version of the plugin API that the QEMU takes (10.0 takes 2 to
// 4, 10.2 2 to 5, 11.1 takes 7 alone), where the fields of the classes are, and how large a MemoryRegion is.
struct layout {
	uint8_t major, minor, api;
	uint16_t desc, user_creatable;                     /* in a DeviceClass */
	uint16_t realize, exit, config_read, config_write; /* in a PCIDeviceClass */
	uint16_t vendor, device, class;
	uint16_t memory_region;
};

static const struct layout layouts[] = {
	{10, 0, 4, 0x70, 0x82, 0xb8, 0xc0, 0xc8, 0xd0, 0xd8, 0xda, 0xde, 0x110},
	{10, 2, 4, 0x70, 0x82, 0xb8, 0xc0, 0xc8, 0xd0, 0xd8, 0xda, 0xde, 0x110},
	{11, 1, 7, 0x70, 0x82, 0xb8, 0xc0, 0xc8, 0xd0, 0xd8, 0xda, 0xde, 0x110},
};
static const struct layout *layout;

// Devices that every q35 machine can be made of, and what is known of their classes (a port gets its class
// code later).
static const struct known {
	const char *type, *desc;
	uint16_t vendor, device, class;
	bool user_creatable, exit;
} known[] = {
	{"pcie-root-port", "PCI Express Root Port", 0x1b36, 0x000c, 0, true, true},
	{"mch", "Host bridge", 0x8086, 0x29c0, 0x0600, false, false},
};

typedef void any_function(void);
static const struct {
	const char *name;
	any_function *function;
} functions[] = {
#define FUNCTION(result, name, parameters) {#name, (any_function *)name},
	QEMU_FUNCTIONS(FUNCTION)
#undef FUNCTION
};

static void *field(void *object, uint16_t off)
{
	return (char *)object + off;
}

static const void *get_pointer(void *object, uint16_t off)
{
	const void *p;
	memcpy(&p, field(object, off), sizeof p);
	return p;
}

static uint16_t get_u16(void *object, uint16_t off)
{
	uint16_t v;
	memcpy(&v, field(object, off), sizeof v);
	return v;
}

static bool get_bool(void *object, uint16_t off)
{
	return *(const unsigned char *)field(object, off) == 1;
}

// The first field of the class that is not where it should be, or NULL. A desc is only looked into when all
// else fits.
static const char *misplaced(const struct layout *l, const struct known *k)
{
	ObjectClass *c = object_class_by_name(k->type);
	if (!c)
		return "class";
	if (get_u16(c, l->vendor) != k->vendor)
		return "vendor id";
	if (get_u16(c, l->device) != k->device)
		return "device id";
	if (get_u16(c, l->class) != k->class)
		return "class code";
	if (!get_pointer(c, l->realize) || !get_pointer(c, l->exit) == k->exit)
		return "functions to come and go";
	if (get_pointer(c, l->config_read) || !get_pointer(c, l->config_write))
		return "functions for config space";
	if (get_bool(c, l->user_creatable) != k->user_creatable)
		return "mark of what a user can make";
	const char *desc = get_pointer(c, l->desc);
	return desc && !strcmp(desc, k->desc) ? NULL : "description";
}

// QEMU clears an object before it sets it up, so that its end shows in memory that was filled with something
// else. The probe is not ended: there is nothing in it, and QEMU's way to end it changes with the version.
static size_t memory_region_bytes(void)
{
	_Alignas(16) static unsigned char probe[4096];
	size_t n = sizeof probe;
	memset(probe, 0xa5, sizeof probe);
	object_initialize(probe, sizeof probe, "memory-region");
	while (n && probe[n - 1] == 0xa5)
		n--;
	return n;
}

bool qemu_has(const char *name, void (*function)(void))
{
	if (!function)
		fprintf(stderr,
			"%s: this QEMU %d.%d was built without %s(), which the model calls: "
			"use a QEMU that loads "
			"modules, like Debian's\n",
			model_name, layout->major, layout->minor, name);
	return function;
}

static bool version_is_known(void)
{
	struct qemu_version *v = qmp_query_version && qapi_free_VersionInfo ? qmp_query_version(NULL) : NULL;
	if (!v || !v->number) {
		fprintf(stderr,
			"%s: what loads this plugin does not say a QEMU version (it has no "
			"qmp_query_version()); the model works "
			"in QEMU's system emulation 10.0, 10.2 and 11.1 alone\n",
			model_name);
		return false;
	}
	for (size_t i = 0; i < ARRAY_SIZE(layouts); i++)
		if (v->number->major == layouts[i].major && v->number->minor == layouts[i].minor)
			layout = &layouts[i];
	if (!layout)
		fprintf(stderr,
			"%s: this is QEMU %d.%d.%d, whose inner layout the model does not know: it "
			"works in QEMU 10.0, 10.2 "
			"and 11.1, which QEMU=... names\n",
			model_name, (int)v->number->major, (int)v->number->minor, (int)v->number->micro);
	qapi_free_VersionInfo(v);
	return layout;
}

static bool functions_are_there(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(functions); i++)
		if (!qemu_has(functions[i].name, functions[i].function))
			return false;
	return true;
}

static bool layout_fits(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		const char *what = misplaced(layout, &known[i]);
		if (what) {
			fprintf(stderr,
				"%s: the %s of %s is not where QEMU %d.%d has it, so this QEMU was "
				"changed and the model "
				"does not work in it\n",
				model_name, what, known[i].type, layout->major, layout->minor);
			return false;
		}
	}
	size_t bytes = memory_region_bytes();
	if (bytes != layout->memory_region || bytes > MEMORY_REGION_ROOM) {
		fprintf(stderr,
			"%s: a memory region has %zu bytes and not the %u of QEMU %d.%d, so this QEMU "
			"was changed and the "
			"model does not work in it\n",
			model_name, bytes, layout->memory_region, layout->major, layout->minor);
		return false;
	}
	return true;
}

bool qemu_check(int *api)
{
	if (!version_is_known())
		return false;
	*api = layout->api;
	return functions_are_there() && layout_fits();
}

/* --- functions */

static struct fn *fns;

void *fn_new(Object *obj, size_t bytes)
{
	struct fn *f = calloc(1, bytes);
	if (!f)
		abort();
	f->dev = (PCIDevice *)obj;
	f->next = fns;
	fns = f;
	return f;
}

void fn_free(Object *obj)
{
	for (struct fn **p = &fns; *p; p = &(*p)->next)
		if ((*p)->dev == (PCIDevice *)obj) {
			struct fn *f = *p;
			*p = f->next;
			free(f);
			return;
		}
}

void *fn_of(const void *dev)
{
	struct fn *f = fns;
	while (f && f->dev != dev)
		f = f->next;
	return f;
}

// What goes to memory before the access must be seen by the guest before it.
bool fn_dma(struct fn *fn, uint64_t addr, void *buf, size_t len, bool write)
{
	if (!(pci_default_read_config(fn->dev, COMMAND, 2) & COMMAND_BUS_MASTER))
		return false;
	AddressSpace *as = pci_device_iommu_address_space(fn->dev);
	struct access_attrs attrs = {.unspecified = true};
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	bool before = fn->in_dma;
	fn->in_dma = true;
	bool done = address_space_rw(as, addr, attrs, buf, len, write) == ACCESS_OK;
	fn->in_dma = before;
	return done;
}

/* --- registers */

static uint32_t region_read(void *opaque, uint64_t off, uint64_t *value, unsigned size,
			    struct access_attrs attrs)
{
	struct region *r = opaque;
	(void)size, (void)attrs;
	if (r->fn->in_dma)
		return ACCESS_REFUSED;
	*value = r->ops->read(r->fn, (uint32_t)off);
	return ACCESS_OK;
}

static uint32_t region_write(void *opaque, uint64_t off, uint64_t value, unsigned size,
			     struct access_attrs attrs)
{
	struct region *r = opaque;
	(void)size, (void)attrs;
	if (r->fn->in_dma)
		return ACCESS_REFUSED;
	if (r->ops->write64)
		r->ops->write64(r->fn, (uint32_t)off, value);
	else
		r->ops->write(r->fn, (uint32_t)off, (uint32_t)value);
	return ACCESS_OK;
}

void region_init(struct region *r, struct fn *fn, const struct region_ops *ops, const char *name,
		 uint32_t bytes)
{
	static const struct access_ops access = {.read_attrs = region_read,
						 .write_attrs = region_write,
						 .endianness = LITTLE_ENDIAN_REGISTERS,
						 .impl = {4, 4, false}};
	static const struct access_ops wide = {.read_attrs = region_read,
					       .write_attrs = region_write,
					       .endianness = LITTLE_ENDIAN_REGISTERS,
					       .valid = {8, 8, false, NULL},
					       .impl = {8, 8, false}};
	r->fn = fn;
	r->ops = ops;
	memory_region_init_io(region_of_qemu(r), (Object *)fn->dev, ops->write64 ? &wide : &access, r, name,
			      bytes);
}

MemoryRegion *region_of_qemu(struct region *r)
{
	return (MemoryRegion *)r->of_qemu;
}

void vf_register_bar(PCIDevice *dev, int bar, struct region *r)
{
	if (pcie_sriov_vf_register_bar)
		pcie_sriov_vf_register_bar(dev, bar, region_of_qemu(r));
	else
		pci_register_bar(dev, bar, BAR_64, region_of_qemu(r));
}

/* --- properties */

static void get_property(Object *obj, Visitor *v, const char *name, void *opaque, Error **errp)
{
	const struct property *p = opaque;
	void *at = (char *)fn_of(obj) + p->off;
	bool b;
	uint16_t u16;
	uint32_t u32;
	char *s;
	switch (p->kind) {
	case PROPERTY_BOOL:
		b = *(bool *)at;
		visit_type_bool(v, name, &b, errp);
		break;
	case PROPERTY_U16:
		u16 = *(uint16_t *)at;
		visit_type_uint16(v, name, &u16, errp);
		break;
	case PROPERTY_U32:
		u32 = *(uint32_t *)at;
		visit_type_uint32(v, name, &u32, errp);
		break;
	default:
		s = *(char **)at ? *(char **)at : (char[]){""};
		visit_type_str(v, name, &s, errp);
	}
}

static void set_property(Object *obj, Visitor *v, const char *name, void *opaque, Error **errp)
{
	const struct property *p = opaque;
	void *at = (char *)fn_of(obj) + p->off;
	char *s;
	switch (p->kind) {
	case PROPERTY_BOOL:
		visit_type_bool(v, name, at, errp);
		break;
	case PROPERTY_U16:
		visit_type_uint16(v, name, at, errp);
		break;
	case PROPERTY_U32:
		visit_type_uint32(v, name, at, errp);
		break;
	default:
		if (visit_type_str(v, name, &s, errp)) {
			g_free(*(char **)at);
			*(char **)at = s;
		}
	}
}

/* --- classes */

static void set_pointer(void *object, uint16_t off, const void *p)
{
	memcpy(field(object, off), &p, sizeof p);
}

static void set_u16(void *object, uint16_t off, uint16_t v)
{
	memcpy(field(object, off), &v, sizeof v);
}

void fn_register(const char *type, void (*new)(Object *obj), void (*free)(Object *obj),
		 void (*init)(ObjectClass *klass, const void *data), const void *data)
{
	static const struct interface interfaces[] = {{"pci-express-device"}, {NULL}};
	const struct type_info info = {.name = type,
				       .parent = "pci-device",
				       .instance_init = new,
				       .instance_finalize = free,
				       .class_init = init,
				       .class_data = data,
				       .interfaces = interfaces};
	type_register_static(&info);
}

void fn_class_init(ObjectClass *klass, const struct fn_class *c)
{
	static const char *const names[] = {"bool", "uint16", "uint32", "str"};
	device_class_set_legacy_reset((DeviceClass *)klass, c->reset);
	set_pointer(klass, layout->desc, c->name);
	memcpy(field(klass, layout->user_creatable), &c->user_creatable, 1);
	memcpy(field(klass, layout->realize), &c->realize, sizeof c->realize);
	memcpy(field(klass, layout->exit), &c->exit, sizeof c->exit);
	memcpy(field(klass, layout->config_read), &c->config_read, sizeof c->config_read);
	memcpy(field(klass, layout->config_write), &c->config_write, sizeof c->config_write);
	set_u16(klass, layout->vendor, 0x8086);
	set_u16(klass, layout->device, c->device);
	set_u16(klass, layout->class, c->class);
	for (unsigned i = 0; i < c->n; i++) {
		const struct property *p = &c->properties[i];
		object_class_property_add(klass, p->name, names[p->kind], get_property, set_property, NULL,
					  (void *)(uintptr_t)p);
	}
}

/* --- time */

int64_t clock_ns(void)
{
	return qemu_clock_get_ns(CLOCK_OF_GUEST);
}

QEMUTimer *timer_make(void (*run)(void *opaque), void *opaque)
{
	QEMUTimer *t = calloc(1, TIMER_ROOM);
	if (!t)
		abort();
	timer_init_full(t, NULL, CLOCK_OF_GUEST, 1, 0, run, opaque);
	return t;
}

void timer_after(QEMUTimer *t, int64_t ns)
{
	timer_mod(t, clock_ns() + ns);
}

void timer_drop(QEMUTimer *t)
{
	if (t)
		timer_del(t);
	free(t);
}

QEMUBH *work_make(void (*run)(void *opaque), void *opaque)
{
	return qemu_bh_new_full(run, opaque, model_name, NULL);
}
