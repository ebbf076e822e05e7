#!/usr/bin/env bash
# The runtime on Debian's own kernel with cgroup v2 alone, in a virtual machine (software emulation,
# a few seconds). Wants bin/berth-runtime; fetches the kernel and qemu from Debian.
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
cp /bin/busybox bin/berth-runtime "$root/bin/"
cp e2e/vm/init "$root/init"
chmod +x "$root/init"
cp e2e/vm/config.json "$root/bundle/"
cp e2e/vm/probe "$root/bundle/rootfs/"
cp /bin/busybox "$root/bundle/rootfs/bin/"
for name in sh cat mknod head seq sleep grep; do ln -s busybox "$root/bundle/rootfs/bin/$name"; done
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
left 0'
said=$(tr -d '\r' <"$cache/log" | sed -n 's/^PROBE //p')
failed=0
while read -r line; do
    if grep -qxF -- "$line" <<<"$said"; then echo "ok      $line"; else echo "MISSING $line"; failed=1; fi
done <<<"$expected"
if ! grep -qE '^forks [1-9]' <<<"$said"; then echo "MISSING forks refused"; failed=1; else echo "ok      forks refused"; fi
[ "$failed" = 0 ] || { tail -40 "$cache/log"; exit 1; }
