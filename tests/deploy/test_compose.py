"""docker-compose.yaml against the published schema of compose files, and against our own rules."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Iterator
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema.validators import validator_for

from dashboard.settings import Settings as DashboardSettings
from include.deploy.secrets import NAMES, random_secrets
from include.services.settings import Services
from pipelines.core import topics, universes
from pipelines.core.settings import Settings
from pipelines.release.settings import ReleaseSettings
from pipelines.sources.transport.provider_settings import ProviderSettings
from serving.settings import Settings as ApiSettings
from tests.servers.compose import FILE, ROOT, VARIABLE, fill_variables, read_compose

COMPOSE = read_compose()
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
PINNED = re.compile(r"[\w./-]+:[\w.-]*\d[\w.-]*@sha256:[0-9a-f]{64}")
SECRET = re.compile(r"PASSWORD|SECRET|TOKEN|AUTH$|_KEYS?($|_)")
FROM_ENV = re.compile(r"\$\{\w+:\?[^}]+\}")
PUBLISHED = {"nginx", "airflow-api-server", "mlflow"}
ONE_SHOT = {"init"}
# Commands of foreign images; every other is in our environment, or a shell's own word.
IMAGE_COMMANDS = {
    "postgres": {"postgres", "pg_isready"},
    "redis": {"sh", "printf", "redis-server", "redis-cli", "grep"},
    "s3": {"posix", "wget"},  # the image's entry point takes a kind of store first
    "nginx": {"nginx", "wget"},
}
OUR_COMMANDS = {"python", "sh", "hostname"}
WORKFLOWS = sorted((ROOT / ".github").rglob("*.y*ml"))
CLASSES = (
    Settings, ProviderSettings, ApiSettings, DashboardSettings, Services, ReleaseSettings,
)  # fmt: skip
each_service = pytest.mark.parametrize("name", SERVICES)


def problems(name: str, file: Any) -> list[str]:
    """Return what is wrong by the published schema, which a package carries."""
    place = files("check_jsonschema") / "builtin_schemas" / "vendor" / f"{name}.json"
    schema = json.loads(place.read_text("utf-8"))
    return [error.message for error in validator_for(schema)(schema).iter_errors(file)]


def texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for item in value.values():
            yield from texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from texts(item)
    elif isinstance(value, str):
        yield value


def invocations(service: dict[str, Any]) -> Iterator[list[str]]:
    """Every command of a service, those inside a shell's line too."""
    checks = service["healthcheck"].get("test")
    for words in filter(None, (service.get("command"), checks)):
        kind, rest = (words[0], words[1:]) if words[0].startswith("CMD") else ("CMD", words)
        if kind == "CMD-SHELL" or rest[:2] == ["sh", "-c"]:
            text = rest[-1].replace("$$", "$").replace('"', "")
            for line in re.split(r"&&|\||;|\$\(|\)", text):
                if words := line.replace("exec ", "").split():
                    yield words
        else:
            yield rest


def test_it_is_a_compose_file() -> None:
    assert problems("compose-spec", COMPOSE) == []


def test_it_is_filled_in_by_what_make_secrets_writes_and_by_nothing_less() -> None:
    file = fill_variables(SERVICES, random_secrets())
    assert not any("${" in text for text in texts(file))
    names = {name for name, kind, _ in VARIABLE.findall(FILE.read_text()) if kind == ":?"}
    assert names == set(NAMES)
    for name in NAMES:
        with pytest.raises(KeyError, match="make secrets"):
            fill_variables(COMPOSE, random_secrets() | {name: ""})


def test_every_other_variable_is_a_setting() -> None:
    known = {
        f"{kind.model_config['env_prefix']}{field}".upper()
        for kind in CLASSES
        for field in kind.model_fields
    }
    names = {name for name, kind, _ in VARIABLE.findall(FILE.read_text()) if kind == ":-"}
    assert names <= known | {universes.SETTING, topics.SETTING}
    assert all(kind for name, kind, _ in VARIABLE.findall(FILE.read_text()) if name)


@pytest.mark.parametrize("setting", [universes.SETTING, topics.SETTING])
@pytest.mark.parametrize("own", ["", "./my_own"])
def test_whatever_reads_universes_and_topics_sees_those_of_the_setting(
    setting: str, own: str
) -> None:
    filled = fill_variables(SERVICES, random_secrets() | {setting: own})
    readers = [s for s in filled.values() if setting in s.get("environment", {})]
    assert len(readers) >= 5
    assert any(service["image"].startswith("bullion-serving") for service in readers)
    for service in readers:
        folder = service["environment"][setting]
        shipped = f"./include/{setting.removeprefix('BULLION_').lower()}"
        assert f"{own or shipped}:{folder}:ro" in service["volumes"]


