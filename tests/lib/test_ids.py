import os
import signal
import threading
import time
import uuid
from unittest import mock

from careops.lib import ids
from careops.lib.ids import uuid7


def test_version_variant_and_time():
    before = time.time_ns() // 1_000_000
    made = uuid7()
    after = time.time_ns() // 1_000_000
    assert (made.version, made.variant) == (7, uuid.RFC_4122)
    assert before <= made.int >> 80 <= after


def test_many_in_a_row_are_distinct_and_sorted():
    made = [uuid7() for _ in range(20_000)]
    assert made == sorted(made)
    assert [each.hex for each in made] == sorted(each.hex for each in made)
    assert len(set(made)) == len(made)


def test_order_survives_a_clock_that_is_set_back():
    first = uuid7()
    with mock.patch("time.time_ns", return_value=1_000_000_000_000_000_000):
        assert first < uuid7() < uuid7()


def test_threads_never_share_one():
    made: list[uuid.UUID] = []
    threads = [threading.Thread(target=lambda: made.extend(uuid7() for _ in range(2_000))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(made)) == 16_000


def test_a_forked_process_starts_from_its_own_randomness():
    with mock.patch("time.time_ns", return_value=4_000_000_000_000_000_000):
        uuid7()
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.write(writer, uuid7().bytes)
            os._exit(0)
        os.waitpid(child, 0)
        theirs, ours = uuid.UUID(bytes=os.read(reader, 16)), uuid7()
        os.close(reader)
        os.close(writer)
    assert theirs.int >> 80 == 4_000_000_000_000
    assert theirs != ours


def test_a_process_forked_while_a_thread_makes_one_does_not_hang():
    with ids._lock:
        child = os.fork()
        if child == 0:
            signal.alarm(2)
            uuid7()
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
