"""CareOps as a WSGI application, for gunicorn."""

import gc
import os

from django.core.wsgi import get_wsgi_application

from careops.lib.content_type import guarded

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "careops.settings")

application = guarded(get_wsgi_application())

# What is loaded now stays: looking through all of it for garbage, once in eighty pages, took 80 ms each time.
gc.collect()
gc.freeze()
