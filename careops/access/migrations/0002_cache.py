"""The cache's table: rate limits and used one-time codes, shared by every process. As ``createcachetable`` makes it."""

from django.db import migrations

CREATE = """
CREATE TABLE access_cache (cache_key varchar(255) PRIMARY KEY, value text NOT NULL, expires timestamptz NOT NULL);
CREATE INDEX access_cache_expires ON access_cache (expires);
"""


class Migration(migrations.Migration):
    dependencies = [("access", "0001_initial")]

    operations = [migrations.RunSQL(CREATE, "DROP TABLE access_cache")]
