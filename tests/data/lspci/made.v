00:02.0 CardBus bridge [0607]: Ricoh Co Ltd RL5c476 II [1180:0476] (rev b3)
	Subsystem: Lenovo ThinkPad R61/T400 [17aa:20c6]
	Flags: bus master, medium devsel, latency 168, IRQ 11
	Memory at f0200000 (32-bit, non-prefetchable)
	Bus: primary=1c, secondary=1d, subordinate=20, sec-latency=176
	Memory window 0: e0000000-e3ffffff (prefetchable)
	Memory window 1: c0000000-c3ffffff
	I/O window 0: 00002000-000020ff
	I/O window 1: 00012400-000124ff
	16-bit legacy interface ports at 0001
	Capabilities: [dc] Power Management version 2

00:03.0 CardBus bridge [0607]: Ricoh Co Ltd RL5c476 II [1180:0476] (rev b3)
	Subsystem: Lenovo ThinkPad R61/T400 [17aa:20c6]
	Flags: medium devsel, IRQ 11
	Memory at f0200000 (32-bit, non-prefetchable) [disabled]
	Bus: primary=00, secondary=00, subordinate=00, sec-latency=0
	Memory window 1: c0000001-c3ffffff [disabled] (prefetchable)
	I/O window 1: 00002400-000024ff [disabled]
	16-bit legacy interface ports at 0001
	Capabilities: [dc] Power Management version 2

00:04.0 Host bridge [0600]: Advanced Micro Devices, Inc. [AMD] Device [1022:1234]
	Flags: fast devsel
	Capabilities: [40] HyperTransport: Slave or Primary Interface

00:04.1 Host bridge [0600]: Advanced Micro Devices, Inc. [AMD] Device [1022:1234]
	Flags: fast devsel
	Capabilities: [40] HyperTransport: Slave or Primary Interface

00:04.2 Host bridge [0600]: Advanced Micro Devices, Inc. [AMD] Device [1022:1234]
	Flags: fast devsel
	Capabilities: [40] HyperTransport: Slave or Primary Interface

00:04.3 Host bridge [0600]: Advanced Micro Devices, Inc. [AMD] Device [1022:1234]
	Flags: fast devsel
	Capabilities: [40] HyperTransport: Slave or Primary Interface

00:04.4 Host bridge [0600]: Advanced Micro Devices, Inc. [AMD] Device [1022:1234]
	Flags: fast devsel
	Capabilities: [40] HyperTransport: Host or Secondary Interface

00:04.5 Host bridge [0600]: Advanced Micro Devices, Inc. [AMD] Device [1022:1234]
	Flags: fast devsel
	Capabilities: [40] HyperTransport: Host or Secondary Interface

00:04.6 Host bridge [0600]: Advanced Micro Devices, Inc. [AMD] Device [1022:1234]
	Flags: fast devsel
	Capabilities: [40] HyperTransport: Host or Secondary Interface

00:04.7 Host bridge [0600]: Advanced Micro Devices, Inc. [AMD] Device [1022:1234]
	Flags: fast devsel
	Capabilities: [40] HyperTransport: MSI Mapping Enable+ Fixed+

00:05.0 Host bridge [0600]: Advanced Micro Devices, Inc. [AMD] Device [1022:1234]
	Flags: fast devsel
	Capabilities: [40] HyperTransport: MSI Mapping Enable+ Fixed-

00:05.1 Host bridge [0600]: Advanced Micro Devices, Inc. [AMD] Device [1022:1234]
	Flags: fast devsel
	Capabilities: [40] HyperTransport: Revision ID: 1.03

00:05.2 Host bridge [0600]: Advanced Micro Devices, Inc. [AMD] Device [1022:1234]
	Flags: fast devsel
	Capabilities: [40] HyperTransport: Switch

00:05.3 Host bridge [0600]: Advanced Micro Devices, Inc. [AMD] Device [1022:1234]
	Flags: fast devsel
	Capabilities: [40] HyperTransport: Interrupt Discovery and Configuration

00:05.4 Host bridge [0600]: Advanced Micro Devices, Inc. [AMD] Device [1022:1234]
	Flags: fast devsel
	Capabilities: [40] HyperTransport: DirectRoute

00:05.5 Host bridge [0600]: Advanced Micro Devices, Inc. [AMD] Device [1022:1234]
	Flags: fast devsel
	Capabilities: [40] HyperTransport: Retry Mode

