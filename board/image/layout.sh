# shellcheck shell=bash disable=SC2034 # what is set here is for those who source this
# Sourced by build, root.sh and boot: how the card is divided. Sizes in MiB.
#
#   1  FAT    the Pi's firmware, the kernels of both slots, mynah.txt; room for an update that its owner puts there
#   2  root A squashfs, never written but by an update
#   3  root B the other one, empty on a new card
#   4  data   ext4; grows to the end of the card at the first start
: "${here:?}"
readonly GAP_MIB=4 FAT_MIB=512 ROOT_MIB=512 DATA_MIB=64
readonly FAT_AT_MIB=$GAP_MIB
readonly ROOT_A_AT_MIB=$((FAT_AT_MIB + FAT_MIB))
readonly ROOT_B_AT_MIB=$((ROOT_A_AT_MIB + ROOT_MIB))
readonly DATA_AT_MIB=$((ROOT_B_AT_MIB + ROOT_MIB))
readonly TOTAL_MIB=$((DATA_AT_MIB + DATA_MIB))
# In sectors: a config.txt that lies in one cluster is replaced whole or not at all (root/usr/lib/mynah/slots).
readonly FAT_CLUSTER=4
# The disk's number is "myna"; Linux calls its partitions PARTUUID=6d796e61-01 and so on.
readonly DISK_ID=6d796e61
readonly FAT_ID=6d796e01 DATA_UUID=6d796e61-6800-4461-7461-000000000004

# Whatever is stamped with a time is stamped with the package's, so that the same inputs give the same bytes.
epoch() { date -d "$(sed -n 's/^ -- .*>  //p' "$here/cross/debian/changelog" | head -n 1)" +%s; }

# As RAUC calls the cards that a bundle is for.
compatible() { echo "mynah-$1"; }
