"""What can be observed of a run: summary, snapshot, progress, events, metrics."""
