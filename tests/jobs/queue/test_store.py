"""One contract, every back end: claims are exclusive, stale writers change nothing, ends are published once."""

import subprocess
import sys
from collections.abc import Iterator

import pytest
from sqlalchemy import text

from jobs.kind import Produced
from jobs.queue.database import HEAD, connect, revision
from jobs.queue.models import Base
from jobs.queue.store import LeaseLost, Store
from jobs.worker.worker import new_worker
from tests.support.queueing import ROOT, postgres
from tests.support.races import CLAIMERS


class StoreContract:
    """Mixed into one class a back end, which gives the fixture `url`."""

    @pytest.fixture
    def store(self, url: str) -> Iterator[Store]:
        store = Store(*connect(url))
        with store.writer.begin() as connection:
            for table in reversed(Base.metadata.sorted_tables):
                connection.execute(table.delete())
        yield store
        store.dispose()

    def add(self, store: Store, name: str, **changes) -> str:
        given = {"job_id": name, "kind": "fake", "pool": "work", "spec": {"x": 1}, "now": 100.0, **changes}
        return store.add(**given)

    def test_the_schema_is_the_models(self, store):
        from alembic.autogenerate import compare_metadata
        from alembic.migration import MigrationContext

        assert revision(store.writer) == HEAD
        with store.reader.connect() as connection:
            assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []

    def test_the_same_key_is_the_same_job(self, store):
        assert self.add(store, "a", key="k") == "a"
        assert self.add(store, "b", key="k") == "a"
        assert self.add(store, "c") == "c"
        assert self.add(store, "d") == "d"
        assert [row.id for row in store.jobs(kind=None, state=None, limit=9, offset=0)] == ["d", "c", "a"]

    def test_claims_go_by_priority_then_age_and_stay_in_their_pool(self, store):
        self.add(store, "old")
        self.add(store, "young")
        self.add(store, "urgent", priority=5)
        self.add(store, "other", pool="analyze")
        claimed = [store.claim("work", "w", 200.0) for _ in range(4)]
        assert [job.id if job else None for job in claimed] == ["urgent", "old", "young", None]
        assert claimed[0].attempt == 1
        assert store.get("old").started_at == 200.0
        assert store.waiting("analyze")
        assert not store.waiting("work")

    def test_a_stale_attempt_writes_nothing(self, store):
        self.add(store, "a")
        first = store.claim("work", "w1", 200.0)
        assert store.requeue("a", first.attempt, 300.0, "Gone.")
        second = store.claim("work", "w2", 400.0)
        assert (first.attempt, second.attempt) == (1, 2)
        before = store.get("a")
        made = [Produced("run", "r", "/r", {})]
        with pytest.raises(LeaseLost):
            store.report("a", 1, fraction=0.9, message="zombie", metrics=[(1, {"loss": 1.0})])
        with pytest.raises(LeaseLost):
            store.finish("a", 1, "done", 500.0, result={"zombie": True}, produced=made)
        assert store.beat([("a", 1)]) == [("a", 1)]
        assert not store.requeue("a", 1, 500.0, "zombie")
        after = store.get("a")
        assert {k: v for k, v in vars(after).items() if k[0] != "_"} == {
            k: v for k, v in vars(before).items() if k[0] != "_"
        }
        assert store.metrics("a") == []
        assert store.artifacts("run", 9) == []
        store.finish("a", 2, "done", 600.0, result={"x": 1}, produced=made)
        assert store.get("a").state == "done"
        assert [row.name for row in store.artifacts("run", 9)] == ["r"]

    def test_an_end_that_cannot_be_published_whole_is_not_published(self, store):
        self.add(store, "a")
        store.claim("work", "w", 1.0)
        whole, broken = Produced("run", "r", "/r", {}), Produced("run", "s", "/s", {"x": object()})
        with pytest.raises(Exception, match="JSON serializable"):
            store.finish("a", 1, "done", 2.0, produced=[whole, broken])
        assert store.get("a").state == "running"
        assert store.artifacts("run", 9) == []

    def test_progress_is_kept_and_asks_back(self, store):
        self.add(store, "a")
        store.claim("work", "w", 1.0)
        assert store.report("a", 1, fraction=0.5, message="half", part={"p": 1}) is False
        store.report("a", 1, metrics=[(1, {"loss": 2.0}), (2, {"loss": 1.0})])
        store.report("a", 1, metrics=[(2, {"loss": 0.5})])  # a resumed job says a step again
        row = store.get("a")
        assert (row.fraction, row.message, row.part) == (0.5, "half", {"p": 1})
        assert [(m.step, m.row) for m in store.metrics("a")] == [(1, {"loss": 2.0}), (2, {"loss": 0.5})]
        assert store.cancel("a", 5.0) == "running"
        assert store.report("a", 1, fraction=0.6) is True

    def test_a_queued_job_is_cancelled_at_once_and_retried(self, store):
        self.add(store, "a")
        assert store.cancel("a", 5.0) == "cancelled"
        assert store.claim("work", "w", 6.0) is None
        store.retry("a", 7.0)
        assert store.claim("work", "w", 8.0).id == "a"
        with pytest.raises(ValueError, match="nothing to retry"):
            store.retry("a", 9.0)
        with pytest.raises(LookupError, match="no job 'nope'"):
            store.retry("nope", 9.0)

    def test_the_last_attempt_ends_as_failed_and_a_retry_gives_more(self, store):
        self.add(store, "a", max_attempts=2)
        for attempt in (1, 2):
            store.claim("work", "w", 1.0)
            assert store.requeue("a", attempt, 2.0, "Its worker is gone.")
        row = store.get("a")
        assert row.state == "failed"
        assert row.error == "Its worker is gone. Given up after 2 attempts; `retry` starts it again."
        assert row.ended_at == 2.0
        store.retry("a", 3.0)
        assert store.claim("work", "w", 4.0).attempt == 3

    def test_a_worker_stopped_in_good_order_costs_no_attempt(self, store):
        self.add(store, "a", max_attempts=1)
        for attempt in (1, 2, 3):
            assert store.claim("work", "w", 1.0).attempt == attempt
            store.requeue("a", attempt, 2.0, "Stopped.", free=True)
            assert store.get("a").state == "queued"

    def test_what_was_cancelled_meanwhile_is_not_queued_again(self, store):
        self.add(store, "a")
        store.claim("work", "w", 1.0)
        store.cancel("a", 2.0)
        store.requeue("a", 1, 3.0, "Gone.")
        row = store.get("a")
        assert (row.state, row.ended_at, row.error) == ("cancelled", 3.0, None)

    def test_a_job_of_the_caller_never_stands_in_the_queue(self, store):
        self.add(store, "a", worker="me")
        assert not store.waiting("work")
        assert store.claim("work", "w", 1.0) is None
        assert [row.id for row in store.running("me")] == ["a"]

    def test_artifacts_are_replaced_by_name(self, store):
        self.add(store, "a")
        self.add(store, "b")
        for attempt_of, path in (("a", "/1"), ("b", "/2")):
            store.claim("work", "w", 1.0)
            store.finish(attempt_of, 1, "done", 2.0, produced=[Produced("run", "r", path, {"p": path})])
        assert store.artifact("run", "r").path == "/2"
        assert len(store.artifacts("run", 9)) == 1
        with pytest.raises(LookupError):
            store.artifact("bundle", "r")

    def test_promotions_are_a_history(self, store):
        store.promote({"bundle": "/b1", "policy": ""}, "Ada", "first", 1.0)
        store.promote({"policy": "/p"}, "Bo", "safer", 2.0)
        assert [(c.what, c.value, c.author) for c in store.promotions("policy")] == [
            ("policy", "/p", "Bo"),
            ("policy", "", "Ada"),
        ]
        assert store.promotions("bundle", limit=1)[0].value == "/b1"

    def test_workers_come_and_go(self, store):
        worker = new_worker(2, 10.0)
        name = worker.id
        store.enter(worker)
        store.seen(name, 20.0, note="ready")
        assert [(w.note, w.seen_at, w.beat) for w in store.workers()] == [("ready", 20.0, 1)]
        store.mark_gone(name)
        assert store.workers()[0].state == "gone"
        store.forget_workers(30.0)
        assert store.workers() == []

    def test_eight_processes_claim_each_job_once(self, store, url):
        count = 200
        for n in range(count):
            self.add(store, f"job-{n}")
        race = subprocess.run(
            [sys.executable, "-c", CLAIMERS, url], cwd=ROOT, capture_output=True, text=True, timeout=500, check=True
        )
        rows = [line.split() for line in race.stdout.splitlines()]
        assert [row[0] for row in rows] == [str(n) for n in range(8)], race.stderr
        claimed = [name for row in rows for name in row[1:]]
        assert sorted(claimed) == sorted(f"job-{n}" for n in range(count))
        with store.reader.connect() as connection:
            twice = connection.execute(text("SELECT count(*) FROM job WHERE attempt <> 1 OR state <> 'done'")).scalar()
        assert twice == 0


class TestSqlite(StoreContract):
    @pytest.fixture
    def url(self, tmp_path):
        return f"sqlite:///{tmp_path / 'workbench.db'}"


class TestPostgres(StoreContract):
    @pytest.fixture(scope="class")
    def url(self):
        try:
            with postgres() as url:
                yield url
        except LookupError as reason:
            pytest.skip(str(reason))