ASKING = {
    "BULLION_NEWS_SOURCES", "BULLION_FEEDS", "BULLION_SENTIMENT", "BULLION_FINBERT",
    "BULLION_STATE", "BULLION_OANDA_URL",
}  # fmt: skip
STREAMING = {"BULLION_STATE", "BULLION_OANDA_URL"}  # the limits of connections are shared too
PROVIDER_KEYS = {"BULLION_ALPHAVANTAGE_KEY", "BULLION_FINNHUB_KEY", "BULLION_OANDA_TOKEN"}


@each_service
def test_what_sources_are_asked_with_is_set_for_airflow_alone(name: str) -> None:
    environment = SERVICES[name].get("environment", {})
    is_airflow = name.startswith("airflow-") or name == "init"
    expected = ASKING if is_airflow else STREAMING if name == "stream" else set()
    assert ASKING & environment.keys() == expected
    if expected:  # two workers together stay inside a quota
        assert f"state:{environment['BULLION_STATE']}" in SERVICES[name]["volumes"]


@each_service
def test_keys_of_providers_are_set_for_the_workers_alone(name: str) -> None:
    """They ask the sources; whoever reads another container's environment finds no key."""
    secrets = {
        f"BULLION_{field.upper()}"
        for field, about in ProviderSettings.model_fields.items()
        if "SecretStr" in str(about.annotation)
    }
    assert secrets == PROVIDER_KEYS
    expected = PROVIDER_KEYS if name == "airflow-worker" else set()
    if name == "stream":
        expected = {"BULLION_OANDA_TOKEN"}
    assert PROVIDER_KEYS & SERVICES[name].get("environment", {}).keys() == expected


def test_feeds_and_finbert_are_folders_of_this_machine() -> None:
    own = {"BULLION_FEEDS": "./my_feeds", "BULLION_FINBERT": "./my_finbert"}
    worker = fill_variables(SERVICES, random_secrets() | own)["airflow-worker"]
    mounts = dict(reversed(volume.split(":")[:2]) for volume in worker["volumes"])
    assert {name: mounts[worker["environment"][name]] for name in own} == own


@each_service
def test_no_secret_is_in_the_file(name: str) -> None:
    for key, value in SERVICES[name].get("environment", {}).items():
        # The key of a provider is optional; it stands in the environment, or nowhere.
        parts = value.split(",")
        is_outside = all(map(FROM_ENV.fullmatch, parts)) or value == f"${{{key}:-}}"
        assert not SECRET.search(key) or is_outside, f"{key}: {value}"
    for text in texts(SERVICES[name]):
        masked = FROM_ENV.sub("@env@", text)
        assert not re.search(r"password=(?!@env@)|://[^/\s:]*:(?!@env@)[^/\s]*@", masked), text
        assert not re.search(r"[0-9a-f]{32,}", masked.partition("@sha256:")[0]), text


AIRFLOW = {
    "LAKE_DB_PASSWORD", "AIRFLOW_DB_PASSWORD", "AIRFLOW_FERNET_KEY", "AIRFLOW_API_SECRET",
    "AIRFLOW_JWT_SECRET", "REDIS_PASSWORD", "S3_ACCESS_KEY", "S3_SECRET_KEY",
}  # fmt: skip
SECRETS_NEEDED = {
    "postgres": {"POSTGRES_PASSWORD"},
    "redis": {"REDIS_PASSWORD"},
    "s3": {"S3_ACCESS_KEY", "S3_SECRET_KEY"},
    "init": AIRFLOW | {
        "POSTGRES_PASSWORD", "MLFLOW_DB_PASSWORD", "READER_DB_PASSWORD", "READER_S3_ACCESS_KEY",
        "READER_S3_SECRET_KEY", "AIRFLOW_ADMIN_PASSWORD",
    },
    "stream": {"LAKE_DB_PASSWORD", "S3_ACCESS_KEY", "S3_SECRET_KEY", "AIRFLOW_ADMIN_PASSWORD"},
    "mlflow": {"MLFLOW_DB_PASSWORD", "S3_ACCESS_KEY", "S3_SECRET_KEY"},
    "api": {
        "READER_DB_PASSWORD", "READER_S3_ACCESS_KEY", "READER_S3_SECRET_KEY", "BULLION_API_KEYS",
        "BULLION_DASHBOARD_KEY",
    },
    "api-second": {
        "READER_DB_PASSWORD", "READER_S3_ACCESS_KEY", "READER_S3_SECRET_KEY", "BULLION_API_KEYS",
        "BULLION_DASHBOARD_KEY",
    },
    "release-watch": {"BULLION_DASHBOARD_KEY"},
    "dashboard": {"BULLION_DASHBOARD_KEY"},
    "nginx": set[str](),
}  # fmt: skip


