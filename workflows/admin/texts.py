"""What the builder's scripts say, in the language of whoever reads."""

from __future__ import annotations

from django.utils.translation import gettext as _


def texts() -> dict[str, str]:
    return {
        "all": _("All of these hold"),
        "any": _("Any of these holds"),
        "none": _("None of these holds"),
        "group_kind": _("How these conditions count"),
        "always": _("No conditions: always."),
        "condition": _("Condition %s"),
        "group": _("Group %s"),
        "add_condition": _("Add a condition"),
        "add_group": _("Add a group"),
        "remove_condition": _("Remove this condition"),
        "remove_group": _("Remove this group"),
        "fact": _("What is asked"),
        "choose_fact": _("Choose what to ask…"),
        "operator": _("Comparison"),
        "value": _("Value"),
        "low": _("Lowest"),
        "high": _("Highest"),
        "and": _("and"),
        "days": _("days"),
        "one_per_line": _("One value per line"),
        "not_answerable": _("not known for this trigger"),
        "choose_trigger": _("Choose what starts it…"),
        "search_trigger": _("Search: lab, shipped, no-show…"),
        "nothing_found": _("Nothing is called like that."),
        "found": _("%s found"),
        "results": _("Results of earlier steps"),
        "result_of": _("the result of step %s"),
        "payload": _("a value in the event's data…"),
        "path": _("Which one, such as order.id"),
        "step": _("Step %s"),
        "moved": _("Moved to place %s"),
        "removed": _("Step removed"),
        "working": _("One moment…"),
        "failed": _("That did not work. Check the connection and try again."),
        "as_json": _("This rule cannot be shown as rows; edit it as text."),
    }
