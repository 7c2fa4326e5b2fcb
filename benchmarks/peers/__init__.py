"""What CareOps is measured against. These modules run in processes of their own and know nothing of it."""

#: The queue that Celery's worker reads from the start: each of its processes opens its connection for a task of it.
WARM = "warm"
