"""Identifiers come in bulk from the operating system, and never twice."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context

from actors.kernel.entropy import POOL_BYTES, SystemEntropy


def test_tokens_are_hex_of_the_asked_size_and_do_not_repeat() -> None:
    entropy = SystemEntropy()
    tokens = [entropy.token(8) for _ in range(2 * POOL_BYTES)]
    assert len(set(tokens)) == len(tokens)
    assert all(len(bytes.fromhex(token)) == 8 for token in tokens)
    assert len(entropy.token(2 * POOL_BYTES)) == 4 * POOL_BYTES


def test_threads_do_not_get_the_same_token() -> None:
    entropy = SystemEntropy()
    with ThreadPoolExecutor(8) as pool:
        tokens = [t for ts in pool.map(lambda _: [entropy.token(8)], range(4000)) for t in ts]
    assert len(set(tokens)) == len(tokens)


def test_a_forked_process_does_not_repeat_what_its_parent_says() -> None:
    entropy = SystemEntropy()
    entropy.token(8)
    reading, writing = get_context("fork").Pipe(duplex=False)
    # "fork", because that is where a child begins with all that its parent holds.
    child = get_context("fork").Process(target=lambda: writing.send(entropy.token(8)))
    child.start()
    theirs = reading.recv()
    child.join()
    assert theirs != entropy.token(8)


def test_a_number_lies_between_its_ends_and_is_not_always_the_same() -> None:
    entropy = SystemEntropy()
    drawn = [entropy.uniform(-1.0, 3.0) for _ in range(1000)]
    assert all(-1.0 <= number <= 3.0 for number in drawn)
    assert min(drawn) < 0.0
    assert max(drawn) > 2.0
    assert len(set(drawn)) == len(drawn)
