"""Events as Snakemake 9 logs them; a real run says its last line in tests/integration."""

import io
import logging
from pathlib import Path

import pytest
from snakemake_interface_logger_plugins.common import LogEvent

from fovscope.runtime.progress import Progress, duration


class Run:
    """A run of four jobs whose events are logged as by Snakemake, at times that a test says."""

    due = ("train", "train", "train", "evaluate")

    def __init__(self, earlier=None):
        self.screen = io.StringIO()
        self.progress = Progress((earlier or {}).get, watched=self.screen)
        self.progress.expect(self.due)
        self.done = 0

    def log(self, second, **facts):
        record = logging.makeLogRecord({"created": 1000.0 + second} | facts)
        self.progress.handle(record)

    def begin(self, second, job, rule, *output):
        facts = {"jobid": job, "rule_name": rule, "output": list(output)}
        self.log(second, event=LogEvent.JOB_INFO, **facts)

    def end(self, second, job):
        self.done += 1
        self.log(second, event=LogEvent.JOB_FINISHED, job_id=job)
        self.log(second, event=LogEvent.PROGRESS, done=self.done, total=len(self.due))

    def lines(self):
        return self.screen.getvalue().splitlines()


def test_the_time_left_is_work_over_jobs_at_a_time():
    run = Run(earlier={"evaluate": 100.0})
    run.begin(0, 1, "train")
    run.begin(0, 2, "train")
    run.end(60, 1)
    # 60 s a training job: 2 are due, of which 60 s are done; 100 s of evaluation. Two at a time.
    assert run.lines() == [">> 1 of 4 jobs done; under way: 1 train; 80 s left"]


def test_what_nobody_has_timed_is_left_out_and_said():
    run = Run()
    run.begin(0, 1, "train")
    run.end(20, 1)
    run.begin(20, 2, "train")
    assert run.lines() == [">> 1 of 4 jobs done; under way: 1 train; at least 40 s left"]


def test_a_line_is_written_now_and_then_and_not_at_the_end():
    run = Run()
    for job, second in enumerate((20, 21, 22, 60)):
        run.begin(second - 1, job, run.due[job])
        run.end(second, job)
    assert [line.split(";")[0] for line in run.lines()] == [
        ">> 1 of 4 jobs done",
        ">> 3 of 4 jobs done",
    ]


def test_a_job_that_failed_is_no_longer_under_way_and_made_nothing():
    run = Run()
    run.begin(0, 1, "train", "results/models/a.safetensors")
    run.log(5, event=LogEvent.JOB_ERROR, jobid=1, rule_name="train")
    run.begin(6, 2, "train", "results/models/b.safetensors")
    run.end(30, 2)
    run.begin(30, 3, "train")
    assert "under way: 1 train;" in run.lines()[0]
    said = run.progress.summary(Path("results"), Path("results/report.html"))
    assert said == "Done: 1 job in 30 s. New files: 1 in results/models."


def test_the_last_line_says_what_was_made_and_where_to_look():
    run = Run()
    run.begin(0, 1, "train", "results/models/a.safetensors", "results/models/a.json")
    run.end(100, 1)
    run.begin(100, 2, "report", "results/report.html")
    run.end(130, 2)
    assert run.progress.summary(Path("results"), Path("results/report.html")) == (
        "Done: 2 jobs in 2 min. New files: 2 in results/models. Look at results/report.html"
    )


def test_nothing_is_written_where_nobody_watches(capsys):
    progress = Progress({}.get)
    progress.handle(logging.makeLogRecord({"event": LogEvent.PROGRESS, "done": 1, "total": 2}))
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0 s"), (99, "99 s"), (101, "2 min"), (5399, "90 min"), (5400, "1.5 h")],
)
def test_a_time_is_said_as_by_a_person(seconds, said):
    assert duration(seconds) == said