00:05.6 Host bridge [0600]: Advanced Micro Devices, Inc. [AMD] Device [1022:1234]
	Flags: fast devsel
	Capabilities: [40] HyperTransport: #1f

00:08.0 CXL [0502]: Intel Corporation 430MX - 82371MX Mobile PCI I/O IDE Xcelerator (MPIIX) [8086:1234] (rev 01) (prog-if 10 [CXL Memory Device (CXL 2.x)])
	Flags: fast devsel
	Capabilities: [40] Express Endpoint, MSI 00
	Capabilities: [100] Designated Vendor-Specific: Vendor=1e98 ID=0000 Rev=1 Len=60: CXL

00:08.1 CXL [0502]: Intel Corporation 430MX - 82371MX Mobile PCI I/O IDE Xcelerator (MPIIX) [8086:1234] (rev 01) (prog-if 10 [CXL Memory Device (CXL 2.x)])
	Flags: fast devsel
	Capabilities: [40] Express Endpoint, MSI 00
	Capabilities: [100] Designated Vendor-Specific: Vendor=1e98 ID=0000 Rev=2 Len=60: CXL

00:08.2 CXL [0502]: Intel Corporation 430MX - 82371MX Mobile PCI I/O IDE Xcelerator (MPIIX) [8086:1234] (rev 01) (prog-if 10 [CXL Memory Device (CXL 2.x)])
	Flags: fast devsel
	Capabilities: [40] Express Endpoint, MSI 00
	Capabilities: [100] Designated Vendor-Specific: Vendor=1e98 ID=0000 Rev=0 Len=60: CXL

00:08.3 CXL [0502]: Intel Corporation 430MX - 82371MX Mobile PCI I/O IDE Xcelerator (MPIIX) [8086:1234] (rev 01) (prog-if 10 [CXL Memory Device (CXL 2.x)])
	Flags: fast devsel
	Capabilities: [40] Express Endpoint, MSI 00
	Capabilities: [100] Designated Vendor-Specific: Vendor=1e98 ID=0003 Rev=0 Len=40: CXL

00:08.4 CXL [0502]: Intel Corporation 430MX - 82371MX Mobile PCI I/O IDE Xcelerator (MPIIX) [8086:1234] (rev 01) (prog-if 10 [CXL Memory Device (CXL 2.x)])
	Flags: fast devsel
	Capabilities: [40] Express Endpoint, MSI 00
	Capabilities: [100] Designated Vendor-Specific: Vendor=1e98 ID=0004 Rev=0 Len=16: CXL

00:08.5 CXL [0502]: Intel Corporation 430MX - 82371MX Mobile PCI I/O IDE Xcelerator (MPIIX) [8086:1234] (rev 01) (prog-if 10 [CXL Memory Device (CXL 2.x)])
	Flags: fast devsel
	Capabilities: [40] Express Endpoint, MSI 00
	Capabilities: [100] Designated Vendor-Specific: Vendor=1e98 ID=0005 Rev=0 Len=16: CXL

00:08.6 CXL [0502]: Intel Corporation 430MX - 82371MX Mobile PCI I/O IDE Xcelerator (MPIIX) [8086:1234] (rev 01) (prog-if 10 [CXL Memory Device (CXL 2.x)])
	Flags: fast devsel
	Capabilities: [40] Express Endpoint, MSI 00
	Capabilities: [100] Designated Vendor-Specific: Vendor=1e98 ID=0007 Rev=0 Len=20: CXL

00:08.7 CXL [0502]: Intel Corporation 430MX - 82371MX Mobile PCI I/O IDE Xcelerator (MPIIX) [8086:1234] (rev 01) (prog-if 10 [CXL Memory Device (CXL 2.x)])
	Flags: fast devsel
	Capabilities: [40] Express Endpoint, MSI 00
	Capabilities: [100] Designated Vendor-Specific: Vendor=1e98 ID=0007 Rev=1 Len=20: CXL

00:09.0 CXL [0502]: Intel Corporation 430MX - 82371MX Mobile PCI I/O IDE Xcelerator (MPIIX) [8086:1234] (rev 01) (prog-if 10 [CXL Memory Device (CXL 2.x)])
	Flags: fast devsel
	Capabilities: [40] Express Endpoint, MSI 00
	Capabilities: [100] Designated Vendor-Specific: Vendor=1e98 ID=0007 Rev=2 Len=32: CXL

