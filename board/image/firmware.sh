# shellcheck shell=bash disable=SC2034 # the variables are used by the scripts that source this
# Sourced by boot and prove-update: emulates the Pi's firmware. Reads config.txt from the card's FAT partition, or tryboot.txt
# for one start if that was requested, and loads the kernel and initrd of the slot that it names.

# Copies the boot files of FAT (an mtools image name) into FOLDER and sets `slot`, `kernel` and `initrd`. The kernel's command
# line is in FOLDER/cmdline.txt.
read_fat() {
    local fat=$1 folder=$2 file=config.txt name
    # The emulated machine has no firmware to pass the request to, so the script slots leaves it as a file on the card. Like
    # the firmware's flag, it is cleared before the kernel starts.
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
