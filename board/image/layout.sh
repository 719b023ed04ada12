# shellcheck shell=bash disable=SC2034 # what is set here is for those who source this
# Sourced by build, root.sh and boot: how the card is divided. Sizes in MiB.
#
#   1  FAT    what the Pi's firmware reads, and mynah.txt
#   2  root A squashfs, never written
#   3  root B empty: the slot that an update will be written to
#   4  data   ext4; grows to the end of the card at the first start
: "${here:?}"
readonly GAP_MIB=4 FAT_MIB=256 ROOT_MIB=640 DATA_MIB=64
readonly FAT_AT_MIB=$GAP_MIB
readonly ROOT_A_AT_MIB=$((FAT_AT_MIB + FAT_MIB))
readonly ROOT_B_AT_MIB=$((ROOT_A_AT_MIB + ROOT_MIB))
readonly DATA_AT_MIB=$((ROOT_B_AT_MIB + ROOT_MIB))
readonly TOTAL_MIB=$((DATA_AT_MIB + DATA_MIB))
# The disk's number is "myna"; Linux calls its partitions PARTUUID=6d796e61-01 and so on.
readonly DISK_ID=6d796e61
readonly FAT_ID=6d796e01 DATA_UUID=6d796e61-6800-4461-7461-000000000004

# Whatever is stamped with a time is stamped with the package's, so that the same inputs give the same bytes.
epoch() { date -d "$(sed -n 's/^ -- .*>  //p' "$here/cross/debian/changelog" | head -n 1)" +%s; }
