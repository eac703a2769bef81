# SPDX-License-Identifier: Apache-2.0
"""A root of its own, for what wants its files at their real places: in it is what a test puts there, beside the machine's /usr, which
cannot be written, and what was built."""
import pathlib
import shlex

from harness import BUILD, run

LINKS = ("bin", "lib", "lib64", "sbin")
STAND_INS = "/stand-ins"


class Tree:
    """Called with a command, it runs it in there, as root or as somebody else (user:group). Root alone can."""

    env = {"PATH": f"{STAND_INS}:{BUILD}:/usr/sbin:/usr/bin:/sbin:/bin"}

    def __init__(self, root):
        self.root, self.binds = root, []
        root.mkdir()
        for name in LINKS:
            (root / name).symlink_to(f"usr/{name}")
        for place in ("/usr", "/dev", "/proc", BUILD):
            self.bind(place, place, read_only=place == "/usr")

    def path(self, place):
        """Where it is outside."""
        return self.root / str(place).lstrip("/")

    def bind(self, source, place, read_only=False):
        """Show a folder or a file of the machine's."""
        at = self.path(place)
        if pathlib.Path(source).is_dir():
            at.mkdir(parents=True, exist_ok=True)
        else:
            at.parent.mkdir(parents=True, exist_ok=True)
            at.touch()
        self.binds.append(shlex.join(["mount", "--rbind", str(source), str(at)]))
        if read_only:
            self.binds.append(shlex.join(["mount", "-o", "remount,bind,ro", str(at)]))

    def write(self, place, text, mode=0o644):
        self.path(place).parent.mkdir(parents=True, exist_ok=True)
        self.path(place).write_text(text)
        self.path(place).chmod(mode)

    def stand_in(self, name, script):
        """A command in place of one that this machine must be spared, or does not have."""
        self.write(f"{STAND_INS}/{name}", f"#!/bin/sh\n{script}\n", 0o755)

    def command(self, *command, user=None):
        """What runs it, for a process that goes on; its number is the command's own."""
        return ["unshare", "-m", "sh", "-euc", "\n".join([*self.binds, 'exec chroot "$@"']), "sh",
                *([f"--userspec={user}"] if user else []), str(self.root), *command]

    def __call__(self, *command, user=None, env=None, **more):
        return run(*self.command(*command, user=user), env={**self.env, **(env or {})}, **more)
