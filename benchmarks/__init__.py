"""What CareOps promises about speed, measured side by side with what others do. README.md says how to read it."""
