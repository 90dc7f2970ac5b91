"""The container's layers, as far as they can be checked without Docker: each RUN is a script of docker/."""

import fnmatch
import os
import re
import shlex
import shutil
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from sealkit.cli import make_parser
from tests.cli.test_written_commands import PROJECT

ROOT = Path(__file__).resolve().parents[2]
DOCKER = ROOT / "docker"
STEPS = [
    (line.split(None, 1)[0], line.split(None, 1)[1])
    for line in re.sub(r"\\\n\s*", " ", (ROOT / "Dockerfile").read_text(encoding="utf-8")).splitlines()
    if line and not line.startswith("#")
]


def steps(name: str) -> list[str]:
    return [rest for step, rest in STEPS if step == name]


def arguments(rest: str) -> list[str]:
    """Words of a step in JSON form."""
    return yaml.safe_load(rest)


def test_every_run_step_is_a_script() -> None:
    assert len(steps("RUN")) == 3
    for command in steps("RUN"):
        shell, script, *_ = shlex.split(command)
        assert shell == "sh" and (DOCKER / Path(script).name).is_file(), command


@pytest.mark.parametrize("script", sorted(DOCKER.glob("*.sh")), ids=lambda path: path.name)
def test_scripts_are_plain_shell(script: Path) -> None:
    subprocess.run(["sh", "-n", script], check=True)
    assert script.read_text(encoding="utf-8").count("\nset -eu\n") == 1
    if shutil.which("shellcheck"):
        subprocess.run(["shellcheck", "-s", "sh", script], check=True)


def test_bases_are_pinned_and_the_same() -> None:
    bases = [rest.partition(" AS ")[0] for rest in steps("FROM")]
    assert len(set(bases)) == 1 and re.fullmatch(r"python:3\.\d+\.\d+-slim-\w+", bases[0])
    assert any(f"Python :: {bases[0][7:11]}" in one for one in PROJECT["classifiers"])


def test_it_runs_without_rights_and_is_looked_after() -> None:
    assert steps("USER")[-1].partition(":")[0].isdigit() and steps("USER")[-1] != "0"
    assert f"--uid {steps('USER')[-1].partition(':')[0]} " in (DOCKER / "system.sh").read_text(encoding="utf-8")
    (check,) = steps("HEALTHCHECK")
    assert "/opt/docker/healthcheck.py" in check and "healthcheck.py" in " ".join(steps("COPY"))


def test_it_starts_a_service_that_others_reach() -> None:
    words = [*arguments(steps("ENTRYPOINT")[0]), *arguments(steps("CMD")[0])]
    args = make_parser([words[1]]).parse_args(words[1:])
    assert words[0] == "sealkit" and (args.host, str(args.port)) == ("0.0.0.0", steps("EXPOSE")[0])


def test_what_is_copied_reaches_the_build() -> None:
    """.dockerignore lets through what the wheel is built from."""
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert lines[1] == "*"
    let_through = {line[1:] for line in lines if line.startswith("!")}
    assert all((ROOT / name).exists() for name in let_through)
    manifest = (ROOT / "MANIFEST.in").read_text(encoding="utf-8")
    needed = {
        word for line in manifest.splitlines() if line.startswith(("graft", "include")) for word in line.split()[1:]
    }
    assert needed | {"pyproject.toml", "setup.py", "docker"} <= let_through
    assert any(fnmatch.fnmatch("sealkit/a/__pycache__", line) for line in lines)


def test_constraints_are_within_the_bounds_of_the_package() -> None:
    pinned = {}
    for line in (DOCKER / "constraints.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            name, _, version = line.partition("==")
            pinned[canonicalize_name(name)] = version
    extras = PROJECT["optional-dependencies"]
    for text in [*PROJECT["dependencies"], *extras["onnx"], *extras["serve"]]:
        asked = Requirement(text)
        assert asked.specifier.contains(pinned[canonicalize_name(asked.name)]), text


def test_compose_publishes_to_this_machine_only() -> None:
    (service,) = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))["services"].values()
    assert all(re.fullmatch(r"127\.0\.0\.1:\d+:8080", port) for port in service["ports"])
    assert (
        service["read_only"] and service["cap_drop"] == ["ALL"] and "no-new-privileges:true" in service["security_opt"]
    )
    make_parser(["serve"]).parse_args(service["command"])
    if shutil.which("docker") and subprocess.run(["docker", "compose", "version"], capture_output=True).returncode == 0:
        subprocess.run(["docker", "compose", "-f", ROOT / "compose.yaml", "config", "-q"], check=True)


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1), (None, 1)])
def test_healthcheck(status: int | None, code: int) -> None:
    class Health(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/health" else 404)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Health)
    url = f"http://127.0.0.1:{server.server_port}/health"
    if status is None:
        server.server_close()  # nobody listens
    else:
        threading.Thread(target=server.handle_request, daemon=True).start()
    environment = {**os.environ, "SEALKIT_HEALTH_URL": url, "http_proxy": "http://127.0.0.1:1"}
    done = subprocess.run([sys.executable, DOCKER / "healthcheck.py"], env=environment, timeout=60, check=False)
    server.server_close()
    assert done.returncode == code


def test_the_last_layer_reads_the_example_seal() -> None:
    """docker/check.sh on the environment of the tests."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    place = Path(sys.prefix)
    if not (place / "bin" / "sealkit").exists():
        pytest.skip("the tests run from no environment with sealkit installed")
    done = subprocess.run(
        ["sh", DOCKER / "check.sh", place], env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.network
def test_the_first_layer_installs_and_stays_small(tmp_path: Path) -> None:
    """docker/install.sh as the Dockerfile runs it, then docker/check.sh; the base image and font take 0.15 GB more."""
    place = tmp_path / "sealkit"
    environment = {**os.environ, "PYTHON": sys.executable}
    environment.pop("PYTHONPATH", None)
    subprocess.run(["sh", DOCKER / "install.sh", place, ROOT], env=environment, check=True, timeout=1200)
    subprocess.run(["sh", DOCKER / "check.sh", place], env=environment, check=True, timeout=300)
    size = sum(path.lstat().st_size for path in place.rglob("*") if path.is_file())
    assert size < 1_000_000_000
