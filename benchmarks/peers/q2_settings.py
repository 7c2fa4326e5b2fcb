"""A project with django-q2 as its documentation sets it up on the ORM, and nothing else."""

from __future__ import annotations

import os

import environ

SECRET_KEY = os.environ["SECRET_KEY"]
DATABASES = {"default": environ.Env().db_url("BENCH_DATABASE")}
DATABASES["default"]["CONN_MAX_AGE"] = 600
INSTALLED_APPS = ["django_q"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
Q_CLUSTER = {"name": "stock", "orm": "default", "workers": 2, "timeout": 30, "retry": 60}
