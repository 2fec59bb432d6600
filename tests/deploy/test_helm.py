"""The Helm chart, rendered by Helm itself: what the API of Kubernetes takes, locked down, with settings that exist."""

import json
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from callwright import __version__, web, worker
from callwright.settings import Settings
from deploy.queries import faults
from deploy.test_container import USER
from deploy.tools import ROOT, package, program
from docs.pages import blocks

CHART = ROOT / "deploy" / "helm" / "callwright"
HOW_TO = ROOT / "docs" / "how-to" / "run-on-kubernetes.md"
OLDEST, NEWEST = "1.29", "1.37"
NEEDED = {
    "existingSecret": "callwright",
    "settings": {"CALLWRIGHT_STORE_URL": "s3://calls/a", "CALLWRIGHT_PUBLIC_URL": "https://calls.example.com"},
}
EVERYTHING: dict[str, Any] = {
    **NEEDED,
    "env": {"AWS_REGION": "eu-central-1"},
    "image": {"pullSecrets": ["registry"], "digest": f"sha256:{'0' * 64}"},
    "serviceAccount": {"name": "callwright"},
    "api": {"nodeSelector": {"pool": "web"}, "tolerations": [{"key": "web", "operator": "Exists"}]},
    "worker": {
        "modelsClaim": "models", "nodeSelector": {"pool": "work"},
        "tolerations": [{"key": "work", "operator": "Exists"}],
        "autoscaling": {"enabled": True, "prometheusAddress": "http://prometheus.watch:9090"},
    },
    "ingress": {"enabled": True, "className": "nginx", "host": "calls.example.com", "tlsSecret": "tls",
                "annotations": {"nginx.ingress.kubernetes.io/proxy-body-size": "8m"}},
    "podMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
    "prometheusRule": {"enabled": True},
    "networkPolicy": {
        "apiFrom": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "ingress"}}}],
        "metricsFrom": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "watch"}}}],
        "egress": [{"ports": [{"port": 443}]}],
    },
}  # fmt: skip
PLAIN: dict[str, Any] = {
    **NEEDED, "api": {"autoscaling": {"enabled": False}}, "networkPolicy": {"enabled": False},
}  # fmt: skip
NOT_OF_KUBERNETES = {"PodMonitor", "PrometheusRule", "ScaledObject"}


def helm(*words: str, values: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    """Run Helm on the chart; it finds no settings of the machine's."""
    command = [program("helm"), *words, str(CHART), "--values", "-"]
    environment = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"}
    given = json.dumps(values)
    return subprocess.run(command, input=given, capture_output=True, text=True, check=False, env=environment)


@cache
def _rendered(values: str, release: str) -> str:
    done = helm("template", release, values=json.loads(values))
    assert done.returncode == 0, done.stderr
    return done.stdout


def rendered(values: dict[str, Any], release: str = "prod") -> list[dict[str, Any]]:
    """The objects of a release."""
    return [each for each in yaml.safe_load_all(_rendered(json.dumps(values), release)) if each]


def of_kind(values: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [each for each in rendered(values) if each["kind"] == kind]


def pods(values: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Each workload's component with its pod and its one container."""
    for each in rendered(values):
        if each["kind"] in {"Deployment", "Job"}:
            pod = each["spec"]["template"]["spec"]
            (container,) = pod["containers"]
            yield each["metadata"]["labels"]["app.kubernetes.io/component"], pod, container


def test_helm_lints_it() -> None:
    done = helm("lint", "--strict", values=EVERYTHING)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 chart(s) linted, 0 chart(s) failed" in done.stdout


@pytest.mark.parametrize("values", [NEEDED, EVERYTHING], ids=["needed", "everything"])
def test_kubernetes_takes_it(values: dict[str, Any]) -> None:
    """By the schemas of the oldest release that the chart names and of the newest."""
    validate = package("kubernetes_validate").validate
    for each in rendered(values):
        if each["kind"] not in NOT_OF_KUBERNETES:
            for release in (OLDEST, NEWEST):
                assert validate(each, release, strict=True) == release
    assert yaml.safe_load((CHART / "Chart.yaml").read_text())["kubeVersion"] == f">={OLDEST}.0-0"


def test_kubernetes_would_not_take_another() -> None:
    module = package("kubernetes_validate")
    (api, *_) = of_kind(NEEDED, "Deployment")
    api = json.loads(json.dumps(api))
    api["spec"]["template"]["spec"]["containers"][0]["readynessProbe"] = {}
    with pytest.raises(module.ValidationError, match="readynessProbe"):
        module.validate(api, NEWEST, strict=True)


def test_what_is_rendered() -> None:
    kinds = sorted(each["kind"] for each in rendered(EVERYTHING))
    assert kinds == [
        "Deployment", "Deployment", "HorizontalPodAutoscaler", "Ingress", "Job", "NetworkPolicy", "NetworkPolicy",
        "PodDisruptionBudget", "PodMonitor", "PodMonitor", "PrometheusRule", "ScaledObject", "Service",
    ]  # fmt: skip
    assert sorted(each["kind"] for each in rendered(PLAIN)) == [
        "Deployment", "Deployment", "Job", "PodDisruptionBudget", "Service",
    ]  # fmt: skip
    assert [each["spec"]["replicas"] for each in of_kind(PLAIN, "Deployment")] == [2, 2]
    assert not [each for each in of_kind(EVERYTHING, "Deployment") if "replicas" in each["spec"]]
    names = [(each["kind"], each["metadata"]["name"]) for each in rendered(EVERYTHING, "a" * 53)]
    assert len(set(names)) == len(names)
    assert all(len(name) <= 63 for _, name in names)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, "existingSecret: the name of a Secret that you make"),
        ({"existingSecret": "a"}, "settings.CALLWRIGHT_STORE_URL: where recordings are kept"),
        ({**NEEDED, "settings": {"CALLWRIGHT_STORE_URL": "/data"}}, "CALLWRIGHT_STORE_URL"),
        ({**NEEDED, "settings": {"CALLWRIGHT_SECRET_KEY": "a"}}, "additional properties 'CALLWRIGHT_SECRET_KEY'"),
        ({**NEEDED, "env": {"CALLWRIGHT_DATABASE_URL": "a"}}, "'not' failed"),
        ({**NEEDED, "api": {"replcas": 3}}, "additional properties 'replcas' not allowed"),
        ({**NEEDED, "worker": {"autoscaling": {"enabled": True}}}, "worker.autoscaling.prometheusAddress"),
        ({**NEEDED, "worker": {"autoscaling": {"minReplicas": 0}}}, "minReplicas': minimum: got 0, want 1"),
        ({**NEEDED, "ingress": {"enabled": True}}, "ingress.host"),
    ],
)
def test_what_cannot_be_used_is_refused(values: dict[str, Any], said: str) -> None:
    done = helm("template", "prod", values=values)
    assert done.returncode != 0
    assert said in done.stderr


