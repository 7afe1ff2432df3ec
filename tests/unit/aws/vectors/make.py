#!/usr/bin/env python3
"""Signs requests of our own with botocore (Debian: python3-botocore) and writes botocore.json, which sigv4_botocore_test
holds our signatures to. Run it by hand after adding a case:  tests/unit/aws/vectors/make.py"""

import datetime
import json
import pathlib

import botocore.auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

MOMENT = datetime.datetime(2024, 1, 15, 12, 0, 0, tzinfo=datetime.timezone.utc)
KEY, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
TOKEN = "FwoGZXIvYXdzEXAMPLE//+token=="
IOT = "https://iot.eu-central-1.amazonaws.com"
JSON = {"content-type": "application/json"}

# name, service, method, url, headers, body, token
CASES = [
    ("plain", "iot", "GET", IOT + "/things", {}, "", ""),
    ("no path", "sts", "GET", "https://sts.us-east-1.amazonaws.com", {}, "", ""),
    ("session token", "iot", "GET", IOT + "/endpoint?endpointType=iot%3AData-ATS", {}, "", TOKEN),
    ("escaped path", "iot", "GET", IOT + "/things/a%20b%2Fc%3Ad", {}, "", ""),
    ("UTF-8 path", "iot", "GET", IOT + "/things/%E1%88%B4", {}, "", ""),
    ("dots in the path", "iot", "GET", IOT + "/a/./b/../c", {}, "", ""),
    ("slashes in the path", "iot", "GET", IOT + "//a//b/", {}, "", ""),
    ("query out of order", "iot", "GET", IOT + "/?b=2&a=1&b=1&A=0", {}, "", ""),
    ("query names where one begins the other", "iot", "GET", IOT + "/?a-b=1&a=2&a1=3&ab=4", {}, "", ""),
    ("query name without value", "iot", "GET", IOT + "/?acl&x=", {}, "", ""),
    ("query with escapes", "iot", "GET", IOT + "/?p=a%20b%2Fc%3D%26&%C3%BC=%C3%A4", {}, "", ""),
    ("port in the host", "iotdata", "GET", "https://127.0.0.1:8443/things/t/shadow?name=config", {}, "", ""),
    ("body", "iot", "POST", IOT + "/policies/p", JSON, '{"policyDocument":"{}"}', ""),
    ("body of UTF-8", "iot", "POST", IOT + "/things/t", JSON, '{"a":"\u00e4\u2603"}', TOKEN),
    ("form", "sts", "POST", "https://sts.eu-central-1.amazonaws.com/",
     {"content-type": "application/x-www-form-urlencoded; charset=utf-8"},
     "Action=GetCallerIdentity&Version=2011-06-15", TOKEN),
    ("dynamodb", "dynamodb", "POST", "https://dynamodb.eu-central-1.amazonaws.com/",
     {"content-type": "application/x-amz-json-1.0", "x-amz-target": "DynamoDB_20120810.GetItem"},
     '{"TableName":"t"}', TOKEN),
    ("header with blanks", "iot", "GET", IOT + "/", {"x-amz-meta": "  a   b  c "}, "", ""),
    ("header names out of order", "iot", "GET", IOT + "/", {"X-Zebra": "1", "x-apple": "2", "My-Header": "3"}, "", ""),
    ("principal", "iot", "PUT", IOT + "/things/t/principals",
     {"x-amzn-principal": "arn:aws:iot:eu-central-1:123456789012:cert/" + "0a" * 32}, "", ""),
    ("DELETE", "iot", "DELETE", IOT + "/certificates/" + "0a" * 32, {}, "", ""),
    ("China", "iot", "GET", "https://iot.cn-north-1.amazonaws.com.cn/things", {}, "", ""),
]


class Fixed(datetime.datetime):
    @classmethod
    def utcnow(cls):
        return MOMENT.replace(tzinfo=None)


def sign(kind, service, region, request, token, **more):
    auth = kind(Credentials(KEY, SECRET, token or None), service, region, **more)
    seen = {}
    whole = auth.canonical_request
    auth.canonical_request = lambda r: seen.setdefault("canonical", whole(r))
    auth.add_auth(request)
    return seen["canonical"]


def main():
    if hasattr(botocore.auth, "get_current_datetime"):
        botocore.auth.get_current_datetime = lambda: MOMENT
    else:
        botocore.auth.datetime.datetime = Fixed
    out = []
    for name, service, method, url, headers, body, token in CASES:
        host = url.split("/")[2]
        region = host.split(".")[1] if host.endswith((".com", ".cn")) else "us-east-1"
        request = AWSRequest(method, url, headers=dict(headers), data=body.encode())
        canonical = sign(botocore.auth.SigV4Auth, service, region, request, token)
        case = {"name": name, "service": service, "region": region, "method": method, "url": url,
                "headers": headers, "body": body, "token": token, "canonical": canonical,
                "authorization": request.headers["Authorization"]}
        names = [pair.split("=")[0] for pair in url.partition("?")[2].split("&")]
        if not body and not headers and len(names) == len(set(names)):  # botocore presigns a name once only
            request = AWSRequest(method, url)
            sign(botocore.auth.SigV4QueryAuth, service, region, request, token, expires=900)
            case["signature_in_query"] = request.url.rsplit("X-Amz-Signature=", 1)[1]
        out.append(case)
    to = pathlib.Path(__file__).with_name("botocore.json")
    to.write_text(json.dumps({"time": MOMENT.strftime("%Y%m%dT%H%M%SZ"), "access_key_id": KEY, "secret_access_key": SECRET,
                              "cases": out}, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
