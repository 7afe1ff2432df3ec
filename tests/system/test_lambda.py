"""The packed functions under Lambda's runtime API, against AWS as moto plays it, over real HTTP."""

import json
import os
import re
import shutil
import subprocess
import time

import pytest
from aws_peer import POLICY, REGION, TABLE, Aws, make_certificate, make_csr
from house import BUILD, free_port, wait_for
from lambda_runtime import Function, RuntimeApi, build_zips, rest_event, unpack

FUNCTIONS = ("cvm", "jitr", "fleet-hook", "authorizer")
TOKEN = "a-token-that-nobody-guesses"
ROOTS = "/etc/ssl/certs/ca-certificates.crt"  # where Debian has them; Amazon Linux: /etc/pki/tls/certs/ca-bundle.crt


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    build_zips()
    folder = tmp_path_factory.mktemp("packed")
    return {name: unpack(name, folder / name) for name in FUNCTIONS}


@pytest.fixture
def aws(tmp_path):
    peer = Aws(tmp_path).start().set_up()
    yield peer
    peer.kill()


@pytest.fixture
def run(packed, aws, tmp_path):
    """run(NAME, **env) → the runtime API of a running function."""
    made = []

    def start(name, processes=1, **env):
        api = RuntimeApi()
        for number in range(processes):
            log = tmp_path / f"{name}-{len(made)}-{number}.out"
            made.append(Function(packed[name], api, log, aws.function_env(**env)).start())
        made[-1].wait_ready()
        api.functions = made[-processes:]
        return api

    yield start
    for function in made:
        function.kill()
        assert TOKEN not in function.text()


def vend(api, productid, csr, token=TOKEN, **more):
    event = rest_event("POST", "/certificates", {"productid": productid, "accessToken": token, "csr": csr, **more})
    answer = api.invoke(event)
    return answer["statusCode"], json.loads(answer["body"]), answer["headers"]


def retire(api, productid, token=TOKEN, **more):
    answer = api.invoke(rest_event("POST", "/certificates/retire", {"productid": productid, "accessToken": token, **more}))
    return answer["statusCode"], json.loads(answer["body"])


def works(aws, certificate, thing):
    """ACTIVE, with the device's policy and its thing."""
    iot = aws.client("iot")
    described = iot.describe_certificate(certificateId=certificate)["certificateDescription"]
    arn = described["certificateArn"]
    policies = [p["policyName"] for p in iot.list_attached_policies(target=arn)["policies"]]
    things = iot.list_principal_things(principal=arn)["things"]
    return described["status"] == "ACTIVE" and policies == [POLICY] and things == [thing]


def test_a_device_gets_its_certificate_once(run, aws):
    aws.add_device("thermo-1", TOKEN)
    api, csr = run("cvm", SLUICE_ROLE_ALIAS="device-role"), make_csr()
    status, body, headers = vend(api, "thermo-1", csr)
    assert status == 200, body
    assert works(aws, body["certificateId"], "thermo-1")
    assert body["certificatePem"].startswith("-----BEGIN CERTIFICATE-----")
    assert (body["thingName"], body["product"], body["region"], body["roleAlias"]) == ("thermo-1", "thermo", REGION, "device-role")
    assert "ats.iot" in body["dataEndpoint"] and "credentials" in body["credentialsEndpoint"]
    assert body["rootCa"].startswith("-----BEGIN CERTIFICATE-----")
    assert headers["cache-control"] == "no-store"
    assert aws.client("iot").describe_thing(thingName="thermo-1")["thingTypeName"] == "thermo"
    record = aws.record("thermo-1")
    assert (record["applyState"], record["certID"], record["region"]) == ("-1", body["certificateId"], REGION)

    assert vend(api, "thermo-1", csr)[1] == body, "a lost answer is given again"
    assert vend(api, "thermo-1", make_csr())[0] == 409
    assert vend(api, "thermo-1", csr, token="guess")[0] == 401
    assert vend(api, "nobody", csr)[0] == 401
    assert vend(api, "thermo-1", "no csr")[0] == 400
    assert len(aws.certificates()) == 1


