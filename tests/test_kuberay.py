"""The example for a Ray cluster on Kubernetes: its words are known, and its command is one."""

import re
import shlex
import tomllib
from typing import Any

import kubernetes_validate
import yaml

from batchconv.cli.upload import upload
from tests.shells import ROOT

FOLDER = ROOT / "examples" / "kuberay"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def manifests() -> dict[str, Any]:
    text = (FOLDER / "rayjob.yaml").read_text(encoding="utf-8")
    return {one["kind"]: one for one in yaml.safe_load_all(text)}


def job() -> dict[str, Any]:
    spec: dict[str, Any] = manifests()["RayJob"]["spec"]
    return spec


def pods() -> list[dict[str, Any]]:
    cluster = job()["rayClusterSpec"]
    groups = [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]
    return [group["template"]["spec"] for group in groups]


def test_kubernetes_knows_every_word_of_the_pods_and_the_volume():
    kubernetes_validate.validate(manifests()["PersistentVolumeClaim"], "1.37", strict=True)
    for spec in pods():
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}, "spec": spec}
        kubernetes_validate.validate(pod, "1.37", strict=True)


def test_head_and_workers_have_the_account_from_the_same_secret_and_ray_a_token():
    environments = [spec["containers"][0]["env"] for spec in pods()]
    assert environments[0] == environments[1]
    assert {one["name"]: set(one["valueFrom"]) for one in environments[0]} == {
        "VONAGE_API_KEY": {"secretKeyRef"},
        "VONAGE_API_SECRET": {"secretKeyRef"},
    }
    assert job()["rayClusterSpec"]["authOptions"] == {"mode": "token"}


def test_its_command_is_one_of_this_program_and_writes_to_the_volume():
    program, command, *arguments = shlex.split(job()["entrypoint"])
    assert (program, command) == ("batchconv", "upload")
    # A command keeps the help option of the first context that it gets.
    with upload.make_context(
        "upload", arguments, resilient_parsing=True, help_option_names=["-h", "--help"]
    ) as context:
        values = context.params
    assert (values["engine"], values["engine_address"], values["workers"]) == ("ray", "auto", None)
    mounts = {one["mountPath"] for one in pods()[0]["containers"][0]["volumeMounts"]}
    assert "/results" in mounts
    assert values["results"].startswith("/results/")
    assert values["resume"]


def test_the_image_holds_a_ray_that_the_extra_allows():
    text = (FOLDER / "Dockerfile").read_text(encoding="utf-8")
    (version,) = re.findall(r"^FROM rayproject/ray:([\d.]+)-", text, re.MULTILINE)
    assert version == job()["rayClusterSpec"]["rayVersion"]
    (wanted,) = PROJECT["optional-dependencies"]["ray"]
    least, below = re.findall(r"[\d.]+", wanted)
    parts = [tuple(map(int, one.split("."))) for one in (least, version, below)]
    assert parts == sorted(parts)
    images = {spec["containers"][0]["image"] for spec in pods()}
    assert images == {f"batchconv-ray:{PROJECT['version']}"}
    assert images.pop() in text
