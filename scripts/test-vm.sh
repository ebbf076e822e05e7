#!/usr/bin/env bash
# The runtime on Debian's own kernel with cgroup v2 alone, then with v1 alone, in a virtual machine (software
# emulation, some seconds). Wants a static berth-runtime in bin or BERTH_BIN; fetches the kernel and qemu from Debian.
set -euo pipefail
cd "$(dirname "$0")/.."
cache=.cache/vm
mkdir -p "$cache"

command -v qemu-system-x86_64 cpio >/dev/null ||
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends qemu-system-x86 cpio busybox-static
if ! compgen -G "$cache/boot/vmlinuz-*" >/dev/null; then
    package=$(apt-cache depends linux-image-amd64 | awk '/Depends: linux-image-/ { print $2; exit }')
    (cd "$cache" && apt-get download -qq "$package" && dpkg-deb -x "$package"_*.deb . && rm -f ./*.deb && rm -rf lib usr)
fi

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
mkdir -p "$root"/{bin,new,bundle/rootfs/bin}
cp /bin/busybox "${BERTH_BIN:-bin}/berth-runtime" "$root/bin/"
cp e2e/vm/init e2e/vm/life e2e/vm/version1 "$root/"
chmod +x "$root/init"
python3 e2e/vm/bundles.py "$root/bundles"
cp e2e/vm/config.json "$root/bundle/"
cp e2e/vm/probe "$root/bundle/rootfs/"
cp /bin/busybox "$root/bundle/rootfs/bin/"
for name in sh cat mknod head seq sleep grep cut ls wc mkdir; do ln -s busybox "$root/bundle/rootfs/bin/$name"; done
(cd "$root" && find . | cpio -o -H newc --quiet | gzip -1) >"$cache/initrd"

timeout 180 qemu-system-x86_64 -accel tcg -m 512 -nographic -no-reboot -kernel "$cache"/boot/vmlinuz-* \
    -initrd "$cache/initrd" -append "console=ttyS0 quiet panic=-1" </dev/null >"$cache/log" 2>&1 || true

# Every line that must have been said, whole.
expected='cgroup 0::/
memory 67108864 swap 0
pids 20
cpu 50000 100000
device ram denied
device zero readable
exit 0
one created
two running
exec 0::/
three paused
cgroup.freeze 1
four running
memory.max 83886080
memory.swap.max 20971520
cpu.max 70000 100000
pids.max 44
after 3
stats 1
five stopped
limits memory.max 67108864
limits memory.low 33554432
limits memory.swap.max 33554432
limits memory.high 50331648
limits cpu.weight 20
limits cpu.max max 50000
limits cpuset.cpus 0
limits hugetlb.2MB.max 4194304
users map 0 100000 65536
users root 0::/
users pids.max 21
users device
shared inside 0 22
clock later
nested 0::/inner
containers 0
left 0
v1 one running
v1 7
v1 memory 83886080
v1 pids 44
v1 two paused
v1 three stopped
v1 left 0'
said=$(tr -d '\r' <"$cache/log" | sed -n 's/^PROBE //p')
failed=0
while read -r line; do
    if grep -qxF -- "$line" <<<"$said"; then echo "ok      $line"; else echo "MISSING $line"; failed=1; fi
done <<<"$expected"
if ! grep -qE '^forks [1-9]' <<<"$said"; then echo "MISSING forks refused"; failed=1; else echo "ok      forks refused"; fi
[ "$failed" = 0 ] || { tail -40 "$cache/log"; exit 1; }