def test_rotation_leaves_one_certificate_when_the_new_one_has_proven_itself(run, aws):
    aws.add_device("thermo-1", TOKEN)
    api = run("cvm", SLUICE_REISSUE="rotate")
    first = vend(api, "thermo-1", make_csr())[1]["certificateId"]
    csr = make_csr()
    second = vend(api, "thermo-1", csr)[1]["certificateId"]
    assert aws.certificates() == {first: "ACTIVE", second: "ACTIVE"} and first != second
    assert vend(api, "thermo-1", csr)[1]["certificateId"] == second
    assert aws.certificates() == {first: "ACTIVE", second: "ACTIVE"}, "a request that is repeated proves nothing"
    assert retire(api, "thermo-1", keep=first)[0] == 409
    assert retire(api, "thermo-1", keep=second) == (200, {"retired": [first]})
    assert retire(api, "thermo-1", keep=second) == (200, {"retired": []})
    assert aws.certificates() == {second: "ACTIVE"}
    assert works(aws, second, "thermo-1")


def test_a_decommissioned_device_has_no_certificate_and_may_get_another(run, aws):
    aws.add_device("thermo-1", TOKEN)
    api = run("cvm", SLUICE_REISSUE="rotate", SLUICE_RETIRED="keep")
    first = vend(api, "thermo-1", make_csr())[1]["certificateId"]
    assert retire(api, "thermo-1", token="guess")[0] == 401
    assert retire(api, "thermo-1") == (200, {"retired": [first]})
    assert aws.certificates() == {first: "INACTIVE"}
    second = vend(api, "thermo-1", make_csr())[1]["certificateId"]
    assert aws.certificates() == {first: "INACTIVE", second: "ACTIVE"}
    assert works(aws, second, "thermo-1")


def test_getcert_gives_keys_of_awss_making(run, aws):
    aws.add_device("thermo-1", TOKEN)
    api = run("cvm")
    event = rest_event("GET", "/getcert", query={"serialNumber": "thermo-1", "deviceToken": TOKEN}, stage="Prod")
    answer = api.invoke(event)
    body = json.loads(answer["body"])
    assert answer["statusCode"] == 200 and body["keyPair"]["PrivateKey"].startswith("-----BEGIN")
    assert set(body) == {"certificateArn", "certificateId", "certificatePem", "keyPair", "RootCA"}
    assert works(aws, body["certificateId"], "thermo-1")


def test_two_hundred_redemptions_through_eight_processes_give_one_certificate(run, aws):
    aws.add_device("thermo-1", TOKEN)
    api = run("cvm", processes=8)
    csrs = [make_csr() for _ in range(200)]
    started = time.monotonic()
    asked = [api.start_invocation(rest_event("POST", "/certificates", {"productid": "thermo-1", "accessToken": TOKEN, "csr": csr}),
                                  seconds=120) for csr in csrs]
    assert all(invocation.done.wait(120) for invocation in asked)
    seconds = time.monotonic() - started
    answers = [invocation.answer for invocation in asked]
    codes = [answer["statusCode"] for answer in answers]
    assert codes.count(200) == 1 and codes.count(409) == 199, sorted(set(codes))
    for answer in answers:
        if "InProgress" in answer["body"]:
            assert int(answer["headers"]["retry-after"]) >= 1
    assert len(aws.active()) == 1 and len(aws.certificates()) == 1
    winner = json.loads(answers[codes.index(200)]["body"])["certificateId"]
    assert works(aws, winner, "thermo-1")
    print(f"\nRESULT lambda-redemptions requests=200 processes=8 certificates=1 seconds={seconds:.1f}")


def test_a_killed_function_is_repaired_by_the_next_request(run, aws):
    """Killed at several moments of a redemption; the device's next request ends with one certificate that works."""
    devices, cut = {}, 0
    for number in range(8):
        name = f"thermo-{number}"
        devices[name] = make_csr()
        aws.add_device(name, TOKEN)
        api = run("cvm", SLUICE_CLAIM_SECONDS="5")
        api.start_invocation(rest_event("POST", "/certificates", {"productid": name, "accessToken": TOKEN, "csr": devices[name]}))
        wait_for("the function claims the device", lambda: aws.record(name)["applyState"] != "0", every=0.001)
        poll_moment(0.01 * number)
        api.functions[0].kill()
        cut += aws.record(name)["applyState"] == "1"
    assert cut >= 2, "no kill fell into a redemption"
    api = run("cvm", SLUICE_CLAIM_SECONDS="5")
    certificates = []
    for name, csr in devices.items():
        status, body, _ = wait_for("the claim of the killed one runs out", lambda: answered(vend(api, name, csr)), every=0.2)
        assert status == 200, body
        assert works(aws, body["certificateId"], name)
        certificates.append(body["certificateId"])
    assert sorted(aws.active()) == sorted(certificates)
    print(f"\nRESULT lambda-kills kills={len(devices)} in-the-middle={cut} certificates-each=1")


