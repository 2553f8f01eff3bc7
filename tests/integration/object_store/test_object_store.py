"""The S3 adapter against a real SeaweedFS; where S3 stores differ (buckets, permissions), against moto, too."""

import json
import uuid

import boto3
import httpx
import pandas as pd
import pytest
from moto.server import ThreadedMotoServer
from pandas.testing import assert_frame_equal

from readmission.adapters.object_store import ObjectStore
from readmission.errors import InvalidInput, InvalidSource, NotFound, SourceUnavailable, Unauthorized

REGION = "us-east-1"
ACCESS_KEY, SECRET_KEY = "test-access-key", "test-secret-key"


@pytest.fixture
def bucket():
    """A name that no store knows yet."""
    return f"bucket-{uuid.uuid4().hex}"


@pytest.fixture(scope="module")
def moto():
    """An S3 store that refuses an object whose bucket is missing, as AWS and MinIO do."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    yield "http://{}:{}".format(*server.get_host_and_port())
    server.stop()


@pytest.fixture
def user_who_may(moto):
    """``user_who_may(*actions)``: the store as a user whose keys allow these actions and no other."""
    iam = boto3.client(
        "iam", region_name=REGION, endpoint_url=moto, aws_access_key_id="root", aws_secret_access_key="root"
    )

    def make(*actions: str) -> ObjectStore:
        policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}]}
        iam.create_user(UserName="user")
        iam.put_user_policy(UserName="user", PolicyName="these", PolicyDocument=json.dumps(policy))
        keys = iam.create_access_key(UserName="user")["AccessKey"]
        httpx.post(f"{moto}/moto-api/reset-auth", content="0")
        return ObjectStore(moto, keys["AccessKeyId"], keys["SecretAccessKey"], REGION)

    yield make
    httpx.post(f"{moto}/moto-api/reset-auth", content="inf")
    httpx.post(f"{moto}/moto-api/reset")


@pytest.fixture(params=["seaweedfs", "moto"])
def store(request):
    endpoint = request.getfixturevalue(request.param)
    return ObjectStore(endpoint, ACCESS_KEY, SECRET_KEY, REGION)


def test_the_first_object_makes_its_bucket(store, bucket):
    store.put(bucket, "a/b.parquet", b"abc")

    assert store.get(bucket, "a/b.parquet") == b"abc"
    assert store.keys(bucket) == ["a/b.parquet"]


def test_a_bucket_is_made_once(store, bucket):
    store.make_bucket(bucket)
    store.make_bucket(bucket)

    assert store.keys(bucket) == []


def test_storing_the_same_bytes_again_changes_nothing(store, bucket):
    store.put(bucket, "key", b"abc")
    store.put(bucket, "key", b"abc")

    assert store.get(bucket, "key") == b"abc"


def test_other_bytes_replace_the_object(store, bucket):
    store.put(bucket, "key", b"abc")
    store.put(bucket, "key", b"other")

    assert store.get(bucket, "key") == b"other"


def test_a_frame_comes_back(store, bucket):
    frame = pd.DataFrame({"a": pd.array([1, None], "Int64"), "b": ["x", None]})

    store.put_frame(bucket, "frame.parquet", frame)

    assert_frame_equal(store.get_frame(bucket, "frame.parquet"), frame)


def test_an_object_that_is_no_parquet_is_said_to_be_none(store, bucket):
    store.put(bucket, "frame.parquet", b"not a table")

    with pytest.raises(InvalidSource, match=r"frame\.parquet is not a readable Parquet file"):
        store.get_frame(bucket, "frame.parquet")


def test_a_missing_object_is_not_found(store, bucket):
    store.make_bucket(bucket)

    assert not store.exists(bucket, "nothing")
    with pytest.raises(NotFound, match=f"{bucket}/nothing"):
        store.get(bucket, "nothing")


def test_a_missing_bucket_is_not_found(store, bucket):
    assert not store.exists(bucket, "nothing")
    for read in (lambda: store.get(bucket, "nothing"), lambda: store.keys(bucket)):
        with pytest.raises(NotFound, match=f"no bucket {bucket}"):
            read()


@pytest.mark.parametrize("keys", [(ACCESS_KEY, "wrong-secret"), ("nobody", SECRET_KEY)])
def test_wrong_keys_are_unauthorized_and_not_repeated(seaweedfs, keys, bucket):
    stranger = ObjectStore(seaweedfs, *keys, REGION)
    actions = (
        lambda: stranger.exists(bucket, "key"),
        lambda: stranger.get(bucket, "key"),
        lambda: stranger.put(bucket, "key", b"abc"),
        lambda: stranger.keys(bucket),
        lambda: stranger.make_bucket(bucket),
    )

    for action in actions:
        with pytest.raises(Unauthorized, match=bucket) as caught:
            action()
        assert not any(key in str(caught.value) for key in keys)


def test_a_user_who_may_not_make_the_bucket_is_told_its_name(user_who_may, bucket):
    store = user_who_may("s3:GetObject", "s3:PutObject")

    with pytest.raises(Unauthorized, match=f"no bucket {bucket} and these keys may not create it"):
        store.put(bucket, "key", b"abc")


def test_a_server_that_is_gone_is_unavailable(free_ports, bucket):
    store = ObjectStore(f"http://127.0.0.1:{free_ports(1)}", ACCESS_KEY, SECRET_KEY, REGION)

    with pytest.raises(SourceUnavailable, match=bucket):
        store.get(bucket, "key")


def test_something_that_is_no_s3_store_is_unavailable(mlflow_server, bucket):
    store = ObjectStore(mlflow_server, ACCESS_KEY, SECRET_KEY, REGION)

    with pytest.raises(SourceUnavailable, match=bucket):
        store.get(bucket, "key")


@pytest.mark.parametrize("endpoint", ["", "127.0.0.1:9000", "http://", "ftp://x", "http://x:99999", "http://[x"])
def test_an_endpoint_that_is_no_url_is_refused(endpoint):
    with pytest.raises(InvalidInput, match="must be a URL"):
        ObjectStore(endpoint, ACCESS_KEY, SECRET_KEY, REGION)