def test_the_settings_that_may_be_given_are_those_that_exist() -> None:
    """Less the secrets, which stand in the Secret, and what the chart sets itself."""
    schema = json.loads((CHART / "values.schema.json").read_text())
    given = {name.removeprefix("CALLWRIGHT_").lower() for name in schema["properties"]["settings"]["properties"]}
    secret = {name for name, field in Settings.model_fields.items() if "Secret" in str(field.annotation)}
    assert len(secret) >= 6
    assert given == set(Settings.model_fields) - secret - {"metrics_address", "worker_concurrency", "data_dir"}


def test_every_value_is_in_the_schema_and_every_part_of_it_is_closed() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    assert set(schema["properties"]) - {"global"} == set(values)
    for name, part in schema["properties"].items():
        if part["type"] == "object" and name not in {"global", "env"}:
            assert part["additionalProperties"] is False
        if isinstance(values.get(name), dict) and name not in {"env", "settings"}:
            assert set(part["properties"]) == set(values[name])


@pytest.mark.parametrize("values", [NEEDED, EVERYTHING], ids=["needed", "everything"])
def test_every_pod_is_locked_down(values: dict[str, Any]) -> None:
    found = {component: (pod, container) for component, pod, container in pods(values)}
    assert set(found) == {"api", "worker", "migrate"}
    uid, gid = map(int, USER.split(":"))
    for pod, container in found.values():
        context = pod["securityContext"]
        assert (context["runAsNonRoot"], context["runAsUser"], context["runAsGroup"]) == (True, uid, gid)
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
        }  # fmt: skip
        assert set(container["resources"]["requests"]) == {"cpu", "memory"}
        assert container["resources"]["limits"]["memory"]
        assert {"name": "scratch", "mountPath": "/tmp"} in container["volumeMounts"]
        assert next(each for each in pod["volumes"] if each["name"] == "scratch")["emptyDir"]["sizeLimit"]
        assert "hostPath" not in json.dumps(pod)
        assert ("serviceAccountName" in pod) != (pod.get("automountServiceAccountToken") is False)


def test_processes_get_their_settings_and_their_secret() -> None:
    for component, _, container in pods(EVERYTHING):
        assert container["envFrom"] == [{"secretRef": {"name": "callwright"}}]
        given = {each["name"]: each["value"] for each in container["env"]}
        assert {"CALLWRIGHT_STORE_URL", "CALLWRIGHT_PUBLIC_URL", "AWS_REGION"} <= set(given)
        named = {name.removeprefix("CALLWRIGHT_").lower() for name in given if name.startswith("CALLWRIGHT_")}
        assert named <= set(Settings.model_fields)
        assert ("worker_concurrency" in named) == (component == "worker")
        assert ("FORWARDED_ALLOW_IPS" in given) == (component == "api")
        assert container["image"] == f"callwright@sha256:{'0' * 64}"
    assert {container["image"] for _, _, container in pods(NEEDED)} == {f"callwright:{__version__}"}