@each_service
def test_a_service_gets_the_secrets_that_it_needs_and_no_other(name: str) -> None:
    names = {match[0] for text in texts(SERVICES[name]) for match in VARIABLE.findall(text)}
    assert names & {*NAMES} == SECRETS_NEEDED.get(name, AIRFLOW)


@each_service
def test_its_image_is_pinned_or_built_here(name: str) -> None:
    services = fill_variables(SERVICES, random_secrets())
    image = services[name]["image"]
    builders = [item for item in services.values() if item["image"] == image and "build" in item]
    if not builders:
        assert PINNED.fullmatch(image)
        return
    # Two that build the same image at once get in each other's way.
    [builder] = builders
    version = re.search(r'^version = "(.+)"', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert version
    assert image.endswith(f":{version[1]}")
    target = builder["build"]["target"]
    assert re.search(rf"^FROM .+ AS {target}$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)


def test_the_api_knows_the_name_that_the_smoke_test_calls_it_by() -> None:
    [called] = re.findall(r"smoke --api http://(\w+):\d+", (ROOT / "Makefile").read_text())
    assert called in SERVICES["api"]["environment"]["BULLION_API_HOSTS"].split(",")


@each_service
def test_its_health_is_checked(name: str) -> None:
    check = SERVICES[name]["healthcheck"]
    if name in ONE_SHOT:
        assert check == {"disable": True}
        return
    assert check["test"][0] in ("CMD", "CMD-SHELL")
    assert {"interval", "timeout", "retries"} <= check.keys()


@each_service
def test_it_comes_back_and_has_limits(name: str) -> None:
    service = SERVICES[name]
    assert service["restart"] == ("no" if name in ONE_SHOT else "unless-stopped")
    assert {"cpus", "memory", "pids"} <= service["deploy"]["resources"]["limits"].keys()
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not service.get("privileged")


@each_service
def test_only_the_doors_are_open_and_only_on_loopback(name: str) -> None:
    ports = SERVICES[name].get("ports", [])
    assert bool(ports) == (name in PUBLISHED)
    assert all(port.startswith("127.0.0.1:") for port in ports)
    assert "inside" in SERVICES[name]["networks"]
    assert COMPOSE["networks"]["inside"] == {"internal": True}
    assert "network_mode" not in SERVICES[name]


@each_service
def test_its_commands_exist(name: str) -> None:
    for words in invocations(SERVICES[name]):
        if words[0] == "python":
            assert words[1] == "-m"
            assert find_spec(words[2]), words
        elif words[0] == "celery":
            module, _, attribute = words[words.index("--app") + 1].rpartition(".")
            spec = find_spec(module)
            assert spec
            assert spec.origin
            assert re.search(rf"^{attribute}\b", Path(spec.origin).read_text(), re.MULTILINE)
        if name in IMAGE_COMMANDS:
            assert words[0] in IMAGE_COMMANDS[name], words
        else:
            assert words[0] in OUR_COMMANDS or shutil.which(
                words[0], path=str(Path(sys.executable).parent)
            ), words


@each_service
def test_it_waits_for_services_that_can_tell(name: str) -> None:
    for dependency, how in SERVICES[name].get("depends_on", {}).items():
        condition = (
            "service_completed_successfully" if dependency in ONE_SHOT else "service_healthy"
        )
        assert how["condition"] == condition


@each_service
def test_its_volumes_exist(name: str) -> None:
    for volume in fill_variables(SERVICES, random_secrets())[name].get("volumes", []):
        source, place, *how = volume.split(":")
        assert place.startswith("/")
        if source.startswith("."):
            assert (ROOT / source).exists()
            assert how == ["ro"]
        else:
            assert source in COMPOSE["volumes"]


def test_the_addresses_in_it_are_its_services() -> None:
    text = "\n".join(texts(fill_variables(SERVICES, random_secrets())))
    hosts = set(re.findall(r"(?:://(?:[^/@\s]*@)?|host=)([a-z][\w-]*)(?=[:\s/])", text))
    assert hosts - {"bullion"} <= SERVICES.keys()  # the bucket
    assert {"postgres", "redis", "s3", "mlflow", "airflow-api-server"} <= hosts


def test_airflow_knows_every_option_that_is_set() -> None:
    from airflow.configuration import conf
    from airflow.providers.celery.get_provider_info import get_provider_info

    own = get_provider_info()["config"]
    for name in SERVICES["airflow-scheduler"]["environment"]:
        if not name.startswith("AIRFLOW__"):
            continue
        _, section, option = name.lower().split("__")
        known = conf.configuration_description.get(section, {}).get("options", {}) | own.get(
            section, {}
        ).get("options", {})
        assert option in known, name


def test_two_workers_share_what_they_run_by() -> None:
    assert SERVICES["airflow-worker"]["deploy"]["replicas"] == 2
    common = SERVICES["airflow-scheduler"]["environment"]
    for name, service in SERVICES.items():
        if name.startswith("airflow-"):
            own = PROVIDER_KEYS if name == "airflow-worker" else set()
            environment = service["environment"]
            assert {key: environment[key] for key in environment.keys() - own} == common
            assert service["image"] == SERVICES["init"]["image"]


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)
def test_the_workflows_are_workflows(file: Path) -> None:
    workflow = yaml.safe_load(file.read_text())
    workflow["on"] = workflow.pop(True)  # YAML 1.1 reads the word as a truth
    assert problems("github-workflows", workflow) == []


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)
def test_every_action_is_pinned_by_the_digest_of_a_commit(file: Path) -> None:
    """A tag can be moved to other code; the version stands beside the digest for people."""
    lines = [line.strip() for line in file.read_text().splitlines() if "uses:" in line]
    assert lines
    for line in lines:
        assert re.fullmatch(r"(- )?uses: [\w-]+/[\w./-]+@[0-9a-f]{40}  # v\d+(\.\d+){2}", line), (
            line
        )


