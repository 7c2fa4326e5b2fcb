"""Celery as its documentation sets it up, with one task that inserts one row. It never imports Django."""

from __future__ import annotations

import os
from functools import cache

import psycopg
from celery import Celery

app = Celery("bench", broker=os.environ["BENCH_BROKER"])
app.conf.task_ignore_result = True
app.conf.broker_connection_retry_on_startup = True


@cache
def connection() -> psycopg.Connection:
    """One connection per worker process, kept open: the kindest case."""
    return psycopg.connect(os.environ["BENCH_DATABASE"], autocommit=True)


@app.task
def insert_row(number: int) -> None:
    connection().execute("INSERT INTO bench_row (number) VALUES (%s)", [number])
