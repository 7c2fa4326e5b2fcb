"""One installation, configured from the environment only.

Every setting that an installation may change is read through ``env`` and explained in ``docs/settings.md``.
"""

from pathlib import Path

import environ
from csp.constants import NONE, SELF, UNSAFE_EVAL, UNSAFE_INLINE
from django.core.exceptions import ImproperlyConfigured
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _

BASE_DIR = Path(__file__).resolve().parent.parent

env = environ.FileAwareEnv()

DEMO = env.bool("CAREOPS_DEMO", default=False)
DEBUG = env.bool("DEBUG", default=False)
# The demo's keys are public on purpose: it refuses to listen anywhere but on this machine (careops.checks).
SECRET_KEY = env.str("SECRET_KEY", default="demo-only-" + "x" * 50 if DEMO else environ.Env.NOTSET)
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])

# ── Data ──────────────────────────────────────────────────────────────────────────────────────────────────
DATABASES = {"default": env.db_url("DATABASE_URL")}
if DATABASES["default"]["ENGINE"] != "django.db.backends.postgresql":
    raise ImproperlyConfigured("CareOps runs on PostgreSQL only: DATABASE_URL must start with postgresql://")
DATABASES["default"].update(CONN_MAX_AGE=600, CONN_HEALTH_CHECKS=True)
# LISTEN needs a session of its own; name the server itself here when DATABASE_URL goes through a pooler.
DATABASE_LISTEN_URL = env.str("DATABASE_LISTEN_URL", default="")
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
# Newest key first; every key that ever encrypted a value stays in the list until the values are re-encrypted.
FIELD_KEYS = env.list(
    "CAREOPS_FIELD_KEYS",
    default=["ZGVtby1vbmx5LWtleS1kZW1vLW9ubHkta2V5LWRlbW8="] if DEMO else environ.Env.NOTSET,
)

# Rate limits and used one-time codes must hold across processes; the table comes with the access app's migrations.
CACHES = {"default": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "access_cache"}}

# ── Applications ──────────────────────────────────────────────────────────────────────────────────────────
INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",  # its looks; the site is ours
    "unfold.contrib.filters",
    "careops.apps.StaffAreaConfig",
    "django.forms",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django.contrib.postgres",  # indexes that name their class of operators
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "csp",
    "django_q",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "careops",
    "careops.access",
    "careops.surfaces",
    "workflows",
    "patients",
    "orders",
    "labs",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "careops.access.middleware.ContentSecurityPolicy",
    "careops.surfaces.api.middleware.ApiRequests",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "careops.access.middleware.SecondFactorForStaff",
    "careops.access.middleware.SessionLimits",
    "careops.surfaces.middleware.ActingUser",
]

if DEMO:
    MIDDLEWARE.insert(0, "careops.surfaces.middleware.DemoClock")

ROOT_URLCONF = "careops.urls"
WSGI_APPLICATION = "careops.wsgi.application"

