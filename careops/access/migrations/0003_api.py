import careops.lib.clock
import careops.lib.fields
import careops.lib.ids
import django.contrib.postgres.fields
import django.db.models.deletion
import uuid
from django.conf import settings
from django.db import migrations, models


# Counters of the current minute: nothing that a crash of the server may not lose, and nothing worth writing down twice.
MAKE_UNLOGGED = """
ALTER TABLE access_ratewindow SET UNLOGGED;
ALTER TABLE access_waitingplace SET UNLOGGED;
"""
MAKE_LOGGED = """
ALTER TABLE access_ratewindow SET LOGGED;
ALTER TABLE access_waitingplace SET LOGGED;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('access', '0002_cache'),
    ]

    operations = [
        migrations.CreateModel(
            name='RateWindow',
            fields=[
                ('who', models.CharField(max_length=100, primary_key=True, serialize=False)),
                ('began_at', models.DateTimeField()),
                ('used', models.PositiveIntegerField()),
            ],
            options={
                'verbose_name': 'rate window',
                'verbose_name_plural': 'rate windows',
                'default_permissions': (),
            },
        ),
        migrations.CreateModel(
            name='WaitingPlace',
            fields=[
                ('number', models.PositiveSmallIntegerField(primary_key=True, serialize=False)),
                ('holder', models.UUIDField()),
                ('until', models.DateTimeField()),
            ],
            options={
                'verbose_name': 'waiting place',
                'verbose_name_plural': 'waiting places',
                'default_permissions': (),
            },
        ),
        migrations.CreateModel(
            name='IdempotencyRecord',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('actor_kind', models.CharField(max_length=12)),
                ('actor_id', models.CharField(max_length=64)),
                ('key', models.CharField(max_length=255)),
                ('request_hash', models.CharField(max_length=64)),
                ('claim', models.UUIDField(default=uuid.uuid4)),
                ('leased_until', models.DateTimeField()),
                ('status', models.PositiveSmallIntegerField(null=True)),
                ('headers', models.JSONField(default=dict)),
                ('body', careops.lib.fields.EncryptedTextField(blank=True, readable=True)),
                ('created_at', models.DateTimeField(db_default=careops.lib.clock.RealNow())),
                ('expires_at', models.DateTimeField()),
            ],
            options={
                'verbose_name': 'answered request',
                'verbose_name_plural': 'answered requests',
                'default_permissions': (),
                'indexes': [models.Index(fields=['expires_at'], name='idempotency_expired')],
                'constraints': [models.UniqueConstraint(fields=('actor_kind', 'actor_id', 'key'), name='idempotency_once')],
            },
        ),
        migrations.CreateModel(
            name='ApiKey',
            fields=[
                ('id', models.UUIDField(default=careops.lib.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(help_text='What uses it: “Billing export”.', max_length=120, verbose_name='name')),
                ('prefix', models.CharField(editable=False, max_length=20, unique=True, verbose_name='begins with')),
                ('hash', models.CharField(editable=False, max_length=64)),
                ('previous_hash', models.CharField(blank=True, editable=False, max_length=64)),
                ('previous_until', models.DateTimeField(editable=False, null=True, verbose_name='the old secret works until')),
                ('permissions', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=100), default=list, size=None, verbose_name='may')),
                ('created_at', models.DateTimeField(db_default=careops.lib.clock.RealNow(), editable=False, verbose_name='made')),
                ('expires_at', models.DateTimeField(verbose_name='expires')),
                ('revoked_at', models.DateTimeField(editable=False, null=True, verbose_name='revoked')),
                ('last_used_at', models.DateTimeField(editable=False, null=True, verbose_name='last used')),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='api_keys', to=settings.AUTH_USER_MODEL, verbose_name='made by')),
            ],
            options={
                'verbose_name': 'API key',
                'verbose_name_plural': 'API keys',
                'ordering': ['-id'],
                'default_permissions': ('view', 'add', 'change'),
                'constraints': [models.CheckConstraint(condition=models.Q(('expires_at__gt', models.F('created_at'))), name='apikey_expires_later'), models.CheckConstraint(condition=models.Q(models.Q(('previous_hash', ''), ('previous_until', None)), models.Q(models.Q(('previous_hash', ''), _negated=True), ('previous_until__isnull', False)), _connector='OR'), name='apikey_overlap_ends')],
            },
        ),
        migrations.RunSQL(MAKE_UNLOGGED, MAKE_LOGGED),
    ]
