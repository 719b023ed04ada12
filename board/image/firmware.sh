# shellcheck shell=bash disable=SC2034 # what is set here is for those who source this
# Sourced by boot and prove-update: does what the Pi's firmware does before there is a kernel. It reads config.txt from
# the card's FAT partition, or for one start tryboot.txt where that was asked for, and takes what its slot's folder has.

# Reads the FAT partition FAT (as mtools names it) into FOLDER, and sets `slot`, `kernel` and `initrd`. The kernel's
# words are in FOLDER/cmdline.txt.
read_fat() {
    local fat=$1 folder=$2 file=config.txt name
    # An emulated machine cannot be told to start differently once, so the asking lies on the card
    # (root/usr/lib/mynah/slots). As the firmware's own it is gone before anything is started.
    if mdel -i "$fat" ::/tryboot 2>/dev/null; then
        [[ $(mdir -b -i "$fat" ::/) != *'::/tryboot.txt'* ]] || file=tryboot.txt
    fi
    mcopy -n -o -i "$fat" "::/$file" "$folder/config.txt"
    slot=$(sed -n 's/^os_prefix=//p' "$folder/config.txt")
    kernel=$(sed -n 's/^kernel=//p' "$folder/config.txt") initrd=$(sed -n 's/^initramfs //p' "$folder/config.txt")
    name=$(sed -n 's/^cmdline=//p' "$folder/config.txt")
    mcopy -n -o -i "$fat" "::/$slot${name:-cmdline.txt}" "$folder/cmdline.txt"
    for name in "$kernel" "$initrd" bcm2837-rpi-3-b.dtb; do
        mcopy -n -o -i "$fat" "::/$slot$name" "$folder/"
    done
    slot=${slot%/}
}
