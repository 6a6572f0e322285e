"""GPU telemetry: every kind is read into GPU samples of one shape."""