00:09.1 CXL [0502]: Intel Corporation 430MX - 82371MX Mobile PCI I/O IDE Xcelerator (MPIIX) [8086:1234] (rev 01) (prog-if 10 [CXL Memory Device (CXL 2.x)])
	Flags: fast devsel
	Capabilities: [40] Express Endpoint, MSI 00
	Capabilities: [100] Designated Vendor-Specific: Vendor=1e98 ID=0008 Rev=0 Len=44: CXL

00:09.2 CXL [0502]: Intel Corporation 430MX - 82371MX Mobile PCI I/O IDE Xcelerator (MPIIX) [8086:1234] (rev 01) (prog-if 10 [CXL Memory Device (CXL 2.x)])
	Flags: fast devsel
	Capabilities: [40] Express Endpoint, MSI 00
	Capabilities: [100] Designated Vendor-Specific: Vendor=1e98 ID=000a Rev=0 Len=32: CXL

00:09.3 CXL [0502]: Intel Corporation 430MX - 82371MX Mobile PCI I/O IDE Xcelerator (MPIIX) [8086:1234] (rev 01) (prog-if 10 [CXL Memory Device (CXL 2.x)])
	Flags: fast devsel
	Capabilities: [40] Express Endpoint, MSI 00
	Capabilities: [100] Designated Vendor-Specific: Vendor=1e98 ID=0000 Rev=1 Len=60: CXL

00:0b.0 PCI bridge [0604]: Intel Corporation 430MX - 82371MX Mobile PCI I/O IDE Xcelerator (MPIIX) [8086:1234] (prog-if 00 [Normal decode])
	Subsystem: Intel Corporation 430MX - 82371MX Mobile PCI I/O IDE Xcelerator (MPIIX) [8086:1234]
	Flags: bus master, fast devsel, latency 0
	Bus: primary=00, secondary=00, subordinate=00, sec-latency=0
	I/O behind bridge: 1000-2fff [size=8K] [16-bit]
	Memory behind bridge: a0000000-a1ffffff [size=32M] [32-bit]
	Prefetchable memory behind bridge: b0000000-b3ffffff [size=64M] [32-bit]
	Capabilities: [40] Subsystem: Intel Corporation 430MX - 82371MX Mobile PCI I/O IDE Xcelerator (MPIIX) [8086:1234]

00:0b.1 PCI bridge [0604]: Intel Corporation 430MX - 82371MX Mobile PCI I/O IDE Xcelerator (MPIIX) [8086:1234] (prog-if 00 [Normal decode])
	Subsystem: Intel Corporation 430MX - 82371MX Mobile PCI I/O IDE Xcelerator (MPIIX) [8086:1234]
	Flags: bus master, fast devsel, latency 0
	Bus: primary=00, secondary=00, subordinate=00, sec-latency=0
	I/O behind bridge: 00031000-00042fff [size=72K] [32-bit]
	Memory behind bridge: a0000000-a1ffffff [size=32M] [32-bit]
	Prefetchable memory behind bridge: 00000001b0000000-00000002b3ffffff [size=4160M] [64-bit]
	Capabilities: [40] Subsystem: Intel Corporation 430MX - 82371MX Mobile PCI I/O IDE Xcelerator (MPIIX) [8086:1234]

00:0c.0 Ethernet controller [0200]: Intel Corporation 430MX - 82371MX Mobile PCI I/O IDE Xcelerator (MPIIX) [8086:1234]
	Flags: fast devsel
	Capabilities: [f0] Enhanced Allocation (EA): NumEntries=1

00:0d.0 Ethernet controller [0200]: Intel Corporation 430MX - 82371MX Mobile PCI I/O IDE Xcelerator (MPIIX) [8086:1234]
	Flags: fast devsel
	Capabilities: [c0] Enhanced Allocation (EA): NumEntries=2

00:0e.0 CXL [0502]: Intel Corporation 430MX - 82371MX Mobile PCI I/O IDE Xcelerator (MPIIX) [8086:1234] (rev 01) (prog-if 10 [CXL Memory Device (CXL 2.x)])
	Flags: fast devsel
	Capabilities: [40] Express Endpoint, MSI 00
	Capabilities: [100] Designated Vendor-Specific: Vendor=1e98 ID=0000 Rev=1 Len=60: CXL

00:10.0 Ethernet controller [0200]: Intel Corporation 82576 Virtual Function [8086:10ca] (rev 01)
	Flags: fast devsel
	Capabilities: [40] Express Endpoint, MSI 00

