import asyncio
import ctypes
import sys
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest

from readmission.serving import memory
from readmission.serving.memory import MemoryReturn, give_back


def resident_megabytes() -> float:
    return psutil.Process().memory_info().rss / 1e6


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="another C library than glibc")
def test_pages_that_were_freed_are_given_back():
    kept = [(bytes(600), bytes(600)) for _ in range(100_000)]
    # one half stays, so that no page at the end of the heap is free by itself
    kept = [half for half, _ in kept][::50]
    before = resident_megabytes()

    give_back()

    assert resident_megabytes() < before - 50
    assert sys.getsizeof(kept)


def test_a_row_of_batches_gives_back_once_after_the_last(monkeypatch):
    monkeypatch.setattr(memory, "REST_SECONDS", 0.05)
    given: list[int] = []

    async def batches(executor: ThreadPoolExecutor) -> list[int]:
        returning = MemoryReturn(executor, lambda: given.append(1))
        for _ in range(5):
            returning.after_batch()
            await asyncio.sleep(0.01)
        early = given.copy()
        await asyncio.sleep(0.2)
        return early

    with ThreadPoolExecutor(1) as executor:
        early = asyncio.run(batches(executor))

    assert (early, given) == ([], [1])