def test_numbers_reach_processes_as_they_are_written() -> None:
    settings: dict[str, Any] = {**EVERYTHING["settings"], "CALLWRIGHT_RATE_LIMIT": 1000000}
    settings["CALLWRIGHT_TRACES_SHARE"] = 0.25
    env = {"ACCOUNT": 111122223333, "NAME": "1e6", "ON": True, "NONE": 0}
    for _, _, container in pods({**NEEDED, "settings": settings, "env": env}):
        given = {each["name"]: each["value"] for each in container["env"]}
        assert (given["CALLWRIGHT_RATE_LIMIT"], given["CALLWRIGHT_TRACES_SHARE"]) == ("1000000", "0.25")
        assert [given[name] for name in env] == ["111122223333", "1e6", "true", "0"]


def test_processes_are_watched_and_have_the_time_that_they_drain_in() -> None:
    for component, pod, container in pods(NEEDED):
        if component == "migrate":
            continue
        ports = {port["name"]: port["containerPort"] for port in container["ports"]}
        assert ports["vitals"] == 9464
        assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "vitals"}
        assert container["readinessProbe"]["timeoutSeconds"] == 6
        assert container["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": "vitals"}
        begins = 5 if component == "api" else 0
        drains = web.DRAIN_SECONDS if component == "api" else worker.DRAIN_SECONDS
        assert pod["terminationGracePeriodSeconds"] >= begins + drains + 10
        if component == "api":
            assert container["lifecycle"]["preStop"]["exec"]["command"] == ["sleep", str(begins)]


def test_the_schema_is_brought_up_to_date_before_anything_else() -> None:
    """And needs nothing but what is there before the release."""
    (job,) = of_kind(NEEDED, "Job")
    assert job["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
    assert of_kind(NEEDED, "ConfigMap") == of_kind(NEEDED, "Secret") == []


def test_what_selects_pods_selects_those_that_are_there() -> None:
    labels = {}
    for each in rendered(EVERYTHING):
        if each["kind"] == "Deployment":
            labels[each["metadata"]["name"]] = each["spec"]["template"]["metadata"]["labels"]
    for each in rendered(EVERYTHING):
        spec = each["spec"]
        wanted = spec.get("podSelector") or spec.get("selector")
        if wanted:
            asked = wanted.get("matchLabels", wanted)
            assert [each for each in labels.values() if asked.items() <= each.items()], each["metadata"]["name"]
        target = spec.get("scaleTargetRef") if isinstance(spec, dict) else None
        assert target is None or target["name"] in labels


def test_nobody_but_prometheus_is_let_to_the_metrics() -> None:
    for service in of_kind(EVERYTHING, "Service"):
        assert [port["targetPort"] for port in service["spec"]["ports"]] == ["http"]
    for values, to_metrics in ((NEEDED, []), (EVERYTHING, EVERYTHING["networkPolicy"]["metricsFrom"])):
        for policy in of_kind(values, "NetworkPolicy"):
            rules = policy["spec"].get("ingress", [])
            assert [rule["from"] for rule in rules if {"port": "vitals"} in rule["ports"]] == [to_metrics] * bool(
                to_metrics
            )


def test_alerts_and_queries_are_those_that_are_tested() -> None:
    (rule,) = of_kind(EVERYTHING, "PrometheusRule")
    assert rule["spec"] == yaml.safe_load((ROOT / "deploy" / "prometheus" / "alerts.yaml").read_text())
    (scaled,) = of_kind(EVERYTHING, "ScaledObject")
    queries = [trigger["metadata"]["query"] for trigger in scaled["spec"]["triggers"]]
    assert [faults(query) for query in queries] == [[], []]
    jobs = {
        relabeling["replacement"]
        for monitor in of_kind(EVERYTHING, "PodMonitor")
        for relabeling in monitor["spec"]["podMetricsEndpoints"][0]["relabelings"]
    }
    assert jobs == {"callwright-api", "callwright-worker"}, "the alerts ask for jobs that begin so"


def test_the_values_of_the_guide_can_be_used(tmp_path: Path) -> None:
    shown = [block.body for block in blocks(HOW_TO, "yaml")]
    assert len(shown) >= 2
    for body in shown:
        done = helm("template", "prod", values={**NEEDED, **yaml.safe_load(body)})
        assert done.returncode == 0, done.stderr


def test_the_chart_is_of_this_release() -> None:
    about = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert about["version"] == about["appVersion"] == __version__
    assert re.search(r"callwright", about["name"])
