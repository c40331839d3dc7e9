"""The envelopes, judged by others: OpenSSL over the encoding that the specification describes, and Sigstore's verifier."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.evidence import dsse
from tests.evidence.scene import Scene, pae, payload

HERE = Path(__file__).parent
INSTALL = "npm install --no-package-lock --prefix tests/evidence/sigstore_js"


def envelopes(scene: Scene) -> list[dict[str, Any]]:
    """Every envelope that a landing leaves on the reference: verdicts, summary, key ring."""
    files = scene.files()
    lines = files[scene.only("verdicts.jsonl")].splitlines()
    return [json.loads(x) for x in (*lines, files[scene.only("summary.json")], files["ring.json"])]


def openssl_accepts(directory: Path, key: Path, message: bytes, signature: bytes) -> bool:
    (directory / "message").write_bytes(message)
    (directory / "signature").write_bytes(signature)
    command = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", str(key), "-rawin", "-in", "message", "-sigfile"]
    done = subprocess.run([*command, "signature"], cwd=directory, capture_output=True, text=True)
    assert done.returncode in (0, 1), done.stderr
    return done.returncode == 0


def ask_sigstore(pem: str, cases: list[dict[str, Any]]) -> list[str]:
    """For each envelope "" when Sigstore accepts it, else why not."""
    node = shutil.which("node")
    if node is None or not (HERE / "sigstore_js" / "node_modules" / "@sigstore" / "verify").is_dir():
        pytest.fail(f"Sigstore's npm package is needed: install Node.js, then: {INSTALL}")
    done = subprocess.run(
        [node, str(HERE / "sigstore_js" / "verify.mjs")],
        input=json.dumps({"pem": pem, "cases": cases}),
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    answers: list[str] = json.loads(done.stdout)
    assert len(answers) == len(cases)
    return answers


def test_independent_verifiers_accept_every_envelope_and_refuse_a_changed_one(scene: Scene, tmp_path: Path) -> None:
    if shutil.which("openssl") is None:
        pytest.fail("openssl is needed: apt-get install openssl")
    found = envelopes(scene)
    assert len(found) == 5
    changed = []
    for envelope in found:
        message, signature = pae(envelope), base64.b64decode(envelope["signatures"][0]["sig"])
        assert openssl_accepts(tmp_path, scene.key, message, signature)
        assert not openssl_accepts(tmp_path, scene.key, message[:-1] + b" ", signature)
        body = bytearray(base64.b64decode(envelope["payload"]))
        body[len(body) // 2] ^= 1
        changed.append(envelope | {"payload": base64.b64encode(body).decode()})
    # Sigstore reads in-toto payloads alone; the key ring is of another type, and it accepts that just as well.
    assert ask_sigstore(scene.key.read_text(), found) == [""] * len(found)
    assert all(ask_sigstore(scene.key.read_text(), changed))


def test_statements_say_what_was_judged(scene: Scene) -> None:
    commit = scene.git("rev-parse", "HEAD")
    files = scene.files()
    statements = [payload(line) for line in files[scene.only("verdicts.jsonl")].splitlines()]
    assert [x["predicate"]["andon_verdict"]["gate"] for x in statements] == ["protect", "tests", "review"]
    tree = {"name": "tree", "digest": {"gitTree": scene.git("rev-parse", "HEAD^{tree}")}}
    for statement in statements:
        assert statement["_type"] == "https://in-toto.io/Statement/v1"
        assert statement["predicateType"] == "https://in-toto.io/attestation/test-result/v0.1"
        assert statement["predicate"]["result"] == "PASSED"
        assert statement["predicate"]["passedTests"] == [statement["predicate"]["andon_verdict"]["gate"]]
    assert statements[1]["subject"] == [tree]
    assert statements[1]["predicate"]["andon_verdict"]["figures"]["tests"] == 1
    assert statements[2]["subject"][0]["digest"].keys() == {"andonPatch"}
    assert statements[2]["predicate"]["andon_verdict"]["people"] == ["bob"]
    summary = payload(files[scene.only("summary.json")])
    assert summary["predicateType"] == "https://slsa.dev/verification_summary/v1"
    assert summary["subject"][0]["digest"]["gitCommit"] == commit
    assert summary["subject"][1] == tree
    assert summary["predicate"]["verificationResult"] == "PASSED"
    assert [x["uri"] for x in summary["predicate"]["inputAttestations"]] == [
        "verdict:protect",
        "verdict:tests",
        "verdict:review",
    ]
    landing = summary["predicate"]["andon_landing"]
    assert (landing["task"], landing["run"], landing["authors"]) == ("T1", "R1", ["alice"])
    assert landing["approvers"] == {"review": ["bob"]}
    # Nothing on the reference tells where this machine keeps its files.
    assert str(scene.world.path.parent) not in b"".join(files.values()).decode()
    for statement in (*statements, summary):
        assert str(scene.world.path.parent) not in json.dumps(statement)


def test_the_commands_of_the_documentation(scene: Scene) -> None:
    """The how-to's own shell script: good evidence passes, a changed byte does not."""
    if shutil.which("jq") is None:
        pytest.fail("jq is needed: apt-get install jq")
    text = (HERE.parents[1] / "docs" / "how-to" / "verify.md").read_text(encoding="utf-8")
    (script,) = [block for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL) if "pkeyutl" in block]
    shutil.copy(scene.key, scene.clone / "andon.pem")

    def run() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["sh", "-c", script], cwd=scene.clone, env=scene.world.environment, capture_output=True, text=True
        )

    good = run()
    assert good.returncode == 0, good.stderr
    assert good.stdout.count("Signature Verified Successfully") == 4
    assert good.stdout.endswith("true\n")
    name = scene.only("summary.json")
    content = scene.read(name)
    at = content.index(b'"sig":"') + 20
    scene.write(name, content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
    assert run().returncode != 0


def test_the_specifications_example() -> None:
    expected = b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    assert dsse.pae("http://example.com/HelloWorld", b"hello world") == expected


@given(st.binary(max_size=200), st.text(max_size=40))
def test_what_is_signed_is_read_back(body: bytes, kind: str) -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.from_private_bytes(bytes(32))
    envelope, read = dsse.read(dsse.sign(body, kind, key, "sha256:0"))
    assert read == body
    dsse.verify(envelope, read, key.public_key(), kind)
    with pytest.raises(dsse.Broken):
        dsse.verify(envelope, read + b"x", key.public_key(), kind)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda x: x + b" ", "canonical"),
        (lambda x: x.replace(b'"payload":', b'"payload" :'), "canonical"),
        (lambda x: x.replace(b'{"keyid"', b'{"extra":1,"keyid"'), "not a DSSE envelope"),
        (lambda x: x[:-10], "not a DSSE envelope"),
        (lambda x: b"\xff" + x, "not a DSSE envelope"),
        (lambda x: b"", "not a DSSE envelope"),
        (lambda x: x.replace(b'"signatures":[', b'"signatures":[{"keyid":"","sig":""},'), "2 signatures"),
        (lambda x: x.replace(b"aGk=", b"aGl="), "canonical form"),
    ],
)
def test_an_envelope_has_one_form(change: Any, words: str) -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    good = dsse.sign(b"hi", dsse.STATEMENT, Ed25519PrivateKey.from_private_bytes(bytes(32)), "sha256:0")
    assert dsse.read(good)[1] == b"hi"
    with pytest.raises(dsse.Broken, match=words):
        dsse.read(change(good))
