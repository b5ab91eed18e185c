# A DSA for stock QEMU: tools/dsa-model/README.md. Apart from the kernel, under the GPL; it needs nothing of QEMU either.
.PHONY: dsa-model
$B/dsa-model/%.o: tools/dsa-model/%.c Makefile
	$(call say,PLUGIN,$<)
	$(Q)mkdir -p $(@D) && $(CC) -Wall -Wextra -Werror -std=gnu11 -O2 -g -fPIC -fvisibility=hidden -fno-strict-aliasing \
		-MMD -MP -c -o $@ $<

$B/dsa-model.so: $(patsubst tools/%.c,$B/%.o,$(filter-out %/two_processes.c,$(wildcard tools/dsa-model/*.c)) $(wildcard tools/qemu-device/*.c))
	$(call say,LD,$@)
	$(Q)$(CC) -shared -o $@ $^

# A program of the guest that judges it.
$B/dsa-model/two_processes: tools/dsa-model/two_processes.c Makefile
	$(call say,CC (guest),$<)
	$(Q)mkdir -p $(@D) && $(CC) -Wall -Wextra -Werror -std=gnu11 -O1 -static -o $@ $<

dsa-model: $B/dsa-model.so