def test_the_stream_runs_where_it_is_asked_for_and_the_api_reads_its_prices() -> None:
    stream, api = SERVICES["stream"], SERVICES["api"]
    assert stream["profiles"] == ["stream"]
    folder = stream["environment"]["BULLION_PRICES"]
    assert api["environment"]["BULLION_PRICES"] == folder
    assert f"prices:{folder}" in stream["volumes"]
    assert f"prices:{folder}:ro" in api["volumes"]
    makefile = (ROOT / "Makefile").read_text()
    assert "BULLION_STREAM=$(STREAM) COMPOSE_PROFILES=stream" in makefile


def test_the_two_places_of_the_api_differ_in_nothing_but_what_a_release_sets() -> None:
    first, second = dict(SERVICES["api"]), dict(SERVICES["api-second"])
    own = {"BULLION_API_MODELS", "image", "build", "profiles"}
    for place, name in ((first, "FIRST"), (second, "SECOND")):
        environment = place.pop("environment")
        assert environment["BULLION_API_MODELS"] == f"${{BULLION_RELEASE_{name}_MODELS:-}}"
        assert place["image"].startswith(f"${{BULLION_RELEASE_{name}_IMAGE:-")
        place["rest"] = {key: value for key, value in environment.items() if key not in own}
    assert {k: v for k, v in first.items() if k not in own} == {
        k: v for k, v in second.items() if k not in own
    }


def test_the_watcher_asks_the_two_places_by_names_that_they_know() -> None:
    environment = SERVICES["release-watch"]["environment"]
    hosts = SERVICES["api"]["environment"]["BULLION_API_HOSTS"].split(",")
    for setting, name in (("FIRST", "api"), ("SECOND", "api-second")):
        assert environment[f"BULLION_RELEASE_{setting}"] == f"{name}:8000"
        assert name in hosts
        assert SERVICES[name]["environment"]["BULLION_API_PORT"] == "8000"


def test_what_nginx_reads_of_a_release_is_what_the_watcher_writes() -> None:
    folder = SERVICES["release-watch"]["environment"]["BULLION_RELEASE_FOLDER"]
    assert f"release:{folder}" in SERVICES["release-watch"]["volumes"]
    assert "release:/srv/release" in [v.partition(" ")[0] for v in SERVICES["nginx"]["volumes"]]
    assert f"release:{folder}" in SERVICES["init"]["volumes"], "it gives the volume its owner"