# Widgets are drawn by the same engine as pages, so that templates/ comes first for them, too.
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# ── People ────────────────────────────────────────────────────────────────────────────────────────────────
AUTH_USER_MODEL = "access.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = reverse_lazy("home")
ACCOUNT_ADAPTER = "careops.access.adapters.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_FORMS = {
    "login": "careops.access.forms.SignInForm",
    "confirm_login_code": "careops.access.forms.SignInCodeForm",
    "confirm_email_verification_code": "careops.access.forms.AddressCodeForm",
}
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
# Whoever wants an account gives an email address and proves it; a password may follow on the account's pages.
SIGN_UP = env.bool("CAREOPS_SIGN_UP", default=True)
ACCOUNT_SIGNUP_FIELDS = ["email*"]
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = True
ACCOUNT_EMAIL_VERIFICATION_SUPPORTS_RESEND = True
ACCOUNT_LOGIN_BY_CODE_ENABLED = True
# Digits for the phone's number pad; eight of them, because only five may be tried in five minutes.
ACCOUNT_LOGIN_BY_CODE_FORMAT = {"numeric": True, "length": 8}
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_FORMAT = ACCOUNT_LOGIN_BY_CODE_FORMAT
ACCOUNT_LOGIN_BY_CODE_TIMEOUT = ACCOUNT_EMAIL_VERIFICATION_BY_CODE_TIMEOUT = 10 * 60
ACCOUNT_LOGIN_BY_CODE_MAX_ATTEMPTS = ACCOUNT_EMAIL_VERIFICATION_BY_CODE_MAX_ATTEMPTS = 5
ACCOUNT_CHANGE_EMAIL = True  # one address each, replaced when the new one is confirmed
ACCOUNT_SESSION_REMEMBER = False  # sessions are short here: no "remember me"
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
ACCOUNT_USER_DISPLAY = "careops.access.adapters.user_display"
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_REAUTHENTICATION_REQUIRED = True
# "key" is the account, or the address somebody typed. One network address may stand for a whole clinic.
ACCOUNT_RATE_LIMITS = {
    "login": "60/m/ip",  # choosing one's password is a request of its own
    "login_failed": "5/5m/key,30/m/ip",
    "request_login_code": "5/5m/key,30/m/ip",
    "code_failed": "5/5m/key,30/m/ip",  # ours: allauth counts the tries of one code only
    "signup": "30/m/ip",
    "confirm_email": "5/5m/key,30/m/ip",  # the codes that sign-up and a new address send
    "reset_password": "5/h/key,30/m/ip",
    "reset_password_from_key": "30/m/ip",
    "change_password": "5/5m/user",
}
MFA_ADAPTER = "careops.access.adapters.MFAAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
# A code that the app just replaced still counts: RFC 6238 §5.2 advises one step for slow fingers and clocks.
MFA_TOTP_TOLERANCE = 1
MFA_FORMS = {
    "add_webauthn": "careops.access.forms.AddPasskeyForm",
    "authenticate": "careops.access.forms.SecondFactorForm",
    "authenticate_webauthn": "careops.access.forms.PasskeyForm",
    "login_webauthn": "careops.access.forms.PasskeySignInForm",
    "reauthenticate": "careops.access.forms.SecondFactorAgainForm",
    "reauthenticate_webauthn": "careops.access.forms.PasskeyAgainForm",
}
MFA_RATE_LIMITS = {"webauthn_login": "30/m/ip"}

SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = not (DEBUG or DEMO)
BEHIND_TLS_PROXY = env.bool("BEHIND_TLS_PROXY", default=False)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_TLS_PROXY else None
# Else the proxy's own address would use up the rate limits for everybody.
ALLAUTH_TRUSTED_PROXY_COUNT = 1 if BEHIND_TLS_PROXY else 0
SECURE_HSTS_SECONDS = 0 if (DEBUG or DEMO) else 31_536_000
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = not (DEBUG or DEMO)
# Probes speak plain HTTP to the process itself.
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
# Reliability reference §3.3: staff sessions end after 15 idle minutes and after 12 hours whatever happens.
SESSION_IDLE_SECONDS = 15 * 60
SESSION_ABSOLUTE_SECONDS = 12 * 60 * 60

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}
# Unfold's Alpine evaluates expressions and its templates carry inline styles; nothing else may.
ADMIN_CONTENT_SECURITY_POLICY = {"script-src": [SELF, UNSAFE_EVAL], "style-src": [SELF, UNSAFE_INLINE]}

# ── Language and time ─────────────────────────────────────────────────────────────────────────────────────
LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = "UTC"
USE_TZ = True

# ── Files ─────────────────────────────────────────────────────────────────────────────────────────────────
STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = DEBUG or DEMO
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG or DEMO
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}

# ── Mail ──────────────────────────────────────────────────────────────────────────────────────────────────
vars().update(env.email_url("EMAIL_URL", default="consolemail://"))
if outbox := env.str("CAREOPS_MAIL_FOLDER", default=""):
    EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    EMAIL_FILE_PATH = outbox
EMAIL_TIMEOUT = 15
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="clinic@careops.example")

