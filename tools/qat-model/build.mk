# A QAT card for stock QEMU: tools/qat-model/README.md. Apart from the kernel, under the GPL; it needs nothing of QEMU either.
.PHONY: qat-model model-test qat-packages
qat-packages:
	$(Q)tools/setup.sh qat

$B/qat-model/%.o: tools/qat-model/%.c Makefile | qat-packages
	$(call say,PLUGIN,$<)
	$(Q)mkdir -p $(@D) && $(CC) -Wall -Wextra -Werror -std=gnu11 -O2 -g -fPIC -fvisibility=hidden -fno-strict-aliasing \
		-MMD -MP -c -o $@ $<

# What all models share.
$B/qemu-device/%.o: tools/qemu-device/%.c Makefile
	$(call say,PLUGIN,$<)
	$(Q)mkdir -p $(@D) && $(CC) -Wall -Wextra -Werror -std=gnu11 -O2 -g -fPIC -fvisibility=hidden -fno-strict-aliasing \
		-MMD -MP -c -o $@ $<

$B/qat-model.so: $(patsubst tools/%.c,$B/%.o,$(wildcard tools/qat-model/*.c tools/qemu-device/*.c))
	$(call say,LD,$@)
	$(Q)$(CC) -shared -o $@ $^ -lnettle -lgmp -lz

qat-model: $B/qat-model.so

# Linux's and DPDK's drivers as judges of that card and of the DSA.
model-test: qat-model dsa-model $B/dsa-model/two_processes
	$(Q)tools/dsa-model/model-test
	$(Q)tools/qat-model/model-test
