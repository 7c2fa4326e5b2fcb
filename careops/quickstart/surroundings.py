"""The environment variables each kind of run gets. What they mean is in docs/settings.md."""

import base64
import os
from pathlib import Path

from careops.quickstart.console import Trouble

# Public on purpose: the demo listens on this machine only, and documentation can show a call that works.
DEMO_JUNCTION_SECRET = "whsec_" + base64.b64encode(b"careops demo, this machine only").decode()
DEMO_RECEIVERS = "127.0.0.1:9000,localhost:9000"
TEST_KEYS = {
    "SECRET_KEY": "for-tests-only-" + "t" * 50,
    "CAREOPS_FIELD_KEYS": base64.b64encode(b"for tests only, 32 bytes in all!").decode(),
}
REQUIRED = ("SECRET_KEY", "CAREOPS_FIELD_KEYS")
# What somebody exported for their own installation must not reach a test run.
NOT_FOR_TESTS = (
    *("CAREOPS_", "DATABASE_", "DEBUG", "SECRET_KEY", "ALLOWED_HOSTS", "CSRF_TRUSTED_ORIGINS"),
    *("BEHIND_TLS_PROXY", "EMAIL_URL", "DEFAULT_FROM_EMAIL", "LOG_LEVEL"),
)


def given_database() -> str:
    """The person's own DATABASE_URL, read as settings.py reads it (DATABASE_URL_FILE wins)."""
    if file := os.environ.get("DATABASE_URL_FILE"):
        try:
            return Path(file).read_text().strip()
        except OSError as error:
            raise Trouble(
                f"DATABASE_URL_FILE names a file that cannot be read ({error.strerror})."
            ) from error
    return os.environ.get("DATABASE_URL", "")


def demo(url: str, repo: Path) -> dict[str, str]:
    """A clinic to look at: demo logins, mail as files, a local webhook receiver. DEBUG stays off."""
    defaults = {
        "CAREOPS_MAIL_FOLDER": str(repo / ".local" / "mail"),
        "CAREOPS_JUNCTION_SECRETS": DEMO_JUNCTION_SECRET,
        "CAREOPS_OUTBOUND_ALLOW": DEMO_RECEIVERS,
    }
    chosen = {name: value for name, value in os.environ.items() if name not in {"DEBUG", "DATABASE_URL_FILE"}}
    return {**defaults, **chosen, "DATABASE_URL": url, "CAREOPS_DEMO": "1"}


def own_installation() -> dict[str, str]:
    """A real database: no demo, and the keys have to be the person's own."""
    missing = [name for name in REQUIRED if not os.environ.get(name) and not os.environ.get(f"{name}_FILE")]
    if missing:
        raise Trouble(
            f"DATABASE_URL is set, so this is not the demo and needs {' and '.join(missing)} too "
            "(docs/settings.md says how to make them); unset DATABASE_URL for the demo."
        )
    return {name: value for name, value in os.environ.items() if name != "CAREOPS_DEMO"}


def tests(url: str) -> dict[str, str]:
    """The same for everybody: only the database differs."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(NOT_FOR_TESTS)}
    return {**inherited, **TEST_KEYS, "DATABASE_URL": url}
