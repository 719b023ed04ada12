# shellcheck shell=bash disable=SC2034 # the constants are used by the scripts that source this
# Sourced by the scripts in board/image: the card's partitions. Sizes in MiB.
#
#   1  FAT    the Pi's firmware, the kernels of both slots, mynah.txt; space for a bundle that the user copies there
#   2  root A squashfs, written only by an update
#   3  root B the same, empty on a new card
#   4  data   ext4; grows to the end of the card at the first start
: "${here:?}"
readonly GAP_MIB=4 FAT_MIB=512 ROOT_MIB=512 DATA_MIB=64
readonly FAT_AT_MIB=$GAP_MIB
readonly ROOT_A_AT_MIB=$((FAT_AT_MIB + FAT_MIB))
readonly ROOT_B_AT_MIB=$((ROOT_A_AT_MIB + ROOT_MIB))
readonly DATA_AT_MIB=$((ROOT_B_AT_MIB + ROOT_MIB))
readonly TOTAL_MIB=$((DATA_AT_MIB + DATA_MIB))
# In sectors. A config.txt that fits into one cluster is replaced atomically (root/usr/lib/mynah/slots).
readonly FAT_CLUSTER=4
# The disk id is "myna" in ASCII; Linux names its partitions PARTUUID=6d796e61-01 and so on.
readonly DISK_ID=6d796e61
readonly FAT_ID=6d796e01 DATA_UUID=6d796e61-6800-4461-7461-000000000004

# Prints the package's time, used for all time stamps, so that the same inputs give the same bytes.
epoch() { date -d "$(sed -n 's/^ -- .*>  //p' "$here/cross/debian/changelog" | head -n 1)" +%s; }

# Prints RAUC's `compatible` of the cards for BOARD.
compatible() { echo "mynah-$1"; }
