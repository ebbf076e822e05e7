"""Images made on the spot, since the tests pull nothing from anywhere."""

import io
import subprocess
import tarfile

BUSYBOX = "/bin/busybox"

PASSWD = "root:x:0:0:root:/root:/bin/sh\nworker:x:1000:1000::/home/worker:/bin/sh\n"
GROUP = "root:x:0:\nstaff:x:50:worker\nworker:x:1000:\n"


def busybox_tar() -> bytes:
    """A root file system of busybox, its applets, two users and a page for httpd."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for folder in ("bin", "etc", "root", "tmp", "www", "home", "home/worker", "var", "proc", "sys", "dev"):
            add(tar, folder, type=tarfile.DIRTYPE, mode=0o1777 if folder == "tmp" else 0o755)
        with open(BUSYBOX, "rb") as program:
            add(tar, "bin/busybox", program.read(), mode=0o755)
        for applet in subprocess.check_output([BUSYBOX, "--list"], text=True).split():
            if applet != "busybox":
                add(tar, f"bin/{applet}", type=tarfile.SYMTYPE, linkname="busybox")
        add(tar, "etc/passwd", PASSWD.encode())
        add(tar, "etc/group", GROUP.encode())
        add(tar, "www/index.html", b"hello from busybox\n")
    return buffer.getvalue()


def add(tar: tarfile.TarFile, name: str, data: bytes = b"", **fields) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(data)
    entry.mode = 0o644
    for field, value in fields.items():
        setattr(entry, field, value)
    tar.addfile(entry, io.BytesIO(data))
