"""The writer: acknowledged is committed, busy stores make large batches, nothing is silent."""

from __future__ import annotations

from actors.db_line import LineBounds
from actors.db_writer import DbWriterActor, NotSaved
from actors.kernel.dead_letter import Loss
from actors.ports import StoreBusy, StoreUnavailable
from actors.testing.probe import Probe
from tests.unit.storage_stage import HOLD_S, FakeStore, furnished
from tests.unit.supervision_stage import Stage, simulated


@simulated(seeds=5)
async def test_a_save_is_acknowledged_once_it_is_committed(stage: Stage) -> None:
    room = await furnished(stage)
    token = room.save("a", "b")
    assert room.saved == []
    await stage.wait()
    assert room.saved == [token]
    assert room.store.rows.keys() == {"a", "b"}
    room.check_law()


@simulated(seeds=5)
async def test_what_comes_in_one_turn_is_one_commit(stage: Stage) -> None:
    room = await furnished(stage)
    for number in range(20):
        room.save(f"r{number}")
    await stage.wait()
    assert room.store.saves == [20]
    room.check_law()


@simulated(seeds=5)
async def test_the_next_batch_gathers_while_a_commit_is_on_its_way(stage: Stage) -> None:
    room = await furnished(stage)
    room.save("first")
    await room.until_committing()
    for number in range(7):
        room.save(f"r{number}")
        await stage.wait(0.0001)
    assert room.store.saves in ([], [1])
    await stage.wait()
    assert room.store.saves == [1, 7]
    room.check_law()


@simulated(seeds=3)
async def test_one_commit_has_a_bound_in_rows_that_a_single_save_may_pass(stage: Stage) -> None:
    room = await furnished(stage, bounds=LineBounds(commit_rows_max=5))
    for number in range(4):
        room.save(f"a{number}", f"b{number}")
    room.save(*(f"c{number}" for number in range(9)))
    await stage.wait(2.0)
    assert room.store.saves == [4, 4, 9]
    room.check_law()


@simulated(seeds=3)
async def test_one_commit_has_a_bound_in_bytes(stage: Stage) -> None:
    room = await furnished(stage, bounds=LineBounds(commit_bytes_max=1200))
    for number in range(3):
        room.save(f"r{number}")
    await stage.wait(2.0)
    assert room.store.saves == [2, 1]


@simulated(seeds=3)
async def test_who_finds_the_line_full_is_refused_at_once(stage: Stage) -> None:
    room = await furnished(stage, bounds=LineBounds(rows_max=3))
    room.save("a", "b", "c")
    late = room.save("d")
    await stage.wait(0.0001)
    assert room.refused[late].reason is NotSaved.FULL
    assert room.refused[late].retry_after_s > 0
    await stage.wait()
    room.save("d")
    await stage.wait()
    assert room.store.rows.keys() == {"a", "b", "c", "d"}
    room.check_law()


@simulated(seeds=3)
async def test_the_line_has_a_bound_in_bytes_and_an_empty_one_takes_any(stage: Stage) -> None:
    room = await furnished(stage, bounds=LineBounds(bytes_max=100))
    first, second = room.save("a"), room.save("b")
    await stage.wait()
    assert room.saved == [first]
    assert room.refused[second].reason is NotSaved.FULL
    room.check_law()


@simulated(seeds=3)
async def test_nothing_to_save_is_saved(stage: Stage) -> None:
    room = await furnished(stage)
    token = room.save()
    await stage.wait()
    assert room.saved == [token]
    room.check_law()


@simulated(seeds=3)
async def test_rows_of_an_asker_that_died_meanwhile_are_not_written(stage: Stage) -> None:
    room = await furnished(stage)
    gone = Probe(stage.system)
    room.save("first")
    await room.until_committing()
    room.save("unwanted", reply_to=gone.ref)
    kept = room.save("kept")
    gone.ref.kill()
    await stage.wait()
    assert room.store.rows.keys() == {"first", "kept"}
    assert kept in room.saved
    assert room.line.rows == 0
    assert stage.system.dead_letters.by_reason[Loss.CLOSED] == 0


@simulated(seeds=5)
async def test_a_full_mailbox_of_the_asker_loses_no_answer(stage: Stage) -> None:
    room = await furnished(stage)
    tokens = [room.save(f"r{number}") for number in range(50)]
    await stage.wait()
    assert room.saved == tokens


