"""The key, and how much may be asked in a minute."""

import time

from decoct.testing.gate import Limit


def test_without_the_key_nothing(serve) -> None:
    with serve(api_key="k") as client:
        refused = client.chat()
        assert refused.status_code == 401
        assert refused.json()["error"]["code"] == "invalid_api_key"
        assert client.get("batches").status_code == 401
        for name, value in {"Authorization": "Bearer k", "api-key": "k"}.items():
            client.http.headers = {name: value}
            assert client.chat().status_code == 200
            assert client.get("batches").status_code == 200
        client.http.headers = {"Authorization": "Bearer wrong"}
        assert client.chat().status_code == 401
        assert client.server.received == 2


def test_requests_beyond_the_limit_are_told_to_wait(serve) -> None:
    with serve(requests_per_minute=120, limit_window_s=1) as client:  # 2 within any second
        assert [client.chat().status_code for _ in range(2)] == [200, 200]
        crowded = client.chat()
        assert crowded.status_code == 429
        assert crowded.headers["retry-after"] == "1"
        time.sleep(1.05)
        assert [client.chat().status_code for _ in range(3)] == [200, 200, 429]
        assert client.server.counts.faults == {"throttled": 2}


def test_tokens_beyond_the_limit_too(serve) -> None:
    with serve(tokens_per_minute=10) as client:
        assert client.chat("one two three").status_code == 200  # 5 words with the system's two
        assert client.chat("one two three four").status_code == 429
        assert client.chat("one two three").status_code == 200
        assert client.chat("").status_code == 429
        assert 50 < int(client.chat("").headers["retry-after"]) <= 60


def test_a_limit_lets_in_what_is_more_than_all_of_it_when_it_is_empty() -> None:
    limit = Limit(10, 60)
    assert limit.wait_s(25) == 0
    limit.take(25)
    assert 59 < limit.wait_s(1) <= 60
    assert Limit(None, 60).wait_s(10**9) == 0
