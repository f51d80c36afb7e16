"""Check the chart without a cluster: python -m tests.deploy.check_chart [CHART] [--write]

Helm's library lints and renders it for each file of its `environments`. Each object is held to the
strict schema of the oldest and of the newest Kubernetes that it is for, then to rules of our own.
`--write` lists the objects in include/deploy/KUBERNETES.md; without it the list is compared.
It runs in the environment of requirements-deploy.txt, within `make check`.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "include" / "deploy" / "helm"
PAGE = ROOT / "include" / "deploy" / "KUBERNETES.md"
COMPOSE = ROOT / "docker-compose.yaml"
VERSIONS = ("1.29", "1.37")  # the oldest that Chart.yaml allows, and the newest that has a schema
BEGIN, END = "<!-- objects: begin -->", "<!-- objects: end -->"
SECRET = re.compile(r"PASSWORD|SECRET|TOKEN|KEY|CONN$|BROKER_URL|RESULT_BACKEND|CATALOG|STORE_URI")
# What compose sets and a cluster has elsewhere: of its own services, of its machine, or of a value.
OF_COMPOSE = {
    "BULLION_ALERT_MAIL", "BULLION_ALERT_WEBHOOK", "BULLION_SMTP", "BULLION_NEWS_SOURCES",
    "BULLION_SENTIMENT", "BULLION_FINBERT", "BULLION_OANDA_URL", "BULLION_UNIVERSES",
    "BULLION_OANDA_ACCOUNT", "BULLION_STREAM_SPEED", "BULLION_STREAM_SYMBOLS",
    "BULLION_TOPICS", "BULLION_FEEDS", "AWS_ENDPOINT_URL", "S3_ADMIN_URL", "READER_S3_ACCESS_KEY",
    "READER_S3_SECRET_KEY", "POSTGRES_SERVER", "AIRFLOW_DB_PASSWORD", "MLFLOW_DB_PASSWORD",
    "LAKE_DB_PASSWORD", "READER_DB_PASSWORD", "POSTGRES_PASSWORD", "REDIS_PASSWORD",
    "REDISCLI_AUTH", "VGW_PORT", "VGW_HEALTH", "VGW_REGION", "VGW_QUIET", "VGW_IAM_DIR",
    "VGW_META_SIDECAR", "ROOT_ACCESS_KEY", "ROOT_SECRET_KEY", "BULLION_RELEASE_FIRST",
    "BULLION_RELEASE_SECOND", "BULLION_RELEASE_FOLDER", "BULLION_RELEASE_KEY",
}  # fmt: skip
Object = dict[str, Any]


def render(chart: Path, values: Mapping[str, Any]) -> list[Object]:
    """Return the objects of the chart, as an install would send them to a cluster."""
    from helm_python.chart import Chart

    with Chart.load(chart) as loaded:
        manifests = loaded.render(
            dict(values), name="bullion", namespace="bullion", is_install=True
        )
    documents = (yaml.safe_load_all(text) for _, text in sorted(manifests.items()))
    return [item for of_file in documents for item in of_file if item]


def lint(chart: Path, values: Mapping[str, Any]) -> Iterator[str]:
    """Yield what Helm's lint warns of."""
    from helm_python.chart import lint as lint_chart

    for version in VERSIONS:
        report = lint_chart(chart, dict(values), strict=True, kube_version=f"v{version}.0")
        for message in report["messages"]:
            if message["severity"] >= 2:
                yield f"lint: {message['path']}: {message['error']}"


@cache
def read_schema(version: str, name: str) -> Any:
    folder = files("kubernetes_validate") / "kubernetes-json-schema"
    return json.loads((folder / f"v{version}.0-local-strict" / f"{name}.json").read_text("utf-8"))


def schema_problems(item: Object, version: str) -> Iterator[str]:
    """Yield where an object differs from the strict schema of its kind."""
    from jsonschema.validators import Draft202012Validator
    from referencing import Registry, Resource

    if not {"apiVersion", "kind", "metadata"} <= {*item}:
        yield f"no object of Kubernetes: {str(item)[:200]}"
        return
    group, _, of_group = item["apiVersion"].rpartition("/")
    api = f"{group.split('.')[0]}-{of_group}" if group else of_group
    try:
        schema = read_schema(version, f"{item['kind'].lower()}-{api}")
    except FileNotFoundError:
        yield f"{name_of(item)}: Kubernetes {version} has no such kind"
        return
    definitions = Resource.from_contents(read_schema(version, "_definitions"))
    registry = definitions @ (Resource.from_contents(schema) @ Registry())
    for error in Draft202012Validator(schema, registry=registry).iter_errors(item):
        yield f"{name_of(item)}, Kubernetes {version}: {error.json_path}: {error.message[:200]}"


def name_of(item: Object) -> str:
    return f"{item.get('kind')} {item.get('metadata', {}).get('name')}"


def pods_of(item: Object) -> Iterator[Object]:
    """Yield the pods that an object starts: its own, or the one that a config map describes."""
    if item.get("kind") in ("Deployment", "Job"):
        yield item["spec"]["template"]["spec"]
    if item.get("kind") == "ConfigMap":
        for text in item["data"].values():
            if text.startswith("apiVersion: v1\nkind: Pod\n"):
                yield yaml.safe_load(text)["spec"]


def rule_problems(items: Sequence[Object]) -> Iterator[str]:
    """Yield what our own rules forbid."""
    items = [item for item in items if "kind" in item and "metadata" in item]
    names = {(item["kind"], item["metadata"]["name"]) for item in items}
    if len(names) < len(items):
        yield "two objects have the same kind and name"
    for kind in ("NetworkPolicy", "PodDisruptionBudget", "Job"):
        if kind not in {item["kind"] for item in items}:
            yield f"there is no {kind}"
    for item in items:
        name = name_of(item)
        if item["kind"] == "Secret":
            yield f"{name}: a secret is named by the values, and never made by the chart"
        for pod in pods_of(item):
            yield from (f"{name}: {problem}" for problem in pod_problems(item["kind"], pod, names))