@simulated(seeds=5)
async def test_a_failed_batch_is_kept_and_sent_again(stage: Stage) -> None:
    room = await furnished(stage, FakeStore(faults={2: StoreBusy(), 3: StoreUnavailable()}))
    token = room.save("a")
    await stage.wait(0.4)
    assert room.asker.seen == []
    later = room.save("b")
    await stage.wait(6.0)
    assert sorted(room.saved) == [token, later]
    assert room.committer.cell.life == 3
    room.check_law()


@simulated(seeds=5)
async def test_after_a_failure_commits_are_small_until_one_has_succeeded(stage: Stage) -> None:
    room = await furnished(stage, FakeStore(faults={2: StoreBusy()}))
    for number in range(30):
        room.save(f"r{number}", batch_rows=8)
    await stage.wait(4.0)
    assert room.store.saves == [8, 22]
    room.check_law()


@simulated(seeds=5)
async def test_after_three_failures_everybody_is_refused_at_once(stage: Stage) -> None:
    room = await furnished(stage, FakeStore(fails_from=1))
    waiting = [room.save("a"), room.save("b")]
    await stage.wait(5.0)
    assert room.store.calls == 3
    for token in waiting:
        refused = room.refused[token]
        assert refused.reason is NotSaved.HELD
        assert HOLD_S - 5.0 <= refused.retry_after_s <= HOLD_S
    new = room.save("c")
    await stage.wait(0.001)
    assert room.refused[new].reason is NotSaved.HELD
    assert room.store.calls == 3
    room.check_law()


@simulated(seeds=5)
async def test_a_store_that_is_away_is_probed_without_anybody_asking(stage: Stage) -> None:
    room = await furnished(stage, FakeStore(fails_from=1))
    room.save("a")
    await stage.wait(5.0 + 10 * HOLD_S)
    assert 12 <= room.store.calls <= 14
    room.check_law()


@simulated(seeds=5)
async def test_a_hold_ends_with_a_probe_that_succeeds(stage: Stage) -> None:
    room = await furnished(stage, FakeStore(fails_from=1))
    room.save("a")
    await stage.wait(5.0)
    room.store.fails_from = None
    still = room.save("b")
    await stage.wait(HOLD_S + 1.0)
    assert room.refused[still].reason is NotSaved.HELD
    tokens = [room.save("c")]
    await stage.wait()
    tokens.append(room.save("d"))
    await stage.wait()
    assert room.saved == tokens
    room.check_law()


@simulated(seeds=5)
async def test_while_a_probe_is_under_way_others_are_refused(stage: Stage) -> None:
    room = await furnished(stage, FakeStore(fails_from=1))
    room.save("a")
    await stage.wait(5.0)
    room.store.fails_from = None
    await stage.wait(HOLD_S + 1.0)
    probe = room.save("probe")
    await room.until_committing()
    other = room.save("other")
    await stage.wait()
    assert room.saved == [probe]
    assert room.refused[other].reason is NotSaved.HELD
    assert room.refused[other].retry_after_s > 0
    room.check_law()


@simulated(seeds=5)
async def test_what_nobody_waits_for_outlasts_a_hold_and_is_its_probe(stage: Stage) -> None:
    room = await furnished(stage, FakeStore(fails_from=1))
    room.save_unasked("a")
    await stage.wait(5.0)
    room.save_unasked("b")
    room.store.fails_from = None
    await stage.wait()
    assert room.line.rows == 2
    await stage.wait(HOLD_S + 2.0)
    assert room.store.rows.keys() == {"a", "b"}
    room.check_law()


@simulated(seeds=3)
async def test_a_row_that_does_not_fit_stops_nobody_else(stage: Stage) -> None:
    room = await furnished(stage, FakeStore(unfit={"bad"}))
    good = [room.save(f"r{number}") for number in range(5)]
    bad = room.save("fine", "bad")
    good += [room.save(f"s{number}") for number in range(5)]
    await stage.wait()
    assert sorted(room.saved) == good
    assert room.refused[bad].reason is NotSaved.UNFIT
    assert room.committer.cell.life == 1
    room.check_law()


