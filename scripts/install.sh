#!/bin/sh
# install.sh [--links] [--uninstall]: install Berth, or remove it; as root.
#
# From the unpacked archive it needs no network. Alone, as in `curl -sSL ADDRESS/install.sh | sh -s -- --links`,
# it fetches the archive from the first mirror that has it whole.
#
#   --links        also as `docker`, `Docker` and `docker-compose`, where no other program has the name
#   --uninstall    remove the programs; images, containers and volumes stay
#   PREFIX         where to, default /usr/local
#   BERTH_MIRRORS  base addresses to fetch from, instead of those below
#   BERTH_PATIENCE seconds after which a mirror that says nothing is given up, default 15
set -eu
umask 022

# `make dist` fills these in.
mirrors=''
version=
arch=x86_64
sha256=

PREFIX=${PREFIX:-/usr/local}
programs="berth berthd berth-shim berth-runtime"
names="docker Docker docker-compose"
units=/etc/systemd/system
patience=${BERTH_PATIENCE:-15}
links=false
uninstall=false

say() { echo "berth: $*"; }
fail() { echo "berth: $*" >&2; exit 1; }

has_systemd() { [ -d /run/systemd/system ] || command -v systemctl >/dev/null; }

# Fetches an address into a file. wget's own limit is left alone, since it ends Debian's busybox by a segmentation
# fault: asking for the small file beside the archive tells whether the mirror lives.
fetch() {
    if command -v curl >/dev/null; then
        curl -fsSL --connect-timeout "$patience" --speed-limit 1 --speed-time "$patience" -o "$2" "$1"
    elif command -v wget >/dev/null; then
        timeout "$patience" wget -q -O "$2" "$1.sha256" && wget -q -O "$2" "$1"
    else
        fail "neither curl nor wget is here: fetch the archive elsewhere, unpack it and run its install.sh"
    fi
}

# Fetches and unpacks the archive, and goes on with the install.sh in it.
install_from_mirror() {
    mirrors=${BERTH_MIRRORS:-$mirrors}
    [ -n "$mirrors" ] || fail "no mirror is known: set BERTH_MIRRORS to the addresses that have the archive"
    [ -n "$sha256" ] || fail "this install.sh knows no archive: use the one that \`make dist\` writes beside it"
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    trap 'exit 1' HUP INT TERM
    archive=berth-$version-linux-$arch.tar.gz
    for mirror in $mirrors; do
        say "fetching $mirror/$archive"
        if ! fetch "$mirror/$archive" "$work/$archive"; then
            say "$mirror does not give it"
        elif ! echo "$sha256  $work/$archive" | sha256sum -c >/dev/null 2>&1; then
            say "$mirror gives another file: its SHA-256 is not $sha256"
        else
            tar -xzf "$work/$archive" -C "$work"
            sh "$work/berth-$version-linux-$arch/install.sh" "$@"
            return
        fi
    done
    fail "no mirror gave $archive (tried: $mirrors); nothing was installed"
}

# Puts a file where a program that runs may have the former one: by a new name that then takes its place.
put() { # MODE FROM TO
    cp "$2" "$3.new"
    chmod "$1" "$3.new"
    mv -f "$3.new" "$3"
}

writable() {
    for folder; do
        if ! mkdir -p "$folder" 2>/dev/null || ! (: >"$folder/.berth-write") 2>/dev/null; then
            fail "cannot write to $folder: choose another place, for instance PREFIX=/opt/berth"
        fi
        rm -f "$folder/.berth-write"
    done
}

install_from() {
    from=$1
    said=$("$from/bin/berth" --version 2>&1) ||
        fail "the programs do not run here: they need glibc 2.36 or newer, as in Debian 12, and to be unpacked" \
            "where programs may run (TMPDIR): $said"
    writable "$PREFIX/bin" "$PREFIX/lib/berth" "$PREFIX/share/doc/berth/licenses"
    say "installing $said in $PREFIX"
    for file in "$from"/lib/berth/*; do put 0644 "$file" "$PREFIX/lib/berth/${file##*/}"; done
    for file in "$PREFIX"/lib/berth/*; do [ -e "$from/lib/berth/${file##*/}" ] || rm -f "$file"; done
    for program in $programs; do put 0755 "$from/bin/$program" "$PREFIX/bin/$program"; done
    for file in "$from"/licenses/*; do put 0644 "$file" "$PREFIX/share/doc/berth/licenses/${file##*/}"; done
    put 0644 "$from/LICENSE" "$PREFIX/share/doc/berth/LICENSE"
    if has_systemd; then
        writable "$units"
        for unit in berthd.service berthd.socket; do
            sed "s|@PREFIX@|$PREFIX|g" "$from/systemd/$unit.in" >"$units/$unit"
        done
        say "systemd units are in $units"
    fi
    if $links; then link; fi
    sh "$from/post-install.sh"
    case :$PATH: in
    *:$PREFIX/bin:*) ;;
    *) say "$PREFIX/bin is not in PATH" ;;
    esac
}

link() {
    for name in $names; do
        path=$PREFIX/bin/$name
        other=$(command -v "$name" || true)
        if [ "$(readlink "$path" || true)" = berth ]; then
            :
        elif [ -e "$path" ] || [ -L "$path" ]; then
            say "$path is another program and stays: remove it first to have berth under this name"
        else
            ln -s berth "$path"
            say "$path is berth"
            [ -z "$other" ] || say "note that $other exists, too; the first one in PATH is used"
        fi
    done
}

remove() {
    [ -e "$PREFIX/bin/berthd" ] || fail "no Berth in $PREFIX"
    writable "$PREFIX/bin"
    say "removing Berth from $PREFIX"
    # systemd's units belong to the installation that they name.
    if grep -qs "^ExecStart=$PREFIX/bin/berthd " "$units/berthd.service"; then
        if [ -d /run/systemd/system ]; then systemctl disable --now berthd.socket berthd.service || true; fi
        rm -f "$units/berthd.service" "$units/berthd.socket"
        if [ -d /run/systemd/system ]; then systemctl daemon-reload; fi
    fi
    for name in $names; do
        if [ "$(readlink "$PREFIX/bin/$name" || true)" = berth ]; then rm -f "$PREFIX/bin/$name"; fi
    done
    for program in $programs; do rm -f "$PREFIX/bin/$program"; done
    rm -rf "$PREFIX/lib/berth" "$PREFIX/share/doc/berth"
    say "images, containers and volumes stay in /var/lib/berth, the group berth in /etc/group"
}

# All is read before anything is done: a script that is cut on its way does nothing.
main() {
    for option; do
        case $option in
        --links) links=true ;;
        --uninstall) uninstall=true ;;
        *) fail "unknown option $option (there are --links and --uninstall)" ;;
        esac
    done
    case $PREFIX in /*) ;; *) fail "PREFIX must be an absolute path, not $PREFIX" ;; esac
    [ "$(uname -s)" = Linux ] || fail "Berth runs on Linux, and this is $(uname -s)"
    [ "$(uname -m)" = "$arch" ] || fail "this Berth is for $arch, and this machine is $(uname -m)"
    [ "$(id -u)" = 0 ] || fail "run this as root, for instance: sudo sh install.sh, or curl ... | sudo sh"

    if $uninstall; then
        remove
        return
    fi
    # Piped, $0 is the shell's name.
    here=$(dirname "$0")
    if [ "${0##*/}" = install.sh ] && [ -x "$here/bin/berth" ]; then
        install_from "$here"
    else
        install_from_mirror "$@"
    fi
}

main "$@"