def pod_problems(kind: str, pod: Object, names: set[tuple[str, str]]) -> Iterator[str]:
    security = pod.get("securityContext", {})
    if not (security.get("runAsNonRoot") and security.get("runAsUser")):
        yield "its pod may be root's"
    account = pod.get("serviceAccountName")
    if kind != "Job" and ("ServiceAccount", account) not in names:
        yield f"its account {account} is not there"
    volumes = {volume["name"] for volume in pod.get("volumes", [])}
    for container in pod["containers"]:
        lock = container.get("securityContext", {})
        if (
            not lock.get("readOnlyRootFilesystem")
            or lock.get("allowPrivilegeEscalation") is not False
        ):
            yield "its root can be written, or its rights can grow"
        if lock.get("capabilities", {}).get("drop") != ["ALL"]:
            yield "it keeps capabilities"
        limits = container.get("resources", {})
        if not {"cpu", "memory"} <= {*limits.get("limits", ())} & {*limits.get("requests", ())}:
            yield "it has no limits or requests"
        if kind == "Deployment" and "livenessProbe" not in container:
            yield "it has no probe"
        if re.search(r":(latest)?$", container["image"]) or ":" not in container["image"]:
            yield f"its image {container['image']} has no fixed tag"
        mounted = {mount["name"] for mount in container.get("volumeMounts", [])}
        if mounted != volumes:
            yield f"volumes that are not mounted, or not there: {sorted(mounted ^ volumes)}"
        paths = [mount["mountPath"] for mount in container.get("volumeMounts", [])]
        if len({*paths}) < len(paths):
            yield "two volumes are mounted at one path"
        variables = [variable["name"] for variable in container.get("env", [])]
        if len({*variables}) < len(variables):
            yield "a variable is set twice"
        for variable in container.get("env", []):
            if SECRET.search(variable["name"]) and "value" in variable:
                yield f"{variable['name']} is written out, and belongs into a secret"


def missing_variables(items: Sequence[Object]) -> Iterator[str]:
    """Yield the variables that compose gives a service, and the chart gives to none."""
    own = {
        variable["name"]
        for item in items
        for pod in pods_of(item)
        for container in pod["containers"]
        for variable in container.get("env", [])
    }
    services = yaml.safe_load(COMPOSE.read_text())["services"]
    compose = {name for of in services.values() for name in of.get("environment", {})}
    for name in sorted(compose - own - OF_COMPOSE):
        yield f"docker-compose.yaml sets {name}, and the chart does not"


def list_objects(by_file: Mapping[str, Sequence[Object]]) -> str:
    """Return the table of objects for the page."""
    kinds: dict[str, dict[str, list[str]]] = {}
    for file, items in by_file.items():
        for item in items:
            short = item["metadata"]["name"].removeprefix("bullion-")
            kinds.setdefault(item["kind"], {}).setdefault(file, []).append(f"`{short}`")
    head = f"| kind | {' | '.join(f'`{file}`' for file in by_file)} |"
    rows = [
        f"| {kind} | {' | '.join(', '.join(of.get(file, [])) or '-' for file in by_file)} |"
        for kind, of in sorted(kinds.items())
    ]
    counts = " | ".join(str(len(items)) for items in by_file.values())
    return "\n".join([head, "|---" * (len(by_file) + 1) + "|", *rows, f"| all | {counts} |"])


def find_problems(chart: Path = CHART, page: Path | None = PAGE, write: bool = False) -> list[str]:
    """Return in words what is wrong with a chart, and with the page that lists its objects."""
    problems, by_file = [], {}
    environments = sorted((chart / "environments").glob("*.yaml"))
    if len(environments) < 3:
        problems.append(f"{chart}/environments has fewer than three values files")
    for file in (chart / "values.yaml", *environments):
        values = yaml.safe_load(file.read_text())
        problems_of_lint = list(lint(chart, values))
        try:
            items = render(chart, values)
        except Exception as error:  # Helm's own words are in it
            problems.append(f"{file.name}: {error}")
            continue
        by_file[file.name] = items
        problems_of_lint += rule_problems(items)
        for item in items:
            for version in VERSIONS:
                problems_of_lint += schema_problems(item, version)
        problems += [f"{file.name}: {problem}" for problem in problems_of_lint]
    if chart == CHART:
        problems += missing_variables([item for items in by_file.values() for item in items])
    if page and not problems:
        problems += compare_page(page, list_objects(by_file), write)
    return list(dict.fromkeys(problems))


def compare_page(page: Path, table: str, write: bool) -> Iterator[str]:
    text = page.read_text()
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    current = f"{before}{BEGIN}\n{table}\n{END}{after}"
    if write:
        page.write_text(current)
    elif current != text:
        yield f"{page.name} lists other objects: python -m tests.deploy.check_chart --write"


def main(arguments: Sequence[str]) -> None:
    charts = [Path(argument) for argument in arguments if not argument.startswith("--")]
    chart = charts[0] if charts else CHART
    problems = find_problems(chart, None if charts else PAGE, "--write" in arguments)
    for problem in problems:
        print(problem, file=sys.stderr)
    if problems:
        sys.exit(f"{len(problems)} problems of the chart {chart.name}")
    print(f"the chart renders, and Kubernetes {' and '.join(VERSIONS)} take its objects")


if __name__ == "__main__":
    main(sys.argv[1:])
