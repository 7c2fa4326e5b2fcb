import careops.access.models
import careops.lib.clock
import django.db.models.functions.text
import uuid
from django.db import migrations, models


# Rows of the audit trail are only ever added. TRUNCATE stays possible: the tests empty their tables with it, and in a
# clinic it takes a right that the application's database role need not have.
MAKE_APPEND_ONLY = """
CREATE FUNCTION access_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'The audit trail is append-only: % refused.', TG_OP USING ERRCODE = 'restrict_violation';
END
$$;
CREATE TRIGGER access_auditentry_append_only BEFORE UPDATE OR DELETE ON access_auditentry
  FOR EACH STATEMENT EXECUTE FUNCTION access_refuse_change();
"""
DROP_APPEND_ONLY = """
DROP TRIGGER access_auditentry_append_only ON access_auditentry;
DROP FUNCTION access_refuse_change();
"""


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('auth', '0012_alter_user_first_name_max_length'),
    ]

    operations = [
        # First: columns of every app default to it, so their migrations depend on this one.
        migrations.RunSQL(careops.lib.clock.CREATE_CAREOPS_NOW, careops.lib.clock.DROP_CAREOPS_NOW),
        migrations.CreateModel(
            name='AuditEntry',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('at', models.DateTimeField(db_default=careops.lib.clock.Now(), editable=False, verbose_name='at')),
                ('actor_kind', models.CharField(max_length=12, verbose_name='who')),
                ('actor_id', models.CharField(blank=True, max_length=64, verbose_name='their id')),
                ('act', models.CharField(choices=[('view', 'looked at'), ('list', 'listed'), ('override', 'overrode'), ('export', 'exported'), ('publish', 'published'), ('replay', 'replayed'), ('resolve', 'resolved'), ('secret', 'changed a secret of')], max_length=12, verbose_name='did what')),
                ('subject_type', models.CharField(max_length=80, verbose_name='to what')),
                ('subject_ids', models.JSONField(default=list, verbose_name='which')),
                ('patient_id', models.UUIDField(blank=True, null=True, verbose_name='patient')),
                ('reason', models.TextField(blank=True, verbose_name='reason')),
                ('correlation_id', models.UUIDField(default=uuid.uuid4, verbose_name='request')),
            ],
            options={
                'verbose_name': 'audit entry',
                'verbose_name_plural': 'audit trail',
                'ordering': ['-id'],
                'indexes': [models.Index(fields=['patient_id', '-id'], name='audit_by_patient')],
            },
        ),
        migrations.CreateModel(
            name='User',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('password', models.CharField(max_length=128, verbose_name='password')),
                ('last_login', models.DateTimeField(blank=True, null=True, verbose_name='last login')),
                ('is_superuser', models.BooleanField(default=False, help_text='Designates that this user has all permissions without explicitly assigning them.', verbose_name='superuser status')),
                ('email', models.EmailField(max_length=254, unique=True, verbose_name='email address')),
                ('first_name', models.CharField(blank=True, max_length=100, verbose_name='first name')),
                ('last_name', models.CharField(blank=True, max_length=100, verbose_name='last name')),
                ('is_staff', models.BooleanField(default=False, help_text='May enter the staff area.', verbose_name='works here')),
                ('is_active', models.BooleanField(default=True, help_text='Switch off instead of deleting: the audit trail names people.', verbose_name='active')),
                ('timezone', models.CharField(default='UTC', max_length=64, validators=[careops.access.models.validate_timezone], verbose_name='time zone')),
                ('language', models.CharField(choices=careops.access.models.languages, default='en', max_length=12, verbose_name='language')),
                ('date_joined', models.DateTimeField(db_default=careops.lib.clock.Now(), editable=False, verbose_name='joined')),
                ('groups', models.ManyToManyField(blank=True, help_text='The groups this user belongs to. A user will get all permissions granted to each of their groups.', related_name='user_set', related_query_name='user', to='auth.group', verbose_name='groups')),
                ('user_permissions', models.ManyToManyField(blank=True, help_text='Specific permissions for this user.', related_name='user_set', related_query_name='user', to='auth.permission', verbose_name='user permissions')),
            ],
            options={
                'verbose_name': 'user',
                'verbose_name_plural': 'users',
                'ordering': ['email'],
                'constraints': [models.CheckConstraint(condition=models.Q(('email', django.db.models.functions.text.Lower('email'))), name='user_email_lower')],
            },
        ),
        migrations.RunSQL(MAKE_APPEND_ONLY, DROP_APPEND_ONLY),
    ]