@simulated(seeds=3)
async def test_rows_that_do_not_fit_hold_nobody_however_many_they_are(stage: Stage) -> None:
    names = [f"bad{number}" for number in range(40)]
    room = await furnished(stage, FakeStore(unfit=set(names)))
    for name in names:
        room.save(name)
        await stage.wait(0.05)
    assert room.reasons() == {NotSaved.UNFIT}
    assert room.committer.cell.life == 1
    room.check_law()


@simulated(seeds=5)
async def test_a_save_that_meets_a_bug_is_found_and_refused_alone(stage: Stage) -> None:
    room = await furnished(stage, FakeStore(cursed={"cursed"}))
    good = [room.save(f"r{number}") for number in range(4)]
    bad = room.save("cursed")
    good += [room.save(f"s{number}") for number in range(4)]
    await stage.wait(8.0)
    assert sorted(room.saved) == good
    assert room.refused[bad].reason is NotSaved.UNFIT
    room.check_law()


@simulated(seeds=5)
async def test_a_full_disk_holds_the_store_and_blames_no_row(stage: Stage) -> None:
    room = await furnished(stage, FakeStore(is_full=True))
    for number in range(6):
        room.save(f"r{number}")
    await stage.wait(8.0)
    assert room.reasons() == {NotSaved.HELD}
    room.check_law()


@simulated(seeds=10)
async def test_a_committer_killed_in_mid_commit_leaves_no_save_behind(stage: Stage) -> None:
    room = await furnished(stage)
    for number in range(5):
        room.save(f"r{number}")
    await room.until_committing()
    room.committer.kill()
    room.save("later")
    await stage.wait(5.0)
    assert len(room.saved) == 6
    room.check_law()


@simulated(seeds=10)
async def test_a_writer_that_crashes_acknowledges_nothing_falsely(stage: Stage) -> None:
    room = await furnished(stage)
    room.save("a")
    await room.until_committing()
    room.save("b")
    room.writer.tell("no message of the writer")
    await stage.wait()
    assert room.writer.cell.life == 2
    assert room.reasons() == {NotSaved.FAILED}
    again = room.save("c")
    await stage.wait()
    assert again in room.saved
    room.check_law()


@simulated(seeds=5)
async def test_what_nobody_waits_for_outlasts_a_crash_of_the_writer(stage: Stage) -> None:
    room = await furnished(stage)
    room.save("a")
    await room.until_committing()
    room.save_unasked("b")
    room.writer.tell("no message of the writer")
    await stage.wait()
    assert "b" in room.store.rows
    room.check_law()


@simulated(seeds=10)
async def test_shut_down_the_writer_commits_what_it_has(stage: Stage) -> None:
    room = await furnished(stage)
    room.save("first")
    await room.until_committing()
    for number in range(40):
        room.save(f"r{number}")
    stage.root.shut_down(5.0)
    await stage.wait(1.0)
    assert len(room.saved) == 41
    assert stage.find("db_writer") is None
    room.check_law()


@simulated(seeds=5)
async def test_an_idle_writer_stops_at_once(stage: Stage) -> None:
    await furnished(stage)
    report = await stage.system.stop(grace_s=5.0)
    assert report.elapsed_s < 0.2


@simulated(seeds=5)
async def test_shut_down_with_a_store_that_is_away_the_rest_is_refused_in_time(
    stage: Stage,
) -> None:
    room = await furnished(stage, FakeStore(fails_from=1))
    room.save("a")
    room.save_unasked("b")
    writer = room.writer
    writer.shut_down(0.5)
    await stage.wait(0.45)
    assert room.reasons() == {NotSaved.STOPPING}
    # What nobody waits for is left to whoever empties the line at exit.
    assert [place.artifacts[0].id for place in room.line.left_behind()] == ["b"]


@simulated(seeds=1)
async def test_figures_tell_what_waits_and_what_became_of_the_rest(stage: Stage) -> None:
    room = await furnished(stage, FakeStore(unfit={"bad"}))
    room.save("a")
    room.save("bad")
    await stage.wait()
    behaviour = room.writer.cell.behaviour
    assert isinstance(behaviour, DbWriterActor)
    figures = behaviour.figures()
    assert (figures.saved, figures.refused, figures.commits) == (1, 1, 1)
    assert (figures.rows_waiting, figures.bytes_waiting, figures.is_held) == (0, 0, False)
