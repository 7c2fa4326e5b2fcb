"""What automations may do about people: open a task, write an email, notify a colleague."""

from importlib import import_module
from pkgutil import iter_modules

# One module per action: a new one needs no entry here.
for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")
