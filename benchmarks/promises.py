"""What is measured through the pipe, and what must hold: the tables of `streams.py`.

A must is a ratio to the floor of the same run wherever there can be one. Where a row is about
one thing at a time, processor time is judged: it counts neither what other programs of the
machine take away nor the time in which the provider works.
"""

from __future__ import annotations

from benchmarks.checks import OURS, Check
from benchmarks.drive_pipe import Work

FLOOR = "floor"
AGAIN = "floor again"
# Ours as well, with a database for what would have to be kept.
KEEPING = "greenroom with a database"
CONTENDERS = (OURS, FLOOR, AGAIN)

# Works that others take part in.
GUESTS = {"short": (KEEPING,)}

# All contenders live on from one work to the next.
WORKS = (
    Work(name="short", spec="n=1,b=12", requests=800),
    Work(name="50", spec="n=200,b=12", streams=50, requests=4, warm=50),
    Work(name="200", spec="n=200,b=12", streams=200, warm=200),
    Work(name="long", spec="n=20000,b=12", warm=1),
    Work(name="live 200", spec="n=50,b=12,i=20", streams=200),
    Work(name="live 50", spec="n=200,b=12,i=20", streams=50),
    Work(name="tools", spec="n=200,b=12,t=5", requests=200),
    Work(name="tools 50", spec="n=200,b=12,t=5", streams=50, requests=4, warm=50),
)
# Every measurement in a process that has done nothing before.
FRESH_WORKS = (
    Work(name="1000", spec="n=200,b=12", streams=1000, warm=8),
    Work(name="10000 requests", spec="n=1,b=12", streams=20, requests=500, runs_long=True),
)
# Not answers of one kind but of all kinds, for which there is no floor: `mixed_requests.py`.
MIXED = "mixed"

CHECKS = (
    Check(
        what="fixed CPU per request",
        work="short",
        figure="cpu_ms_per_request",
        unit="ms",
        against=FLOOR,
        must=3.0,
        goal=2.0,
        is_ceiling=True,
    ),
    Check(
        what="the same, nothing to keep in a database",
        work="short",
        figure="cpu_ms_per_request",
        unit="ms",
        of=KEEPING,
        against=OURS,
        # No more than without one; what lies below is noise.
        must=1.10,
        goal=1.05,
        is_ceiling=True,
    ),
    Check(
        what="50 streams x 200 deltas",
        work="50",
        figure="deltas_per_s",
        unit="1/s",
        against=FLOOR,
        must=0.60,
        goal=0.85,
    ),
    Check(
        what="200 streams x 200 deltas",
        work="200",
        figure="deltas_per_s",
        unit="1/s",
        against=FLOOR,
        must=0.55,
        goal=0.80,
    ),
    Check(
        what="200 at once: time to first token, p50",
        work="200",
        figure="first_p50_ms",
        unit="ms",
        against=FLOOR,
        must=2.5,
        goal=1.7,
        is_ceiling=True,
    ),
    Check(
        what="1000 streams x 200 deltas, fresh process",
        work="1000",
        figure="deltas_per_s",
        unit="1/s",
        against=FLOOR,
        must=0.55,
        goal=0.80,
    ),
    Check(
        what="1000 streams: extra memory",
        work="1000",
        figure="extra_mb",
        unit="MB",
        must=60.0,
        goal=35.0,
        is_ceiling=True,
    ),
    Check(
        what="one stream x 20000 deltas",
        work="long",
        figure="deltas_per_s",
        unit="1/s",
        against=FLOOR,
        must=0.65,
        goal=0.90,
    ),
    Check(
        what="200 live streams, a delta each 20 ms: CPU per delta",
        work="live 200",
        figure="cpu_us_per_delta",
        unit="us",
        against=FLOOR,
        must=1.8,
        goal=1.4,
        is_ceiling=True,
    ),
    Check(
        what="200 live streams: lateness, p99",
        work="live 200",
        figure="late_p99_ms",
        unit="ms",
        must=50.0,
        goal=15.0,
        is_ceiling=True,
    ),
    Check(
        what="50 live streams of 4 s: CPU per delta",
        work="live 50",
        figure="cpu_us_per_delta",
        unit="us",
        against=FLOOR,
        must=1.5,
        goal=1.25,
        is_ceiling=True,
    ),
    Check(
        what="5-tool round trip, 1 user: CPU",
        work="tools",
        figure="cpu_ms_per_request",
        unit="ms",
        against=FLOOR,
        must=4.0,
        goal=2.0,
        is_ceiling=True,
    ),
    Check(
        what="5-tool round trip, 1 user: time, p50",
        work="tools",
        figure="taken_p50_ms",
        unit="ms",
        against=FLOOR,
        must=4.0,
        goal=2.0,
        is_ceiling=True,
    ),
    Check(
        what="5-tool round trip, 50 users: CPU",
        work="tools 50",
        figure="cpu_ms_per_request",
        unit="ms",
        against=FLOOR,
        must=4.0,
        goal=2.0,
        is_ceiling=True,
    ),
    Check(
        what="5-tool round trip, 50 users: time, p50",
        work="tools 50",
        figure="taken_p50_ms",
        unit="ms",
        against=FLOOR,
        must=4.0,
        goal=2.0,
        is_ceiling=True,
    ),
    Check(
        what="memory after 10000 equal requests over that after 1000",
        work="10000 requests",
        figure="grown_mb",
        unit="MB",
        must=5.0,
        goal=1.0,
        is_ceiling=True,
    ),
    Check(
        what="memory after 10000 mixed requests over that after 1000",
        work=MIXED,
        figure="grown_mb",
        unit="MB",
        must=5.0,
        goal=1.0,
        is_ceiling=True,
    ),
    Check(
        what="tasks, threads, sockets and actors left over by them",
        work=MIXED,
        figure="left_over",
        unit="kinds",
        must=0.0,
        is_ceiling=True,
    ),
)