# ── The engine (docs/decisions/0001) ──────────────────────────────────────────────────────────────────────
PERSON_MODEL = "patients.Patient"
ENGINE = {
    "LEASE_SECONDS": env.int("CAREOPS_LEASE_SECONDS", default=60),
    "DRAIN_SECONDS": env.int("CAREOPS_DRAIN_SECONDS", default=30),
    "STALL_SECONDS": env.int("CAREOPS_STALL_SECONDS", default=30),
    "WORKERS": env.int("CAREOPS_WORKERS", default=4),
}
# Hosts that outbound HTTP may reach although they are private: "127.0.0.1:9000,10.0.0.5:443".
OUTBOUND_ALLOW = env.list("CAREOPS_OUTBOUND_ALLOW", default=[])
INBOUND_SECRETS = {"junction": env.list("CAREOPS_JUNCTION_SECRETS", default=[])}

# ── The API (docs/api.md) ─────────────────────────────────────────────────────────────────────────────────
# What holds for every address stands in careops.surfaces.api; these are the framework's defaults made harmless.
REST_FRAMEWORK = {
    "DEFAULT_METADATA_CLASS": None,
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAdminUser"],
    "URL_FORMAT_OVERRIDE": None,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "CareOps",
    "VERSION": "1",
    "DESCRIPTION": "Patients, visits, tasks, messages, orders, labs, automations, and what happens to them.",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    # Enumerations stay where they are used: a new noun needs no name for its states in this file.
    "POSTPROCESSING_HOOKS": ["careops.surfaces.api.schema.add_what_holds_everywhere"],
}
API_KEY_PER_MINUTE = env.int("CAREOPS_API_KEY_PER_MINUTE", default=600)
API_STAFF_PER_MINUTE = env.int("CAREOPS_API_STAFF_PER_MINUTE", default=300)
API_FAILED_KEYS_PER_MINUTE = env.int("CAREOPS_API_FAILED_KEYS_PER_MINUTE", default=30)
# Requests that may wait for news at once, over all web processes: each keeps one of their threads.
API_WAITING = env.int("CAREOPS_API_WAITING", default=2)

# django-q2 only carries "drain now"; our own tables own durability, so its queue may be lost at any moment.
Q_CLUSTER = {
    "name": "careops",
    # Each worker group has a queue of its own.
    "cluster_name": env.str("CAREOPS_WORKER_GROUP", default="careops"),
    "orm": "default",
    "workers": ENGINE["WORKERS"],
    "bulk": 1,
    "queue_limit": ENGINE["WORKERS"],
    "timeout": 3 * ENGINE["DRAIN_SECONDS"],
    "retry": 10 * 3 * ENGINE["DRAIN_SECONDS"],  # at least 10 × timeout: its lock clock starts at dequeue
    "max_attempts": 1,
    "ack_failures": True,
    "save_limit": -1,
    "recycle": 10_000,
    "poll": 0.2,
    "scheduler": False,
    "catch_up": False,
    "label": "Queue internals",
}

# ── Logs: ids only, never a name or a finding ─────────────────────────────────────────────────────────────
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "class": "careops.lib.logs.WithoutRows",
            "format": "{asctime} {levelname} {name} {message}",
            "style": "{",
        }
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", default="INFO")},
}

# ── The staff's door ──────────────────────────────────────────────────────────────────────────────────────
UNFOLD = {
    "SITE_TITLE": _("CareOps"),
    "SITE_HEADER": _("CareOps"),
    "SITE_SUBHEADER": _("Clinic operations"),
    "SITE_SYMBOL": "ecg_heart",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": "/static/careops/mark.svg"}],
    "SHOW_HISTORY": False,
    "SHOW_BACK_BUTTON": True,
    "DASHBOARD_CALLBACK": "careops.site.dashboard",
    "ENVIRONMENT": "careops.site.environment",
    # The palette's results carry names and would sit in a cache and the browser: pages only, no records.
    "COMMAND": {"search_models": False, "show_history": False},
    "STYLES": ["/static/careops/admin.css"],
    "SIDEBAR": {"show_search": True, "command_search": False},  # its entries: careops/navigation.py
    "COLORS": {
        "primary": {
            "50": "240 253 250", "100": "204 251 241", "200": "153 246 228", "300": "94 234 212",
            "400": "45 212 191", "500": "20 184 166", "600": "13 148 136", "700": "15 118 110",
            "800": "17 94 89", "900": "19 78 74", "950": "4 47 46",
        }
    },
}  # fmt: skip
