"""Runtimes: what a job sees, what it is held to, and that nothing of it is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from andon.core.workflow import ResourceLimits
from andon.ports import Bind, Job, JobResult, Runtime
from andon.runtimes.process import ProcessRuntime
from andon.runtimes.sandbox import SandboxRuntime


@pytest.fixture(scope="session")
def sandbox() -> SandboxRuntime:
    runtime = SandboxRuntime()
    assert runtime.probe() is None, runtime.probe()
    return runtime


@pytest.fixture(params=["sandbox", "process"])
def runtime(request: pytest.FixtureRequest, sandbox: SandboxRuntime) -> Runtime:
    return sandbox if request.param == "sandbox" else ProcessRuntime()


class Place:
    def __init__(self, root: Path) -> None:
        self.root = root
        self.work = root / "work"
        self.out = root / "out"
        self.work.mkdir()
        self.out.mkdir()

    def job(self, command: str, *, env: dict[str, str] | None = None, **options: Any) -> Job:
        fields = {name: options.pop(name) for name in ("network", "binds", "home", "home_writable") if name in options}
        return Job(
            command=command,
            workdir=str(self.work),
            out=str(self.out),
            env={"PATH": "/usr/bin:/bin", **(env or {})},
            limits=ResourceLimits(**{"timeout_s": 20.0, **options}),
            **fields,
        )

    def run(self, runtime: Runtime, command: str, **options: Any) -> JobResult:
        return runtime.run(self.job(command, **options))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def alive(marker: str) -> list[int]:
    """Processes with this argument."""
    found = []
    for pid in filter(str.isdecimal, os.listdir("/proc")):
        try:
            if marker.encode() in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0"):
                found.append(int(pid))
        except OSError:
            continue
    return found


_serial = iter(range(10_000))


def marker() -> str:
    """A unique argument for `sleep`."""
    return f"9{os.getpid()}.{next(_serial)}"


# ---------------------------------------------------------------- both levels


def test_exit_code_and_output(runtime: Runtime, place: Place) -> None:
    result = place.run(runtime, "echo out; echo err >&2; exit 7")
    assert (result.status, result.exit_code, result.signal, result.reason) == ("exited", 7, None, "")
    assert result.stdout == b"out\n"
    assert sorted(result.output.splitlines()) == [b"err", b"out"]
    assert result.truncated == 0
    assert 0 < result.duration_s < 10


def test_standard_input_is_empty(runtime: Runtime, place: Place) -> None:
    assert place.run(runtime, "cat; echo end").stdout == b"end\n"


def test_the_checkout_and_the_report_directory(runtime: Runtime, place: Place) -> None:
    (place.work / "file").write_text("tree\n")
    result = place.run(runtime, "cat file; pwd; echo made > made; echo report > $ANDON_OUT/r")
    assert result.stdout.decode().split() == ["tree", runtime.inside(str(place.work))]
    assert (place.work / "made").read_text() == "made\n"
    assert (place.out / "r").read_text() == "report\n"


def test_nothing_is_inherited(runtime: Runtime, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "token")
    reader, writer = os.pipe()
    os.set_inheritable(writer, True)
    result = place.run(runtime, "env; ls /proc/self/fd", env={"QUOTED": "a 'b' \"c\" $d"})
    os.close(reader)
    os.close(writer)
    text = result.stdout.decode()
    assert "SECRET" not in text
    assert "QUOTED=a 'b' \"c\" $d" in text
    assert text.splitlines()[-4:] == ["0", "1", "2", "3"]


def test_variables_do_not_reach_the_programs_around_the_job(runtime: Runtime, place: Place) -> None:
    # A library that is preloaded into the program that drops privileges would run with them.
    result = place.run(
        runtime, "echo fine", env={"LD_PRELOAD": "/andon-work/evil.so", "PATH": "/andon-work:/usr/bin:/bin"}
    )
    assert result.stdout == b"fine\n"
    assert b"setpriv" not in result.output


def test_home_is_fresh_and_temporary_files_are_the_job_s_own(runtime: Runtime, place: Place) -> None:
    result = place.run(runtime, "ls -A $HOME $TMPDIR | wc -l; touch $HOME/a $TMPDIR/b && echo $HOME $TMPDIR")
    lines = result.stdout.decode().split()
    # Two names and an empty line between them are all that ls prints.
    assert lines[0] == "3"
    for path in lines[1:]:
        assert not os.path.exists(os.path.join(path, "a"))
        assert not os.path.exists(os.path.join(path, "b"))


def test_a_kept_home(runtime: Runtime, place: Place) -> None:
    home = place.root / "home"
    home.mkdir()
    assert place.run(runtime, "echo kept > $HOME/rc", home=str(home), home_writable=True).exit_code == 0
    result = place.run(runtime, "cat $HOME/rc; touch $HOME/new && echo made", home=str(home))
    assert result.stdout == b"kept\nmade\n"


@pytest.mark.parametrize(("command", "code"), [("no-such-tool", 127), ("/etc/passwd", 126), ("exit 129", 129)])
def test_codes_that_shells_give(runtime: Runtime, place: Place, command: str, code: int) -> None:
    assert place.run(runtime, command).exit_code == code


@pytest.mark.parametrize(
    ("command", "number"),
    [("kill -9 $$", 9), ("kill -SEGV $$", 11), ("kill -TERM $$", 15), ("sh -c 'kill -ABRT $$'; exit 134", 6)],
)
def test_a_killed_job(runtime: Runtime, place: Place, command: str, number: int) -> None:
    result = place.run(runtime, command)
    assert (result.status, result.signal, result.exit_code) == ("killed", number, None)
    assert result.reason.startswith(f"killed by {signal.Signals(number).name}")


def test_the_deadline_ends_the_whole_tree(runtime: Runtime, place: Place) -> None:
    one = marker()
    began = time.monotonic()
    result = place.run(runtime, f"echo begun; sleep {one} & (setsid sleep {one} &); sleep {one}", timeout_s=0.6)
    assert result.status == "timed_out"
    assert result.output == b"begun\n"
    assert result.reason == "still running after 0.6 s; it was stopped"
    assert time.monotonic() - began < 10
    assert alive(one) == []


def test_a_job_that_ignores_signals_is_ended_all_the_same(runtime: Runtime, place: Place) -> None:
    one = marker()
    result = place.run(runtime, f"trap '' TERM INT HUP; (trap '' TERM; sleep {one}); sleep {one}", timeout_s=0.5)
    assert result.status == "timed_out"
    assert alive(one) == []


@pytest.mark.parametrize(
    "start",
    [
        "sleep {0} &",
        "sleep {0} >/dev/null 2>&1 &",
        "(setsid sleep {0} &)",
        "(setsid sleep {0} >/dev/null 2>&1 </dev/null &)",
        "(setsid sh -c 'setsid sleep {0} & exit 0' >/dev/null 2>&1 &); sleep 0.1",
        "nohup sleep {0} >/dev/null 2>&1 & sleep 0.05",
    ],
)
def test_background_processes_neither_hang_nor_outlive_the_run(runtime: Runtime, place: Place, start: str) -> None:
    one = marker()
    began = time.monotonic()
    result = place.run(runtime, start.format(one) + "\necho done")
    assert (result.status, result.exit_code) == ("exited", 0)
    assert b"done" in result.stdout
    assert time.monotonic() - began < 5
    assert alive(one) == []


def test_a_process_that_drops_its_variables_is_found_by_descent(place: Place) -> None:
    one = marker()
    script = f"env -i setsid sh -c 'sleep {one} & sleep {one}' & sleep 0.5; echo done"
    assert place.run(ProcessRuntime(), script).status == "exited"
    assert alive(one) == []


def test_output_is_bounded_with_head_and_tail(runtime: Runtime, place: Place) -> None:
    command = "echo first; head -c 20000000 /dev/zero | tr '\\0' 'x'; echo; echo last"
    result = place.run(runtime, command, output_bytes=10_000)
    assert result.status == "exited"
    assert len(result.output) <= 10_000
    assert len(result.stdout) <= 10_000
    assert result.output.startswith(b"first\n")
    assert result.output.endswith(b"last\n")
    assert f"[... {result.truncated} bytes left out ...]".encode() in result.output
    # Bytes printed = bytes kept without the note + bytes left out.
    note = len(f"\n[... {result.truncated} bytes left out ...]\n")
    assert len(result.output) - note + result.truncated == 20_000_012


def test_a_job_that_prints_without_end_is_stopped(
    runtime: Runtime, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    from andon.runtimes import supervise

    monkeypatch.setattr(supervise, "STREAMED_BYTES_MAX", 50_000_000)
    result = place.run(runtime, "yes")
    assert result.status == "killed"
    assert "printed more than 47 MiB" in result.reason


def test_memory_is_limited_per_process(runtime: Runtime, place: Place) -> None:
    python = "/usr/bin/python3" if os.path.exists("/usr/bin/python3") else sys.executable
    command = f"{python} -c 'x = bytearray(600 * 1024 * 1024)'"
    result = place.run(runtime, command, memory_bytes=300 * 1024**2)
    assert (result.status, result.exit_code) == ("exited", 1)
    assert b"MemoryError" in result.output
    assert place.run(runtime, command, memory_bytes=1024**3).exit_code == 0
    # Reserved, but not used: this is what an address space limit would refuse.
    reserve = f"{python} -c 'import mmap; mmap.mmap(-1, 3 << 30, prot=mmap.PROT_READ); print(1)'"
    assert place.run(runtime, reserve, memory_bytes=300 * 1024**2).exit_code == 0


def test_file_size_is_limited(runtime: Runtime, place: Place) -> None:
    result = place.run(runtime, "truncate -s 1200M big")
    assert result.status == "killed" or result.exit_code != 0
    result = place.run(runtime, "truncate -s 900M big; rm big")
    assert result.exit_code == 0


def test_no_core_dumps(runtime: Runtime, place: Place) -> None:
    assert place.run(runtime, "ulimit -c; ulimit -H -c").stdout == b"0\n0\n"


def test_a_fork_bomb_stays_within_its_limit(runtime: Runtime, place: Place) -> None:
    one = marker()
    began = time.monotonic()
    # Bounded in itself, so that a broken limit makes this test fail and not the machine.
    bomb = f"i=0; while [ $i -lt 400 ]; do sleep {one} & i=$((i+1)); done; wait"
    result = place.run(runtime, bomb, processes=64, timeout_s=4.0)
    assert result.status != "exited" or result.exit_code != 0
    assert time.monotonic() - began < 15
    assert alive(one) == []
    if runtime.level == "sandbox":
        assert b"fork" in result.output.lower()
    else:
        assert result.reason == "more than 64 processes; it was stopped"


def test_a_working_directory_that_is_not_there(runtime: Runtime, place: Place) -> None:
    place.work.rmdir()
    try:
        result = place.run(runtime, "true")
    except OSError:
        return
    assert result.status == "not_started"
    assert result.reason


def test_ctrl_c_ends_the_job_and_is_raised_again(runtime: Runtime, place: Place) -> None:
    one = marker()

    def interrupt() -> None:
        until = time.monotonic() + 10
        while not alive(one) and time.monotonic() < until:
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGINT)

    timer = threading.Thread(target=interrupt)
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            place.run(runtime, f"sleep {one}")
    finally:
        timer.join()
    assert alive(one) == []


def test_jobs_side_by_side(runtime: Runtime, tmp_path: Path) -> None:
    results: dict[int, JobResult] = {}

    def one(number: int) -> None:
        root = tmp_path / str(number)
        root.mkdir()
        results[number] = Place(root).run(runtime, f"sleep 0.1; echo {number}; exit {number}")

    threads = [threading.Thread(target=one, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {number: (result.exit_code, result.stdout) for number, result in results.items()} == {
        number: (number, f"{number}\n".encode()) for number in range(6)
    }


def test_no_file_descriptor_is_left_open(runtime: Runtime, place: Place) -> None:
    place.run(runtime, "true")
    before = sorted(os.listdir("/proc/self/fd"))
    for command in ("true", "exit 3", "no-such", "sleep 60 &"):
        place.run(runtime, command)
    place.run(runtime, "sleep 60", timeout_s=0.1)
    assert len(os.listdir("/proc/self/fd")) == len(before)


# ---------------------------------------------------------------- the sandbox's walls


def test_the_job_is_an_unprivileged_user_without_capabilities(sandbox: SandboxRuntime, place: Place) -> None:
    result = place.run(
        sandbox, "id -u; id -G; id -un; hostname 2>/dev/null || cat /proc/sys/kernel/hostname; cat /proc/self/status"
    )
    lines = result.stdout.decode().splitlines()
    assert lines[0] != "0"
    assert lines[1] == lines[0]
    assert lines[2] == "andon"
    assert lines[3] == "andon"
    status = dict(line.split(":\t", 1) for line in lines[4:] if ":\t" in line)
    for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(status[name], 16) == 0, name
    assert status["NoNewPrivs"] == "1"


def test_the_job_can_write_nowhere_else(sandbox: SandboxRuntime, place: Place) -> None:
    command = (
        "for d in / /usr /usr/bin /etc /bin /lib /opt /home /root /var /run /proc /proc/sys/kernel /dev /sys /nix; do"
        ' if touch "$d/x" 2>/dev/null || mkdir "$d/y" 2>/dev/null; then echo "wrote $d"; fi; done;'
        "for d in /andon-work /out /tmp /home/andon /dev/shm /var/tmp; do touch $d/x || echo could not write $d; done"
    )
    assert place.run(sandbox, command).output == b""


def test_the_job_does_not_see_the_machine(sandbox: SandboxRuntime, place: Place) -> None:
    secret = place.root / "secret"
    secret.write_text("repository database")
    listing = place.run(sandbox, "ls / /home; ls -d /root /var/lib /run/* /sys /mnt /srv /boot 2>/dev/null; ls /etc")
    text = listing.stdout.decode()
    assert "root\n" not in text
    assert "/var/lib" not in text
    assert "/sys" not in text
    assert "shadow" not in text
    assert place.run(sandbox, "ls /home").stdout == b"andon\n"
    for path in (
        secret,
        place.root,
        Path.home(),
        Path("/etc/shadow"),
        Path("/etc/machine-id"),
        Path("/andon-work/../..") / "root",
    ):
        assert place.run(sandbox, f"ls {path}").exit_code != 0 or str(path) == "/andon-work/../../root", path
    assert b"database" not in place.run(sandbox, f"cat {secret} /andon-work/../secret /proc/1/root{secret} 2>&1").output


def test_the_job_sees_no_other_process(sandbox: SandboxRuntime, place: Place) -> None:
    result = place.run(
        sandbox, "ls /proc | grep -c '^[0-9]*$'; kill -9 1; cat /proc/1/environ; tr '\\0' ' ' < /proc/1/cmdline"
    )
    lines = result.stdout.decode().splitlines()
    assert int(lines[0]) < 8
    assert str(place.root) not in result.output.decode()
    assert result.status == "exited"


def test_the_job_has_no_network_and_a_loopback_of_its_own(sandbox: SandboxRuntime, place: Place) -> None:
    import socket

    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        connect = f"import socket; socket.create_connection(('127.0.0.1', {port}), 2); print('connected')"
        python = "/usr/bin/python3"
        assert os.path.exists(python), "this test needs /usr/bin/python3: apt-get install python3"
        assert b"connected" not in place.run(sandbox, f'{python} -c "{connect}"').output
        assert b"connected" in place.run(sandbox, f'{python} -c "{connect}"', network=True).output
    listen = (
        "import socket; s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen();"
        " print(socket.gethostbyname('localhost'))"
    )
    assert place.run(sandbox, f'{python} -c "{listen}"').stdout == b"127.0.0.1\n"


def test_a_terminal_is_out_of_reach(sandbox: SandboxRuntime, place: Place) -> None:
    assert place.run(sandbox, "echo x > /dev/tty").exit_code != 0


def test_shared_memory_and_random_devices_work(sandbox: SandboxRuntime, place: Place) -> None:
    python = "/usr/bin/python3"
    code = "import multiprocessing as m, os; m.Lock(); os.urandom(1); print(os.cpu_count() > 0)"
    assert (
        place.run(sandbox, f"{python} -c '{code}'; test -c /dev/null -a -c /dev/urandom && echo ok").stdout
        == b"True\nok\n"
    )


def test_files_come_out_and_can_be_removed(sandbox: SandboxRuntime, place: Place) -> None:
    import shutil

    result = place.run(sandbox, "mkdir -p a/b && echo x > a/b/c && chmod 444 a/b/c && ln -s /etc/passwd a/link; umask")
    assert result.stdout == b"0022\n"
    assert (place.work / "a/b/c").read_text() == "x\n"
    assert os.readlink(place.work / "a/link") == "/etc/passwd"
    assert os.stat(place.work / "a/b/c").st_uid != 0 or os.geteuid() != 0
    shutil.rmtree(place.work)


def test_handing_over_does_not_follow_links(sandbox: SandboxRuntime, place: Place) -> None:
    victim = place.root / "victim"
    victim.mkdir()
    (victim / "file").write_text("x")
    before = os.stat(victim).st_uid, os.stat(victim / "file").st_uid
    (place.work / "link").symlink_to(victim)
    (place.work / "deep").mkdir()
    (place.work / "deep" / "link").symlink_to(victim / "file")
    assert place.run(sandbox, "true").exit_code == 0
    assert (os.stat(victim).st_uid, os.stat(victim / "file").st_uid) == before


def test_binds(sandbox: SandboxRuntime, place: Place) -> None:
    source = place.root / "tool"
    source.mkdir()
    (source / "data").write_text("data\n")
    target = "/root/deep/er/tool"
    read_only = Bind(source=str(source), target=target)
    result = place.run(
        sandbox, f"cat {target}/data; touch {target}/x 2>/dev/null || echo refused; ls /root", binds=(read_only,)
    )
    assert result.stdout == b"data\nrefused\ndeep\n"
    in_tmp = Bind(source=str(source), target="/tmp/some/where")
    assert place.run(sandbox, "cat /tmp/some/where/data", binds=(in_tmp,)).stdout == b"data\n"
    missing = Bind(source=str(place.root / "missing"), target="/x")
    result = place.run(sandbox, "true", binds=(missing,))
    assert result.status == "not_started"
    assert "missing" in result.reason


def test_a_sandbox_that_can_not_be_built_is_not_the_command_s_failure(place: Place, tmp_path: Path) -> None:
    fake = tmp_path / "bwrap"
    fake.write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n")
    fake.chmod(0o755)
    runtime = SandboxRuntime(bwrap=str(fake))
    result = place.run(runtime, "true")
    assert result.status == "not_started"
    assert "No permissions to create new namespace" in result.reason
    assert "No permissions" in (runtime.probe() or "")


def test_probe_says_what_to_install(place: Place) -> None:
    missing = SandboxRuntime(bwrap="/nonexistent/bwrap")
    assert "apt-get install bubblewrap" in (missing.probe() or "")
    assert place.run(missing, "true").status == "not_started"
    if os.geteuid() == 0:
        assert "setpriv" in (SandboxRuntime(setpriv="/nonexistent/setpriv").probe() or "")


def test_a_good_probe_is_remembered_a_bad_one_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    remember = tmp_path / "probe"
    calls: list[int] = []
    original = SandboxRuntime.run

    def counted(self: SandboxRuntime, job: Job) -> JobResult:
        calls.append(1)
        return original(self, job)

    monkeypatch.setattr(SandboxRuntime, "run", counted)
    for _ in range(2):
        assert SandboxRuntime(remember=str(remember)).probe() is None
    assert len(calls) == 1
    remember.write_text("another machine")
    assert SandboxRuntime(remember=str(remember)).probe() is None
    assert len(calls) == 2
    fake = tmp_path / "bwrap"
    fake.write_text("#!/bin/sh\nexit 1\n")
    fake.chmod(0o755)
    assert SandboxRuntime(bwrap=str(fake), remember=str(remember)).probe() is not None
    assert SandboxRuntime(bwrap=str(fake), remember=str(remember)).probe() is not None
    assert len(calls) == 4


def _as_another_user(code: str, *paths: Path, arguments: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
    """Run Python as an ordinary user. Modules are loaded first: the interpreter may then be out of reach."""
    prelude = """
        import ctypes, json, os, select, signal, subprocess, sys, tempfile, time, encodings.idna, shutil
        from andon.runtimes import bubblewrap, capture, layout, limits, process, proctree, sandbox, supervise
        from andon.ports import Job
        from andon.core.workflow import ResourceLimits
        if os.geteuid() == 0:
            os.setgroups([]); os.setresgid(65533, 65533, 65533); os.setresuid(65533, 65533, 65533)
            ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)  # PR_SET_DUMPABLE: as in a process that was never root
    """
    if os.geteuid() == 0:
        for path in paths:
            os.chown(path, 65533, 65533)
        for path in paths:
            for parent in path.parents:
                if str(parent).startswith("/tmp/"):
                    os.chmod(parent, 0o755)
    source = textwrap.dedent(prelude) + textwrap.dedent(code)
    return subprocess.run([sys.executable, "-c", source, *arguments], capture_output=True, text=True, timeout=60)


def test_as_an_ordinary_user(place: Place) -> None:
    code = """
        work, out = sys.argv[1:]
        runtime = sandbox.SandboxRuntime()
        reason = runtime.probe()
        print("probe", reason)
        def job(command, seconds=20):
            limits = ResourceLimits(timeout_s=seconds, processes=32)
            return Job(command=command, workdir=work, out=out, env={"PATH": "/usr/bin:/bin"}, limits=limits)
        look = "id -u; grep Cap /proc/self/status; touch x $ANDON_OUT/y; touch /z; ls /root; sleep 61 &"
        result = runtime.run(job(look))
        print(result.status, result.exit_code, result.output.decode())
        bomb = "i=0; while [ $i -lt 200 ]; do sleep 62 & i=$((i+1)); done; wait"
        result = runtime.run(job(bomb, 5))
        print("bomb", result.status, b"fork" in result.output)
        result = process.ProcessRuntime().run(job("ulimit -p 2>/dev/null || ulimit -u; exit 3"))
        print("process", result.exit_code, int(result.stdout) >= 32)
    """
    done = _as_another_user(code, place.root, place.work, place.out, arguments=[str(place.work), str(place.out)])
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "probe None"
    assert lines[1] == "exited 0 65534"
    assert [line.split()[1] for line in lines[2:7]] == ["0000000000000000"] * 5
    assert "Read-only file system" in done.stdout
    assert (place.work / "x").exists()
    assert (place.out / "y").exists()
    assert "bomb exited True" in lines or "bomb timed_out True" in lines
    assert lines[-1] == "process 3 True"


def test_a_job_dies_with_andon(place: Place, tmp_path: Path) -> None:
    """kill -9 of Andon itself: the kernel ends the sandbox."""
    one = marker()
    code = f"""
        import sys
        from andon.ports import Job
        from andon.core.workflow import ResourceLimits
        from andon.runtimes.sandbox import SandboxRuntime
        job = Job(command="sleep {one} & sleep {one}", workdir={str(place.work)!r}, out={str(place.out)!r},
                  env={{"PATH": "/usr/bin:/bin"}}, limits=ResourceLimits(timeout_s=60))
        SandboxRuntime().run(job)
    """
    andon = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)])
    until = time.monotonic() + 20
    while len(alive(one)) < 2 and time.monotonic() < until:
        time.sleep(0.02)
    assert len(alive(one)) == 2
    andon.kill()
    andon.wait()
    while alive(one) and time.monotonic() < until:
        time.sleep(0.02)
    assert alive(one) == []


def test_importing_the_runtimes_is_cheap() -> None:
    code = (
        "import sys, msgspec, andon.ports; before = set(sys.modules);"
        "import andon.runtimes.sandbox, andon.runtimes.process; print(sorted(set(sys.modules) - before))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    for heavy in ("subprocess", "tempfile", "shutil", "json", "selectors", "threading", "pathlib", "random"):
        assert f"'{heavy}'" not in result.stdout