def answered(answer):
    return None if answer[1].get("error", {}).get("code") == "InProgress" else answer


def poll_moment(seconds):
    """The moment of a kill is the fault itself."""
    time.sleep(seconds)


def test_jitr_activates_a_listed_device(run, aws):
    aws.add_device("thermo-1", TOKEN)
    iot, api = aws.client("iot"), run("jitr")
    ids = [iot.register_certificate_without_ca(certificatePem=make_certificate(name), status="PENDING_ACTIVATION")["certificateId"]
           for name in ("thermo-1", "stranger")]
    event = {"certificateStatus": "PENDING_ACTIVATION", "caCertificateId": "ca", "timestamp": 1, "awsAccountId": "123456789012"}
    assert api.invoke({**event, "certificateId": ids[0]})["result"] == "activated"
    assert api.invoke({**event, "certificateId": ids[0]})["result"] == "already-active"
    assert api.invoke({**event, "certificateId": ids[1]})["result"] == "refused"
    assert works(aws, ids[0], "thermo-1")
    assert aws.certificates()[ids[1]] == "PENDING_ACTIVATION"
    assert api.fails({**event, "certificateId": "0" * 64})["errorType"] == "Aws.Refused"


def test_the_fleet_hook_redeems_a_token(run, aws):
    aws.add_device("thermo-1", TOKEN)
    api, pem = run("fleet-hook"), make_certificate("any")
    event = {"certificateId": "c" * 64, "certificatePem": pem, "templateArn": "arn", "clientId": "claim-1"}
    good = {**event, "parameters": {"SerialNumber": "thermo-1", "accessToken": TOKEN}}
    assert api.invoke(good) == {"allowProvisioning": True, "parameterOverrides": {"ThingName": "thermo-1", "Product": "thermo"}}
    assert api.invoke({**event, "parameters": {"SerialNumber": "thermo-1", "accessToken": "guess"}}) == {"allowProvisioning": False}
    assert aws.record("thermo-1")["certID"] == "c" * 64


def test_the_authorizer_lets_in_who_has_a_token(run, aws):
    aws.add_device("thermo-1", TOKEN)
    api = run("authorizer")
    arn = f"arn:aws:execute-api:{REGION}:123456789012:abc/v1/GET/devices"
    event = {"type": "REQUEST", "methodArn": arn, "queryStringParameters": None}
    answer = api.invoke({**event, "headers": {"productid": "thermo-1", "accessToken": TOKEN}})
    assert answer["policyDocument"]["Statement"][0]["Effect"] == "Allow"
    refused = api.fails({**event, "headers": {"productid": "thermo-1", "accessToken": "guess"}})
    assert refused["errorMessage"] == "Unauthorized"


def test_requests_are_signed_so_that_the_keys_count(packed, aws, tmp_path):
    """moto checks signatures of DynamoDB once it is told to; the authorizer asks nothing else."""
    aws.add_device("thermo-1", TOKEN)
    key = aws.require_signatures()
    event = {"type": "REQUEST", "methodArn": f"arn:aws:execute-api:{REGION}:123456789012:abc/v1/GET/devices",
             "headers": {"productid": "thermo-1", "accessToken": TOKEN}}
    for secret, good in ((key["SecretAccessKey"], True), ("another secret", False)):
        api = RuntimeApi()
        env = aws.function_env(AWS_ACCESS_KEY_ID=key["AccessKeyId"], AWS_SECRET_ACCESS_KEY=secret, AWS_SESSION_TOKEN="")
        function = Function(packed["authorizer"], api, tmp_path / f"out-{good}", env).start().wait_ready()
        if good:
            assert api.invoke(event)["principalId"] == "thermo-1"
        else:
            assert api.fails(event)["errorType"] == "Table.Unavailable"
            assert "HTTP 403" in wait_for("the function says why", function.text)
        function.kill()


def test_wrong_settings_are_told_before_the_first_event(packed, aws, tmp_path):
    for env, name in (({"SLUICE_POLICY": ""}, "SLUICE_POLICY"), ({"SLUICE_TABLE": ""}, "SLUICE_TABLE"),
                      ({"AWS_ACCESS_KEY_ID": ""}, "AWS_ACCESS_KEY_ID"), ({"SSL_CERT_FILE": "/nowhere"}, "SSL_CERT_FILE")):
        api = RuntimeApi()
        function = Function(packed["cvm"], api, tmp_path / "out", {**aws.function_env(), **env}).start()
        assert function.process.wait(timeout=20) == 78
        assert name in api.init_errors[0]["errorMessage"]


