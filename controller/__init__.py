"""Settings, wiring and the `huawu` command."""
