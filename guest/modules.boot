# Kernel modules that the guest loads from the initramfs, in this order; what they depend on is
# added before them.  All others are on the modules disk and load when they are asked for.

virtio_mmio	# the bus of the micro-VM's devices
virtio_console	# the port of the control channel
virtio_blk	# disks: layers, upper, modules
crc32c-intel	# checksums in hardware, for ext4 and erofs
erofs		# layers and the modules disk
overlay		# the root: layers below, upper on top
virtio_net	# the network card