def test_an_unreachable_aws_is_a_503_within_the_deadline(packed, tmp_path):
    api = RuntimeApi()
    env = {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{free_port()}", "SLUICE_TABLE": TABLE, "SLUICE_POLICY": POLICY,
           "SLUICE_DATA_ENDPOINT": "d.example.com", "SLUICE_CREDENTIALS_ENDPOINT": "c.example.com"}
    function = Function(packed["cvm"], api, tmp_path / "out", env).start().wait_ready()
    started = time.monotonic()
    event = rest_event("POST", "/certificates", {"productid": "thermo-1", "accessToken": TOKEN, "csr": make_csr()})
    answer = api.invoke(event, seconds=2)
    assert answer["statusCode"] == 503 and int(answer["headers"]["retry-after"]) >= 1
    assert time.monotonic() - started < 2
    function.kill()


def test_every_table_of_devices_keeps_the_contract_also_dynamodb(aws):
    program = BUILD / "tests" / "contract" / "device_table" / "test_contract_device_table"
    done = subprocess.run([program], env={**os.environ, "SLUICE_TEST_DYNAMODB": aws.url, "SLUICE_TEST_TABLE": TABLE},
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
    assert "Dynamodb" in done.stdout


def dynamic_section(path):
    return subprocess.run(["readelf", "-d", "-l", path], capture_output=True, text=True, check=True).stdout


def test_a_zip_has_everything_that_its_program_needs(packed):
    for name, root in packed.items():
        have = {path.name for path in (root / "lib").iterdir()} | {"ld-linux-x86-64.so.2"}
        for file in [root / "bin" / "function", *(root / "lib").iterdir()]:
            needed = set(re.findall(r"\(NEEDED\).*\[(.+)\]", dynamic_section(file)))
            assert needed <= have, (name, file.name, needed - have)
        assert "libcurl.so.4" in have, "it is loaded by name, not by the program's list"
        assert "INTERP" not in dynamic_section(root / "bootstrap"), "the launcher is static"
        assert sum(path.stat().st_size for path in root.rglob("*") if path.is_file()) < 250e6


def test_a_packed_function_runs_where_there_is_nothing_else(packed, aws, tmp_path):
    """In a root with the function and the roots of trust where Amazon Linux has them: no libc, no shell."""
    root = tmp_path / "root"
    shutil.copytree(packed["cvm"], root / "var" / "task")
    (root / "etc" / "pki" / "tls" / "certs").mkdir(parents=True)
    shutil.copy(ROOTS, root / "etc" / "pki" / "tls" / "certs" / "ca-bundle.crt")
    aws.add_device("thermo-1", TOKEN)
    api = RuntimeApi()
    function = Function(root / "var" / "task", api, tmp_path / "out", aws.function_env(LAMBDA_TASK_ROOT="/var/task"))
    enter = ["/usr/sbin/chroot", str(root)]
    if os.geteuid() != 0:
        enter = ["/usr/bin/unshare", "--map-root-user", *enter]
    function.start([*enter, "/var/task/bootstrap"]).wait_ready()
    assert vend(api, "thermo-1", make_csr())[0] == 200
    function.kill()


def test_cold_start_and_memory(packed, aws, tmp_path):
    aws.add_device("thermo-1", TOKEN)
    starts, peaks = [], []
    for number in range(7):
        api = RuntimeApi()
        function = Function(packed["cvm"], api, tmp_path / f"out{number}", aws.function_env(SLUICE_REISSUE="rotate")).start()
        function.wait_ready()
        starts.append((api.first_next - function.started) * 1000)
        assert vend(api, "thermo-1", make_csr())[0] == 200
        peaks.append(function.peak_kb() / 1024)
        function.kill()
    start, peak = sorted(starts)[len(starts) // 2], max(peaks)
    size = (BUILD / "cloud" / "lambda" / "cvm.zip").stat().st_size / 1e6
    print(f"\nRESULT lambda-cold-start exec-to-next-ms={start:.1f} peak-rss-mb={peak:.1f} zip-mb={size:.1f}")
    assert start < 2000 and peak < 128, "a function of the smallest memory must hold it"
