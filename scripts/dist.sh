#!/bin/sh
# dist.sh BIN OUT: pack the programs of the folder BIN, and the libraries that a small system lacks, into
# OUT/berth-VERSION-linux-ARCH.tar.gz, with its .sha256, and write the install.sh that fetches it.
# The same programs on the same system make the same bytes.
#   MIRRORS            base addresses that install.sh tries in their order
#   SOURCE_DATE_EPOCH  time of every file; default: that of the last commit
#   LEVEL              gzip's, default 9
set -eu
umask 022
export LC_ALL=C
bin=$1 out=$2
cd "$(dirname "$0")/.."

fail() { echo "dist.sh: $*" >&2; exit 1; }

# Says where the loader finds each library of a program that does not belong to glibc: NAME PATH.
libraries() {
    ldd "$1" | awk '$2 == "=>" { print $1, $3 }' |
        grep -vE '^lib(c|m|pthread|dl|rt|resolv|util|anl|mvec|nsl|nss_[a-z]*)\.so\.'
}

version=$("$bin/berth" --version | sed 's/^Berth version \([^,]*\).*/\1/')
arch=$(uname -m)
name=berth-$version-linux-$arch
epoch=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
top=$work/$name
mkdir -p "$top/bin" "$top/lib/berth" "$top/systemd" "$top/licenses" "$out"

for program in berth berthd berth-shim berth-runtime; do
    strip -o "$top/bin/$program" "$bin/$program"
    chmod 0755 "$top/bin/$program"
done
install -m 0644 contrib/systemd/*.in "$top/systemd/"
install -m 0755 scripts/post-install.sh "$top/"
install -m 0644 README.md README.zh-CN.md LICENSE "$top/"

license_of_package() {
    [ -e "/usr/share/doc/$1/copyright" ] || fail "no licence of $1 in /usr/share/doc"
    install -m 0644 "/usr/share/doc/$1/copyright" "$top/licenses/$1"
}

for program in berth berthd; do libraries "$bin/$program"; done | sort -u >"$work/libraries"
while read -r library path; do
    [ -e "$path" ] || fail "$library: $path"
    install -m 0644 "$path" "$top/lib/berth/$library"
    case $path in */usr/lib/swift/*) continue ;; esac # its licence comes with the toolchain's
    path=$(realpath "$path")
    # Before the merge of /usr a package listed its libraries below /lib.
    package=$(dpkg -S "$path" 2>/dev/null || dpkg -S "${path#/usr}" 2>/dev/null) || fail "no package has $path"
    license_of_package "${package%%:*}"
done <"$work/libraries"

# What the programs hold within themselves: libraries of the static ones, Swift's runtime, Swift packages.
for package in libc6 libseccomp-dev libyajl-dev; do license_of_package "$package"; done
swift=$(dirname "$(realpath "$(command -v swift)")")/..
install -m 0644 "$swift/share/swift/LICENSE.txt" "$top/licenses/swift"
for file in .build/checkouts/*/LICENSE* .build/checkouts/*/NOTICE*; do
    [ -e "$file" ] || continue
    package=$(basename "$(dirname "$file")")
    cat "$file" >>"$top/licenses/$package"
done

# A program that was linked without the rpath would work here and nowhere else.
for program in berth berthd; do
    outside=$(libraries "$top/bin/$program" | grep -vE "/bin/../lib/berth/|/usr/lib/swift/" || true)
    [ -z "$outside" ] || fail "$program does not look into lib/berth (was it built without the rpath?): $outside"
done

stamp() { # MIRRORS SHA256 <install.sh
    sed -e "s|^version=.*|version=$version|" -e "s|^arch=.*|arch=$arch|" \
        -e "s|^mirrors=.*|mirrors='$1'|" -e "s|^sha256=.*|sha256=$2|" scripts/install.sh
}
stamp "" "" >"$top/install.sh"
chmod 0755 "$top/install.sh"

tar --create --directory "$work" --format=gnu --sort=name --owner=0 --group=0 --numeric-owner \
    --mtime="@$epoch" "$name" | gzip --no-name "-${LEVEL:-9}" >"$work/$name.tar.gz"
mv "$work/$name.tar.gz" "$out/"
(cd "$out" && sha256sum "$name.tar.gz" >"$name.tar.gz.sha256")
stamp "${MIRRORS:-}" "$(cut -d ' ' -f 1 "$out/$name.tar.gz.sha256")" >"$out/install.sh"
chmod 0755 "$out/install.sh"
echo "$out/$name.tar.gz"
